"""``.parquet`` files, with pyarrow."""

from __future__ import annotations

from typing import Any

import numpy as np

from fanin.data.address import Address
from fanin.data.columns import chosen, coded
from fanin.data.problems import failure
from fanin.data.table import Array, Data
from fanin.diagnostics.codes import DAT002, DAT005, DAT007, DAT010


def open_parquet(address: Address) -> Data:
    """A field for each column, or what the options say, as of a `.csv`. A list of numbers in each row is an axis."""
    try:
        from pyarrow import parquet
    except ImportError:
        raise failure(
            DAT010,
            "a `.parquet` file is read by pyarrow, which is not installed",
            address.span,
            "needs pyarrow",
            helps=["pip install 'fanin[data]'"],
        ) from None
    try:
        table = parquet.read_table(address.head)
    except Exception as error:  # pyarrow has its own errors, besides OSError
        text = str(error).split("\n", 1)[0][:200]
        raise failure(
            DAT002, f"{address.head} cannot be read", address.span, "damaged or cut off", notes=[text]
        ) from None
    if not table.num_rows:
        raise failure(DAT007, f"{address.head} has no rows", address.span, "empty")
    columns = {str(name): _column(table.column(i), str(name), address) for i, name in enumerate(table.column_names)}
    return chosen(columns, address, None, "row")


def _column(column: Any, name: str, address: Address) -> tuple[Array, tuple[str, ...]]:
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return coded(np.array(["" if v is None else v for v in column.to_pylist()]))
    if pa.types.is_boolean(kind) and not column.null_count:
        return np.array(column.to_pylist(), dtype=bool), ()
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        found: Array = column.to_numpy()  # what is left out is NaN
        return found.astype(np.float64) if found.dtype == object else found, ()
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        try:
            array = np.array(column.to_pylist())
        except ValueError:
            array = np.array(None, dtype=object)
        if array.dtype.kind in "biuf":
            return array, ()
    raise failure(
        DAT005,
        f"`{name}` of {address.head} is {kind}, which is no column of numbers",
        address.span,
        f"`{name}` has rows of different lengths, or no numbers" if "list" in str(kind) else "not numbers",
    )
