"""``fanin prune``: what it prints, what it leaves, how it ends."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from safetensors.torch import load_file

from fanin.pruning.masks import unpacked
from tests.unit.pruning.experiments import points, spec

Run = Callable[..., Result]

CLAUSES = """scope layer
  remove 50% each of 2 rounds
  compare reinit
  seeds 0..2
  measure accuracy, steps_to(ce, 100.0)
  expect accuracy(round=2) > EXPECTED
  expect accuracy(round=1) - accuracy(round=1, run=reinit) >= -1"""


@pytest.fixture
def call(run: Run) -> list[str]:
    np.savez("points.npz", **points())
    return ["prune", "net.arch", "--data", "points.npz", "--epochs", "3", "--batch-size", "20", "--val", "0.25"]


def test_an_experiment_from_end_to_end(run: Run, call: list[str]) -> None:
    spec(Path("."), CLAUSES.replace("EXPECTED", "0.1"))
    result = run(*call, "--out", "kept")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("accuracy, mean ± standard deviation of 2 seeds\nround")
    assert "holds: accuracy(round=2) > 0.1" in result.stdout and "steps_to(ce, 100)" in result.stdout
    assert len([line for line in result.stderr.splitlines() if line.startswith(("1/10", "10/10"))]) == 2
    assert Path("kept/report.txt").read_text() == result.stdout
    rows = list(csv.DictReader(Path("kept/rows.csv").read_text().splitlines()))
    document = json.loads(Path("kept/report.json").read_text())
    assert len(rows) == len(document["rows"]) == 2 * (1 + 2 * 2)
    for place in (1, 2):
        (summary,) = [s for s in document["summary"] if (s["run"], s["round"]) == ("reinit", place)]
        own = [float(r["accuracy"]) for r in rows if (r["run"], r["round"]) == ("reinit", str(place))]
        assert summary["accuracy"]["mean"] == pytest.approx(np.mean(own))
        assert summary["accuracy"]["std"] == pytest.approx(np.std(own, ddof=1))
    weights, masks = load_file("kept/seed-1/weights.safetensors"), load_file("kept/seed-1/masks.safetensors")
    for key in ("net.fc1.weight", "net.fc2.weight"):
        mask = unpacked(masks[f"2/{key}"], tuple(weights[key].shape))
        assert int(mask.sum()) == weights[key].numel() // 4 and not weights[key][~mask].any()


def test_a_broken_promise_is_an_exit_code(run: Run, call: list[str]) -> None:
    spec(Path("."), CLAUSES.replace("EXPECTED", "1.5"))
    result = run(*call, "--csv")
    assert result.exit_code == 1 and result.stdout.startswith("run,round,seed,left,total,density,ce,accuracy")
    assert result.stdout == Path("runs/net/rows.csv").read_text()
    assert "BROKEN: accuracy(round=2) > 1.5" in Path("runs/net/report.txt").read_text()


def test_what_cannot_be_run_is_said(run: Run, call: list[str]) -> None:
    spec(Path("."), "remove 50% each of 3 rounds\n  floor 60%")
    result = run(*call)
    assert result.exit_code != 0 and "collapses" in result.stderr and not Path("runs").exists()
    result = run("prune", "net.arch")
    assert result.exit_code != 0 and "--data" in result.stderr
