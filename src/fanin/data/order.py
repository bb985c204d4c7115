"""In which order the rows of a data set come in an epoch: a pure function of its size, the seed and the epoch."""

from __future__ import annotations

import numpy as np

from fanin.data.seeds import Order, bits, permutation


def epoch_order(
    rows: int,
    batch: int,
    *,
    seed: int,
    epoch: int,
    shuffle: bool = True,
    classes: Order | None = None,
    place: tuple[int, ...] = (),
) -> Order:
    """Every row once. With ``classes`` (int[rows]) each full batch has its share of each of them, rounded either way.

    ``place`` tells orders of one epoch apart: of streams that are independent, of turns of a short one.
    """
    if not shuffle:
        return (
            np.arange(rows, dtype=np.int64) if classes is None else _spread(np.argsort(classes, kind="stable"), batch)
        )
    source = bits(seed, "shuffle", epoch, *place)
    order = permutation(rows, source)
    if classes is None:
        return order
    kinds = np.unique(classes)
    ranks = permutation(len(kinds), source)[np.searchsorted(kinds, classes)]
    order = _spread(order[np.argsort(ranks[order], kind="stable")], batch)
    full = rows // batch
    turns = np.concatenate([permutation(full, source), np.arange(full, -(-rows // batch))])
    for at in range(0, rows, batch):
        order[at : at + batch] = order[at : at + batch][permutation(len(order[at : at + batch]), source)]
    return np.concatenate([order[t * batch : (t + 1) * batch] for t in turns]) if rows else order


def _spread(line: Order, batch: int) -> Order:
    """Rows that stand class by class, dealt out to batches.

    The i-th goes to batch ``(i * batch mod rows) // batch``. A batch so gets one row of each stretch of
    ``rows / batch``, and a class of n rows as many as such stretches begin in n places: n * batch / rows, rounded
    either way.
    """
    rows = len(line)
    if not rows:
        return line
    turns = (np.arange(rows, dtype=np.int64) * batch % rows) // batch
    return line[np.argsort(turns, kind="stable")]
