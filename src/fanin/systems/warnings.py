"""What a run is told to do though it hardly is meant: said once, before the first step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from fanin.data.stream import Stream
from fanin.data.table import Data
from fanin.ir.recipe import Phase
from fanin.systems.settings import Settings

# Optimisers that compare gradients of one function, and why they need it.
_WHOLE = {
    "rprop": "`rprop` goes by the sign of a gradient, which batches do not agree on: nine slopes of 0.1 and one of -0.9"
    " cancel out, and their signs do not",
    "lbfgs": "`lbfgs` takes curvature from differences of gradients, which between batches are chance",
}


def warnings_of(phases: Sequence[Phase], parts: Mapping[str, Data | Stream], settings: Settings) -> Iterator[str]:
    """Optimisers for whole sets of data that are given batches (Hinton, lecture 6e, for ``rprop``)."""
    train = parts["train"]
    rows = len(train) if isinstance(train, Data) else None
    if settings.batch_size is None or settings.smoke or (rows is not None and settings.batch_size >= rows):
        return
    names = dict.fromkeys(line.rule.name for phase in phases for line in phase.lines)
    for name in names:
        if name in _WHOLE:
            of = "a stream" if rows is None else f"{rows:,}"
            yield f"{_WHOLE[name]}: {settings.batch_size} rows of {of} (`--batch-size all` takes all of them)"
