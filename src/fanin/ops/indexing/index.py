"""What ``x[…]`` means: NumPy's indexing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeAlias, final

from fanin.ir.bounds import SIZES
from fanin.ir.dims import Dim, Poly, ceildiv, maximum, minimum
from fanin.ir.facts import Compare
from fanin.ir.places import Digit, Span, at, normal
from fanin.ir.types import TensorType
from fanin.ir.unknown import Unknown
from fanin.ops.broadcasting import broadcast
from fanin.ops.code import Code, Cut, Input, Name, Subscript, method
from fanin.ops.code import Sequence as Row
from fanin.ops.contract import ANY, INTS, Complaint, Inferred, Need, Op, OpAttrs, Port, Result, inferred
from fanin.ops.keeping import NEW, PART, Backprop, Kept, Lies
from fanin.ops.sees import Sees, Use, aligned
from fanin.ops.sizes import at_least
from fanin.ops.ties import SKIPPED, Expr, Letter, Measure, Plus, Ties, held, letters
from fanin.record import record


@record
class At:
    """``x[3]``: one place, which has to be there; below 0 it counts from the end."""

    place: int | Poly


@record
class Range:
    """``x[a:b:c]``: the places from ``start`` to before ``stop``, as far as they are there."""

    start: int | Poly | None = None
    stop: int | Poly | None = None
    step: int | Poly | None = None


@record
class NewAxis:
    """``x[none]``"""


@record
class Dots:
    """``x[...]``: as many whole axes as there are left."""


@record
class Pick:
    """``x[index]``: the next of the int tensors."""


Item: TypeAlias = At | Range | NewAxis | Dots | Pick


@record
class IndexAttrs(OpAttrs):
    items: tuple[At | Range | NewAxis | Dots | Pick, ...] = ()


@final
class Index(Op[IndexAttrs]):
    """``x[…]`` with numbers, slices, ``none``, ``...`` and int tensors.

    Shape: ``[N, T, D] -> [N, D]`` for ``x[:, 0]``; ``[N, T, D] -> [N, T - 1, D]`` for ``x[:, 1:]``
    A number takes an axis away and has to be a place on it. A slice is cut off at the ends. Several int tensors
    broadcast, and are one index: their axes stand where they stood, or in front where a slice stands between them.
    Source: NumPy's reference, "Indexing on ndarrays".
    """

    name = "index"
    attrs = IndexAttrs
    inputs = (Port("x", ANY), Port("index", INTS, optional=True, variadic=True))
    example = "y = x[:, 0]"

    def infer(self, a: IndexAttrs, *types: TensorType) -> Result:
        x, *picks = types
        items = _spelled_out(a.items, x)
        if sum(isinstance(item, Pick) for item in items) != len(picks):
            raise Complaint("there is an index for each int tensor", "items", kind="type")
        operands = ((f"index[{i}]", t) for i, t in enumerate(picks))
        picked, needs = broadcast(*operands, what="the index tensors") if picks else ((), ())
        shape: list[Dim] = []
        axis = 0
        for item in items:
            if isinstance(item, NewAxis):
                shape.append(1)
                continue
            size = x.shape[axis]
            if isinstance(item, At):
                needs += _need_place(item.place, size, axis)
            elif isinstance(item, Range):
                length, more = _length(item, size, axis)
                shape.append(length)
                needs += more
            axis += 1
        front = _front(items)
        return Inferred((x.with_shape(*shape[:front], *picked, *shape[front:]),), needs)

    def choices(self, a: IndexAttrs, *types: TensorType) -> dict[int, Dim]:
        x = types[0]
        axes = [item for item in _spelled_out(a.items, x) if not isinstance(item, NewAxis)]
        picked = (size for item, size in zip(axes, x.shape, strict=True) if isinstance(item, Pick))
        return dict(zip(range(1, len(types)), picked, strict=True))

    def sees(self, a: IndexAttrs, use: Use) -> Sees:
        x, *rest = use.types
        assert x is not None
        picks = [t for t in rest if t is not None]
        items = _spelled_out(a.items, x)
        rank = max((t.rank for t in picks), default=0)
        front = _front(items)
        picked = use.out.with_shape(*use.out.shape[front : front + rank])
        box: list[Span] = []
        place = 0  # among the axes of the result that are not those of the int tensors
        for item in items:
            axis = place if place < front else place + rank
            if isinstance(item, NewAxis):
                place += 1
                continue
            size = x.shape[len(box)]
            if isinstance(item, At):
                box.append(at(size + item.place if _below_zero(item.place) else item.place))
            elif isinstance(item, Range):
                start: Dim = 0 if item.start is None else item.start
                start = maximum(size + start, 0) if _below_zero(start) else minimum(start, size)
                step = item.step if isinstance(item.step, int) else 1
                box.append(normal([(step, Digit(axis, 1, use.out.shape[axis]))], start, start))
                place += 1
            else:
                box.append(Span((), 0, size - 1))
        indices = []
        for t in picks:
            own = aligned(t, picked)
            shifted = [
                Span(tuple((f, replace(d, axis=d.axis + front)) for f, d in s.terms), s.low, s.high) for s in own
            ]
            indices.append((tuple(shifted),))
        return Sees(((tuple(box),), *indices), moves=not picks)

    def torch(self, a: IndexAttrs, *types: TensorType) -> Code:
        x, *picks = types
        if not a.items:
            return Input(0)
        inputs = iter(range(1, len(types)))
        code: Code = Subscript(Input(0), tuple(_printed(item, inputs) for item in a.items))
        rank = max((t.rank for t in picks), default=0)
        if not rank:
            return code
        items = _spelled_out(a.items, x)
        here, there = _torch_front(items, picks), _front(items)
        if here == there:
            return code
        # PyTorch does not count numbers as indices that an int tensor may stand apart from; NumPy does.
        if rank == 1:
            return method(code, "movedim", here, there)
        moved = Row(tuple(range(here, here + rank))), Row(tuple(range(there, there + rank)))
        return method(code, "movedim", *moved)

    def saved(self, a: IndexAttrs, use: Backprop) -> Kept:
        return Kept(tuple(range(1, len(use.inputs))))

    def lies(self, a: IndexAttrs, *types: TensorType) -> Lies:
        return PART if len(types) == 1 else NEW

    def signal(self, a: IndexAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.shape import Part

        items = _spelled_out(a.items, types[0])
        picks = [i for i, item in enumerate(items) if isinstance(item, Pick)]
        if picks and (len(picks) > 1 or any(isinstance(i, At | NewAxis) for i in items) or len(types) != 2):
            return Unknown("nothing is known of what several indices pick together")
        if picks and all(i == Range() for n, i in enumerate(items) if n not in picks):
            from fanin.signal.rules.picked import Picked

            return Picked(picks[0], types[1].rank)
        if picks:
            return Unknown("nothing is known of what is picked by an index beside a slice")
        kept: list[int | None] = []
        places: dict[int, int] = {}
        axis = 0
        for item in items:
            if isinstance(item, NewAxis):
                kept.append(None)
                continue
            if not isinstance(item, At):
                kept.append(axis)
            elif isinstance(item.place, int):
                places[axis] = item.place
            axis += 1
        kept += range(axis, types[0].rank)
        return Part(kept, places)

    def couplings(self, a: IndexAttrs, *types: TensorType) -> Ties | Unknown:
        x, *picks = types
        items = _spelled_out(a.items, x)
        inner: list[Expr] = []
        outer: list[Expr] = []
        fixed: list[tuple[str, str]] = []
        parts: dict[int, tuple[Letter, Letter]] = {}
        for place, item in enumerate(items):
            axis = len(inner)
            if isinstance(item, NewAxis):
                outer.append(Letter(f"new{place}", 1))
                continue
            size = x.shape[axis]
            letter = Letter(f"{axis}", size)
            cut = _cut(item, size) if isinstance(item, Range) else None
            if item == Range():
                inner.append(letter)
                outer.append(letter)
            elif cut is not None:
                first, part, rest = (
                    Letter(f"{word}{axis}", n) for word, n in zip(("first", "part", "rest"), cut, strict=True)
                )
                inner.append(Plus((first, part, rest)))
                outer.append(part)
                parts[place] = (first, part)
            else:
                inner.append(letter)
                fixed.append((f"{axis}", "places on it are picked by number"))
                if isinstance(item, Range):
                    outer.append(Letter(f"some{axis}", _length(item, size, axis)[0]))
                    fixed.append((f"some{axis}", "places on it are picked by number"))
        given = [letters(t, f"p{i}.") for i, t in enumerate(picks)]
        front = _front(items)
        if picks:
            (y,) = inferred(self.infer(a, *types)).types
            rank = y.rank - len(outer)
            outer[front:front] = [Letter(f"i{i}", s) for i, s in enumerate(y.shape[front : front + rank])]
            fixed += held((*given, tuple(outer[front : front + rank])), "it holds places")
        ends = [(first.name, SKIPPED) for first, _ in parts.values()]
        ends += [(f"rest{part.name[4:]}", SKIPPED) for _, part in parts.values()]

        def resize(n: Measure) -> IndexAttrs:
            new = []
            for place, item in enumerate(items):
                if place not in parts:
                    new.append(item)
                    continue
                first, part = parts[place]
                start, stop = n(first), n(first) + n(part)
                new.append(Range(start if start or not _opens(item) else None, None if _closes(item) else stop))
            return replace(a, items=tuple(new))

        return Ties((tuple(inner), *given), (tuple(outer),), (), tuple(fixed), tuple(ends), resize if parts else None)

    def masked(self, a: IndexAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return values[0]


def _cut(item: Range, size: Dim) -> tuple[int, int, int] | None:
    """How many places stand before a slice, in it and behind it; None where one of them is open, or it skips some."""
    ends = (item.start, item.stop)
    if (
        item.step not in (None, 1)
        or not isinstance(size, int)
        or not all(e is None or isinstance(e, int) for e in ends)
    ):
        return None
    start, stop, _ = slice(*ends).indices(size)
    return start, max(stop - start, 0), size - max(stop, start)


def _opens(item: Any) -> bool:
    return isinstance(item, Range) and item.start is None


def _closes(item: Any) -> bool:
    return isinstance(item, Range) and item.stop is None


def _spelled_out(items: tuple[Item, ...], x: TensorType) -> tuple[Item, ...]:
    """The items with whole slices for ``...`` and for what is left out. Raises Complaint for too many."""
    used = sum(not isinstance(item, (NewAxis, Dots)) for item in items)
    if used > x.rank:
        axes = f"{x.rank} axis" if x.rank == 1 else f"{x.rank} axes"
        raise Complaint(f"there are {used} indices for the {axes} of {x}", "items")
    dots = [i for i, item in enumerate(items) if isinstance(item, Dots)]
    if len(dots) > 1:
        raise Complaint("`...` stands twice in an index", "items", kind="type")
    at = dots[0] if dots else len(items)
    return (*items[:at], *(Range(),) * (x.rank - used), *items[at + 1 :])


def _need_place(place: int | Poly, size: Dim, axis: int) -> tuple[Need, ...]:
    where = (("x", axis),)
    if _below_zero(place):
        if at_least(size + place, 0):
            return ()
        message = f"place {place} is before the start of an axis of {{left}}"
        return (Need(Compare(">=", size, -place), message, where, "too-small"),)
    needs: tuple[Need, ...] = ()
    if not at_least(place, 0):
        needs += (Need(Compare(">=", place, 0), "place {left} of an axis is below 0", where, "too-small"),)
    if not at_least(size - place, 1):
        message = f"place {place} is past the end of an axis of {{left}}"
        needs += (Need(Compare(">", size, place), message, where, "too-small"),)
    return needs


def _below_zero(place: int | Poly) -> bool:
    high = SIZES.high(place)
    return high is not None and high < 0


def _length(item: Range, size: Dim, axis: int) -> tuple[Dim, tuple[Need, ...]]:
    """How many places a slice has. Raises Complaint for a step that is no positive number."""
    step = 1 if item.step is None else item.step
    if not isinstance(step, int):
        raise Complaint(f"the step of a slice is a known number, not {step}", "items", kind="type")
    if step < 1:
        message = f"the step of a slice is above 0, not {step}"
        raise Complaint(message, "items", kind="type", help=f"flip(x, axis={axis})")
    needs: tuple[Need, ...] = ()
    ends: list[Dim] = []
    for end, default in ((item.start, 0), (item.stop, size)):
        if end is None:
            ends.append(default)
        elif _below_zero(end):
            ends.append(maximum(size + end, 0))
        else:
            if not at_least(end, 0):
                message = "{left}, an end of a slice, is below 0"
                needs += (Need(Compare(">=", end, 0), message, (("x", axis),), "too-small"),)
            ends.append(minimum(end, size))
    return ceildiv(maximum(ends[1] - ends[0], 0), step), needs


def _front(items: Sequence[Item]) -> int:
    """How many axes of the result stand before those of the int tensors: NumPy's rule, numbers being indices too."""
    chosen = [i for i, item in enumerate(items) if isinstance(item, (At, Pick))]
    if not any(isinstance(item, Pick) for item in items) or chosen[-1] - chosen[0] >= len(chosen):
        return 0
    return sum(isinstance(item, (Range, NewAxis)) for item in items[: chosen[0]])


def _torch_front(items: Sequence[Item], picks: Sequence[TensorType]) -> int:
    """The same in PyTorch, which takes numbers and scalar tensors away first."""
    ranks = iter(t.rank for t in picks)
    left = [item for item in items if not isinstance(item, At) and (not isinstance(item, Pick) or next(ranks))]
    chosen = [i for i, item in enumerate(left) if isinstance(item, Pick)]
    return 0 if chosen[-1] - chosen[0] >= len(chosen) else chosen[0]


def _printed(item: Item, inputs: Iterator[int]) -> Code | Cut:
    """An item as Python writes it; ``inputs`` are the int tensors to come."""
    match item:
        case At():
            return item.place
        case Range():
            return Cut(item.start, item.stop, item.step)
        case NewAxis():
            return Name("None")
        case Dots():
            return Name("...")
        case Pick():
            return Input(next(inputs))
