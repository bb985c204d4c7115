"""Inputs that many ops have in common."""

from __future__ import annotations

from fanin.ir.types import DType
from fanin.ops.contract import Port

FLOAT = (DType.FLOAT,)  # neither ints nor complex numbers, as PyTorch's layers
X = (Port("x", FLOAT),)
