"""Weights after a cut: folded constants, choice by norm, an optimiser that goes on, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

import fanin
from fanin.analyses.couplings import Grade, couplings
from fanin.analyses.couplings.cut import Cut, CutError
from fanin.analyses.couplings.wanted import counts, wanted
from fanin.pruning.shrinking import WrongWeights, mask_state, shrink_state
from tests.unit.pruning.networks import built, coupled_of, filled, program_of

SIGMOID = "model Net()(x: [N, 6]) -> [N, 3] {{ return x -> a: Linear(8) -> sigmoid -> c: {layer} }}"


def test_a_constant_that_flowed_in_becomes_part_of_the_bias() -> None:
    """Units whose weights are zero, and not the weights that read them: sigmoid(0) is folded into the next bias."""
    coupled = coupled_of(SIGMOID.format(layer="Linear(3)"))
    assert coupled["a"].grade is Grade.FOLDED
    cut = Cut(coupled, {"a": [0, 3, 4]})
    parent = built(coupled.program).double().eval()
    filled(parent)
    state = {k: v.clone() for k, v in parent.state_dict().items()}
    for key in ("a.weight", "a.bias"):
        state[key][[1, 2, 5, 6, 7]] = 0.0
    parent.load_state_dict(state)
    child = built(fanin.shrink(coupled.program, {"a": [0, 3, 4]}).program).double().eval()
    child.load_state_dict(shrink_state(cut, state))
    x = torch.randn(5, 6, dtype=torch.float64)
    assert torch.allclose(parent(x), child(x), rtol=1e-12, atol=1e-12)


def test_where_there_is_no_bias_to_fold_into_it_is_refused() -> None:
    coupled = coupled_of(SIGMOID.format(layer="Linear(3, bias=false)"))
    cut = Cut(coupled, {"a": [0, 1]})
    state = built(coupled.program).state_dict()
    with pytest.raises(WrongWeights, match=r"0\.5 flows into `c` on what goes, which has no bias"):
        shrink_state(cut, state)
    shrink_state(cut, mask_state(cut, state))  # where what reads it is zero, nothing is to be folded


def test_a_padded_convolution_cannot_fold() -> None:
    text = (
        "model Net()(x: [N, 3, 6, 6]) -> [N, 2, 6, 6] { return x -> a: Conv2d(8, 1) -> sigmoid -> c: Conv2d(2, 3%s) }"
    )
    state = built(program_of(text % ", padding=1")).state_dict()
    with pytest.raises(WrongWeights, match="pads with zeros"):
        shrink_state(Cut(coupled_of(text % ", padding=1"), {"a": [0, 1]}), state)
    unpadded = (text % "").replace("[N, 2, 6, 6]", "[N, 2, 4, 4]")
    coupled = coupled_of(unpadded)
    net = built(coupled.program).double()
    with torch.no_grad():
        net.a.weight[2:] = 0.0
        net.a.bias[2:] = 0.0
    small = fanin.shrink(coupled.program, {"a": [0, 1]}, net=net)
    child = built(small.program).double()
    assert small.weights is not None
    child.load_state_dict(small.weights)
    x = torch.randn(2, 3, 6, 6, dtype=torch.float64)
    assert torch.allclose(net(x), child(x), rtol=1e-12, atol=1e-12)


def test_the_smallest_joint_norm_goes() -> None:
    program = program_of("model Net()(x: [N, 4]) -> [N, 2] { return x -> a: Linear(3) -> relu -> c: Linear(2) }")
    net = built(program)
    with torch.no_grad():
        net.a.weight.copy_(torch.tensor([[1.0] * 4, [0.1] * 4, [1.0] * 4]))
        net.a.bias.zero_()
        net.c.weight.copy_(torch.tensor([[0.1, 5.0, 0.2], [0.1, 5.0, 0.2]]))
    assert fanin.shrink(program, {"a": 1}, net=net).cut.groups[0][1] == (1,)  # small in, and large out
    assert fanin.shrink(program, {"a": 2}, net=net).cut.groups[0][1] == (1, 2)


def test_an_optimiser_goes_on_with_what_it_remembers() -> None:
    """Adam after a cut of a masked network moves what stays just as it would have."""
    program = program_of("model Net()(x: [N, 4]) -> [N, 2] { return x -> a: Linear(6) -> relu -> c: Linear(2) }")
    coupled = couplings(program)
    cut = Cut(coupled, {"a": [0, 2, 5]})
    net = built(program).double()
    net.load_state_dict(mask_state(cut, net.state_dict()))
    optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
    x, y = torch.randn(16, 4, dtype=torch.float64), torch.randn(16, 2, dtype=torch.float64)

    def step(model: torch.nn.Module, by: torch.optim.Optimizer) -> None:
        by.zero_grad()
        ((model(x) - y) ** 2).sum().backward()
        by.step()

    for _ in range(3):
        step(net, optimiser)
        net.load_state_dict(mask_state(cut, net.state_dict()))
    small = fanin.shrink(program, {"a": [0, 2, 5]}, net=net)
    assert small.weights is not None
    child = built(small.program).double()
    child.load_state_dict(small.weights)
    other = torch.optim.Adam(child.parameters(), lr=0.01)
    small.carry_over(net, optimiser, child, other)
    step(net, optimiser)
    step(child, other)
    left = shrink_state(cut, net.state_dict())
    for name, parameter in child.named_parameters():
        assert torch.allclose(parameter, left[name], rtol=1e-12, atol=1e-12), name


def test_weights_of_another_network_are_refused() -> None:
    program = program_of("model Net()(x: [N, 4]) -> [N, 2] { return x -> a: Linear(6) -> relu -> c: Linear(2) }")
    state = built(program).state_dict()
    with pytest.raises(WrongWeights, match=r"`a.weight` is \(5, 4\) in the weights, and \(6, 4\) in the network"):
        fanin.shrink(program, {"a": 3}, net={**state, "a.weight": torch.zeros(5, 4)})
    with pytest.raises(WrongWeights, match=r"the weights have no `c\.bias`"):
        fanin.shrink(program, {"a": 3}, net={k: v for k, v in state.items() if k != "c.bias"})


def test_counts_of_what_stays() -> None:
    coupled = couplings(fanin.elaborate(str(Path(__file__).parents[3] / "specs" / "resnet.arch"), "ResNet18"))
    found = counts(coupled, [wanted("layer*=50%"), wanted("layer2.*.conv1=37")], align=8)
    assert found["layer1.0.conv1"] == 32
    assert found["layer2.0.conv1"] == found["layer2.1.conv1"] == 40
    assert found["layer2.0.conv2"] == 64
    assert "conv1" not in found
    for text, why in (
        ("layer9=50%", "`layer9` matches no group"),
        ("fc=10", r"`fc` cannot be cut: it is an axis of a result"),
        ("conv1=65", "has 64 entries, not 65"),
        ("conv1", "is not of the form"),
        ("conv1=0", "is not of the form"),
        ("conv1=150%", "is not of the form"),
    ):
        with pytest.raises(CutError, match=re.escape(why)):
            counts(coupled, [wanted(text)])
