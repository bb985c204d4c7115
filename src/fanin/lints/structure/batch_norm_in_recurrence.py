"""STR605: batch statistics in a step of a recurrence.

One module keeps one mean and variance for all steps, whose statistics differ, so that evaluation uses what no step had.
Source: Cooijmans et al. 2016, "Recurrent Batch Normalization", section 3, which keeps one for each step.
"""

from __future__ import annotations

from collections.abc import Iterator

from fanin.analyses.reading import called, reached
from fanin.diagnostics.codes import STR605
from fanin.diagnostics.model import Diagnostic, Label
from fanin.ir.graph import Apply, Iterate, Scan
from fanin.lints.flow import BATCH_NORMS, Flow


def check(flow: Flow) -> Iterator[Diagnostic]:
    for node in flow.nodes:
        if not isinstance(node, Scan | Iterate):
            continue
        inner = [node.graph, *(g for n in node.graph.nodes for graph, _ in called(n, ()) for g in reached(graph))]
        for graph in inner:
            found = next((n for n in graph.nodes if isinstance(n, Apply) and n.op.name in BATCH_NORMS), None)
            if found is not None:
                yield Diagnostic(
                    STR605,
                    "a batch norm in a recurrence has one mean and variance for steps that differ",
                    found.span,
                    "one set of statistics",
                    (Label(node.span, "runs it at every step"),),
                    helps=("write `LayerNorm()`, which needs no statistics of a batch",),
                )
                break
