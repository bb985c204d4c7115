"""Attention, positions, graphs, samplers, memories, glimpses, halting, fitted layers.

Rows S007, S019, S033, S038, S039, S073, S078, S080, S083, S099, S110, S111, S112, S126, S156 to S160, S162, S164, S167,
S168, S169, S173, S175, S214.
"""

from __future__ import annotations

import math
import random
import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import fanin
from fanin import pipeline
from fanin.analyses.cost import parameters
from tests.examples import SPECS
from tests.models import program_of
from tests.unit.elaborate.test_training import load


def std(imports: str, model: str, **hyper: Any) -> nn.Module:
    module, names = imports.split(" ", 1)
    return fanin.loads(f"from std.{module} import {names}\n{model}", "Net", **hyper).double()


# ------------------------------------------------------------------------------------------ attention and positions

ATTEND = "model Net()(x: [B, T, 12], m: bool[B, T]?) { return attn: SelfAttention(3)(x, m) }"


def test_s007_attention_is_over_a_set() -> None:
    net = std("attention SelfAttention", ATTEND.replace("?", ""))
    x, seen = torch.randn(2, 6, 12).double(), torch.ones(2, 6).bool()
    order = torch.randperm(6)
    torch.testing.assert_close(net(x[:, order], seen), net(x, seen)[:, order], rtol=0, atol=1e-9)
    padded = torch.cat([x, torch.randn(2, 3, 12).double()], 1)
    mask = torch.cat([seen, torch.zeros(2, 3).bool()], 1)
    torch.testing.assert_close(net(padded, mask)[:, :6], net(x, seen), rtol=0, atol=1e-9)


def test_s019_positions_tell_orders_apart() -> None:
    plain = "model Net()(x: [B, T, 12]) { return x POS -> attn: SelfAttention(3) -> mean(axis=1) }"
    x = torch.randn(2, 6, 12).double()
    shuffled = x[:, torch.tensor([3, 1, 5, 0, 2, 4])]
    net = std("attention SelfAttention", plain.replace("POS", ""))
    torch.testing.assert_close(net(shuffled), net(x), rtol=0, atol=1e-6)
    for position in ("SinusoidalPositions()", "LearnedPositions(9)"):
        text = "from std.attention import SelfAttention\n" + plain.replace("POS", f"-> pos: {position}")
        told = std(f"positions {position.split('(')[0]}", text)
        assert float((told(shuffled) - told(x)).abs().max()) > 1e-4


def test_s019_sines_are_those_of_the_paper() -> None:
    table = load("model Net()(x: [T, 16]) { return sinusoidal(T, 16) + 0 * x }")(torch.zeros(9, 16).double())
    at, i = torch.arange(9.0).double()[:, None], torch.arange(8.0).double()
    angle = at / 10_000 ** (2 * i / 16)
    torch.testing.assert_close(table[:, 0::2], angle.sin(), rtol=0, atol=1e-9)
    torch.testing.assert_close(table[:, 1::2], angle.cos(), rtol=0, atol=1e-9)


def test_s214_time_embeddings_are_diffusers() -> None:
    diffusers = pytest.importorskip("diffusers")
    text = (SPECS / "diffusion.arch").read_text(
        encoding="utf-8"
    ) + "\nmodel Sines()(t: int[N]) -> [N, 16] { return sines(t, 16) }"
    net = fanin.loads(text, "Sines").double()
    t = torch.tensor([0, 1, 17, 999])
    wanted = diffusers.models.embeddings.get_timestep_embedding(t, 16, flip_sin_to_cos=True, downscale_freq_shift=0)
    torch.testing.assert_close(net(t).float(), wanted, rtol=0, atol=1e-4)
    halves = load("model Net()(x: [T, 16]) { return sinusoidal(T, 16, interleaved=false) + 0 * x }")(
        torch.zeros(9, 16).double()
    )
    wanted = diffusers.models.embeddings.get_timestep_embedding(torch.arange(9), 16, downscale_freq_shift=0)
    torch.testing.assert_close(halves.float(), wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("scale", ["1.0", "1 / sqrt(4)"])
def test_s168_keys_queries_and_values(scale: str) -> None:
    net = load(f"""model Net()(q: [B, T, 4], k: [B, S, 4], v: [B, S, 5]) {{
        weight = softmax({scale} * einsum("b t d, b s d -> b t s", q, k), axis=-1)
        return einsum("b t s, b s e -> b t e", weight, v)
    }}""")
    q, k, v = torch.randn(2, 3, 4).double(), torch.randn(2, 6, 4).double(), torch.randn(2, 6, 5).double()
    wanted = F.scaled_dot_product_attention(q, k, v, scale=1.0 if scale == "1.0" else 0.5)
    torch.testing.assert_close(net(q, k, v), wanted, rtol=0, atol=1e-9)


def test_s169_eight_heads() -> None:
    text = "model Net()(x: [B, T, 512]) { return attn: MultiheadAttention(8, batch_first=true)(x, x, x) }"
    program = program_of(text)
    assert parameters(program) == 1_050_624
    net, peer = load(text), nn.MultiheadAttention(512, 8, batch_first=True).double()
    peer.load_state_dict({key.removeprefix("attn."): value for key, value in net.state_dict().items()})
    x = torch.randn(2, 5, 512).double()
    torch.testing.assert_close(net(x), peer(x, x, x, need_weights=False)[0], rtol=0, atol=1e-9)
    (wrong,) = pipeline.check_text(text.replace("512", "100")).diagnostics
    assert "8" in wrong.headline and "100" in wrong.headline


# ------------------------------------------------------------------------------------------------- repetition, shapes


def test_s126_a_repetition_is_the_block_written_out() -> None:
    block = "block Layer()(x: [N, D]) { return (x + tanh(x)) -> fc: Linear(D) }\n"
    rolled = load(block + "model Net(n: int = 4)(x: [N, 6]) { return x -> layers: n * Layer() }")
    lines = " ".join(f"x = x -> layers[{i}]: Layer()" for i in range(4))
    unrolled = load(block + f"model Net()(x: [N, 6]) {{ {lines} return x }}")
    assert list(rolled.state_dict()) == list(unrolled.state_dict())
    unrolled.load_state_dict(rolled.state_dict())
    x = torch.randn(3, 6).double()
    assert torch.equal(rolled(x), unrolled(x))


def test_s167_towers_of_one_layer_or_of_many() -> None:
    head = "from std.transformer import PreNorm\n"
    many = program_of(head + "model Net()(x: [B, T, 12]) { return x -> layers: 5 * PreNorm(3) }")
    shared = program_of(head + "model Net()(x: [B, T, 12]) { layer = PreNorm(3) return x -> 5 * layer }")
    assert parameters(many) == 5 * parameters(shared)
    net = fanin.loads(head + "model Net()(x: [B, T, 12]) { return x -> layer: PreNorm(3) }").double()
    x, order = torch.randn(2, 6, 12).double(), torch.randperm(6)
    torch.testing.assert_close(net(x[:, order]), net(x)[:, order], rtol=0, atol=1e-9)


@pytest.mark.parametrize("seed", range(100))
def test_s073_a_wrong_axis_is_named_with_both_sizes(seed: int) -> None:
    rng = random.Random(seed)
    a, b, c, d = rng.sample(range(2, 64), 4)
    kind = seed % 4
    text, sizes = [
        (f"model Net()(x: [N, {a}], y: [N, {b}]) {{ return x + y }}", (a, b)),
        (f"model Net()(x: [N, {a}]) {{ return x -> f: Linear({c}) -> g: Linear({d}, weight=f.weight) }}", (a, d)),
        (f"model Net()(x: [N, {a}], y: [{b}, {c}]) {{ return x @ y }}", (a, b)),
        (f"model Net()(x: [N, {a}, 9, 9]) -> [N, {c}, 9, 9] {{ return x -> f: Conv2d({d}, 3, padding=1) }}", (c, d)),
    ][kind]
    report = pipeline.check_text(text, "wrong.arch")
    assert not report.ok
    errors = [x for x in report.diagnostics if x.code.id.startswith("SHP")]
    assert errors and errors[0].span.source.name == "wrong.arch" and errors[0].span.line == 1
    said = str(report)
    assert all(re.search(rf"\b{size}\b", said) for size in sizes), said
    with pytest.raises(Exception, match="the spec has errors"):
        fanin.loads(text)


# --------------------------------------------------------------------------------------------------------- graphs


@pytest.mark.parametrize("layer", ["GraphConv(5)", "GraphAttention(2, 4, p=0.0)", "ChebyshevConv(5, 3)"])
def test_s078_a_batch_of_graphs_is_as_many_runs(layer: str) -> None:
    name = layer.split("(")[0]
    net = std(f"graph {name}", f"model Net()(x: [V, 6], e: int[2, E]) {{ return x -> conv: {layer}(e) }}")
    generator = torch.Generator().manual_seed(0)
    runs, xs, edges, offset = [], [], [], 0
    for i in range(8):
        nodes = 3 + i
        x = torch.randn(nodes, 6, generator=generator).double()
        e = torch.randint(nodes, (2, 0 if i == 3 else 2 * nodes), generator=generator)
        runs.append(net(x, e))
        xs.append(x)
        edges.append(e + offset)
        offset += nodes
    torch.testing.assert_close(net(torch.cat(xs), torch.cat(edges, 1)), torch.cat(runs), rtol=0, atol=1e-9)


def test_s080_a_kernel_for_each_neighbour_of_a_regular_mesh() -> None:
    net = load("""model Net()(x: [V, 4], neighbour: int[V, 6]) -> [V, 3] {
        param kernel: [6, 4, 3] = normal(std=1.0)
        return einsum("v k f, k f w -> v w", x[neighbour], kernel)
    }""")
    x, neighbour = torch.randn(9, 4).double(), torch.randint(9, (9, 6))
    wanted = torch.zeros(9, 3).double()
    for k in range(6):
        adjacency = F.one_hot(neighbour[:, k], 9).double()
        wanted += adjacency @ x @ net.get_parameter("kernel")[k]
    torch.testing.assert_close(net(x, neighbour), wanted)


def test_s083_a_circular_convolution_is_a_product_of_spectra() -> None:
    net = load("""model Net()(x: [N, 16], kernel: [16]) -> [N, 16] {
        return irfft(rfft(x) * rfft(kernel), n=16)
    }""")
    x, kernel = torch.randn(3, 16).double(), torch.randn(16).double()
    wanted = torch.stack([sum(kernel[s] * x[:, (t - s) % 16] for s in range(16)) for t in range(16)], 1)
    torch.testing.assert_close(net(x, kernel), wanted, rtol=0, atol=1e-9)


# -------------------------------------------------------------------------------------------------------- randomness


def test_s038_and_s039_two_estimators_of_one_gradient() -> None:
    """E (z - 3)^2 for z ~ N(m, 1): the gradient in m is 2 (m - 3). The pathwise one has the smaller variance."""
    pathwise = load("""model Net()(m: [N]) {
        z = m + randn_like(m)
        return (z - 3) ** 2
    }""")
    score = load("""model Net()(m: [N]) {
        z = stop_gradient(m + randn_like(m))
        logp = -0.5 * (z - m) ** 2
        return stop_gradient((z - 3) ** 2) * logp
    }""")
    torch.manual_seed(0)
    spreads = []
    for net in (pathwise, score):
        m = torch.full((100_000,), 1.0).double().requires_grad_()
        (gradient,) = torch.autograd.grad(net(m).sum(), m)
        error = float(gradient.std() / math.sqrt(len(m)))
        assert abs(float(gradient.mean()) - 2 * (1 - 3)) < 3 * error
        spreads.append(float(gradient.var()))
    assert spreads[0] < spreads[1]


def test_s039_a_baseline_lowers_the_variance() -> None:
    """A categorical choice with rewards 10, 11, 13; the exact gradient by enumeration."""
    spec = """model Net()(logits: [N, 3], reward: [3], baseline: []) {
        i = multinomial(softmax(stop_gradient(logits), axis=1), 1)
        logp = gather(log_softmax(logits, axis=1), i, axis=1)
        return (reward[i] - baseline) * logp
    }"""
    net = load(spec)
    reward, theta = torch.tensor([10.0, 11.0, 13.0]).double(), torch.tensor([0.2, -0.1, 0.4]).double()
    exact = torch.func.grad(lambda t: (t.softmax(0) * reward).sum())(theta)
    torch.manual_seed(0)
    spread = []
    for baseline in (0.0, float((theta.softmax(0) * reward).sum())):
        logits = theta.expand(100_000, 3).clone().requires_grad_()
        (gradient,) = torch.autograd.grad(net(logits, reward, torch.tensor(baseline).double()).sum(), logits)
        assert ((gradient.mean(0) - exact).abs() < 3 * gradient.std(0) / math.sqrt(len(gradient)) + 1e-12).all()
        spread.append(float(gradient.var(0).sum()))
    assert spread[1] * 2 <= spread[0]


def test_s099_the_largest_output_is_an_index_and_ties_go_to_the_first() -> None:
    net = load("model Net()(x: [N, 4]) -> int[N] { return argmax(x, axis=1) }")
    y = net(torch.tensor([[1.0, 3, 3, 2], [0, 0, 0, 0], [1, 2, 3, 4]]).double())
    assert y.dtype is torch.long and y.tolist() == [1, 0, 3]


def test_s110_noise_on_the_input_is_a_ridge() -> None:
    """The loss of a linear model on noisy inputs is that of ridge regression (Bishop 1995), on average."""
    net = load("""model Net(sigma: float = 0.5)(x: [N, 5]) {
        if training { x = x + sigma * randn_like(x) }
        return x -> fc: Linear(1, bias=false)
    }""")
    x = torch.randn(40, 5).double()
    assert torch.equal(net.eval()(x), net.get_submodule("fc")(x))
    y = torch.randn(40, 1).double()
    torch.manual_seed(0)
    with torch.no_grad():
        noisy = torch.stack([(net.train()(x) - y).square().sum() for _ in range(20_000)]).mean()
        weight = net.get_parameter("fc.weight")
        ridge = (x @ weight.T - y).square().sum() + 40 * 0.25 * weight.square().sum()
    torch.testing.assert_close(noisy, ridge, rtol=0.02, atol=0)


# ------------------------------------------------------------------------------------------------------ fitted layers


def test_s111_a_layer_that_whitens() -> None:
    decomposition = pytest.importorskip("sklearn.decomposition")
    x = torch.randn(500, 6).double() @ torch.randn(6, 6).double() + 3
    fit = fanin.loads("""model Fit(k: int = 4)(x: [N, 6]) -> (mean: [6], axes: [6, k]) {
        assert N > 1
        m = mean(x, axis=0)
        values, vectors = eigh(transpose(x - m, 0, 1) @ (x - m) / (N - 1))
        return m, vectors[:, 6 - k:] / sqrt(values[6 - k:])
    }""").double()
    net = fanin.loads("""model Whiten(k: int = 4)(x: [N, 6]) -> [N, k] {
        buffer mean: [6] = zeros
        buffer axes: [6, k] = zeros
        return (x - mean) @ axes
    }""").double()
    found = fit(x)
    net.load_state_dict({"mean": found.mean, "axes": found.axes})  # saved with the network
    y = net(x)
    torch.testing.assert_close(y.T.cov(), torch.eye(4).double(), rtol=0, atol=1e-4)
    wanted = torch.from_numpy(decomposition.PCA(4, whiten=True).fit_transform(x.numpy()))
    torch.testing.assert_close(y.flip(1).abs(), wanted.abs(), rtol=0, atol=1e-6)


def test_s112_a_layer_that_standardises() -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    x = torch.from_numpy(datasets.load_digits().data)
    net = fanin.loads("""model Standardise(features: int = 64)(x: [N, features]) -> [N, features] {
        buffer mean: [features] = zeros
        buffer std: [features] = ones
        return (x - mean) / where(std > 0, std, 1)      # what never changes is left at 0
    }""").double()
    net.load_state_dict({"mean": x.mean(0), "std": x.std(0, correction=0)})
    y = net(x)
    torch.testing.assert_close(
        y, torch.from_numpy(preprocessing.StandardScaler().fit_transform(x.numpy())), rtol=0, atol=1e-9
    )
    moving = x.std(0) > 0
    torch.testing.assert_close(
        y.std(0, correction=0)[moving], torch.ones(int(moving.sum())).double(), rtol=0, atol=1e-6
    )


# ---------------------------------------------------------------------------------------------------------- memories

NTM = (SPECS / "ntm.arch").read_text(encoding="utf-8")
ADDRESS = (
    NTM
    + """
model Address()(
    key: [B, W], strength: [B], gate: [B], shift: [B, 3], sharp: [B], memory: [B, R, W], before: [B, R]) -> [B, R] {
  return address(key, strength, gate, shift, sharp, memory, before)
}
"""
)


def addressed(**given: Tensor) -> Tensor:
    memory = given.get("memory", torch.randn(1, 5, 3).double())
    usual = {
        "key": torch.randn(1, 3), "strength": torch.ones(1), "gate": torch.zeros(1),
        "shift": torch.tensor([[0.0, 1.0, 0.0]]), "sharp": torch.ones(1), "memory": memory,
        "before": F.one_hot(torch.tensor([1]), 5),
    }  # fmt: skip
    found: Tensor = fanin.loads(ADDRESS, "Address").double()(*({**usual, **given}[k].double() for k in usual))
    return found


def test_s156_content_addressing_finds_the_row() -> None:
    memory = torch.randn(1, 5, 3).double()
    key = memory[:, 3] * 2
    weight = addressed(key=key, strength=torch.full((1,), 1e4), gate=torch.ones(1), memory=memory)
    torch.testing.assert_close(weight, F.one_hot(torch.tensor([3]), 5).double(), rtol=0, atol=1e-6)
    alike = F.cosine_similarity(key[:, None], memory, dim=-1)
    soft = addressed(key=key, strength=torch.full((1,), 2.0), gate=torch.ones(1), memory=memory)
    torch.testing.assert_close(soft, (2 * alike).softmax(-1), rtol=0, atol=1e-7)


def test_s157_location_addressing_moves_and_wraps_around() -> None:
    for start, way, end in ((1, 0, 2), (4, 0, 0), (0, 2, 4), (2, 1, 2)):
        shift = F.one_hot(torch.tensor([way]), 3)
        weight = addressed(before=F.one_hot(torch.tensor([start]), 5), shift=shift)
        torch.testing.assert_close(weight, F.one_hot(torch.tensor([end]), 5).double(), rtol=0, atol=1e-7)


def test_s158_sharpening() -> None:
    before = torch.tensor([[0.0, 0.1, 0.5, 0.3, 0.1]]).double()
    torch.testing.assert_close(addressed(before=before), before, rtol=0, atol=1e-7)
    entropies = []
    for sharp in (1.0, 1.5, 2.0, 4.0, 8.0):
        weight = addressed(before=before, sharp=torch.tensor([sharp]))
        assert torch.isfinite(weight).all()
        entropies.append(float(torch.special.entr(weight).sum()))
    assert entropies == sorted(entropies, reverse=True) and len(set(entropies)) == 5


def test_s159_reading() -> None:
    net = load('model Net()(w: [B, R], memory: [B, R, W]) { return einsum("b r, b r w -> b w", w, memory) }')
    memory = torch.tensor([[[1.0, 2, 3, 4], [4, 5, 6.5, 4], [7, 8, 10, 4]]]).double()
    assert net(torch.tensor([[0.0, 1.0, 0.0]]).double(), memory).tolist() == [[4, 5, 6.5, 4]]
    assert net(torch.tensor([[0.5, 0.0, 0.5]]).double(), memory).tolist() == [[4, 5, 6.5, 4]]


def test_s160_writing() -> None:
    net = load("""model Net()(w: [B, R], erase: [B, W], add: [B, W], memory: [B, R, W]) {
        return memory * (1 - einsum("b r, b w -> b r w", w, erase)) + einsum("b r, b w -> b r w", w, add)
    }""")
    memory, value = torch.randn(1, 4, 3).double(), torch.randn(1, 3).double()
    one = F.one_hot(torch.tensor([2]), 4).double()
    written = net(one, torch.ones(1, 3).double(), value, memory)
    assert torch.equal(written[0, 2], value[0]) and torch.equal(written[0, [0, 1, 3]], memory[0, [0, 1, 3]])
    zeros = torch.zeros(1, 3).double()
    assert torch.equal(net(torch.rand(1, 4).double(), zeros, zeros, memory), memory)


@pytest.mark.parametrize(("rows", "width"), [(5, 3), (12, 16)])
def test_s162_addressing_by_content_is_attention(rows: int, width: int) -> None:
    """On rows of unit length, with a strength of 1 / sqrt(width): one query, and the memory as keys and values."""
    generator = torch.Generator().manual_seed(0)
    memory = F.normalize(torch.randn(4, rows, width, generator=generator).double(), dim=-1)
    key = F.normalize(torch.randn(4, width, generator=generator).double(), dim=-1)
    recall = """
model Recall()(key: [B, W], memory: [B, R, W]) -> [B, W] {
  one = ones(B)
  still = broadcast_to(roll(eye(1, 3), 1, axis=1), B, 3)
  weight = address(key, one / sqrt(float(W)), one, still, one, memory, zeros(B, R))
  return einsum("b r, b r w -> b w", weight, memory)
}
"""
    head = fanin.loads(NTM + recall, "Recall").double()
    attention = load("""
model Net()(key: [B, W], memory: [B, R, W]) -> [B, W] {
  return scaled_dot_product_attention(key[:, none], memory, memory)[:, 0]
}""")
    wanted = F.scaled_dot_product_attention(key[:, None], memory, memory)[:, 0]
    torch.testing.assert_close(attention(key, memory), wanted, rtol=0, atol=1e-12)
    torch.testing.assert_close(head(key, memory), wanted, rtol=0, atol=1e-6)
    loud = F.scaled_dot_product_attention(key[:, None], 3 * memory, memory)[:, 0]  # its length does count elsewhere
    torch.testing.assert_close(head(key, 3 * memory) / 3, wanted, rtol=0, atol=1e-6)
    assert not torch.allclose(loud, wanted, atol=1e-3)


# ------------------------------------------------------------------------------------------------ glimpses and halting

GLIMPSE = """
# A window of a picture around a centre, in pixels from the upper left; what is outside is 0 (Mnih et al. 2014).
block Glimpse(size: int)(image: [N, C, H, W], centre: [N, 2]) -> [N, C, size, size] {
  step = arange(size) - float(size - 1) / 2.0
  y = (centre[:, 0:1] + step[none]) * 2 / (H - 1) - 1
  x = (centre[:, 1:2] + step[none]) * 2 / (W - 1) - 1
  grid = stack(broadcast_to(x[:, none], N, size, size), broadcast_to(y[:, :, none], N, size, size), axis=3)
  return grid_sample(image, grid, align_corners=true)
}
model Net()(image: [N, C, 12, 10], centre: [N, 2]) { return g: Glimpse(5)(image, centre) }
"""


def test_s164_a_glimpse_is_a_slice() -> None:
    net = load(GLIMPSE)
    image = torch.randn(3, 2, 12, 10).double()
    centres = torch.tensor([[5, 4], [0, 0], [11, 7]])
    padded = F.pad(image, (2, 2, 2, 2))
    wanted = torch.stack([padded[i, :, r : r + 5, c : c + 5] for i, (r, c) in enumerate(centres.tolist())])
    torch.testing.assert_close(net(image, centres.double()), wanted, rtol=0, atol=1e-5)


def test_s173_halting_spends_a_probability_of_one() -> None:
    text = (SPECS / "universal_transformer.arch").read_text(encoding="utf-8")
    spec = (
        text
        + """
block Same()(x: [B, T, D]) -> [B, T, D] { return x }
model Spent(steps: int = 6)(x: [B, T, 8]) -> (y: [B, T, 8], updates: [B, T]) {
  zero = zeros(B, T)
  r = iterate(step: Ponder(Same(), 0.99), x=x, y=zeros_like(x), halted=zero, remainder=zero, updates=zero, max=steps)
  return r.y, r.updates
}
"""
    )
    net = fanin.loads(spec, "Spent").double()
    x = torch.ones(2, 5, 8).double()
    bias = net.get_parameter("step.halt.bias")
    with torch.no_grad():
        net.get_parameter("step.halt.weight").zero_()
        for value, steps in ((-1.0, 4), (0.0, 2), (50.0, 1)):
            bias.fill_(value)
            out = net(x)
            # With a layer that changes nothing, y is x times what was spent in all.
            assert (out.updates == steps).all() or value == 0.0
            assert (out.updates <= 6).all()
            torch.testing.assert_close(out.y, x, rtol=0, atol=1e-6)


def test_s175_the_discounted_return() -> None:
    reward = torch.randn(3, 20).double()
    for gamma in (0.0, 0.9, 1.0):
        net = load_return(gamma)
        power = gamma ** (torch.arange(20)[None] - torch.arange(20)[:, None]).clamp(min=0).double()
        wanted = reward @ (power.triu()).T
        torch.testing.assert_close(net(reward), wanted, rtol=0, atol=1e-9)


def load_return(gamma: float) -> nn.Module:
    return load(f"""
        block Return(gamma: float)(r: [B], g: [B]) -> (y: [B], g: [B]) {{
          g = r + gamma * g
          return g, g
        }}
        model Net()(reward: [B, T]) -> [B, T] {{
          return scan(cell: Return({gamma}), reward, g=zeros(B), reverse=true).y
        }}
    """)


# -------------------------------------------------------------------------------------------------- invertible blocks

NOT_INVERTIBLE = [
    "x -> f: Linear(8)", "x -> relu", "x -> f: (Linear(8) -> tanh)", "x -> f: 2 * Linear(8)", "x -> sum(axis=1)",
    "x -> f: Dropout(0.5)", "x -> f: LayerNorm()", "x -> f: Mlp()", "x -> f: (Mlp() -> Mlp())", "x -> f: 3 * Mlp()",
]  # fmt: skip


@pytest.mark.parametrize("pipe", NOT_INVERTIBLE)
def test_s033_what_has_no_inverse_is_refused(pipe: str) -> None:
    target = "f" if "f:" in pipe else pipe.split("-> ")[1].split("(")[0]
    text = "block Mlp()(x: [N, D]) { return x -> fc: Linear(D) }\n"
    text += f"model Net()(x: [N, 8]) {{ y = {pipe} return inverse({target})(y) }}"
    report = pipeline.check_text(text)
    assert not report.ok and report.diagnostics[0].code.id.startswith("TYP")
