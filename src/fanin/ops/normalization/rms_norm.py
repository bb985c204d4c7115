"""Normalisation by the root mean square."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, final

from fanin.ir.laws import ONES
from fanin.ir.types import TensorType
from fanin.ops.attributes import NonNegativeFloat, PositiveInt
from fanin.ops.code import Call, Code, Input, call, unless
from fanin.ops.contract import Inferred, Op, OpAttrs, ParamSpec, Port, Result, Weighted
from fanin.ops.keeping import Backprop, Kept, numbers
from fanin.ops.normalization._last import check_axes, feature_axes, need_last, normalised, own_shape, spell_shape
from fanin.ops.ports import FLOAT, X
from fanin.ops.sees import Sees, Use, aligned, mixing
from fanin.ops.spelling import optional, optional_input
from fanin.ops.ties import Ties
from fanin.record import KW_ONLY, record


@record
class RMSNormAttrs(OpAttrs):
    _: KW_ONLY
    eps: NonNegativeFloat | None = None
    elementwise_affine: bool = True
    axes: PositiveInt = 1


@final
class RMSNorm(Weighted[RMSNormAttrs]):
    """``x / sqrt(mean(x²) + eps)`` along the last axis, then scaled; ``axes`` last ones together.

    An ``eps`` of ``none`` is the least difference from 1 that the dtype can hold.

    Shape: ``[*, D] -> [*, D]``
    Params: ``weight [D]``; none without ``elementwise_affine``
    Signal: ``E[y²] = weight² E[x²] / (E[x²] + eps)``.
    Source: Zhang and Sennrich 2019, "Root Mean Square Layer Normalization", eq. 4.
    """

    name = "RMSNorm"
    module = "RMSNorm"
    attrs = RMSNormAttrs
    inputs = X
    example = "y = x -> RMSNorm()"

    def infer(self, a: RMSNormAttrs, *types: TensorType) -> Result:
        check_axes(self.name, a.axes, types[0])
        return types[0]

    def params(self, a: RMSNormAttrs, *types: TensorType) -> tuple[ParamSpec, ...]:
        if not a.elementwise_affine:
            return ()
        return (ParamSpec("weight", feature_axes(a.axes, types[0]), ONES, "norm"),)

    def construct(self, a: RMSNormAttrs, *types: TensorType) -> Call:
        return call(
            "nn.RMSNorm",
            spell_shape(a.axes, types[0]),
            eps=unless(a.eps, None),
            elementwise_affine=unless(a.elementwise_affine, True),
        )

    def saved(self, a: RMSNormAttrs, use: Backprop) -> Kept:
        rows = numbers(*use.x.shape[: -a.axes], 1)
        return Kept((0,), more=(rows, use.x) if a.elementwise_affine and use.learns else (rows,))

    def sees(self, a: RMSNormAttrs, use: Use) -> Sees:
        axes = range(use.x.rank - a.axes, use.x.rank)
        return mixing(use.x, axes, own=axes if a.elementwise_affine else ())

    def signal(self, a: RMSNormAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.normalise import Normalise

        rank = types[0].rank
        return Normalise(range(rank - a.axes, rank), 1e-7 if a.eps is None else a.eps, centre=False)

    def couplings(self, a: RMSNormAttrs, *types: TensorType) -> Ties:
        names = (("weight",)) if a.elementwise_affine else ()
        return normalised(a.axes, types[0], names)

    def divided(self, a: RMSNormAttrs, by: int) -> tuple[str, tuple[tuple[str, Any], ...]] | None:
        if a.axes != 1 or a.eps is None:  # that of the dtype is no number of a spec
            return None
        more = (("affine", False),) if not a.elementwise_affine else ()
        return "KeptRMSNorm", (("size", by), ("eps", a.eps), *more)


@record
class RMSNormFunctionAttrs(OpAttrs):
    eps: NonNegativeFloat | None = None
    _: KW_ONLY
    axes: PositiveInt = 1


@final
class RMSNormFunction(Op[RMSNormFunctionAttrs]):
    """``x / sqrt(mean(x²) + eps)`` along the last axis, scaled by a tensor where one is given.

    Shape: ``x [*, D], weight [D]? -> [*, D]``
    Source: Zhang and Sennrich 2019, "Root Mean Square Layer Normalization", eq. 4.
    """

    name = "rms_norm"
    attrs = RMSNormFunctionAttrs
    inputs = (Port("x", FLOAT), Port("weight", FLOAT, optional=True))
    example = "y = rms_norm(x)"

    def infer(self, a: RMSNormFunctionAttrs, *types: TensorType) -> Result:
        check_axes(self.name, a.axes, types[0])
        return Inferred((types[0],), need_last("weight", optional(types, 1), a.axes, types[0]))

    def torch(self, a: RMSNormFunctionAttrs, *types: TensorType) -> Code:
        shape = own_shape(a.axes, types[0])
        return call("F.rms_norm", Input(0), shape, weight=optional_input(types, 1), eps=unless(a.eps, None))

    def sees(self, a: RMSNormFunctionAttrs, use: Use) -> Sees:
        found = mixing(use.x, range(use.x.rank - a.axes, use.x.rank))
        more = tuple(() if t is None else (aligned(t, use.out),) for t in use.types[1:])
        return replace(found, reads=(*found.reads, *more))

    def saved(self, a: RMSNormFunctionAttrs, use: Backprop) -> Kept:
        rows = numbers(*use.x.shape[: -a.axes], 1)
        return Kept((0, 1)[: len(use.inputs)], more=(rows, use.x) if use.asked(1) else (rows,))

    def signal(self, a: RMSNormFunctionAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.chain import Scaled
        from fanin.signal.rules.normalise import Normalise

        rank = types[0].rank
        inner = Normalise(range(rank - a.axes, rank), (1e-7 if a.eps is None else a.eps), centre=False)
        return Scaled(inner) if len(types) > 1 else inner

    def couplings(self, a: RMSNormFunctionAttrs, *types: TensorType) -> Ties:
        return normalised(a.axes, types[0], (), types[1:])

    def masked(self, a: RMSNormFunctionAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return 0.0 if len(values) > 1 and values[1] == 0 else None
