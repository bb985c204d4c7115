"""Rules on how a network behaves when its weights are drawn. Each file is one rule, or two of one cause."""

from __future__ import annotations

from collections.abc import Iterator

from fanin.analyses.reading import reached
from fanin.diagnostics.model import Diagnostic
from fanin.ir.graph import Graph, Program
from fanin.lints.flow import Flow
from fanin.signal.analysis import Analysis


def check_signal(program: Program, analysis: Analysis, seen: set[Graph]) -> Iterator[Diagnostic]:
    """What the rules say of a program that was gone through."""
    from fanin.lints.signal import (
        attention_logits,
        bias_before_norm,
        collapse,
        growth,
        linear_stack,
        saturation,
        symmetric_start,
        widths,
        zero_on_zero,
    )

    for rule in (attention_logits, collapse, growth, linear_stack, saturation, symmetric_start, widths, zero_on_zero):
        yield from rule.check(analysis)
    for graph in reached(program.graph):
        if graph not in seen:
            seen.add(graph)
            yield from bias_before_norm.check(Flow(graph))
