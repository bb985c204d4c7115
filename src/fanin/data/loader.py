"""Batches of a data set, epoch by epoch, from any place in one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fanin.data.augment import augmented
from fanin.data.lazy import Lazy, gather
from fanin.data.order import epoch_order
from fanin.data.problems import DataFailed, failure, listed, whole
from fanin.data.seeds import number as seed_number
from fanin.data.settings import bad_size, same
from fanin.data.table import Array, Data, Rows, fingerprint
from fanin.data.tensors import dtype_of, tensor_of
from fanin.diagnostics.codes import DAT007, DAT009

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
        self._tensors = {n: tensor_of(data, n, self.dtype) for n, a in data.fields.items() if not isinstance(a, Lazy)}
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
                found[name] = torch.from_numpy(lazy[name]).to(dtype_of(data, name, self.dtype))
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
        same(state, self._settings(), self.data.name)
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
        raise bad_size(size, data.name)
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
