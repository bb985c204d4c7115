"""What came out of an experiment: a row for each training, statistics over seeds, and whether promises hold."""

from __future__ import annotations

import csv
import io
import json
import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fanin.ir.experiment import Expected, Experiment, Operation, Reading
from fanin.ir.recipe import System
from fanin.pruning.identity import Identity
from fanin.pruning.line import barrier, instability
from fanin.pruning.overlap import Overlap
from fanin.record import field, record

_OPERATORS = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


@record
class Row:
    """One training: of the ``ticket`` or of a control, in a round (0 is the whole network), for a seed.

    ``left`` of ``total`` units stayed, by part in ``parts``. A measure is None for a number of steps that was not
    enough. ``shared`` units are those that stay in the ticket too, of a control with a mask of its own; ``line`` has
    the measures on the straight line from the weights of this training to those of one with other random numbers.
    """

    run: str
    round: int
    seed: int
    left: int
    total: int
    parts: Mapping[str, int]
    measures: Mapping[str, float | None]
    shared: Mapping[str, int] = field(default_factory=dict)
    line: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @property
    def density(self) -> float:
        return self.left / max(self.total, 1)


class Results:
    """The rows of an experiment. ``measures`` are those that were asked for, or all; ``overlaps`` of the masks are
    there when it is finished."""

    def __init__(
        self,
        experiment: Experiment,
        measures: Iterable[str],
        rows: Iterable[Row] = (),
        identity: Identity | None = None,
    ) -> None:
        self.experiment, self.measures, self.rows = experiment, tuple(measures), list(rows)
        self.identity = identity
        self.overlaps: list[Overlap] = []

    @property
    def runs(self) -> tuple[str, ...]:
        """``ticket`` and the controls that are trained."""
        return ("ticket", *(c for c in self.experiment.controls if c != "dense"))

    @property
    def columns(self) -> tuple[str, ...]:
        """The runs that are compared in a round: with the whole network, where that was asked for."""
        return (*self.runs, "dense") if "dense" in self.experiment.controls else self.runs

    @property
    def rounds(self) -> int:
        return self.experiment.removal.rounds

    def of(self, round: int | None = None, run: str = "ticket") -> list[Row]:
        """The trainings of a run in a round (the last one), seed by seed."""
        place = 0 if run == "dense" else self.rounds if round is None else round
        run = "ticket" if place == 0 else run
        return [
            r for seed in self.experiment.seeds for r in self.rows if (r.run, r.round, r.seed) == (run, place, seed)
        ]

    def values(self, measure: str, round: int | None = None, run: str = "ticket") -> list[float | None]:
        """A measure of a run in a round (the last one), seed by seed."""
        return [r.measures[measure] for r in self.of(round, run)]

    def mean(self, measure: str, round: int | None = None, run: str = "ticket") -> float:
        """The mean over seeds; not a number where a seed has none."""
        return mean(self.values(measure, round, run))

    def std(self, measure: str, round: int | None = None, run: str = "ticket") -> float:
        """The standard deviation over seeds, with n - 1; not a number for a single one."""
        return std(self.values(measure, round, run))

    def density(self, round: int, part: str | None = None) -> float:
        """The share of units left, a mean over seeds; of a part, or of all."""
        found = self.of(round)
        if part is None:
            return mean([r.density for r in found])
        whole = {r.seed: r.parts[part] for r in self.of(0)}
        return mean([r.parts[part] / max(whole[r.seed], 1) for r in found if r.seed in whole])

    # ---------------------------------------------------------------------------------------------------- stability

    @property
    def connected(self) -> tuple[str, ...]:
        """The measures that are known on the line between two trainings: none, unless stability was asked for."""
        return tuple(m for m in self.kinds if any(m in r.line for r in self.rows))

    def instability(self, measure: str, round: int | None = None, run: str = "ticket") -> list[float]:
        """By how much a measure is worse between two trainings that differ in random numbers, seed by seed."""
        kind = self.kinds[measure]
        return [instability(r.line[measure], kind) for r in self.of(round, run) if measure in r.line]

    def barrier(self, measure: str, round: int | None = None, run: str = "ticket") -> list[float]:
        """The same, next to the straight line from one end to the other."""
        kind = self.kinds[measure]
        return [barrier(r.line[measure], kind) for r in self.of(round, run) if measure in r.line]

    @property
    def kinds(self) -> dict[str, str]:
        """``loss`` or ``metric`` by the names of measures."""
        of = self.experiment.of
        return {m.name: m.kind for m in of.measures} if isinstance(of, System) else {}

    # ----------------------------------------------------------------------------------------------------- promises

    def evaluate(self, formula: Any) -> float:
        """A formula of measures, each the mean over seeds."""
        if isinstance(formula, Operation):
            try:
                return float(_OPERATORS[formula.op](self.evaluate(formula.left), self.evaluate(formula.right)))
            except ZeroDivisionError:
                return math.nan
        if isinstance(formula, Reading):
            from fanin.pruning.trainer import label

            args = dict(formula.args)
            if formula.name == "steps_to":
                return self.mean(label(formula))
            return self.mean(formula.name, args.get("round"), args.get("run", "ticket"))
        return float(formula)

    def promises(self) -> list[tuple[Expected, bool, float, float]]:
        """Each ``expect``: whether it holds, and the numbers on its two sides. Nothing holds of what is no number."""
        found = []
        for e in self.experiment.expected:
            left, right = self.evaluate(e.test.left), self.evaluate(e.test.right)
            known = not math.isnan(left) and not math.isnan(right)
            found.append((e, known and bool(_OPERATORS[e.test.op](left, right)), left, right))
        return found

    # ------------------------------------------------------------------------------------------------------ writing

    def table(self) -> str:
        """A table for each measure: a line for each round, a column for each run, mean and standard deviation; and of
        the masks, and of stability where that was asked for."""
        from fanin.pruning.tables import table

        return table(self)

    def document(self) -> dict[str, Any]:
        """All of it as data."""
        return {
            "experiment": self.experiment.name,
            "identity": None if self.identity is None else self._identity(self.identity),
            "seeds": list(self.experiment.seeds),
            "measures": list(self.measures),
            "rows": [row_document(r) for r in self.rows],
            "summary": [
                {
                    "run": run,
                    "round": place,
                    "density": self.density(place),
                    **{m: _statistics(self.values(m, place, run)) for m in self.measures},
                    **{f"instability({m})": _statistics(self.instability(m, place, run)) for m in self.connected},
                }
                for run in self.runs
                for place in range(self.rounds + 1)
                if place or run == "ticket"
            ],
            "expected": [
                {"text": e.text, "holds": holds, "left": _plain(left), "right": _plain(right)}
                for e, holds, left, right in self.promises()
            ],
            "overlap": [o.document() for o in self.overlaps],
        }

    def _identity(self, of: Identity) -> dict[str, Any]:
        return {**of.document(), "replicas": {str(seed): of.replica(seed) for seed in self.experiment.seeds}}

    def csv(self) -> str:
        """A line for each training."""
        out = io.StringIO()
        names = list(self.rows[0].measures) if self.rows else []
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["run", "round", "seed", "left", "total", "density", *names])
        for r in self.rows:
            writer.writerow([r.run, r.round, r.seed, r.left, r.total, r.density, *(r.measures[n] for n in names)])
        return out.getvalue()


def row_document(row: Row) -> dict[str, Any]:
    """A row as data."""
    return {
        "run": row.run,
        "round": row.round,
        "seed": row.seed,
        "left": row.left,
        "total": row.total,
        "parts": dict(row.parts),
        "measures": {k: v if v is None else _plain(v) for k, v in row.measures.items()},
        **({"shared": dict(row.shared)} if row.shared else {}),
        **({"line": {k: [_plain(v) for v in values] for k, values in row.line.items()}} if row.line else {}),
    }


def mean(values: Sequence[float | None]) -> float:
    """The mean; not a number where one of them is None, or there are none."""
    known = [v for v in values if v is not None]
    return math.fsum(known) / len(known) if known and len(known) == len(values) else math.nan


def std(values: Sequence[float | None]) -> float:
    """The standard deviation with n - 1; not a number where one of them is None, or for a single one."""
    known = [v for v in values if v is not None]
    if len(known) < 2 or len(known) < len(values):
        return math.nan
    middle = mean(known)
    return math.sqrt(math.fsum((v - middle) ** 2 for v in known) / (len(known) - 1))


def _statistics(values: Sequence[float | None]) -> dict[str, float | None]:
    return {"mean": _plain(mean(values)), "std": _plain(std(values))}


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None


def write(results: Results, folder: str) -> None:
    """``report.txt``, ``rows.csv`` and ``report.json`` in a folder."""
    import os

    texts = {
        "report.txt": results.table(),
        "rows.csv": results.csv(),
        "report.json": json.dumps(results.document(), indent=2) + "\n",
    }
    for name, text in texts.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8", newline="") as file:
            file.write(text)
