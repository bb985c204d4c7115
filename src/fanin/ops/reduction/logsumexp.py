"""The logarithm of a sum of exponentials along axes."""

from __future__ import annotations

from typing import final

from fanin.ir.types import TensorType
from fanin.ops.axes import normal_axes, spelled
from fanin.ops.code import Code, Input, method, unless
from fanin.ops.contract import ANY, Op, OpAttrs, Port, Result
from fanin.ops.dtypes import own_float, to_float
from fanin.ops.reduction._reduction import reduced, taken_together
from fanin.ops.sees import Sees, Use, reducing
from fanin.ops.ties import Ties
from fanin.record import record


@record
class LogsumexpAttrs(OpAttrs):
    axis: int | tuple[int, ...]
    keepdim: bool = False


@final
class Logsumexp(Op[LogsumexpAttrs]):
    """``ln Σ eˣ`` along some axes, without overflow.

    Shape: ``[N, D] -> [N]``; ints and bools give floats
    """

    name = "logsumexp"
    attrs = LogsumexpAttrs
    inputs = (Port("x", ANY),)
    example = "y = logsumexp(x, axis=1)"
    kept = ("x", "result")

    def infer(self, a: LogsumexpAttrs, *types: TensorType) -> Result:
        return reduced(types[0], a.axis, a.keepdim).with_dtype(to_float(types[0].dtype))

    def sees(self, a: LogsumexpAttrs, use: Use) -> Sees:
        axes = normal_axes(a.axis, use.x.rank)
        box = reducing(use.x, axes, use.out, a.keepdim)
        return Sees(((box,),), tuple(use.x.shape[i] for i in sorted(axes)))

    def torch(self, a: LogsumexpAttrs, *types: TensorType) -> Code:
        code = method(Input(0), "logsumexp", dim=spelled(a.axis), keepdim=unless(a.keepdim, False))
        return own_float(code, *types)

    def couplings(self, a: LogsumexpAttrs, *types: TensorType) -> Ties:
        return taken_together(types[0], a.axis, a.keepdim, "what is zero counts in `logsumexp`")

    def masked(self, a: LogsumexpAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return None
