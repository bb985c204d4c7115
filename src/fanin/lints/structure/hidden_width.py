"""CST902: a hidden width that tensor cores cannot take in whole blocks.

In half precision they load 16 bytes at once, 8 numbers: of a matrix whose sides are no multiples of 8 a slower kernel
is taken, or it is padded. A product of n by n at a large batch does n / 2 operations for each byte, and an H100 waits
for memory below 295 (990 TFLOP/s, 3.35 TB/s), so that little is lost below a width of 512. What is read by no further
layer, as the logits of classes, has the size that the task has, and is let pass.
Source: NVIDIA, "Matrix Multiplication Background User's Guide", sections 2 and 3.
"""

from __future__ import annotations

from collections.abc import Iterator

from fanin.diagnostics.codes import CST902
from fanin.diagnostics.model import Diagnostic
from fanin.ir.graph import Apply, Call, Node, Repeat, Value
from fanin.lints.flow import Flow

_LEAST, _MULTIPLE = 512, 8
_WIDE = frozenset(("Linear", "Conv1d", "Conv2d", "Conv3d"))


def check(flow: Flow) -> Iterator[Diagnostic]:
    for node in flow.named(*_WIDE):
        out = getattr(node.attrs, "out_features", None) or getattr(node.attrs, "out_channels", None)
        if isinstance(out, int) and out >= _LEAST and out % _MULTIPLE and _goes_on(flow, node):
            below, above = out // _MULTIPLE * _MULTIPLE, -(-out // _MULTIPLE) * _MULTIPLE
            yield Diagnostic(
                CST902,
                f"a hidden width of {out} is no multiple of {_MULTIPLE}: tensor cores take blocks of {_MULTIPLE}",
                node.span,
                f"{out} wide",
                helps=(f"{below} or {above}",),
            )


def _goes_on(flow: Flow, node: Apply) -> bool:
    """Whether another layer of this graph reads what it gives."""
    work: list[Node] = [node]
    seen: set[int] = set()
    while work:
        for reader in flow.readers(work.pop()):
            if id(reader) in seen:
                continue
            seen.add(id(reader))
            if isinstance(reader, (Call, Repeat)) or (isinstance(reader, Apply) and reader.op.name in _WIDE):
                return True
            if isinstance(reader, Apply) and any(isinstance(o, Value) for o in reader.inputs):
                work.append(reader)
    return False
