"""Layer normalisation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, final

from fanin.ir.laws import ONES, ZEROS
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
class LayerNormAttrs(OpAttrs):
    _: KW_ONLY
    eps: NonNegativeFloat = 1e-5
    elementwise_affine: bool = True
    bias: bool = True
    axes: PositiveInt = 1


@final
class LayerNorm(Weighted[LayerNormAttrs]):
    """Brings the last axis to mean 0 and variance 1, then scales and shifts it; ``axes`` last ones together.

    Shape: ``[*, D] -> [*, D]``
    Params: ``weight [D]``, ``bias [D]``; none without ``elementwise_affine``
    Signal: ``E[y] = bias``, ``E[y²] = weight² Var[x] / (Var[x] + eps) + bias²``.
    Source: Ba et al. 2016, "Layer Normalization", eq. 3 and 4.
    """

    name = "LayerNorm"
    module = "LayerNorm"
    attrs = LayerNormAttrs
    inputs = X
    example = "y = x -> LayerNorm()"

    def infer(self, a: LayerNormAttrs, *types: TensorType) -> Result:
        check_axes(self.name, a.axes, types[0])
        return types[0]

    def params(self, a: LayerNormAttrs, *types: TensorType) -> tuple[ParamSpec, ...]:
        if not a.elementwise_affine:
            return ()
        axes = feature_axes(a.axes, types[0])
        weight = ParamSpec("weight", axes, ONES, "norm")
        return (weight, ParamSpec("bias", axes, ZEROS, "norm")) if a.bias else (weight,)

    def construct(self, a: LayerNormAttrs, *types: TensorType) -> Call:
        return call(
            "nn.LayerNorm",
            spell_shape(a.axes, types[0]),
            eps=unless(a.eps, 1e-5),
            elementwise_affine=unless(a.elementwise_affine, True),
            bias=unless(a.bias, True),
        )

    def saved(self, a: LayerNormAttrs, use: Backprop) -> Kept:
        statistics = numbers(*use.x.shape[: -a.axes], 1)
        return Kept((0,), more=(statistics, statistics))

    def sees(self, a: LayerNormAttrs, use: Use) -> Sees:
        axes = range(use.x.rank - a.axes, use.x.rank)
        return mixing(use.x, axes, own=axes if a.elementwise_affine else ())

    def signal(self, a: LayerNormAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.normalise import Normalise

        rank = types[0].rank
        return Normalise(range(rank - a.axes, rank), a.eps)

    def couplings(self, a: LayerNormAttrs, *types: TensorType) -> Ties:
        names = (("weight", "bias") if a.bias else ("weight",)) if a.elementwise_affine else ()
        return normalised(a.axes, types[0], names)

    def divided(self, a: LayerNormAttrs, by: int) -> tuple[str, tuple[tuple[str, Any], ...]] | None:
        if a.axes != 1:
            return None
        usual = LayerNormAttrs()
        given = (("eps", a.eps, usual.eps), ("affine", a.elementwise_affine, True), ("shift", a.bias, True))
        return "KeptLayerNorm", (("size", by), *((name, value) for name, value, default in given if value != default))


@record
class LayerNormFunctionAttrs(OpAttrs):
    eps: NonNegativeFloat = 1e-5
    _: KW_ONLY
    axes: PositiveInt = 1


@final
class LayerNormFunction(Op[LayerNormFunctionAttrs]):
    """Brings the last axis to mean 0 and variance 1; scale and shift are tensors, where given.

    Shape: ``x [*, D], weight [D]?, bias [D]? -> [*, D]``
    Source: Ba et al. 2016, "Layer Normalization", eq. 3 and 4.
    """

    name = "layer_norm"
    attrs = LayerNormFunctionAttrs
    inputs = (Port("x", FLOAT), Port("weight", FLOAT, optional=True), Port("bias", FLOAT, optional=True))
    example = "y = layer_norm(x)"

    def infer(self, a: LayerNormFunctionAttrs, *types: TensorType) -> Result:
        x = types[0]
        check_axes(self.name, a.axes, x)
        needs = need_last("weight", optional(types, 1), a.axes, x) + need_last("bias", optional(types, 2), a.axes, x)
        return Inferred((x,), needs)

    def torch(self, a: LayerNormFunctionAttrs, *types: TensorType) -> Code:
        return call(
            "F.layer_norm",
            Input(0),
            own_shape(a.axes, types[0]),
            weight=optional_input(types, 1),
            bias=optional_input(types, 2),
            eps=unless(a.eps, 1e-5),
        )

    def sees(self, a: LayerNormFunctionAttrs, use: Use) -> Sees:
        found = mixing(use.x, range(use.x.rank - a.axes, use.x.rank))
        more = tuple(() if t is None else (aligned(t, use.out),) for t in use.types[1:])
        return replace(found, reads=(*found.reads, *more))

    def saved(self, a: LayerNormFunctionAttrs, use: Backprop) -> Kept:
        statistics = numbers(*use.x.shape[: -a.axes], 1)
        return Kept(tuple(range(len(use.inputs))), more=(statistics, statistics))

    def signal(self, a: LayerNormFunctionAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.chain import Scaled
        from fanin.signal.rules.normalise import Normalise

        rank = types[0].rank
        inner = Normalise(range(rank - a.axes, rank), a.eps)
        return Scaled(inner) if len(types) > 1 else inner

    def couplings(self, a: LayerNormFunctionAttrs, *types: TensorType) -> Ties:
        return normalised(a.axes, types[0], (), types[1:])

    def masked(self, a: LayerNormFunctionAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return 0.0 if len(values) > 1 and values[1] == 0 and all(v == 0 for v in values[2:]) else None
