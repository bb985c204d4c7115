"""Linear connectivity: against closed forms, a loop by hand, and the experiment without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from fanin import pipeline
from fanin.pruning import trainer
from fanin.pruning.line import POINTS, barrier, instability
from fanin.systems import run
from fanin.systems.problems import RunFailed
from fanin.systems.settings import settings_of
from tests.unit.pruning.experiments import points, prune, spec

LINEAR = """model Net()(x: [N, 6]) -> [N, 3] {
  return x -> fc1: Linear(3)
}

system Fit()(x: [N, 6], y: int[N]) {
  net = Net()
  logits = net(x)
  loss far = mean((logits - 1.0) ** 2) + 0.0 * cross_entropy(logits, y)
  train net on far with sgd(lr=0.05)
}

prune Ticket of Fit {
  CLAUSES
}
"""
CLAUSES = "scope layer remove 50% each of 2 rounds compare reinit, random, once seeds 0..2"


def test_the_numbers_of_a_line() -> None:
    """Frankle et al. 2020: the worst place next to the mean of the ends; Entezari et al. 2022: next to the chord."""
    up = [0.9, 0.5, 0.7]
    assert instability(up, "metric") == pytest.approx(0.3) and barrier(up, "metric") == pytest.approx(0.3)
    assert instability([1.0, 2.5, 2.0], "loss") == barrier([1.0, 2.5, 2.0], "loss") == 1.0
    convex = [(0.3 + i / 10) ** 2 for i in range(POINTS)]
    assert barrier(convex, "loss") < 0 and instability(convex, "loss") == pytest.approx((convex[-1] - convex[0]) / 2)


def test_a_convex_problem_has_no_barrier(tmp_path: Path) -> None:
    """The loss is a square, so on a line it is ``chord - a (1 - a) c`` with one number ``c`` that is not negative."""
    found = prune(spec(tmp_path, CLAUSES, net=LINEAR), epochs=1, stability=True)
    assert found.results.connected == ("far",)
    for row in found.results.rows:
        values = row.line["far"]
        assert len(values) == POINTS
        drops = []
        for i in range(1, POINTS - 1):
            a = i / (POINTS - 1)
            drops.append(((1 - a) * values[0] + a * values[-1] - values[i]) / (a * (1 - a)))
        assert drops == pytest.approx([drops[0]] * len(drops), rel=1e-2, abs=1e-5) and min(drops) > -1e-6
        assert barrier(values, "loss") <= 1e-7
        assert row.measures["instability(far)"] == pytest.approx(abs(values[0] - values[-1]) / 2, abs=1e-6)


def test_a_line_is_what_a_loop_by_hand_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights mixed, the norm's statistics taken over the training rows by hand, the network computed by hand."""
    seen: list[tuple[dict[str, Any], dict[str, Any]]] = []
    before = trainer.between

    def between(loop: Any, other: Any, *rest: Any) -> Any:
        seen.append(({k: v.clone() for k, v in loop.system.state_dict().items()}, dict(other)))
        return before(loop, other, *rest)

    monkeypatch.setattr(trainer, "between", between)
    found = prune(spec(tmp_path, "scope layer remove 50% at once"), stability=True, test=0.25, batch_size=60)
    assert len(seen) == len(found.results.rows) == 2
    row, (first, last) = found.results.rows[1], seen[1]
    mask = found.tickets[0].masks[0]["net.fc1.weight"]
    assert not first["net.fc1.weight"][~mask].any() and not last["net.fc1.weight"][~mask].any()
    assert not torch.equal(first["net.fc1.weight"], last["net.fc1.weight"])
    phases = pipeline.training(str(tmp_path / "net.arch"))
    chosen = settings_of({"epochs": 4, "batch_size": 60, "val": 0.25, "test": 0.25, "device": "cpu"})
    parts = run.parts_of(phases, points(), chosen)
    (train,) = list(trainer.batches(parts["train"], 60, shuffle=False))
    (test,) = list(trainer.batches(parts["test"], 60, shuffle=False))
    for place in (0, 4, 10):
        w = {k: first[k] + (last[k] - first[k]) * (place / 10) for k in first if first[k].is_floating_point()}
        hidden = nn.functional.linear(train["x"], w["net.fc1.weight"], w["net.fc1.bias"])
        mean, variance = hidden.mean(0), hidden.var(0, unbiased=True)
        x = nn.functional.linear(test["x"], w["net.fc1.weight"], w["net.fc1.bias"])
        x = (x - mean) / (variance + 1e-5).sqrt() * w["net.norm.weight"] + w["net.norm.bias"]
        x = nn.functional.linear(x.relu(), w["net.fc2.weight"], w["net.fc2.bias"]).relu()
        x = nn.functional.linear(x, w["net.fc3.weight"], w["net.fc3.bias"])
        assert row.line["ce"][place] == pytest.approx(float(nn.functional.cross_entropy(x, test["y"])), rel=1e-4)


def test_what_was_there_is_as_without_it(tmp_path: Path) -> None:
    path = spec(tmp_path, f"{CLAUSES} rewind to epoch 1")
    plain, twice = prune(path, epochs=2), prune(path, epochs=2, stability=True)
    for one, other in zip(plain.results.rows, twice.results.rows, strict=True):
        assert (one.run, one.round, one.seed, one.parts) == (other.run, other.round, other.seed, other.parts)
        assert all(other.measures[name] == value for name, value in one.measures.items())
        assert not one.line and set(other.line) == {"ce", "accuracy"}
    for seed, ticket in plain.tickets.items():
        assert all(torch.equal(ticket.weights[k], twice.tickets[seed].weights[k]) for k in ticket.weights)
    assert "instability of accuracy between two data orders" in str(twice) and "instability" not in str(plain)
    assert "instability(accuracy)" in twice.results.csv().splitlines()[0]


def test_where_there_is_one_order_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match="two orders of the data"):
        prune(spec(tmp_path, CLAUSES), stability=True, shuffle=False)
