"""Training recurrent networks: how far back, on which steps, and in which order, against loops by hand.

Rows S147, S149, S150, S161 (tasks).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import fanin
from fanin.data.opening import open_data
from tests.examples import SPECS
from tests.mission.systems import begun, descended, gap, normal
from tests.unit.systems.runs import twin

SPEC = """
block Cell(hidden: int)(x: [B, D], h: [B, hidden]) -> (y: [B, hidden], h: [B, hidden]) {
  h = tanh((x -> feed: Linear(hidden)) + (h -> back: Linear(hidden, bias=false)))
  return h, h
}

system Full(hidden: int = 4)(x: [B, T, 3], t: [B, T, 2]) {
  cell = Cell(hidden)
  head = Linear(2)
  y = head(scan(cell, x, h=zeros(B, hidden)).y)
  loss mse = mean((y - t) ** 2)
  train cell, head on mse with sgd(lr=1.0)
}

system Cut(hidden: int = 4, k: int = 1)(x: [B, T, 3], t: [B, T, 2]) {
  cell = Cell(hidden)
  head = Linear(2)
  y = head(scan(cell, x, h=zeros(B, hidden), truncate=k).y)
  loss mse = mean((y - t) ** 2)
  train cell, head on mse with sgd(lr=1.0)
}

## Targets at some steps: those of a mask, all of them, or the last one.
system Some(hidden: int = 4)(x: [B, T, 3], t: [B, T, 2], known: bool[B, T]) {
  cell = Cell(hidden)
  head = Linear(2)
  y = head(scan(cell, x, h=zeros(B, hidden)).y)
  error = sum((y - t) ** 2, axis=2)
  loss all_steps = sum(error)
  loss final = sum(error[:, -1])
  loss some = sum(where(known, error, 0.0))
  loss third = sum(error[:, 2::3])
  train cell, head on some with sgd(lr=1.0)
}
"""
STEPS = 7


def batch() -> tuple[Tensor, Tensor]:
    return normal(5, STEPS, 3), normal(5, STEPS, 2, seed=1)


def unrolled(own: Any, x: Tensor, k: int) -> Tensor:
    """The outputs of a loop that forgets where its state came from every ``k`` steps."""
    h = torch.zeros(len(x), 4, dtype=torch.float64)
    outputs = []
    for step in range(x.shape[1]):
        if step % k == 0:
            h = h.detach()
        h = torch.tanh(own.cell.feed(x[:, step]) + own.cell.back(h))
        outputs.append(own.head(h))
    return torch.stack(outputs, 1)


def test_s147_through_all_of_time() -> None:
    training = begun(SPEC, "Full", steps=1)
    own = twin(training)
    x, t = batch()
    told, moved = descended(training, x, t)
    loss = ((unrolled(own, x, 100) - t) ** 2).mean()
    assert told["mse"] == pytest.approx(float(loss.detach()), abs=1e-9)
    assert gap(moved, loss, own) <= 1e-6


@pytest.mark.parametrize("k", [1, 2, 3, STEPS, 100])
def test_s147_truncated(k: int) -> None:
    training = begun(SPEC, "Cut", steps=1, k=k)
    own = twin(training)
    x, t = batch()
    _, moved = descended(training, x, t)
    assert gap(moved, ((unrolled(own, x, k) - t) ** 2).mean(), own) <= 1e-6
    whole = gap(moved, ((unrolled(own, x, 100) - t) ** 2).mean(), own)
    assert whole <= 1e-12 if k >= STEPS else whole > 1e-4


def test_s147_one_step_back_by_the_formula() -> None:
    """δ_t = (1 − h_t²) Wᵀ e_t with nothing from later on; the recurrent weights get Σ δ_t h_{t−1}ᵀ."""
    training = begun(SPEC, "Cut", steps=1, k=1)
    own = twin(training)
    x, t = batch()
    _, moved = descended(training, x, t)
    with torch.no_grad():
        h = torch.zeros(5, 4, dtype=torch.float64)
        back, feed = torch.zeros(4, 4).double(), torch.zeros(4, 3).double()
        for step in range(STEPS):
            before = h
            h = torch.tanh(own.cell.feed(x[:, step]) + own.cell.back(before))
            e = 2 * (own.head(h) - t[:, step]) / t.numel()
            delta = (1 - h**2) * (e @ own.head.weight)
            back += delta.T @ before
            feed += delta.T @ x[:, step]
    assert float((moved["cell.back.weight"] - back).abs().max()) <= 1e-6
    assert float((moved["cell.feed.weight"] - feed).abs().max()) <= 1e-6


@pytest.mark.parametrize("chosen", ["all_steps", "final", "some", "third"])
def test_s149_targets_at_all_at_the_last_or_at_some_steps(chosen: str) -> None:
    training = begun(SPEC.replace("on some", f"on {chosen}"), "Some", steps=1)
    own = twin(training)
    x, t = batch()
    known = torch.rand(5, STEPS, generator=torch.Generator().manual_seed(2)) < 0.4
    told, moved = descended(training, x, t, known)
    masks = {
        "all_steps": torch.ones(5, STEPS).bool(),
        "final": torch.arange(STEPS).expand(5, STEPS) == STEPS - 1,
        "some": known,
        "third": torch.arange(STEPS).expand(5, STEPS) % 3 == 2,
    }
    y = unrolled(own, x, 100)
    loss = torch.zeros(()).double()
    for row in range(5):
        for step in range(STEPS):
            if masks[chosen][row, step]:
                loss = loss + ((y[row, step] - t[row, step]) ** 2).sum()
    assert told[chosen] == pytest.approx(float(loss.detach()), abs=1e-7)
    assert gap(moved, loss, own) <= 1e-7


# ------------------------------------------------------------------------------------------------------- curriculum

CURRICULUM = """
## Rows of the first level at first; one level more as soon as the error of those in play is decent.
system Growing(decent: float = 0.05, most: float = 4.0)(x: [N, 2], y: [N], level: [N]) {
  net = Linear(16) -> tanh -> Linear(1) -> squeeze(1)
  buffer reached: [] = ones
  in_play = float(level <= reached)
  loss mse = sum(in_play * (net(x) - y) ** 2) / clamp(sum(in_play), 1.0)
  metric at = reached
  update reached = where(mse < decent, minimum(reached + 1, most), reached)
  train net on mse with adam(lr=0.02)
}
"""


def levels() -> dict[str, Tensor]:
    """Rows whose target bends the more, the higher their level."""
    x = normal(64, 2)
    level = (torch.arange(64) % 4 + 1).double()
    return {"x": x, "y": torch.sin(level * x[:, 0]) * x[:, 1], "level": level}


def test_s150_a_level_is_added_exactly_when_the_rule_holds() -> None:
    training = begun(CURRICULUM, steps=600)
    own = twin(training)
    rows = levels()
    optimiser = torch.optim.Adam(own.net.parameters(), 0.02)
    reached, added = 1.0, []
    for step in range(600):
        told = training(*rows.values())
        assert float(told["at"]) == reached

        def error(reached: float = reached) -> Tensor:
            chosen = rows["level"] <= reached
            return ((own.net(rows["x"][chosen]) - rows["y"][chosen]) ** 2).mean()

        loss = error()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        # the rule looks at the weights that the line has left
        if float(error().detach()) < 0.05 and reached < 4:
            reached += 1
            added.append(step)
        assert float(training.system.reached) == reached
    print(f"levels added after steps {added}")
    assert len(added) == 3 and added[0] < added[1] < added[2]


def test_s150_a_curriculum_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    spec = tmp_path / "spec.arch"
    spec.write_text(CURRICULUM)
    data = {name: value.float().numpy() for name, value in levels().items()}
    settings: dict[str, Any] = {"steps": 400, "batch_size": None, "save_every": 10}
    whole = fanin.train(str(spec), "Growing", data, out=str(tmp_path / "a"), **settings)
    reached = [row["at"] for row in whole.history]
    assert reached == sorted(reached) and reached[0] == 1 and reached[-1] > 2
    second = reached.index(2.0)

    class Stop(Exception):
        pass

    def stop(event: str, known: Any) -> None:
        if event == "step" and known["step"] == second + 15:
            raise Stop

    with pytest.raises(Stop):
        fanin.train(str(spec), "Growing", data, out=str(tmp_path / "b"), watch=stop, **settings)
    again = fanin.resume(str(tmp_path / "b"), data)
    assert again.history == whole.history
    for name, tensor in whole.system.state_dict().items():
        assert torch.equal(tensor, again.system.state_dict()[name])


# ------------------------------------------------------------------------------------------------- tasks of a memory


def arrays(name: str) -> dict[str, Any]:
    data = open_data(name)
    return {field: np.array(data[field]) for field in ("x", "target", "mask")}


def spoken(row: dict[str, Any], i: int) -> list[list[int]]:
    """What is wanted where something is wanted, in order."""
    return [list(map(int, target)) for target, on in zip(row["target"][i], row["mask"][i], strict=True) if on]


def test_s161_copy_and_repeat_copy() -> None:
    for name, repeats, lengths in (
        ("copy:n=30,length=6,bits=5,seed=1", 1, {6}),
        ("copy:n=30,length=6,bits=5,shortest=2,seed=1", 1, {2, 3, 4, 5, 6}),
        ("repeat_copy:n=30,length=3,repeats=4,bits=5,seed=1", 4, {3}),
    ):
        rows, seen = arrays(name), set()
        for i in range(30):
            (mark,) = np.flatnonzero(rows["x"][i, :, -1])  # it stands behind what is to be said
            assert rows["x"][i, mark, -1] == pytest.approx(1 / repeats)
            shown = [list(map(int, x)) for x in rows["x"][i, :mark, :-1]]
            assert spoken(rows, i) == shown * repeats
            assert not rows["mask"][i, : mark + 1].any() and not rows["x"][i, mark + 1 :].any()
            seen.add(int(mark))
        assert seen == lengths


def test_s161_recall() -> None:
    rows = arrays("recall:n=40,items=5,rows=2,bits=6,seed=1")
    asked = set()
    for i in range(40):
        items: list[list[list[int]]] = []
        question: list[list[int]] | None = None
        for x in rows["x"][i]:
            if x[-1]:
                question = [] if question is None else question
            elif x[-2]:
                items.append([])
            elif question is not None:
                question.append(list(map(int, x[:-2])))
            else:
                items[-1].append(list(map(int, x[:-2])))
        assert question is not None and len(items) == 5
        where = items.index(question[:2])
        asked.add(where)
        assert spoken(rows, i) == items[where + 1]
    assert asked == {0, 1, 2, 3}


def test_s161_priority_sort() -> None:
    rows = arrays("priority_sort:n=40,length=7,top=5,bits=6,seed=1")
    for i in range(40):
        shown = [(float(x[-2]), list(map(int, x[:-2]))) for x in rows["x"][i, :7]]
        assert spoken(rows, i) == [bits for _, bits in sorted(shown, key=lambda pair: -pair[0])[:5]]


MACHINE = """
system Memory(inputs: int, out: int = 6)(x: [B, T, inputs], target: [B, T, out], mask: bool[B, T]) {
  net = NeuralTuringMachine(inputs, out, hidden=64, rows=24, width=12)
  y = net(x)
  on = float(mask)[:, :, none]
  loss bits = sum(on * binary_cross_entropy_with_logits(y, target, reduction="none")) / (sum(on) * out)
  metric wrong = sum(on * float((y > 0) != (target > 0.5))) / (sum(on) * out)
  train net on bits with adam(lr=3e-3), clip(1.0)
}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "inputs", "steps", "most"),
    [
        ("copy:n=40000,length=5,bits=6", 7, 1500, 0.01),
        ("repeat_copy:n=40000,length=3,repeats=3,bits=6", 7, 2500, 0.01),
        ("recall:n=40000,items=3,rows=1,bits=6", 8, 3000, 0.1),
        ("priority_sort:n=60000,length=4,top=3,bits=6", 8, 5000, 0.1),
    ],
)
def test_s161_a_machine_with_a_memory_learns_them(
    tmp_path: Path, task: str, inputs: int, steps: int, most: float
) -> None:
    """Bits that are wrong in 500 rows it has not seen."""
    spec = tmp_path / "memory.arch"
    spec.write_text((SPECS / "ntm.arch").read_text() + MACHINE)
    run = fanin.train(
        str(spec), "Memory", task, steps=steps, batch_size=32, test=500, log_every=100, hyper={"inputs": inputs}
    )
    print(f"{task}: {run.test['wrong']:.4f} of the bits are wrong after {steps} steps")
    assert run.test["wrong"] <= most
