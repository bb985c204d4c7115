"""Whether the numbers of an array are what an input takes: its dtype, finite, and none changed on the way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fanin.data.lazy import Lazy
from fanin.data.problems import DataFailed, failure
from fanin.data.table import Array, Data
from fanin.diagnostics.codes import DAT005, DAT006
from fanin.ir.graph import Port
from fanin.ir.types import DType

_CHUNK = 1 << 22  # numbers looked at in one go, so that a large array needs no second one beside it


def converted(data: Data, name: str, array: Array, port: Port) -> Array:
    """The array in a dtype of the input's kind: the same where it has that kind, and an exact copy where it has not.

    Raises DataFailed for numbers that the input cannot take.
    """
    assert port.value is not None
    if isinstance(array, Lazy):
        return promised(data, name, array, port)
    wanted, kind = port.value.type.dtype, data.kind(name)
    if kind in (DType.FLOAT, DType.COMPLEX):
        _finite(data, name, array, port)
    if wanted is kind or wanted is DType.COMPLEX:
        return array
    if wanted is DType.FLOAT:
        if kind is DType.COMPLEX:
            raise _kind(data, name, port, "complex numbers, and a float input takes real ones", "`.real` or `abs(…)`")
        return array  # converted batch by batch, so that bytes stay bytes in memory
    if wanted is DType.INT:
        if kind is DType.BOOL:
            return array.astype(np.int64)
        if kind is DType.COMPLEX:
            raise _kind(data, name, port, "complex numbers, and an int input takes whole ones", "")
        return _checked(data, name, array, port, "whole", lambda a: (a == np.trunc(a)) & (np.abs(a) < 2**63))
    if kind is DType.COMPLEX:
        raise _kind(data, name, port, "complex numbers, and a bool input takes 0 and 1", "")
    return _checked(data, name, array, port, "0 or 1", lambda a: (a == 0) | (a == 1)).astype(bool)


def promised(data: Data, name: str, field: Lazy, port: Port) -> Lazy:
    """The same of a field that is read batch by batch, by its dtype alone. Raises DataFailed."""
    assert port.value is not None
    order = (DType.BOOL, DType.INT, DType.FLOAT, DType.COMPLEX)
    wanted, kind = port.value.type.dtype, data.kind(name)
    if order.index(kind) > order.index(wanted):
        raise _kind(data, name, port, f"{kind} numbers, and `{port.name}` takes {wanted}", f"rows of {wanted}")
    return field


def _finite(data: Data, name: str, array: Array, port: Port) -> None:
    at = first_where(array, lambda a: ~np.isfinite(a))
    if at is None:
        return
    value = array[at]
    many = sum(int((~np.isfinite(part)).sum()) for part in _parts(array))
    raise failure(
        DAT006,
        f"`{name}` has {value} {where(data, name, at)}",
        port.span,
        "takes numbers",
        notes=[f"{many} of its {array.size} numbers {'is' if many == 1 else 'are'} not finite"],
        helps=["leave such rows out, or fill them in, before training"],
    )


def _checked(data: Data, name: str, array: Array, port: Port, what: str, good: object) -> Array:
    test = good
    assert callable(test)
    at = first_where(array, lambda a: ~test(a))
    if at is None:
        return array.astype(np.int64, copy=False)
    text = f"{array[at]} {where(data, name, at)}, and `{port.name}` takes numbers that are {what}"
    raise _kind(data, name, port, text, "")


def _kind(data: Data, name: str, port: Port, text: str, hint: str) -> DataFailed:
    assert port.value is not None
    return failure(
        DAT005,
        f"`{name}` of {data.name} has {text}",
        port.span,
        f"{port.value.type}",
        notes=[f"`{name}` is an array of {data[name].dtype}"],
        helps=[f"give {hint}"] if hint else [],
    )


def where(data: Data, name: str, at: tuple[int, ...]) -> str:
    """``in row 17``, or whatever the source counts in, and the place in the row."""
    inner = f", at [{', '.join(map(str, at[1:]))}]" if at[1:] else ""
    return f"in {data.unit} {data.place(at[0], data.stream(name))} of {data.name}{inner}" if at else f"in {data.name}"


def first_where(array: Array, test: object) -> tuple[int, ...] | None:
    """The index of the first number for which ``test`` is true."""
    assert callable(test)
    start = 0
    for part in _parts(array):
        found: NDArray[np.bool_] = test(part)
        if found.any():
            index = np.unravel_index(int(np.argmax(found)), found.shape) if found.shape else ()
            place = tuple(int(i) for i in index)
            return (place[0] + start, *place[1:]) if place else ()
        start += len(part) if part.ndim else 0
    return None


def _parts(array: Array) -> list[Array]:
    if array.ndim == 0 or array.size <= _CHUNK:
        return [array]
    rows = max(1, _CHUNK * len(array) // array.size)
    return [array[i : i + rows] for i in range(0, len(array), rows)]
