"""SYS711: a stage without anything to train. SYS715: a line of the system that no stage takes."""

from __future__ import annotations

from collections.abc import Iterator

from fanin.diagnostics.codes import SYS711, SYS715
from fanin.diagnostics.model import Diagnostic
from fanin.ir.recipe import System


def check(system: System) -> Iterator[Diagnostic]:
    for stage in system.stages:
        if not stage.trains and not system.trains and not system.updates():
            yield Diagnostic(
                SYS711,
                f"nothing is trained in the stage `{stage.name}`",
                stage.span,
                "no `train` here, and none in the system",
                helps=("write `train net on loss with adam(lr=1e-3)` in its braces",),
            )
    if system.stages and all(stage.trains for stage in system.stages):
        for line in system.trains:
            yield Diagnostic(
                SYS715,
                "no stage takes this line: each has lines of its own",
                line.span,
                "never runs",
                helps=("write it into the stages that it is for, or add a stage without a `train` line",),
            )
