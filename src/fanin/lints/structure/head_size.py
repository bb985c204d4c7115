"""CST901: heads of a size that no fast kernel of attention takes.

Tensor cores work on multiples of 8 numbers in half precision, and the fused kernels of attention need a head of a
multiple of 8. Heads below 16 are those of examples, and are let pass.
"""

from __future__ import annotations

from collections.abc import Iterator

from fanin.diagnostics.codes import CST901
from fanin.diagnostics.model import Diagnostic
from fanin.lints.flow import Flow

_LEAST, _MULTIPLE = 16, 8


def check(flow: Flow) -> Iterator[Diagnostic]:
    for node in flow.named("scaled_dot_product_attention", "MultiheadAttention"):
        query = node.inputs[0]
        width = query.type.shape[-1] if query is not None else None
        if not isinstance(width, int):
            continue
        size = width // getattr(node.attrs, "num_heads", 1)
        if size >= _LEAST and size % _MULTIPLE:
            yield Diagnostic(
                CST901,
                f"heads of {size} are no multiple of {_MULTIPLE}: no fused kernel of attention takes them",
                node.span,
                f"a head of {size}",
                helps=(f"heads of {size // _MULTIPLE * _MULTIPLE} or {-(-size // _MULTIPLE) * _MULTIPLE}",),
            )
