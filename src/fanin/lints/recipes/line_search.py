"""TRN801: an optimiser that needs the same loss several times, in a line that has it once, or a part of it.

L-BFGS evaluates its loss again within a step (Liu and Nocedal 1989) and takes curvature from differences of gradients.
Added up over batches, or clipped, the first gradient is of another function than those that follow.
"""

from __future__ import annotations

from collections.abc import Iterator

from fanin.diagnostics.codes import TRN801
from fanin.diagnostics.model import Diagnostic, Label
from fanin.ir.recipe import System, Train


def check(system: System) -> Iterator[Diagnostic]:
    for line in system.every_line():
        if line.rule.name == "lbfgs" and (said := _spoils(line)):
            option, why = said
            yield Diagnostic(
                TRN801,
                f"`lbfgs` does not go with `{option}`: {why}",
                line.span,
                "takes several evaluations of one loss",
                (Label(line.rule.span, "the optimiser"),),
                helps=(f"leave out `{option}`, or use another optimiser",),
            )


def _spoils(line: Train) -> tuple[str, str] | None:
    if line.accumulate > 1:
        return f"accumulate({line.accumulate})", "it would compare gradients of several batches with those of one"
    if line.clip is not None:
        return f"clip({line.clip:g})", "only the first gradient of a step would be clipped"
    return None
