"""What an analysis answers where it cannot tell."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unknown:
    """No answer, and why. It spreads: what depends on it is unknown for the same reason."""

    why: str
