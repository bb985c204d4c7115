"""A real batch: read from a file, and described as laws, so that a prediction for it can be made."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fanin.analyses.sizes import Misfit, bind_shapes, broken_requirement
from fanin.ir.graph import Program
from fanin.ir.types import DType
from fanin.signal.analysis import Input

_KINDS = {DType.FLOAT: "f", DType.INT: "iu", DType.BOOL: "b", DType.COMPLEX: "c"}


@dataclass(frozen=True)
class Batch:
    """Arrays by the names of inputs, the sizes of open dimensions that they give, and the laws of those of floats."""

    arrays: Mapping[str, Any]
    sizes: Mapping[str, int]
    laws: Mapping[str, Input]


def read_batch(path: str, program: Program) -> Batch:
    """An ``.npz`` with an array for each input. Raises ValueError where it does not fit the program."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, AttributeError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} cannot be read as .npz: {error}") from None
    wanted = {p.name: p.value.type for p in program.inputs if p.value is not None}
    missing = next((name for name in wanted if name not in arrays), None)
    if missing is not None:
        raise ValueError(f"{path} has no array `{missing}`, only {', '.join(arrays) or 'nothing'}")
    given = {name: arrays[name] for name in wanted}
    for name, array in given.items():
        if array.dtype.kind not in _KINDS[wanted[name].dtype]:
            raise ValueError(f"`{name}` is {wanted[name]}, and the array of {path} holds {array.dtype}")
    sizes = bind_shapes(program.graph, {name: list(array.shape) for name, array in given.items()})
    wrong = sizes if isinstance(sizes, Misfit) else broken_requirement(program, sizes)
    if wrong is not None or isinstance(sizes, Misfit):
        raise ValueError(f"{path} does not fit: {wrong.message if wrong is not None else ''}")
    laws = {name: law_of(a) for name, a in given.items() if a.dtype.kind == "f"}
    return Batch(given, {symbol.name: size for symbol, size in sizes.items()}, laws)


def law_of(array: Any) -> Input:
    """The mean and variance of an array, and the correlation of positions behind the second axis.

    With P positions of one sample and channel, and s their sum, the mean product of two different ones is
    ``(E s² - P E x²) / (P (P - 1))``.
    """
    x = array.astype(np.float64)
    mean, variance = float(x.mean()), float(x.var())
    correlation = 0.0
    if x.ndim > 2 and variance > 0:
        rows = x.reshape(x.shape[0] * x.shape[1], -1) - mean
        count = rows.shape[1]
        if count > 1:
            products = (np.square(rows.sum(axis=1)).mean() - count * variance) / (count * (count - 1))
            correlation = float(min(max(products / variance, 0.0), 1.0))
    return Input(mean, variance, correlation)
