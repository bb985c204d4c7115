"""``open_data``: from a text or an object to data."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from fanin.data.address import Address, address_of, parse_address
from fanin.data.problems import failure, whole
from fanin.data.sources.arrays import in_parts, open_arrays
from fanin.data.sources.bundled import BUNDLED, open_bundled
from fanin.data.table import Data
from fanin.diagnostics.codes import DAT001, DAT002, DAT011
from fanin.diagnostics.suggest import nearest

_CALLABLE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def open_data(source: Any, **options: Any) -> Data:
    """Data from a name (``"digits"``), a file, a folder, ``"package.module:callable"``, or an object: a dict of arrays
    or tensors, a dataset, an iterable. Options as in the text, ``open_data("digits", flat=True)``.

    Raises DataFailed.
    """
    if isinstance(source, Data):
        return source
    if isinstance(source, (str, os.PathLike)):
        return open_text(os.fspath(source), **options)
    if isinstance(source, Mapping):
        return in_parts({str(n): _plain(v, str(n)) for n, v in source.items()}, "a dict")
    at = whole("data", type(source).__name__)
    raise failure(DAT011, f"a {type(source).__name__} is no data", at, "not known", helps=["give a dict of arrays"])


def open_text(text: str, **options: Any) -> Data:
    address = address_of(text, **options) if options else parse_address(text)
    data = _opened(address)
    return data if address.count is None else data.first(address.count)


def _opened(address: Address) -> Data:
    head = address.head
    if head in BUNDLED:
        return open_bundled(address)
    suffix = os.path.splitext(head)[1].lower()
    if suffix in (".npz", ".npy"):
        _require_file(address)
        return open_arrays(address)
    near = nearest(head, BUNDLED)
    raise failure(
        DAT001,
        f"there is no data `{head}`",
        address.span,
        "not known",
        helps=[f"did you mean `{near}`?"] if near else [],
    )


def _require_file(address: Address) -> None:
    if not os.path.exists(address.head):
        raise failure(DAT001, f"there is no file {address.head}", address.span, "not there")
    if os.path.isdir(address.head):
        raise failure(DAT002, f"{address.head} is a folder", address.span, "a file is wanted")


def _plain(value: Any, name: str) -> np.ndarray[Any, Any]:
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    array = np.asarray(value)
    if array.dtype == object:
        at = whole("data", name)
        raise failure(DAT011, f"`{name}` is no array of numbers", at, "rows of different lengths, or Python objects")
    return array
