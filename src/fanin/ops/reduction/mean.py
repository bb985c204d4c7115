"""Means."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.types import DType, TensorType, promote
from fanin.ir.unknown import Unknown
from fanin.ops.axes import normal_axes
from fanin.ops.code import Code, Infix, Input, method, unless
from fanin.ops.contract import FLOATS, Complaint, Inferred, Op, Port, Result
from fanin.ops.reduction._reduction import ReductionAttrs, along, reduced, taken_together
from fanin.ops.reduction._several import added, together
from fanin.ops.sees import Sees, Use, pointwise, reducing
from fanin.ops.ties import Ties, stretch


@final
class Mean(Op[ReductionAttrs]):
    """The mean along some axes, or of all numbers; of several tensors, or a list of them, their mean one by one.

    Shape: ``[N, D] -> [N]`` for ``mean(x, axis=1)``; ``[*S], [*S] -> [*S]`` of two
    Signal: the variance of n uncorrelated numbers is divided by n.
    """

    name = "mean"
    attrs = ReductionAttrs
    inputs = (Port("x", FLOATS, variadic=True),)
    example = "y = mean(x, axis=1)"
    kept = ()

    def infer(self, a: ReductionAttrs, *types: TensorType) -> Result:
        if not types:
            raise Complaint("`mean` needs at least one tensor", "x")
        if len(types) == 1:
            return reduced(types[0], a.axis, a.keepdim)
        result, needs = together(a, self.name, *types)
        return Inferred((result.with_dtype(promote(*(t.dtype for t in types))),), needs)

    def sees(self, a: ReductionAttrs, use: Use) -> Sees:
        if len(use.types) > 1:
            return pointwise(use.types, use.out)
        axes = normal_axes(a.axis, use.x.rank)
        box = reducing(use.x, axes, use.out, a.keepdim)
        return Sees(((box,),), tuple(use.x.shape[i] for i in sorted(axes)))

    def torch(self, a: ReductionAttrs, *types: TensorType) -> Code:
        if len(types) == 1:
            return method(Input(0), "mean", dim=along(a.axis, types[0], a.keepdim), keepdim=unless(a.keepdim, False))
        return Infix("/", added(Input(0), len(types)), len(types))

    def signal(self, a: ReductionAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.pointwise import Total
        from fanin.signal.rules.reduce import Mean as MeanOver

        if len(types) != 1 or types[0].dtype is not DType.FLOAT:
            return Total(1 / len(types)) if len(types) > 1 else Unknown("nothing is known behind a mean of a list")
        return MeanOver(normal_axes(a.axis, types[0].rank))

    def couplings(self, a: ReductionAttrs, *types: TensorType) -> Ties:
        if len(types) > 1:  # entry by entry
            inner, outer = stretch(types, max(t.rank for t in types))
            return Ties(inner, (outer,))
        return taken_together(types[0], a.axis, a.keepdim, "the mean is taken over fewer")

    def masked(self, a: ReductionAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return values[0] if all(v == values[0] for v in values) else None
