"""Fields brought to one scale, column by column."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from fanin.data.table import Array, Data


def scaled(data: Data, name: str, how: str) -> Data:
    """``standard``: each column has mean 0 and variance 1; ``unit``: it goes from 0 to 1. A constant column is 0."""
    array = data[name].astype(np.float64, copy=False)
    if how == "standard":
        centre, width = array.mean(axis=0), array.std(axis=0)
    else:
        centre, width = array.min(axis=0), np.ptp(array, axis=0)
    fields = {**data.fields, name: (array - centre) / np.where(width == 0, 1.0, width)}
    return replace(data, fields=fields, standard=data.standard | {name} if how == "standard" else data.standard)


def refit(parts: dict[str, Data], by: str) -> dict[str, Data]:
    """Standardised fields have mean 0 and variance 1 in the rows that are trained on; the others are moved alike.

    A field that was standardised by all rows is so again by those of one part: an affine map undoes another.
    """
    names: Iterable[str] = parts[by].standard if by in parts else ()
    for name in names:
        of = parts[by][name]
        centre, width = of.mean(axis=0), of.std(axis=0)
        width = np.where(width <= 1e-12, 1.0, width)
        parts = {part: _moved(data, name, centre, width) for part, data in parts.items()}
    return parts


def _moved(data: Data, name: str, centre: Array, width: Array) -> Data:
    return replace(data, fields={**data.fields, name: (data[name] - centre) / width})
