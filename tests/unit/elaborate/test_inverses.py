"""Invertible blocks: the way back is the way there, and the log determinant is that of the Jacobian."""

from __future__ import annotations

import pytest
import torch

from tests.unit.elaborate.test_training import codes, load

COUPLING = """
block Coupling(hidden: int)(x: [B, D]) -> (y: [B, D], logdet: [B]) {
  a, b = chunk(x, 2, axis=1)
  s, t = a -> net: (Linear(hidden) -> tanh -> Linear(D)) -> chunk(2, axis=1)
  s = tanh(s)
  return concat(b * exp(s) + t, a, axis=1), sum(s, axis=1)
} inverse (y: [B, D]) -> [B, D] {
  b, a = chunk(y, 2, axis=1)
  s, t = a -> net -> chunk(2, axis=1)
  return concat(a, (b - t) * exp(-tanh(s)), axis=1)
}
"""
ROWS = {
    "row": "z, logdet = x -> flow: 4 * Coupling(8)",
    "composition": "z, logdet = x -> flow: (Coupling(8) -> Coupling(6) -> Coupling(8))",
    "single": "z, logdet = x -> flow: Coupling(8)",
}


@pytest.mark.parametrize("kind", ROWS)
def test_the_way_back_and_the_log_determinant(kind: str) -> None:
    spec = (
        COUPLING
        + f"""
model Net()(x: [B, 6]) -> (z: [B, 6], logdet: [B], back: [B, 6]) {{
  {ROWS[kind]}
  return z, logdet, inverse(flow)(z)
}} inverse (z: [B, 6]) -> [B, 6] {{
  return z -> inverse(flow)
}}
"""
    )
    net = load(spec)
    x = torch.randn(3, 6).double()
    out = net(x)
    torch.testing.assert_close(out.back, x)
    torch.testing.assert_close(net.inverse(out.z), x)
    assert not torch.allclose(out.z, x)
    for i in range(3):
        jacobian = torch.autograd.functional.jacobian(lambda v: net(v[None]).z[0], x[i])
        torch.testing.assert_close(torch.linalg.slogdet(jacobian)[1], out.logdet[i])
    compiled = torch.compile(net, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x).back, x)


def test_parameters_numbers_and_letters_of_the_block_are_those_of_its_inverse() -> None:
    spec = """
block Scale(k: float, shift: bool)(x: [N, C, H, W]) -> [N, C * H * W] {
  param gain: [C, 1, 1] = normal(mean=2.0, std=0.1)
  return flatten(k * gain * x, 1)
} inverse (y: [N, C * H * W]) -> [N, C, H, W] {
  return reshape(y, N, C, H, W) / (k * gain)
}
model Net()(x: [N, 2, 3, 4]) {
  scales = [Scale(0.5, true), Scale(3.0, false)]
  y = x
  for s in scales { y = reshape(s(y), N, 2, 3, 4) }
  for s in reversed(scales) { y = inverse(s)(flatten(y, 1)) }
  return y
}
"""
    net = load(spec)
    x = torch.randn(5, 2, 3, 4).double()
    torch.testing.assert_close(net(x), x)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("y, d = x -> f: Coupling(8) return inverse(f)(y[:, :4])", "SHP301"),
        ("f = Coupling(8) return inverse(f)(x)", "TYP401"),
        ("y = x -> f: Linear(6) return inverse(f)(y)", "TYP401"),
        ("y = x -> f: Plain() return inverse(f)(y)", "TYP401"),
        ("y = x -> f: (Linear(6) -> tanh) return inverse(f)(y)", "TYP401"),
        ("y = x -> f: Plain() return inverse(f, y)", "TYP407"),
        ("return inverse(x)", "TYP401"),
    ],
)
def test_what_cannot_be_inverted_is_one_error(text: str, code: str) -> None:
    plain = "block Plain()(x: [N, D]) -> [N, D] { return x -> fc: Linear(D) }\n"
    assert codes(COUPLING + plain + f"model Net()(x: [N, 6]) {{ {text} }}") == [code]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("inverse (y: [N, D]) -> [N, D] { return y -> fc }", None),
        ("inverse (y: [N, D]) -> [N, D] { return y * x }", "NAM201"),
        ("inverse (y: [N, D]) -> [N, D] { return y -> Linear(D) }", "TYP418"),
        ("inverse (y: [N, D]) -> [N, D] { return sum(y, axis=1) }", "SHP306"),
        ("inverse (y: [N, D], z: [N, D]) -> [N, D] { return y + z }", "TYP407"),
        ("inverse (y: [N]) -> [N, D] { return y }", "SHP306"),
    ],
)
def test_an_inverse_is_checked_where_its_block_is_used(text: str, code: str | None) -> None:
    spec = f"block B()(x: [N, D]) -> (y: [N, D]) {{ return x -> fc: Linear(D) }} {text}\n"
    found = codes(spec + "model Net()(x: [N, 6]) { return x -> b: B() }")
    assert found == ([] if code is None else [code])
