"""STR607: attention over tokens of which nothing says where they stand.

Attention is equivariant under permutations: without positions a sentence is a bag of words. Whatever may say where a
token stands counts: a table or sinusoid that is added, numbers of positions, a convolution, a recurrence, a causal
mask.
"""

from __future__ import annotations

from collections.abc import Iterator

from fanin.analyses.reading import reached
from fanin.diagnostics.codes import STR607
from fanin.diagnostics.model import Diagnostic, Label
from fanin.ir.graph import Apply, Program, Read, Scan
from fanin.ir.types import DType

_ATTENDS = frozenset(("scaled_dot_product_attention", "MultiheadAttention"))
_PLACES = frozenset(("sinusoidal", "arange", "linspace", "tril", "triu", "cumsum", "eye", "roll", "unfold"))


def check(program: Program) -> Iterator[Diagnostic]:
    tokens = [p for p in program.inputs if p.value is not None and p.value.type.dtype is DType.INT]
    if not tokens:
        return
    graphs = reached(program.graph)
    attends: Apply | None = None
    looked_up: Apply | None = None
    tables = 0
    for graph in graphs:
        for node in graph.nodes:
            if isinstance(node, Scan):
                return
            if isinstance(node, Read) and node.outputs[0].type.rank >= 2:
                return  # a table of the spec's own, which may say it
            if not isinstance(node, Apply):
                continue
            name = node.op.name
            if name in _PLACES or name.startswith(("Conv", "conv", "RNN", "LSTM", "GRU")):
                return
            if name in _ATTENDS:
                if getattr(node.attrs, "is_causal", False):
                    return
                attends = attends or node
            if name == "Embedding":
                tables += 1
                looked_up = looked_up or node
    if attends is not None and looked_up is not None and tables == 1:
        yield Diagnostic(
            STR607,
            "attention over tokens without positions: their order makes no difference",
            attends.span,
            "equivariant under permutations",
            (Label(looked_up.span, "says which token, not where"),),
            helps=("add `sinusoidal(T, D)`, or a table: `param place: [T, D] = normal(std=0.02)`",),
        )
