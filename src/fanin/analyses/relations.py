"""Dependence put in words: along an axis of an input a position sees the same one, earlier ones, a window, or all."""

from __future__ import annotations

from fractions import Fraction

from fanin.analyses.dependence import Dependence
from fanin.ir.dims import Dim, maximum
from fanin.ir.places import ALL, Span, hull, no_more
from fanin.ir.types import TensorType
from fanin.record import record


@record
class Relation:
    """What a position of an output sees along one axis of an input.

    ``kind`` is ``same``, ``causal``, ``anticausal`` (later ones), ``window``, ``places`` (some of them, whatever the
    position), ``all`` or ``none``. ``axis`` is the axis of the output that goes with it, None where there is none. A
    window lies from ``low`` to ``high`` around ``stride`` times the position.
    """

    kind: str
    axis: int | None = None
    low: Dim = 0
    high: Dim = 0
    stride: Fraction = Fraction(1)
    circular: bool = False

    @property
    def field(self) -> Dim | None:
        """How many positions a window is wide; None where it is none."""
        return self.high - self.low + 1 if self.kind in ("same", "window", "places") else None

    def __str__(self) -> str:
        if self.kind == "window":
            stride = "" if self.stride == 1 else f", stride {self.stride}"
            offset = "" if self.low == -self.high else f" ({_signed(self.low)} to {_signed(self.high)})"
            return f"window of {self.field}{offset}{stride}{', circular' if self.circular else ''}"
        if self.kind == "causal":
            late = self.high
            return "causal" if late == 0 else f"causal, up to {_signed(late)}"
        if self.kind == "anticausal":
            return "later ones" if self.low == 0 else f"later ones, from {_signed(self.low)}"
        if self.kind == "places":
            return f"place {self.low}" if self.low == self.high else f"places {self.low} to {self.high}"
        return self.kind


def _signed(d: Dim) -> str:
    return f"{d:+}" if isinstance(d, int) else str(d)


def relations(dependence: Dependence) -> tuple[Relation, ...]:
    """One for each axis of the input."""
    if not dependence.boxes:
        return tuple(Relation("none") for _ in dependence.of.shape)
    shape = dependence.to.shape
    found = []
    for axis, size in enumerate(dependence.of.shape):
        span = dependence.boxes[0][axis]
        for box in dependence.boxes[1:]:
            span = hull(span, box[axis], shape)
        found.append(relation(span, size, dependence.to))
    return tuple(found)


def relation(span: Span, size: Dim, out: TensorType) -> Relation:
    """What a span of an axis of this size is, in digits of a position of the output."""
    if not span.terms:
        if isinstance(span.low, float) and isinstance(span.high, float):
            return Relation("same") if size == 1 else Relation("all")
        if size == 1:
            return Relation("same")
        if span.covers(size) or isinstance(span.low, float) or isinstance(span.high, float):
            return Relation("all")
        return Relation("places", None, maximum(span.low, 0), span.high)
    if len(span.terms) > 1:
        return Relation("all")
    ((factor, digit),) = span.terms
    axis = digit.axis
    top = no_more(out.shape[axis], digit.unit * digit.size)
    if not isinstance(factor, int) or not isinstance(digit.unit, int) or not top:
        return Relation("all", axis)
    stride = Fraction(factor, digit.unit)
    if isinstance(span.low, float) or isinstance(span.high, float):
        if span.wraps is not None or stride != 1:
            return Relation("all", axis)
        if isinstance(span.low, float) and not isinstance(span.high, float):
            return Relation("causal", axis, 0, span.high) if no_more(span.high, 0) else Relation("all", axis)
        if isinstance(span.high, float) and not isinstance(span.low, float):
            return Relation("anticausal" if no_more(0, span.low) else "all", axis, span.low, 0)
        return Relation("all", axis)
    circular = span.wraps is not None
    if stride == 1 and span.low == 0 == span.high:
        return Relation("same", axis, circular=circular)
    return Relation("window", axis, span.low, span.high, stride, circular)


def is_causal(span: Span) -> bool:
    """Whether a position sees along an axis no later one than its own."""
    if span.wraps is not None or len(span.terms) != 1:
        return False
    ((factor, digit),) = span.terms
    return factor == 1 and digit.unit == 1 and no_more(span.high, 0)


def field_of(dependence: Dependence, axis: int) -> Dim:
    """How many positions along an axis of an input one of the output sees, edges left aside: the width of a window,
    all there are where it is none."""
    if not dependence.boxes:
        return 0
    found = relations(dependence)[axis]
    field = found.field
    return dependence.declared.shape[axis] if field is None else field


def axes_of_letter(types: list[tuple[str, TensorType]], letter: Dim) -> list[tuple[int, int]]:
    """The axes of inputs, as (input, axis), that are of a size."""
    return [(i, axis) for i, (_, t) in enumerate(types) for axis, size in enumerate(t.shape) if size == letter]


__all__ = ["ALL", "Relation", "axes_of_letter", "field_of", "is_causal", "relation", "relations"]
