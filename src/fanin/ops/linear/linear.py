"""The dense layer."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from typing import Any, cast, final

from fanin.ir.dims import Dim
from fanin.ir.laws import Uniform
from fanin.ir.places import through, whole
from fanin.ir.types import TensorType
from fanin.ops.attributes import PositiveInt
from fanin.ops.code import Call, Code, Input, call, unless
from fanin.ops.contract import (
    Axis,
    Complaint,
    Inferred,
    Op,
    OpAttrs,
    ParamSpec,
    Port,
    Result,
    Weighted,
    need_equal,
)
from fanin.ops.keeping import Backprop, Kept, crosswise
from fanin.ops.ports import X
from fanin.ops.sees import Sees, Use, mixing, same
from fanin.ops.ties import PARAM, SUM, Letter, Ties, letters
from fanin.record import KW_ONLY, record


@record
class LinearAttrs(OpAttrs):
    out_features: PositiveInt
    _: KW_ONLY
    bias: bool = True


@final
class Linear(Weighted[LinearAttrs]):
    """``y = x Wᵀ + b`` over the last axis.

    Shape: ``[*, in] -> [*, out]``
    Params: ``weight [out, in]``, ``bias [out]``
    Signal: ``E[y²] = fan_in · Var(W) · E[x²]``, for independent zero-mean weights and zero bias.
    Source: He et al. 2015, "Delving Deep into Rectifiers", section 2.2 (forward case).
    """

    name = "Linear"
    module = "Linear"
    attrs = LinearAttrs
    inputs = X
    example = "y = x -> Linear(10)"

    def infer(self, a: LinearAttrs, *types: TensorType) -> Result:
        (x,) = types
        if x.rank == 0:
            raise Complaint("`Linear` needs at least one axis, and a scalar has none", "x")
        return x.with_last(a.out_features)

    def params(self, a: LinearAttrs, *types: TensorType) -> tuple[ParamSpec, ...]:
        fan_in = cast(int, types[0].shape[-1])
        out = Axis("out", a.out_features)
        law = Uniform(-1 / sqrt(fan_in), 1 / sqrt(fan_in)) if fan_in else Uniform(0, 0)
        weight = ParamSpec("weight", (out, Axis("in", fan_in)), law, "linear")
        return (weight, ParamSpec("bias", (out,), law, "bias")) if a.bias else (weight,)

    def construct(self, a: LinearAttrs, *types: TensorType) -> Call:
        return call("nn.Linear", types[0].shape[-1], a.out_features, bias=unless(a.bias, True))

    def flops(self, a: LinearAttrs, *types: TensorType) -> Dim:
        return 2 * types[0].numel() * a.out_features

    def saved(self, a: LinearAttrs, use: Backprop) -> Kept:
        return Kept((0,) if use.learns else ())

    def sees(self, a: LinearAttrs, use: Use) -> Sees:
        return mixing(use.x, (-1,), keeps=False, own=(use.x.rank - 1,), weighted=True)

    def signal(self, a: LinearAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.linear import Dense

        return Dense()

    def couplings(self, a: LinearAttrs, *types: TensorType) -> Ties:
        *outer, i = letters(types[0])
        o = Letter("o", a.out_features)
        params = (("weight", (o, i)), *((("bias", (o,)),) if a.bias else ()))
        ends = ((f"{types[0].rank - 1}", PARAM),)
        return Ties(((*outer, i),), ((*outer, o),), params, ends=ends, resize=lambda n: replace(a, out_features=n(o)))

    def folds(self, a: LinearAttrs) -> bool:
        return a.bias


@final
class LinearFunction(Op[OpAttrs]):
    """``y = x Wᵀ + b`` with a weight that is a tensor.

    Shape: ``x [*, in], weight [out, in], bias [out]? -> [*, out]``
    """

    name = "linear"
    inputs = (Port("x"), Port("weight"), Port("bias", optional=True))
    example = "y = linear(x, w)"
    example_inputs = {"x": "[N, 8]", "w": "[4, 8]"}

    def infer(self, a: OpAttrs, *types: TensorType) -> Result:
        x, weight, *rest = types
        if x.rank == 0:
            raise Complaint("`linear` needs at least one axis, and a scalar has none", "x")
        if weight.rank != 2:
            raise Complaint(f"the weight of `linear` is a matrix, not {weight}", "weight", kind="type")
        for port, t in zip(("weight", "bias"), types[1:], strict=False):
            if t.dtype is not x.dtype:
                raise Complaint(f"`x` is {x.dtype} and `{port}` is {t.dtype}: they have to be of one kind", port)
        out = weight.shape[0]
        needs = need_equal(
            x.shape[-1],
            weight.shape[1],
            "`linear` multiplies {left} features by {right}",
            ("x", -1),
            ("weight", 1),
        )
        for bias in rest:
            if bias.rank != 1:
                raise Complaint(f"the bias of `linear` has one axis, not {bias.rank}", "bias", kind="type")
            message = "the bias has {left} numbers for {right} features"
            if bias.shape[0] != 1:
                needs += need_equal(bias.shape[0], out, message, ("bias", 0), ("weight", 0))
        return Inferred((x.with_last(out),), needs)

    def sees(self, a: OpAttrs, use: Use) -> Sees:
        x, last = use.x, use.x.rank - 1
        row = (*same(x)[:-1], through(0, x.shape[-1]))
        weight = (whole(last, use.out.shape[-1]), through(0, x.shape[-1]))
        more = (((whole(last, use.out.shape[-1]),),),) if len(use.types) > 2 and use.types[2] is not None else ()
        return Sees(((row,), (weight,), *more), (x.shape[-1],), void=((0, (0,)), (1, (0,))))

    def torch(self, a: OpAttrs, *types: TensorType) -> Code:
        return call("F.linear", *(Input(i) for i in range(len(types))))

    def flops(self, a: OpAttrs, *types: TensorType) -> Dim:
        return 2 * types[0].numel() * types[1].shape[0]

    def saved(self, a: OpAttrs, use: Backprop) -> Kept:
        return Kept(crosswise(use))

    def signal(self, a: OpAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.chain import Shifted
        from fanin.signal.rules.linear import Contract

        batch = "abcdef"[: types[0].rank - 1]
        inner = Contract(batch + "z", "yz", batch + "y")
        return Shifted(inner) if len(types) > 2 else inner

    def couplings(self, a: OpAttrs, *types: TensorType) -> Ties:
        *outer, i = letters(types[0])
        o = Letter("o", types[1].shape[0])
        bias = tuple((o if t.shape[0] == types[1].shape[0] else Letter("b", 1),) for t in types[2:])
        return Ties(((*outer, i), (o, i), *bias), ((*outer, o),), ends=((f"{types[0].rank - 1}", SUM),))

    def masked(self, a: OpAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return 0.0 if values[1] == 0 and all(v == 0 for v in values[2:]) else None
