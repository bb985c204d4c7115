"""What normalisations over the last axes have in common."""

from __future__ import annotations

from typing import cast

from fanin.ir.dims import Dim
from fanin.ir.types import TensorType
from fanin.ops.attributes import show
from fanin.ops.code import Attribute, Code, Cut, Input, Sequence, Subscript
from fanin.ops.contract import Axis, Complaint, Need, need_equal
from fanin.ops.ties import NORM, Ties, letters


def check_axes(name: str, axes: int, x: TensorType) -> None:
    """Raises Complaint where x has fewer axes."""
    if x.rank < axes:
        last = "the last axis" if axes == 1 else f"the last {axes} axes"
        message = f"`{name}` normalises {last}, and {x} has {x.rank}"
        raise Complaint(message, "axes" if axes > 1 else "x", kind="type" if axes > 1 else "shape")


def last_sizes(axes: int, x: TensorType) -> tuple[int, ...]:
    """The sizes that a module is made with."""
    return cast("tuple[int, ...]", x.shape[-axes:])


def feature_axes(axes: int, x: TensorType) -> tuple[Axis, ...]:
    return tuple(Axis("feature", size) for size in last_sizes(axes, x))


def spell_shape(axes: int, x: TensorType) -> Code:
    """A module's ``normalized_shape``: one number where it is one."""
    sizes = last_sizes(axes, x)
    return sizes[0] if axes == 1 else Sequence(sizes)


def own_shape(axes: int, x: TensorType) -> Code:
    """The last sizes in a function's call: numbers, or read from x where some are open."""
    sizes: tuple[Dim, ...] = x.shape[-axes:]
    if all(isinstance(size, int) for size in sizes):
        return Sequence(sizes)
    return Subscript(Attribute(Input(0), "shape"), (Cut(start=-axes),))


def need_last(port: str, given: TensorType | None, axes: int, x: TensorType) -> tuple[Need, ...]:
    """A scale or shift has the sizes of the last axes. Raises Complaint for another rank."""
    if given is None:
        return ()
    if given.rank != axes:
        count = "one axis" if axes == 1 else f"{axes} axes"
        raise Complaint(f"`{port}` has {count}, as many as are normalised, not {show(given.rank).strip('`')}", port)
    found: tuple[Need, ...] = ()
    for i in range(-axes, 0):
        message = f"`{port}` has {{left}} numbers for an axis of {{right}}"
        found += need_equal(given.shape[i], x.shape[i], message, (port, i), ("x", i))
    return found


def normalised(axes: int, x: TensorType, params: tuple[str, ...], given: tuple[TensorType | None, ...] = ()) -> Ties:
    """The last axes are normalised together: what goes must be zero, and the old count stay the divisor."""
    layout = letters(x)
    last = layout[-axes:]
    ends = tuple((str(i), NORM) for i in range(x.rank - axes, x.rank))
    more = tuple(() if t is None else last for t in given)
    return Ties((layout, *more), (layout,), tuple((name, last) for name in params), ends=ends)
