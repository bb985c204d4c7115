"""Random search over hyper-parameters, with cross-validation. Row S122."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fanin
from fanin.data.opening import open_data
from fanin.systems.problems import RunFailed
from fanin.systems.search import Uniform, drawn, folds_of

SPEC = """
block Net(depth: int, width: int, heads: int)(x: [N, 4]) -> [N, 3] {
  assert depth in 2..6, "two to five layers"
  assert width % heads == 0, "the heads share the width"
  return x -> body: depth * (Linear(width) -> relu) -> rearrange("n (h d) -> n h d", h=heads) -> flatten(1) -> Linear(3)
}

system Fit(depth: int = 2, width: int = 8, heads: int = 2, rate: float = 0.01)(x: [N, 4], label: int[N]) {
  net = Net(depth, width, heads)
  logits = net(x)
  loss ce = cross_entropy(logits, label)
  metric accuracy = mean(float(argmax(logits, axis=1) == label))
  train net on ce with adam(lr=rate)
}
"""

RANGES: dict[str, Any] = {
    "depth": range(1, 8),
    "width": [6, 8, 9, 12],
    "heads": [1, 2, 3],
    "rate": Uniform(1e-4, 1e-1, log=True),
}


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "spec.arch"
    path.write_text(SPEC)
    return str(path)


def broken(values: dict[str, Any]) -> list[str]:
    """By hand, what of the spec some values break: `2..6` is 2 to 5."""
    return [
        *([] if values["depth"] in (2, 3, 4, 5) else ["two to five layers"]),
        *(["the heads share the width"] if values["width"] % values["heads"] else []),
    ]


def test_s122_what_is_accepted_compiles_and_what_is_refused_says_why(spec: str) -> None:
    """A hundred draws, against an enumeration by hand."""
    data = {"x": np.random.default_rng(0).normal(size=(8, 4)), "label": np.arange(8) % 3}
    found = fanin.search(spec, "Fit", data, RANGES, trials=100, seed=3, steps=1, val=4, monitor="ce")
    assert len(found.trials) == 100
    for trial in found.trials:
        wrong = broken(dict(trial.values))
        if wrong:
            assert trial.score is None
            assert any(said in (trial.refused or "") for said in wrong), trial
        else:
            assert trial.refused is None and math.isfinite(trial.score or math.nan)
    refused = sum(t.refused is not None for t in found.trials)
    print(f"{refused} of 100 refused")
    assert 20 < refused < 80


def test_s122_a_seed_gives_the_same_search(spec: str) -> None:
    def searched(seed: int) -> Any:
        ranges = {**RANGES, "depth": [2, 3], "width": [12, 16], "rate": Uniform(3e-3, 3e-2, log=True)}
        settings: dict[str, Any] = {"epochs": 15, "monitor": "accuracy", "highest": True}
        return fanin.search(
            spec, "Fit", "iris:scale=standard", ranges, trials=4, seed=seed, folds=2, batch_size=32, **settings
        )

    one, again, other = searched(1), searched(1), searched(2)
    assert one == again and one.trials != other.trials
    assert all(len(t.scores) == 2 for t in one.trials if t.refused is None)
    assert one.best.score == max(t.score for t in one.trials if t.score is not None)
    assert one.best.score >= 0.8  # of three classes


def test_s122_draws_are_even() -> None:
    rates = [v["rate"] for v in drawn({"rate": Uniform(1e-4, 1.0, log=True)}, 4000, 0)]
    assert sum(r < 1e-2 for r in rates) == pytest.approx(2000, abs=130)  # 4 standard deviations
    assert min(rates) >= 1e-4 and max(rates) <= 1
    depths = [v["depth"] for v in drawn({"depth": range(2, 6)}, 4000, 0)]
    assert set(depths) == {2, 3, 4, 5}
    assert all(depths.count(d) == pytest.approx(1000, abs=110) for d in range(2, 6))


def test_s122_each_row_is_held_out_once() -> None:
    data = open_data("iris")
    places: list[int] = []
    for fold in folds_of(data, 4, 0):
        val = fold.parts["val"]
        assert len(fold) + len(val) == 150
        places += [val.place(i) for i in range(len(val))]
        mine = {fold.place(i) for i in range(len(fold))}
        assert mine.isdisjoint(val.place(i) for i in range(len(val)))
    assert sorted(places) == list(range(150))


def test_s122_what_can_not_be_meant_is_refused(spec: str) -> None:
    with pytest.raises(RunFailed, match="held out data"):
        fanin.search(spec, "Fit", "iris", RANGES, steps=1, monitor="ce")
    with pytest.raises(RunFailed, match="compare trials by"):
        fanin.search(spec, "Fit", "iris", RANGES, steps=1, val=0.2)
    with pytest.raises(RunFailed, match="`width` is a list"):
        fanin.search(spec, "Fit", "iris", {"width": 8}, steps=1, val=0.2, monitor="ce")
    unknown = fanin.search(spec, "Fit", "iris", {"widht": [8]}, trials=2, steps=1, val=0.2, monitor="ce")
    with pytest.raises(LookupError, match=r"no trial was trained: .*`widht`"):
        unknown.best  # noqa: B018
    with pytest.raises(RunFailed, match="from less to more"):
        Uniform(0.0, 1.0, log=True)
