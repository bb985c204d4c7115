"""Data without a length: samples one after the other, in the order of whatever makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from fanin.data.lazy import Items, Lazy, Sample, checked, lazy_fields, sample_of
from fanin.data.problems import DataFailed, failure, raised, whole
from fanin.data.table import Data
from fanin.diagnostics.codes import DAT007, DAT009, DAT011
from fanin.record import record


@record(eq=False)
class Stream:
    """Samples in the order of their source. ``make`` starts it anew; ``head`` has the first sample, as data of one row.

    What gives ``state_dict()`` and takes ``load_state_dict()`` is asked for its place; anything else is gone through
    again to where it was.
    """

    make: Callable[[], Any]
    head: Data
    name: str
    names: Sequence[str] | None = None

    def samples(self, source: Any) -> Iterator[Sample]:
        try:
            for row, item in enumerate(source):
                yield sample_of(item, self.names, self.name, row)
        except DataFailed:
            raise
        except Exception as error:
            raise raised(self.name, error, whole("data", self.name)) from error

    def split(self, val: float = 0, test: float = 0, **settings: Any) -> dict[str, Stream]:
        """All of it for training: there are no rows to hold out. Raises DataFailed where some are asked for."""
        if not val and not test:
            return {"train": self}
        text = f"{self.name} has no length, so it can't be split"
        raise failure(DAT009, text, whole("split", self.name), "", helps=["give the parts as sources of their own"])


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
