"""What is said of a network before a weight exists.

Rows S004 (moments), S019 (lint), S025, S055, S056, S057, S058, S060, S065, S066, S067, S101, S113 (fixed point),
S148, S152, S168 (lint), S227, S229.
"""

from __future__ import annotations

from itertools import product
from math import log10, prod, sqrt

import numpy as np
import pytest
import torch

import fanin
from fanin import pipeline
from fanin.source import Source


def found(text: str) -> set[str]:
    report = pipeline.check_source(Source("<string>", text), "<string>", None, None, signals=True)
    assert not any(d.is_fatal for d in report.diagnostics), [d.headline for d in report.diagnostics]
    return {d.code.id for d in report.diagnostics}


def chain(body: str, depth: int, width: int = 64, init: str = "") -> str:
    return f"{init}\nmodel Net()(x: [N, {width}]) {{ return x -> l: {depth} * ({body}) -> h: Linear(8) }}"


def test_s025_a_dense_layer_on_a_grid_and_what_a_convolution_would_cost() -> None:
    text = "model Net()(x: [N, 3, 32, 32]) { return x -> flatten(1) -> fc: Linear(64) }"
    (message,) = [d for d in pipeline.check_text(text).diagnostics if d.code.id == "STR609"]
    assert f"{3 * 32 * 32 * 64:,} weights" in message.headline and f"{3 * 9 * 64:,}" in message.headline
    assert "STR609" not in found("model Net()(x: [N, 3, 32, 32]) { return x -> mean(axis=(2, 3)) -> fc: Linear(64) }")


def test_s055_moments_of_a_product_of_a_random_matrix_with_itself() -> None:
    """Of MᵗM with entries of N(0, 1): n on the diagonal, and 0 with variance n beside it."""
    n = 256
    m = torch.randn(n, n, generator=torch.Generator().manual_seed(0)).double()
    square = m.T @ m
    off = square[~torch.eye(n, dtype=torch.bool)]
    assert float(square.diagonal().mean()) == pytest.approx(n, rel=0.05)
    assert float(off.var()) == pytest.approx(n, rel=0.05)
    # The analysis says the same of the map: the rms of MᵗM x is that of two layers, n for a unit input.
    text = f"@init(linear=normal(std=1.0), bias=zeros)\nmodel Net()(x: [4, {n}]) {{ return x -> a: Linear({n}) -> b: Linear({n}) }}"
    rows = fanin.signal(pipeline.check_text(text).programs[0])
    assert rows[-1].rms == pytest.approx(n)


@pytest.mark.parametrize("law", ["normal(std=0.1)", "uniform(-0.2, 0.2)", "trunc_normal(std=0.1)", "orthogonal"])
def test_s056_the_factor_of_each_law(law: str) -> None:
    text = f"model Net()(x: [8, 200]) {{ return x -> a: Linear(200, bias=false, init={law}) }}"
    program = pipeline.check_text(text).programs[0]
    analysis = pipeline.signal(program)
    predicted = fanin.signal(program)[-1].rms
    measured = pipeline.measure(program, analysis, draws=40).modules["a"].rms
    assert predicted == pytest.approx(measured, rel=0.03)


@pytest.mark.parametrize(("gamma", "depth"), product((10.0, 0.1), (10, 20, 100)))
def test_s057_a_factor_at_each_layer_is_its_power_at_the_end(gamma: float, depth: int) -> None:
    text = chain("Linear(64, bias=false)", depth, init=f"@init(linear=normal(std={gamma / 8}))")
    rows = [r for r in fanin.signal(pipeline.check_text(text).programs[0]) if r.op == "Linear"][:-1]
    assert rows[0].rms is not None and rows[-1].rms is not None
    assert log10(rows[-1].rms) == pytest.approx(depth * log10(gamma), abs=1e-6)
    assert "SIG101" in found(text)


def test_s057_he_holds_a_hundred_layers() -> None:
    text = chain("Linear(1024) -> relu", 100, 1024, "@init(linear=he_normal, bias=zeros)")
    assert "SIG101" not in found(text)
    rows = [r for r in fanin.signal(pipeline.check_text(text).programs[0]) if r.op == "relu"]
    assert rows[-1].rms == pytest.approx(1, rel=0.01)


@pytest.mark.parametrize(
    ("body", "depth", "init"),
    [
        ("Linear(64) -> tanh", 12, ""),
        ("Linear(64) -> relu", 8, ""),
        ("Linear(64) -> sigmoid", 6, ""),
        ("Linear(64) -> gelu", 8, ""),
        ("Linear(128) -> relu", 16, "@init(linear=he_normal, bias=zeros)"),
        ("Linear(64) -> LayerNorm() -> tanh", 8, ""),
        ("Linear(128) -> selu", 12, "@init(linear=lecun_normal, bias=zeros)"),
        ("Linear(64, bias=false) -> BatchNorm1d() -> relu", 8, ""),
    ],
)
def test_s058_the_gradient_at_the_first_layer_over_that_at_the_last(body: str, depth: int, init: str) -> None:
    program = pipeline.check_text(chain(body, depth, init=init)).programs[0]
    rows = {r.path: r for r in fanin.signal(program, sizes={"N": 16}) if r.op == "Linear"}
    measured = pipeline.measure(program, pipeline.signal(program, sizes={"N": 16}), draws=8).modules
    first, last = "l.0.0", f"l.{depth - 1}.0"
    predicted = rows[first].grad_std / rows[last].grad_std  # type: ignore[operator]
    seen = measured[first].grad / measured[last].grad  # type: ignore[operator]
    assert 0.5 < predicted / seen < 2


def test_s065_the_second_moment_of_the_jacobian_and_the_sum_of_inverse_widths() -> None:
    """Hanin 2018: prod(1 + 5 / n) for relu, prod(1 + 2 / n) for linear layers."""
    for body, kappa in (("Linear(64) -> relu", 5), ("Linear(64)", 2)):
        text = chain(body, 10, 64, "@init(linear=he_normal, bias=zeros)")
        spread = fanin.signal(pipeline.check_text(text).programs[0])[-1].spread
        # The input's own 2 / 64 comes first. The variance of the logarithm is a little above the sum of kappa / n.
        assert spread is not None and spread**2 == pytest.approx((2 + 10 * kappa) / 64, rel=0.08)
    chance = np.random.default_rng(1)
    lists = [[int(w) for w in chance.choice([8, 16, 32, 64], size=4)] for _ in range(6)]
    spreads, sums = [], []
    for widths in lists:
        body = " -> ".join(f"l{i}: Linear({n}) -> relu" for i, n in enumerate(widths))
        text = f"@init(linear=he_normal, bias=zeros)\nmodel Net()(x: [4, 64]) {{ return x -> {body} -> h: Linear(8) }}"
        spreads.append(fanin.signal(pipeline.check_text(text).programs[0])[-1].spread)
        sums.append(sum(1 / n for n in widths))
    assert np.argsort(spreads).tolist() == np.argsort(sums).tolist()


@pytest.mark.parametrize(
    "widths", [[256, 128, 64, 32, 16], [100, 5, 100, 100, 100], [64, 8, 64], [200, 20, 20, 200], [32, 64, 128]]
)
def test_s066_equal_widths_for_the_same_parameters(widths: list[int]) -> None:
    from fanin.lints.signal.along import Net
    from fanin.lints.signal.widths import equal_width

    body = " -> ".join(f"l{i}: Linear({n}) -> relu" for i, n in enumerate(widths))
    program = pipeline.check_text(f"model Net()(x: [4, 100]) {{ return x -> {body} -> h: Linear(10) }}").programs[0]
    equal = equal_width(Net(program, pipeline.signal(program)).layers)

    def parameters(sizes: list[int]) -> int:
        return sum(a * b + b for a, b in zip([100, *sizes], [*sizes, 10], strict=True))

    budget = parameters(widths)
    assert parameters([equal] * len(widths)) <= budget < parameters([equal + 1] * len(widths))
    assert len(widths) / equal <= sum(1 / n for n in widths)


def test_s066_equal_widths_are_nearly_the_best_of_all() -> None:
    """By brute force over three hidden layers: within 8 % of the least sum of 1/width at a budget."""
    least, budget = 10.0, 20 * 24 + 2 * 24 * 24 + 24 * 20
    for a, b, c in product(range(8, 60, 2), repeat=3):
        if 20 * a + a * b + b * c + c * 20 <= budget:
            least = min(least, 1 / a + 1 / b + 1 / c)
    assert 1.08 * least >= 3 / 24


def test_s067_a_thin_layer_and_the_code_of_an_auto_encoder() -> None:
    init = "@init(linear=he_normal, bias=zeros)\n"
    thin = "model Net()(x: [N, 64]) { return x -> a: Linear(64) -> relu -> b: Linear(4) -> relu -> c: Linear(64) -> relu -> d: Linear(10) }"
    assert "SIG111" in found(init + thin.replace("Linear(64) -> relu -> d", "Linear(96) -> relu -> d"))
    code = "model Net()(x: [N, 64]) { return x -> a: Linear(32) -> tanh -> b: Linear(4) -> tanh -> c: Linear(32) -> tanh -> d: Linear(64) }"
    assert "SIG111" not in found(init + code)
    allowed = f'@allow(thin-layer, "few are wanted")\n@allow(dead-network, "likewise")\n{init}{thin}'
    assert "SIG111" not in found(allowed.replace("Linear(64) -> relu -> d", "Linear(96) -> relu -> d"))


def test_s101_a_squared_error_on_a_sigmoid_learns_slowly_from_a_saturated_start() -> None:
    text = "model Net()(x: [N, 8], y: [N, 1]) {{ return x -> fc: Linear(1) -> {} }}"
    assert "STR610" in found(text.format("sigmoid -> mse_loss(y)"))
    assert "STR610" in found(text.format("softmax(axis=-1) -> mse_loss(y)"))
    assert "STR610" not in found(text.format("binary_cross_entropy_with_logits(y)"))
    steps = {}
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(256, 8, generator=generator)
    y = (x[:, :1] > 0).float()
    for loss in ("sigmoid -> mse_loss(y)", "binary_cross_entropy_with_logits(y)"):
        net = fanin.loads(text.format(loss))
        with torch.no_grad():
            net.fc.weight.zero_()
            net.fc.weight[0, 0] = -4.0  # sure and wrong
        optimiser = torch.optim.SGD(net.parameters(), lr=0.5)
        for step in range(2000):  # noqa: B007
            optimiser.zero_grad()
            net(x, y).backward()
            optimiser.step()
            if float(((net.fc(x) > 0) == (y > 0)).float().mean()) > 0.85:
                break
        steps[loss] = step
    assert steps["binary_cross_entropy_with_logits(y)"] <= steps["sigmoid -> mse_loss(y)"] / 2


@pytest.mark.parametrize("radius", [0.5, 0.9, 1.1])
def test_s148_a_linear_recurrence_explodes_or_vanishes_as_its_radius(radius: float) -> None:
    n, steps = 32, 20
    text = f"""
block Cell()(x: [B, {n}], h: [B, {n}]) -> (h: [B, {n}]) {{
  return x + (h -> a: Linear({n}, bias=false, init=normal(std={radius / sqrt(n)})))
}}
model Net()(x: [B, {steps}, {n}]) -> [B, {n}] {{ return scan(cell: Cell(), x, h=zeros(B, {n})).h }}
"""
    program = pipeline.check_text(text).programs[-1]
    analysis = pipeline.signal(program)
    slices = [s.outputs[0] for s in analysis.tape.steps if s.op == "slice"]
    grads = [analysis.gradient(e) for e in slices]
    assert grads[0] is not None and grads[-1] is not None
    decay = 0.5 * np.log(grads[0].q / grads[-1].q)
    assert decay == pytest.approx((steps - 1) * np.log(radius), rel=0.05)


def test_s152_a_cell_that_keeps_all_passes_its_gradient_as_it_is() -> None:
    """With keep = 1 and write = 0 the state of an LSTM is constant, and its derivative in the first state is 1."""
    text = """
block Latch()(x: [B, D], c: [B, 8]) -> (c: [B, 8]) {
  param keep: [] = ones
  param write: [] = zeros
  return keep * c + write * tanh(x -> w: Linear(8))
}
model Net()(x: [B, 30, 4], c: [B, 8]) -> [B, 8] { return scan(latch: Latch(), x, c=c).c }
"""
    program = pipeline.check_text(text).programs[-1]
    rows = fanin.signal(program)
    state = next(r for r in rows if r.path == "c" and r.op == "input")
    assert rows[-1].rms == 1 and state.grad_std == 1
    net = fanin.loads(text)
    c = torch.randn(2, 8, requires_grad=True)
    out = net(torch.randn(2, 30, 4), c)
    assert torch.equal(out, c)
    out.sum().backward()
    assert torch.equal(c.grad, torch.ones_like(c))


def test_s227_rezero_has_all_singular_values_one_and_a_plain_network_has_not() -> None:
    step = "block S()(x: [N, D]) -> [N, D] {{ {} }}\nmodel Net()(x: [N, 16]) -> [N, 16] {{ return x -> s: 12 * S() }}"
    rezero = step.format("param a: [] = zeros return x + a * (x -> fc: Linear(D) -> tanh)")
    plain = step.format("return x -> fc: Linear(D) -> tanh")
    for text, one in ((rezero, True), (plain, False)):
        rows = fanin.signal(pipeline.check_text(text).programs[-1])
        assert (rows[0].grad_std == 1) is one
        net = fanin.loads(text).double()
        jacobian = torch.autograd.functional.jacobian(lambda v, net=net: net(v[None])[0], torch.randn(16).double())
        values = torch.linalg.svdvals(jacobian)
        assert bool((values - 1).abs().max() < 1e-6) is one


@pytest.mark.parametrize(
    ("alpha", "w", "depth"), [(1.0, 0.1, 100), (0.5, 0.2, 10), (0.0, 3.0, 50), (1.0, -0.5, 5), (0.3, 1.0, 8)]
)
def test_s229_the_toy_of_one_neuron(alpha: float, w: float, depth: int) -> None:
    """x_L = (1 + alpha w)^L x_0, and so is its derivative."""
    text = f"model Net()(x: [N, 1]) {{\n  for i in 0..{depth} {{ x += {alpha} * ({w} * x) }}\n  return x\n}}"
    rows = fanin.signal(pipeline.check_text(text).programs[-1])
    exact = abs(1 + alpha * w) ** depth
    assert rows[-1].rms == pytest.approx(exact, rel=1e-9)
    assert rows[0].grad_std == pytest.approx(exact, rel=1e-9)
    net = fanin.loads(text).double()
    x = torch.ones(1, 1, dtype=torch.double, requires_grad=True)
    net(x).sum().backward()
    assert abs(float(x.grad)) == pytest.approx(exact, rel=1e-9)
    assert prod([1 + alpha * w] * depth) == pytest.approx(float(x.grad), rel=1e-9)


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("relu", 0.5),
        ("tanh", 0.394294),
        ("sigmoid", 0.293379),
        ("gelu", 0.425221),
        ("silu", 0.355776),
        ("elu", 0.644945),
    ],
)
def test_s004_the_moment_behind_an_activation(name: str, moment: float) -> None:
    """Of a standard normal input, by quadrature."""
    rows = fanin.signal(pipeline.check_text(f"model Net()(x: [4, 8]) {{ return x -> {name} }}").programs[0])
    assert rows[-1].rms is not None and rows[-1].rms ** 2 == pytest.approx(moment, abs=1e-6)


POSITIONS = {
    "none": "x = token -> words: Embedding(50, 16)",
    "sines": "x = (token -> words: Embedding(50, 16)) + sinusoidal(T, 16)",
    "learned": "param place: [T, 16] = normal(std=0.02)\n  x = (token -> words: Embedding(50, 16)) + place",
    "numbers": "x = (token -> words: Embedding(50, 16)) + (arange(T) -> places: Embedding(64, 16))",
}


@pytest.mark.parametrize("kind", POSITIONS)
def test_s019_attention_without_positions_is_found_and_only_that(kind: str) -> None:
    text = f"model Net()(token: int[B, T]) {{\n  {POSITIONS[kind]}\n  x += (x, x, x) -> attn: MultiheadAttention(2, batch_first=true)\n  return x -> mean(axis=1) -> h: Linear(2)\n}}"
    report = pipeline.check_text(text, hyper={"T": 12})
    assert report.ok
    assert ("STR607" in {d.code.id for d in report.diagnostics}) is (kind == "none")


@pytest.mark.parametrize(
    ("act", "gain"), [("relu", sqrt(2)), ("tanh", 1.592537), ("gelu", 1.533530), ("silu", 1.676532)]
)
def test_s060_the_scale_behind_an_activation_is_found(act: str, gain: float) -> None:
    text = f"@init(auto)\nmodel Net()(x: [4, 256]) {{ return x -> a: Linear(256) -> {act} -> b: Linear(256) }}"
    program = pipeline.check_text(text).programs[0]
    law = next(p for p in program.parameters if p.key == "b.weight").start
    assert law.std * 16 == pytest.approx(gain, rel=1e-5)


@pytest.mark.parametrize(
    ("act", "slope"), [("tanh", 0.461), ("selu", 0.783), ("elu", 0.891), ("gelu", 1.144), ("silu", 1.173)]
)
def test_s060_the_slope_of_the_variance_map(act: str, slope: float) -> None:
    """Below 1 an error of the scale dies out from layer to layer, above 1 it grows."""
    from fanin.ops.registry import find_op
    from fanin.signal.rules.pointwise import Curve
    from fanin.signal.state import make
    from fanin.signal.table import white

    op = find_op(act)
    assert op is not None
    x = make((4, 8), white((4, 8), 1.0))
    rule = Curve(lambda v: op.curve(op.attrs(), v))  # type: ignore[attr-defined]
    assert rule.slope(x, op.curve(op.attrs(), x.psi)) == pytest.approx(slope, abs=2e-3)  # type: ignore[attr-defined]


def test_s113_the_fixed_point_of_the_scaled_tanh() -> None:
    text = "@init(linear=lecun_normal, bias=zeros)\nmodel Net()(x: [N, 512]) { return x -> l: 50 * (Linear(512) -> Act()) }\n"
    text += "block Act()(z: [*S]) -> [*S] { return 1.7159 * tanh(0.667 * z) }"
    program = next(p for p in pipeline.check_text(text).programs if p.name == "Net")
    rows = [r for r in fanin.signal(program) if r.op == "Linear" and r.rms is not None]
    assert rows[-1].rms is not None and rows[-1].rms ** 2 == pytest.approx(0.384, abs=0.005)
    net = fanin.loads(text, "Net")
    with torch.no_grad():
        assert float(net(torch.randn(64, 512)).square().mean()) == pytest.approx(0.384, abs=0.02)


@pytest.mark.parametrize(("scale", "fires"), [("1.0", True), ("0.125", False)])
def test_s168_scores_without_their_scale(scale: str, fires: bool) -> None:
    text = f"""@init(linear=lecun_normal, bias=zeros)
model Net()(x: [B, 64, 64]) {{
  q = x -> q: Linear(64)
  k = x -> k: Linear(64)
  return scaled_dot_product_attention(q, k, x, scale={scale})
}}"""
    assert ("SIG140" in found(text)) is fires
