"""Numbers drawn from one seed, in streams that know nothing of each other.

A run has one seed. What it draws for one purpose comes from a stream of its own, ``(seed, purpose, *place)``, so that a
change in one place (another split, one more epoch) moves nothing in another. A stream is a Philox generator keyed by
NumPy's ``SeedSequence``, both of which NumPy promises to keep; orders are sorts of its raw bits, so that they are the
same in every version.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

STREAMS: Final = {"split": 1, "shuffle": 2, "noise": 3, "task": 4, "sample": 5, "reinit": 6, "mask": 7, "order": 8}
"""The purposes. ``noise`` is for whoever trains: what a system draws, at a step."""

Order = NDArray[np.int64]


def sequence(seed: int, stream: str, *place: int) -> np.random.SeedSequence:
    """What the generator of a stream is keyed by; ``place`` is an epoch, a step, a row, …, each 0 or more."""
    return np.random.SeedSequence(_words(seed), spawn_key=(STREAMS[stream], *place))


def bits(seed: int, stream: str, *place: int) -> np.random.Philox:
    """The generator of a stream, at its start."""
    return np.random.Philox(sequence(seed, stream, *place))


def number(seed: int, stream: str, *place: int) -> int:
    """A seed of 63 bits for another library's generator."""
    low, high = sequence(seed, stream, *place).generate_state(2, np.uint32).tolist()
    return int(low) | (int(high) & 0x7FFFFFFF) << 32


class Random(np.random.RandomState):
    """Normal, uniform and whole numbers that are the same in every version of NumPy, which it promises of its base, and
    on every system: ``randint`` draws int64 on all."""

    def randint(self, low: Any, high: Any = None, size: Any = None, dtype: Any = np.int64) -> Any:
        return super().randint(low, high, size, dtype)


def legacy(seed: int, stream: str, *place: int) -> Random:
    """The numbers of a stream, for data that is drawn."""
    return Random(np.random.MT19937(sequence(seed, stream, *place)))


def permutation(count: int, source: np.random.Philox) -> Order:
    """An order of ``count`` things, each as likely as any other. Takes ``count`` numbers from the generator."""
    found: Order = np.argsort(source.random_raw(count), kind="stable").astype(np.int64, copy=False)
    return found


def _words(seed: int) -> int | list[int]:
    """A seed as ``SeedSequence`` takes it; a negative one is a seed like any other."""
    return seed if seed >= 0 else [-seed, 1]
