"""The float dtype of what is made of ints: the module's own, not PyTorch's default."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from fanin.ir.types import DType, TensorType
from fanin.ops.code import Attribute, Code, IfNumber, Input, Like, Method


def to_float(dtype: DType) -> DType:
    """What a function of real numbers makes of a kind: bool and int become float."""
    return DType.FLOAT if dtype in (DType.BOOL, DType.INT) else dtype


def own_float(code: Code, *types: TensorType, first: int = 0) -> Code:
    """``code``, a float made of the inputs from ``first`` on, worked out in the module's float dtype.

    PyTorch takes its default dtype (float32) where no operand is a float tensor, whatever the module's own is; a float
    number changes nothing in that. So whole numbers are brought to the module's dtype before anything is done to them.
    """
    if any(t.rank and t.dtype in (DType.FLOAT, DType.COMPLEX) for t in types):
        return code
    settled: Code
    if len(types) == 1 and types[0].dtype in (DType.BOOL, DType.INT):
        settled = _with_floats(code, {first: _moved(first)})
        return settled
    ints = [i for i, t in enumerate(types, first) if t.dtype in (DType.BOOL, DType.INT)]
    whole: dict[int, Code] = {i: IfNumber(i, Input(i), _moved(i)) for i in ints}
    settled = Method(code, "to", (Attribute(Like(), "dtype"),))
    for index in whole:  # a number stays one
        settled = IfNumber(index, settled, _with_floats(code, whole))
    for index, t in enumerate(types, first):
        if t.dtype in (DType.FLOAT, DType.COMPLEX):
            settled = IfNumber(index, settled, code)
    return settled


def _moved(index: int) -> Code:
    return Method(Input(index), "to", (Attribute(Like(), "dtype"),))


def _with_floats(code: Any, moved: dict[int, Code]) -> Any:
    """The code with other code in the place of these inputs."""
    if isinstance(code, Input):
        return moved.get(code.index, code)
    if isinstance(code, IfNumber):
        return IfNumber(code.index, _with_floats(code.number, moved), _with_floats(code.tensor, moved))
    if isinstance(code, tuple):
        return tuple(_with_floats(part, moved) for part in code)
    if not hasattr(code, "_record_fields") or isinstance(code, Like):
        return code
    return type(code)(**{f.name: _with_floats(getattr(code, f.name), moved) for f in fields(code)})
