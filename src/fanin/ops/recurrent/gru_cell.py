"""The GRU cell."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.dims import Dim
from fanin.ir.types import TensorType
from fanin.ir.unknown import Unknown
from fanin.ops.code import Call, Code, Input, Module, call, helper, unless
from fanin.ops.contract import ParamSpec, Result
from fanin.ops.keeping import Backprop, Kept
from fanin.ops.recurrent._cell import STEP, Cell, CellAttrs, H, X


@final
class GRUCell(Cell[CellAttrs]):
    """A step of a gated recurrent unit: ``h' = (1 - z) n + z h``, with ``n = tanh(W_n x + b_n + r (U_n h + c_n))``.

    The gates r, z, n are, in this order, blocks of the weights; r is applied after the product, as in PyTorch and
    cuDNN, where the paper has it before. What it gives, ``y``, is ``h'``.

    Shape: ``x [B, in], h [B, hidden_size] -> y, h [B, hidden_size]``; the batch axis may be missing
    Params: ``weight_ih [3 hidden, in]``, ``weight_hh [3 hidden, hidden]``, ``bias_ih``, ``bias_hh [3 hidden]``
    Source: Cho et al. 2014, "Learning Phrase Representations", section 2.3.
    """

    name = "GRUCell"
    module = "GRUCell"
    attrs = CellAttrs
    inputs = (X, H)
    results = ("y", "h")
    gates = 3
    example = "y, h = GRUCell(16)(x, h)"
    example_inputs = {"x": "[B, 8]", "h": "[B, 16]"}

    def infer(self, a: CellAttrs, *types: TensorType) -> Result:
        return self.states(a.hidden_size, *types)

    def params(self, a: CellAttrs, *types: TensorType) -> tuple[ParamSpec, ...]:
        return self.weights(a.hidden_size, a.bias, types[0])

    def construct(self, a: CellAttrs, *types: TensorType) -> Call:
        return call("nn.GRUCell", types[0].shape[-1], a.hidden_size, bias=unless(a.bias, True))

    def torch(self, a: CellAttrs, *types: TensorType) -> Code:
        return helper(STEP, Module(), Input(0), Input(1))

    def flops(self, a: CellAttrs, *types: TensorType) -> Dim:
        return self.products(a.hidden_size, types[0])

    def saved(self, a: CellAttrs, use: Backprop) -> Kept:
        h = use.results[0]
        return Kept((0, 1) if use.learns else (1,), more=(h,) * 6)  # the gates, and what they are made of

    def signal(self, a: Any, *types: TensorType) -> Any:
        from fanin.signal.rules.recurrent import Cell

        if len(types) != 2:
            return Unknown("nothing is known of a state that is left out")
        return Cell("gru")
