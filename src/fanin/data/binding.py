"""Fields of data become the inputs of a system: names, shapes, dtypes and numbers are checked before any training.

An input whose first axis is a letter has a batch there; inputs of one letter are paired, row by row. A letter that
stands anywhere but first (``[V, V]``, ``int[2, E]``) is no batch, and neither is a number where other inputs have a
letter: such a field goes to every batch as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import overload

from fanin.data.problems import DataFailed, failure, listed, whole
from fanin.data.shapes import Sizes, advice, fits, fitted, letter
from fanin.data.stream import Stream
from fanin.data.table import Array, Data
from fanin.data.values import converted
from fanin.diagnostics.codes import DAT003, DAT004, DAT007, DAT008
from fanin.diagnostics.model import Diagnostic, Label
from fanin.diagnostics.suggest import nearest
from fanin.ir.conditions import holds
from fanin.ir.graph import Port
from fanin.ir.poly import Poly, Symbol
from fanin.ir.requirements import Requirement
from fanin.ir.types import DType, TensorType
from fanin.record import record
from fanin.report import Report


@record
class _Input:
    name: str
    type: TensorType
    port: Port
    field: str  # what the data calls it
    batched: bool
    stream: int


@overload
def bind(
    data: Data,
    inputs: Iterable[Port],
    mapping: Mapping[str, str] | None = ...,
    requirements: Sequence[Requirement] = ...,
) -> Data: ...
@overload
def bind(
    data: Stream,
    inputs: Iterable[Port],
    mapping: Mapping[str, str] | None = ...,
    requirements: Sequence[Requirement] = ...,
) -> Stream: ...
def bind(
    data: Data | Stream,
    inputs: Iterable[Port],
    mapping: Mapping[str, str] | None = None,
    requirements: Sequence[Requirement] = (),
) -> Data | Stream:
    """The data with a field for each input, by the name of the input, and no other.

    ``inputs`` are a program's (``program.inputs``; those that the training supplies, such as a ``ramp``, left out),
    ``mapping`` says which field an input is where the names differ. Axes of size 1 are put in or left out where that
    is all that a shape lacks, and numbers become the input's dtype where that changes none of them. Raises DataFailed,
    with a message for each field that does not fit. Of a stream the first sample is bound.
    """
    ports = [p for p in inputs if p.value is not None]
    if isinstance(data, Stream):
        return replace(data, head=_bound(data.head, ports, dict(mapping or {}), requirements))
    return _bound(data, ports, dict(mapping or {}), requirements)


def _bound(data: Data, ports: list[Port], mapping: dict[str, str], requirements: Sequence[Requirement]) -> Data:
    problems: list[Diagnostic] = _names(data, ports, mapping)
    known = [i for i in _inputs(data, ports, mapping) if i.field in data.fields]
    sizes = Sizes()
    fields: dict[str, Array] = {}
    kinds: dict[str, DType] = {}
    for i in known:
        try:
            array = fitted(data, i.field, i.port, sizes, batched=i.batched)
            fields[i.name] = converted(data, i.field, array, i.port)
            kinds[i.name] = i.type.dtype
        except DataFailed as failed:
            problems += failed.report.diagnostics
    problems += _uneven(data, known, fields)
    if not problems:
        problems += _broken(data, requirements, sizes)
    if problems:
        raise DataFailed(Report(tuple(problems)))
    by_input = {i.name: i for i in known}
    return replace(
        data,
        fields={p.name: fields[p.name] for p in ports},
        classes={n: data.classes[i.field] for n, i in by_input.items() if i.field in data.classes},
        parts={part: _bound(own, ports, mapping, requirements) for part, own in data.parts.items()},
        streams={n: i.stream for n, i in by_input.items() if i.stream},
        whole=frozenset(n for n, i in by_input.items() if not i.batched),
        kinds=kinds,
        standard=frozenset(n for n, i in by_input.items() if i.field in data.standard),
        places={i.stream: data.places[s] for i in known if (s := data.stream(i.field)) in data.places},
        batch=sizes.batch,
        augment={n: data.augment[i.field] for n, i in by_input.items() if i.field in data.augment},
        views=frozenset(n for n, i in by_input.items() if i.field in data.views),
        divide={
            n: data.divide[i.field] for n, i in by_input.items() if i.field in data.divide and kinds[n] is DType.FLOAT
        },
    )


# ------------------------------------------------------------------------------------------------------------- names


def _names(data: Data, ports: list[Port], mapping: dict[str, str]) -> list[Diagnostic]:
    names = [p.name for p in ports]
    found: list[Diagnostic] = []
    for name, field in mapping.items():
        text = whole("--map", f"{name}={field}")
        if name not in names:
            near = nearest(name, names)
            helps = [f"did you mean `{near}`?"] if near else [f"it has {listed(names)}"]
            found += _one(failure(DAT003, f"the system has no input `{name}`", text, "not an input", helps=helps))
        elif field not in data.fields:
            near = nearest(field, data.fields)
            helps = [f"did you mean `{near}`?"] if near else [f"it has {listed(data.fields)}"]
            found += _one(failure(DAT003, f"{data.name} has no field `{field}`", text, "not a field", helps=helps))
    for port in ports:
        if port.name not in mapping and port.name not in data.fields:
            found += _one(_missing(data, port, {*names, *mapping.values()}))
    return found


def _missing(data: Data, port: Port, taken: set[str]) -> DataFailed:
    assert port.value is not None
    free = [n for n in data.fields if n not in taken]
    near = nearest(port.name, free)
    shape, kind = port.value.type.shape, port.value.type.dtype
    same = [n for n in free if data.kind(n) is kind]
    alike = [n for n in same if fits(data, n, shape)] or [n for n in same if advice(data, n, shape)]
    meant = near or (alike[0] if len(alike) == 1 else None)
    helps = [f"`--map {port.name}={meant}` takes `{meant}` for it"] if meant else []
    if meant:
        better = advice(data, meant, shape)
        helps = better if better and better[0].startswith("`digits:") else [*helps, *better]
    if not helps and free:
        helps = [f"`--map {port.name}=FIELD` takes another for it"]
    notes = [f"{data.name} has {', '.join(f'`{n}`: {shown(data, n)}' for n in data.fields) or 'no fields'}"]
    return failure(
        DAT003,
        f"the system takes `{port.name}`, and {data.name} has no such field",
        port.span,
        "an input",
        notes=notes,
        helps=helps,
    )


def shown(data: Data, name: str) -> str:
    """``int[1797]``, ``[1797, 64]``."""
    kind = data.kind(name).value
    shape = f"[{', '.join(map(str, data[name].shape))}]"
    return shape if kind == "float" else kind + shape


# ------------------------------------------------------------------------------------------------------- batch axes


def _inputs(data: Data, ports: list[Port], mapping: dict[str, str]) -> list[_Input]:
    types = [p.value.type for p in ports if p.value is not None]
    inner = {s for t in types for d in t.shape[1:] if isinstance(d, Poly) for s in d.symbols()}
    letters: dict[Symbol, int] = {}
    for t in types:
        if t.shape and (s := letter(t.shape[0])) is not None and s not in inner:
            letters.setdefault(s, len(letters))
    first = {t.shape[0] if t.shape else None for t in types}
    alike = not letters and len(first) == 1 and isinstance(next(iter(first)), int)
    found = []
    for port, t in zip(ports, types, strict=True):
        s = letter(t.shape[0]) if t.shape else None
        batched = s in letters if letters else alike
        stream = letters[s] if s is not None and s in letters else 0
        found.append(_Input(port.name, t, port, mapping.get(port.name, port.name), batched, stream))
    return found


def _uneven(data: Data, known: list[_Input], fields: Mapping[str, Array]) -> list[Diagnostic]:
    """Fields of one letter have as many rows as each other, and some."""
    found: list[Diagnostic] = []
    first: dict[int, _Input] = {}
    for i in known:
        if i.name not in fields or not i.batched:
            continue
        rows = len(fields[i.name])
        if not rows:
            found += _one(
                failure(DAT007, f"`{i.field}` of {data.name} has no rows", i.port.span, "nothing to train on")
            )
            return found
        other = first.setdefault(i.stream, i)
        if len(fields[other.name]) != rows:
            text = f"`{other.field}` of {data.name} has {len(fields[other.name])} rows, and `{i.field}` has {rows}"
            found += _one(
                failure(
                    DAT008,
                    text,
                    i.port.span,
                    f"{rows} rows",
                    labels=[Label(other.port.span, f"{len(fields[other.name])} rows")],
                    helps=["inputs with different letters first, `[N, …]` and `[M, …]`, are not paired"],
                )
            )
    return found


def _broken(data: Data, requirements: Sequence[Requirement], sizes: Sizes) -> list[Diagnostic]:
    """Conditions of the system that these sizes do not meet; what the size of a batch decides is left to the run."""
    known = {s: n for s, (n, _) in sizes.known.items()}
    found: list[Diagnostic] = []
    for r in requirements:
        try:
            if holds(r.condition, known):
                continue
        except (KeyError, ZeroDivisionError):
            continue
        where = ", ".join(f"{s.name} = {n} in `{name}`" for s, (n, name) in sizes.known.items())
        found += _one(
            failure(
                DAT004, f"{data.name} does not meet `{r.condition}`: {r.message}", r.span, "needed here", notes=[where]
            )
        )
        break
    return found


def _one(failed: DataFailed) -> tuple[Diagnostic, ...]:
    found: tuple[Diagnostic, ...] = failed.report.diagnostics
    return found
