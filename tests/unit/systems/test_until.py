"""Stages that end on a condition: against loops by hand, and in runs that are stopped and resumed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import fanin
from fanin.report import CheckFailed
from tests.unit.systems.runs import largest_difference, program_of, training_of, twin

SPEC = """
block Net()(x: [N, 4]) -> [N, 3] {
  return x -> fc1: Linear(8) -> tanh -> fc2: Linear(3)
}

system Fit()(x: [N, 4], label: int[N]) {
  net = Net()
  buffer mean_loss: [] = 2.0
  loss ce = cross_entropy(net(x), label)
  loss small = mean(net(x) ** 2)
  update mean_loss = 0.8 * mean_loss + 0.2 * ce
  stage first for 60 steps until CONDITION { train net.fc2 on ce with sgd(lr=0.5), cosine() }
  stage second for 5 steps { train net on ce with adam(lr=0.01) }
}
"""


def batches(steps: int) -> list[tuple[Tensor, Tensor]]:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(steps, 20, 4, dtype=torch.float64, generator=draw)
    return [(rows, (rows[:, 0] > 0).long() + (rows[:, 1] > 0).long()) for rows in x]


@pytest.mark.parametrize(
    ("condition", "held"),
    [
        ("ce < 0.75", lambda ce, mean: ce < 0.75),
        ("mean_loss < 0.9", lambda ce, mean: mean < 0.9),
        ("mean_loss < 0.9 and ce < 0.75", lambda ce, mean: mean < 0.9 and ce < 0.75),
        ("ce < 0.0", lambda ce, mean: False),
    ],
)
def test_a_stage_ends_with_the_first_step_in_which_its_condition_holds(condition: str, held: Any) -> None:
    """What is compared is what the step has computed: the loss before its update, the buffer before its own."""
    training = training_of(SPEC.replace("CONDITION", condition))
    net = twin(training).net
    first = torch.optim.SGD(net.fc2.parameters(), lr=0.5)
    mean = torch.tensor(2.0).double()
    data = batches(65)
    ended = 60
    for step, (x, label) in enumerate(data[:60]):
        for group in first.param_groups:
            group["lr"] = 0.25 * (1 + math.cos(math.pi * step / 60))
        ce = F.cross_entropy(net(x), label)
        first.zero_grad()
        ce.backward()
        stops = bool(held(ce.detach(), mean))
        first.step()
        with torch.no_grad():
            mean = 0.8 * mean + 0.2 * F.cross_entropy(net(x), label)
        if stops:
            ended = step + 1
            break
    assert ended == 60 if condition == "ce < 0.0" else 1 < ended < 60
    second = torch.optim.Adam(net.parameters(), lr=0.01)
    for x, label in data[ended : ended + 5]:
        second.zero_grad()
        F.cross_entropy(net(x), label).backward()
        second.step()
    for place, (x, label) in enumerate(data):
        if training.done:
            break
        assert training.stage == (place >= ended)
        assert training(x, label).keys() == {"ce", "small"}
    assert training.done
    assert place == ended + 5 or ended == 60
    assert largest_difference(training.system.net, net) < 1e-9


def test_a_condition_of_what_no_line_computes_is_computed_for_it() -> None:
    training = training_of(SPEC.replace("CONDITION", "small < 0.05").replace("update", "# update"))
    for x, label in batches(3):
        training(x, label)
    net = training.system.net
    with torch.no_grad():
        net.fc2.weight.zero_()
        net.fc2.bias.zero_()
    training.stage, training.step = 0, 0
    training(*batches(1)[0])
    assert training.stage == 1


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("0.1", "hangs on no tensor"),
        ("3 < 4", "hangs on no tensor"),
        ("ce", "and this is \\[\\]"),
        ("net(x) < 1", "and this is bool\\[N, 3\\]"),
        ("nothing < 1", "nothing here is called `nothing`"),
    ],
)
def test_a_condition_that_is_none_is_refused(condition: str, said: str) -> None:
    with pytest.raises(CheckFailed, match=said):
        program_of(SPEC.replace("CONDITION", condition))


def test_a_program_without_a_condition_says_nothing_of_it() -> None:
    assert "until" not in program_of(SPEC.replace(" until CONDITION", ""))


@pytest.mark.parametrize("at", [3, 9])
def test_a_run_with_a_condition_goes_on_to_the_same_bits(tmp_path: Path, at: int) -> None:
    path = tmp_path / "fit.arch"
    path.write_text(SPEC.replace("CONDITION", "mean_loss < 1.0"))
    x, label = zip(*batches(30), strict=True)
    data = {"x": torch.cat(x), "label": torch.cat(label)}
    settings: dict[str, Any] = {"batch_size": 20, "save_every": 2}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        whole = fanin.train(str(path), "Fit", data, out=str(tmp_path / "a"), **settings)

        class Stop(Exception):
            pass

        def stop(event: str, known: Any) -> None:
            if event == "step" and known["step"] == at:
                raise Stop

        with pytest.raises(Stop):
            fanin.train(str(path), "Fit", data, out=str(tmp_path / "b"), watch=stop, **settings)
        again = fanin.resume(str(tmp_path / "b"), data)
    finally:
        torch.set_num_threads(threads)
    assert 5 < whole.steps < 65
    assert whole.steps == again.steps
    mine, theirs = whole.system.state_dict(), again.system.state_dict()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)
