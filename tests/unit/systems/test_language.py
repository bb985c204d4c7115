"""What the language has for training beside its recipes: weights by path, truncated gradients."""

from __future__ import annotations

import copy

import pytest
import torch

from fanin.report import CheckFailed
from tests.models import load
from tests.unit.systems.runs import program_of, training_of

PENALISED = """
block Net()(x: [N, 6]) -> [N, 3] {
  return x -> fc1: Linear(8) -> bn: BatchNorm1d() -> relu -> body: 2 * (Linear(8) -> relu) -> fc2: Linear(3)
}

fn squares(w: [*S]) -> [] { return sum(w ** 2) }

system Fit()(x: [N, 6], label: int[N]) {
  net = Net()
  loss ce = cross_entropy(net(x), label)
  loss total = ce + 0.1 * sum(map(squares, weights(PATHS)))
  train net on total with sgd(lr=0.1)
}
"""


@pytest.mark.parametrize(
    ("paths", "wanted"),
    [
        ('"net"', ["fc1.weight", "body.0.0.weight", "body.1.0.weight", "fc2.weight"]),
        ('"net.fc1"', ["fc1.weight"]),
        ('"net.*.bias"', ["fc1.bias", "bn.bias", "fc2.bias"]),
        (
            '"net.fc1", "net.fc1.bias", "net.*"',
            ["fc1.weight", "fc1.bias", "body.0.0.weight", "body.1.0.weight", "fc2.weight"],
        ),
        ('"net.body.1"', ["body.1.0.weight"]),
    ],
)
def test_penalties_are_of_the_weights_that_paths_cover(paths: str, wanted: list[str]) -> None:
    training = training_of(PENALISED.replace("PATHS", paths), steps=5)
    net = training.system.net
    x, label = torch.randn(9, 6, dtype=torch.float64), torch.randint(3, (9,))
    found = next(training.system.step_total(x, label))
    parameters = dict(net.named_parameters())
    penalty = sum((parameters[name] ** 2).sum() for name in wanted)
    torch.testing.assert_close(found["total"] - found["ce"], 0.1 * penalty)


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        ('"nett"', "did you mean `net`"),
        ('"net.fc3"', "did you mean `net.fc"),
        ("net", "takes paths in quotes"),
        ("", "takes paths"),
    ],
)
def test_a_path_that_names_nothing_is_refused(paths: str, said: str) -> None:
    with pytest.raises(CheckFailed, match=said):
        program_of(PENALISED.replace("PATHS", paths))


CELL = """
block Cell(hidden: int)(x: [B, D], h: [B, hidden]) -> (h: [B, hidden]) {
  return tanh((x -> a: Linear(hidden)) + (h -> b: Linear(hidden, bias=false)))
}

model Rnn(k: int = 2)(x: [B, T, 3]) -> [B, 4] {
  return scan(cell: Cell(4), x, h=zeros(B, 4), truncate=k).h
}
"""


@pytest.mark.parametrize("k", [1, 2, 3, 7, 100])
def test_gradients_go_back_over_as_many_steps_as_told(k: int) -> None:
    net = load(CELL, "Rnn", k=k).double()
    x = torch.randn(5, 7, 3, dtype=torch.float64)
    net(x).square().sum().backward()
    weights = dict(net.named_parameters())
    found = {name: weight.grad.clone() for name, weight in weights.items() if weight.grad is not None}
    net.zero_grad()
    h = torch.zeros(5, 4, dtype=torch.float64)
    for t in range(7):
        if t and t % k == 0:
            h = h.detach()
        h = torch.tanh(net.cell.a(x[:, t]) + net.cell.b(h))
    h.square().sum().backward()
    for name, weight in weights.items():
        torch.testing.assert_close(found[name], weight.grad, rtol=0, atol=1e-12)


GAINS = """
system Gains(lr: float = 0.01)(x: [N, 4], y: [N]) {
  param w: [4] = zeros
  buffer gain: [4] = ones
  buffer last: [4] = zeros
  loss sse = 0.5 * mean((x @ w - y) ** 2)
  metric size = norm(w)
  g = grad(sse, w)
  new = where(g * last > 0, gain + 0.5, gain * 0.95)
  update gain = new
  update last = g
  update w = w - lr * new * g
}
"""


def test_a_rule_as_an_expression() -> None:
    """Gains for each weight (Hinton, lecture 6e): the same path as a loop by hand."""
    training = training_of(GAINS, steps=50)
    draw = torch.Generator().manual_seed(0)
    x, y = (torch.randn(*shape, dtype=torch.float64, generator=draw) for shape in ((20, 4), (20,)))
    w, gain, last = torch.zeros(4).double(), torch.ones(4).double(), torch.zeros(4).double()
    for _ in range(50):
        told = training(x, y)
        assert told.keys() == {"sse", "size"}
        assert told["sse"].item() == pytest.approx(0.5 * ((x @ w - y) ** 2).mean().item(), abs=1e-12)
        g = x.T @ (x @ w - y) / 20
        gain = torch.where(g * last > 0, gain + 0.5, gain * 0.95)
        last = g
        w = w - 0.01 * gain * g
    torch.testing.assert_close(training.system.w.detach(), w, rtol=0, atol=1e-9)
    assert training.done


MIXED = """
system Mixed()(x: [N, 4], y: [N]) {
  param w: [4] = zeros
  buffer seen: [] = zeros
  net = Linear(1, bias=false)
  error = squeeze(net(x), 1) + x @ w - y
  loss sse = 0.5 * mean(error ** 2)
  update seen = seen + 1
  update w = w - 0.1 * mean(stop_gradient(error)[:, none] * x, axis=0)
  train net on sse with sgd(lr=0.1), every(2)
}
"""


def test_updates_by_hand_come_after_the_lines_and_see_what_they_moved() -> None:
    training = training_of(MIXED, steps=6)
    draw = torch.Generator().manual_seed(0)
    x, y = (torch.randn(*shape, dtype=torch.float64, generator=draw) for shape in ((20, 4), (20,)))
    v = training.system.net.weight.detach().clone()[0]
    w = torch.zeros(4).double()
    for step in range(6):
        training(x, y)
        if step % 2 == 1:
            v = v - 0.1 * x.T @ (x @ (v + w) - y) / 20
        w = w - 0.1 * x.T @ (x @ (v + w) - y) / 20
    torch.testing.assert_close(training.system.w.detach(), w, rtol=0, atol=1e-12)
    torch.testing.assert_close(training.system.net.weight.detach()[0], v, rtol=0, atol=1e-12)
    assert training.system.seen == 6


def test_a_ramp_in_an_update_moves_too() -> None:
    training = training_of(
        """
        system Falling()(x: [N, 4]) {
          param w: [4] = zeros
          metric size = norm(w)
          update w = w + ramp(1.0, 0.0, steps=4) * mean(x, axis=0)
        }
        """,
        steps=6,
    )
    for _ in range(6):
        training(torch.ones(3, 4, dtype=torch.float64))
    torch.testing.assert_close(training.system.w.detach(), torch.full((4,), 2.5, dtype=torch.float64))


HANDED_ON = """
system Fit()(x: [N, 4], label: int[N]) {
  net = Linear(3)
  before = copy(net, AT)
  loss ce = cross_entropy(net(x), label)
  metric far = mean(abs(net(x) - before(x)))
  train net on ce with sgd(lr=0.1)
  stage one for 3 steps {}
  stage two for 4 steps {}
  stage three for 2 steps {}
}
"""


def test_a_copy_at_a_stage_is_what_the_network_was_when_it_began() -> None:
    training = training_of(HANDED_ON.replace("AT", 'at="two"'))
    x, label = torch.randn(8, 4, dtype=torch.float64), torch.randint(3, (8,))
    weights = [training.system.net.weight.detach().clone()]
    state = None
    while not training.done:
        training(x, label)
        weights.append(training.system.net.weight.detach().clone())
        step = len(weights) - 1
        assert torch.equal(training.system.before.weight, weights[0 if step < 3 else 3])
        if step == 5:
            state = copy.deepcopy(training.state_dict())
    again = training_of(HANDED_ON.replace("AT", 'at="two"'))
    assert state is not None
    again.load_state_dict(state)
    assert torch.equal(again.system.before.weight, weights[3])
    while not again.done:
        again(x, label)
    assert torch.equal(again.system.net.weight, weights[-1]) and torch.equal(again.system.before.weight, weights[3])


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ('at="too"', 'write `at="two"`'),
        ('at="elsewhere"', "it has: one, two, three"),
        ("at=2", "the name of a stage, not the number 2"),
        ('at="two", every=3', "no argument `at`"),
        ("every=true", "a whole number of steps"),
    ],
)
def test_a_copy_at_what_is_no_stage_is_refused(at: str, said: str) -> None:
    with pytest.raises(CheckFailed, match=said):
        program_of(HANDED_ON.replace("AT", at))
