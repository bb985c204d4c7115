"""What padding of all kinds has in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from fanin.ir.dims import Dim, minimum
from fanin.ir.places import Span, whole
from fanin.ir.types import TensorType
from fanin.ops.code import Call, Code, call
from fanin.ops.contract import (
    ANY,
    A,
    Complaint,
    Inferred,
    Need,
    OpAttrs,
    Port,
    Result,
    Weighted,
    inferred,
    need_at_least,
)
from fanin.ops.sees import Sees, Use, same
from fanin.ops.spelling import spell
from fanin.ops.ties import Ties, passing
from fanin.ops.windows import check_spatial
from fanin.record import record

WIDTHS = "from the last axis on, each axis before and after: (left, right, top, bottom)"


def pad_axes(x: TensorType, widths: Sequence[Dim], mode: str, about: str) -> Inferred:
    """x with so much more before and after each of its last axes; PyTorch's order is from the last axis on."""
    sizes = list(x.shape)
    needs: tuple[Need, ...] = ()
    for i in range(len(widths) // 2):
        axis = x.rank - 1 - i
        size, before, after = x.shape[axis], widths[2 * i], widths[2 * i + 1]
        sizes[axis] = size + before + after
        if mode == "constant":
            needs += need_left(size, before, after, axis)
            continue
        for width in (before, after):
            if isinstance(width, int) and width < 0:
                raise Complaint(f'mode "{mode}" takes no negative width, and {width} is one', about, kind="type")
            if not isinstance(width, int):
                needs += need_at_least(width, 0, f'mode "{mode}" takes no negative width, and this is {{left}}')
            least = width + 1 if mode == "reflect" else width if mode == "circular" else 0
            if isinstance(size, int) and isinstance(least, int) and size >= least:
                continue
            message = f'mode "{mode}" by {width} needs an axis of {least} or more, and axis {axis} has {size}'
            needs += need_at_least(size - least, 0, message, ("x", axis))
    return Inferred((x.with_shape(*sizes),), needs)


def need_left(size: Dim, before: Dim, after: Dim, axis: int) -> tuple[Need, ...]:
    """Negative widths take no more away than there is."""
    left = size + minimum(before, 0) + minimum(after, 0)
    if left == size:
        return ()
    message = f"widths of {before} and {after} take away more than the {size} of axis {axis}"
    return need_at_least(left, 0, message, ("x", axis))


def padded(use: Use, widths: Sequence[Dim], mode: str) -> Sees:
    """What stands at a place of a tensor with so much more around it."""
    x = use.x
    box = list(same(use.out))
    for i in range(len(widths) // 2):
        axis, before, after = x.rank - 1 - i, widths[2 * i], widths[2 * i + 1]
        if before == 0 and after == 0:
            continue
        at = box[axis] = whole(axis, use.out.shape[axis], -before)
        if mode == "circular":
            box[axis] = Span(at.terms, at.low, at.high, x.shape[axis])
        elif mode != "constant":  # mirrored or repeated at the edges, as far as the widths go
            reach = 2 * before + 2 * after if mode == "reflect" else before + after
            box[axis] = Span(at.terms, -before - reach, reach - before)
    return Sees(((tuple(box),),))


def widths_of(padding: int | tuple[int, ...], n: int) -> tuple[int, ...]:
    return (padding,) * (2 * n) if isinstance(padding, int) else padding


@record
class PadAttrs(OpAttrs):
    padding: int | tuple[int, ...]


@record
class ConstantPadAttrs(OpAttrs):
    padding: int | tuple[int, ...]
    value: float


class PadModule(Weighted[A]):
    """Padding as a module: one width for all sides, or one for each."""

    spatial: ClassVar[int]
    mode: ClassVar[str]

    def padded(self, padding: int | tuple[int, ...], x: TensorType) -> Result:
        n = self.spatial
        widths = (padding,) * (2 * n) if isinstance(padding, int) else padding
        if len(widths) != 2 * n:
            message = f"`padding` takes one number, or {2 * n}: {WIDTHS}, not {len(widths)}"
            raise Complaint(message, "padding", kind="type")
        if self.mode != "constant":
            check_spatial(self.name, x, n)
        elif x.rank < n:
            raise Complaint(f"`{self.name}` pads the last {n} axes, and {x} has {x.rank}", "x")
        return pad_axes(x, widths, self.mode, "padding")

    def couplings(self, a: A, *types: TensorType) -> Ties:
        x = types[0]
        (y,) = inferred(self.infer(a, *types)).types
        return passing(x, y, {i: i for i in range(x.rank) if x.shape[i] == y.shape[i]}, "it is padded")

    def masked(self, a: A, values: tuple[float | None, ...], own: bool) -> float | None:
        return 0.0 if values[0] == 0 and not getattr(a, "value", 0) else None


class PlainPad(PadModule[PadAttrs]):
    """Padding that takes only its widths."""

    attrs = PadAttrs

    def infer(self, a: PadAttrs, *types: TensorType) -> Result:
        return self.padded(a.padding, types[0])

    def sees(self, a: PadAttrs, use: Use) -> Sees:
        return padded(use, widths_of(a.padding, self.spatial), self.mode)

    def construct(self, a: PadAttrs, *types: TensorType) -> Call:
        return call(f"nn.{self.module}", spell(a.padding))


class ValuePad(PadModule[ConstantPadAttrs]):
    """Padding with a number."""

    attrs = ConstantPadAttrs
    inputs = (Port("x", ANY),)
    mode = "constant"

    def infer(self, a: ConstantPadAttrs, *types: TensorType) -> Result:
        return self.padded(a.padding, types[0])

    def sees(self, a: ConstantPadAttrs, use: Use) -> Sees:
        return padded(use, widths_of(a.padding, self.spatial), self.mode)

    def construct(self, a: ConstantPadAttrs, *types: TensorType) -> Call:
        value: Code = spell(a.value)
        return call(f"nn.{self.module}", spell(a.padding), value)
