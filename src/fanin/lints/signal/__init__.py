"""Rules on how a network behaves when its weights are drawn. Each file is one rule, or two of one cause."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import ModuleType

from fanin.analyses.reading import reached
from fanin.diagnostics.model import Diagnostic
from fanin.ir.graph import Graph, Program
from fanin.lints.flow import Flow
from fanin.lints.signal.along import Net
from fanin.lints.signal.limits import Limit
from fanin.signal.analysis import Analysis


@cache
def rules() -> tuple[ModuleType, ...]:
    """Every file of this folder with a ``check`` of a ``Net``."""
    from fanin.lints.signal import (
        attention_logits,
        collapse,
        growth,
        linear_stack,
        saturation,
        symmetric_start,
        widths,
        zero_on_zero,
    )

    return (attention_logits, collapse, growth, linear_stack, saturation, symmetric_start, widths, zero_on_zero)


def limits() -> dict[str, Limit]:
    """The numbers that rules go by, by code: what a project may set, and the table of the documentation shows."""
    found = [limit for rule in rules() for limit in getattr(rule, "LIMITS", ())]
    return {limit.code.id: limit for limit in sorted(found, key=lambda limit: limit.code.id)}


def check_signal(
    program: Program, analysis: Analysis, seen: set[Graph], given: Mapping[str, float] | None = None
) -> Iterator[Diagnostic]:
    """What the rules say of a program that was gone through; ``given`` are limits in the place of their own."""
    from fanin.lints.signal import bias_before_norm

    net = Net(program, analysis, given)
    for rule in rules():
        check: Callable[[Net], Iterator[Diagnostic]] = rule.check
        yield from check(net)
    for graph in reached(program.graph):
        if graph not in seen:
            seen.add(graph)
            yield from bias_before_norm.check(Flow(graph))
