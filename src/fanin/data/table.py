"""A data set in memory: named arrays with one row for each sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fanin.ir.types import DType
from fanin.record import field, record

if TYPE_CHECKING:
    from fanin.data.changes import Change

Array = Any
"""An array of NumPy's, or a ``lazy.Lazy`` field, which has the shape and dtype of one and is read batch by batch."""
Rows = NDArray[np.int64]

_KINDS = {"b": DType.BOOL, "i": DType.INT, "u": DType.INT, "f": DType.FLOAT, "c": DType.COMPLEX}


@record(eq=False)
class Data:
    """Named fields, each with the batch as its first axis.

    ``streams`` tell apart fields whose rows belong to different things (photographs and paintings): each stream is cut,
    shuffled and batched for itself, and fields without a number are stream 0. ``whole`` fields have no batch axis and
    go to every batch as they are. ``places`` are, by stream, the rows of the source that the rows here are, where some
    were left out. ``classes`` are the names of the values of an int field, ``kinds`` the dtypes that batches have where
    it isn't the array's, ``standard`` the fields that have mean 0 and variance 1 by the rows that are trained on.
    ``batch`` is the only number of rows that a batch may have, where an input says one.
    ``divide`` has fields of bytes that batches have as fractions of a number: pictures from 0 to 1.
    ``augment`` are the random changes of pictures, which held out rows are spared, unless they are ``views``.
    ``parts`` is what the source itself calls ``train``, ``val`` and ``test``; the fields are then those of ``train``.
    """

    fields: dict[str, Array]
    name: str = "data"
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parts: Mapping[str, Data] = field(default_factory=dict)
    streams: Mapping[str, int] = field(default_factory=dict)
    whole: frozenset[str] = frozenset()
    kinds: Mapping[str, DType] = field(default_factory=dict)
    standard: frozenset[str] = frozenset()
    places: Mapping[int, Rows] = field(default_factory=dict)
    unit: str = "row"  # what ``places`` count
    batch: int | None = None
    divide: Mapping[str, float] = field(default_factory=dict)
    augment: Mapping[str, tuple[Change, ...]] = field(default_factory=dict)
    views: frozenset[str] = frozenset()

    def __getitem__(self, name: str) -> Array:
        return self.fields[name]

    def __iter__(self) -> Any:
        raise TypeError("`Batches(data, batch_size)` goes through data; `data.fields` are its arrays")

    def __len__(self) -> int:
        """How many samples there are: in the longest stream."""
        return max(self.lengths().values(), default=1 if self.whole else 0)

    def lengths(self) -> dict[int, int]:
        """The number of rows of each stream."""
        return {self.stream(name): len(array) for name, array in self.fields.items() if name not in self.whole}

    def stream(self, name: str) -> int:
        return self.streams.get(name, 0)

    def kind(self, name: str) -> DType:
        """What the numbers of a field are in a batch."""
        if name in self.divide and name not in self.kinds:
            return DType.FLOAT
        return self.kinds.get(name) or _KINDS[self.fields[name].dtype.kind]

    def place(self, row: int, stream: int = 0) -> int:
        """The row of the source, from 0."""
        known = self.places.get(stream)
        return row if known is None else int(known[row])

    def take(self, rows: Rows | Mapping[int, Rows], name: str | None = None) -> Data:
        """Some of the rows, in this order; of several streams, those that are named. The rest stays."""
        chosen = rows if isinstance(rows, Mapping) else {0: rows}
        fields = {
            n: a if n in self.whole or self.stream(n) not in chosen else a[chosen[self.stream(n)]]
            for n, a in self.fields.items()
        }
        places = dict(self.places)
        for stream, kept in chosen.items():
            places[stream] = places[stream][kept] if stream in places else np.asarray(kept, dtype=np.int64)
        return replace(self, fields=fields, name=name or self.name, places=places, parts={})

    def split(
        self,
        val: float = 0,
        test: float = 0,
        *,
        train: float | None = None,
        seed: int = 0,
        stratify: str | None = None,
    ) -> dict[str, Data]:
        """``train``, ``val`` and ``test``, as ``splits.split`` says: fractions below 1 or numbers of rows."""
        from fanin.data.splits import split

        return split(self, val, test, train=train, seed=seed, stratify=stratify)

    def plain(self) -> Data:
        """The same without random changes, but of views: as held out rows are."""
        return replace(self, augment={n: c for n, c in self.augment.items() if n in self.views})

    def first(self, count: int) -> Data:
        """The first so many rows of each stream."""
        return self.take({s: np.arange(min(count, n), dtype=np.int64) for s, n in self.lengths().items()})


def fingerprint(data: Data) -> str:
    """16 letters that tell data apart: by names, shapes, dtypes and, in memory, the numbers."""
    from hashlib import blake2b

    found = blake2b(digest_size=8)
    for name, array in data.fields.items():
        found.update(f"{name} {array.dtype} {array.shape} {data.stream(name)}\n".encode())
        if isinstance(array, np.ndarray) and array.size:
            found.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return found.hexdigest()
