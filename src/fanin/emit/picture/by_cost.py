"""Painted by cost: which share of the operations, or of the parameters, each line of a picture has."""

from __future__ import annotations

from fanin.analyses import cost
from fanin.analyses.conditions import Sizes, example_sizes
from fanin.emit.picture.paint import Legend, Shade, Spot
from fanin.ir.dims import Dim, evaluate
from fanin.ir.graph import Program

# Lower ends of shares, and ColorBrewer's YlOrRd of 5 without its darkest, which text could not be read on.
_STEPS = ((0.3, "#fd8d3c"), (0.1, "#feb24c"), (0.03, "#fed976"), (0.01, "#ffeda0"), (0.0, "#fffbe3"))
_NOTHING = "#ffffff"
KINDS = {"cost": "FLOPs", "parameters": "parameters"}


class CostPaint:
    """Shades by the share of FLOPs (``cost``) or of ``parameters``.

    A weight that is used at several places is painted at each. Raises ValueError where FLOPs hang on sizes of which no
    example was found.
    """

    def __init__(self, program: Program, kind: str) -> None:
        self._kind = KINDS[kind]
        self._sizes: Sizes = example_sizes(program) or {}
        total = cost.parameters(program) if kind == "parameters" else self._number(cost.flops(program))
        self._total = max(total, 1)

    @property
    def legend(self) -> Legend:
        words = [f"{_percent(least)} or more" for least, _ in _STEPS[:-1]] + ["less", "none"]
        colours = [colour for _, colour in _STEPS] + [_NOTHING]
        at = ", ".join(f"{s.name}={n}" for s, n in self._sizes.items())
        title = f"share of {self._kind}" + (f" at {at}" if at and self._kind == "FLOPs" else "")
        return Legend(title, tuple(zip(colours, words, strict=True)))

    def shade(self, spot: Spot) -> Shade | None:
        amount = spot.parameters if self._kind == "parameters" else self._number(spot.flops)
        if not amount:
            return Shade(_NOTHING)
        share = amount / self._total
        colour = next(colour for least, colour in _STEPS if share >= least)
        return Shade(colour, f"{_percent(share)} of {self._kind}")

    def _number(self, amount: Dim) -> int:
        try:
            return evaluate(amount, self._sizes)
        except KeyError:
            raise ValueError("no example sizes were found at which operations could be compared") from None


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.1 else f"{100 * share:.2g}%" if share >= 0.001 else "below 0.1%"
