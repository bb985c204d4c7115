"""Whether an array has the shape that an input declares, and the axes of size 1 that tell the two apart."""

from __future__ import annotations

from math import prod

from fanin.data.problems import DataFailed, failure
from fanin.data.table import Array, Data
from fanin.diagnostics.codes import DAT004
from fanin.diagnostics.model import Label
from fanin.ir.dims import evaluate
from fanin.ir.graph import Port
from fanin.ir.poly import Dim, Poly, Symbol
from fanin.record import field, record
from fanin.source import Span


@record
class Sizes:
    """What the letters of the inputs are, and the input that said so first."""

    known: dict[Symbol, tuple[int, str]] = field(default_factory=dict)
    places: dict[Symbol, Span] = field(default_factory=dict)
    numbers: list[int] = field(default_factory=list)  # sizes of a batch that are written as a number

    @property
    def batch(self) -> int | None:
        """The one size of a batch that the system takes, if it is written as a number."""
        return self.numbers[0] if self.numbers else None


def fitted(data: Data, name: str, port: Port, sizes: Sizes, *, batched: bool) -> Array:
    """The field as the input declares it. Its letters are noted. Raises DataFailed."""
    assert port.value is not None
    array, shape = data[name], port.value.type.shape
    if batched and shape and isinstance(shape[0], int):
        sizes.numbers.append(shape[0])
    start = 1 if batched else 0
    found = _with_ones(array, shape, start)
    if found is None:
        raise _misfit(data, name, port, f"{len(shape)} axes, and the field has {array.ndim}", array)
    for axis in range(start, len(shape)):
        _unify(data, name, port, found, axis, shape[axis], sizes)
    return found


def letter(d: Dim) -> Symbol | None:
    """The symbol that a dimension is, alone."""
    symbols = d.symbols() if isinstance(d, Poly) else ()
    return next((s for s in symbols if d == s.poly), None)


def _with_ones(array: Array, shape: tuple[Dim, ...], start: int) -> Array | None:
    """The array with axes of size 1 put in or left out, so that it has as many as the input; None if none would do."""
    lacking = len(shape) - array.ndim
    if lacking == 0:
        return array
    if array.ndim < start:
        return None
    wanted = list(array.shape[:start])
    rest = list(array.shape[start:])
    for d in shape[start:]:
        if lacking > 0 and d == 1 and (not rest or rest[0] != 1):
            wanted.append(1)
            lacking -= 1
            continue
        while lacking < 0 and rest and rest[0] == 1 and d != 1:
            rest.pop(0)
            lacking += 1
        if not rest:
            return None
        wanted.append(rest.pop(0))
    while lacking < 0 and rest and rest[0] == 1:
        rest.pop(0)
        lacking += 1
    return array.reshape(wanted) if lacking == 0 and not rest else None


def _unify(data: Data, name: str, port: Port, array: Array, axis: int, d: Dim, sizes: Sizes) -> None:
    size = array.shape[axis]
    if (s := letter(d)) is not None:
        seen = sizes.known.setdefault(s, (size, port.name))
        sizes.places.setdefault(s, port.span)
        if seen[0] != size:
            raise failure(
                DAT004,
                f"`{s.name}` is {seen[0]} in `{seen[1]}` of {data.name}, and {size} in `{name}`",
                port.span,
                f"{size} here",
                labels=[Label(sizes.places[s], f"{seen[0]} here")],
            )
        return
    try:
        wanted = d if isinstance(d, int) else evaluate(d, {s: n for s, (n, _) in sizes.known.items()})
    except KeyError:
        return  # an expression of a letter that only the batch says: checked when the module is entered
    if wanted != size:
        text = f"{wanted}" if isinstance(d, int) else f"{d} = {wanted}"
        raise _misfit(data, name, port, f"{text} on axis {axis}, and the field has {size}", array)


def _misfit(data: Data, name: str, port: Port, text: str, array: Array) -> DataFailed:
    assert port.value is not None
    helps = advice(data, name, port.value.type.shape)
    return failure(
        DAT004,
        f"`{port.name}` has {text}",
        port.span,
        f"{port.value.type} here",
        notes=[f"`{name}` of {data.name} is [{', '.join(map(str, data[name].shape))}]"],
        helps=helps,
    )


def fits(data: Data, name: str, shape: tuple[Dim, ...]) -> bool:
    """Whether a field has this shape, up to axes of size 1 and whatever letters stand for."""
    if not shape or not data[name].ndim:
        return False
    alike = _with_ones(data[name], shape, 1)
    return alike is not None and _agree(shape[1:], alike.shape[1:])


def _agree(wanted: tuple[Dim, ...], have: tuple[int, ...]) -> bool:
    return len(wanted) == len(have) and all(w == h for w, h in zip(wanted, have, strict=True) if isinstance(w, int))


def advice(data: Data, name: str, shape: tuple[Dim, ...]) -> list[str]:
    """The change of the array that would fit: the axes in another order, or the same numbers in another shape."""
    have, fixed = data[name].shape, shape[1:]
    if fits(data, name, shape):
        return []
    if len(have) == 4 and _agree(fixed, (have[3], have[1], have[2])):
        return [f"the channels stand last: put them second with `{name}.transpose(0, 3, 1, 2)`"]
    if not all(isinstance(d, int) for d in fixed) or not fixed or prod(have[1:]) != prod(fixed):
        return []
    if data.name.startswith("digits"):
        return [f"`digits:flat={'true' if len(fixed) == 1 else 'false'}` has that shape"]
    return [f"`{name}.reshape({', '.join(map(str, [-1, *fixed]))})` has that shape"]
