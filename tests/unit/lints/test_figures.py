"""The figures that rules on the start go by, held to compiled modules and to PyTorch's own cells."""

from __future__ import annotations

from math import log, prod, sqrt

import pytest
import torch
from torch import nn

import fanin
from fanin import pipeline
from fanin.lints.signal import limits, rules
from fanin.lints.signal.activation_gain import gain
from fanin.lints.signal.along import Net
from fanin.lints.signal.chaotic_variance import power
from fanin.lints.signal.residual import streams
from fanin.lints.signal.router_load import busiest
from fanin.lints.signal.tied_growth import _branch, _stream
from fanin.report import Start
from fanin.signal.horizon import fading
from fanin.signal.rules.convolution import taps_inside
from fanin.source import Source

DRAWS = 12


def net_of(text: str) -> Net:
    program = pipeline.check_text(text).programs[0]
    return Net(program, pipeline.signal(program))


def said(text: str, code: str) -> str:
    report = pipeline.check_source(Source("<string>", text), "<string>", None, None, signals=Start(width="width"))
    return next(d.headline for d in report.diagnostics if d.code.id == code)


def drawn(text: str) -> list[nn.Module]:
    made = []
    for seed in range(DRAWS):
        torch.manual_seed(seed)
        made.append(fanin.loads(text, seed=seed).double())
    return made


def test_the_power_that_a_scale_goes_by() -> None:
    """SIG102: by how much the output's variance changes with that of the input, by a difference in PyTorch.

    Few layers, since a draw moves the place on the curve by the more the larger the power is.
    """
    text = (
        "@init(auto)\nmodel Net()(x: [N, 1000]) {\n"
        "  for _ in 0..8 { x = x -> l: Linear(1000) -> gelu }\n  return x -> head: Linear(1000)\n}"
    )
    net = net_of(text)
    found = []
    for made in drawn(text):
        x = torch.randn(16, 1000, dtype=torch.float64)
        with torch.no_grad():
            small, large = (float((made(s * x) ** 2).mean()) for s in (0.999, 1.001))
        found.append(log(large / small) / (2 * log(1.001 / 0.999)))
    assert sum(found) / DRAWS == pytest.approx(power(net, net.chains[0]), rel=0.04)


def test_gradients_of_weights_scaled_one_way() -> None:
    """SIG104"""
    text = (
        "@init(linear=he_normal, bias=zeros)\nmodel Net()(x: [N, 2048]) {\n"
        "  return x -> a: Linear(1024) -> relu -> b: Linear(256) -> relu -> c: Linear(64) -> relu -> head: Linear(64)\n}"
    )
    assert "4 times back to `a`" in said(text, "SIG104")
    ratios = []
    for net in drawn(text):
        grads: dict[str, torch.Tensor] = {}
        for name in ("a", "c"):
            getattr(net, name).register_full_backward_hook(
                lambda m, i, o, n=name, grads=grads: grads.__setitem__(n, o[0])
            )
        y = net(torch.randn(64, 2048, dtype=torch.float64))
        (y * torch.randn_like(y)).sum().backward()
        ratios.append(float((grads["c"] ** 2).mean() / (grads["a"] ** 2).mean()))
    assert sqrt(sum(ratios) / DRAWS) == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize("tied", [True, False])
def test_a_stream_behind_tied_blocks(tied: bool) -> None:
    """SIG122: the kernel over the steps, with one set of weights and with several."""
    block = (
        "block Step()(x: [N, D]) -> [N, D] {\n  return x + (x -> a: Linear(D, init=lecun_normal(gain=0.5), bias=false)"
        " -> tanh -> b: Linear(D, init=lecun_normal, bias=false))\n}\n"
    )
    text = block + "model Net()(x: [N, 300]) {\n  step = Step()\n  for _ in 0..10 { x = x -> step }\n  return x\n}"
    own = block + "model Net()(x: [N, 300]) {\n  return x -> l: 10 * Step()\n}"
    net = net_of(text)
    (stream,) = streams(net)
    predicted = sqrt(_stream(net, _branch(net, stream[0]), 1.0, len(stream), tied))
    found = []
    for made in drawn(text if tied else own):
        with torch.no_grad():
            found.append(float((made(torch.randn(64, 300, dtype=torch.float64)) ** 2).mean()))
    assert sqrt(sum(found) / DRAWS) == pytest.approx(predicted, rel=0.04)


def test_gradients_through_norms_in_a_row() -> None:
    """SIG131: the length of the gradient at the first layer over that at the last."""
    text = "model Net()(x: [64, 64]) {\n  return x -> l: 16 * (Linear(256, bias=false) -> BatchNorm1d() -> relu) -> head: Linear(64)\n}"
    times = float(said(text, "SIG131").split("grow ")[1].split(" times")[0])
    ratios = []
    for net in drawn(text):
        grads: dict[str, torch.Tensor] = {}
        first, last = net.get_submodule("l.0.0"), net.get_submodule("head")
        for name, module in (("first", first), ("last", last)):
            module.register_full_backward_hook(lambda m, i, o, n=name, grads=grads: grads.__setitem__(n, o[0]))
        y = net(torch.randn(64, 64, dtype=torch.float64))
        (y * torch.randn_like(y)).sum().backward()
        ratios.append(float((grads["first"] ** 2).sum() / (grads["last"] ** 2).sum()))
    assert sqrt(sum(ratios) / DRAWS) == pytest.approx(times, rel=0.25)


@pytest.mark.parametrize(("cell", "states"), [("LSTMCell", 2), ("GRUCell", 1), ("RNNCell", 1)])
def test_how_a_gradient_fades_over_steps(cell: str, states: int) -> None:
    """SIG141: brought back by autograd from the last states to those eight steps before, through PyTorch's cell."""
    size, steps, back = 256, 20, 8
    start = ", ".join(f"{s}=zeros(N, {size})" for s in ("h", "c")[:states])
    net = net_of(f"model Net()(x: [N, {steps}, 64]) {{\n  r = scan(c: {cell}({size}), x, {start})\n  return r.y\n}}")
    (loop,) = net.analysis.tape.loops
    predicted = fading(net.analysis, loop, back)
    total = 0.0
    for seed in range(DRAWS):
        torch.manual_seed(seed)
        module = getattr(nn, cell)(64, size).double()
        state = tuple(torch.zeros(16, size, dtype=torch.float64) for _ in range(states))
        kept: tuple[torch.Tensor, ...] = ()
        for t in range(steps):
            if t == steps - back:
                state = kept = tuple(s.detach().requires_grad_() for s in state)
            x = torch.randn(16, 64, dtype=torch.float64)
            given = module(x, state if states > 1 else state[0])
            state = given if states > 1 else (given,)
        grads = torch.autograd.grad(sum((s * torch.randn_like(s)).sum() for s in state), kept)
        total += sum(float((g**2).sum()) for g in grads) / (states * 16 * size)
    assert predicted is not None
    assert predicted ** (1 / back) == pytest.approx(sqrt(total / DRAWS) ** (1 / back), rel=0.05)


def test_the_share_of_the_busiest_expert() -> None:
    """SIG142: tokens behind a relu share a direction, and with it an expert."""
    text = (
        "model Net()(x: [512, 64]) {\n  h = x -> fc: Linear(256, init=he_normal) -> relu\n"
        "  logits = h -> router: Linear(8, init=lecun_normal(gain=3.0), bias=false)\n  w, i = topk(logits, 1, axis=-1)\n  return i, w\n}"
    )
    net = net_of(text)
    router = next(layer for layer in net.once if layer.step.path == "router")
    loads = []
    for made in drawn(text) + drawn(text.replace("512", "513")):
        with torch.no_grad():
            first = made(torch.randn(512 if len(loads) < DRAWS else 513, 64, dtype=torch.float64))[0].flatten()
        loads.append(float(torch.bincount(first, minlength=8).max()) / len(first))
    assert busiest(router.y) == pytest.approx(sum(loads) / len(loads), abs=0.06)


@pytest.mark.parametrize(
    ("size", "kernel", "padding", "dilation"), [(2, 3, 1, 1), (4, 3, 1, 1), (4, 7, 3, 1), (4, 3, 4, 4)]
)
def test_the_share_of_taps_on_the_map(size: int, kernel: int, padding: int, dilation: int) -> None:
    """SIG162: a convolution of ones over ones counts them."""
    conv = nn.Conv2d(1, 1, kernel, padding=padding, dilation=dilation, bias=False)
    nn.init.ones_(conv.weight)
    with torch.no_grad():
        counted = float(conv(torch.ones(1, 1, size, size)).mean()) / kernel**2
    assert prod([taps_inside(size, size, (kernel, 1, padding, dilation))] * 2) == pytest.approx(counted)


@pytest.mark.parametrize(
    ("act", "exact"),
    [("relu", 1.414213562), ("tanh", 1.592537420), ("selu", 1.0), ("gelu", 1.533530441), ("silu", 1.676532470)],
)
def test_the_gain_of_an_activation(act: str, exact: float) -> None:
    """SIG120: values of E f(z)^2 by a quadrature elsewhere, and by a Monte-Carlo run."""
    net = net_of(f"model Net()(x: [N, 64]) {{ return x -> a: Linear(64) -> {act} -> b: Linear(64) }}")
    step = next(s for s in net.steps if s.name == act)
    assert gain(net, step) == pytest.approx(exact, rel=1e-6)
    z = torch.randn(1_000_000, generator=torch.Generator().manual_seed(0))
    assert gain(net, step) == pytest.approx(float((getattr(nn.functional, act)(z) ** 2).mean()) ** -0.5, rel=0.005)


@pytest.mark.parametrize(
    ("made", "meant"),
    [
        (
            lambda: nn.init.xavier_normal_(nn.Linear(256, 768).weight),
            lambda: nn.init.xavier_normal_(nn.Linear(256, 256).weight),
        ),
        (
            lambda: nn.init.xavier_normal_(nn.Linear(256, 512).weight),
            lambda: nn.init.xavier_normal_(nn.Linear(256, 256).weight),
        ),
    ],
)
def test_the_scale_of_layers_in_one(made: object, meant: object) -> None:
    """SIG121: the deviation of a packed weight over that of a part drawn alone."""
    parts = made().shape[0] // 256  # type: ignore[operator]
    names = ", ".join("qkv"[:parts])
    text = f"@init(linear=xavier_normal, bias=zeros)\nmodel Net()(x: [N, T, 256]) {{\n  {names} = x -> p: Linear({256 * parts}) -> chunk({parts}, axis=-1)\n  return {names}\n}}"
    report = pipeline.check_source(Source("<string>", text), "<string>", None, None, signals=True)
    (found,) = [d for d in report.diagnostics if d.code.id == "SIG121"]
    ratio = float(made().std() / meant().std())  # type: ignore[operator]
    assert float(found.label.split("weights ")[1].split(" times")[0]) == pytest.approx(ratio, rel=0.02)


def test_every_rule_with_a_number_says_where_it_comes_from() -> None:
    for id, limit in limits().items():
        assert limit.value > 0 and len(limit.of) > 20 and len(limit.why) > 20, id
        assert limit.error is None or limit.error > limit.value
    codes = {limit.code.id for limit in limits().values()}
    for module in rules():
        own = {name for name in vars(module) if name.startswith(("SIG", "CST"))}
        assert own, module.__name__
        assert all(limit.code.id in own | codes for limit in getattr(module, "LIMITS", ()))


def test_the_largest_of_what_a_step_keeps() -> None:
    """CST906: bytes and share of the largest storage that PyTorch's autograd holds on to, weights left out."""
    text = (
        "model Net()(q: [B, 128, 64], k: [B, 128, 64]) {\n"
        "  a = q -> query: Linear(64)\n  b = k -> key: Linear(64)\n"
        "  s = tanh(a[:, :, none] + b[:, none]) -> score: Linear(1) -> squeeze(3) -> softmax(axis=2)\n"
        "  return (s @ k) -> head: Linear(10)\n}"
    )
    net = fanin.loads(text, seed=0)
    weights = {p.untyped_storage().data_ptr() for p in net.parameters()}
    kept: dict[int, int] = {}

    def keep(t: torch.Tensor) -> torch.Tensor:
        if t.untyped_storage().data_ptr() not in weights:
            kept[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes()
        return t

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        y = net(torch.randn(1, 128, 64), torch.randn(1, 128, 64))
    assert y.requires_grad
    largest, whole = max(kept.values()), sum(kept.values())
    assert f"{largest / whole:.0%}" in said(text, "CST906")
    assert f"{largest / 2**20:.1f} MiB of {whole / 2**20:.1f}" in said(text, "CST906")
