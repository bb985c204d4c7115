"""Which ops stand together in one node: a convolution, its norm and its activation."""

from __future__ import annotations

from fanin.emit.picture.labels import family, weight_axes
from fanin.ir.graph import Apply

MOST_ROWS = 6
FOLLOWERS = frozenset(("activation", "normalization", "regularisation"))
STARTERS = frozenset(("attention", "convolution", "pooling", "recurrent", "resampling", "segment"))


def starts(node: Apply) -> bool:
    """Whether an op opens a node of its own: what carries the weights, what moves a window, what attends."""
    kind = family(node.op)
    return kind in STARTERS or (kind not in FOLLOWERS and bool(weight_axes(node)))


def follows(node: Apply) -> bool:
    """Whether an op belongs to what stands before it."""
    return family(node.op) in FOLLOWERS
