"""A pattern met with a shape: every axis gets its size."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TypeAlias, cast

from fanin.ir.dims import Dim
from fanin.ir.types import TensorType
from fanin.ops.attributes import Size
from fanin.ops.contract import Complaint, Need, need_equal
from fanin.ops.einops._pattern import DOTS, Group, Side, parse_pattern
from fanin.ops.sizes import at_least, need_quotient
from fanin.ops.ties import Expr, Layout, Letter, Measure, times
from fanin.record import record

Given: TypeAlias = tuple[tuple[str, Size], ...]


@record
class Matched:
    """A pattern with ``...`` spelled out and every axis with its size.

    ``worked_out`` are the axes whose size follows from that of the axis they are a part of; ``new`` those of the right
    alone, ``gone`` those of the left alone.
    """

    left: tuple[Group, ...]
    right: tuple[Group, ...]
    sizes: dict[str, Dim]
    worked_out: frozenset[str]
    needs: tuple[Need, ...]

    @property
    def gone(self) -> tuple[str, ...]:
        kept = {axis for group in self.right for axis in group}
        return tuple(axis for group in self.left for axis in group if axis not in kept)

    @property
    def new(self) -> tuple[str, ...]:
        old = {axis for group in self.left for axis in group}
        return tuple(axis for group in self.right for axis in group if axis not in old)

    def shape(self) -> tuple[Dim, ...]:
        return tuple(self.product(group) for group in self.right)

    def product(self, group: Group) -> Dim:
        return cast(Dim, prod(self.sizes[axis] for axis in group))


def match(pattern: str, given: Given, x: TensorType, *, name: str) -> Matched:
    """The pattern of ``rearrange``, ``reduce`` or ``repeat`` met with the shape of x. Raises Complaint."""
    left, right = parse_pattern(pattern)
    known = dict(given)
    _check_names(name, left, right, known)
    dots = _dots(pattern, left, x)
    lefts, rights = _spelled_out(left, dots, "left"), _spelled_out(right, dots, "right")
    sizes: dict[str, Dim] = dict(known)
    for side in (lefts, rights):
        sizes |= {axis: int(axis.split("#")[0]) for group in side for axis in group if axis[0].isdigit()}
    needs: tuple[Need, ...] = ()
    for axis_name, size in known.items():
        if not at_least(size, 1) and isinstance(size, int):
            raise Complaint(f"`{axis_name}` is a size of 1 or more, not {size}", axis_name)
    worked_out: set[str] = set()
    for place, group in enumerate(lefts):
        size = x.shape[place]
        unknown = [axis for axis in group if axis not in sizes]
        if len(unknown) > 1:
            together = " and ".join(f"`{axis}`" for axis in unknown)
            message = f"of {together}, which are one axis of x, all but one need a size"
            raise Complaint(message, "pattern", kind="missing", help=f"say how large one of them is: `{unknown[0]}=8`")
        parts = cast(Dim, prod(sizes[axis] for axis in group if axis in sizes))
        if not unknown:
            what = f"({' '.join(group)})" if len(group) != 1 else group[0]
            message = f"`{what}` is {{right}}, and that axis of x is {{left}}"
            if not group:
                message = "`1` meets a size of {left}"
            needs += need_equal(size, parts, message, ("x", place))
        else:
            message = f"an axis of {size} does not divide by {parts} for `({' '.join(group)})`"
            sizes[unknown[0]], more = need_quotient(size, parts, message, ("x", place), about=unknown[0])
            needs += more
            worked_out.add(unknown[0])
    return Matched(lefts, rights, sizes, frozenset(worked_out), needs)


def _check_names(name: str, left: Side, right: Side, known: dict[str, Size]) -> None:
    """Raises Complaint where a name stands on the wrong side, or in neither, or a new axis has no size."""
    for axis in left.names:
        if axis not in right.names and name != "reduce":
            message = f"`{axis}` stands on the left of the pattern, and not on its right"
            raise Complaint(message, "pattern", kind="type", help="use `reduce`, which says what becomes of an axis")
    for axis in right.names:
        if axis not in left.names and name != "repeat":
            message = f"`{axis}` stands on the right of the pattern, and not on its left"
            raise Complaint(message, "pattern", kind="type", help="use `repeat`, which makes new axes")
        if axis not in left.names and axis not in known:
            help = f"say how large it is: `{axis}=8`"
            raise Complaint(f"the new axis `{axis}` needs a size", "pattern", kind="missing", help=help)
    for axis in (a for a in left.axes if a.isdigit()):
        if name != "reduce":
            message = f"the axis {axis} of the pattern has no name, which `{name}` would need"
            raise Complaint(message, "pattern", kind="type")
    for axis in (a for a in right.axes if a.isdigit()):
        if name != "repeat":
            message = f"the axis {axis} of the pattern is new, which takes a `repeat`"
            raise Complaint(message, "pattern", kind="type")
        if axis == "0":
            raise Complaint("a new axis has a size of 1 or more, not 0", "pattern", kind="type")
    if DOTS in left.axes and DOTS not in right.axes and name != "reduce":
        raise Complaint("`...` stands on the left of the pattern, and not on its right", "pattern", kind="type")
    for axis in known:
        if axis not in (*left.names, *right.names):
            raise Complaint(f"there is no axis `{axis}` in the pattern", axis, kind="type")


def _dots(pattern: str, left: Side, x: TensorType) -> int:
    """How many axes ``...`` stands for. Raises Complaint for a pattern of another rank."""
    count = len(left.groups)
    if DOTS not in left.axes:
        if count != x.rank:
            axes = "axis" if count == 1 else "axes"
            message = f"the left of the pattern has {count} {axes}, and x is {x}, with {x.rank}"
            raise Complaint(message, "pattern")
        return 0
    if count - 1 > x.rank:
        raise Complaint(f"the left of the pattern has {count - 1} axes or more, and x is {x}", "pattern")
    return x.rank - (count - 1)


def _spelled_out(side: Side, dots: int, which: str) -> tuple[Group, ...]:
    """The groups with the axes that ``...`` stands for, and a name of its own for every number."""
    many = tuple(f"...{i}" for i in range(dots))
    groups: list[Group] = []
    for place, group in enumerate(side.groups):
        if place == side.dots:
            groups += [(axis,) for axis in many]
            continue
        axes: list[str] = []
        for i, axis in enumerate(group):
            axes += many if axis == DOTS else [f"{axis}#{which}{place}.{i}" if axis.isdigit() else axis]
        groups.append(tuple(axes))
    return tuple(groups)


def lettered(m: Matched, given: Given, x: TensorType) -> tuple[Layout, Layout, Callable[[Measure], Given]]:
    """The axes of x and of the result by the names of the pattern, and the sizes it gives after a cut."""

    def axis(group: Group, side: str, place: int) -> Expr:
        return times(*(Letter(name, m.sizes[name]) for name in group)) if group else Letter(f"{side}{place}", 1)

    left = tuple(axis(group, "left", i) for i, group in enumerate(m.left))
    right = tuple(axis(group, "right", i) for i, group in enumerate(m.right))

    def sizes(n: Measure) -> Given:
        return tuple((name, n(Letter(name, s)) if isinstance(s, int) else s) for name, s in given)

    return left, right, sizes
