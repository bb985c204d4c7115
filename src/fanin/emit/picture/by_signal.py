"""Painted by signal: how large what is given at each line of a picture is, when the weights are drawn."""

from __future__ import annotations

from collections.abc import Sequence

from fanin.emit.picture.paint import Legend, Shade, Spot
from fanin.signal.rows import Row

# Lower ends of root mean squares, and ColorBrewer's RdBu between its darkest, which text could not be read on.
_STEPS = (
    (1000.0, "#ef8a62", "1000 or more"),
    (10.0, "#f4b99a", "10 or more"),
    (3.0, "#fddbc7", "3 or more"),
    (1 / 3, "#f7f7f7", "as it came in"),
    (0.1, "#d1e5f0", "below 1/3"),
    (0.001, "#a6cee3", "below 1/10"),
    (0.0, "#67a9cf", "below 1/1000"),
)
_NOTHING, _UNKNOWN = "#d0d0d0", "#ffffff"


class SignalPaint:
    """Shades by the root mean square of what is given, for inputs of variance 1.

    Of several turns the one that is farthest from 1 counts; of a closed part, what comes out of it.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self._at: dict[str, Row] = {}
        for row in rows:
            parts = row.path.split(".")
            for i in range(1, len(parts) + 1):
                self._at[".".join(parts[:i])] = row  # the last one in a part is what comes out

    @property
    def legend(self) -> Legend:
        entries = [(colour, words) for _, colour, words in _STEPS]
        return Legend("predicted size", (*entries, (_NOTHING, "starts at 0"), (_UNKNOWN, "not known")))

    def shade(self, spot: Spot) -> Shade | None:
        found = [self._at[path] for path in spot.paths if path in self._at]
        if not found:
            return None
        if any(row.rms is None for row in found):
            return Shade(_UNKNOWN, next(row.why for row in found if row.rms is None))
        row = max(found, key=lambda r: _distance(r.rms or 0.0))
        rms = row.rms or 0.0
        told = f"rms {rms:.3g}" + ("" if row.grad_std is None else f", gradient {row.grad_std:.3g}")
        if len(found) > 1:
            told += f" at {row.path}"
        if rms < 1e-30:
            return Shade(_NOTHING, told)
        return Shade(next(colour for least, colour, _ in _STEPS if rms >= least), told)


def _distance(rms: float) -> float:
    """How far from 1, up or down; nothing at all counts least, since it is meant."""
    return max(rms, 1 / rms) if rms > 1e-30 else 0.0
