"""What resizing of spatial axes has in common."""

from __future__ import annotations

from fractions import Fraction
from math import floor
from typing import TypeAlias

from fanin.ir.dims import Dim, floordiv
from fanin.ir.division import exact_quotient
from fanin.ir.places import Digit, Span, normal
from fanin.ir.types import TensorType
from fanin.ops.attributes import PositiveFloat, Size
from fanin.ops.contract import Complaint, Inferred, Need, need_at_least
from fanin.ops.sees import Sees, Use, same

Scale: TypeAlias = PositiveFloat | tuple[PositiveFloat, ...] | None
Extent: TypeAlias = Size | tuple[Size, ...] | None

RANKS = {
    "nearest": (3, 4, 5),
    "nearest-exact": (3, 4, 5),
    "area": (3, 4, 5),
    "linear": (3,),
    "bilinear": (4,),
    "bicubic": (4,),
    "trilinear": (5,),
}
SMOOTH = ("linear", "bilinear", "bicubic", "trilinear")


def resize(
    name: str,
    x: TensorType,
    size: Dim | tuple[Dim, ...] | None,
    scale: float | tuple[float, ...] | None,
    mode: str,
    align_corners: bool | None,
) -> Inferred:
    """x at the new size. Raises Complaint for arguments that do not go together."""
    if (size is None) == (scale is None):
        both = "neither" if size is None else "both"
        raise Complaint(f"`{name}` takes a `size` or a `scale_factor`, and {both} is given", "size", kind="type")
    if align_corners is not None and mode not in SMOOTH:
        some = ", ".join(f'"{m}"' for m in SMOOTH)
        raise Complaint(f'`align_corners` is for {some}, not for mode "{mode}"', "align_corners", kind="type")
    if x.rank not in RANKS[mode]:
        some = " or ".join(str(r) for r in RANKS[mode])
        raise Complaint(f'mode "{mode}" takes {some} axes, and {x} has {x.rank}', "mode" if 3 <= x.rank <= 5 else "x")
    n = x.rank - 2
    given = size if size is not None else scale
    wanted = given if isinstance(given, tuple) else (given,) * n
    about = "size" if size is not None else "scale_factor"
    if len(wanted) != n:
        raise Complaint(f"`{about}` has {len(wanted)} numbers for {n} spatial axes", about)
    sizes: list[Dim] = []
    needs: tuple[Need, ...] = ()
    for axis, here in enumerate(wanted, 2):
        new = here if size is not None else scaled(x.shape[axis], here)  # type: ignore[arg-type]
        message = f"`{name}` of axis {axis} gives a size of {{left}}"
        needs += need_at_least(new, 1, message, ("x", axis))  # type: ignore[arg-type]
        sizes.append(new)  # type: ignore[arg-type]
    return Inferred((x.with_shape(*x.shape[:2], *sizes),), needs)


def scaled(size: Dim, scale: float) -> Dim:
    """``floor(size · scale)`` as PyTorch computes it, in double precision."""
    if isinstance(size, int):
        return floor(float(size) * scale)
    exact = Fraction(scale)
    if exact.denominator > 2**20:
        message = f"a scale of {scale} is no binary fraction, so what it makes of {size} hangs on rounding"
        raise Complaint(message, "scale_factor", help="give the `size`, such as `size=(H // 3, W // 3)`")
    return floordiv(size * exact.numerator, exact.denominator)


_AROUND = {
    "nearest": (0, 0),
    "nearest-exact": (0, 0),
    "area": (0, 0),
    "linear": (-1, 1),
    "bilinear": (-1, 1),
    "trilinear": (-1, 1),
    "bicubic": (-2, 2),
}


def resized(use: Use, mode: str, far: bool) -> Sees:
    """What a place of a resized tensor sees: where it grows by a whole number, those around the one it came from."""
    x = use.x
    box = list(same(x))
    for axis in range(2, x.rank):
        factor = exact_quotient(use.out.shape[axis], x.shape[axis])
        if far or not isinstance(factor, int) or mode not in _AROUND:
            box[axis] = Span((), 0, x.shape[axis] - 1)
        elif factor > 1:
            low, high = _AROUND[mode]
            box[axis] = normal([(1, Digit(axis, factor, x.shape[axis]))], low, high)
    told = tuple((0, i) for i in range(2, x.rank)) if mode in SMOOTH else ()
    return Sees(((tuple(box),),), weighted=told)
