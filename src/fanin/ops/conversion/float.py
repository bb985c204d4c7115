"""To floats."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.dims import Poly
from fanin.ir.numbers import Form, Known
from fanin.ir.types import DType, TensorType
from fanin.ops.code import Attribute, Code, IfNumber, Input, Like, Sequence, call, method
from fanin.ops.contract import NoAttrs, Pointwise, Port, Result
from fanin.ops.keeping import NEW, Lies, same
from fanin.ops.sees import Use


@final
class Float(Pointwise[NoAttrs]):
    """x as floats, of the module's float dtype; of a number at compile time, that number.

    Shape: ``[*S] -> [*S]``
    Of an open dimension, a scalar tensor.
    """

    name = "float"
    inputs = (Port("x", (DType.BOOL, DType.INT, DType.FLOAT), number=True),)
    example = "y = float(x)"
    kept = ()

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        return types[0].with_dtype(DType.FLOAT)

    def fold(self, a: NoAttrs, *numbers: Any) -> Any:
        return None if isinstance(numbers[0], Poly) else float(numbers[0])

    def known(self, a: NoAttrs, use: Use, *inputs: Known) -> Known:
        forms = tuple(piece for piece in inputs[0] if isinstance(piece.value, Form))  # whole numbers stay what they are
        return (*forms, *super().known(a, use, tuple(piece for piece in inputs[0] if piece not in forms)))

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        dtype, device = Attribute(Like(), "dtype"), Attribute(Like(), "device")
        number = call("torch.full", Sequence(()), Input(0), dtype=dtype, device=device)
        return IfNumber(0, number, method(Input(0), "to", dtype))

    def lies(self, a: NoAttrs, *types: TensorType) -> Lies:
        return same(types[0]) if types[0].dtype is DType.FLOAT else NEW

    def signal(self, a: NoAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.shape import Same

        return Same()
