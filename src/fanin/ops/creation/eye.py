"""The identity matrix."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.numbers import Known, Piece, compared, place
from fanin.ir.types import TensorType, floats
from fanin.ops.attributes import Size
from fanin.ops.code import Code, call
from fanin.ops.contract import Inferred, Op, OpAttrs, Result
from fanin.ops.creation._shaped import DEVICE, DTYPE
from fanin.ops.sees import Use
from fanin.ops.sizes import need_sizes
from fanin.record import record


@record
class EyeAttrs(OpAttrs):
    n: Size
    m: Size | None = None


@final
class Eye(Op[EyeAttrs]):
    """Ones on the diagonal and zeros elsewhere, square unless ``m`` columns are asked for.

    Shape: ``-> [n, m]``
    """

    name = "eye"
    attrs = EyeAttrs
    inputs = ()
    example = "y = eye(3)"
    example_inputs = {}
    kept = ()

    def infer(self, a: EyeAttrs, *types: TensorType) -> Result:
        shape = (a.n, a.n if a.m is None else a.m)
        return Inferred((floats(*shape),), need_sizes(*shape))

    def known(self, a: EyeAttrs, use: Use, *inputs: Known) -> Known:
        same = compared("==", place(0, use.out.shape[0]), place(1, use.out.shape[1]))
        return tuple(Piece(piece.forms, float(piece.value)) for piece in same)

    def torch(self, a: EyeAttrs, *types: TensorType) -> Code:
        sizes = (a.n,) if a.m is None else (a.n, a.m)
        return call("torch.eye", *sizes, dtype=DTYPE, device=DEVICE)

    def signal(self, a: EyeAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.create import Filled

        sizes = [k for k in (a.n, a.m) if isinstance(k, int)]
        share = 1 / max(*sizes, 1)
        return Filled(share, share - share**2)
