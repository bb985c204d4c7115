"""Random search over the hyper-parameters of a system, each draw checked before it is trained.

Bergstra and Bengio 2012, "Random Search for Hyper-Parameter Optimization".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random
from statistics import pstdev
from typing import Any

import numpy as np

from fanin.data.table import Data
from fanin.diagnostics.model import Severity
from fanin.record import record
from fanin.report import CheckFailed
from fanin.systems.problems import RunFailed, StepFailed


@record
class Uniform:
    """Numbers between two, all alike; with ``log`` their logarithms: of 1e-4 to 1, half are below 0.01.

    With ``whole`` they are rounded to whole numbers.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and self.low <= 0):
            above = ", and above 0" if self.log else ""
            raise RunFailed(f"a range goes from less to more{above}, not from {self.low:g} to {self.high:g}")

    def draw(self, random: Random) -> float:
        if self.log:
            value = math.exp(random.uniform(math.log(self.low), math.log(self.high)))
        else:
            value = random.uniform(self.low, self.high)
        return round(value) if self.whole else value


@record
class Trial:
    """One draw: its ``values`` by hyper-parameter, and what came of it.

    ``refused`` says what of the spec it breaks, or how its training failed; ``score`` is then None, and otherwise the
    mean of ``scores``, one for each fold.
    """

    values: Mapping[str, Any]
    scores: tuple[float, ...] = ()
    refused: str | None = None

    @property
    def score(self) -> float | None:
        return sum(self.scores) / len(self.scores) if self.scores else None

    @property
    def spread(self) -> float:
        """The standard deviation of the scores."""
        return pstdev(self.scores)


@record
class Search:
    """The trials in their order, and which of their measure is better. The same values are one trial, drawn again."""

    trials: tuple[Trial, ...]
    monitor: str
    highest: bool

    @property
    def best(self) -> Trial:
        """The trial of the best score. Raises LookupError where none was trained."""
        ranked = self.ranked
        if not ranked or _finite(ranked[0].score) is None:
            why = next((f": {t.refused}" for t in self.trials if t.refused is not None), "")
            raise LookupError(f"no trial was trained{why}")
        return ranked[0]

    @property
    def ranked(self) -> list[Trial]:
        """Each trial once, the best first; those without a score, or none that is a number, last."""

        def key(trial: Trial) -> tuple[bool, float]:
            score = _finite(trial.score)
            return score is None, 0.0 if score is None else -score if self.highest else score

        once = {id(trial): trial for trial in self.trials}
        return sorted(once.values(), key=key)

    def number(self, trial: Trial) -> int:
        """The place of a trial among the draws, from 1."""
        return 1 + next(place for place, other in enumerate(self.trials) if other is trial)

    def document(self) -> dict[str, Any]:
        """For JSON: the trials in their order; ``best`` is the number of one, or None."""
        ranked = self.ranked
        best = self.number(ranked[0]) if ranked and _finite(ranked[0].score) is not None else None
        return {
            "monitor": self.monitor,
            "highest": self.highest,
            "best": best,
            "trials": [
                {
                    "values": dict(t.values),
                    "score": _finite(t.score),
                    "scores": list(map(_finite, t.scores)),
                    "refused": t.refused,
                }
                for t in self.trials
            ],
        }


def _finite(score: float | None) -> float | None:
    return score if score is not None and math.isfinite(score) else None


def drawn(ranges: Mapping[str, Any], trials: int, seed: int) -> Iterator[dict[str, Any]]:
    """Values for each trial: of a list or a range one, of a ``Uniform`` a number. Raises RunFailed."""
    random = Random(seed)
    for name, choice in ranges.items():
        if not isinstance(choice, Uniform) and (not isinstance(choice, Sequence) or isinstance(choice, str)):
            raise RunFailed(f"`{name}` is a list of values, a `range` or a `Uniform`, not {choice!r}")
        if not isinstance(choice, Uniform) and not choice:
            raise RunFailed(f"`{name}` has no values to choose from")
    for _ in range(trials):
        yield {n: c.draw(random) if isinstance(c, Uniform) else random.choice(c) for n, c in ranges.items()}


def folds_of(data: Data, folds: int, seed: int) -> Iterator[Data]:
    """The data once for each fold, which is its ``val`` part; each row is in one fold."""
    if data.parts or len(data.lengths()) != 1:
        raise RunFailed(f"{data.name} has parts or several streams: it is not cut into folds", help="give `val=0.2`")
    if not 2 <= folds <= len(data):
        raise RunFailed(f"{len(data)} rows are not cut into {folds} folds")
    order = np.random.default_rng(seed).permutation(len(data))
    (stream,) = data.lengths()
    for held in np.array_split(order, folds):
        kept = np.setdiff1d(order, held)
        yield replace(data.take({stream: kept}), parts={"val": data.take({stream: np.sort(held)})})


def searched(
    ranges: Mapping[str, Any],
    trials: int,
    seed: int,
    monitor: str,
    highest: bool,
    check: Callable[[dict[str, Any]], None],
    scores: Callable[[dict[str, Any]], tuple[float, ...]],
    told: Callable[[int, Trial], None] | None,
) -> Search:
    """``check`` raises CheckFailed where values are not taken; ``scores`` trains. The same values are one trial.

    ``told`` hears of each draw, with its number.
    """
    known: dict[str, Trial] = {}
    found = []
    for values in drawn(ranges, trials, seed):
        key = repr(sorted(values.items()))
        if key not in known:
            known[key] = _tried(values, check, scores)
        found.append(known[key])
        if told is not None:
            told(len(found), known[key])
    return Search(tuple(found), monitor, highest)


def _tried(
    values: dict[str, Any],
    check: Callable[[dict[str, Any]], None],
    scores: Callable[[dict[str, Any]], tuple[float, ...]],
) -> Trial:
    try:
        check(values)
    except CheckFailed as failed:
        error = next(d for d in failed.report.diagnostics if d.severity is Severity.ERROR)
        return Trial(values, refused=f"{error.code.id}: {error.headline}")
    try:
        return Trial(values, scores(values))
    except StepFailed as failed:  # a loss that is not finite
        return Trial(values, refused=str(failed.args[0]))
