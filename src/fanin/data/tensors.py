"""Fields as tensors, in the dtypes that a network takes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from fanin.data.table import Data
from fanin.ir.types import DType

_AHEAD = 1 << 28  # bytes up to which a field is converted once, and not batch by batch


def dtype_of(data: Data, name: str, float_dtype: torch.dtype) -> torch.dtype:
    """What a field is in a batch."""
    kind = data.kind(name)
    if kind is DType.COMPLEX:
        return float_dtype.to_complex()
    return {DType.BOOL: torch.bool, DType.INT: torch.int64, DType.FLOAT: float_dtype}[kind]


def tensor_of(data: Data, name: str, float_dtype: torch.dtype) -> tuple[Tensor, torch.dtype]:
    """A field as a tensor, and the dtype of its batches."""
    dtype = dtype_of(data, name, float_dtype)
    array = data[name]
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:
        array = array.astype(np.int64)
    if array.dtype.kind in "fc" and array.dtype.itemsize > (8 if array.dtype.kind == "f" else 16):
        array = array.astype(np.float64 if array.dtype.kind == "f" else np.complex128)  # no PyTorch dtype is as wide
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if not array.flags.writeable or any(s < 0 for s in array.strides):
        array = array.copy()  # PyTorch has neither read-only tensors nor negative strides
    tensor = torch.from_numpy(array)
    if tensor.dtype != dtype and tensor.numel() * dtype.itemsize <= _AHEAD:
        tensor = tensor.to(dtype)
    return tensor, dtype
