"""How sorting is asked for."""

from __future__ import annotations

from dataclasses import replace

from fanin.ir.types import DType
from fanin.ops.attributes import Axis
from fanin.ops.code import Code, Input, method, unless
from fanin.ops.contract import OpAttrs
from fanin.ops.sees import Sees, Use, mixing, pointwise
from fanin.record import KW_ONLY, record

ORDERED = (DType.BOOL, DType.INT, DType.FLOAT)


@record
class SortAttrs(OpAttrs):
    axis: Axis = -1
    descending: bool = False
    _: KW_ONLY
    stable: bool = False


def sorting(name: str, a: SortAttrs) -> Code:
    """``x.sort(dim=1)``"""
    return method(
        Input(0),
        name,
        dim=unless(a.axis, -1),
        descending=unless(a.descending, False),
        stable=unless(a.stable, False),
    )


def ordered(use: Use, axis: int) -> tuple[Sees, Sees]:
    """What values in order, and their places, are made of: all along the axis."""
    if not use.x.rank:
        return (pointwise(use.types, use.out),) * 2
    axis %= use.x.rank
    values = mixing(use.x, (axis,), keeps=False, own=(axis,))
    return values, replace(values, weighted=((0, axis),))
