"""``open_data``: from a text or an object to data."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fanin.data.address import Address, Option, address_of, parse_address
from fanin.data.changes import asked, changed
from fanin.data.columns import coded
from fanin.data.lazy import Items, Sample, array_of, lazy_fields, sample_of
from fanin.data.problems import failure, raised, whole
from fanin.data.sources.arrays import in_parts, open_arrays
from fanin.data.sources.bundled import BUNDLED, open_bundled
from fanin.data.sources.folders import open_folder
from fanin.data.sources.hooks import CALLABLE, call_hook
from fanin.data.sources.parquet import open_parquet
from fanin.data.sources.text import open_csv
from fanin.data.stream import Stream, stream_of
from fanin.data.table import Array, Data
from fanin.data.tasks import TASKS, open_task
from fanin.diagnostics.codes import DAT001, DAT002, DAT007, DAT009, DAT011
from fanin.diagnostics.suggest import did_you_mean, nearest

_FILES: dict[str, Callable[[Address], Data]] = {
    ".npz": open_arrays,
    ".npy": open_arrays,
    ".csv": open_csv,
    ".tsv": open_csv,
    ".parquet": open_parquet,
}


def open_data(source: Any, *, names: Sequence[str] | None = None, **options: Any) -> Data | Stream:
    """Data from a text or an object.

    A text is the name of a set (``"digits"``) or task (``"moons:noise=0.2"``), a file, a folder of images or
    ``"package.module:callable"``; an object is a dict of arrays or tensors, a dataset with ``len`` and ``[]``, or an
    iterable of samples. Samples are dicts, or tuples in the order of ``names``. Options are those of the text,
    ``open_data("digits", flat=True)``; an object takes ``augment`` and ``views``. Raises DataFailed.
    """
    if isinstance(source, (str, os.PathLike)):
        text = os.fspath(source)
        address = address_of(text, **options) if options else parse_address(text)
        wanted, views = asked(address) if {"augment", "views"} & address.options.keys() else (None, False)
        data = _changed(_opened(address, names), wanted, views, address)
        if address.count is None:
            return data
        if isinstance(data, Stream):
            text = f"`{address.head}` is a stream, so it has no first {address.count} rows"
            raise failure(DAT011, text, address.span, "no length")
        return _first(data, address.count, address)
    opened = open_object(source, type(source).__name__, names)
    if not options:
        return opened
    address = address_of(opened.name, **options)
    wanted, views = asked(address)
    address.done()
    return _changed(opened, wanted, views, address)


def _changed(data: Data | Stream, wanted: Option | None, views: bool, address: Address) -> Data | Stream:
    """The data with the random changes of pictures that are asked for."""
    if isinstance(data, Data):
        return changed(data, wanted, views, address)
    if wanted is None and not views:
        return data
    at = address.whole if wanted is None else wanted.span
    text = f"{data.name} is a stream, whose pictures stay as they are"
    raise failure(DAT009, text, at, "no rows to change", helps=["let the source itself change them"])


def open_object(source: Any, name: str, names: Sequence[str] | None = None) -> Data | Stream:
    """A dict of arrays, a dataset, an iterable, or a function that makes an iterable."""
    if isinstance(source, (Data, Stream)):
        return source
    if isinstance(source, (str, bytes)):
        at = whole("data", name)
        raise failure(DAT011, f"{name} is a text, and no data", at, f"a {type(source).__name__}")
    if isinstance(source, Mapping):
        return _of_arrays(source, name)
    if isinstance(source, tuple) or hasattr(source, "tensors"):  # (x, y), or a TensorDataset
        parts = getattr(source, "tensors", source)
        called = list(names or ("x", "y", "z"))
        if len(parts) > len(called):
            text = f"{name} has {len(parts)} arrays, and {len(called)} names"
            raise failure(DAT011, text, whole("data", name), "which is which?", helps=["give a dict, or `names=(…)`"])
        return _of_arrays(dict(zip(called, parts, strict=False)), name)
    if hasattr(source, "columns") and hasattr(source, "__getitem__"):  # a data frame
        return _of_arrays({column: source[column] for column in source.columns}, name)
    if hasattr(source, "dtype") and hasattr(source, "shape"):
        return _of_arrays({(names or ("x",))[0]: source}, name)
    if hasattr(source, "__getitem__") and hasattr(source, "__len__"):
        return _of_items(source, name, names)
    if isinstance(source, Iterable) or callable(source):
        return stream_of(source, name, names)
    helps = ["give a dict of arrays, a dataset or an iterable of samples"]
    raise failure(DAT011, f"{name} is no data", whole("data", name), f"a {type(source).__name__}", helps=helps)


def _opened(address: Address, names: Sequence[str] | None) -> Data | Stream:
    head = address.head
    if head in BUNDLED:
        return open_bundled(address)
    if head in TASKS:
        return open_task(address)
    suffix = os.path.splitext(head)[1].lower()
    try:
        if os.path.isdir(head):
            return open_folder(address)
        if suffix in _FILES:
            if not os.path.exists(head):
                raise failure(DAT001, f"there is no file {head}{_neighbour(head)}", address.span, "not there")
            return _settled(_FILES[suffix](address))
    except OSError as error:
        raise failure(DAT002, f"{head} cannot be read: {error.strerror}", address.span, "not read") from None
    if CALLABLE.fullmatch(head):
        found = call_hook(address)
        if isinstance(found, Iterator):  # a generator, which is called again for each epoch
            return stream_of(lambda: call_hook(address), head, names)
        return open_object(found, head, names)
    known = [*BUNDLED, *TASKS]
    near = nearest(head, known)
    if os.path.exists(head) or suffix:
        what = f"{head} is no kind of file that is read" if os.path.exists(head) else f"there is no file {head}"
        helps = [f"there are {', '.join(f'`{s}`' for s in _FILES)}, and folders of images"]
        raise failure(DAT001, what, address.span, "not known", helps=helps)
    helps = [f"did you mean `{near}`?"] if near else ["`fanin data` lists the sets that have names"]
    raise failure(DAT001, f"there is no data `{head}`", address.span, "no set, task, file or folder", helps=helps)


def _first(data: Data, count: int, address: Address) -> Data:
    if not count:
        raise failure(DAT007, f"0 rows of {address.head} are no data", address.whole, "no rows")
    return replace(data.first(count), parts=data.parts and {**data.parts, "train": data.first(count)})


def _of_arrays(source: Mapping[Any, Any], name: str) -> Data:
    return _settled(in_parts({str(key): array_of(value) for key, value in source.items()}, name))


def _settled(data: Data, words: Mapping[str, Array] | None = None) -> Data:
    """Texts become classes, and fields of another number of rows a stream of their own. Raises DataFailed.

    ``words`` are the texts of all parts: a class has the same number in each.
    """
    fields, classes = dict(data.fields), dict(data.classes)
    words = _words(data) if words is None else words
    for name, array in data.fields.items():
        if not array.ndim:
            text = f"`{name}` of {data.name} is a single value, and has no rows"
            raise failure(DAT011, text, whole("data", name), "no batch axis")
        if (texts := _texts(array)) is not None:
            fields[name], classes[name] = coded(texts, words[name])
        elif array.dtype.kind not in "biufc":
            text = f"`{name}` of {data.name} is no array of numbers"
            raise failure(DAT011, text, whole("data", name), "rows of different lengths, or objects")
    if not fields:
        raise failure(DAT007, f"{data.name} has no fields", whole("data", data.name), "empty")
    counts = list(dict.fromkeys(len(array) for array in fields.values()))
    streams = {n: counts.index(len(array)) for n, array in fields.items() if len(array) != counts[0]}
    parts = {part: _settled(own, words) for part, own in data.parts.items()}
    return replace(data, fields=fields, classes=classes, streams=streams, parts=parts)


def _words(data: Data) -> dict[str, Array]:
    found: dict[str, list[Array]] = {}
    for own in (data, *data.parts.values()):
        for name, array in own.fields.items():
            if (texts := _texts(array)) is not None:
                found.setdefault(name, []).append(texts.reshape(-1))
    return {name: np.concatenate(texts) for name, texts in found.items()}


def _texts(array: Array) -> Array | None:
    """The texts of an array of them."""
    if array.dtype.kind == "S":
        return np.char.decode(array, "utf-8", "replace")
    worded = array.dtype == object and array.size and all(isinstance(v, str) for v in array.flat)
    return array.astype(str) if worded or array.dtype.kind == "U" else None


def _of_items(source: Any, name: str, names: Sequence[str] | None) -> Data:
    count = len(source)
    if not count:
        raise failure(DAT007, f"{name} has no rows", whole("data", name), "empty")

    def read(row: int) -> Sample:
        try:
            item = source[row]
        except Exception as error:
            raise raised(f"{name}[{row}]", error, whole("data", name)) from error
        return sample_of(item, names, name, row)

    items = Items(name, count, read)
    return Data(lazy_fields(items, items.read(0)), name)


def _neighbour(path: str) -> str:
    """The file of the same folder that was probably meant."""
    folder, name = os.path.split(path)
    try:
        found = [n for n in os.listdir(folder or ".") if os.path.splitext(n)[1].lower() in _FILES]
    except OSError:
        return ""
    return did_you_mean(name, found)
