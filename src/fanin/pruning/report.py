"""What came out of an experiment: a row for each training, statistics over seeds, and whether promises hold."""

from __future__ import annotations

import csv
import io
import json
import math
import operator
from collections.abc import Iterable, Mapping
from typing import Any

from fanin.ir.experiment import Expected, Experiment, Operation, Reading
from fanin.pruning.identity import Identity
from fanin.record import record

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
    enough.
    """

    run: str
    round: int
    seed: int
    left: int
    total: int
    parts: Mapping[str, int]
    measures: Mapping[str, float | None]

    @property
    def density(self) -> float:
        return self.left / max(self.total, 1)


class Results:
    """The rows of an experiment. ``measures`` are those that were asked for, or all."""

    def __init__(
        self,
        experiment: Experiment,
        measures: Iterable[str],
        rows: Iterable[Row] = (),
        identity: Identity | None = None,
    ) -> None:
        self.experiment, self.measures, self.rows = experiment, tuple(measures), list(rows)
        self.identity = identity

    @property
    def runs(self) -> tuple[str, ...]:
        """``ticket`` and the controls that are trained."""
        return ("ticket", *(c for c in self.experiment.controls if c != "dense"))

    @property
    def rounds(self) -> int:
        return self.experiment.removal.rounds

    def values(self, measure: str, round: int | None = None, run: str = "ticket") -> list[float | None]:
        """A measure of a run in a round (the last one), seed by seed."""
        place = 0 if run == "dense" else self.rounds if round is None else round
        run = "ticket" if place == 0 else run
        return [
            r.measures[measure]
            for seed in self.experiment.seeds
            for r in self.rows
            if (r.run, r.round, r.seed) == (run, place, seed)
        ]

    def mean(self, measure: str, round: int | None = None, run: str = "ticket") -> float:
        """The mean over seeds; not a number where a seed has none."""
        found = self.values(measure, round, run)
        known = [v for v in found if v is not None]
        return math.fsum(known) / len(known) if known and len(known) == len(found) else math.nan

    def std(self, measure: str, round: int | None = None, run: str = "ticket") -> float:
        """The standard deviation over seeds, with n - 1; not a number for a single one."""
        found = self.values(measure, round, run)
        known = [v for v in found if v is not None]
        if len(known) < 2 or len(known) < len(found):
            return math.nan
        mean = math.fsum(known) / len(known)
        return math.sqrt(math.fsum((v - mean) ** 2 for v in known) / (len(known) - 1))

    def density(self, round: int) -> float:
        """The share of units left, a mean over seeds."""
        found = [r.density for r in self.rows if r.run == "ticket" and r.round == round]
        return math.fsum(found) / len(found) if found else math.nan

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
        """A table for each measure: a line for each round, a column for each run, mean and standard deviation."""
        from fanin.emit.table import aligned

        seeds = len(self.experiment.seeds)
        parts = []
        for measure in self.measures:
            lines = [("round", "density", *(f"{run}" for run in self._columns()))]
            for place in range(self.rounds + 1):
                cells = (self._cell(measure, place, run) for run in self._columns())
                lines.append((str(place), f"{self.density(place):.2%}", *cells))
            title = measure if seeds == 1 else f"{measure}, mean ± standard deviation of {seeds} seeds"
            parts.append("\n".join([title, *aligned(lines, right=range(len(lines[0])))]) + "\n")
        for e, holds, left, right in self.promises():
            parts.append(f"{'holds' if holds else 'BROKEN'}: {e.text} ({left:.6g} {e.test.op} {right:.6g})\n")
        if self.identity is not None:
            parts.append(f"{self.identity}\n")
        return "\n".join(parts)

    def _columns(self) -> tuple[str, ...]:
        return (*self.runs, "dense") if "dense" in self.experiment.controls else self.runs

    def _cell(self, measure: str, place: int, run: str) -> str:
        if place == 0 and run not in ("ticket", "dense"):
            return ""
        found = self.values(measure, place, run)
        known = [v for v in found if v is not None]
        if len(known) < len(found):
            return "never" if not known else f"{len(found) - len(known)} never"
        text = f"{self.mean(measure, place, run):.5g}"
        spread = self.std(measure, place, run)
        if math.isnan(spread):
            return text
        return f"{text} ±{spread if spread > 1e-6 else 0:.2g}"  # below are sums in another order

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
                    **{
                        m: {"mean": _plain(self.mean(m, place, run)), "std": _plain(self.std(m, place, run))}
                        for m in self.measures
                    },
                }
                for run in self.runs
                for place in range(self.rounds + 1)
                if place or run == "ticket"
            ],
            "expected": [
                {"text": e.text, "holds": holds, "left": _plain(left), "right": _plain(right)}
                for e, holds, left, right in self.promises()
            ],
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
    }


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
