"""Sums."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import DType, TensorType, promote
from fanin.ir.unknown import Unknown
from fanin.ops.axes import normal_axes
from fanin.ops.code import Code, Input, method, unless
from fanin.ops.contract import ANY, Complaint, Inferred, Op, Port, Result
from fanin.ops.dtypes import own_float
from fanin.ops.reduction._reduction import ReductionAttrs, along, reduced, taken_together, whole
from fanin.ops.reduction._several import added, together
from fanin.ops.sees import Sees, Use, pointwise, reducing
from fanin.ops.ties import SUM, Ties, stretch


@final
class Sum(Op[ReductionAttrs]):
    """The sum along some axes, or of all numbers; of several tensors, or a list of them, their sum one by one.

    Shape: ``[N, D] -> [N]`` for ``sum(x, axis=1)``; ``[*S], [*S] -> [*S]`` of two; bools give ints
    Signal: variances add where the numbers are uncorrelated.
    """

    name = "sum"
    attrs = ReductionAttrs
    inputs = (Port("x", ANY, variadic=True, number=True),)
    example = "y = sum(x, axis=1)"
    kept = ()

    def infer(self, a: ReductionAttrs, *types: TensorType) -> Result:
        if not types:
            raise Complaint("`sum` needs at least one tensor", "x")
        dtype = whole(promote(*(t.dtype for t in types)))
        if len(types) == 1:
            return reduced(types[0], a.axis, a.keepdim).with_dtype(dtype)
        result, needs = together(a, self.name, *types)
        return Inferred((result.with_dtype(dtype),), needs)

    def sees(self, a: ReductionAttrs, use: Use) -> Sees:
        if len(use.types) > 1:
            return pointwise(use.types, use.out)
        axes = normal_axes(a.axis, use.x.rank)
        box = reducing(use.x, axes, use.out, a.keepdim)
        return Sees(((box,),), tuple(use.x.shape[i] for i in sorted(axes)))

    def fold(self, a: ReductionAttrs, *numbers: Any) -> Any:
        return sum(numbers)

    def torch(self, a: ReductionAttrs, *types: TensorType) -> Code:
        if len(types) == 1:
            return method(Input(0), "sum", dim=along(a.axis, types[0], a.keepdim), keepdim=unless(a.keepdim, False))
        kind = promote(*(t.dtype for t in types))
        # Two bool tensors would give a bool.
        code = added(method(Input(0), "long") if kind is DType.BOOL else Input(0), len(types))
        return own_float(code, *types) if kind is DType.FLOAT else code

    def signal(self, a: ReductionAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.pointwise import Total
        from fanin.signal.rules.reduce import Mean as MeanOver

        if len(types) != 1 or types[0].dtype is not DType.FLOAT:
            return Total(1.0) if len(types) > 1 else Unknown("nothing is known behind a sum of a list")
        return MeanOver(normal_axes(a.axis, types[0].rank), total=True)

    def couplings(self, a: ReductionAttrs, *types: TensorType) -> Ties:
        if len(types) > 1:  # entry by entry
            inner, outer = stretch(types, max(t.rank for t in types))
            return Ties(inner, (outer,))
        return taken_together(types[0], a.axis, a.keepdim, SUM)

    def masked(self, a: ReductionAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return 0.0 if all(v == 0 for v in values) else None
