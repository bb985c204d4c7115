"""Attention of which each position reads itself and those before it, by position."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fanin.signal.grid import Array
from fanin.signal.resolved import Resolved, groups, lifted
from fanin.signal.state import Signal
from fanin.signal.table import AGREE, DIFFER


@dataclass
class Rows:
    """What rows of a causal softmax share, from the laws of queries and keys.

    ``seen`` [P, P] is how many positions of a group a row of another reads, ``lengths`` how many it reads in all.
    Of two rows i and j ``common`` is how many both read; ``at`` the mean product of two shares of one position, for
    rows of other samples and of one, ``off`` that of two positions'. ``own`` (a sum) and ``rest`` are those of a row
    with itself.
    """

    n: Array
    seen: Array
    lengths: Array
    common: Array
    own: Array
    rest: Array
    at: Array
    off: Array
    passed: Array  # what reaches a logit of a gradient at shares, over what would if all shares were equal


def rows(q: Signal, k: Signal, scale: float, axis: int) -> Rows:
    """Rows of queries over keys: the logits of a row differ by what keys do not share."""
    from fanin.signal.rules.softmax import passed_on, shares_along

    count, width = q.shape[axis], q.shape[-1]
    n = groups(count)
    seen = np.tril(np.tile(n, (len(n), 1)), -1) + np.diag((n + 1) / 2)
    lengths = seen.sum(axis=1)
    common = np.minimum(lengths[:, None], lengths[None, :])
    Q, K = (x.along or lifted(x.M, x.shape, axis) for x in (q, k))
    total = seen @ K.pairs @ seen.T  # [samples, P, P]: over all positions that two rows read
    diagonal = np.minimum(seen[:, None, :], seen[None, :, :])
    same = np.einsum("ijg,bg->bij", diagonal, K.same)
    inner = np.einsum("ijg,bgg->bij", diagonal, K.pairs)
    several = lengths[:, None] * lengths[None, :] - common
    apart = np.where(several > 0, (total - inner) / np.maximum(several, 1e-12), 0.0)
    differ = np.where(several > 1e-9, same / common - apart, 0.0)  # what one key has that another has not
    covariance = scale**2 * width * Q.pairs * differ
    variance = np.maximum(scale**2 * width * Q.own * np.diagonal(differ[AGREE]), 0.0)
    mean = float(variance @ n / n.sum())
    whole = tuple(max(round(t), 1) for t in lengths)
    own = shares_along(whole, mean)
    excess = np.maximum(lengths * own - 1, 0.0) * variance / max(mean, 1e-300)
    own = np.minimum((1 + excess) / lengths, 1.0)
    rest = (1 - own) / np.maximum(lengths * (lengths - 1), 1e-12) * (lengths > 1)
    root = np.sqrt(np.outer(variance, variance))
    alike = np.divide(np.expm1(np.clip(covariance, -30, 30)), np.expm1(np.minimum(root, 30)),
                      out=np.zeros_like(covariance), where=root > 1e-12)  # fmt: skip
    at = (1 + np.sqrt(np.outer(excess, excess)) * alike) / (lengths[:, None] * lengths[None, :])
    off = np.where(several > 1e-9, (1 - common * at) / np.maximum(several, 1e-12), 0.0)
    passed = np.ones(len(n))
    if mean > 1e-3:
        t = np.array(whole, dtype=float)
        passed = np.where(t > 1, passed_on(whole, mean) * t**3 / np.maximum(t - 1, 1), 1.0)
    return Rows(n, seen, lengths, common, own, rest, at, off, passed)


def mixed(a: Rows, V: Resolved) -> Resolved:
    """The moments of ``Σ a v`` by position."""
    diagonal = np.minimum(a.seen[:, None, :], a.seen[None, :, :])
    same = np.einsum("ijg,bg->bij", diagonal, V.same)
    whole = a.seen @ V.pairs @ a.seen.T - np.einsum("ijg,bgg->bij", diagonal, V.pairs)
    pairs = a.at * same + a.off * whole
    own = a.own / a.lengths * np.diagonal(same[AGREE]) + a.rest * np.diagonal(whole[AGREE])
    return Resolved(V.axis, np.stack([np.diagonal(pairs[DIFFER]), own]), pairs)


def returned(a: Rows, G: Resolved) -> Resolved:
    """The gradient at what is mixed: at a position, from all rows behind it."""
    share = a.seen / a.n[None, :]  # of the positions of a group, how many a row reads
    times = np.outer(a.n, a.n)
    np.fill_diagonal(times, a.n * (a.n - 1))
    both = np.minimum(share[:, None, :], share[None, :, :])
    at, off = times * a.at * G.pairs, times * a.off * G.pairs
    rows_own = np.stack([a.n * np.diagonal(a.at[DIFFER]), a.n * a.own / a.lengths]) * G.same
    rows_off = np.stack([a.n * np.diagonal(a.off[DIFFER]), a.n * a.rest]) * G.same
    same = np.einsum("bij,ijg->bg", at, both) + rows_own @ share
    pairs = np.einsum("bij,ig,jh->bgh", off, share, share) + np.einsum("bi,ig,ih->bgh", rows_off, share, share)
    return Resolved(G.axis, same, pairs)


def gradients_of_logits(
    a: Rows, G: Resolved, V: Resolved, Q: Resolved, K: Resolved, scale: float, width: int, spread: float
) -> tuple[Resolved, Resolved]:
    """The gradients at queries and keys, through ``a (g - Σ a g)`` where g is the product of a gradient and a value.

    ``width`` is that of values. Values and keys are made of the same tokens, whose products vary around their mean by
    ``spread``, one over the width that they were made of: the two hang together by it.
    """
    C = a.seen / a.lengths[:, None]  # means over what a row reads
    share = a.seen / a.n[None, :]
    once = np.eye(len(a.n), dtype=bool)
    left = 1 - 1 / a.lengths
    strength = np.sqrt(np.outer(a.passed, a.passed))
    queries, keys, own_q, own_k = [], [], [], []
    for b in (DIFFER, AGREE):
        part = 1 / a.n
        v, k = (np.where(once, X.pairs[b] + (X.same[b] - np.diagonal(X.pairs[b])) * part, X.pairs[b]) for X in (V, K))
        vk = np.where(once, V.pairs[b] * K.pairs[b] * (1 - part) + V.same[b] * K.same[b] * part, v * k)
        by_row = (C @ v, C @ k)
        met = (
            C @ vk @ C.T
            - (by_row[0] * by_row[1]) @ C.T
            - C @ (by_row[0] * by_row[1]).T
            + (by_row[0] @ C.T) * (by_row[1] @ C.T)
        )
        met += spread * np.outer(left, left) * float(V.own @ a.n) * float(K.own @ a.n) / a.n.sum() ** 2
        met *= strength * width * scale**2
        queries.append(met * G.pairs[b])
        own_q.append(np.diagonal(met) * G.same[b])
        times = np.outer(a.n, a.n) * G.pairs[b] * Q.pairs[b]
        times[once] = a.n * ((a.n - 1) * np.diagonal(G.pairs[b] * Q.pairs[b]) + G.same[b] * Q.same[b])
        times *= strength * width * scale**2 / np.outer(a.lengths, a.lengths)
        behind = times @ share
        rest = ((behind * by_row[0]).T @ share).T
        mean = share.T @ (times * (by_row[0] @ C.T)) @ share
        count = share.T @ behind
        keys.append(V.pairs[b] * count - rest - rest.T + mean)
        own_k.append(V.same[b] * np.diagonal(count) + np.diagonal(mean - rest - rest.T))
    return (
        Resolved(G.axis, np.maximum(np.stack(own_q), 0.0), np.stack(queries)),
        Resolved(G.axis, np.maximum(np.stack(own_k), 0.0), np.stack(keys)),
    )
