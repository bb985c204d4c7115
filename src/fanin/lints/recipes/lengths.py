"""TRN802 to TRN804: what is longer than the stage that it is in.

The steps of a stage that counts epochs hang on the data, so only lengths in steps are compared: a stage of one epoch
may have any number of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from fanin.diagnostics.codes import TRN802, TRN803, TRN804
from fanin.diagnostics.model import Diagnostic, Label
from fanin.ir.recipe import Stage, System, Train
from fanin.source import Span


def check(system: System) -> Iterator[Diagnostic]:
    told: set[tuple[str, int]] = set()
    for stage in system.stages:
        if stage.unit != "steps":
            continue
        for line in stage.trains or system.trains:
            for found in (*_schedule(stage, line), *_never(stage, line)):
                if (found.code.id, found.span.start) not in told:
                    told.add((found.code.id, found.span.start))
                    yield found
    yield from _ramps(system)


def _schedule(stage: Stage, line: Train) -> Iterator[Diagnostic]:
    """A schedule that does not come to what it is for."""
    if line.schedule is None:
        return
    args = dict(line.schedule.args)
    if args.get("warmup", 0) >= stage.count:
        what = f"the learning rate is still warming up when the stage `{stage.name}` ends, after {stage.count} steps"
        help_ = f"warm up over less, such as `warmup={max(stage.count // 10, 1)}`"
    elif args.get("after", 0) >= stage.count:
        what = (
            f"the learning rate would fall after {args['after']} steps, and the stage `{stage.name}` has {stage.count}"
        )
        help_ = f"let it fall earlier, such as `after={stage.count // 2}`"
    elif line.schedule.name == "step" and args.get("every", 0) >= stage.count:
        what = (
            f"the learning rate would fall every {args['every']} steps, and the stage `{stage.name}` has {stage.count}"
        )
        help_ = f"let it fall earlier, such as `every={max(stage.count // 3, 1)}`"
    elif line.schedule.name == "step" and (late := [at for at in args.get("at", ()) if at >= stage.count]):
        what = f"the learning rate would fall at step {late[0]}, and the stage `{stage.name}` has {stage.count}"
        help_ = "schedules count steps from the start of a stage"
    else:
        return
    labels = (Label(_head(stage), f"{stage.count} steps"),)
    yield Diagnostic(TRN802, what, line.schedule.span, "does not come to it", labels, helps=(help_,))


def _never(stage: Stage, line: Train) -> Iterator[Diagnostic]:
    """A line that is due for the first time after the end."""
    first = line.every * line.accumulate
    if first > stage.count:
        yield Diagnostic(
            TRN803,
            f"this line first moves weights at step {first}, and the stage `{stage.name}` has {stage.count}",
            line.span,
            "never moves anything",
            (Label(_head(stage), f"{stage.count} steps"),),
        )


def _ramps(system: System) -> Iterator[Diagnostic]:
    """A ramp that gets to its end in no stage."""
    if not system.stages or any(stage.unit != "steps" for stage in system.stages):
        return
    longest = max(system.stages, key=lambda stage: stage.count)
    for ramp in system.ramps:
        if ramp.steps > longest.count:
            port = next(p for p in system.graph.ports if p.name == ramp.port)
            yield Diagnostic(
                TRN804,
                f"the ramp to {ramp.stop:g} takes {ramp.steps} steps, and the longest stage has {longest.count}",
                port.span,
                "begins anew with each stage",
                (Label(_head(longest), f"{longest.count} steps"),),
                helps=(f"let it take no more than {longest.count} steps",),
            )


def _head(stage: Stage) -> Span:
    """The stage up to its braces."""
    return Span(stage.span.source, stage.span.start, stage.span.start + len(stage.span.text.split("{")[0].rstrip()))
