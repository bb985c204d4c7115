"""Products of tensors, summed over the axes that the result leaves out."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from string import ascii_lowercase, ascii_uppercase
from typing import Any, cast, final

from fanin.ir.dims import Dim
from fanin.ir.places import Box, Span, at, through, whole
from fanin.ir.types import TensorType
from fanin.ir.unknown import Unknown
from fanin.ops.broadcasting import broadcast
from fanin.ops.code import Code, Input, call
from fanin.ops.contract import FLOATS, Complaint, Inferred, Need, Op, OpAttrs, Port, Result, need_equal
from fanin.ops.einops._pattern import DOTS, Group, parse_equation
from fanin.ops.keeping import Backprop, Kept, crosswise
from fanin.ops.sees import Sees, Use
from fanin.ops.ties import SUM, Letter, Ties
from fanin.record import record


@record
class EinsumAttrs(OpAttrs):
    equation: str


@final
class Einsum(Op[EinsumAttrs]):
    """Products over axes with the same name, summed over the names that the result leaves out.

    Shape: ``[B, H, T, D], [B, H, S, D] -> [B, H, T, S]`` for ``einsum("b h t d, b h s d -> b h t s", q, k)``
    Names are separated by blanks and may have several letters; ``...`` stands for axes that broadcast. A name has one
    size everywhere. Three tensors or more are multiplied from left to right.
    Source: Einstein 1916; the notation of names is that of Rogozhnikov 2022, "Einops".
    """

    name = "einsum"
    attrs = EinsumAttrs
    inputs = (Port("tensors", FLOATS, variadic=True),)
    order = ("equation", "*tensors")
    example = 'z = einsum("n d, m d -> n m", x, y)'
    example_inputs = {"x": "[N, 8]", "y": "[M, 8]"}

    def infer(self, a: EinsumAttrs, *types: TensorType) -> Result:
        terms, result = parse_equation(a.equation)
        if len(terms) != len(types):
            tensors = "tensor" if len(types) == 1 else "tensors"
            message = f"the equation has {len(terms)} terms for {len(types)} {tensors}"
            raise Complaint(message, "equation", kind="type")
        _letters(terms)
        sizes: dict[str, Dim] = {}
        owners: dict[str, tuple[str, int]] = {}
        needs: tuple[Need, ...] = ()
        for number, (term, t) in enumerate(zip(terms, types, strict=True)):
            if t.dtype is not types[0].dtype:
                message = f"`einsum` takes tensors of one kind, not {types[0].dtype.value} and {t.dtype.value}"
                raise Complaint(message, "tensors", kind="type")
            for axis, place in _places(term, t).items():
                here, size = (f"tensors[{number}]", place), t.shape[place]
                known = sizes.setdefault(axis, size)
                owner = owners.setdefault(axis, here)
                if type(known) is int and known == 1:
                    sizes[axis], owners[axis] = size, here  # a size written as 1 stretches
                elif not (type(size) is int and size == 1):
                    message = f"`{axis}` is {{left}} in one tensor of this einsum, and {{right}} in another"
                    needs += need_equal(known, size, message, owner, here)
            for first, second in _twice(term, t):
                message = f"`{term[first]}` is {{left}} and {{right}} in one tensor of this einsum"
                places = (f"tensors[{number}]", first), (f"tensors[{number}]", second)
                needs += need_equal(t.shape[first], t.shape[second], message, *places)
        dots, more = _dots(terms, types)
        shape = tuple(s for axis in result for s in (dots if axis == DOTS else (sizes[axis],)))
        return Inferred((TensorType(types[0].dtype, shape),), (*needs, *more))

    def sees(self, a: EinsumAttrs, use: Use) -> Sees:
        terms, result = parse_equation(a.equation)
        types = [t for t in use.types if t is not None]
        places = dict(_placed_in(result, use.out))
        sizes: dict[str, Dim] = {}
        for term, t in zip(terms, types, strict=True):
            for i, axis in _named_places(term, t):
                if axis not in places and (axis not in sizes or sizes[axis] == 1):
                    sizes[axis] = t.shape[i]
        gone = list(sizes)
        boxes: list[Box] = []
        for term, t in zip(terms, types, strict=True):
            box: list[Span] = [at(0)] * t.rank
            for i, axis in _named_places(term, t):
                if t.shape[i] != 1:
                    box[i] = (
                        whole(places[axis], t.shape[i]) if axis in places else through(gone.index(axis), sizes[axis])
                    )
            boxes.append(tuple(box))
        void = tuple((i, (0,)) for i in range(len(types)))
        return Sees(tuple((box,) for box in boxes), tuple(sizes.values()), void=void)

    def flops(self, a: EinsumAttrs, *types: TensorType) -> Dim:
        terms, result = parse_equation(a.equation)
        # An axis of size 1 costs nothing, and is not there for what has it.
        sizes: dict[str, Dim] = {}
        parts: list[frozenset[str]] = []
        for term, t in zip(terms, types, strict=True):
            own = {axis: t.shape[i] for axis, i in _places(term, t).items() if t.shape[i] != 1}
            sizes |= own
            parts.append(frozenset(own) | frozenset(_dotted(term, t, sizes)))
        count: Dim = 0
        left = parts[0]
        kept = frozenset(result) | frozenset(axis for axis in sizes if axis.startswith(DOTS))
        for number, right in enumerate(parts[1:], 1):
            later = kept.union(*parts[number + 1 :])
            left, right = left & (right | later), right & (left | later)  # what one alone has is summed before
            if not left & right <= later:
                count = count + 2 * cast(Dim, prod(sizes[axis] for axis in left | right))
            left = (left | right) & later
        return count

    def torch(self, a: EinsumAttrs, *types: TensorType) -> Code:
        terms, result = parse_equation(a.equation)
        letters = _letters(terms)
        left = ",".join("".join(letters[axis] for axis in term) for term in terms)
        equation = f"{left}->{''.join(letters[axis] for axis in result)}"
        return call("torch.einsum", equation, *(Input(i) for i in range(len(types))))

    def saved(self, a: EinsumAttrs, use: Backprop) -> Kept | Unknown:
        if len(use.inputs) > 2:
            return Unknown("what a product of more than two tensors keeps hangs on the order that is chosen for it")
        return Kept(crosswise(use)) if len(use.inputs) == 2 else Kept()

    def signal(self, a: EinsumAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.linear import Contract

        terms, result = parse_equation(a.equation)
        axes = [axis for term in (*terms, result) for axis in term]
        if len(terms) != 2 or DOTS in axes or any(len(set(term)) < len(term) for term in terms):
            return Unknown("nothing is known behind an `einsum` that is no product of two tensors")
        letters = _letters(terms)
        left, right = ("".join(letters[axis] for axis in term) for term in terms)
        return Contract(left, right, "".join(letters[axis] for axis in result))

    def couplings(self, a: EinsumAttrs, *types: TensorType) -> Ties | Unknown:
        terms, result = parse_equation(a.equation)
        if any(len(set(term)) < len(term) or DOTS in term for term in (*terms, result)):
            return Unknown("an axis stands twice in a term of this `einsum`, or in its dots")
        sizes: dict[str, Dim] = {}
        for term, t in zip(terms, types, strict=True):
            sizes |= {axis: s for axis, s in zip(term, t.shape, strict=True) if s != 1 or axis not in sizes}
        inner = tuple(
            tuple(Letter(x if s == sizes[x] else f"{x}.1", s) for x, s in zip(term, t.shape, strict=True))
            for term, t in zip(terms, types, strict=True)
        )
        ends = tuple((x, SUM) for x in sizes if x not in result)
        return Ties(inner, (tuple(Letter(x, sizes[x]) for x in result),), ends=ends)

    def masked(self, a: EinsumAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return 0.0 if 0.0 in values else None


def _letters(terms: tuple[Group, ...]) -> dict[str, str]:
    """A letter for every name, its own where that is free. Raises Complaint where there are too many."""
    names = list(dict.fromkeys(axis for term in terms for axis in term if axis != DOTS))
    letters = {name: name for name in names if len(name) == 1 and name.isalpha()}
    free = [c for c in ascii_lowercase + ascii_uppercase if c not in letters]
    if len(names) - len(letters) > len(free):
        raise Complaint("PyTorch's einsum has 52 letters for axes, and this needs more", "equation", kind="type")
    for name in names:
        if name not in letters:
            own = name[0].lower() if name[0].lower() in free else name[0].upper()
            letters[name] = own if own in free else free[0]
            free.remove(letters[name])
    return letters | {DOTS: DOTS}


def _places(term: Group, t: TensorType) -> dict[str, int]:
    """Where each name of a term stands in its tensor, at first. Raises Complaint for its rank."""
    names = len(term) - (DOTS in term)
    if names > t.rank or (names < t.rank and DOTS not in term):
        message = f"`{' '.join(term)}` names {names} {'axis' if names == 1 else 'axes'}, and its tensor is {t}"
        squeezed = len(term) == 1 and len(term[0]) == t.rank
        raise Complaint(message, "equation", help=" ".join(term[0]) if squeezed else "")
    return {axis: place for place, axis in reversed(list(_placed(term, t)))}


def _placed(term: Group, t: TensorType) -> Iterator[tuple[int, str]]:
    """Every name of a term with the place of its axis."""
    skipped = 0
    for i, axis in enumerate(term):
        if axis == DOTS:
            skipped = t.rank - len(term)
        else:
            yield i + skipped, axis


def _twice(term: Group, t: TensorType) -> Iterator[tuple[int, int]]:
    """The places of a name that stands in a term again."""
    first: dict[str, int] = {}
    for place, axis in _placed(term, t):
        if first.setdefault(axis, place) != place:
            yield first[axis], place


def _dotted(term: Group, t: TensorType, sizes: dict[str, Dim]) -> Iterator[str]:
    """A name for each axis in the dots, counted from the last, whose size it notes."""
    if DOTS not in term:
        return
    start, count = term.index(DOTS), t.rank - len(term) + 1
    for i in range(count):
        size = t.shape[start + i]
        if size != 1:
            sizes[f"{DOTS}{count - i}"] = size
            yield f"{DOTS}{count - i}"


def _dots(terms: tuple[Group, ...], types: tuple[TensorType, ...]) -> tuple[tuple[Dim, ...], tuple[Need, ...]]:
    """The sizes that ``...`` stands for, and what must hold for them."""
    operands = []
    for number, (term, t) in enumerate(zip(terms, types, strict=True)):
        if DOTS in term:
            start = term.index(DOTS)
            operands.append((f"tensors[{number}]", t.with_shape(*t.shape[start : start + t.rank - len(term) + 1])))
    return broadcast(*operands, what="the axes in `...`") if operands else ((), ())


def _named_places(term: Group, t: TensorType) -> Iterator[tuple[int, str]]:
    """Every axis of a tensor with its name; those in the dots are counted from the last."""
    yield from _placed(term, t)
    if DOTS in term:
        start, count = term.index(DOTS), t.rank - len(term) + 1
        yield from ((start + i, f"{DOTS}{count - i}") for i in range(count))


def _placed_in(result: Group, out: TensorType) -> Iterator[tuple[str, int]]:
    return ((axis, i) for i, axis in _named_places(result, out))
