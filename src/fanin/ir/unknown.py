"""What an analysis answers where it cannot tell."""

from __future__ import annotations

from fanin.record import record


@record
class Unknown:
    """No answer, and why. It spreads: what depends on it is unknown for the same reason."""

    why: str
