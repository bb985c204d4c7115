"""Painted by loss: which losses of a system train the weights of each line of a picture."""

from __future__ import annotations

from fanin.analyses.effects import effects
from fanin.emit.picture.paint import Legend, Shade, Spot
from fanin.ir.recipe import System

# ColorBrewer's Set3, without its greys.
_COLOURS = (
    "#8dd3c7",
    "#fdb462",
    "#bebada",
    "#b3de69",
    "#fccde5",
    "#80b1d3",
    "#ffffb3",
    "#fb8072",
    "#ccebc5",
    "#ffed6f",
)
_FOLLOWS, _STILL = "#d9d9d9", "#ffffff"


class LossPaint:
    """A colour for each loss, or set of losses, that trains something.

    What has no weights keeps the tint of its kind.
    """

    def __init__(self, system: System) -> None:
        self._moved: dict[str, set[str]] = {}
        for effect in effects(system):
            for key in effect.moved:
                self._moved.setdefault(key, set()).add(effect.loss or "by hand")
        sets = dict.fromkeys(self._words(own) for own in self._moved.values())
        self._colours = {words: _COLOURS[i % len(_COLOURS)] for i, words in enumerate(sets)}
        self._followers = tuple(f.path for f in system.followers)

    @property
    def legend(self) -> Legend:
        entries = [(colour, words) for words, colour in self._colours.items()]
        follows = [(_FOLLOWS, "follows another")] if self._followers else []
        return Legend("trained by", (*entries, *follows, (_STILL, "not trained")))

    def shade(self, spot: Spot) -> Shade | None:
        if not spot.parameters:
            return None
        losses = {
            loss
            for path in spot.paths
            for key, own in self._moved.items()
            if key == path or key.startswith(f"{path}.")
            for loss in own
        }
        if losses:
            words = self._words(losses)
            if words not in self._colours:  # a closed part, with parts that other losses train
                self._colours[words] = _COLOURS[len(self._colours) % len(_COLOURS)]
            return Shade(self._colours[words], f"trained by {words}")
        if any(p == f or p.startswith(f"{f}.") for p in spot.paths for f in self._followers):
            return Shade(_FOLLOWS, "follows another")
        return Shade(_STILL, "not trained")

    @staticmethod
    def _words(losses: set[str]) -> str:
        return ", ".join(sorted(losses))
