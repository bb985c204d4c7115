"""The bilinear layer."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from typing import cast, final

from fanin.ir.laws import Uniform
from fanin.ir.places import through
from fanin.ir.types import TensorType
from fanin.ops.attributes import PositiveInt
from fanin.ops.code import Call, Code, Input, call, unless
from fanin.ops.contract import (
    Axis,
    Complaint,
    Inferred,
    Need,
    NoAttrs,
    Op,
    OpAttrs,
    ParamSpec,
    Port,
    Result,
    Weighted,
    need_equal,
)
from fanin.ops.ports import FLOAT
from fanin.ops.sees import Sees, Use, same
from fanin.ops.spelling import optional, optional_input
from fanin.ops.ties import PARAM, Letter, Ties, letters
from fanin.record import KW_ONLY, record


@record
class BilinearAttrs(OpAttrs):
    out_features: PositiveInt
    _: KW_ONLY
    bias: bool = True


def need_rows(name: str, x1: TensorType, x2: TensorType) -> tuple[Need, ...]:
    """The two agree in all axes but the last. Raises Complaint for other ranks."""
    if x1.rank == 0 or x1.rank != x2.rank:
        raise Complaint(f"`{name}` takes two tensors of as many axes, at least one: {x1} and {x2}", "x2")
    needs: tuple[Need, ...] = ()
    for axis in range(x1.rank - 1):
        message = f"the inputs of `{name}` disagree in axis {axis}: {{left}} and {{right}}"
        needs += need_equal(x1.shape[axis], x2.shape[axis], message, ("x1", axis), ("x2", axis))
    return needs


@final
class Bilinear(Weighted[BilinearAttrs]):
    """``y_k = x1ᵀ W_k x2 + b_k`` over the last axes.

    Shape: ``x1 [*, in1], x2 [*, in2] -> [*, out]``
    Params: ``weight [out, in1, in2]``, ``bias [out]``
    """

    name = "Bilinear"
    module = "Bilinear"
    attrs = BilinearAttrs
    inputs = (Port("x1", FLOAT), Port("x2", FLOAT))
    example = "y = Bilinear(10)(a, b)"
    example_inputs = {"a": "[N, 8]", "b": "[N, 4]"}
    kept = ("x1", "x2")

    def infer(self, a: BilinearAttrs, *types: TensorType) -> Result:
        x1, x2 = types
        return Inferred((x1.with_last(a.out_features),), need_rows(self.name, x1, x2))

    def sees(self, a: BilinearAttrs, use: Use) -> Sees:
        boxes = [(*same(t)[:-1], through(n, t.shape[-1])) for n, t in enumerate(use.types[:2]) if t is not None]
        sizes = tuple(t.shape[-1] for t in use.types[:2] if t is not None)
        last = use.out.rank - 1
        return Sees(tuple((box,) for box in boxes), sizes, own=(last,), weighted=((0, last), (1, last)))

    def params(self, a: BilinearAttrs, *types: TensorType) -> tuple[ParamSpec, ...]:
        first, second = (cast(int, t.shape[-1]) for t in types)
        law = Uniform(-1 / sqrt(first), 1 / sqrt(first))
        out = Axis("out", a.out_features)
        weight = ParamSpec("weight", (out, Axis("in", first), Axis("in", second)), law, "linear")
        return (weight, ParamSpec("bias", (out,), law, "bias")) if a.bias else (weight,)

    def construct(self, a: BilinearAttrs, *types: TensorType) -> Call:
        first, second = (t.shape[-1] for t in types)
        return call("nn.Bilinear", first, second, a.out_features, bias=unless(a.bias, True))

    def couplings(self, a: BilinearAttrs, *types: TensorType) -> Ties:
        x, y = types
        outer, o = letters(x)[:-1], Letter("o", a.out_features)
        i, j = Letter("i", x.shape[-1]), Letter("j", y.shape[-1])
        params = (("weight", (o, i, j)), *((("bias", (o,)),) if a.bias else ()))
        ends = (("i", PARAM), ("j", PARAM))
        layouts = (*outer, i), (*outer, j)
        return Ties(layouts, ((*outer, o),), params, ends=ends, resize=lambda n: replace(a, out_features=n(o)))


@final
class BilinearFunction(Op[NoAttrs]):
    """``y_k = x1ᵀ W_k x2 + b_k`` with a weight that is a tensor.

    Shape: ``x1 [*, in1], x2 [*, in2], weight [out, in1, in2], bias [out]? -> [*, out]``
    """

    name = "bilinear"
    inputs = (Port("x1", FLOAT), Port("x2", FLOAT), Port("weight", FLOAT), Port("bias", FLOAT, optional=True))
    example = "y = bilinear(a, b, w)"
    example_inputs = {"a": "[N, 8]", "b": "[N, 4]", "w": "[10, 8, 4]"}
    kept = ("x1", "x2", "weight")

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        x1, x2, weight = types[:3]
        if weight.rank != 3:
            raise Complaint(f"the weight of `bilinear` has three axes, not {weight.rank}: {weight}", "weight")
        needs = need_rows(self.name, x1, x2)
        for i, (port, t) in enumerate((("x1", x1), ("x2", x2)), 1):
            message = f"`{port}` has {{left}} features, and the weight is for {{right}}"
            needs += need_equal(t.shape[-1], weight.shape[i], message, (port, -1), ("weight", i))
        bias = optional(types, 3)
        if bias is not None:
            if bias.rank != 1:
                raise Complaint(f"the bias of `bilinear` has one axis, not {bias.rank}", "bias", kind="type")
            message = "the bias has {left} numbers for {right} features"
            needs += need_equal(bias.shape[0], weight.shape[0], message, ("bias", 0), ("weight", 0))
        return Inferred((x1.with_last(weight.shape[0]),), needs)

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return call("F.bilinear", Input(0), Input(1), Input(2), bias=optional_input(types, 3))
