"""Numbers at equal distances."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.dims import Poly
from fanin.ir.types import TensorType, floats
from fanin.ops.attributes import Size
from fanin.ops.code import Code, call
from fanin.ops.contract import Inferred, Op, OpAttrs, Result
from fanin.ops.creation._shaped import DEVICE, DTYPE
from fanin.ops.sizes import need_sizes
from fanin.ops.spelling import spell
from fanin.record import record


@record
class LinspaceAttrs(OpAttrs):
    start: int | float | Poly
    end: int | float | Poly
    steps: Size


@final
class Linspace(Op[LinspaceAttrs]):
    """``steps`` floats from ``start`` to ``end``, both included, at equal distances.

    Shape: ``-> [steps]``
    """

    name = "linspace"
    attrs = LinspaceAttrs
    inputs = ()
    example = "y = linspace(0, 1, 11)"
    example_inputs = {}
    kept = ()

    def infer(self, a: LinspaceAttrs, *types: TensorType) -> Result:
        return Inferred((floats(a.steps),), need_sizes(a.steps))

    def torch(self, a: LinspaceAttrs, *types: TensorType) -> Code:
        return call("torch.linspace", spell(a.start), spell(a.end), a.steps, dtype=DTYPE, device=DEVICE)

    def signal(self, a: LinspaceAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.create import Spread

        return Spread(float(a.start), float(a.end))  # type: ignore[arg-type]
