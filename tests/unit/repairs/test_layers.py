"""Repairs of layers, one by one: gains, scales, orthogonal matrices, widths, forget gates."""

from __future__ import annotations

import re
from math import log, sqrt
from pathlib import Path

import pytest
import torch

import fanin
from fanin import pipeline
from fanin.repairs.case import Refused
from fanin.repairs.widths import equal_width


def spec(folder: Path, text: str) -> str:
    path = folder / "net.arch"
    path.write_text(text, encoding="utf-8")
    return str(path)


def chain(act: str, depth: int = 20, width: int = 256) -> str:
    return (
        f"model Net()(x: [8, {width}]) {{\n"
        f"  return x -> first: Linear({width}) -> l: {depth} * ({act} -> Linear({width}))\n}}\n"
    )


def ends(text: str, path: str, draws: int = 12) -> float:
    """The root mean square of what a module gives, over draws."""
    program = pipeline.check_text(text).programs[0]
    return pipeline.measure(program, pipeline.signal(program), draws=draws).modules[path].rms


@pytest.mark.parametrize(
    ("act", "gain"),
    # 1 / sqrt(E f²) at a standard normal, from quadrature
    [("tanh", 1.592537420), ("selu", 1.0), ("gelu", 1.533530441), ("silu", 1.676532470), ("sigmoid", 1.846228545)],
)
def test_gain_is_exact(tmp_path: Path, act: str, gain: float) -> None:
    found = pipeline.repair(spec(tmp_path, chain(act, depth=8)), "gain")
    law = "lecun_normal" if gain == 1 else f"lecun_normal(gain={gain:.6g})"
    assert f"@init(linear={law}, bias=zeros)" in found.text and "first: Linear(256, init=lecun_normal)" in (
        found.text if gain != 1 else found.text.replace("Linear(256)", "Linear(256, init=lecun_normal)", 1)
    )
    rows = [r.rms for r in fanin.signal(found.after[0]) if r.op == "Linear"]
    assert rows == [pytest.approx(1, rel=1e-4)] * 9
    assert ends(found.text, "l.3.1") == pytest.approx(1, rel=0.05)


def test_gain_of_relu_is_hes_law(tmp_path: Path) -> None:
    found = pipeline.repair(spec(tmp_path, chain("relu", depth=4)), "gain")
    assert "@init(linear=he_normal, bias=zeros)" in found.text


def test_auto_sees_what_gain_does_not(tmp_path: Path) -> None:
    """Behind a pooling the exact gain of the activation is not what keeps a second moment."""
    text = """
model Net()(x: [8, 32, 16, 16]) -> [8, 32, 8, 8] {
  return x -> a: Conv2d(64, 3, padding=1) -> relu -> avg_pool2d(2) -> b: Conv2d(32, 3, padding=1)
}
"""
    path = spec(tmp_path, text)
    for kind, expected in (("gain", None), ("auto", 1.0)):
        found = pipeline.repair(path, kind)
        rms = next(r.rms for r in fanin.signal(found.after[0]) if r.path == "b")
        assert rms is not None
        assert rms == pytest.approx(1, rel=1e-4) if expected else not 0.9 < rms < 1.1
        assert ends(found.text, "b") == pytest.approx(rms, rel=0.05)
    # and the number stands in the source
    std = fanin.loads(found.text).b.weight.std().item()
    (written,) = re.findall(
        r"64, 32, 3, padding=1\), weight=partial\(nn.init.normal_, std=([\d.]+)", pipeline.source(found.after[0])
    )
    assert float(written) == pytest.approx(std, rel=0.02)


def test_what_is_written_at_a_layer_stays(tmp_path: Path) -> None:
    text = "model Net()(x: [N, 8]) { return x -> a: Linear(8, init=zeros) -> tanh -> b: Linear(8) }\n"
    found = pipeline.repair(spec(tmp_path, text), "gain")
    assert "a: Linear(8, init=zeros)" in found.text and "keeps the initialiser" in found.answer.notes[0]
    found = pipeline.repair(spec(tmp_path, text.replace("model", "@init(embedding=normal)\nmodel")), "auto")
    assert "@init(auto, embedding=normal)" in found.text


def test_orthogonal_makes_singular_values_equal(tmp_path: Path) -> None:
    """Of relu chains the variance of their squares over their squared mean is L (2 - 1), not L 2 (Pennington 2017)."""
    text = chain("relu", depth=8, width=200)
    spreads = {}
    path = spec(tmp_path, text)
    for kind in ("gain", "orthogonal"):
        changed = pipeline.repair(path, kind).text
        found = []
        for seed in range(4):
            torch.manual_seed(seed)
            net = fanin.loads(changed, seed=seed).double()
            x = torch.randn(200, dtype=torch.float64)
            jacobian = torch.autograd.functional.jacobian(lambda v, net=net: net(v.expand(8, 200))[0], x)
            squares = torch.linalg.svdvals(jacobian).square()
            found.append(float(squares.var() / squares.mean() ** 2))
        spreads[kind] = sum(found) / 4
    assert spreads["orthogonal"] == pytest.approx(8, rel=0.3)
    assert spreads["gain"] == pytest.approx(8 * 2 + 1, rel=0.3)  # the first layer is linear: 1 more


def test_orthogonal_layers_that_widen(tmp_path: Path) -> None:
    text = "model Net()(x: [8, 64]) { return x -> a: Linear(256) -> relu -> b: Linear(64) -> relu -> c: Linear(64) }\n"
    found = pipeline.repair(spec(tmp_path, text), "orthogonal")
    assert [round(r.rms or 0, 4) for r in fanin.signal(found.after[0]) if r.op == "Linear"] == [1, 1, 1]
    for path in ("a", "b", "c"):
        assert ends(found.text, path) == pytest.approx(1, rel=0.1)
    with pytest.raises(Refused, match="plain chains"):
        pipeline.repair(spec(tmp_path, "model Net()(x: [N, 8]) { return x + (x -> a: Linear(8)) }\n"), "orthogonal")


WIDTHS = """
model Net(widths: list[int] = {widths})(x: [N, {first}]) -> [N, 10] {{
  for w in widths {{ x = x -> l: Linear(w) -> relu }}
  return x -> head: Linear(10)
}}
"""


@pytest.mark.parametrize(
    ("first", "widths", "width", "before", "after"),
    # (inputs, hidden widths, equal width at the same budget, sums of 1/width)
    [(784, [256, 128, 64, 32, 16], 166, 0.1211, 0.0301), (100, [100, 5, 100, 100, 100], 76, 0.2400, 0.0658)],
)
def test_widths_at_one_budget(
    tmp_path: Path, first: int, widths: list[int], width: int, before: float, after: float
) -> None:
    found = pipeline.repair(spec(tmp_path, WIDTHS.format(first=first, widths=widths)), "widths")
    assert f"widths: list[int] = {[width] * 5}" in found.text
    assert f"sum of 1/width {before:.4f} -> {after:.4f}" in found.answer.notes
    counts = [
        sum(p.numel() for p in fanin.loads(t).parameters())
        for t in (Path(found.before[0].graph.span.source.name).read_text(), found.text)
    ]
    assert counts[1] <= counts[0]
    spreads = [fanin.signal(p)[-1].spread or 0 for p, _ in (found.before, found.after)]
    assert spreads[1] < 0.7 * spreads[0]
    text = found.text.replace(f"{[width] * 5}", f"{[width + 1] * 5}")
    assert sum(p.numel() for p in fanin.loads(text).parameters()) > counts[0]  # it is the widest that fits


def test_widths_measured(tmp_path: Path) -> None:
    """The spread of ln |output|² over draws falls as it is predicted to."""
    text = WIDTHS.format(first=100, widths=[100, 5, 100, 100, 100]).replace("10", "100")
    text = text.replace("model", "@init(linear=he_normal, bias=zeros)\nmodel").replace("1000", "100")
    found = pipeline.repair(spec(tmp_path, text), "widths")
    for (program, _), changed in ((found.before, text), (found.after, found.text)):
        logs = []
        net = fanin.loads(changed)
        for seed in range(300):
            torch.manual_seed(seed)
            for m in net.modules():
                if isinstance(m, torch.nn.Linear):
                    torch.nn.init.kaiming_normal_(m.weight)
            with torch.no_grad():
                length = float(net(torch.randn(1, 100)).square().sum())
            if length > 0:
                logs.append(log(length))
        mean = sum(logs) / len(logs)
        measured = sqrt(sum((v - mean) ** 2 for v in logs) / len(logs))
        assert fanin.signal(program)[-1].spread == pytest.approx(measured, rel=0.15)


@pytest.mark.parametrize(
    "body",
    [
        "x -> a: Linear(8) -> b: Linear(4)",
        "x -> a: Linear(8) -> relu -> b: Linear(8) -> relu -> c: Linear(8)",
        "((x -> a: Linear(4) -> relu) * (x -> b: Linear(4))) -> c: Linear(8)",
        "(x -> a: Linear(8)) + (x -> b: Linear(4) -> c: Linear(8))",
    ],
)
def test_widths_are_for_rows_of_layers(tmp_path: Path, body: str) -> None:
    with pytest.raises(Refused, match=r"for dense layers in a row|have one width already"):
        pipeline.repair(spec(tmp_path, f"model Net()(x: [N, 8]) {{ return {body} }}\n"), "widths")


def test_equal_width_is_the_largest() -> None:
    for inputs, outputs, hidden, params in ((10, 3, 1, 500), (784, 10, 5, 244_890), (4, 4, 3, 100)):
        n = equal_width(inputs, outputs, hidden, params)

        def cost(w: int, inputs: int = inputs, outputs: int = outputs, hidden: int = hidden) -> int:
            return (inputs + 1) * w + (hidden - 1) * (w + 1) * w + (w + 1) * outputs

        assert cost(n) <= params < cost(n + 1)


OWN_CELL = """
block Cell(hidden: int)(x: [B, I], h: [B, hidden], c: [B, hidden])
    -> (y: [B, hidden], h: [B, hidden], c: [B, hidden]) {
  f = x -> forget: Linear(hidden) -> sigmoid
  c = f * c + (x -> input: Linear(hidden) -> sigmoid) * (concat(x, h, axis=1) -> cand: Linear(hidden) -> tanh)
  return c, 0 * c, c
}
model Net()(x: [B, T, 8], c: [B, 64]) -> [B, 64] {
  r = scan(cell: Cell(64), x, h=zeros(B, 64), c=c)
  return r.c
}
"""


def test_a_state_lasts_as_long_as_the_sequence(tmp_path: Path) -> None:
    """d c_T / d c_0 of the compiled module: 1/e, where it was 2^-T."""
    found = pipeline.repair(spec(tmp_path, OWN_CELL), "forget_bias", hyper={"T": 50})
    assert f"forget: Linear(hidden, bias_init=constant({log(49):.6g}))" in found.text
    kept = {}
    for name, text in (("before", OWN_CELL), ("after", found.text)):
        torch.manual_seed(0)
        c = torch.zeros(16, 64, dtype=torch.float64, requires_grad=True)
        fanin.loads(text, T=50).double()(torch.randn(16, 50, 8, dtype=torch.float64), c).sum().backward()
        assert c.grad is not None
        kept[name] = float(c.grad.mean())
    assert kept["before"] < 1e-9
    assert kept["after"] == pytest.approx((1 - 1 / 50) ** 50, rel=0.25)  # less, as the gate also hears x


def test_the_forget_gate_of_the_library(tmp_path: Path) -> None:
    text = """
from std.recurrent import LstmCell as Cell
model Net()(x: [B, T, 8]) { r = scan(Cell(8), x, h=zeros(B, 8), c=zeros(B, 8)) return r.y }
"""
    found = pipeline.repair(spec(tmp_path, text), "forget_bias", hyper={"T": 101})
    assert "Cell(8, keep=4.60517)" in found.text
    fused = text.replace("LstmCell as Cell", "ElmanCell").replace("Cell(8), x", "LSTMCell(8), x")
    with pytest.raises(Refused, match="whose gates share one bias"):
        pipeline.repair(spec(tmp_path, fused), "forget_bias", hyper={"T": 101})
    with pytest.raises(Refused, match="give its length with -p"):
        pipeline.repair(spec(tmp_path, text), "forget_bias", hyper={"T": 2})
    with pytest.raises(Refused, match="no forget gate"):
        pipeline.repair(spec(tmp_path, chain("relu")), "forget_bias")
