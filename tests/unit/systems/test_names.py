"""What a system binds can be asked for by name: values, networks, parameters, and the ramps as they stand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import fanin
from fanin.report import NoSuchName
from fanin.systems.run import Run
from tests.unit.systems.runs import training_of

SPEC = """
block Net(width: int)(x: [N, 4]) -> [N, width] {
  return x -> fc1: Linear(width) -> tanh
}

system Fit(width: int = 6)(x: [N, 4], y: [N, 4]) {
  net = Net(width)
  back = Linear(4)
  idle = Linear(2)
  param gain: [4] = ones
  far = ema(net, decay=0.5)
  share = ramp(1, 3, steps=RAMP)
  h = net(x)
  mixed = share * back(h) * gain
  noise = randn(N, width)
  loss error = mse_loss(mixed, y)
  metric now = share * mean(ones(N))
  metric lag = mean((far(x) - h) ** 2)
  train net, back, gain on error with adam(lr=0.01)
}
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    path = tmp_path / "fit.arch"
    path.write_text(SPEC.replace("RAMP", "8"))
    draw = torch.Generator().manual_seed(0)
    data = {name: torch.randn(40, 4, generator=draw) for name in ("x", "y")}
    return fanin.train(str(path), "Fit", data, steps=8, test=10)


def test_a_network_and_a_parameter_are_asked_for_by_name(run: Run) -> None:
    x = torch.randn(3, 4)
    assert run.value("net").inputs == ("x",)
    assert torch.equal(run.value("net")(x), torch.tanh(run.system.net.fc1(x)))
    assert torch.equal(run.value("back")(run.value("h")(x)), run.system.back(run.system.net(x)))
    assert torch.equal(run.value("far")(x), run.system.far(x))
    assert torch.equal(run.value("gain")(), run.system.gain)
    assert not run.value("net")(x).requires_grad


def test_what_is_asked_for_has_only_the_modules_that_it_needs(run: Run) -> None:
    assert [n for n, _ in run.value("mixed").module.named_parameters()] == [
        "gain",
        "net.fc1.weight",
        "net.fc1.bias",
        "back.weight",
        "back.bias",
    ]
    assert [n for n, _ in run.value("net").module.named_parameters()] == ["net.fc1.weight", "net.fc1.bias"]
    assert not list(run.value("noise").module.parameters())


def test_a_name_that_is_no_value_says_what_there_is(run: Run) -> None:
    with pytest.raises(NoSuchName, match="did you mean `mixed`"):
        run.value("mixd")
    with pytest.raises(NoSuchName, match="`net`, `back`, `gain`, `far`, `share`"):
        run.value("idle")  # nothing flows through it, so that it has no sizes


def test_a_ramp_is_where_training_has_brought_it(run: Run) -> None:
    x = torch.randn(3, 4)
    assert run.value("mixed").inputs == ("x",)
    wanted = 3 * run.system.back(run.system.net(x)) * run.system.gain
    torch.testing.assert_close(run.value("mixed")(x), wanted)
    assert run.value("share")() == 3
    assert run.test["now"] == 3  # and not 1, from which the last stage began
    training = training_of(SPEC.replace("RAMP", "4"), steps=8)
    x, y = torch.randn(5, 4).double(), torch.randn(5, 4).double()
    seen = []
    for _ in range(6):
        seen.append(float(training.numbers()[0]))
        training(x, y)
    assert seen == [1.0, 1.5, 2.0, 2.5, 3.0, 3.0]


def test_a_ramp_is_followed_step_by_step(tmp_path: Path) -> None:
    path = tmp_path / "fit.arch"
    path.write_text(SPEC.replace("RAMP", "4"))
    training = fanin.training(str(path), "Fit", steps=8)
    share, x = training.value("share"), torch.randn(5, 4)
    assert share() == 1
    training(x, x)
    assert share() == 1.5


def test_networks_of_a_system_are_compiled_alone(tmp_path: Path) -> None:
    path = tmp_path / "fit.arch"
    path.write_text(SPEC.replace("RAMP", "4"))
    net = fanin.load(str(path), "Fit.net")
    assert net(torch.zeros(2, 4)).shape == (2, 6)
    assert [n for n, _ in net.named_parameters()] == ["net.fc1.weight", "net.fc1.bias"]


GROWN = """
block Net(width: int)(x: [N, 4]) -> [N, 3] {
  return x -> fc1: Linear(width) -> relu -> fc2: Linear(3)
}

system Fit(width: int = 4)(x: [N, 4], y: [N, 3]) {
  net = Net(width)
  loss error = mse_loss(net(x), y)
  stage first for 3 steps { train net on error with adam(lr=0.01) }
  stage second for 3 steps { train net on error with lamb(lr=0.01) }
  stage third(width=6) for 3 steps { train net on error with lars(lr=0.1) }
  stage last for 3 steps { train net on error with lamb(lr=0.01) }
}
"""


def test_growing_keeps_the_states_of_several_optimisers_of_one_weight_apart() -> None:
    training = training_of(GROWN)
    x, y = torch.randn(5, 4).double(), torch.randn(5, 3).double()
    for _ in range(7):
        training(x, y)
    bias = training.system.net.fc2.bias  # of one shape before and after
    keys = [set(training.optimisers[number].state[bias]) for number in range(4)]
    assert keys == [{"step", "exp_avg", "exp_avg_sq"}, {"step", "mean", "square"}, {"momentum"}, set()]
    while not training.done:
        training(x, y)
