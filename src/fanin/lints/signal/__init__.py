"""Rules on how a network behaves when its weights are drawn. Each file is one rule, or two of one cause."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
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
    found = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
    return tuple(module for module in found if hasattr(module, "check"))


def limits() -> dict[str, Limit]:
    """The numbers that rules go by, by code: what a project may set, and the table of the documentation shows."""
    found = [limit for rule in rules() for limit in getattr(rule, "LIMITS", ())]
    return {limit.code.id: limit for limit in sorted(found, key=lambda limit: limit.code.id)}


def check_signal(
    program: Program,
    analysis: Analysis,
    seen: set[Graph],
    given: Mapping[str, float] | None = None,
    wider: tuple[Program, Analysis] | None = None,
) -> Iterator[Diagnostic]:
    """What the rules say of a program that was gone through; ``given`` are limits in the place of their own.

    ``wider`` is the same program at ``width_scaling.TIMES`` its width, where a project names that. A block that stands
    in several places is spoken of once.
    """
    from fanin.lints.signal import bias_before_norm

    net = Net(program, analysis, given, Net(*wider) if wider is not None else None)
    said: set[tuple[str, str, int]] = set()
    for rule in rules():
        check: Callable[[Net], Iterator[Diagnostic]] = rule.check
        for found in check(net):
            place = (found.code.id, found.span.source.name, found.span.start)
            if place not in said:
                said.add(place)
                yield found
    for graph in reached(program.graph):
        if graph not in seen:
            seen.add(graph)
            yield from bias_before_norm.check_graph(Flow(graph))
