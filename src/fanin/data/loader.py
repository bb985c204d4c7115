"""Batches of a data set, epoch by epoch, from any place in one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fanin.data.augment import augmented
from fanin.data.lazy import Lazy, gather, seeded
from fanin.data.order import epoch_order
from fanin.data.problems import DataFailed, failure, listed, whole
from fanin.data.seeds import number as seed_number
from fanin.data.stream import Stream, stacked
from fanin.data.table import Array, Data, Rows, fingerprint
from fanin.diagnostics.codes import DAT007, DAT009
from fanin.ir.types import DType

_AHEAD = 1 << 28  # bytes up to which a field is converted once, and not batch by batch

Batch = dict[str, Tensor]


class Batches:
    """Goes through one epoch each time it is iterated, giving ``{name: tensor}``.

    Which rows a batch has is a pure function of (seed, epoch, its number). ``state()`` is a small dict for JSON: what
    has been given out so far; ``resume`` goes on behind it, in the middle of an epoch too. ``batch_size`` None is all
    rows at once. ``stratify`` names a field of classes that each batch is to have its share of. ``share=(rank, size)``
    gives one process its part of each batch: all parts together are the batch of a single process. ``workers`` are
    processes that read what isn't in memory; they change no number. Raises DataFailed.
    """

    def __init__(
        self,
        data: Data,
        batch_size: int | None = 64,
        *,
        seed: int = 0,
        shuffle: bool = True,
        drop_last: bool = False,
        stratify: str | None = None,
        dtype: torch.dtype | None = None,
        share: tuple[int, int] = (0, 1),
        workers: int = 0,
    ) -> None:
        self.data, self.seed, self.shuffle, self.drop_last = data, seed, shuffle, drop_last
        self.stratify, self.share, self.workers = stratify, share, workers
        self.dtype = dtype or torch.get_default_dtype()
        self.rows = len(data)
        self.batch_size = self.rows if batch_size is None else batch_size
        self.epoch = self.position = 0
        _check(data, self.batch_size, drop_last, stratify)
        self._classes = None if stratify is None else np.unique(data[stratify], return_inverse=True)[1].reshape(-1)
        self._tensors = {n: _tensor(data, n, self.dtype) for n, a in data.fields.items() if not isinstance(a, Lazy)}
        self._lazy = {n: a for n, a in data.fields.items() if isinstance(a, Lazy)}

    def __len__(self) -> int:
        """Batches in an epoch."""
        return self.rows // self.batch_size if self.drop_last else -(-self.rows // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        orders = {s: torch.from_numpy(o) for s, o in self.orders(self.epoch).items()}
        epoch = _Epoch(self, orders)
        numbers = range(self.position, len(self))
        for number, batch in zip(numbers, _read(epoch, numbers, self.workers if self._lazy else 0), strict=True):
            self.position = number + 1
            yield batch
        self.epoch, self.position = self.epoch + 1, 0

    def orders(self, epoch: int) -> dict[int, Rows]:
        """The rows of an epoch in their order, by stream. A stream shorter than the longest starts over."""
        return {stream: self._order(stream, count, epoch) for stream, count in self.data.lengths().items()}

    def _order(self, stream: int, count: int, epoch: int) -> Rows:
        classes = self._classes if self.stratify is not None and self.data.stream(self.stratify) == stream else None
        size, seed, shuffle = min(self.batch_size, count), self.seed, self.shuffle
        parts = [
            epoch_order(count, size, seed=seed, epoch=epoch, shuffle=shuffle, classes=classes, place=(stream, turn))
            for turn in range(-(-self.rows // count))
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)[: self.rows]

    def batch(self, orders: dict[int, Tensor], number: int) -> Batch:
        """One batch of an epoch that has these orders."""
        rank, size = self.share
        start, stop = number * self.batch_size, min((number + 1) * self.batch_size, self.rows)
        count = stop - start
        own = slice(count * rank // size, count * (rank + 1) // size)
        rows = {s: order[start:stop][own] for s, order in orders.items()}
        data = self.data
        lazy: dict[str, Array] = {}
        if self._lazy:
            lazy = gather(
                self._lazy, {n: rows[data.stream(n)].numpy() for n in self._lazy}, (self.seed, self.epoch, number)
            )
        found: Batch = {}
        for name in data.fields:
            if name in lazy:
                found[name] = torch.from_numpy(lazy[name]).to(_dtype(data, name, self.dtype))
            else:
                tensor, dtype = self._tensors[name]
                whole_field = name in data.whole
                chosen = tensor.clone() if whole_field else tensor.index_select(0, rows[data.stream(name)])
                found[name] = chosen.to(dtype)
            if (by := data.divide.get(name)) is not None:
                found[name] = found[name] / by
            if changes := data.augment.get(name):
                draw = torch.Generator().manual_seed(self._place(number, name))
                found[name] = augmented(found[name], changes, draw, own, count)
        return found

    def _place(self, number: int, name: str) -> int:
        """A seed for what is drawn for one field of one batch."""
        return seed_number(self.seed, "sample", self.epoch, number, 1 + list(self.data.fields).index(name))

    def state(self) -> dict[str, Any]:
        """Where it is, and what has to be the same for that to mean anything. Plain values."""
        return {"epoch": self.epoch, "position": self.position, **self._settings()}

    def resume(self, state: dict[str, Any]) -> None:
        """Go on behind what was given out when ``state()`` said this. Raises DataFailed where that was another run."""
        _same(state, self._settings(), self.data.name)
        self.epoch, self.position = int(state["epoch"]), int(state["position"])

    def _settings(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "rows": self.rows,
            "batch_size": self.batch_size,
            "shuffle": self.shuffle,
            "drop_last": self.drop_last,
            "stratify": self.stratify,
            "data": self._fingerprint,
        }

    @cached_property
    def _fingerprint(self) -> str:
        return fingerprint(self.data)


class StreamBatches:
    """The same of data without a length: an epoch is one pass through it. There is nothing to shuffle."""

    def __init__(
        self,
        data: Stream,
        batch_size: int = 64,
        *,
        seed: int = 0,
        drop_last: bool = False,
        dtype: torch.dtype | None = None,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        self.data, self.batch_size, self.seed, self.drop_last, self.share = data, batch_size, seed, drop_last, share
        self.dtype = dtype or torch.get_default_dtype()
        self.epoch = self.position = 0
        self._source: Any = None
        self._start: Any = None
        if batch_size < 1:
            raise _bad_size(batch_size, data.name)

    def __iter__(self) -> Iterator[Batch]:
        source = self._source = self.data.make()
        skip = self.position
        if self._start is not None:
            source.load_state_dict(self._start)
            self._start, skip = None, 0
        samples = self.data.samples(source)
        number = self.position - skip
        while True:
            with seeded(self.seed, self.epoch, number):
                taken = list(islice(samples, self.batch_size))
            if not taken or (self.drop_last and len(taken) < self.batch_size):
                break
            number += 1
            if number <= self.position:
                continue  # given out before the run was stopped
            self.position = number
            yield self._tensors(taken)
        self.epoch, self.position, self._source = self.epoch + 1, 0, None

    def _tensors(self, taken: list[Any]) -> Batch:
        rank, size = self.share
        taken = taken[len(taken) * rank // size : len(taken) * (rank + 1) // size]
        head = self.data.head
        return {n: torch.from_numpy(a).to(_dtype(head, n, self.dtype)) for n, a in stacked(head, taken).items()}

    def state(self) -> dict[str, Any]:
        """Where it is; with the place of the source, where that says one."""
        own = self._source.state_dict() if hasattr(self._source, "state_dict") else self._start
        return {"epoch": self.epoch, "position": self.position, "source": own, **self._settings()}

    def resume(self, state: dict[str, Any]) -> None:
        """Go on behind what was given out when ``state()`` said this. Raises DataFailed where that was another run."""
        _same(state, self._settings(), self.data.name)
        self.epoch, self.position, self._start = int(state["epoch"]), int(state["position"]), state.get("source")

    def _settings(self) -> dict[str, Any]:
        return {"seed": self.seed, "batch_size": self.batch_size, "drop_last": self.drop_last}


def batches(data: Data | Stream, batch_size: int | None = 64, **settings: Any) -> Batches | StreamBatches:
    """The batches of either kind of data."""
    if isinstance(data, Data):
        return Batches(data, batch_size, **settings)
    if batch_size is None:
        raise failure(DAT009, f"{data.name} has no length, so not all of it fits a batch", whole("data", data.name))
    if settings.pop("stratify", None) is not None:
        raise failure(DAT009, f"{data.name} has no length, so it can't be stratified", whole("data", data.name))
    settings.pop("shuffle", None)
    settings.pop("workers", None)
    return StreamBatches(data, batch_size, **settings)


# -------------------------------------------------------------------------------------------------------- inner parts


class _Epoch:
    """The batches of one epoch by number, as worker processes take them."""

    def __init__(self, batches: Batches, orders: dict[int, Tensor]) -> None:
        self.batches, self.orders = batches, orders

    def __getitem__(self, number: int) -> Batch:
        return self.batches.batch(self.orders, number)

    def __len__(self) -> int:
        return len(self.batches)


class _Guarded:
    """The same, which hands a message over: raised in a worker process, it would lose its parts."""

    def __init__(self, epoch: _Epoch) -> None:
        self.epoch = epoch

    def __getitem__(self, number: int) -> Batch | DataFailed:
        try:
            return self.epoch[number]
        except DataFailed as failed:
            return DataFailed(failed.report)

    def __len__(self) -> int:
        return len(self.epoch)


def _read(epoch: _Epoch, numbers: range, workers: int) -> Iterator[Batch]:
    if not workers:
        yield from (epoch[n] for n in numbers)
        return
    from torch.utils.data import DataLoader

    if "fork" not in torch.multiprocessing.get_all_start_methods():
        at = whole("workers", str(workers))
        raise failure(
            DAT009, "this system can't start workers by a fork", at, "not here", helps=["leave out `workers`"]
        )
    source: Any = _Guarded(epoch)
    loader: Any = DataLoader(
        source,
        batch_size=None,
        sampler=numbers,
        num_workers=workers,
        multiprocessing_context="fork",
        generator=torch.Generator(),  # a loader draws a number from it, and nothing else is to notice
    )
    for batch in loader:
        if isinstance(batch, DataFailed):
            raise batch
        yield batch


def _check(data: Data, size: int, drop_last: bool, stratify: str | None) -> None:
    rows = len(data)
    at = whole("data", data.name)
    if not rows:
        raise failure(DAT007, f"{data.name} has no rows", at, "nothing to train on")
    if size < 1:
        raise _bad_size(size, data.name)
    if data.batch is not None and (size != data.batch or not (drop_last or rows % size == 0)):
        text = f"the system takes batches of {data.batch} rows, by what its inputs declare"
        how = f"`--batch-size {data.batch}`" + ("" if rows % data.batch == 0 else ", and leave the last one out")
        raise failure(DAT009, text, at, f"{rows} rows, {size} in a batch", helps=[how, "or declare a letter: `[N, …]`"])
    if drop_last and size > rows:
        text = f"a batch of {size} is more than the {rows} rows of {data.name}, and what is no full batch is left out"
        raise failure(DAT007, text, at, "no batch at all", helps=[f"a batch of {rows} or less"])
    if stratify is not None and (stratify not in data.fields or isinstance(data[stratify], Lazy)):
        text = f"{data.name} has no field `{stratify}` in memory"
        raise failure(DAT009, text, at, "to stratify by", helps=[f"it has {listed(data.fields)}"])


def _bad_size(size: int, name: str) -> Exception:
    return failure(DAT009, f"a batch has 1 row or more, not {size}", whole("data", name), "")


def _same(state: dict[str, Any], own: dict[str, Any], name: str) -> None:
    for key, value in own.items():
        if state.get(key, value) == value:
            continue
        text = f"the run that goes on had `{key}` {state[key]}, and here it is {value}"
        if key == "data":
            text = f"the run that goes on had other data than {name} has now"
        helps = ["go on with what it began with, or begin a new run"]
        raise failure(DAT009, text, whole("resume", name), "not the same", helps=helps)


def _dtype(data: Data, name: str, float_dtype: torch.dtype) -> torch.dtype:
    """What a field is in a batch."""
    kind = data.kind(name)
    if kind is DType.COMPLEX:
        return float_dtype.to_complex()
    return {DType.BOOL: torch.bool, DType.INT: torch.int64, DType.FLOAT: float_dtype}[kind]


def _tensor(data: Data, name: str, float_dtype: torch.dtype) -> tuple[Tensor, torch.dtype]:
    """A field as a tensor, and the dtype of its batches."""
    dtype = _dtype(data, name, float_dtype)
    array = data[name]
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:
        array = array.astype(np.int64)
    if array.dtype.kind in "fc" and array.dtype.itemsize > (8 if array.dtype.kind == "f" else 16):
        array = array.astype(np.float64 if array.dtype.kind == "f" else np.complex128)  # no PyTorch dtype is as wide
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if not array.flags.writeable or any(s < 0 for s in array.strides):
        array = array.copy()  # PyTorch has neither read-only tensors nor negative strides
    tensor = torch.from_numpy(array)
    if tensor.dtype != dtype and tensor.numel() * dtype.itemsize <= _AHEAD:
        tensor = tensor.to(dtype)
    return tensor, dtype
