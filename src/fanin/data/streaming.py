"""Batches of data without a length, and of either kind."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any

import torch

from fanin.data.lazy import seeded
from fanin.data.loader import Batch, Batches
from fanin.data.problems import failure, whole
from fanin.data.settings import bad_size, same
from fanin.data.stream import Stream, stacked
from fanin.data.table import Data
from fanin.data.tensors import dtype_of
from fanin.diagnostics.codes import DAT009


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
            raise bad_size(batch_size, data.name)

    def __iter__(self) -> Iterator[Batch]:
        source = self._source = self.data.make()
        samples = self.data.samples(source)
        if self._start is not None:
            source.load_state_dict(self._start)
            self._start, number = None, self.position
        else:
            number = 0
            with seeded(self.seed, self.epoch, 0, "split"):
                deque(islice(samples, self.data.behind), maxlen=0)  # what is held out
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
        return {n: torch.from_numpy(a).to(dtype_of(head, n, self.dtype)) for n, a in stacked(head, taken).items()}

    def state(self) -> dict[str, Any]:
        """Where it is; with the place of the source, where that says one."""
        own = self._source.state_dict() if hasattr(self._source, "state_dict") else self._start
        return {"epoch": self.epoch, "position": self.position, "source": own, **self._settings()}

    def resume(self, state: dict[str, Any]) -> None:
        """Go on behind what was given out when ``state()`` said this. Raises DataFailed where that was another run."""
        same(state, self._settings(), self.data.name)
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
