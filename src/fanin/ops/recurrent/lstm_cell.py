"""The LSTM cell."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.dims import Dim
from fanin.ir.types import TensorType
from fanin.ir.unknown import Unknown
from fanin.ops.code import Call, Code, Input, Module, call, helper, unless
from fanin.ops.contract import ParamSpec, Result
from fanin.ops.keeping import Backprop, Kept
from fanin.ops.recurrent._cell import LSTM_STEP, C, Cell, CellAttrs, H, X


@final
class LSTMCell(Cell[CellAttrs]):
    """A step of long short-term memory: ``c' = f c + i tanh(g)``, ``h' = o tanh(c')``.

    The gates i, f, g, o are, in this order, blocks of ``weight_ih x + bias_ih + weight_hh h + bias_hh``, with a sigmoid
    but for g. What it gives, ``y``, is ``h'``.

    Shape: ``x [B, in], h [B, hidden_size], c [B, hidden_size] -> y, h, c [B, hidden_size]``; the batch axis may be
    missing
    Params: ``weight_ih [4 hidden, in]``, ``weight_hh [4 hidden, hidden]``, ``bias_ih``, ``bias_hh [4 hidden]``
    Source: Hochreiter and Schmidhuber 1997; Gers et al. 2000 (forget gate).
    """

    name = "LSTMCell"
    module = "LSTMCell"
    attrs = CellAttrs
    inputs = (X, H, C)
    results = ("y", "h", "c")
    gates = 4
    example = "y, h, c = LSTMCell(16)(x, h, c)"
    example_inputs = {"x": "[B, 8]", "h": "[B, 16]", "c": "[B, 16]"}

    def infer(self, a: CellAttrs, *types: TensorType) -> Result:
        return self.states(a.hidden_size, *types)

    def params(self, a: CellAttrs, *types: TensorType) -> tuple[ParamSpec, ...]:
        return self.weights(a.hidden_size, a.bias, types[0])

    def construct(self, a: CellAttrs, *types: TensorType) -> Call:
        return call("nn.LSTMCell", types[0].shape[-1], a.hidden_size, bias=unless(a.bias, True))

    def torch(self, a: CellAttrs, *types: TensorType) -> Code:
        return helper(LSTM_STEP, Module(), Input(0), Input(1), Input(2))

    def flops(self, a: CellAttrs, *types: TensorType) -> Dim:
        return self.products(a.hidden_size, types[0])

    def saved(self, a: CellAttrs, use: Backprop) -> Kept:
        h = use.results[0]
        return Kept((0, 1, 2) if use.learns else (2,), more=(h,) * 5)  # four gates, and the tanh of the cell

    def signal(self, a: Any, *types: TensorType) -> Any:
        from fanin.signal.rules.recurrent import Cell

        if len(types) != 3:
            return Unknown("nothing is known of a state that is left out")
        return Cell("lstm")
