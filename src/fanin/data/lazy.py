"""Fields whose rows are made when a batch needs them: of a dataset with ``len`` and ``[]``, or of image files.

Whatever random numbers a dataset draws (Python's, NumPy's, PyTorch's) are seeded for each batch by the run's seed, the
epoch and the number of the batch, and the generators are put back, so that a resumed run gets the same augmentations.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from fanin.data.problems import DataFailed, failure, whole
from fanin.data.seeds import number
from fanin.data.table import Array, Rows
from fanin.diagnostics.codes import DAT004, DAT006, DAT011
from fanin.record import record

Sample = Mapping[str, Array]


@record(eq=False)
class Items:
    """What is read row by row: ``read(row)`` gives the fields of one sample."""

    name: str
    count: int
    read: Callable[[int], Sample]


@record(eq=False)
class Lazy:
    """One field of items, with the ``shape``, ``dtype``, ``[rows]`` and ``reshape`` of an array, and no numbers yet.

    ``tail`` is the shape of one row.
    """

    items: Items
    key: str
    rows: Rows
    tail: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.rows), *self.tail)

    @property
    def ndim(self) -> int:
        return 1 + len(self.tail)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: Rows) -> Lazy:
        return replace(self, rows=self.rows[rows])

    def reshape(self, shape: Sequence[int]) -> Lazy:
        """The same rows, each in another shape."""
        return replace(self, tail=tuple(shape[1:]))


def lazy_fields(items: Items, first: Sample) -> dict[str, Any]:
    """A field for each of the first sample's."""
    rows = np.arange(items.count, dtype=np.int64)
    return {key: Lazy(items, key, rows, value.shape, value.dtype) for key, value in first.items()}


def gather(fields: Mapping[str, Lazy], rows: Mapping[str, Rows], place: tuple[int, int, int]) -> dict[str, Array]:
    """The rows of some fields; a sample that several fields want is read once.

    ``place`` is (seed, epoch, batch).
    """
    seen: dict[tuple[int, int], Sample] = {}
    found: dict[str, Array] = {}
    with seeded(*place):
        for name, field in fields.items():
            parts = []
            for row in field.rows[rows[name]].tolist():
                key = (id(field.items), row)
                if key not in seen:
                    seen[key] = field.items.read(row)
                parts.append(checked(field, name, seen[key], row))
            found[name] = np.stack(parts) if parts else np.empty((0, *field.tail), field.dtype)
    return found


def checked(field: Lazy, name: str, sample: Sample, row: int) -> Array:
    """The field of a sample. Raises DataFailed where it is not as in row 0."""
    if field.key not in sample:
        raise _refuse(field, name, f"row {row} of {field.items.name} has no `{field.key}`, and row 0 has")
    value = sample[field.key]
    if value.size != int(np.prod(field.tail)) or (value.shape != field.tail and value.ndim == len(field.tail)):
        text = f"`{name}` is {list(value.shape)} in row {row} of {field.items.name}, and {list(field.tail)} in row 0"
        raise _refuse(field, name, text)
    if value.dtype.kind in "fc" and not np.isfinite(value).all():
        text = f"`{name}` has numbers that are not finite in row {row} of {field.items.name}"
        raise failure(DAT006, text, whole("data", name), "takes numbers")
    return value.reshape(field.tail).astype(field.dtype, copy=False)


def _refuse(field: Lazy, name: str, text: str) -> DataFailed:
    return failure(DAT004, text, whole("data", name), "rows have to be alike", helps=["bring them to one size"])


@contextmanager
def seeded(seed: int, epoch: int, batch: int, purpose: str = "sample") -> Iterator[None]:
    """The global generators of Python, NumPy and (once imported) PyTorch, seeded for one batch, then put back."""
    torch = sys.modules.get("torch")
    start = number(seed, purpose, epoch, batch)
    python, numpy = random.getstate(), np.random.get_state()
    pytorch = torch.get_rng_state() if torch is not None else None
    random.seed(start)
    np.random.seed(start & 0xFFFFFFFF)
    if torch is not None:
        torch.default_generator.manual_seed(start)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        if torch is not None:
            torch.set_rng_state(pytorch)


def sample_of(item: Any, names: Sequence[str] | None, source: str, row: int) -> Sample:
    """What a dataset gave for one row, as named arrays: a dict, a tuple in the order of the names, or one array.

    Parts that are no numbers (a file name, None) are left out. Raises DataFailed where nothing else is there.
    """
    if isinstance(item, Mapping):
        values = {str(key): value for key, value in item.items()}
    else:
        parts = list(item) if isinstance(item, (tuple, list)) else [item]
        called = list(names or ("x", "y", "z"))
        if len(parts) > len(called):
            text = f"row {row} of {source} has {len(parts)} parts, and {len(called)} names"
            at = whole("data", source)
            raise failure(DAT011, text, at, "which is which?", helps=["give dicts, or `names=(…)`"])
        values = dict(zip(called, parts, strict=False))
    found = {name: array for name, value in values.items() if (array := array_of(value)).dtype.kind in "biufc"}
    if not found:
        text = f"row {row} of {source} has no numbers"
        raise failure(DAT011, text, whole("data", source), f"a {type(item).__name__}")
    return found


def array_of(value: Any) -> np.ndarray[Any, Any]:
    """An array; of Python objects where it is no array of anything."""
    if hasattr(value, "detach"):  # a tensor
        value = value.detach().cpu().numpy()
    try:
        return np.asarray(value)
    except (ValueError, TypeError):
        return np.asarray(None, dtype=object)
