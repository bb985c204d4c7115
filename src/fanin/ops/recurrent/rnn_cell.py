"""The plain recurrent cell."""

from __future__ import annotations

from typing import Any, Literal, final

from fanin.ir.dims import Dim
from fanin.ir.types import TensorType
from fanin.ir.unknown import Unknown
from fanin.ops.attributes import PositiveInt
from fanin.ops.code import Call, Code, Input, Module, call, helper, unless
from fanin.ops.contract import OpAttrs, ParamSpec, Result
from fanin.ops.keeping import Backprop, Kept
from fanin.ops.recurrent._cell import STEP, Cell, H, X
from fanin.record import KW_ONLY, record


@record
class RNNCellAttrs(OpAttrs):
    hidden_size: PositiveInt
    _: KW_ONLY
    bias: bool = True
    nonlinearity: Literal["tanh", "relu"] = "tanh"


@final
class RNNCell(Cell[RNNCellAttrs]):
    """A step of an Elman network: ``h' = tanh(weight_ih x + bias_ih + weight_hh h + bias_hh)``, or with ``relu``.

    What it gives, ``y``, is ``h'``.

    Shape: ``x [B, in], h [B, hidden_size] -> y, h [B, hidden_size]``; the batch axis may be missing
    Params: ``weight_ih [hidden, in]``, ``weight_hh [hidden, hidden]``, ``bias_ih``, ``bias_hh [hidden]``
    Source: Elman 1990, "Finding Structure in Time".
    """

    name = "RNNCell"
    module = "RNNCell"
    attrs = RNNCellAttrs
    inputs = (X, H)
    results = ("y", "h")
    gates = 1
    example = "y, h = RNNCell(16)(x, h)"
    example_inputs = {"x": "[B, 8]", "h": "[B, 16]"}

    def infer(self, a: RNNCellAttrs, *types: TensorType) -> Result:
        return self.states(a.hidden_size, *types)

    def params(self, a: RNNCellAttrs, *types: TensorType) -> tuple[ParamSpec, ...]:
        return self.weights(a.hidden_size, a.bias, types[0])

    def construct(self, a: RNNCellAttrs, *types: TensorType) -> Call:
        return call(
            "nn.RNNCell",
            types[0].shape[-1],
            a.hidden_size,
            bias=unless(a.bias, True),
            nonlinearity=unless(a.nonlinearity, "tanh"),
        )

    def torch(self, a: RNNCellAttrs, *types: TensorType) -> Code:
        return helper(STEP, Module(), Input(0), Input(1))

    def flops(self, a: RNNCellAttrs, *types: TensorType) -> Dim:
        return self.products(a.hidden_size, types[0])

    def saved(self, a: RNNCellAttrs, use: Backprop) -> Kept:
        return Kept((0, 1) if use.learns else (), (0,))

    def signal(self, a: Any, *types: TensorType) -> Any:
        from fanin.signal.rules.recurrent import Cell

        if len(types) != 2:
            return Unknown("nothing is known of a state that is left out")
        return Cell("rnn", a.nonlinearity)
