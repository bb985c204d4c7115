"""Networks looked at while they learn, each by a probe and by an oracle of its own.

Rows S010, S049, S051, S053.
"""

from __future__ import annotations

from math import log

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import Tensor, nn

import fanin
from fanin import probe
from tests.examples import SPECS


def digits() -> tuple[Tensor, Tensor]:
    """The digits in a seeded order: 1,437 to train on, then 360 held out."""
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    return torch.tensor(data.data[order] / 16, dtype=torch.float32), torch.tensor(data.target[order])


HELD = slice(1437, None)


def fit(net: nn.Module, x: Tensor, y: Tensor, epochs: int, batch: int, rate: float, decay: float = 0.0) -> None:
    """AdamW on the cross entropy, over the same batches every time."""
    optimiser = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], lr=rate, weight_decay=decay)
    generator = torch.Generator().manual_seed(0)
    for _ in range(epochs):
        for rows in torch.randperm(1437, generator=generator).split(batch):
            optimiser.zero_grad()
            F.cross_entropy(net(x[rows]), y[rows]).backward()
            optimiser.step()


def accuracy(net: nn.Module, x: Tensor, y: Tensor) -> float:
    with torch.no_grad():
        return float((net(x[HELD]).argmax(1) == y[HELD]).double().mean())


# ------------------------------------------------------------------------------------- structures that are idle early

REVERSAL = """
from std.attention import SelfAttention

model Reverse(vocab: int = 10, length: int = 12, width: int = 64, heads: int = 1)(token: int[B, T]) -> [B, T, vocab] {
  x = (token -> words: Embedding(vocab, width)) + (arange(T) -> places: Embedding(length, width))
  x += x -> norm1: LayerNorm() -> attn: SelfAttention(heads)
  x += x -> norm2: LayerNorm() -> up: Linear(4 * width) -> gelu -> down: Linear(width)
  return x -> norm3: LayerNorm() -> head: Linear(vocab)
}
"""


@pytest.mark.parametrize("heads", [1, 4])
def test_s010_attention_means_little_at_first(heads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that learns to say a row of digits backwards: its attention is even at first, and sharp in the end."""
    net = fanin.loads(REVERSAL, heads=heads)
    generator = torch.Generator().manual_seed(0)
    held = torch.randint(10, (256, 12), generator=generator)
    optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
    recorder = probe.Recorder(net)

    def loss(token: Tensor) -> Tensor:
        return F.cross_entropy(net(token).flatten(0, 1), token.flip(1).flatten())

    def price() -> float:
        """What it costs to look at all positions alike."""
        with torch.no_grad(), monkeypatch.context() as patch:
            whole = float(loss(held))
            patch.setattr(F, "scaled_dot_product_attention", lambda q, k, v, **_: v.mean(-2, keepdim=True).expand_as(q))
            return float(loss(held)) - whole

    prices = {}
    for step in range(201):
        if step in (0, 10, 50, 200):
            recorder.record(step, held)
            prices[step] = price()
        optimiser.zero_grad()
        loss(torch.randint(10, (64, 12), generator=generator)).backward()
        optimiser.step()
    curve = dict(recorder.curve("attn.attention"))
    assert curve[0] >= 0.85 and curve[200] <= 0.5
    assert list(curve.values()) == sorted(curve.values(), reverse=True)
    assert prices[200] >= 10 * prices[10]
    # The entropies by hand, from the projections of the compiled module.
    with probe.taps(net) as seen, torch.no_grad():
        net(held)
    q, k, _ = seen["attn.qkv"].view(256, 12, 3, heads, -1).permute(2, 0, 3, 1, 4)
    weights = (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1)
    (row,) = probe.usage(net, held)
    assert row.entropy == pytest.approx(float(torch.special.entr(weights).sum(-1).mean() / log(12)), abs=1e-5)


def test_s010_routers_and_gates_are_recorded_too() -> None:
    experts = fanin.load(str(SPECS / "moe.arch"), "MoeLanguageModel", vocab=17, width=12, depth=2, heads=3, n=4)
    rows = probe.usage(experts, torch.randint(17, (4, 8)))
    routers = [r for r in rows if r.kind == "softmax"]
    assert routers and all(0 < r.entropy <= 1 and 1 / 4 <= r.share < 1 for r in routers)
    gated = fanin.loads("model Net()(x: [N, 4]) -> [N, 4] { return x * sigmoid(x -> gate: Linear(4)) }")
    x = torch.randn(50, 4)
    (row,) = probe.usage(gated, x)
    assert (row.kind, row.place) == ("gate", "sigmoid")
    open_ = torch.sigmoid(gated.get_submodule("gate")(x)).detach()
    assert row.share == pytest.approx(float(open_.mean()), abs=1e-6)
    bits = -(open_ * open_.log2() + (1 - open_) * (1 - open_).log2())
    assert row.entropy == pytest.approx(float(bits.mean()), abs=1e-6)
    with torch.no_grad():
        gated.get_parameter("gate.bias").fill_(40.0)
    (stuck,) = probe.usage(gated, x)
    assert stuck.share == pytest.approx(1) and stuck.entropy < 1e-6


@pytest.mark.parametrize("causal", [False, True])
def test_s010_attention_by_pytorchs_own_module_and_under_a_mask(causal: bool) -> None:
    text = (
        "model Net()(x: [B, T, 16]) -> [B, T, 16] { return (x, x, x) -> attn: MultiheadAttention(4, batch_first=true) }"
    )
    own = (
        "from std.attention import SelfAttention\n"
        "model Net()(x: [B, T, 16]) -> [B, T, 16] { return x -> attn: SelfAttention(4, causal=true) }"
    )
    net, x = fanin.loads(own if causal else text), torch.randn(3, 7, 16)
    (row,) = probe.usage(net, x)
    if causal:
        q, k, _ = net.get_submodule("attn.qkv")(x).view(3, 7, 3, 4, 4).permute(2, 0, 3, 1, 4)
        scores = (q @ k.mT / 2).masked_fill(torch.ones(7, 7).triu(1) > 0, float("-inf"))
        entropy = torch.special.entr(scores.softmax(-1)).sum(-1)[..., 1:] / torch.arange(2, 8).log()
    else:
        weights = net.get_submodule("attn")(x, x, x, need_weights=True, average_attn_weights=False)[1]
        entropy = torch.special.entr(weights).sum(-1) / log(7)
    assert row.entropy == pytest.approx(float(entropy.detach().mean()), abs=1e-5)


# ----------------------------------------------------------------------------------- what the architecture does itself

CNN = """
@init(conv=he_normal, bias=zeros)
model Net(depth: int)(image: [N, 1, 8, 8]) -> [N, 10] {
  return image -> body: depth * (Conv2d(32, 3, padding=1) -> relu) -> avg_pool2d(2) -> flatten(1) -> head: Linear(10)
}
"""


def baseline(depth: int, epochs: int) -> probe.Baseline:
    x, y = digits()
    x = x.view(-1, 1, 8, 8)
    return probe.random_baseline(
        lambda seed: fanin.loads(CNN, seed=seed, depth=depth),
        lambda net: fit(net, x, y, epochs, 128, 2e-3),
        lambda net: accuracy(net, x, y),
        head="head",
    )


def test_s049_a_random_layer_and_a_trained_head_do_nearly_as_well() -> None:
    first, again = baseline(1, 12), baseline(1, 12)
    assert first.ratio >= 0.9
    assert all(abs(a - b) <= 0.01 for a, b in zip(first.ratios, again.ratios, strict=True))


@pytest.mark.slow
def test_s049_six_random_layers_do_worse() -> None:
    """Each of three draws: 0.99 with one layer, 0.93 to 0.96 with six."""
    one, six = baseline(1, 25), baseline(6, 25)
    print(f"random body over all trained: {one.ratio:.3f} with 1 layer, {six.ratio:.3f} with 6")
    assert one.ratio >= 0.9
    assert max(six.ratios) < min(one.ratios)
    assert min(six.trained) > max(one.trained)  # though trained they are better


def test_s049_only_the_head_is_trained() -> None:
    net = fanin.loads(CNN, depth=2)
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    probe.freeze_all_but(net, "head")
    x, y = digits()
    fit(net, x.view(-1, 1, 8, 8), y, 1, 512, 1e-2)
    moved = {name for name, p in net.named_parameters() if not torch.equal(p, before[name])}
    assert moved == {"head.weight", "head.bias"}
    with pytest.raises(ValueError, match="no weights below `heads`"):
        probe.freeze_all_but(net, "heads")


KEEPS = "model Net()(x: [N, 64]) -> [N, 10] { return x -> body: 4 * (Linear(128) -> relu) as kept -> head: Linear(10) }"


def kept(net: nn.Module, x: Tensor) -> Tensor:
    with probe.taps(net) as seen, torch.no_grad():
        net(x)
    return seen["kept"]


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)])
def test_s051_random_features_keep_the_input_and_trained_ones_the_task(seed: int) -> None:
    """R² of x from the last hidden layer: 0.80 random, 0.67 to 0.70 with decay, 0.71 to 0.72 without."""
    x, y = digits()
    found = {}
    for decay in (None, 0.5, 0.0):
        net = fanin.loads(KEEPS, seed=seed)
        if decay is not None:
            fit(net, x, y, 60, 64, 1e-3, decay)
        value = kept(net, x)
        fidelity = probe.reconstruction(value[:1437], x[:1437], value[HELD], x[HELD])
        labels = F.one_hot(y, 10).double()
        task = probe.reconstruction(value[:1437], labels[:1437], value[HELD], labels[HELD])
        found[decay] = (fidelity, task)
        if decay is not None:
            assert accuracy(net, x, y) > 0.96
    print(f"seed {seed}: of x and of the task, {found}")
    assert found[0.5][0] <= found[None][0] - 0.05
    assert found[0.5][1] > found[None][1] + 0.05


def test_s051_the_read_out_is_ridge_regression() -> None:
    from sklearn.linear_model import Ridge
    from sklearn.metrics import r2_score

    generator = torch.Generator().manual_seed(0)
    x, held = torch.randn(200, 12, generator=generator).double(), torch.randn(80, 12, generator=generator).double()
    weights = torch.randn(12, 5, generator=generator).double()
    y, truth = x @ weights + torch.randn(200, 5, generator=generator), held @ weights
    strength = 0.3 * float((x - x.mean(0)).square().sum(0).mean())
    model = Ridge(alpha=strength).fit(x.numpy(), y.numpy())
    wanted = r2_score(truth.numpy(), model.predict(held.numpy()), multioutput="variance_weighted")
    assert probe.reconstruction(x, y, held, truth, ridge=0.3) == pytest.approx(wanted, abs=1e-9)


# --------------------------------------------------------------------------------------------- low frequencies first

WAVES = {
    "dense": """
model Net()(x: [N, 1]) -> [N, 1] { return x -> hidden: 3 * (Linear(256) -> relu) -> head: Linear(1) }
""",
    "convolutions": """
model Net()(x: [N, 1, L]) -> [N, 1, L] {
  return x -> hidden: 3 * (Conv1d(64, 9, padding=4) -> relu) -> head: Conv1d(1, 1)
}
""",
}


def learned(kind: str, waves: tuple[int, ...], steps: int) -> probe.Spectrum:
    """Train on a sum of sines over a grid until 90 % of each wave is there."""
    grid = torch.arange(200) / 200
    target = sum((torch.sin(2 * torch.pi * k * grid) for k in waves), torch.zeros(200))
    x = grid[:, None] if kind == "dense" else grid[None, None]
    net = fanin.loads(WAVES[kind])
    spectrum = probe.spectrum(target)
    assert spectrum.frequencies == waves
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
    for step in range(steps + 1):
        y = net(x).flatten()
        if step % (5 if step < 200 else 25) == 0:
            spectrum.record(step, y)
            if None not in spectrum.reached().values():
                break
        optimiser.zero_grad()
        F.mse_loss(y, target).backward()
        optimiser.step()
    return spectrum


@pytest.mark.slow
@pytest.mark.parametrize("kind", WAVES)
def test_s053_low_frequencies_are_learned_first(kind: str) -> None:
    """Steps 15, 350 and 9,375 with dense layers, 15, 1,275 and 9,100 with convolutions."""
    spectrum = learned(kind, (1, 4, 10), 25_000)
    print(kind, spectrum.reached())
    steps = [spectrum.reached()[k] for k in (1, 4, 10)]
    assert None not in steps
    assert steps[0] < steps[1] < steps[2] and steps[2] >= 10 * steps[0]  # type: ignore[operator]


@pytest.mark.parametrize("kind", WAVES)
def test_s053_two_waves(kind: str) -> None:
    low, high = learned(kind, (1, 4), 3000).reached().values()
    assert low is not None and high is not None and high >= 10 * low


def test_s053_shares_of_waves_as_numpy_has_them() -> None:
    grid = np.arange(64) / 64
    target = np.sin(2 * np.pi * grid) + 0.5 * np.cos(2 * np.pi * 5 * grid)
    seen = 0.3 * np.sin(2 * np.pi * grid) + 0.4 * np.sin(2 * np.pi * 5 * grid) + 0.1 * np.cos(2 * np.pi * 5 * grid)
    spectrum = probe.spectrum(torch.tensor(target))
    shares = spectrum.record(7, torch.tensor(seen))
    ratio = np.fft.rfft(seen) / np.where(np.abs(np.fft.rfft(target)) > 1e-6, np.fft.rfft(target), np.inf)
    assert shares == pytest.approx(tuple(ratio[[1, 5]].real))
    assert shares == pytest.approx((0.3, 0.2))  # what is out of phase is not learned
    spectrum.record(8, torch.tensor(target))
    assert spectrum.reached() == {1: 8, 5: 8} and spectrum.reached(0.25) == {1: 7, 5: 8}
