"""What is predicted of networks, against the compiled modules over draws of their weights and inputs.

A measured mean has an error of its own, known from a dozen draws; a prediction is held to the larger of a goal and four
standard errors.
"""

from __future__ import annotations

from math import pi, sqrt

import pytest

import fanin
from fanin import pipeline
from fanin.signal.measured import Measurement
from fanin.signal.rows import Row, rows

CONVS = """
model Net()(x: [8, 3, 16, 16]) {{
  x = x -> ca: Conv2d(48, 3, padding=1)
  {body}
  return x -> cb: Conv2d(48, 3, padding=1) -> mean(axis=(2, 3)) -> fc: Linear(10)
}}
"""
# One op at a time between two convolutions, and in a few small networks.
BODIES = {
    "relu": "x = x -> op: ReLU()",
    "tanh": "x = x -> op: Tanh()",
    "gelu": "x = x -> op: GELU()",
    "selu": "x = x -> op: SELU()",
    "silu as a product": "x = x * sigmoid(x)",
    "max-pool": "x = x -> r: ReLU() -> op: MaxPool2d(2)",
    "overlapping max-pool": "x = x -> r: ReLU() -> op: MaxPool2d(3, stride=2, padding=1)",
    "average of a max-pool": "x = x -> r: ReLU() -> m: MaxPool2d(3, stride=2, padding=1) -> op: AvgPool2d(2)",
    "average": "x = x -> r: ReLU() -> op: AvgPool2d(2)",
    "strided": "x = x -> r: ReLU() -> op: Conv2d(48, 3, stride=2, padding=1)",
    "grouped": "x = x -> r: ReLU() -> op: Conv2d(48, 3, padding=1, groups=48)",
    "one by one": "x = x -> r: ReLU() -> op: Conv2d(48, 1)",
    "reflected": 'x = x -> r: ReLU() -> op: Conv2d(48, 3, padding=1, padding_mode="reflect")',
    "circular": 'x = x -> r: ReLU() -> op: Conv2d(48, 3, padding=1, padding_mode="circular")',
    "transposed": "x = x -> r: ReLU() -> op: ConvTranspose2d(48, 2, stride=2)",
    "upsampled": "x = x -> r: ReLU() -> op: Upsample(scale_factor=2)",
    "batch norm": "x = x -> op: BatchNorm2d() -> r: ReLU()",
    "batch norm behind": "x = x -> r: ReLU() -> op: BatchNorm2d()",
    "instance norm": "x = x -> op: InstanceNorm2d() -> r: ReLU()",
    "group norm": "x = x -> op: GroupNorm(4) -> r: ReLU()",
    "dropout": "x = x -> r: ReLU() -> op: Dropout(0.3)",
    "residual": "x += x -> r: ReLU() -> op: Conv2d(48, 3, padding=1)",
    "twice": "x = x + x",
    "relu and itself": "x = relu(x) + x",
    "concat": "x = concat(x, x -> r: ReLU() -> op: Conv2d(48, 3, padding=1), axis=1)",
    "gate": "x = x * (x -> mean(axis=(2, 3), keepdim=true) -> op: Conv2d(48, 1) -> sigmoid)",
    "glu": "x = (x -> a: Conv2d(48, 1) -> silu) * (x -> op: Conv2d(48, 1))",
}


def look(spec: str, draws: int = 12, **sizes: int) -> tuple[list[Row], Measurement]:
    report = pipeline.check_text(spec)
    assert report.ok, [d.headline for d in report.diagnostics]
    program = report.programs[-1]
    analysis = pipeline.signal(program, sizes=sizes)
    return rows(analysis), pipeline.measure(program, analysis, draws=draws)


def misses(found: list[Row], measured: Measurement, goal: float, grad_goal: float) -> list[str]:
    out = []
    for row in found:
        seen = measured.of(row)
        if seen is None or row.rms is None:
            continue
        if abs(row.rms / seen.rms - 1) > max(goal, 4 * seen.rms_error):
            out.append(f"{row.path}: rms {row.rms:.4g}, measured {seen.rms:.4g} ± {seen.rms_error:.1%}")
        if row.grad_std is None or not seen.grad:
            continue
        if abs(row.grad_std / seen.grad - 1) > max(grad_goal, 4 * seen.grad_error):
            out.append(f"{row.path}: gradient {row.grad_std:.4g}, measured {seen.grad:.4g} ± {seen.grad_error:.1%}")
    return out


@pytest.mark.parametrize("body", BODIES)
def test_an_op_between_two_convolutions(body: str) -> None:
    found, measured = look(CONVS.format(body=BODIES[body]))
    assert all(row.rms is not None for row in found)
    # The last layers see 8 samples of one draw of all weights before them.
    assert misses(found[:-1], measured, 0.04, 0.10) == []


OTHERS = {
    "the largest": "x = x -> a: Linear(64)\n  v, i = topk(x, 8)\n  return v -> fc: Linear(32)",
    "the smallest": "x = x -> a: Linear(64)\n  v, i = topk(x, 8, largest=false)\n  return v -> fc: Linear(32)",
    "sorted": "x = x -> a: Linear(64) -> relu\n  v, i = sort(x)\n  return v -> fc: Linear(32)",
    "the unit matrix": "x = x -> a: Linear(64)\n  return matmul(x, eye(64)) -> fc: Linear(32)",
    "a triangle": "x = x -> a: Linear(64)\n  return tril(x) -> fc: Linear(32)",
    "gathered": "x = x -> a: Linear(64)\n  v, i = topk(x -> b: Linear(64), 64, axis=0)\n"
    "  return gather(x, 0, i) -> fc: Linear(32)",
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_chooses_entries(name: str) -> None:
    found, measured = look(f"model Net()(x: [64, 64]) {{\n  {OTHERS[name]}\n}}")
    assert all(row.rms is not None for row in found)
    assert misses(found, measured, 0.04, 0.06) == []


def test_several_heads_of_queries_for_one_of_keys() -> None:
    body = (
        '  q = x -> wq: Linear(64) -> rearrange("b t (h d) -> b h t d", h=4)\n'
        '  k = x -> wk: Linear(32) -> rearrange("b t (h d) -> b h t d", h=2)\n'
        '  v = x -> wv: Linear(32) -> rearrange("b t (h d) -> b h t d", h=2)\n'
        "  y = scaled_dot_product_attention(q, k, v, enable_gqa=true)\n"
        '  return y -> rearrange("b h t d -> b t (h d)") -> out: Linear(64)'
    )
    # Scores tell 8 positions of 256 entries apart: as many positions as entries would share more of their values.
    found, measured = look(f"model Net()(x: [8, 8, 256]) {{\n{body}\n}}", draws=16)
    assert all(row.rms is not None for row in found)
    assert misses(found, measured, 0.04, 0.10) == []


RECURRENT = {
    "Elman": "r = scan(cell: RNNCell(128), x, h=zeros(8, 128))\n  return r.y -> fc: Linear(64)",
    "LSTM": "r = scan(cell: LSTMCell(128), x, h=zeros(8, 128), c=zeros(8, 128))\n  return r.y -> fc: Linear(64)",
    "a matrix": "r = scan(cell: Own(128), x, h=zeros(8, 128))\n  return r.y -> fc: Linear(64)",
    "GRU": "r = scan(cell: GRUCell(128), x, h=zeros(8, 128))\n  return r.y -> fc: Linear(64)",
}


OWN = """
block Own(size: int)(x: [B, I], h: [B, size]) -> (y: [B, size], h: [B, size]) {
  param w: [size, size] = normal(std=0.9 / sqrt(size))
  h = tanh((x -> input: Linear(size)) + h @ w)
  return h, h
}
"""


@pytest.mark.parametrize("name", RECURRENT)
def test_gradients_through_time(name: str) -> None:
    """The same weights at every step: gates stay open for the same entries, one matrix brings gradients back."""
    found, measured = look(f"{OWN}model Net()(x: [8, 16, 64]) {{\n  {RECURRENT[name]}\n}}", draws=10)
    assert all(row.rms is not None for row in found)
    assert misses(found, measured, 0.05, 0.07) == []
    for key, value in found[-2].weights:
        there, error = measured.weights[key]
        assert abs(value / there - 1) < max(0.12, 4 * error), (key, value, there)


def test_a_block_that_is_applied_to_its_own_result_adds_up_coherently() -> None:
    """A tied residual loop grows far more than layers of their own would (Yang 2019)."""
    text = """
block Step()(x: [N, D]) -> [N, D] {
  return x + 0.3 * (x -> a: Linear(D) -> relu -> b: Linear(D))
}
@init(linear=he_normal, bias=zeros)
model Net()(x: [16, 256]) {
  step = Step()
  for i in 0..8 { x = step(x) }
  return x -> head: Linear(64)
}
"""
    found, measured = look(text, draws=12)
    assert misses(found, measured, 0.06, 0.08) == []
    single = fanin.signal(pipeline.check_text(text.replace("step = Step()", "steps = 8 * Step()").replace(
        "for i in 0..8 { x = step(x) }", "x = steps(x)")).programs[-1])  # fmt: skip
    assert found[-1].rms is not None and single[-1].rms is not None and found[-1].rms > 1.5 * single[-1].rms


NETS = {
    "relu, he": (
        "@init(linear=he_normal, bias=zeros)\nmodel Net()(x: [32, 256]) {\n"
        "  return x -> layers: 8 * (Linear(256) -> relu) -> head: Linear(10)\n}",
        0.05,
        0.06,
    ),
    "tanh, default": (
        "model Net()(x: [32, 128]) { return x -> layers: 8 * (Linear(128) -> tanh) -> head: Linear(10) }",
        0.03,
        0.06,
    ),
    "post-norm attention": (
        "block Layer()(x: [B, T, D]) -> [B, T, D] {\n"
        "  q, k, v = x -> qkv: Linear(3 * D) -> chunk(3, axis=2)\n"
        '  q = rearrange(q, "b t (h d) -> b h t d", h=4)\n'
        '  k = rearrange(k, "b t (h d) -> b h t d", h=4)\n'
        '  v = rearrange(v, "b t (h d) -> b h t d", h=4)\n'
        '  y = scaled_dot_product_attention(q, k, v) -> rearrange("b h t d -> b t (h d)") -> out: Linear(D)\n'
        "  x = (x + y) -> n1: LayerNorm()\n"
        "  return (x + (x -> up: Linear(4 * D) -> gelu -> down: Linear(D))) -> n2: LayerNorm()\n}\n"
        "model Net()(x: [4, 16, 64]) { return x -> layers: 4 * Layer() -> head: Linear(10) }",
        0.05,
        0.10,
    ),
    "mixer": (
        "block Mix()(x: [B, T, D]) -> [B, T, D] {\n"
        "  x += x -> n1: LayerNorm() -> transpose(1, 2) -> t1: Linear(32) -> gelu -> t2: Linear(T) -> transpose(1, 2)\n"
        "  x += x -> n2: LayerNorm() -> c1: Linear(128) -> gelu -> c2: Linear(D)\n  return x\n}\n"
        "model Net()(x: [8, 16, 64]) { return x -> layers: 4 * Mix() -> norm: LayerNorm() -> head: Linear(10) }",
        0.04,
        0.10,
    ),
    "self-normalising": (
        "@init(linear=lecun_normal, bias=zeros)\nmodel Net()(x: [32, 256]) {\n"
        "  return x -> layers: 6 * (Linear(256) -> selu -> alpha_dropout(0.05)) -> head: Linear(10)\n}",
        0.05,
        0.08,
    ),
}


@pytest.mark.parametrize("name", NETS)
def test_whole_networks(name: str) -> None:
    spec, goal, grad_goal = NETS[name]
    found, measured = look(spec, draws=8)
    assert all(row.rms is not None for row in found)
    assert misses(found, measured, goal, grad_goal) == []


def test_gradients_of_parameters() -> None:
    found, measured = look(NETS["mixer"][0], draws=8)
    seen = 0
    for row in found:
        for key, value in row.weights:
            if key.endswith("weight") and ".n" not in key and key in measured.weights:
                there, error = measured.weights[key]
                assert abs(value / there - 1) < max(0.15, 4 * error), (key, value, there)
                seen += 1
    assert seen > 15


def test_default_initialisation_of_a_relu_chain_loses_the_known_factor() -> None:
    """The default of PyTorch is uniform with variance 1 / (3 n): 1/sqrt(6) at each relu layer, without biases."""
    spec = "model Net()(x: [8, 512]) { return x -> layers: 20 * (Linear(512, bias=false) -> relu) }"
    found = fanin.signal(pipeline.check_text(spec).programs[0])
    linear = [r.rms for r in found if r.op == "Linear" and r.rms is not None]
    assert linear[-1] / linear[-2] == pytest.approx(1 / sqrt(6), rel=1e-6)
    grads = [r.grad_std for r in found if r.op == "Linear" and r.grad_std is not None]
    assert grads[3] / grads[4] == pytest.approx(1 / sqrt(6), rel=1e-6)


def test_batch_norm_and_relu_without_shortcuts_grow_gradients_by_the_known_factor() -> None:
    """Yang et al. 2019: the variance of gradients grows by pi / (pi - 1) at each layer, for a large batch."""
    spec = "model Net()(x: [4096, 64]) { return x -> layers: 8 * (Linear(64, bias=false) -> BatchNorm1d() -> relu) }"
    found = fanin.signal(pipeline.check_text(spec).programs[0])
    grads = [r.grad_std for r in found if r.op == "BatchNorm1d" and r.grad_std is not None]
    assert (grads[2] / grads[3]) ** 2 == pytest.approx(pi / (pi - 1), rel=0.02)


def test_rezero_starts_as_the_identity() -> None:
    spec = """
block Step()(x: [N, D]) -> [N, D] {
  param alpha: [] = zeros
  return x + alpha * (x -> fc: Linear(D) -> tanh)
}
model Net()(x: [4, 32]) -> [4, 32] {
  expect signal(gain) == 1.0
  expect signal(jacobian) == 1.0
  return x -> steps: 30 * Step()
}
"""
    report = pipeline.check_text(spec)
    assert not report.diagnostics, [d.headline for d in report.diagnostics]
    found = fanin.signal(report.programs[-1])
    assert found[-1].rms == 1 and found[0].grad_std == 1


@pytest.mark.parametrize(
    ("widths", "spread"),
    [([100] * 10, 0.721), ([50] * 10, 1.040)],
)
def test_the_spread_over_draws_is_hanins(widths: list[int], spread: float) -> None:
    """Hanin 2018: each relu layer of n units adds about 5 / n to the variance of ln |x|^2."""
    chain = " -> ".join(f"l{i}: Linear({n}) -> relu" for i, n in enumerate(widths))
    body = f"model Net()(x: [4, {widths[0]}]) {{ return x -> {chain} -> head: Linear(9) }}"
    spec = f"@init(linear=he_normal, bias=zeros)\n{body}"
    found = fanin.signal(pipeline.check_text(spec).programs[0])
    assert found[-1].spread == pytest.approx(spread, rel=0.06)


def test_what_cannot_be_told_is_said_from_there_on() -> None:
    spec = "model Net()(x: [4, 8, 8]) { return x -> a: Linear(8) -> inv -> b: Linear(4) }"
    found = fanin.signal(pipeline.check_text(spec).programs[0])
    assert [r.rms is None for r in found] == [False, False, True, True]
    assert "`inv`" in found[-1].why


def test_laws_of_inputs_and_sizes_are_declared() -> None:
    spec = "model Net()(x: [N, 3, H, W]) { return x -> conv: Conv2d(8, 1, bias=false) }"
    program = pipeline.check_text(spec).programs[0]
    plain = fanin.signal(program, sizes={"N": 2, "H": 8, "W": 8})[-1]
    assert plain.shape == (2, 8, 8, 8) and plain.alike == pytest.approx(0)
    given = fanin.signal(program, inputs={"x": {"mean": 1.0, "variance": 4.0, "correlation": 0.5}}, sizes={"N": 2})[-1]
    assert given.rms == pytest.approx(sqrt(5) * plain.rms)  # type: ignore[operator]
    assert given.alike == pytest.approx((1 + 0.5 * 4) / 5)
    with pytest.raises(ValueError, match="no input `y`"):
        fanin.signal(program, inputs={"y": {}})
