"""The type of a tensor: a kind of number and a shape of dimensions."""

from __future__ import annotations

from enum import StrEnum
from math import prod
from typing import cast

from fanin.ir.dims import Dim
from fanin.record import record


class DType(StrEnum):
    """A kind of number, in the order of promotion. Widths are the run's: ``float`` is the module's float dtype."""

    BOOL = "bool"
    INT = "int"
    FLOAT = "float"
    COMPLEX = "complex"


_RANK = {DType.BOOL: 0, DType.INT: 1, DType.FLOAT: 2, DType.COMPLEX: 3}


def promote(*kinds: DType) -> DType:
    """The kind that holds all of these: bool < int < float < complex, as in PyTorch."""
    return max(kinds, key=_RANK.__getitem__)


@record
class TensorType:
    """``[N, 64, H, W]`` (float) or ``int[B, T]``."""

    dtype: DType
    shape: tuple[Dim, ...]

    @property
    def rank(self) -> int:
        return len(self.shape)

    def numel(self) -> Dim:
        """How many numbers such a tensor holds."""
        return cast(Dim, prod(self.shape))

    def with_shape(self, *shape: Dim) -> TensorType:
        return TensorType(self.dtype, shape)

    def with_last(self, size: Dim) -> TensorType:
        return TensorType(self.dtype, (*self.shape[:-1], size))

    def with_axis(self, axis: int, size: Dim) -> TensorType:
        axis %= self.rank
        return TensorType(self.dtype, (*self.shape[:axis], size, *self.shape[axis + 1 :]))

    def with_dtype(self, dtype: DType) -> TensorType:
        return self if dtype is self.dtype else TensorType(dtype, self.shape)

    def __str__(self) -> str:
        shape = f"[{', '.join(map(str, self.shape))}]"
        return shape if self.dtype is DType.FLOAT else f"{self.dtype.value}{shape}"


def floats(*shape: Dim) -> TensorType:
    """A float tensor of that shape."""
    return TensorType(DType.FLOAT, shape)
