"""Rows S003, S059, S060 (its gains), S061, S062, S072, S114: what weights start as."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import fanin
from tests.examples import SPECS
from tests.unit.elaborate.test_training import load

LAWS = {
    "normal(std=0.3)": (0, 0.09), "uniform(-1, 1)": (0, 1 / 3), "trunc_normal(std=1.0)": (0, 0.7737),
    "he_normal": (0, 2 / 1000), "he_uniform": (0, 2 / 1000), "xavier_normal": (0, 1 / 1000),
    "lecun_uniform": (0, 1 / 1000), "constant(0.5)": (0.5, 0), "orthogonal": (0, 1 / 1000),
}  # fmt: skip


@pytest.mark.parametrize("law", LAWS)
def test_s003_a_law_has_its_mean_and_variance(law: str) -> None:
    weight = load(f"model Net()(x: [N, 1000]) {{ return x -> fc: Linear(1000, init={law}) }}").get_parameter(
        "fc.weight"
    )
    mean, variance = LAWS[law]
    assert weight.numel() >= 1e6
    assert float(weight.mean()) == pytest.approx(mean, abs=0.01 * max(math.sqrt(variance), 1e-6) + 1e-9)
    assert float(weight.var()) == pytest.approx(variance, rel=0.01, abs=1e-12)


def test_s003_the_same_seed_gives_the_same_bits_and_other_blocks_change_nothing() -> None:
    text = "model Net()(x: [N, 8]) { return x -> a: Linear(8) -> b: Linear(4) }"
    more = text.replace("a: Linear(8)", "a: Linear(8) -> between: Linear(8)")
    first, twin, other, seeded = fanin.loads(text), fanin.loads(text), fanin.loads(more), fanin.loads(text, seed=1)
    for key, value in first.state_dict().items():
        assert torch.equal(value, twin.state_dict()[key]) and torch.equal(value, other.state_dict()[key])
        assert not torch.equal(value, seeded.state_dict()[key])


def gamma(init: str, d: int = 512) -> float:
    net = load(f"model Net()(x: [N, {d}]) {{ return x -> fc: Linear(2048, init={init}) }}")
    x = torch.randn(2000, d, generator=torch.Generator().manual_seed(0)).double()
    return float(net(x).square().mean() / x.square().mean())


def test_s059_the_law_as_first_written_keeps_a_third_of_the_variance() -> None:
    d = 512
    bound = 1 / math.sqrt(d)
    assert gamma(f"uniform({-bound}, {bound})") == pytest.approx(1 / 3, rel=0.01)
    assert gamma(f"normal(std={bound})") == pytest.approx(1, rel=0.01)
    wide = math.sqrt(3 / d)
    assert gamma(f"uniform({-wide}, {wide})") == pytest.approx(1, rel=0.01)
    assert gamma("lecun_uniform") == pytest.approx(1, rel=0.01)


GAINS = {"relu": math.sqrt(2), "tanh": 1.5925, "gelu": 1.5335, "silu": 1.6765}


@pytest.mark.parametrize("act", GAINS)
def test_s060_a_gain_makes_up_for_its_activation(act: str) -> None:
    x = torch.linspace(-12, 12, 200_001, dtype=torch.float64)
    density = torch.exp(-x.square() / 2) / math.sqrt(2 * math.pi)
    second = torch.trapezoid(getattr(F, act)(x).square() * density, x)
    assert float(1 / second.sqrt()) == pytest.approx(GAINS[act], rel=1e-3)
    net = load(
        f"model Net()(x: [N, 1024]) {{ return x -> {act} -> fc: Linear(1024, init=lecun_normal(gain={GAINS[act]})) }}"
    )
    y = net(torch.randn(1000, 1024).double())
    assert float(y.square().mean()) == pytest.approx(1, rel=0.03)


@pytest.mark.parametrize("act", ["tanh", "selu", "elu", "softplus"])
def test_s060_stacks_of_stable_activations_keep_their_variance(act: str) -> None:
    x = torch.linspace(-12, 12, 200_001, dtype=torch.float64)
    density = torch.exp(-x.square() / 2) / math.sqrt(2 * math.pi)
    gain = float(1 / torch.trapezoid(getattr(F, act)(x).square() * density, x).sqrt())
    net = load(f"""@init(linear=lecun_normal(gain={gain}), bias=zeros)
        model Net()(x: [N, 1024]) {{ return x -> layers: 40 * ({act} -> Linear(1024)) }}""")
    y = net(torch.randn(64, 1024).double())
    assert 0.8 <= float(y.square().mean()) <= 1.25


SMALL = {
    "gpt2": ("Gpt2", {"width": 8, "depth": 1, "heads": 2, "vocab": 9}),
    "bert": ("Bert", {"width": 8, "depth": 1, "heads": 2, "vocab": 9}),
    "vit": ("Vit", {"width": 8, "depth": 1, "heads": 2, "patch": 16, "size": 32}),
    "mixer": ("Mixer", {"width": 8, "depth": 1, "patch": 16, "size": 32}),
    "mobilenet": ("MobileNetV2", {"classes": 3}),
}


@pytest.mark.parametrize("file", SMALL)
def test_s061_biases_start_at_zero_where_a_law_is_set(file: str) -> None:
    name, hyper = SMALL[file]
    net = fanin.load(str(SPECS / f"{file}.arch"), name, **hyper)
    linear = [m for m in net.modules() if isinstance(m, nn.Linear | nn.Conv2d) and m.bias is not None]
    assert linear and all(not m.bias.any() for m in linear if file != "vit" or isinstance(m, nn.Linear))


def test_s061_a_gate_that_keeps_is_spelled_out() -> None:
    cell = fanin.load(str(SPECS / "recurrent.arch"), "Lstm", vocab=5, width=3, hidden=4)
    assert cell.get_parameter("layer.0.forget.bias").unique().tolist() == [1.0]


def test_s062_fan_in_keeps_what_flows_and_fan_out_what_flows_back() -> None:
    found = {}
    for mode in ("fan_in", "fan_out", "fan_avg"):
        net = load(
            f'model Net()(x: [N, 256]) {{ return x -> relu -> fc: Linear(1024, init=he_normal(mode="{mode}")) }}'
        )
        weight = net.get_parameter("fc.weight")
        x = torch.randn(4000, 256).double()
        forward = float(net(x).square().mean())
        back = torch.randn(4000, 1024).double() @ weight.detach()
        found[mode] = (forward, float(back.square().mean()) / 2)  # half of it passes the relu
        if mode == "fan_avg":
            assert float(weight.var()) == pytest.approx(2 / ((256 + 1024) / 2), rel=0.02)
    assert found["fan_in"][0] == pytest.approx(1, rel=0.03)
    assert found["fan_out"][1] == pytest.approx(1, rel=0.03)
    assert found["fan_out"][0] < found["fan_avg"][0] < found["fan_in"][0]
    assert found["fan_out"][1] < found["fan_avg"][1] < found["fan_in"][1]


FANS = {
    "x -> m: Linear(2000, init=lecun_normal)": ("[N, 600]", 600),
    "x -> m: Conv2d(960, 3, init=lecun_normal)": ("[N, 120, 8, 8]", 120 * 9),
    "x -> m: Conv2d(960, 3, groups=4, init=lecun_normal)": ("[N, 480, 8, 8]", 120 * 9),
    "x -> m: Conv1d(900, 5, init=lecun_normal)": ("[N, 240, 9]", 240 * 5),
}


@pytest.mark.parametrize("layer", FANS)
def test_s114_the_standard_deviation_is_that_of_the_fan_in(layer: str) -> None:
    shape, fan = FANS[layer]
    weight = load(f"model Net()(x: {shape}) {{ return {layer} }}").get_parameter("m.weight")
    assert weight[0].numel() == fan and weight.numel() > 1e6
    assert float(weight.std()) == pytest.approx(fan**-0.5, rel=0.01)


@pytest.mark.slow
def test_s072_a_hundred_blocks_without_norm_learn_by_fixup() -> None:
    """The trunk starts as the identity, and the digits are learned where He's law alone diverges."""
    datasets = pytest.importorskip("sklearn.datasets")
    x, y = datasets.load_digits(return_X_y=True)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    x, y = torch.tensor(x / 16).float()[order], torch.tensor(y)[order]
    found = {}
    text = (SPECS / "without_norm.arch").read_text(encoding="utf-8")
    for start, spec in (("fixup", text), ("he_normal", text.replace("linear=fixup", "linear=he_normal"))):
        net = fanin.loads(spec, "FixupMlp", depth=100, width=64)
        if start == "fixup":
            h = torch.randn(5, 64)
            assert torch.equal(net.get_submodule("layers")(h), h)
        torch.manual_seed(0)
        optimiser = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
        for step in range(300):
            batch = torch.randint(1437, (128,), generator=torch.Generator().manual_seed(step))
            loss = F.cross_entropy(net(x[batch]), y[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        found[start] = float((net(x[1437:]).argmax(1) == y[1437:]).float().mean())
    assert found["fixup"] >= 0.95 and found["he_normal"] <= 0.5, found
