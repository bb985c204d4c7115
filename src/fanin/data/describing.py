"""What is in data: shapes, dtypes, ranges, classes; as a document and as a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from fanin.data.lazy import Lazy
from fanin.data.sources.bundled import BUNDLED
from fanin.data.stream import Stream
from fanin.data.table import Data
from fanin.data.tasks import TASKS

_FEW = 20  # values up to which an int field is taken for classes


def document(data: Data | Stream) -> dict[str, Any]:
    """Plain values, for JSON. Of what isn't in memory, shapes and dtypes alone."""
    head = data.head if isinstance(data, Stream) else data
    return {
        "name": data.name,
        "rows": None if isinstance(data, Stream) else len(data),
        "fields": [_field(head, name) for name in head.fields],
        "parts": {part: len(own) for part, own in head.parts.items()},
    }


def _field(data: Data, name: str) -> dict[str, Any]:
    array = data[name]
    found: dict[str, Any] = {
        "name": name,
        "kind": data.kind(name).value,
        "dtype": str(array.dtype),
        "rows": len(array),
        "shape": list(array.shape[1:]),
        "stream": data.stream(name),
    }
    if isinstance(array, Lazy) or not array.size:
        return found
    if array.dtype.kind == "f":
        finite = array[np.isfinite(array)]
        found["not_finite"] = int(array.size - finite.size)
        array = finite
    if array.dtype.kind in "biuf" and array.size:
        by = data.divide.get(name, 1.0)
        low, high = array.min().item(), array.max().item()
        mean, std = float(array.mean(dtype=np.float64)) / by, float(array.std(dtype=np.float64)) / by
        found |= {"min": low / by if by != 1 else low, "max": high / by if by != 1 else high, "mean": mean, "std": std}
    counts = _counts(data, name)
    return found | ({"counts": counts} if counts else {})


def _counts(data: Data, name: str) -> dict[str, int]:
    """How many rows each class has, by its name; of an int field without names, if it has few values."""
    array, names = data[name], data.classes.get(name)
    if (
        array.ndim != 1
        or array.dtype.kind not in "bi"
        or (names is None and array.dtype.kind == "b" and not len(array))
    ):
        return {}
    values, counts = np.unique(array, return_counts=True)
    if len(values) > _FEW and names is None:
        return {}
    if names is not None and values[0] >= 0 and values[-1] < len(names):
        return {n: int((array == i).sum()) for i, n in enumerate(names)}
    return {str(v).lower(): int(c) for v, c in zip(values.tolist(), counts.tolist(), strict=True)}


def table(data: Data | Stream) -> str:
    """The document for a reader."""
    found = document(data)
    rows = "a stream" if found["rows"] is None else f"{found['rows']:,} rows"
    parts = "".join(f", {part} {count:,}" for part, count in found["parts"].items())
    lines = [f"{found['name']}: {rows}{parts}"]
    cells = [_cells(field, found["rows"]) for field in found["fields"]]
    wide = [max(len(row[i]) for row in cells) for i in range(3)]
    for field, row in zip(found["fields"], cells, strict=True):
        lines.append("  " + "  ".join(c.ljust(w) for c, w in zip(row, wide, strict=True)).rstrip())
        if field.get("not_finite"):
            lines.append(f"    {field['not_finite']} of its numbers are not finite")
        if counts := field.get("counts"):
            lines += _wrapped([f"{name} {count:,}" for name, count in counts.items()])
    return "\n".join(lines) + "\n"


def _cells(field: dict[str, Any], rows: int | None) -> tuple[str, str, str]:
    kind = "" if field["kind"] == "float" else field["kind"]
    first = "N" if field["rows"] == rows or rows is None else str(field["rows"])
    shape = f"{kind}[{', '.join([first, *map(str, field['shape'])])}]"
    if "min" not in field:
        return field["name"], shape, ""
    about = f"{field['min']:.4g} to {field['max']:.4g}"
    if field["kind"] == "float":
        mean = 0.0 if abs(field["mean"]) < 1e-12 * field["std"] else field["mean"]
        about += f", mean {mean:.4g}, std {field['std']:.4g}"
    return field["name"], shape, about


def _wrapped(pieces: list[str], limit: int = 90) -> list[str]:
    lines = [""]
    for piece in pieces:
        if len(lines[-1]) + len(piece) > limit:
            lines.append("")
        lines[-1] += (", " if lines[-1] else "") + piece
    return [f"    {line}" for line in lines]


def listing() -> dict[str, Any]:
    """The sets and tasks that have names."""
    return {
        "sets": [{"name": name, "about": about} for name, about in BUNDLED.items()],
        "tasks": [
            {"name": t.name, "about": t.about, "options": {k: _shown(v) for k, v in t.options.items()}}
            for t in TASKS.values()
        ],
    }


def names_table() -> str:
    """The same for a reader."""
    found = listing()
    wide = max(len(entry["name"]) for kind in found.values() for entry in kind)
    lines = ["Sets that scikit-learn brings"]
    lines += [f"  {e['name']:<{wide}}  {e['about']}" for e in found["sets"]]
    lines += ["", "Tasks that are drawn from a seed (`:n=1000,seed=0`)"]
    for e in found["tasks"]:
        options = ", ".join(f"{k}={v}" for k, v in e["options"].items())
        lines += [f"  {e['name']:<{wide}}  {e['about']}", f"  {'':<{wide}}    {options}"]
    return "\n".join(lines) + "\n"


def _shown(value: Any) -> Any:
    return "+".join(map(str, value)) if isinstance(value, tuple) else value
