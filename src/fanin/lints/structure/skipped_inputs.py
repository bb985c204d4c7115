"""STR608: windows that move by more than their size, so that some inputs are never read.

A kernel of 1 with a stride is the shortcut of residual networks, and is let pass: the other branch reads everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from fanin.diagnostics.codes import STR608
from fanin.diagnostics.model import Diagnostic
from fanin.ir.graph import Apply
from fanin.lints.flow import Flow
from fanin.ops.sees import Use

_WINDOWS = frozenset(f"{kind}{n}d" for kind in ("Conv", "max_pool", "avg_pool", "lp_pool") for n in (1, 2, 3))


def check(flow: Flow) -> Iterator[Diagnostic]:
    for node in flow.ops:
        stride = getattr(node.attrs, "stride", None)  # left out, that of a pooling is its kernel
        if node.op.name not in _WINDOWS or stride is None or stride == 1:
            continue
        wide = _windows(node)
        if all(kernel == 1 for kernel, _ in wide) or not any(stride > kernel for kernel, stride in wide):
            continue
        read = prod(min(kernel / stride, 1) for kernel, stride in wide)
        kernel, stride = next((k, s) for k, s in wide if s > k)
        yield Diagnostic(
            STR608,
            f"windows of {kernel} that move by {stride}: {1 - read:.0%} of the inputs are never read",
            node.span,
            f"stride {stride}, kernel {kernel}",
            helps=(f"give a kernel of {stride} or more, or a smaller stride",),
        )


def _windows(node: Apply) -> list[tuple[int, int]]:
    """How wide the windows of an op are along each axis, and how far they move."""
    types = tuple(None if o is None else o.type for o in node.inputs)
    sees = node.op.sees(node.attrs, Use(types, tuple(v.type for v in node.outputs)))
    (box,) = sees.reads[0] if not isinstance(sees, tuple) else ((),)
    found = []
    for span in box:
        steps = [factor for factor, digit in span.terms if digit.axis >= 0]
        if len(steps) == 1 and isinstance(steps[0], int) and isinstance(span.high, int) and isinstance(span.low, int):
            found.append((span.high - span.low + 1, steps[0]))
    return found
