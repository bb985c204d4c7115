"""SIG122: one residual block applied again and again, whose contributions point the same way.

Branches of their own weights are independent, so that their variances add: sqrt(L) in all. Of one set of weights the
outputs at two steps are as alike as their inputs, and their lengths add: L in all. The kernel over the steps says how
alike: ``K(l, k) = K_0 + sum_(i<l, j<k) K_f(i, j)``, with ``K_f`` what a branch makes of two inputs of that correlation,
once for shared weights and once for independent ones. At a factor of 2 the stream is four times as large in variance as
the same depth of layers of their own, whose initialisation was borrowed. Blocks that are deep copies of one another
start as if they were tied (PyTorch #72253). A norm on the stream takes the growth back, and is let pass; so are
branches that are no chain of layers, activations and norms.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

import numpy as np

from fanin.diagnostics.codes import SIG122
from fanin.diagnostics.model import Diagnostic
from fanin.lints.signal.along import Net, factor
from fanin.lints.signal.limits import Limit
from fanin.lints.signal.residual import Block, norm_behind, streams
from fanin.signal import grid
from fanin.signal.grid import Array
from fanin.signal.rules.noise import Drop
from fanin.signal.rules.pointwise import Curve
from fanin.signal.tape import Step

LARGEST = Limit(
    SIG122,
    2.0,
    "rms of a stream behind tied blocks over that behind blocks of their own weights",
    "four times the variance that the same depth was scaled for",
)
LIMITS = (LARGEST,)


def check(net: Net) -> Iterator[Diagnostic]:
    for stream in streams(net):
        run = _tied(net, stream)
        start = net.signal(run[0].source) if run else None
        if len(run) < 2 or start is None or start.q <= 0 or norm_behind(net, run[-1].output):
            continue
        branch = _branch(net, run[0])
        if not branch:
            continue
        together, apart = (_stream(net, branch, start.q, len(run), tied) for tied in (True, False))
        ratio = sqrt(together / apart) if apart > 0 else 1.0
        if ratio > net.limit(LARGEST):
            yield Diagnostic(
                SIG122,
                f"the {len(run)} uses of one block add up in one direction: the stream grows to rms "
                f"{factor(sqrt(together))}, with weights of their own it would be {factor(sqrt(apart))}",
                run[0].step.span,
                "the same weights every time",
                helps=(f"scale the branch by 1/{len(run)}, or put a norm on the stream",),
            )


def _tied(net: Net, stream: list[Block]) -> list[Block]:
    """The blocks of a stream with the weights of its first, where nothing normalises the stream between them."""
    first = {w.key for step in _branch(net, stream[0]) for w in step.weights.values()}
    run = [stream[0]]
    for block in stream[1:]:
        keys = {w.key for step in _branch(net, block) for w in step.weights.values()}
        if keys != first or not keys or any(map(net.is_norm, (*block.before, *block.skip))):
            break
        run.append(block)
    return run


def _branch(net: Net, block: Block) -> list[Step]:
    """The steps of a branch from its source on, where they are one chain; none otherwise."""
    found: list[Step] = []
    edge = block.branch
    while edge is not block.source:
        step = net.maker(edge)
        source = None if step is None else net.only(step)
        if step is None or source is None:
            return []
        found.append(step)
        edge = source
    return found[::-1]


def _stream(net: Net, branch: list[Step], q: float, count: int, tied: bool) -> float:
    """The second moment of the stream behind ``count`` blocks."""
    F = np.zeros((count, count))  # between branches
    before: list[list[float]] = [[] for _ in branch]  # second moments in front of each step of the branch, by block
    for last in range(count):
        # Between the stream in front of this block and in front of every block up to it.
        K = q + np.array([F[:k, :last].sum() for k in range(last + 1)])
        F[: last + 1, last] = F[last, : last + 1] = _through(net, branch, K, before, tied)
    return q + float(F.sum())


def _through(net: Net, branch: list[Step], K: Array, before: list[list[float]], tied: bool) -> Array:
    """What a branch makes of the inputs of all blocks up to one, against that of this one, which is the last entry."""
    K = K.copy()
    for step, sizes in zip(branch, before, strict=True):
        rule, x, y = net.rule(step), net.signal(net.only(step)), net.signal(step.outputs[0])
        if x is None or y is None or x.q <= 0:
            return np.zeros_like(K)
        sizes.append(float(np.sqrt(K[-1])))
        if net.is_norm(step):
            K = K / (np.array(sizes) * sizes[-1])
        elif isinstance(rule, Curve):
            with np.errstate(all="ignore"):
                f = [np.asarray(rule.f(size * grid.Z)) for size in sizes]
            R = np.clip(K / np.maximum(np.array(sizes) * sizes[-1], 1e-300), -1, 1)
            K = np.array([float(grid.pair(a, r, f[-1])) for a, r in zip(f, R, strict=True)])
        elif isinstance(rule, Drop):
            K[-1] *= y.q / x.q
        else:
            K = K * (y.q / x.q)
            if step.weights and not tied:
                K[:-1] = 0.0
    return K
