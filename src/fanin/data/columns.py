"""Columns of a table become fields: numbers, yes and no, or names that stand for classes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from fanin.data.address import Address
from fanin.data.problems import failure, listed
from fanin.data.table import Array, Data, Rows
from fanin.diagnostics.codes import DAT003, DAT005
from fanin.diagnostics.suggest import nearest

_WHOLE = re.compile(r"\s*[+-]?\d{1,18}\s*")
_NONE = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})
_BOOLS = {"true": True, "false": False}


def parsed(cells: Sequence[str]) -> tuple[Array, tuple[str, ...]]:
    """The numbers of a column of text, and the names of its classes where it has none. What is left out is NaN."""
    if all(map(_WHOLE.fullmatch, cells)):
        return np.array([int(c) for c in cells], dtype=np.int64), ()
    low = [c.strip().lower() for c in cells]
    if all(c in _BOOLS for c in low):
        return np.array([_BOOLS[c] for c in low]), ()
    try:
        return np.array([float("nan") if c in _NONE else float(c) for c in low]), ()
    except ValueError:
        return coded(np.array([c.strip() for c in cells]))


def coded(names: Array, among: Array | None = None) -> tuple[Array, tuple[str, ...]]:
    """Texts as numbers, in the order of the alphabet, of these or of all that they are ``among``."""
    kinds = np.unique(names if among is None else among)
    return np.searchsorted(kinds, names).astype(np.int64), tuple(map(str, kinds))


def chosen(
    columns: Mapping[str, tuple[Array, tuple[str, ...]]], address: Address, lines: Rows | None, unit: str
) -> Data:
    """A field for each column; or where options say so (``x=a+b``, ``x=*``, ``label=species``), those alone.

    ``*`` are the columns of numbers that no other option names. Raises DataFailed.
    """
    wanted = {}
    for key in list(address.options):
        option = address.take(key)
        assert option is not None
        wanted[key] = option
    address.done()
    named = {c for o in wanted.values() for c in o.text.split("+")}
    fields: dict[str, Array] = {}
    classes: dict[str, tuple[str, ...]] = {}
    for key, option in wanted.items():
        rest = [c for c, (_, names) in columns.items() if c not in named and not names]
        several = rest if option.text == "*" else option.text.split("+")
        for column in several:
            if column not in columns:
                near = nearest(column, columns)
                raise failure(
                    DAT003,
                    f"{address.head} has no column `{column}`",
                    option.value_span,
                    "not a column",
                    helps=[f"did you mean `{near}`?" if near else f"it has {listed(columns)}"],
                )
        if not several:
            raise failure(DAT003, f"no column of numbers is left for `{key}`", option.value_span, "none is left")
        if len(several) == 1 and option.text != "*":
            fields[key], names = columns[several[0]]
            if names:
                classes[key] = names
            continue
        worded = next((c for c in several if columns[c][1]), None)
        if worded is not None:
            raise failure(
                DAT005,
                f"`{worded}` of {address.head} is text, and stands in `{key}` with columns of numbers",
                option.value_span,
                "text among numbers",
                helps=[f"a field of its own has its classes: `{worded}={worded}`"],
            )
        fields[key] = np.stack([columns[c][0].astype(np.float64) for c in several], axis=1)
    if not wanted:
        fields = {name: array for name, (array, _) in columns.items()}
        classes = {name: names for name, (_, names) in columns.items() if names}
    places = {} if lines is None else {0: lines}
    return Data(fields, address.head, classes, places=places, unit=unit)
