"""Batches of a data set, epoch by epoch, from any place in one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fanin.data.order import epoch_order
from fanin.data.table import Data, Rows
from fanin.ir.types import DType

_AHEAD = 1 << 28  # bytes up to which a field is converted once, and not batch by batch


class Batches:
    """Goes through one epoch each time it is iterated, giving ``{name: tensor}``.

    Which rows a batch has is a pure function of (seed, epoch, its number). ``state()`` is a small dict for JSON: what
    has been given out so far; ``resume`` goes on behind it, in the middle of an epoch too. ``batch_size`` None is all
    rows at once. ``stratify`` names a field of classes that each batch is to have its share of. ``share=(rank, size)``
    gives one process its part of each batch: all parts together are the batch of a single process.
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
    ) -> None:
        self.data, self.seed, self.shuffle, self.drop_last = data, seed, shuffle, drop_last
        self.stratify, self.share = stratify, share
        self.rows = len(data)
        self.batch_size = batch_size or self.rows
        self.epoch = self.position = 0
        self._classes = None if stratify is None else np.unique(data[stratify], return_inverse=True)[1].reshape(-1)
        self._tensors = {n: _tensor(data, n, dtype or torch.get_default_dtype()) for n in data.fields}

    def __len__(self) -> int:
        """Batches in an epoch."""
        if not self.rows:
            return 0
        return self.rows // self.batch_size if self.drop_last else -(-self.rows // self.batch_size)

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        orders = {s: torch.from_numpy(o) for s, o in self.orders(self.epoch).items()}
        for number in range(self.position, len(self)):
            batch = self._batch(orders, number)
            self.position = number + 1
            yield batch
        self.epoch, self.position = self.epoch + 1, 0

    def orders(self, epoch: int) -> dict[int, Rows]:
        """The rows of an epoch in their order, by stream. A stream shorter than the longest starts over."""
        return {stream: self._order(stream, count, epoch) for stream, count in self.data.lengths().items()}

    def _order(self, stream: int, count: int, epoch: int) -> Rows:
        classes = self._classes if self.stratify is not None and self.data.stream(self.stratify) == stream else None
        parts = [
            epoch_order(
                count,
                min(self.batch_size, count),
                seed=self.seed,
                epoch=epoch,
                shuffle=self.shuffle,
                classes=classes,
                place=(stream, turn),
            )
            for turn in range(-(-self.rows // count) if count else 0)
        ]
        return (parts[0] if len(parts) == 1 else np.concatenate(parts))[: self.rows] if parts else np.arange(0)

    def _batch(self, orders: dict[int, Tensor], number: int) -> dict[str, Tensor]:
        rank, size = self.share
        start, stop = number * self.batch_size, min((number + 1) * self.batch_size, self.rows)
        start, stop = start + (stop - start) * rank // size, start + (stop - start) * (rank + 1) // size
        found: dict[str, Tensor] = {}
        for name, (tensor, dtype) in self._tensors.items():
            if name in self.data.whole:
                found[name] = tensor.to(dtype, copy=True)
            else:
                found[name] = tensor.index_select(0, orders[self.data.stream(name)][start:stop]).to(dtype)
        return found

    def state(self) -> dict[str, Any]:
        """Where it is, and what it needs to be the same for that to mean anything. Plain numbers."""
        return {"epoch": self.epoch, "position": self.position, **self._settings()}

    def resume(self, state: dict[str, Any]) -> None:
        """Go on behind what was given out when ``state()`` said this. Raises ValueError where that was another run."""
        own = self._settings()
        for name, value in own.items():
            if state.get(name, value) != value:
                raise ValueError(f"the state is of batches with {name} {state[name]}, and here it is {value}")
        self.epoch, self.position = int(state["epoch"]), int(state["position"])

    def _settings(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "rows": self.rows,
            "batch_size": self.batch_size,
            "shuffle": self.shuffle,
            "drop_last": self.drop_last,
            "stratify": self.stratify,
        }


def _tensor(data: Data, name: str, float_dtype: torch.dtype) -> tuple[Tensor, torch.dtype]:
    """A field as a tensor, and the dtype of its batches."""
    kind = data.kind(name)
    dtype = {DType.BOOL: torch.bool, DType.INT: torch.int64, DType.FLOAT: float_dtype}.get(kind)
    dtype = dtype or float_dtype.to_complex()
    array = data[name]
    if not array.dtype.isnative or (array.dtype.kind == "u" and array.dtype.itemsize > 1):
        array = array.astype(np.int64 if array.dtype.kind in "iu" else array.dtype.newbyteorder("="))
    if not array.flags.writeable or any(s < 0 for s in array.strides):
        array = array.copy()  # PyTorch has neither read-only tensors nor negative strides
    tensor = torch.from_numpy(array)
    if tensor.dtype != dtype and tensor.numel() * dtype.itemsize <= _AHEAD:
        tensor = tensor.to(dtype)
    return tensor, dtype
