"""STR613: a receptive field far larger or smaller than the picture.

A place of the last map of features before it is pooled, or of the output where it is a map itself, sees a window of the
picture. A window of ``LARGE`` times the picture's side or more means that most of what the last layers look at is
padding: such layers do not contribute (Richter et al. 2021, "Should You Go Deeper?", where accuracy stops rising once
layers see beyond the picture; ResNet-152 at 224 pixels sees 6.8 times its picture, and gains). One of ``SMALL`` of the
side or less, pooled into one answer, makes a bag of local patches (Brendel and Bethge 2019: 33 of 224 pixels, a
seventh, lose ten points on ImageNet, 9 pixels thirty). Sizes that are open are let pass, and so is a dense layer on all
places.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fanin.analyses.reading import reached
from fanin.diagnostics.codes import STR613
from fanin.diagnostics.model import Diagnostic
from fanin.ir.graph import Apply, Program
from fanin.ir.places import Box, Span, hull
from fanin.ir.types import TensorType

if TYPE_CHECKING:
    from fanin.analyses.dependence import Dependence, Seen
    from fanin.analyses.relations import Relation

LARGE, SMALL = 12.0, 0.1
_LEAST = 16
"""Sides below are no pictures."""
_LARGE_PICTURE = 64
"""Below, a window that is small beside the picture is hardly smaller than what can be learned from."""
_POOLS = frozenset(("mean", "amax", "adaptive_avg_pool2d", "adaptive_max_pool2d", "sum", "reduce"))
_CONVOLUTIONS = frozenset(("Conv2d", "conv2d"))


def check(program: Program) -> Iterator[Diagnostic]:
    pictures = [
        i
        for i, p in enumerate(program.inputs)
        if p.value is not None
        and p.value.type.rank == 4
        and all(isinstance(s, int) and s >= _LEAST for s in p.value.type.shape[2:])
    ]
    if not pictures or not _convolves(program):
        return
    from fanin.analyses.dependence import Seen  # only where there is something to see

    seen = Seen(program.graph)
    count = len(seen.inputs)
    for place, d in enumerate(seen.dependences):
        if place % count in pictures and d.boxes:
            problem = _judged(program, seen, d, place // count, place % count)
            if problem is not None:
                yield problem
                return


def _convolves(program: Program) -> bool:
    """Whether there are convolutions, and a map that is given or pooled: cheap, and told before anything else."""
    names = {n.op.name for g in reached(program.graph) for n in g.nodes if isinstance(n, Apply)}
    maps = any(result.value.type.rank == 4 for result in program.outputs)
    return bool(names & _CONVOLUTIONS) and (maps or bool(names & _POOLS))


def _judged(program: Program, seen: Seen, d: Dependence, output: int, input: int) -> Diagnostic | None:
    side = d.of.shape[2]
    assert isinstance(side, int)
    found = _window(d.boxes, d.of, d.to)
    if found is not None:
        return _finding(program, found, side, None)

    def bad(box: Box) -> bool:
        return not _is_window(box[2])

    origin = seen.origin(output, input, bad)
    if origin is None or not isinstance(origin.node, Apply):
        return None
    for operand, fact in zip(origin.node.inputs, origin.inputs, strict=True):
        if operand is None or fact is None:
            continue
        boxes = dict(fact.boxes).get(input, ())
        found = _window(boxes, d.of, operand.type) if boxes and operand.type.rank == 4 else None
        if found is not None:
            return _finding(program, found, side, origin.node)
    return None


def _is_window(span: Span) -> bool:
    return len(span.terms) == 1 and not isinstance(span.low, float) and not isinstance(span.high, float)


def _window(boxes: tuple[Box, ...], of: TensorType, to: TensorType) -> Relation | None:
    from fanin.analyses.relations import relation

    span = boxes[0][2]
    for box in boxes[1:]:
        span = hull(span, box[2], to.shape)
    found = relation(span, of.shape[2], to)
    return found if found.kind == "window" else None


def _finding(program: Program, found: Relation, side: int, pool: Apply | None) -> Diagnostic | None:
    field = found.field
    if not isinstance(field, int):
        return None
    pooled = pool is not None and pool.op.name in _POOLS
    span = program.graph.span if pool is None else pool.span
    if field >= LARGE * side:
        text = f"a place sees a window of {field} in a picture of {side}: most of it is padding"
        helps = ("take larger pictures, or fewer layers and strides",)
    elif pooled and side >= _LARGE_PICTURE and field <= SMALL * side:
        text = f"a place sees a window of {field} in a picture of {side}: what is pooled are local patches"
        helps = ("add layers, larger kernels or dilation, or strides before them",)
    else:
        return None
    if pool is None:  # the head of the model
        from fanin.source import Span as Text

        span = Text(span.source, span.start, span.start + len(span.text.split("{")[0].rstrip()))
    return Diagnostic(STR613, text, span, f"{field / side:.2g} times the picture", helps=helps)
