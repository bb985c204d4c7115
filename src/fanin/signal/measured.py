"""What was measured of a compiled model, as data that needs no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fanin.signal.rows import Row


@dataclass(frozen=True)
class Measured:
    """Root mean squares over draws, each with its standard error as a share of it."""

    rms: float
    rms_error: float
    grad: float | None
    grad_error: float


@dataclass(frozen=True)
class Measurement:
    """What modules give at their first use, by path, and the gradients of parameters, by key.

    Of a gradient it is the root mean square of an entry.
    """

    modules: dict[str, Measured]
    weights: dict[str, tuple[float, float]]
    draws: int
    again: dict[tuple[str, int], Measured] = field(default_factory=dict)
    """Where a module is used more than once: by path and the number of the use, from 1 on."""

    def of(self, row: Row) -> Measured | None:
        """What was seen at a row of the analysis."""
        if not row.module:
            return None
        return self.again.get((row.path, row.use)) if row.use else self.modules.get(row.path)
