"""CST904: most of the parameters are a table of which a step reads a few rows.

They cost memory, twice as much again for an optimiser such as Adam, and communication, and do no arithmetic. Most: more
than half, and a million numbers or more, below which nobody has to care. A table that the logits share, or that is
fixed, is let pass, and so is a network that is little else than it (fewer than 2 layers), as a bag of words is.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from fanin.analyses.paths import parameters
from fanin.analyses.reading import reached
from fanin.analyses.weights import weights_of
from fanin.diagnostics.codes import CST904
from fanin.diagnostics.model import Diagnostic
from fanin.ir.graph import Apply, Leaf, Program

_LEAST, _LAYERS = 1_000_000, 2


def check(program: Program) -> Iterator[Diagnostic]:
    whole = weights_of(program.graph).parameters
    graphs = reached(program.graph)
    tables = [
        (child, child.instance)
        for graph in graphs
        for child in graph.children
        if isinstance(child.instance, Leaf) and child.instance.op.name == "Embedding" and not child.instance.frozen
    ]
    large = [(child, leaf) for child, leaf in tables if prod(leaf.weights[0].spec.shape) >= _LEAST]
    large = [(child, leaf) for child, leaf in large if 2 * prod(leaf.weights[0].spec.shape) > whole]
    if not large:
        return
    layers = sum(isinstance(n, Apply) and n.op.name in ("Linear", "linear") for graph in graphs for n in graph.nodes)
    child, leaf = large[0]
    shared = any(entry.tied is not None for entry in parameters(program))
    if layers >= _LAYERS and not shared and leaf.weights[0].tied is None:
        rows, width = leaf.weights[0].spec.shape
        yield Diagnostic(
            CST904,
            f"{rows * width / whole:.0%} of the parameters are a table of {rows:,} rows, which does no arithmetic",
            child.span,
            f"{rows * width:,} of {whole:,} parameters",
            helps=(
                f"tie the logits to it, or make it {rows:,} x {max(width // 4, 1)} with a `Linear({width})` behind",
            ),
        )
