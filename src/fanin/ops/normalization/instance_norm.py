"""Instance normalisation as a function."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import cast, final

from fanin.ir.dims import Dim
from fanin.ir.places import whole
from fanin.ir.types import TensorType
from fanin.ops.attributes import NonNegativeFloat
from fanin.ops.code import Code, Input, call, unless
from fanin.ops.contract import Complaint, Inferred, Op, OpAttrs, Port, Result, need_at_least
from fanin.ops.keeping import Backprop, Kept, numbers
from fanin.ops.normalization.group_norm import need_channels
from fanin.ops.ports import FLOAT
from fanin.ops.sees import Sees, Use, mixing
from fanin.ops.spelling import optional, optional_input
from fanin.record import record


@record
class InstanceNormFunctionAttrs(OpAttrs):
    eps: NonNegativeFloat = 1e-5


@final
class InstanceNormFunction(Op[InstanceNormFunctionAttrs]):
    """Brings each channel of each sample to mean 0 and variance 1; scale and shift are tensors, where given by name.

    Shape: ``x [N, C, *], weight [C]?, bias [C]? -> [N, C, *]``
    Source: Ulyanov et al. 2016, "Instance Normalization".
    """

    name = "instance_norm"
    attrs = InstanceNormFunctionAttrs
    inputs = (Port("x", FLOAT), Port("weight", FLOAT, optional=True), Port("bias", FLOAT, optional=True))
    order = ("x",)  # PyTorch's next ones are running statistics, which a function does not have here
    example = "y = x -> instance_norm"
    example_inputs = {"x": "[N, 3, 8, 8]"}

    def infer(self, a: InstanceNormFunctionAttrs, *types: TensorType) -> Result:
        x = types[0]
        if x.rank < 3:
            raise Complaint(f"`instance_norm` takes [N, C, *], of three axes or more, not {x}", "x")
        count = cast(Dim, prod(x.shape[2:]))
        message = f"`instance_norm` needs more than one place in each channel to find a variance, and {x} has {{left}}"
        needs = need_at_least(count, 2, message, ("x", -1))
        for i, port in enumerate(("weight", "bias"), 1):
            given = optional(types, i)
            if given is not None:
                needs += need_channels(port, given, x)
        return Inferred((x,), needs)

    def torch(self, a: InstanceNormFunctionAttrs, *types: TensorType) -> Code:
        weight, bias = optional_input(types, 1), optional_input(types, 2)
        return call("F.instance_norm", Input(0), weight=weight, bias=bias, eps=unless(a.eps, 1e-5))

    def sees(self, a: InstanceNormFunctionAttrs, use: Use) -> Sees:
        found = mixing(use.x, range(2, use.x.rank))
        more = tuple(() if t is None else ((whole(1, t.shape[0]),),) for t in use.types[1:])
        return replace(found, reads=(*found.reads, *more))

    def saved(self, a: InstanceNormFunctionAttrs, use: Backprop) -> Kept:
        statistics = numbers(use.x.shape[0] * use.x.shape[1])
        return Kept((0,), more=(statistics,) * (2 + (len(use.inputs) > 1 and use.inputs[1] is not None)))
