"""Axes taken together by name."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any, Literal, cast, final

from fanin.ir.dims import Dim
from fanin.ir.facts import Compare
from fanin.ir.types import DType, TensorType
from fanin.ir.unknown import Unknown
from fanin.ops.code import Code, Input, Sequence, method
from fanin.ops.contract import ANY, Complaint, Inferred, Need, Op, OpAttrs, Port, Result
from fanin.ops.einops._match import Given, lettered, match
from fanin.ops.einops._steps import steps
from fanin.ops.keeping import Backprop, Kept
from fanin.ops.sees import Sees, Use, named
from fanin.ops.sizes import at_least
from fanin.ops.ties import SUM, Ties
from fanin.record import record


@record
class ReduceAttrs(OpAttrs):
    pattern: str
    reduction: Literal["sum", "mean", "max", "min", "prod", "any", "all"]
    sizes: Given = ()


@final
class Reduce(Op[ReduceAttrs]):
    """The sum, mean, max, min, prod, any or all along the axes that stand on the left of the pattern alone.

    Shape: ``[N, C, H, W] -> [N, C, H / 2, W / 2]`` for ``reduce(x, "n c (h a) (w b) -> n c h w", "max", a=2, b=2)``
    The rest is as in ``rearrange``; a number on the left is an axis without a name.
    Source: Rogozhnikov 2022, "Einops: Clear and Reliable Tensor Manipulations with Einstein-like Notation".
    """

    name = "reduce"
    attrs = ReduceAttrs
    inputs = (Port("x", ANY),)
    order = ("x", "pattern", "reduction")
    keywords = "sizes"
    example = 'y = reduce(x, "n (g d) -> n g", "mean", g=2)'

    def infer(self, a: ReduceAttrs, *types: TensorType) -> Result:
        x = types[0]
        m = match(a.pattern, a.sizes, x, name=self.name)
        result = x.with_shape(*m.shape())
        if not m.gone:
            return Inferred((result,), m.needs)
        needs: tuple[Need, ...] = m.needs
        count = cast(Dim, prod(m.sizes[axis] for axis in m.gone))
        if a.reduction in ("max", "min") and not at_least(count, 1):
            message = f"the {a.reduction} of {{left}} numbers has no value"
            needs += (Need(Compare(">=", count, 1), message, kind="too-small"),)
        return Inferred((result.with_dtype(_kind(a.reduction, x.dtype)),), needs)

    def sees(self, a: ReduceAttrs, use: Use) -> Sees:
        m = match(a.pattern, a.sizes, use.x, name=self.name)
        return Sees(((named(m.left, m.right, m.sizes, m.gone),),), tuple(m.sizes[axis] for axis in m.gone))

    def torch(self, a: ReduceAttrs, *types: TensorType) -> Code:
        name = {"max": "amax", "min": "amin"}.get(a.reduction, a.reduction)

        def taken(code: Code, axes: tuple[int, ...]) -> Code:
            if name == "prod":  # which takes one axis at a time
                for axis in reversed(axes):
                    code = method(code, name, dim=axis)
                return code
            return method(code, name, dim=axes[0] if len(axes) == 1 else Sequence(axes))

        return steps(Input(0), match(a.pattern, a.sizes, types[0], name=self.name), taken)

    def saved(self, a: ReduceAttrs, use: Backprop) -> Kept:
        return Kept((0,), (0,)) if a.reduction in ("max", "min", "prod") else Kept()

    def signal(self, a: ReduceAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.rearranged import rearranged

        if a.reduction not in ("sum", "mean"):
            return Unknown(f"nothing is known behind `reduce` by {a.reduction}")
        return rearranged(match(a.pattern, a.sizes, types[0], name=self.name), a.reduction)

    def couplings(self, a: ReduceAttrs, *types: TensorType) -> Ties:
        m = match(a.pattern, a.sizes, types[0], name=self.name)
        left, right, sizes = lettered(m, a.sizes, types[0])
        end = SUM if a.reduction == "sum" else f"the {a.reduction} is taken over fewer"
        ends = tuple((name, end) for name in m.gone)
        return Ties((left,), (right,), ends=ends, resize=lambda n: replace(a, sizes=sizes(n)))

    def masked(self, a: ReduceAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        kept = a.reduction in ("mean", "max", "min") or (a.reduction in ("sum", "prod") and values[0] == 0)
        return values[0] if kept else None


def _kind(reduction: str, dtype: DType) -> DType:
    """The kind of number that it gives. Raises Complaint for one that has no such thing."""
    if reduction in ("any", "all"):
        return DType.BOOL
    if reduction == "mean" and dtype in (DType.BOOL, DType.INT):
        raise Complaint(f"{dtype.value} numbers have no mean", "x", kind="type", help="float(x)")
    if reduction in ("max", "min") and dtype is DType.COMPLEX:
        raise Complaint(f"complex numbers have no {reduction}", "x", kind="type")
    return DType.INT if reduction in ("sum", "prod") and dtype is DType.BOOL else dtype
