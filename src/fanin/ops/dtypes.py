"""The float dtype of what is made of ints: the module's own, not PyTorch's default."""

from __future__ import annotations

from fanin.ir.types import DType, TensorType
from fanin.ops.code import Attribute, Code, IfNumber, Like, Method


def to_float(dtype: DType) -> DType:
    """What a function of real numbers makes of a kind: bool and int become float."""
    return DType.FLOAT if dtype in (DType.BOOL, DType.INT) else dtype


def own_float(code: Code, *types: TensorType, first: int = 0) -> Code:
    """``code``, a float made of the inputs from ``first`` on, in the module's float dtype.

    PyTorch gives its default dtype (float32) where no operand is a float tensor, whatever the module's own is; a
    float number changes nothing in that.
    """
    if any(t.rank and t.dtype in (DType.FLOAT, DType.COMPLEX) for t in types):
        return code
    settled: Code = Method(code, "to", (Attribute(Like(), "dtype"),))
    for index, t in enumerate(types, first):
        if t.dtype in (DType.FLOAT, DType.COMPLEX):
            settled = IfNumber(index, settled, code)
    return settled
