"""The float dtype of what is made of ints: the module's own, not PyTorch's default."""

from __future__ import annotations

from fanin.ir.types import DType, TensorType
from fanin.ops.code import Attribute, Code, Like, Method


def to_float(dtype: DType) -> DType:
    """What a function of real numbers makes of a kind: bool and int become float."""
    return DType.FLOAT if dtype in (DType.BOOL, DType.INT) else dtype


def own_float(code: Code, *types: TensorType) -> Code:
    """``code``, a float made of ``types``, in the module's float dtype.

    PyTorch gives its default dtype (float32) where no operand is a float tensor, whatever the module's own is; a
    float number besides int tensors changes nothing in that.
    """
    if any(t.dtype is DType.COMPLEX or (t.dtype is DType.FLOAT and t.rank) for t in types):
        return code
    if all(t.dtype is DType.FLOAT for t in types):
        return code
    return Method(code, "to", (Attribute(Like(), "dtype"),))
