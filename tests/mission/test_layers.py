"""Layers and norms.

Rows S004 (values), S018, S026, S037, S043, S068, S069, S070, S071, S113 (value), S121, S128, S129, S226.
"""

from __future__ import annotations

import itertools
import math
import random

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import fanin
from fanin import pipeline
from tests.unit.elaborate.test_training import load

ACTIVATIONS = [
    "relu",
    "tanh",
    "sigmoid",
    "gelu",
    "silu",
    "elu",
    "selu",
    "softplus",
    "mish",
    "leaky_relu",
    "hardswish",
    "celu",
]


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_s004_activations_and_their_gradients(act: str) -> None:
    net = load(f"model Net()(x: [N]) {{ return x -> {act} }}")
    reference = torch.tanh if act == "tanh" else torch.sigmoid if act == "sigmoid" else getattr(F, act)
    x = torch.linspace(-6, 6, 501, dtype=torch.float64)
    a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
    y, wanted = net(a), reference(b)
    torch.testing.assert_close(y, wanted, rtol=0, atol=1e-9)
    y.sum().backward(), wanted.sum().backward()
    torch.testing.assert_close(a.grad, b.grad, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("op", "shape"),
    [("dropout(0.3)", (200, 500)), ("dropout1d(0.3)", (200, 500, 3)), ("dropout2d(0.3)", (200, 500, 2, 2))],
)
def test_s018_dropout(op: str, shape: tuple[int, ...]) -> None:
    sizes = ", ".join(["N", *map(str, shape[1:])])
    net = load(f"model Net()(x: [{sizes}]) {{ return x -> {op} }}")
    x = torch.ones(shape).double()
    assert torch.equal(net.eval()(x), x)
    torch.manual_seed(0)
    y = net.train()(x)
    assert float(y.mean()) == pytest.approx(1, rel=0.01)
    rows = y.flatten(2) if y.dim() > 2 else y[..., None]
    assert ((rows == 0).all(2) | (rows > 0).all(2)).all()  # whole channels
    assert float((rows[..., 0] == 0).double().mean()) == pytest.approx(0.3, abs=0.01)


def test_s018_the_mean_of_masked_passes_is_the_full_pass() -> None:
    net = load("model Net()(x: [N, 20]) { return x -> dropout(0.5) -> fc: Linear(3) }").train()
    x = torch.rand(20).double() + 0.5
    with torch.no_grad():
        nn.init.uniform_(net.get_parameter("fc.weight"), 0.5, 1.0)
        torch.manual_seed(0)
        mean = net(x.expand(20_000, 20)).mean(0)
        torch.testing.assert_close(mean, net.eval()(x[None])[0], rtol=0.01, atol=0)


def settings(seed: int) -> tuple[int, dict[str, object], tuple[int, ...], int]:
    rng = random.Random(seed)
    dims = rng.choice([1, 2, 3])
    groups = rng.choice([1, 1, 2])
    given = {
        "stride": rng.choice([1, 2]), "padding": rng.choice([0, 1, 2]), "dilation": rng.choice([1, 2]),
        "groups": groups, "bias": rng.random() < 0.5,
    }  # fmt: skip
    sizes = tuple(rng.randrange(7, 10) for _ in range(dims))
    return dims, given, (2, 2 * groups, *sizes), rng.choice([1, 2, 3])


@pytest.mark.parametrize("seed", range(60))
def test_s026_convolutions(seed: int) -> None:
    dims, given, shape, kernel = settings(seed)
    text = ", ".join(f"{k}={str(v).lower()}" for k, v in given.items())
    transposed = "Transpose" if seed % 4 == 3 else ""
    letters = ", ".join(["N", str(shape[1]), "H", "W", "D"][: dims + 2])
    least = " ".join(f"assert {letter} >= 7" for letter in ["H", "W", "D"][:dims])
    net = load(
        f"model Net()(x: [{letters}]) {{ {least}"
        f" return x -> c: Conv{transposed}{dims}d({4 * int(str(given['groups']))}, {kernel}, {text}) }}"
    )
    x = torch.randn(shape).double()
    reference = getattr(F, f"conv{'_transpose' if transposed else ''}{dims}d")
    weights = net.get_parameter("c.weight"), net.get_parameter("c.bias") if given["bias"] else None
    plain = {k: v for k, v in given.items() if k != "bias"}
    torch.testing.assert_close(net(x), reference(x, *weights, **plain), rtol=0, atol=1e-9)


def test_s026_a_kernel_of_the_notes_finds_horizontal_edges() -> None:
    net = load("model Net()(x: [N, 1, H, W]) { assert H >= 3 and W >= 3 return x -> c: Conv2d(1, 3, bias=false) }")
    with torch.no_grad():
        net.get_parameter("c.weight").copy_(torch.tensor([-2.0, 0, 2])[:, None].expand(3, 3)[None, None])
    step = torch.zeros(1, 1, 6, 6).double()
    step[:, :, 3:] = 1
    assert net(step)[0, 0].tolist() == [[0.0] * 4, [6.0] * 4, [6.0] * 4, [0.0] * 4]
    assert not net(step.mT).any()


def test_s037_batch_normalisation_after_ten_steps() -> None:
    for dims, shape in ((1, (8, 5)), (2, (8, 5, 3, 4))):
        letters = "[N, 5]" if dims == 1 else "[N, 5, H, W]"
        net = load(f"model Net()(x: {letters}) {{ return x -> bn: BatchNorm{dims}d() }}").train()
        peer = getattr(nn, f"BatchNorm{dims}d")(5).double()
        for _ in range(10):
            x = torch.randn(shape).double() * 3 + 1
            torch.testing.assert_close(net(x), peer(x), rtol=0, atol=1e-9)
        torch.testing.assert_close(dict(net.named_buffers())["bn.running_var"], peer.running_var)
        torch.testing.assert_close(net.eval()(x), peer.eval()(x))


def test_s043_layer_normalisation_sees_one_sample_alone() -> None:
    net = load("model Net()(x: [N, T, 6]) { return x -> norm: LayerNorm() }")
    x = torch.randn(4, 3, 6).double()
    torch.testing.assert_close(net(x), F.layer_norm(x, (6,)), rtol=0, atol=1e-9)
    other = x.clone()
    other[1:] = 99
    assert torch.equal(net(x)[0], net(other)[0])


def test_s068_selu_has_its_fixed_point_and_keeps_it() -> None:
    x = torch.linspace(-20, 20, 400_001, dtype=torch.float64)
    density = torch.exp(-x.square() / 2) / math.sqrt(2 * math.pi)
    y = load("model Net()(x: [N]) { return selu(x) }")(x)
    assert float(torch.trapezoid(y * density, x)) == pytest.approx(0, abs=1e-8)
    assert float(torch.trapezoid(y.square() * density, x)) == pytest.approx(1, abs=1e-8)
    net = load(
        "@init(linear=lecun_normal, bias=zeros)"
        " model Net()(x: [N, 1024]) { return x -> layers: 50 * (Linear(1024) -> selu) }"
    )
    assert 0.8 <= float(net(torch.randn(64, 1024).double()).square().mean()) <= 1.25


def test_s069_a_scale_changes_the_gain_by_itself() -> None:
    net = load("model Net()(x: [N, 8]) { param c: [] = 3.0 return c * x }")
    x = torch.randn(5, 8).double()
    torch.testing.assert_close(net(x), 3 * x, rtol=0, atol=0)


AXES = [c for n in (1, 2, 3) for c in itertools.combinations((0, 1, 2), n)]


@pytest.mark.parametrize("axes", AXES)
def test_s070_a_norm_over_any_axes(axes: tuple[int, ...]) -> None:
    """Over batch, channels and space, in every combination; the affine part has the axes that are left."""
    names = ["N", "C", "S"]
    kept = [names[i] if i not in axes else "1" for i in range(3)]
    spec = f"""
        block Normed()(x: [N, C, S]) -> [N, C, S] {{
          m = mean(x, axis=({", ".join(map(str, axes))},), keepdim=true)
          v = var(x, axis=({", ".join(map(str, axes))},), correction=0, keepdim=true)
          param gain: [{", ".join(kept)}] = ones
          return (x - m) / sqrt(v + 1e-12) * gain
        }}
        model Net()(x: [6, 5, 7]) {{ return x -> norm: Normed() }}
    """
    y = load(spec)(torch.randn(6, 5, 7).double() * 4 + 2)
    torch.testing.assert_close(y.mean(axes), torch.zeros_like(y.mean(axes)), rtol=0, atol=1e-5)
    torch.testing.assert_close(y.var(axes, correction=0), torch.ones_like(y.mean(axes)), rtol=0, atol=1e-5)
    wrong = spec.replace(f"param gain: [{', '.join(kept)}]", "param gain: [C + 1, S]")
    report = pipeline.check_text(wrong)
    assert [d.code.id for d in report.diagnostics] == ["SHP301"]


def normed(axes: str, x: torch.Tensor) -> torch.Tensor:
    sizes = list(x.shape)
    net = load(f"""model Net()(x: {sizes}) {{
        m = mean(x, axis={axes}, keepdim=true)
        v = var(x, axis={axes}, correction=0, keepdim=true)
        return (x - m) / sqrt(v + 1e-5)
    }}""")
    found: torch.Tensor = net(x)
    return found


def test_s071_library_norms_are_norms_over_slices() -> None:
    x = torch.randn(6, 8, 4, 5).double()
    torch.testing.assert_close(normed("(0, 2, 3)", x), F.batch_norm(x, None, None, training=True))
    torch.testing.assert_close(normed("(2, 3)", x), F.instance_norm(x))
    torch.testing.assert_close(normed("(1, 2, 3)", x), F.layer_norm(x, (8, 4, 5)))
    grouped = normed("(2, 3, 4)", x.view(6, 2, 4, 4, 5)).view_as(x)
    torch.testing.assert_close(grouped, F.group_norm(x, 2))


def test_s113_the_scaled_tanh_of_lecun() -> None:
    net = load("model Net()(x: [N]) { return 1.7159 * tanh(2 * x / 3) }")
    x = torch.linspace(-5, 5, 101, dtype=torch.float64)
    torch.testing.assert_close(net(x), 1.7159 * torch.tanh(2 / 3 * x), rtol=0, atol=1e-12)
    assert float(net(torch.ones(1).double())) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_s121_pooling(dims: int) -> None:
    letters, shape = ", ".join(["N", "3", "H", "W", "D"][: dims + 2]), (2, 3, 8, 9, 7)[: dims + 2]
    least = " ".join(f"assert {letter} >= 7" for letter in ["H", "W", "D"][:dims])
    x = torch.randn(shape).double()
    for kind, plain in (("max", getattr(F, f"max_pool{dims}d")), ("avg", getattr(F, f"avg_pool{dims}d"))):
        net = load(f"model Net()(x: [{letters}]) {{ {least} return x -> {kind}_pool{dims}d(3, stride=2, padding=1) }}")
        torch.testing.assert_close(net(x), plain(x, 3, stride=2, padding=1), rtol=0, atol=1e-12)


def test_s128_global_average_pooling_takes_any_size() -> None:
    net = load(
        "model Net()(x: [N, 3, H, W]) {"
        " return x -> c: Conv2d(5, 3, padding=1) -> adaptive_avg_pool2d(1) -> flatten(1) -> fc: Linear(4) }"
    )
    for size in (8, 12):
        x = torch.randn(2, 3, size, size).double()
        torch.testing.assert_close(net(x), net.get_submodule("fc")(net.get_submodule("c")(x).mean((2, 3))))


def test_s129_a_one_by_one_convolution_is_a_dense_layer_at_every_pixel() -> None:
    net = load("model Net()(x: [N, 6, H, W]) { return x -> c: Conv2d(4, 1) }")
    x = torch.randn(2, 6, 5, 3).double()
    weight, bias = net.get_parameter("c.weight")[..., 0, 0], net.get_parameter("c.bias")
    torch.testing.assert_close(net(x), F.linear(x.permute(0, 2, 3, 1), weight, bias).permute(0, 3, 1, 2))


def test_s226_a_rezero_network_starts_as_the_identity() -> None:
    net = fanin.loads("""from std.residual import ReZero
        model Net()(x: [N, 16]) { return x -> layers: 32 * ReZero(Linear(16) -> relu -> Linear(16)) }""")
    x = torch.randn(4, 16)
    assert torch.equal(net(x), x)
