"""`checkpoint(f)`, `weight_norm(f)`, `spectral_norm(f)`: PyTorch's own, under the path of what they are put around."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from fanin import pipeline
from fanin.analyses.cost import parameters
from fanin.analyses.paths import entries
from fanin.source import Source
from tests.unit.elaborate.test_training import load

LAYERS = {
    "Linear(5)": ("[N, 4]", (2, 4), lambda: nn.Linear(4, 5)),
    "Conv2d(6, 3, bias=false)": ("[N, 4, 6, 6]", (2, 4, 6, 6), lambda: nn.Conv2d(4, 6, 3, bias=False)),
    "ConvTranspose2d(6, 2)": ("[N, 4, 6, 6]", (2, 4, 6, 6), lambda: nn.ConvTranspose2d(4, 6, 2)),
}


@pytest.mark.parametrize("norm", ["weight_norm", "spectral_norm"])
@pytest.mark.parametrize("layer", LAYERS)
def test_a_normed_weight_is_that_of_pytorch(layer: str, norm: str) -> None:
    shape, sizes, make = LAYERS[layer]
    spec = f"model Net()(x: {shape}) {{ return x -> fc: {norm}({layer}) }}"
    net, peer = load(spec), getattr(parametrizations, norm)(make()).double()
    mine = net.state_dict()
    assert [f"fc.{key}" for key in peer.state_dict()] == list(mine)
    peer.load_state_dict({key.removeprefix("fc."): value for key, value in mine.items()})
    x = torch.randn(sizes).double()
    for mode in (False, True):  # in training, spectral norm goes one step of its power method
        net.train(mode), peer.train(mode)
        torch.testing.assert_close(net(x), peer(x))
        torch.testing.assert_close(copy.deepcopy(net)(x), copy.deepcopy(peer)(x))
    program = pipeline.elaborate_source(Source("<string>", spec), "<string>", None, {})
    assert [(e.key, e.type.shape) for e in entries(program)] == [(k, tuple(v.shape)) for k, v in mine.items()]
    assert parameters(program) == sum(p.numel() for p in peer.parameters())


def test_a_normed_weight_starts_as_the_plain_one() -> None:
    spec = "model Net()(x: [N, 4]) { return x -> fc: weight_norm(Linear(5, init=normal(std=0.3))) }"
    net, plain = load(spec), load(spec.replace("weight_norm(", "(", 1))
    torch.testing.assert_close(net.get_submodule("fc").weight, plain.get_submodule("fc").weight)
    twin = load(spec)
    assert all(torch.equal(a, b) for a, b in zip(net.state_dict().values(), twin.state_dict().values(), strict=True))


CHECKPOINTS = [
    "x -> m: W(Mlp(16))",
    "x -> m: 3 * W(Mlp(16))",
    "x -> m: W(3 * Mlp(16))",
    "x -> m: W(Linear(16) -> tanh -> Linear(4))",
    "x -> m: (Linear(4) -> W(Mlp(3)) -> tanh)",
    "x -> m: (2 * W(Mlp(4)) -> relu)",
]


@pytest.mark.parametrize("pipe", CHECKPOINTS)
def test_a_checkpoint_changes_nothing_but_what_is_kept(pipe: str) -> None:
    text = """
        block Mlp(h: int)(x: [B, D]) -> [B, D] { return x -> fc1: Linear(h) -> dropout(0.5) -> tanh -> fc2: Linear(D) }
        model Net()(x: [N, 4]) { return """
    net, plain = (load(text + pipe.replace("W(", w) + " }") for w in ("checkpoint(", "("))
    if "(3 * Mlp" not in pipe:
        assert list(net.state_dict()) == list(plain.state_dict())
    plain.load_state_dict(net.state_dict())
    x = torch.randn(3, 4).double()
    found = []
    for model in (net, plain):
        again = 0

        def count(*_: object) -> None:
            nonlocal again
            again += 1

        hooks = [m.register_forward_hook(count) for m in model.modules() if isinstance(m, nn.Linear)]
        torch.manual_seed(0)
        leaf = x.clone().requires_grad_()
        model(leaf).square().sum().backward()
        for hook in hooks:
            hook.remove()
        found.append((leaf.grad, [p.grad for p in model.parameters()], again))
    torch.testing.assert_close(found[0][:2], found[1][:2])
    assert found[0][2] > found[1][2]
    x2 = torch.compile(net.eval(), fullgraph=True, backend="eager")(x)
    torch.testing.assert_close(x2, plain.eval()(x))


def test_several_tensors_flow_through_a_repetition() -> None:
    net = load(
        """
        block Two()(x: [B, D], y: [B, D]) -> (x: [B, D], y: [B, D]) {
          x = x + y -> fc: Linear(D)
          return y, x
        }
        model Net()(x: [N, 4], y: [N, 4]) { return (x, y) -> rows: 3 * Two() }
    """.replace("x + y -> fc", "(x + y) -> fc")
    )
    x, y = torch.randn(2, 3, 4).double()
    got = net(x, y)
    for row in net.get_submodule("rows"):
        x, y = y, row.fc(x + y)
    torch.testing.assert_close(tuple(got), (x, y))


REFUSED = {
    "x -> f: weight_norm(Linear(8) -> relu)": "TYP401",
    "x -> f: weight_norm(weight_norm(Linear(8)))": "TYP401",
    "x -> f: weight_norm(3)": "TYP401",
    "x -> f: weight_norm(relu)": "TYP401",
    "x -> f: weight_norm(ReLU())": "TYP401",
    "x -> f: weight_norm(Linear(8, frozen=0.5))": "TYP401",
    "x -> f: weight_norm()": "TYP407",
    "x -> f: ensemble(2, weight_norm(Linear(8)))": "TYP401",
    "x -> f: ensemble(2, checkpoint(Linear(8)))": "TYP401",
}


@pytest.mark.parametrize("pipe", REFUSED)
def test_what_cannot_be_wrapped_is_refused(pipe: str) -> None:
    report = pipeline.check_text(f"model Net()(x: [2, 4]) {{ return {pipe} }}")
    assert [d.code.id for d in report.diagnostics] == [REFUSED[pipe]]


def test_a_parameter_in_a_for_is_one_for_each_turn() -> None:
    net = load(
        """
        block Layer()(x: [N, D]) -> [N, D] {
          for i in 0..2 {
            param scale: [D] = normal(std=0.5)
            x = (x * scale) -> fc: Linear(D)
          }
          return x * scale
        }
        model Net()(x: [N, 8]) -> [N, 8] {
          for i in 0..3 {
            param shift: [8] = i + 0.5
            x = (x + shift) -> layer: Layer()
          }
          return x
        }
    """.replace("return x * scale", "return x")
    )
    keys = list(net.state_dict())
    assert keys[:3] == ["shift.0", "shift.1", "shift.2"] and "layer.2.scale.1" in keys
    assert net.get_parameter("shift.2").unique().tolist() == [2.5]
    x = y = torch.randn(3, 8).double()
    for i, layer in enumerate(net.get_submodule("layer")):
        y = y + net.get_parameter(f"shift.{i}")
        for scale, fc in zip(layer.scale, layer.fc, strict=True):
            y = fc(y * scale)
    torch.testing.assert_close(net(x), y)
    report = pipeline.check_text("model N()(x: [N, 4]) { for i in 0..2 { buffer b: [4] = ones x = x + b } return x }")
    assert [d.code.id for d in report.diagnostics] == ["TYP401"]
