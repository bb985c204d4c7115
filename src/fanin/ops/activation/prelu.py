"""The rectifier with a learned slope on the left."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, final

from fanin.ir.laws import Constant
from fanin.ir.places import at, whole
from fanin.ir.types import TensorType
from fanin.ops.attributes import PositiveInt
from fanin.ops.code import Call, Code, Input, call
from fanin.ops.contract import (
    Axis,
    Complaint,
    Inferred,
    NoAttrs,
    Op,
    OpAttrs,
    ParamSpec,
    Port,
    Result,
    Weighted,
    need_equal,
)
from fanin.ops.ports import FLOAT, X
from fanin.ops.sees import Sees, Use, pointwise, same
from fanin.ops.spelling import spell_fields
from fanin.ops.ties import Letter, Ties, letters, tied
from fanin.record import record


@record
class PreluAttrs(OpAttrs):
    num_parameters: PositiveInt = 1


@final
class Prelu(Weighted[PreluAttrs]):
    """``max(x, 0) + weight · min(x, 0)``, with one learned slope, or one for each channel (axis 1).

    The slope starts at 0.25; ``init=constant(0.1)`` starts it elsewhere, where PyTorch has ``init=0.1``.

    Shape: ``[*S] -> [*S]``
    Params: ``weight [num_parameters]``
    Signal: ``E[y²] = (1 + a²) / 2 · E[x²]`` for a symmetric x and the slope a.
    Source: He et al. 2015, "Delving Deep into Rectifiers", section 2.1.
    """

    name = "PReLU"
    module = "PReLU"
    attrs = PreluAttrs
    inputs = X
    example = "y = x -> PReLU()"
    kept = ("x",)

    def infer(self, a: PreluAttrs, *types: TensorType) -> Result:
        (x,) = types
        if a.num_parameters == 1:
            return x
        if x.rank < 2:
            raise Complaint(
                f"`PReLU` of {a.num_parameters} slopes needs channels in axis 1, and {x} has none",
                "num_parameters",
            )
        message = "`PReLU` has {left} slopes for {right} channels"
        return Inferred((x,), need_equal(a.num_parameters, x.shape[1], message, ("x", 1)))

    def params(self, a: PreluAttrs, *types: TensorType) -> tuple[ParamSpec, ...]:
        return (ParamSpec("weight", (Axis("feature", a.num_parameters),), Constant(0.25)),)

    def construct(self, a: PreluAttrs, *types: TensorType) -> Call:
        args, keywords = spell_fields(a, 1)
        return Call("nn.PReLU", args, keywords)

    def sees(self, a: PreluAttrs, use: Use) -> Sees:
        return pointwise(use.types, use.out, own=(1,) if a.num_parameters > 1 else ())

    def signal(self, a: PreluAttrs, *types: TensorType) -> Any:
        import numpy as np

        from fanin.signal.rules.pointwise import Curve

        return Curve(lambda x: np.where(x > 0, x, 0.25 * x))  # the slope that PyTorch starts with

    def couplings(self, a: PreluAttrs, *types: TensorType) -> Ties:
        found = tied(types[0])
        if a.num_parameters == 1:
            return replace(found, params=(("weight", (Letter("w", 1),)),))
        channel = found.inputs[0][1]
        return replace(found, params=(("weight", (channel,)),), resize=lambda n: replace(a, num_parameters=n(channel)))

    def masked(self, a: PreluAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return 0.0 if values[0] == 0 else None


@final
class PreluFunction(Op[NoAttrs]):
    """``max(x, 0) + weight · min(x, 0)`` with slopes that are a tensor.

    Shape: ``x [N, C, *S], weight [C] -> [N, C, *S]``, or a weight of one number
    """

    name = "prelu"
    inputs = (Port("x", FLOAT), Port("weight", FLOAT))
    example = "y = prelu(x, slope)"
    example_inputs = {"x": "[N, 8]", "slope": "[8]"}
    kept = ("x", "weight")

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        x, weight = types
        if weight.rank > 1:
            raise Complaint(f"the slopes of `prelu` are one number or a vector, not {weight}", "weight")
        if weight.rank == 0 or weight.shape[0] == 1:
            return x
        if x.rank < 2:
            raise Complaint(f"`prelu` needs channels in axis 1 for its slopes, and {x} has none", "x")
        message = "`prelu` has {left} slopes for {right} channels"
        return Inferred((x,), need_equal(weight.shape[0], x.shape[1], message, ("weight", 0), ("x", 1)))

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return call("F.prelu", Input(0), Input(1))

    def sees(self, a: NoAttrs, use: Use) -> Sees:
        size = use.types[1].shape[0] if use.types[1] is not None and use.types[1].rank else 1
        slope = () if use.types[1] is not None and not use.types[1].rank else (at(0) if size == 1 else whole(1, size),)
        return Sees(((same(use.x),), (slope,)))

    def couplings(self, a: NoAttrs, *types: TensorType) -> Ties:
        layout, weight = letters(types[0]), types[1]
        slopes = (layout[1],) if weight.rank and weight.shape[0] != 1 else letters(weight, "w")
        return Ties((layout, slopes), (layout,))

    def masked(self, a: NoAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return 0.0 if values[0] == 0 else None
