"""How long a diagonal is."""

from __future__ import annotations

from fanin.ir.dims import Dim, maximum, minimum


def diagonal_length(rows: Dim, columns: Dim, offset: int) -> Dim:
    """The numbers on a diagonal that starts ``offset`` places to the right of the corner."""
    return maximum(0, minimum(rows + min(offset, 0), columns - max(offset, 0)))
