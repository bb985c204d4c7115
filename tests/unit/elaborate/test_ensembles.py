"""`ensemble(n, M)`: stacked weights against one module after the other."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.unit.elaborate.test_training import codes, load

SPEC = """
block Expert(hidden: int)(x: [M, D]) -> [M, D] { return x -> fc1: Linear(hidden) -> gelu -> fc2: Linear(D) }
model Net(n: int = 5)(x: [B, 4]) -> [n, B, 4] {
  y = broadcast_to(x[none], n, B, 4)
  return y -> experts: ensemble(n, Expert(8))
}
"""


def test_every_copy_has_its_own_weights_and_its_own_slice() -> None:
    net = load(SPEC)
    state = net.state_dict()
    assert {k: list(v.shape) for k, v in state.items()} == {
        "experts.fc1.weight": [5, 8, 4],
        "experts.fc1.bias": [5, 8],
        "experts.fc2.weight": [5, 4, 8],
        "experts.fc2.bias": [5, 4],
    }
    x = torch.randn(3, 4).double().requires_grad_()
    out = net(x)
    single = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 4)).double()
    names = {"0": "experts.fc1", "2": "experts.fc2"}
    for i in range(5):
        single.load_state_dict({k: state[f"{names[k[0]]}.{k[2:]}"][i] for k in single.state_dict()})
        torch.testing.assert_close(out[i], single(x))
    (grad,) = torch.autograd.grad(out[4].sum(), x, retain_graph=True)
    (theirs,) = torch.autograd.grad(single(x).sum(), x)
    torch.testing.assert_close(grad, theirs)
    out.sum().backward()
    compiled = torch.compile(net, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x), out)


def test_first_values_are_those_of_one_copy_each() -> None:
    net = load(SPEC, n=400)
    bound = 1 / 4**0.5
    weight, bias = net.get_parameter("experts.fc1.weight"), net.get_parameter("experts.fc1.bias")
    assert weight.abs().max() <= bound and bias.abs().max() <= bound
    assert abs(weight.std().item() / (bound / 3**0.5) - 1) < 0.02
    assert abs(bias.std().item() / (bound / 3**0.5) - 1) < 0.05
    assert not torch.equal(weight[0], weight[1])


def test_a_single_layer_and_what_is_shown() -> None:
    spec = "model Net()(x: [3, B, 4]) -> [3, B, 2] { return x -> heads: ensemble(3, Linear(2, init=zeros)) }"
    net = load(spec)
    assert {k: list(v.shape) for k, v in net.state_dict().items()} == {"heads.weight": [3, 2, 4], "heads.bias": [3, 2]}
    assert not net(torch.randn(3, 5, 4).double()).any()
    from fanin import pipeline
    from fanin.source import Source

    program = pipeline.elaborate_source(Source("<string>", spec), "<string>", None, {})
    assert "parameters  30" in pipeline.show(program)
    assert "Linear" in pipeline.show(program)


def test_copies_draw_different_noise() -> None:
    spec = "block Drop()(x: [M]) -> [M] { return x -> dropout(0.5) }\n"
    net = load(spec + "model Net()(x: [2, M]) -> [2, M] { return x -> drop: ensemble(2, Drop()) }")
    out = net(torch.ones(2, 200).double())
    assert not torch.equal(out[0], out[1])


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("x -> ensemble(3, Linear(2))", "SHP301"),
        ("x -> ensemble(0, Linear(2))", "TYP401"),
        ("x -> ensemble(Linear(2), 4)", "TYP401"),
        ("x -> ensemble(4)", "TYP407"),
        ("x -> ensemble(4, relu)", "TYP401"),
        ("x -> ensemble(4, (Linear(2) -> Linear(3)))", "TYP401"),
    ],
)
def test_a_wrong_ensemble_is_one_error(call: str, code: str) -> None:
    assert codes(f"model Net()(x: [4, B, 6]) {{ return {call} }}") == [code]
