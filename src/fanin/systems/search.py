"""Random search over the hyper-parameters of a system, each draw checked before it is trained.

Bergstra and Bengio 2012, "Random Search for Hyper-Parameter Optimization".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np

from fanin.data.table import Data
from fanin.diagnostics.model import Severity
from fanin.record import record
from fanin.report import CheckFailed
from fanin.systems.problems import RunFailed


@record
class Uniform:
    """Numbers between two, all alike; with ``log`` their logarithms: of 1e-4 to 1, half are below 0.01."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and self.low <= 0):
            above = ", and above 0" if self.log else ""
            raise RunFailed(f"a range goes from less to more{above}, not from {self.low:g} to {self.high:g}")

    def draw(self, random: Random) -> float:
        if self.log:
            return math.exp(random.uniform(math.log(self.low), math.log(self.high)))
        return random.uniform(self.low, self.high)


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


@record
class Search:
    """The trials in their order, and which of their measure is better."""

    trials: tuple[Trial, ...]
    monitor: str
    highest: bool

    @property
    def best(self) -> Trial:
        """The trial of the best score. Raises LookupError where none was trained."""
        scored = [t for t in self.trials if t.score is not None and math.isfinite(t.score)]
        if not scored:
            why = next((f": {t.refused}" for t in self.trials if t.refused is not None), "")
            raise LookupError(f"no trial was trained{why}")
        return (max if self.highest else min)(scored, key=lambda t: t.score or 0.0)


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
) -> Search:
    """``check`` raises CheckFailed where values are not taken; ``scores`` trains. The same values are one trial."""
    known: dict[str, Trial] = {}
    found = []
    for values in drawn(ranges, trials, seed):
        key = repr(sorted(values.items()))
        if key not in known:
            known[key] = _tried(values, check, scores)
        found.append(known[key])
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
    except RunFailed as failed:  # a loss that is not finite
        return Trial(values, refused=str(failed.args[0]))
