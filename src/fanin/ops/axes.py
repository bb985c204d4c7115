"""Axes as an op is given them: one, several, or all."""

from __future__ import annotations

from fanin.ops.code import Code, Sequence
from fanin.ops.contract import Complaint, normal_axis


def normal_axes(axis: int | tuple[int, ...] | None, rank: int, about: str = "axis") -> tuple[int, ...]:
    """The axes counted from 0, in the order given; all of them for None. Raises Complaint for one given twice."""
    if axis is None:
        return tuple(range(rank))
    axes = tuple(normal_axis(i, rank, about) for i in ((axis,) if isinstance(axis, int) else axis))
    for place, i in enumerate(axes):
        if i in axes[:place]:
            raise Complaint(f"axis {i} is given twice", about)
    return axes


def spelled(axis: int | tuple[int, ...]) -> Code:
    """One axis as a number, several as a tuple."""
    return axis if isinstance(axis, int) else Sequence(axis)
