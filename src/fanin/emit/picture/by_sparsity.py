"""Painted by sparsity: how much of the weights of each line of a picture a pruning leaves."""

from __future__ import annotations

from collections.abc import Mapping

from fanin.analyses.kept import Kept
from fanin.emit.picture.paint import Legend, Shade, Spot
from fanin.ir.graph import Program

# Lower ends of shares that stay, and ColorBrewer's YlGnBu without its darkest, which text could not be read on.
_STEPS = (
    (1.0, "#ffffd9", "all stay"),
    (0.5, "#edf8b1", "50% or more"),
    (0.2, "#c7e9b4", "20% or more"),
    (0.1, "#8fd6c0", "10% or more"),
    (0.03, "#5cc3c8", "3% or more"),
    (0.01, "#41a9cf", "1% or more"),
    (0.0, "#4f93d1", "less"),
)
_STILL, _UNKNOWN, _PLAIN = "#ffffff", "#dcdcdc", "#fafafa"


class SparsityPaint:
    """Shades by the share of weights that stay; ``kept`` is by the keys of parameters, None where it is not known yet.

    Keys of a system are taken for those of its network where that alone is drawn. Raises ValueError for keys of
    another network.
    """

    def __init__(self, program: Program, kept: Mapping[str, Kept | None], title: str = "weights left") -> None:
        self._title = title
        self._kept = _fitting(kept, {entry.key for entry in program.parameters})
        self._below: dict[str, list[str]] = {}  # by each path, the keys under it
        for key in self._kept:
            words = key.split(".")
            for i in range(1, len(words) + 1):
                self._below.setdefault(".".join(words[:i]), []).append(key)

    @property
    def legend(self) -> Legend:
        entries = [(colour, words) for _, colour, words in _STEPS]
        unknown = [(_UNKNOWN, "hangs on the weights")] if None in self._kept.values() else []
        return Legend(self._title, (*entries, *unknown, (_STILL, "not pruned")))

    def shade(self, spot: Spot) -> Shade | None:
        own = dict.fromkeys(key for path in spot.paths for key in self._below.get(path, ()))
        if not own:
            return Shade(_STILL, "not pruned") if spot.parameters else Shade(_PLAIN)  # tints would look like shares
        known = [kept for key in own if (kept := self._kept[key]) is not None]
        if len(known) < len(own):
            return Shade(_UNKNOWN, "how many stay hangs on the weights")
        left, total = sum(kept.left for kept in known), sum(kept.total for kept in known)
        share = left / max(total, 1)
        words = f"{left:,.0f} of {total:,} weights stay ({share:.3%})" if share < 1 else "all weights stay"
        return Shade(colour_of(share), words)


def colour_of(share: float) -> str:
    """What a share that stays is painted with; black text can be read on it."""
    return next(colour for least, colour, _ in _STEPS if share >= least)


def _fitting(kept: Mapping[str, Kept | None], keys: set[str]) -> dict[str, Kept | None]:
    """By the keys of a program; those of a system begin with the name of its network."""
    if keys & kept.keys():
        return dict(kept)
    inner = {key.partition(".")[2]: found for key, found in kept.items()}
    if not keys & inner.keys():
        first = next(iter(kept), None)
        what = "there are no masks" if first is None else f"the masks are of another network: it has no `{first}`"
        raise ValueError(what)
    return inner
