"""Random numbers of processes that share a batch: each has those that one process would draw for its rows.

All processes draw from the same place in the same stream, for the rows of all of them, and keep their own. Only PyTorch
sees single draws, so they are met there, on their way to its kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode


class SharedDraws(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While it is on, a draw with an axis of the ``here`` rows of this process is one for all ``rows``.

    The rows here begin at ``start``; where they go beyond ``rows`` they are others again. The axis is the first that is
    as long as there are rows here, else the first that has a multiple of them: rows merged with what stands behind
    them. A draw without such an axis, such as noise on weights, is the same for all processes.
    """

    def __init__(self, start: int, here: int, rows: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.start, self.here, self.rows = start, here, rows

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        shape = next((_shape(value) for value in args if _shape(value)), ())
        axis = self._axis(shape) if torch.Tag.nondeterministic_seeded in func.tags else None
        if axis is None or self.here == self.rows:
            return func(*args, **given)
        size = shape[axis] // self.here  # of what one row has along the axis
        own = (self.start * size + torch.arange(shape[axis])) % (self.rows * size)
        fill = (torch.arange(self.rows * size) - self.start * size) % shape[axis]

        def spread(value: Any) -> Any:
            if _shape(value) != shape:
                return value
            if isinstance(value, Tensor):  # the other rows are filled with these: any that can be drawn for
                return value.index_select(axis, fill)
            return [*shape[:axis], self.rows * size, *shape[axis + 1 :]]

        every = [spread(value) for value in args]
        found = func(*every, **given)
        for mine, drawn, told in zip(args, every, func._schema.arguments, strict=False):
            if told.alias_info is not None and told.alias_info.is_write and drawn is not mine:
                mine.copy_(drawn.index_select(axis, own))
                if found is drawn:
                    return mine
        return _each(found, lambda drawn: drawn.index_select(axis, own))

    def _axis(self, shape: tuple[int, ...]) -> int | None:
        exact = [axis for axis, size in enumerate(shape) if size == self.here]
        merged = [axis for axis, size in enumerate(shape) if size and size % self.here == 0]
        return next(iter(exact or (merged if self.here > 1 else ())), None)


def _shape(value: Any) -> tuple[int, ...]:
    """The shape of a tensor, or the one that a list of sizes is."""
    if isinstance(value, Tensor):
        return tuple(value.shape)
    return tuple(value) if isinstance(value, (list, tuple)) and all(isinstance(v, int) for v in value) else ()


def _each(found: Any, of: Callable[[Tensor], Tensor]) -> Any:
    return of(found) if isinstance(found, Tensor) else type(found)(map(of, found))
