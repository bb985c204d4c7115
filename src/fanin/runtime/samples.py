"""Tensors of declared types, to try a module with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from fanin.ir.dims import Symbol, evaluate
from fanin.ir.types import DType, TensorType

_DTYPES = {DType.INT: torch.long, DType.BOOL: torch.bool}


def shape_at(type_: TensorType, sizes: Mapping[Symbol, int]) -> tuple[int, ...]:
    """The sizes of a type, its letters having these."""
    return tuple(d if isinstance(d, int) else evaluate(d, sizes) for d in type_.shape)


def zeros_of(dtype: DType, shape: tuple[int, ...]) -> Tensor:
    """Zeros of a kind, floats and complex numbers as wide as PyTorch's default."""
    if dtype is DType.COMPLEX:
        return torch.zeros(shape, dtype=torch.get_default_dtype().to_complex())
    return torch.zeros(shape, dtype=_DTYPES.get(dtype))


def random_of(type_: TensorType, sizes: Mapping[Symbol, int], generator: torch.Generator, numbers: int = 2) -> Tensor:
    """Normal numbers, or ints below ``numbers``, or bools."""
    plain = zeros_of(type_.dtype, shape_at(type_, sizes))
    if type_.dtype in _DTYPES:
        high = 2 if type_.dtype is DType.BOOL else numbers
        return torch.randint(high, plain.shape, generator=generator).to(plain.dtype)
    return torch.randn(plain.shape, generator=generator).to(plain.dtype)


def flat(found: Any) -> list[Tensor]:
    """The tensors of a result in a row."""
    return [found] if isinstance(found, Tensor) else [t for item in found for t in flat(item)]
