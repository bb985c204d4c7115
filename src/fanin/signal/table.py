"""Tables of second moments by which axes two entries of a tensor agree on.

For a tensor of rank k, ``M`` is an array of k axes. Along each, index 0 stands for pairs that differ there, 1 for pairs
that agree; where lags matter (images) index 2 stands for neighbours, and 0 for pairs farther apart. ``M[1, …, 1]`` is
the second moment, ``M[0, …, 0]`` the square of the mean, and what lies between the covariances of entries that share a
channel, a sample, a position. Along an axis of size 1 nothing differs: entry 0 repeats entry 1, so that broadcasting is
free. The table is the exact second-order description of an exchangeable array (de Finetti; Aldous 1981).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod

import numpy as np

from fanin.signal.grid import Array

DIFFER, AGREE, NEAR = 0, 1, 2


def white(shape: Sequence[int], q: float, m: float = 0.0) -> Array:
    """Independent entries with this second moment and mean."""
    table = np.full((2,) * len(shape), m * m)
    table[(AGREE,) * len(shape)] = q
    return tidy(table, shape)


def constant(shape: Sequence[int], value: float) -> Array:
    return np.full((2,) * len(shape), value * value)


def tidy(table: Array, shape: Sequence[int]) -> Array:
    """Entry 0 repeats entry 1 along axes of size 1; a table of lags along one has none."""
    for axis, n in enumerate(shape):
        if n == 1:
            agree = np.take(table, [AGREE], axis=axis)
            table = np.concatenate([agree, agree], axis=axis)
    return table


@lru_cache(maxsize=4096)
def counts(n: int, states: int) -> Array:
    """The shares of pairs along an axis of size n that differ, agree, and are neighbours."""
    if states == 2:
        return np.array([1 - 1 / n, 1 / n])
    near = 2 * (n - 1) / n**2
    return np.array([1 - 1 / n - near, 1 / n, near])


def lagged(table: Array, axis: int) -> Array:
    """The same table with neighbours told apart along an axis."""
    if table.shape[axis] == 3:
        return table
    return np.concatenate([table, np.take(table, [DIFFER], axis=axis)], axis=axis)


def plain(table: Array, axis: int, n: int) -> Array:
    """The same table without lags along an axis: neighbours count among what differs."""
    if table.shape[axis] == 2:
        return table
    far, agree, near = (np.take(table, [i], axis=axis) for i in range(3))
    share = counts(n, 3)
    total = share[DIFFER] + share[NEAR]
    differ = agree if total <= 0 else (share[DIFFER] * far + share[NEAR] * near) / total
    return np.concatenate([differ, agree], axis=axis)


def average(table: Array, axis: int, n: int) -> Array:
    """The mean over all pairs along an axis, which goes."""
    share, front = counts(n, table.shape[axis]), (slice(None),) * axis
    parts: list[Array] = [share[i] * table[front + (i,)] for i in range(len(share))]  # noqa: RUF005
    return np.asarray(sum(parts[1:], parts[0]))


def average_over(table: Array, axes: Sequence[int], shape: Sequence[int]) -> Array:
    """The mean over all pairs along axes, which stay with equal entries."""
    mean = table
    for axis in axes:
        mean = np.expand_dims(average(mean, axis, shape[axis]), axis)
    return np.broadcast_to(mean, table.shape)


def insert(table: Array, axis: int) -> Array:
    """A new axis of size 1."""
    return np.stack([table, table], axis=axis)


def merge(table: Array, axis: int, sizes: Sequence[int]) -> Array:
    """Axes in a row from ``axis`` on as one: pairs that agree on all of them agree, all others differ."""
    count = len(sizes)
    for i, n in enumerate(sizes):
        table = plain(table, axis + i, n)
    total = prod(sizes)
    agree = table
    mean = table
    for i in reversed(range(count)):
        agree = np.take(agree, AGREE, axis=axis + i)
        mean = average(mean, axis + i, sizes[i])
    differ = agree if total == 1 else (mean - agree / total) / (1 - 1 / total)
    return np.stack([differ, agree], axis=axis)


def split(table: Array, axis: int, sizes: Sequence[int]) -> Array:
    """An axis as several: pairs that agree on all of them agreed, the others differed."""
    table = plain(table, axis, prod(sizes))
    differ, agree = np.take(table, DIFFER, axis=axis), np.take(table, AGREE, axis=axis)
    count = len(sizes)
    out = np.stack([differ] * 2**count, axis=axis)
    shape = [*table.shape[:axis], *([2] * count), *table.shape[axis + 1 :]]
    out = out.reshape(shape)
    index: list[slice | int] = [slice(None)] * len(shape)
    for i in range(count):
        index[axis + i] = AGREE
    out[tuple(index)] = agree
    for i, n in enumerate(sizes):
        if n == 1:
            same = np.take(out, [AGREE], axis=axis + i)
            out = np.concatenate([same, same], axis=axis + i)
    return out


def align(table: Array, rank: int) -> Array:
    """New axes of size 1 in front, up to a rank."""
    while table.ndim < rank:
        table = insert(table, 0)
    return table


def same_states(*tables: Array) -> list[Array]:
    """Tables of one rank with lags along the same axes."""
    out = list(tables)
    if all(t.shape == out[0].shape for t in out):
        return out
    for axis in range(out[0].ndim):
        if any(t.shape[axis] == 3 for t in out):
            out = [lagged(t, axis) for t in out]
    return out


def groups_of(before: Sequence[int], after: Sequence[int]) -> list[tuple[int, int, int, int]]:
    """How a reshape groups axes: runs of axes before and after with one product, as (start, stop, start, stop)."""
    found: list[tuple[int, int, int, int]] = []
    i = j = 0
    while i < len(before) or j < len(after):
        a, b = i, j
        left = before[i] if i < len(before) else 1
        right = after[j] if j < len(after) else 1
        i, j = min(i + 1, len(before)), min(j + 1, len(after))
        while left != right:
            if left < right and i < len(before):
                left *= before[i]
                i += 1
            elif j < len(after):
                right *= after[j]
                j += 1
            else:
                break
        found.append((a, i, b, j))
    return found


def reshape(table: Array, before: Sequence[int], after: Sequence[int]) -> Array:
    """The table of a tensor whose entries are dealt out to other axes in their order."""
    out, at = table, 0
    for a, b, c, d in groups_of(before, after):
        old, new = tuple(before[a:b]), tuple(after[c:d])
        if old != new:
            if not old:
                out = insert(out, at)
            else:
                out = merge(out, at, old) if len(old) > 1 else plain(out, at, old[0])
            if not new:
                out = np.take(out, AGREE, axis=at)
            elif len(new) > 1:
                out = split(out, at, new)
        at += len(new)
    return out
