"""STR608: windows that move by more than their size, so that some inputs are never read.

A kernel of 1 with a stride is the shortcut of residual networks, and is let pass: the other branch reads everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from fanin.diagnostics.codes import STR608
from fanin.diagnostics.model import Diagnostic
from fanin.ir.unknown import Unknown
from fanin.lints.flow import Flow

_WINDOWS = frozenset(f"{kind}{n}d" for kind in ("Conv", "max_pool", "avg_pool", "lp_pool") for n in (1, 2, 3))


def check(flow: Flow) -> Iterator[Diagnostic]:
    for node in flow.ops:
        if node.op.name not in _WINDOWS:
            continue
        reach = node.op.reach(node.attrs, *(o.type for o in node.inputs if o is not None))
        if isinstance(reach, Unknown):
            continue
        wide = [(kernel, stride) for _, (kernel, stride, _) in reach.axes]
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
