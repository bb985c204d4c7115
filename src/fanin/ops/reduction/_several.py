"""Ops that take the axes of one tensor together, or several tensors one by one."""

from __future__ import annotations

from fanin.ir.types import TensorType
from fanin.ops.broadcasting import broadcast
from fanin.ops.code import Code, Infix, Input
from fanin.ops.contract import Complaint, Need
from fanin.ops.reduction._reduction import ReductionAttrs


def together(a: ReductionAttrs, name: str, *types: TensorType) -> tuple[TensorType, tuple[Need, ...]]:
    """The type of several tensors, broadcast, taken one by one. Raises Complaint where axes are named besides."""
    for attribute, default in (("axis", None), ("keepdim", False)):
        if getattr(a, attribute) != default:
            message = f"`{name}` of several tensors goes through them one by one, and takes no `{attribute}`"
            raise Complaint(message, attribute, help=f"{name}(stack(…), axis=…)")
    operands = ((f"x[{i}]", t) for i, t in enumerate(types))
    shape, needs = broadcast(*operands, what=f"the tensors of this {name}")
    return types[0].with_shape(*shape), needs


def added(first: Code, count: int) -> Code:
    """``first + x1 + x2 …``"""
    code = first
    for i in range(1, count):
        code = Infix("+", code, Input(i))
    return code
