"""What was measured of a compiled model, as data that needs no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Measured:
    """Root mean squares over draws, each with its standard error as a share of it."""

    rms: float
    rms_error: float
    grad: float | None
    grad_error: float


@dataclass(frozen=True)
class Measurement:
    """What modules give, by path and use, and the gradients of parameters, by key (root mean square of an entry)."""

    modules: dict[str, Measured]
    weights: dict[str, tuple[float, float]]
    draws: int
