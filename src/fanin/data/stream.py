"""Data without a length: samples one after the other, in the order of whatever makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np

from fanin.data.lazy import Items, Lazy, Sample, checked, lazy_fields, sample_of, seeded
from fanin.data.problems import DataFailed, failure, raised, whole
from fanin.data.table import Data
from fanin.diagnostics.codes import DAT007, DAT009, DAT011
from fanin.record import record


@record(eq=False)
class Stream:
    """Samples in the order of their source. ``make`` starts it anew; ``head`` has the first sample, as data of one row.

    What gives ``state_dict()`` and takes ``load_state_dict()`` is asked for its place; anything else is gone through
    again to where it was. Each pass leaves out the first ``behind`` samples, which are held out.
    """

    make: Callable[[], Any]
    head: Data
    name: str
    names: Sequence[str] | None = None
    behind: int = 0

    def samples(self, source: Any) -> Iterator[Sample]:
        try:
            for row, item in enumerate(source):
                yield sample_of(item, self.names, self.name, row)
        except DataFailed:
            raise
        except Exception as error:
            raise raised(self.name, error, whole("data", self.name)) from error

    def split(
        self, val: float = 0, test: float = 0, *, seed: int = 0, stratify: str | None = None
    ) -> dict[str, Stream | Data]:
        """``train``, and ``val`` and ``test`` where rows are held out: the first of a pass, kept in memory.

        ``test`` has the first of them, so that it does not hang on ``val``. Both are numbers of rows: of a stream there
        is no fraction. Raises DataFailed.
        """
        counts = {part: self._rows(part, share) for part, share in (("test", test), ("val", val)) if share}
        if not counts:
            return {"train": self}
        if stratify is not None:
            raise self._refused("it can't be stratified", "leave out `stratify`")
        held = sum(counts.values())
        source = self.make()
        start_of = source.state_dict() if hasattr(source, "state_dict") else None
        with seeded(seed, 0, 0, "split"):
            taken = list(islice(self.samples(source), held + 1))
        if start_of is not None:  # one that says its place is at its start again
            source.load_state_dict(start_of)
        if len(taken) <= held:
            at = whole("split", self.name)
            raise failure(DAT007, f"{self.name} gives {len(taken)} rows, and {held} are held out", at, "none is left")
        found: dict[str, Stream | Data] = {"train": replace(self, behind=self.behind + held)}
        start = 0
        for part, count in counts.items():
            fields = stacked(self.head, taken[start : start + count])
            found[part] = replace(self.head, fields=fields, name=f"{self.name} ({part})").plain()
            start += count
        return found

    def _rows(self, part: str, share: float) -> int:
        if isinstance(share, bool) or share < 1 or share != int(share):
            shown = 100 if isinstance(share, bool) or share <= 0 else max(round(1000 * share), 1)
            raise self._refused(f"`{part}={share}` is no share of it", f"give a number of rows: `{part}={shown}`")
        return int(share)

    def _refused(self, what: str, hint: str) -> DataFailed:
        return failure(DAT009, f"{self.name} has no length, so {what}", whole("split", self.name), "", helps=[hint])


def stream_of(source: Any, name: str, names: Sequence[str] | None = None) -> Stream:
    """A stream of an iterable, or of a callable that makes one. Raises DataFailed for one that works once only."""
    make = source if callable(source) and not hasattr(source, "__iter__") else lambda: source
    try:
        first = make()
        once = isinstance(first, Iterator) and make() is first
        start = first.state_dict() if hasattr(first, "state_dict") else None
        head = None if once else next(iter(first), None)
        if start is not None:
            first.load_state_dict(start)
    except Exception as error:
        raise raised(name, error, whole("data", name)) from error
    if once:
        raise failure(
            DAT011,
            f"{name} can be gone through once only",
            whole("data", name),
            "there is one epoch in it, and no way back",
            helps=["give the function that makes it, without calling it"],
        )
    if head is None:
        raise failure(DAT007, f"{name} gives no samples", whole("data", name), "empty")
    sample = sample_of(head, names, name, 0)
    items = Items(name, 1, lambda row: sample)
    return Stream(make, Data({**lazy_fields(items, sample)}, name), name, names)


def stacked(head: Data, samples: Sequence[Sample]) -> dict[str, np.ndarray[Any, Any]]:
    """A batch of samples, as the fields that are bound: each is held to the first sample's shape."""
    found = {}
    for name, field in head.fields.items():
        assert isinstance(field, Lazy)
        found[name] = np.stack([checked(field, name, sample, row) for row, sample in enumerate(samples)])
    return found
