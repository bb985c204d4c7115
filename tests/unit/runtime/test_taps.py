"""Named values of a compiled network as it runs: the author's names, no trace left behind."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import fanin
from fanin import probe

TEXT = """
block Part(width: int)(x: [N, D]) -> [N, width] {
  h = x -> fc: Linear(width) as before -> relu
  return h * 2
}

fn halved(x: [*S]) -> [*S] {
  half = x / 2
  return half
}

model Net()(x: [N, 6]) -> (mean: [N, 3], spread: [N, 3]) {
  y = x -> parts: 3 * Part(6)
  z = halved(y)
  return z -> a: Linear(3), z -> b: Linear(3)
}
"""


@pytest.fixture
def net() -> nn.Module:
    return fanin.loads(TEXT, "Net")


def test_values_have_the_names_of_the_author(net: nn.Module) -> None:
    x = torch.randn(4, 6)
    with probe.taps(net) as seen:
        found = net(x)
    for i in range(3):
        before = F.linear(x if i == 0 else seen[f"parts.{i - 1}"], *net.get_submodule(f"parts.{i}.fc").parameters())
        torch.testing.assert_close(seen[f"parts.{i}.before"], before)
        torch.testing.assert_close(seen[f"parts.{i}.fc"], before)
        torch.testing.assert_close(seen[f"parts.{i}.h"], before.relu())
        torch.testing.assert_close(seen[f"parts.{i}"], 2 * before.relu())
    torch.testing.assert_close(seen["z"], seen["y"] / 2)
    assert torch.equal(seen["mean"], found.mean) and torch.equal(seen["spread"], found.spread)
    assert len(seen) == len(list(seen)) and "parts.1.h" in seen


def test_gradients_flow_through_what_is_seen(net: nn.Module) -> None:
    with probe.taps(net) as seen:
        net(torch.randn(4, 6)).mean.sum().backward(inputs=[seen["parts.1.before"]])
    assert seen["parts.1.before"].grad is not None


def test_all_runs_are_kept_and_forgotten(net: nn.Module) -> None:
    first, second = torch.randn(2, 6), torch.randn(5, 6)
    with probe.taps(net) as seen:
        net(first), net(second)
        assert [t.shape[0] for t in seen.every("y")] == [2, 5] and seen["y"].shape[0] == 5
        seen.clear()
        assert not seen


def test_nothing_is_left_behind(net: nn.Module) -> None:
    x, other = torch.randn(4, 6), fanin.loads(TEXT, "Net", seed=1)
    plain, forward = net(x), {type(m): type(m).forward for m in net.modules()}
    with pytest.raises(ZeroDivisionError), probe.taps(net) as seen:
        assert torch.equal(net(x).mean, plain.mean)
        other(x)
        assert len(seen.every("y")) == 1  # another network of the class is not watched
        raise ZeroDivisionError
    assert {type(m): type(m).forward for m in net.modules()} == forward
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())
    net(x)
    assert len(seen.every("y")) == 1


def test_a_name_that_was_not_seen(net: nn.Module) -> None:
    with probe.taps(net) as seen:
        net(torch.randn(4, 6))
    with pytest.raises(KeyError, match=r"no value `parts.1.befor` was seen: did you mean `parts.1.before`"):
        seen["parts.1.befor"]


def test_states_of_a_recurrence() -> None:
    net = fanin.loads("""
block Cell()(x: [B, D], h: [B, 5]) -> (y: [B, 5], h: [B, 5]) {
  gate = x -> look: Linear(5) -> sigmoid
  h = gate * h + (1 - gate)
  return h, h
}
model Net()(x: [B, T, 3]) { return scan(cell: Cell(), x, h=zeros(B, 5)).y }
""")
    with probe.taps(net) as seen:
        net(torch.randn(2, 7, 3))
    assert len(seen.every("cell.gate")) == 7
    assert all(float(t.min()) > 0 and float(t.max()) < 1 for t in seen.every("cell.gate"))


def test_modules_that_fanin_did_not_write() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
    with probe.taps(net) as seen:
        y = net(torch.randn(2, 3))
    assert set(seen) == {"0", "1", "output"} and torch.equal(seen["output"], y)
