"""``.npz`` and ``.npy`` files, without pickles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fanin.data.address import Address
from fanin.data.problems import DataFailed, failure
from fanin.data.table import Array, Data
from fanin.diagnostics.codes import DAT002, DAT007

_PARTS = ("train", "val", "test")


def open_arrays(address: Address) -> Data:
    """A field for each array of the file. ``x_train``, ``y_test``, … are the fields ``x`` and ``y`` of those parts.

    ``scale=unit`` has bytes go from 0 to 1, ``channels=last`` says that pictures are [N, H, W, C].
    """
    unit = address.choice("scale", "none", ("unit", "none")) == "unit"
    last = address.choice("channels", "second", ("second", "last")) == "last"
    address.done()
    path = address.head
    arrays: dict[str, Array] = {}
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):  # a `.npy`
            arrays["x"] = loaded
        else:
            with loaded as file:
                for name in file.files:
                    arrays[name] = _array(file, name, address)
    except DataFailed:
        raise
    except Exception as error:  # of a damaged file NumPy raises what zip, zlib, ast or tokenize do
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the system can't read it; NumPy's own have no number
        text = str(error)
        if "allow_pickle" in text or "pickle" in text.lower():
            raise failure(
                DAT002,
                f"{path} is no file of arrays",
                address.span,
                "no `.npz`",
                notes=["a pickle can run code when it is read, so none is read"],
                helps=["write it with `numpy.savez(path, x=…, label=…)`"],
            ) from None
        raise failure(
            DAT002, f"{path} cannot be read", address.span, "damaged or cut off", notes=[_short(text)]
        ) from None
    if last:
        arrays = {n: a.transpose(0, 3, 1, 2) if a.ndim == 4 else a for n, a in arrays.items()}
    if not arrays:
        raise failure(DAT007, f"{path} has no arrays", address.span, "empty")
    data = in_parts(arrays, path)
    return _in_unit(data) if unit else data


def _array(file: np.lib.npyio.NpzFile, name: str, address: Address) -> Array:
    try:
        return np.asarray(file[name])
    except ValueError as error:
        if "pickle" not in str(error).lower() and "Object arrays" not in str(error):
            raise
        raise failure(
            DAT002,
            f"`{name}` of {address.head} is pickled, and no pickle is read",
            address.span,
            f"`{name}` is an array of Python objects",
            notes=["a pickle can run code when it is read"],
            helps=["save plain arrays of numbers: `numpy.savez(path, x=x.astype(float))`"],
        ) from None


def _in_unit(data: Data) -> Data:
    divide = {name: 255.0 for name, array in data.fields.items() if array.dtype == np.uint8}
    return replace(data, divide=divide, parts={part: _in_unit(own) for part, own in data.parts.items()})


def in_parts(arrays: dict[str, Array], name: str) -> Data:
    """Data of arrays; where each is called after a part (``x_train``), the parts."""
    split = {key: key.rpartition("_") for key in arrays}
    if not all(stem and part in _PARTS for stem, _, part in split.values()) or not arrays:
        return Data(arrays, name)
    parts: dict[str, Data] = {}
    for part in _PARTS:
        own = {split[key][0]: array for key, array in arrays.items() if split[key][2] == part}
        if own:
            parts[part] = Data(own, f"{name} ({part})")
    return replace(parts.get("train") or next(iter(parts.values())), name=name, parts=parts)


def _short(text: str) -> str:
    return text.split("\n", 1)[0][:200]
