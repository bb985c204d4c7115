"""STR611 and STR612: a loss on the next token, and logits that see it already.

Where the target of a cross-entropy is a sequence shifted by some places (``token[:, 1:]``), logits at a place have to
be made of what stands before the target. What they see is followed op by op (``analyses/dependence.py``). Where
attention lets the target in, the causal mask is missing (STR611); elsewhere something looks ahead (STR612). A target
that is an input of its own is let pass: nothing says that it is the same sequence.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fanin.diagnostics.codes import STR611, STR612
from fanin.diagnostics.model import Diagnostic, Label
from fanin.ir.graph import Apply, Graph, Operand, Value
from fanin.ir.places import Box, Span, no_more
from fanin.lints.flow import written
from fanin.ops.sees import Use

if TYPE_CHECKING:
    from fanin.analyses.dependence import Seen

_LOSSES = frozenset(("cross_entropy", "nll_loss"))
_ATTENDS = frozenset(("scaled_dot_product_attention", "MultiheadAttention", "softmax", "matmul", "einsum"))


def check(graph: Graph) -> Iterator[Diagnostic]:
    losses = [n for n in graph.nodes if isinstance(n, Apply) and n.op.name in _LOSSES]
    if not any(_is_shifted(graph, node.inputs[1]) for node in losses):
        return
    from fanin.analyses.dependence import Seen  # only where there is something to see

    seen = Seen(graph)
    for node in losses:
        x, target = node.inputs[:2]
        fact, wanted = seen.fact(x), seen.fact(target)
        if x is None or fact is None or wanted is None:
            continue
        sources = dict(fact.boxes)
        for source, boxes in wanted.boxes:
            axis = next((a for box in boxes for a in _shifted_axes(box)), None)
            if axis is None or not any(_holds(box, goal) for box in sources.get(source, ()) for goal in boxes):
                continue
            yield _finding(seen, node, x, source, axis)


def _finding(seen: Seen, loss: Apply, x: Operand, source: int, axis: int) -> Diagnostic:
    from fanin.analyses.relations import is_causal

    origin = seen.origin_of(x, source, lambda box: not is_causal(box[axis]))
    at = loss if origin is None else origin.node
    attends = isinstance(at, Apply) and at.op.name in _ATTENDS
    labels = () if at is loss else (Label(loss.span, "what is to be predicted here is seen there"),)
    if attends:
        text = "attention sees the tokens that are to be predicted: there is no causal mask"
        helps: tuple[str, ...] = ("give it `is_causal=true`, or `causal=true` to a block of the library",)
        return Diagnostic(STR611, text, at.span, "sees later places", labels, helps=helps)
    return looks_ahead(at.span.text if not isinstance(at, Apply) else written(at), at.span, labels)


def looks_ahead(what: str, span: object, labels: tuple[Label, ...] = ()) -> Diagnostic:
    text = f"`{' '.join(what.split())[:40]}` looks ahead in a network that must not"
    helps = ("pad on the left alone: `pad((k - 1, 0)) -> Conv1d(D, k)`; read a sequence forwards only",)
    return Diagnostic(STR612, text, span, "sees later places", labels, helps=helps)  # type: ignore[arg-type]


def _is_shifted(graph: Graph, target: Operand | None) -> bool:
    """Whether a target is a slice of something: cheap, and told before anything else."""
    makers = {v.index: n for n in graph.nodes for v in n.outputs}
    while isinstance(target, Value):
        node = makers.get(target.index)
        if not isinstance(node, Apply):
            return False
        types = tuple(None if o is None else o.type for o in node.inputs)
        said = node.op.sees(node.attrs, Use(types, tuple(v.type for v in node.outputs)))
        sees = said[0] if isinstance(said, tuple) else said
        if not sees.moves:
            return False
        if any(span.terms and not (span.low == 0 == span.high) for box in sees.reads[0] for span in box):
            return True
        target = node.inputs[0]
    return False


def _shifted_axes(box: Box) -> Iterator[int]:
    """Axes along which a target stands later than its own place."""
    return (i for i, span in enumerate(box) if span.terms and span.exactly and no_more(1, span.low))


def _holds(box: Box, goal: Box) -> bool:
    """Whether logits see, as far as can be proven, what a target at the same place is."""
    return all(_span_holds(span, _beside_classes(end)) for span, end in zip(box, goal, strict=True))


def _span_holds(span: Span, goal: Span) -> bool:
    if not span.terms:
        return isinstance(span.low, float) or no_more(span.low, 0)
    return span.terms == goal.terms and no_more(span.low, goal.low) and no_more(goal.high, span.high)


def _beside_classes(span: Span) -> Span:
    """A position of the target as one of the logits, whose axis 1 are the classes."""
    from dataclasses import replace

    terms = tuple((f, replace(d, axis=d.axis + (d.axis > 0))) for f, d in span.terms)
    return Span(terms, span.low, span.high)
