"""From what the inputs of an op see to what its results see: places gone through are settled, boxes composed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

from fanin.ir.dims import Dim
from fanin.ir.numbers import Form, Known, is_number, moved
from fanin.ir.places import Box, Digit, End, Span, Terms, added, compose, digit_of, no_more, normal, sign_of, union
from fanin.ir.types import TensorType
from fanin.ops.contract import Op
from fanin.ops.sees import Sees, Use
from fanin.record import record

Boxes = tuple[tuple[int, tuple[Box, ...]], ...]
"""For each source, by its number, the boxes of it that a value sees."""


@record
class Fact:
    """What an entry of a value sees of each source, and what is known of the numbers in it by their place."""

    boxes: Boxes = ()
    known: Known = ()


def results(op: Op[Any], attrs: Any, use: Use, inputs: Sequence[Fact | None]) -> list[Fact]:
    """What the results of an op see."""
    said = op.sees(attrs, use)
    each = said if isinstance(said, tuple) else (said,) * len(use.outs)
    known = known_of(op, attrs, use, inputs, each[0]) if len(use.outs) == 1 else ()
    return [
        Fact(seen(sees, use.types, out, inputs), known if len(use.outs) == 1 else _moved(sees, use, inputs))
        for sees, out in zip(each, use.outs, strict=True)
    ]


def _moved(sees: Sees, use: Use, inputs: Sequence[Fact | None]) -> Known:
    first = inputs[0] if inputs else None
    if not sees.moves or first is None or not first.known or len(sees.reads[0]) != 1:
        return ()
    return moved(first.known, sees.reads[0][0], use.x.shape)


def known_of(op: Op[Any], attrs: Any, use: Use, inputs: Sequence[Fact | None], sees: Sees) -> Known:
    """What is known of the numbers that an op gives."""
    if sees.moves:
        return _moved(sees, use, inputs)
    if use.types and not any(fact is not None and fact.known for fact in inputs) and not sees.own:
        return ()
    given: list[Known] = []
    for fact, reads, type_ in zip(inputs, sees.reads, use.types, strict=False):
        if fact is None or type_ is None or not reads:
            given.append(())
        elif not type_.rank:
            given.append(fact.known)
        else:
            given.append(moved(fact.known, reads[0], type_.shape) if _settled(reads[0]) else ())
    return op.known(attrs, use, *given)


def _settled(box: Box) -> bool:
    return all(d.axis >= 0 for span in box for _, d in span.terms)


def seen(sees: Sees, types: Sequence[TensorType | None], out: TensorType, inputs: Sequence[Fact | None]) -> Boxes:
    """What a result sees of the sources of its inputs."""
    limits = list(sees.only)
    for number, values in sees.void:
        fact, type_ = inputs[number], types[number]
        if fact is not None and type_ is not None:
            for box in sees.reads[number]:
                limits += _forms(fact.known, box, type_, values)
    found: dict[int, list[Box]] = {}
    for fact, type_, reads in zip(inputs, types, sees.reads, strict=False):
        if fact is None or type_ is None or not fact.boxes:
            continue
        for box in reads:
            own = [*limits, *_forms(fact.known, box, type_, None)]
            at = tuple(settled_span(span, own) for span in box)
            same = all(_same(span, i, size) for i, (span, size) in enumerate(zip(at, type_.shape, strict=True)))
            for source, boxes in fact.boxes:
                if same and type_.rank == out.rank:
                    found.setdefault(source, []).extend(boxes)
                else:
                    found.setdefault(source, []).extend(
                        tuple(compose(span, at, type_.shape) for span in seen_box) for seen_box in boxes
                    )
    return tuple((source, union(boxes, out.shape)) for source, boxes in sorted(found.items()))


def _same(span: Span, axis: int, size: Dim) -> bool:
    if not span.terms:
        return size == 1 and span.low == 0 == span.high
    return span.terms == ((1, Digit(axis, 1, size)),) and span.low == 0 == span.high and span.wraps is None


def _forms(known: Known, box: Box, type_: TensorType, values: Sequence[Any] | None) -> list[Form]:
    """Forms that are 0 or more wherever an input is not known to hold one of these numbers, or any number."""
    found: list[Form] = []
    for piece in known:
        if len(piece.forms) != 1 or not is_number(piece.value):
            continue
        if values is not None and not any(piece.value is v or (piece.value == v and v is not False) for v in values):
            continue
        form = piece.forms[0].composed(box, type_.shape)
        if form is not None:
            found.append(-form - 1)
    return found


def settled_span(span: Span, limits: Sequence[Form]) -> Span:
    """A span without the places that are gone through: each is between what the limits leave of it."""
    if all(d.axis >= 0 for _, d in span.terms):
        return span
    terms: list[tuple[Dim, Digit]] = []
    low, high = span.low, span.high
    for factor, digit in span.terms:
        if digit.axis >= 0:
            terms.append((factor, digit))
            continue
        part = _between(digit, limits)
        sign = sign_of(factor)
        if sign is None:
            return Span((), -inf, inf)
        ends = (part.low, part.high) if sign > 0 else (part.high, part.low)
        low, high = _sum(low, factor, ends[0]), _sum(high, factor, ends[1])
        terms += [(factor * f, d) for f, d in part.terms]
    return normal(terms, low, high, span.wraps)


def _sum(end: End, factor: Dim, more: End) -> End:
    if isinstance(end, float):
        return end
    if isinstance(more, float):
        return more if sign_of(factor) == 1 else -more
    return end + factor * more


def _between(digit: Digit, limits: Sequence[Form]) -> Span:
    """What a place that is gone through can be, in digits of the result."""
    lows: list[tuple[Terms, Dim]] = []
    highs: list[tuple[Terms, Dim]] = []
    for form in limits:
        own = [f for f, d in form.terms if d == digit]
        rest = [(f, d) for f, d in form.terms if d != digit]
        if len(own) != 1 or own[0] not in (1, -1) or any(d.axis < 0 for _, d in rest):
            continue
        if own[0] == 1:  # place + rest + constant >= 0
            lows.append((added((-f, d) for f, d in rest), -form.constant))
        else:
            highs.append((added(rest), form.constant))
    whole = Span((), 0, digit.size - 1)
    ends = [*highs, *lows]
    if not ends:
        return whole
    terms = next((t for t, _ in highs if any(t == u for u, _ in lows)), ends[0][0])
    low = _best([c for t, c in lows if t == terms], largest=True)
    high = _best([c for t, c in highs if t == terms], largest=False)
    if not terms:
        return Span((), 0 if low is None else low, digit.size - 1 if high is None else high)
    return Span(terms, -inf if low is None else low, inf if high is None else high)


def _best(ends: list[Dim], largest: bool) -> Dim | None:
    """The tightest of these, as far as it can be told."""
    if not ends:
        return None
    best = ends[0]
    for end in ends[1:]:
        if no_more(best, end) if largest else no_more(end, best):
            best = end
    return best


def replaced(
    fact: Fact, at: Box, shape: Sequence[Dim], out: Sequence[Dim], places: Mapping[Digit, Span] | None = None
) -> Fact:
    """The fact of a value whose entries are those at a box of another; ``places`` are what axes beside it stand for."""
    boxes = []
    for source, each in fact.boxes:
        made = [tuple(_put(compose(span, at, shape), places or {}) for span in box) for box in each]
        boxes.append((source, union(made, out)))
    return Fact(tuple(boxes))


def _put(span: Span, places: Mapping[Digit, Span]) -> Span:
    known = {whole.axis: (whole.size, place) for whole, place in places.items()}
    if not any(d.axis in known for _, d in span.terms):
        return span
    terms: list[tuple[Dim, Digit]] = []
    low, high = span.low, span.high
    for factor, digit in span.terms:
        if digit.axis not in known:
            terms.append((factor, digit))
            continue
        size, place = known[digit.axis]
        part = digit_of(digit, place, size)
        ends = (part.low, part.high) if sign_of(factor) == 1 else (part.high, part.low)
        low, high = _sum(low, factor, ends[0]), _sum(high, factor, ends[1])
        terms += [(factor * f, d) for f, d in part.terms]
    return normal(terms, low, high, span.wraps)
