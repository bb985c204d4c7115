"""Reports on networks as they are, each held to a closed form or to PyTorch's own.

Rows S036, S045, S063, S135, S137.
"""

from __future__ import annotations

from math import acos, cos, pi, sin

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import fanin
from fanin import pipeline, probe
from fanin.signal.totals import TOTALS
from tests.mission import test_learning


def digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of the row's split: 1,437 to train on, 360 held out."""
    x, y = test_learning.digits()
    return x[:1437], y[:1437], x[1437:], y[1437:]


# --------------------------------------------------------------------------------------------------------- curvature


@pytest.mark.parametrize(
    ("weights", "condition"), [*((30, k) for k in (1.0, 10.0, 1e2, 1e3, 1e4)), (1500, 1.0), (1500, 10.0), (1500, 1e4)]
)
def test_s036_the_condition_of_a_quadratic(condition: float, weights: int) -> None:
    """Its eigenvalues are spread evenly on a logarithmic scale, and turned by a random rotation."""
    text = f"""
model Bowl()(matrix: [{weights}, {weights}]) -> [] {{
  param w: [{weights}] = normal(std=1.0)
  return 0.5 * sum(w * (matrix @ w))
}}
"""
    net = fanin.loads(text).double()
    values = torch.logspace(0, np.log10(condition), weights, dtype=torch.double)
    turn, _ = torch.linalg.qr(torch.randn(weights, weights, generator=torch.Generator().manual_seed(1)).double())
    matrix = turn @ torch.diag(values) @ turn.T
    with torch.no_grad():
        net.w.zero_()
    found = probe.curvature(net, lambda: net(matrix), steps=600, tolerance=1e-7)
    assert found.exact is (weights <= 512)
    assert found.condition == pytest.approx(condition, rel=0.05)
    assert found.kind == "minimum"


def test_s036_a_saddle_a_slope_and_a_maximum() -> None:
    text = "model Net(a: float, b: float)() -> [] {{ param p: [2] = {} return a * p[0] ** 2 + b * p[1] ** 2 }}"

    def kind(a: float, b: float, start: str = "zeros") -> str:
        net = fanin.loads(text.format(start), a=a, b=b)
        found = probe.curvature(net, lambda: net())
        assert (found.smallest, found.largest) == pytest.approx((2 * min(a, b), 2 * max(a, b)))
        return found.kind

    assert kind(1.0, -1.0) == "saddle"
    assert kind(1.0, -1.0, "ones") == "slope"
    assert kind(1.0, 3.0) == "minimum"
    assert kind(-1.0, -3.0) == "maximum"
    assert kind(1.0, 0.0) == "flat"


def test_s036_a_valley_with_more_weights_than_fit_into_a_matrix() -> None:
    """700 weights: a bowl in all but one direction is flat, and with one direction down a saddle."""
    net = fanin.loads("model Net()(scale: [700]) -> [] { param w: [700] = zeros return sum(scale * w ** 2) }").double()
    scale = torch.linspace(1, 3, 700).double()
    for last, kind in ((0.0, "flat"), (-0.5, "saddle"), (0.5, "minimum")):
        scale[0] = last
        found = probe.curvature(net, lambda: net(scale))
        assert not found.exact and found.kind == kind
        assert (found.smallest, found.largest) == pytest.approx((2 * last, 6), abs=1e-4)
        assert found.condition == (pytest.approx(6) if kind == "minimum" else float("inf"))


def test_s036_the_hessian_of_a_network_as_torch_gives_it() -> None:
    text = "model Net()(x: [N, 5]) -> [N, 3] { return x -> a: Linear(6) -> tanh -> b: Linear(3) }"
    net = fanin.loads(text).double()
    x, y = torch.randn(20, 5).double(), torch.randint(3, (20,))
    weights = {name: p.detach() for name, p in net.named_parameters()}

    def loss(state: dict[str, Tensor]) -> Tensor:
        return F.cross_entropy(torch.func.functional_call(net, state, (x,)), y)

    blocks = torch.func.hessian(loss)(weights)
    sizes = {name: w.numel() for name, w in weights.items()}
    whole = torch.cat([torch.cat([blocks[a][b].reshape(sizes[a], -1) for b in weights], 1) for a in weights])
    values = torch.linalg.eigvalsh(whole)
    for dense in (512, 0):  # all of it, and by Lanczos' method
        found = probe.curvature(net, lambda: F.cross_entropy(net(x), y), dense=dense)
        assert (found.smallest, found.largest) == pytest.approx((float(values[0]), float(values[-1])), abs=1e-4)


# ------------------------------------------------------------------------------------------------------------- prior


def arc_cosine(x: Tensor, layers: int) -> Tensor:
    """The kernel of an infinitely wide relu network with He's initialisation and a head of variance 1 / fan-in.

    Cho and Saul 2009: K(x, x') = |x| |x'| (sin t + (pi - t) cos t) / pi for each hidden layer.
    """
    kernel = x @ x.T / x.shape[1] * 2  # behind the first He layer, before the relu
    for layer in range(layers):
        length = kernel.diagonal().sqrt()
        inside = torch.empty_like(kernel)
        for i in range(len(x)):
            for j in range(len(x)):
                t = acos(min(1.0, float(kernel[i, j] / (length[i] * length[j]))))
                inside[i, j] = length[i] * length[j] * (sin(t) + (pi - t) * cos(t)) / (2 * pi)
        kernel = inside * (2 if layer < layers - 1 else 1)
    return kernel


@pytest.mark.parametrize("layers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_s045_the_kernel_of_a_wide_network_is_the_arc_cosine_kernel(layers: int) -> None:
    """At width 4096, over 200 draws. 256 outputs, as one would leave an error of 10 % from the draws of the head."""
    text = f"""
@init(linear=he_normal, bias=zeros)
model Net()(x: [N, 10]) -> [N, 256] {{
  return x
    -> hidden: {layers} * (Linear(4096) -> relu)
    -> head: Linear(256, init=lecun_normal)
}}
"""
    x = torch.randn(4, 10, generator=torch.Generator().manual_seed(0))
    x[3] = 0.9 * x[0] + 0.1 * x[1]
    found = probe.prior(fanin.loads(text), x, draws=200, at_once=4 if layers == 1 else 1)
    wanted = arc_cosine(x, layers)
    assert float((found.kernel / wanted - 1).abs().max()) < 0.03
    assert float(((found.kernel - wanted) / found.error).abs().max()) < 4


def test_s045_two_hidden_layers_and_the_error_that_is_reported() -> None:
    text = """
model Net()(x: [N, 6]) -> [N, 64] {
  return x
    -> a: Linear(512, bias=false, init=he_normal) -> relu
    -> b: Linear(512, bias=false, init=he_normal) -> relu
    -> head: Linear(64, bias=false, init=lecun_normal)
}
"""
    x = torch.randn(3, 6, generator=torch.Generator().manual_seed(2))
    found = probe.prior(fanin.loads(text), x, draws=100)
    wanted = arc_cosine(x, 2)
    assert float((found.kernel / wanted - 1).abs().max()) < 0.05
    assert float(((found.kernel - wanted) / found.error).abs().max()) < 4


def test_s045_how_rough_a_function_is() -> None:
    """A linear map changes by sqrt(1 / n) of |x| along a unit direction; sines of 5 x change five times as fast."""
    linear = "model Net()(x: [N, 16]) -> [N, 64] { return x -> a: Linear(64, bias=false) }"
    x = torch.randn(3, 16, generator=torch.Generator().manual_seed(0))
    found = probe.prior(fanin.loads(linear), x, draws=200)
    assert torch.allclose(found.roughness, 1 / x.norm(dim=1), rtol=0.03)
    waves = "model Net(k: float)(x: [N, 1]) -> [N, 64] { return sin(k * x) -> a: Linear(64, bias=false) }"
    at = torch.full((1, 1), pi / 4)
    slow, fast = (float(probe.prior(fanin.loads(waves, k=k), at, draws=4).roughness) for k in (1.0, 5.0))
    assert slow == pytest.approx(1) and fast == pytest.approx(5)


# ---------------------------------------------------------------------------------------------------------- jacobian

NETS = {
    "dense": ("model N()(x: [N, 7]) -> [N, 5] { return x -> a: Linear(9) -> tanh -> b: Linear(5) }", (3, 7)),
    "more outputs than inputs": ("model N()(x: [N, 3]) -> [N, 8] { return x -> a: Linear(8) -> gelu }", (4, 3)),
    "pictures": (
        "model N()(x: [N, 2, 6, 6]) -> [N, 4] "
        "{ return x -> c: Conv2d(3, 3) -> b: BatchNorm2d() -> silu -> flatten(1) -> h: Linear(4) }",
        (2, 2, 6, 6),
    ),
    "attention": (
        "from std.attention import SelfAttention\n"
        "model N()(x: [N, 4, 8]) -> [N, 4, 8] { return x -> n: LayerNorm() -> a: SelfAttention(2, causal=true) }",
        (2, 4, 8),
    ),
}


@pytest.mark.parametrize("name", NETS)
def test_s063_singular_values_as_those_of_jacrev(name: str) -> None:
    text, shape = NETS[name]
    net = fanin.loads(text)
    net.train()
    x = torch.randn(*shape)
    found = probe.jacobian(net, x)
    assert net.training  # as it was
    net.eval()
    for i in range(len(x)):
        matrix = torch.func.jacrev(lambda v: net(v[None])[0].flatten())(x[i]).flatten(1)
        assert torch.allclose(found.values[i], torch.linalg.svdvals(matrix), atol=1e-4)


def test_s063_orthogonal_linear_layers_have_all_singular_values_one() -> None:
    text = "@init(linear=orthogonal, bias=zeros)\nmodel N()(x: [N, 24]) -> [N, 24] { return x -> l: 20 * Linear(24) }"
    found = probe.jacobian(fanin.loads(text), torch.randn(2, 24))
    assert float((found.values - 1).abs().max()) < 1e-4
    assert found.condition == pytest.approx(1, abs=1e-4) and found.rms == pytest.approx(1, abs=1e-4)


def test_s063_what_is_predicted_is_what_is_measured() -> None:
    """The root mean square over draws, beside that of ``fanin signal``."""
    text = "model N()(x: [N, 48]) -> [N, 48] { return x -> l: 5 * (Linear(48) -> tanh) }"
    program = pipeline.check_text(text).programs[0]
    predicted = TOTALS["jacobian"](pipeline.signal(program))
    x = torch.randn(8, 48, generator=torch.Generator().manual_seed(0))
    seen = [probe.jacobian(fanin.loads(text, seed=s), x).rms ** 2 for s in range(20)]
    assert (sum(seen) / len(seen)) ** 0.5 == pytest.approx(predicted, rel=0.05)


# ------------------------------------------------------------------------------------------------------- adversarial


@pytest.mark.parametrize("classes", [1, 2, 5])
def test_s135_the_margin_of_a_linear_classifier_falls_by_the_length_of_its_weights(classes: int) -> None:
    """By epsilon |w|_1, exactly; between two classes w is the difference of their rows."""
    net = fanin.loads(f"model N()(x: [N, 30]) -> [N, {classes}] {{ return x -> fc: Linear({classes}) }}").double()
    x = torch.randn(40, 30, generator=torch.Generator().manual_seed(0)).double()
    y = torch.randint(max(classes, 2), (40,), generator=torch.Generator().manual_seed(1))
    w = net.fc.weight.detach()
    still, *moved = probe.adversarial(net, x, y, [0.0, 0.01, 0.1, 1.0])
    for row in moved:
        if classes == 1:
            assert still.margin - row.margin == pytest.approx(row.epsilon * float(w.abs().sum()), rel=1e-12)
        elif classes == 2:
            assert still.margin - row.margin == pytest.approx(row.epsilon * float((w[0] - w[1]).abs().sum()), rel=1e-12)
        else:  # the direction is that of the cross entropy, which weighs all other classes
            assert row.margin < still.margin
            logits = x @ w.T + net.fc.bias.detach()
            step = ((torch.softmax(logits, 1) - F.one_hot(y, classes)) @ w).sign()
            after = (x + row.epsilon * step) @ w.T + net.fc.bias.detach()
            right = (after.argmax(1) == y).double().mean()
            assert row.accuracy == pytest.approx(float(right), abs=1e-12)


def test_s135_a_table_of_a_trained_network_that_comes_out_the_same_again() -> None:
    x, y, held, truth = digits()
    tables = []
    for _ in range(2):
        net = fanin.loads("model N()(x: [N, 64]) -> [N, 10] { return x -> a: Linear(128) -> relu -> h: Linear(10) }")
        optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
        for _ in range(150):
            optimiser.zero_grad()
            F.cross_entropy(net(x), y).backward()
            optimiser.step()
        tables.append(probe.adversarial(net, held, truth, [0.0, 0.05, 0.1, 0.2], low=0.0, high=1.0))
    assert tables[0] == tables[1]
    accuracy = [row.accuracy for row in tables[0]]
    assert accuracy[0] > 0.93 and accuracy == sorted(accuracy, reverse=True) and accuracy[-1] < 0.5
    assert accuracy[0] == pytest.approx(float((net(held).argmax(1) == truth).double().mean()))


# ---------------------------------------------------------------------------------------------------------- features


def test_s137_dead_and_duplicate_channels_are_named() -> None:
    """A convolution whose third channel is constant behind the relu, and whose channels 1, 4 and 6 are multiples."""
    net = fanin.loads("model N()(x: [N, 2, 9, 9]) { return x -> conv: Conv2d(8, 3) -> relu as seen -> mean }")
    with torch.no_grad():
        net.conv.bias.zero_()
        net.conv.weight[4], net.conv.weight[6] = 2 * net.conv.weight[1], 0.5 * net.conv.weight[1]
        net.conv.weight[3], net.conv.bias[3] = 0, -1
    with probe.taps(net) as seen:
        net(torch.randn(16, 2, 9, 9))
    found = probe.features(seen["seen"])
    assert found.dead == (3,)
    assert found.duplicates == ((1, 4, 6),)
    assert torch.allclose(
        found.covariance, torch.tensor(np.cov(seen["seen"].detach().double().movedim(1, 0).flatten(1)))
    )


def test_s137_the_effective_rank_of_white_features_is_their_number() -> None:
    white = torch.randn(20_000, 64, generator=torch.Generator().manual_seed(0))
    assert probe.features(white).rank == pytest.approx(64, rel=0.01)
    assert probe.features(white @ torch.randn(64, 64)[:, :1] @ torch.ones(1, 64)).rank == pytest.approx(1)
    values = np.linalg.eigvalsh(np.cov(white[:, :5].double() * np.array([1, 2, 3, 4, 5]), rowvar=False))
    shares = values / values.sum()
    wanted = np.exp(-(shares * np.log(shares)).sum())
    assert probe.features(white[:, :5] * torch.tensor([1, 2, 3, 4, 5])).rank == pytest.approx(wanted)


def test_s137_a_penalty_that_makes_channels_differ() -> None:
    net = fanin.loads("model N()(x: [N, 16]) -> [N, 6] { return x -> fc: Linear(6) }")
    x = torch.randn(200, 2, generator=torch.Generator().manual_seed(0)) @ torch.randn(2, 16)
    x += 0.3 * torch.randn(200, 16)
    before = probe.features(net(x)).rank
    optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(300):
        optimiser.zero_grad()
        probe.decorrelation(net(x)).backward()
        optimiser.step()
    assert float(probe.decorrelation(net(x)).detach()) < 0.01
    assert probe.features(net(x) / net(x).std(dim=0)).rank > 5.8 > before
    same = torch.randn(50, 1) @ torch.ones(1, 4)
    assert float(probe.decorrelation(same)) == pytest.approx(1, abs=1e-4)
