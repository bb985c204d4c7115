"""STR612: something that sees later places behind causal attention, which must not.

A mask is there so that a place is told nothing of those to come. What stands behind it on the way to an output of the
same length and looks ahead (a convolution padded on both sides, a recurrence that runs backwards, attention without a
mask) undoes that. Encoders are let pass: nothing in them is causal. So is what takes the whole sequence together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf
from typing import TYPE_CHECKING

from fanin.diagnostics.model import Diagnostic
from fanin.ir.graph import Apply, Graph, Program, Scan
from fanin.ir.places import Box
from fanin.lints.flow import written
from fanin.lints.structure.next_token import looks_ahead

if TYPE_CHECKING:
    from fanin.analyses.sight import Fact

_MASKS = frozenset(("tril", "triu"))
_AHEAD = frozenset(("Conv1d", "conv1d", "flip", "roll", "avg_pool1d", "max_pool1d", "MultiheadAttention", "fft"))


def check(program: Program, graphs: Sequence[Graph]) -> Iterator[Diagnostic]:
    if not _worth_while(graphs):
        return
    from fanin.analyses.dependence import Seen, divided  # only where there is something to see
    from fanin.analyses.relations import is_causal

    seen = Seen(program.graph, sizes=divided(program))
    count = max(len(seen.inputs), 1)
    found: set[tuple[int, int]] = set()
    for place, d in enumerate(seen.dependences):
        for axis, size in enumerate(d.of.shape):
            if size not in d.to.shape or isinstance(size, int) or all(is_causal(box[axis]) for box in d.boxes):
                continue
            if any(_along(box, axis) for box in d.boxes):
                continue

            def bad(box: Box, axis: int = axis) -> bool:
                return not is_causal(box[axis])

            origin = seen.origin(place // count, place % count, bad)
            if origin is None or not any(_was_causal(f, place % count, axis) for f in origin.inputs if f is not None):
                continue
            node = origin.node
            where = (node.span.start, node.span.end)
            if where not in found and isinstance(node, Apply | Scan):
                found.add(where)
                yield looks_ahead(written(node) if isinstance(node, Apply) else node.span.text, node.span)


def _worth_while(graphs: Sequence[Graph]) -> bool:
    """Whether something is causal and something may look ahead: cheap, and told before anything else."""
    causal = ahead = False
    for graph in graphs:
        for node in graph.nodes:
            if isinstance(node, Scan):
                ahead = ahead or node.reverse
            elif isinstance(node, Apply):
                name = node.op.name
                if name == "scaled_dot_product_attention":
                    causal, ahead = causal or node.attrs.is_causal, ahead or not node.attrs.is_causal  # type: ignore[attr-defined]
                elif name in _MASKS:
                    causal = True
                elif name in _AHEAD:
                    ahead = True
    return causal and ahead


def _along(box: Box, axis: int) -> bool:
    """Whether it is one place, or the batch: nothing was mixed along the axis."""
    return box[axis].exactly


def _was_causal(fact: Fact, source: int, axis: int) -> bool:
    from fanin.analyses.relations import is_causal

    boxes = dict(fact.boxes).get(source, ())
    return any(box[axis].low == -inf and is_causal(box[axis]) for box in boxes)
