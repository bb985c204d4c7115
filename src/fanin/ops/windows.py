"""Windows that move over spatial axes: their ranks, how many there are, and what has to hold."""

from __future__ import annotations

from fanin.ir.dims import Dim, ceildiv, floordiv, minimum
from fanin.ir.types import TensorType
from fanin.ops.contract import Complaint, Need, need_at_least

LAYOUTS = {1: "[N, C, L] or [C, L]", 2: "[N, C, H, W] or [C, H, W]", 3: "[N, C, D, H, W] or [C, D, H, W]"}


def check_spatial(name: str, x: TensorType, n: int, kind: str = "rank") -> None:
    """Raises Complaint unless x has channels and ``n`` spatial axes, with or without a batch."""
    if x.rank not in (n + 1, n + 2):
        raise Complaint(f"`{name}` takes {LAYOUTS[n]}, not {x}", "x", kind=kind)


def channels(x: TensorType, n: int) -> Dim:
    """The size of the axis before the ``n`` spatial ones."""
    return x.shape[-n - 1]


def batch(x: TensorType, n: int) -> Dim:
    """How many images there are: 1 where there is no batch axis."""
    return x.shape[0] if x.rank == n + 2 else 1


def slide(size: Dim, kernel: int, stride: int, padding: int, dilation: int = 1, ceil_mode: bool = False) -> Dim:
    """How many windows there are along an axis; ``padding`` is that of one end, the other has the same.

    With ``ceil_mode`` a last window may reach over the end, but not start beyond the input and its left padding.
    """
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    if not ceil_mode:
        return floordiv(room, stride) + 1
    return minimum(ceildiv(room, stride) + 1, ceildiv(size + padding, stride))


def need_room(size: Dim, axis: int, kernel: int, padding: int, dilation: int = 1, slack: int = 0) -> tuple[Need, ...]:
    """The window fits at least once: into the padded axis, and ``slack`` beyond."""
    reach = dilation * (kernel - 1) + 1
    wide = f"a window of {reach}" + (f" ({kernel} dilated by {dilation})" if dilation > 1 else "")
    around = ", padded to {left}" if padding else ""
    message = f"{wide} does not fit into an axis of {size}{around}"
    return need_at_least(size + 2 * padding, max(reach - slack, 1), message, ("x", axis))
