"""What broadcasting to a given shape means."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fanin.ir.dims import Dim
from fanin.ir.types import TensorType
from fanin.ops.code import Code, Sequence, method
from fanin.ops.contract import Complaint, Inferred, Need, need_equal
from fanin.ops.sizes import need_sizes
from fanin.ops.ties import Letter, Measure, Ties, letters


def stretched(x: TensorType, shape: tuple[Dim, ...], name: str) -> Inferred:
    """The type of x broadcast to the shape. Raises Complaint for a shape with fewer axes."""
    new = len(shape) - x.rank
    if new < 0:
        raise Complaint(f"`{name}` to {len(shape)} axes cannot take in {x}, which has {x.rank}", "shape")
    needs: tuple[Need, ...] = need_sizes(*shape)
    for i, size in enumerate(x.shape):
        if size != 1:
            message = f"`{name}` stretches only a size of 1, not {{left}} to {{right}}"
            needs += need_equal(size, shape[i + new], message, ("x", i))
    return Inferred((x.with_shape(*shape),), needs)


def expanded(code: Code, x: TensorType, shape: tuple[Dim, ...]) -> Code:
    """``code.expand(…)``, with -1 for open sizes that stay."""
    new = len(shape) - x.rank
    sizes = [-1 if i >= new and x.shape[i - new] == s and type(s) is not int else s for i, s in enumerate(shape)]
    return method(code, "expand", *sizes) if sizes else method(code, "expand", Sequence(()))


def stretched_ties(x: TensorType, shape: tuple[Dim, ...], a: Any, written: tuple[Dim, ...]) -> Ties:
    """What is stretched is a run of equal numbers, of any length; ``a`` has the shape as it is ``written``."""
    new = len(shape) - x.rank
    inner, out = letters(x), []
    for i, size in enumerate(shape):
        own = inner[i - new] if i >= new else None
        out.append(own if own is not None and x.shape[i - new] == size else Letter(f"y{i}", size))

    def resize(n: Measure) -> Any:
        return replace(
            a, shape=tuple(n(e) if isinstance(s, int) and s != -1 else s for s, e in zip(written, out, strict=True))
        )

    return Ties((inner,), (tuple(out),), resize=resize)
