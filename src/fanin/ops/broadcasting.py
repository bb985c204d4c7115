"""NumPy's broadcasting, with the conditions it needs."""

from __future__ import annotations

from fanin.ir.dims import Dim
from fanin.ir.types import TensorType
from fanin.ops.contract import Need, need_equal


def broadcast(*operands: tuple[str, TensorType], what: str) -> tuple[tuple[Dim, ...], tuple[Need, ...]]:
    """The common shape of some ports, and what must hold for it.

    A size written as 1 stretches. Two sizes that differ otherwise become a need: the caller proves or refutes it.
    """
    shape: list[Dim] = []
    owners: list[tuple[str, int]] = []  # which port, and which axis of it, gave each size; aligned with `shape`
    needs: tuple[Need, ...] = ()
    rank = max(t.rank for _, t in operands)
    for place in range(rank):
        size: Dim = 1
        owner = ("", 0)
        for port, t in operands:
            axis = place - (rank - t.rank)
            if axis < 0:
                continue
            here = t.shape[axis]
            if isinstance(here, int) and here == 1:
                continue
            if isinstance(size, int) and size == 1:
                size, owner = here, (port, axis - t.rank)
            elif size != here:
                message = f"{what} disagree: {{left}} and {{right}}"
                needs += need_equal(size, here, message, owner, (port, axis - t.rank))
        shape.append(size)
        owners.append(owner)
    return tuple(shape), needs
