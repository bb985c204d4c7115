"""``scan`` and ``iterate``: a cell applied step after step, as a region of the graph around."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fanin.diagnostics import Label
from fanin.diagnostics.codes import SHP301, SHP306, TYP401, TYP405, TYP407, TYP408
from fanin.elaborate.body import Body
from fanin.elaborate.construction import construct
from fanin.elaborate.context import refuse
from fanin.elaborate.expressions import as_int, operand
from fanin.elaborate.inputs import results_of
from fanin.elaborate.regions import Region
from fanin.elaborate.values import (
    Argument,
    BlockConstructor,
    Instance,
    OpConstructor,
    Poisoned,
    Record,
    describe,
    is_tensor,
)
from fanin.ir.dims import Dim, Poly
from fanin.ir.graph import Iterate, Operand, Result, Scan, Value
from fanin.ir.types import DType, TensorType
from fanin.record import record
from fanin.source import Span

_SCAN = "scan(cell, xs, h=start)"
_ITERATE = "iterate(cell, x=start, max=8)"


@record
class Step:
    """A cell applied once: its region, the results by name, and where they were written."""

    region: Region
    results: tuple[Result, ...]
    span: Span


def scan(body: Body, args: tuple[Argument, ...], span: Span) -> Any:
    """``scan(cell, xs, h=zeros(B, H), axis=1)``: the stacked results, then the last states.

    With ``truncate=k`` gradients go back over k steps at most (BPTT(k), Williams and Peng 1990).
    """
    cell, placed, named = _arguments("scan", _SCAN, args, span)
    settings = {a.name: a for a in named if a.name in ("axis", "reverse", "steps", "truncate")}
    given = [a for a in named if a.name not in settings]
    axis = as_int(body, settings["axis"].value, settings["axis"].span, "`axis`") if "axis" in settings else 1
    reverse = settings["reverse"].value if "reverse" in settings else False
    if not isinstance(reverse, bool):
        at = settings["reverse"].span
        raise refuse(TYP401, f"`reverse` is true or false, not {describe(reverse)}", at, describe(reverse))
    truncate = None
    if "truncate" in settings:
        truncate = as_int(body, settings["truncate"].value, settings["truncate"].span, "`truncate`")
        if truncate < 1:
            at = settings["truncate"].span
            raise refuse(TYP401, f"`truncate` is 1 or more steps, not {truncate}", at, "out of range")
    sequences = _sequences(body, placed)
    steps = _steps(body, sequences, settings.get("steps"), axis, span)
    slices = [(f"x{i + 1}" if i else "x", _slice(value, axis, at)) for i, (value, at) in enumerate(sequences)]
    starts = _tensors(body, given, "scan")
    step = _apply(body, cell, slices, starts, span, [a for a in given if a.value is None])
    given = [a for a in given if a.value is not None]
    states = [a.name or "" for a in given if a.name in {r.name for r in step.results}]
    _same_types(body, "scan", step, states, starts, given)
    stacked = [r for r in step.results if r.name not in states]
    names = [r.name for r in stacked] + states
    outputs = [_stacked(body, r, steps, axis, step.span) for r in stacked]
    outputs += [body.builder.value(starts[name].type) for name in states]
    order = [*(value for value, _ in sequences), *starts.values()]
    count = len(sequences)
    keys = list(starts)
    body.builder.add(
        Scan(
            (*order, *step.region.captured()),
            tuple(outputs),
            span,
            body.builder.loop,
            step.region.graph(step.results),
            axis,
            reverse,
            tuple(range(count)),
            tuple(count + keys.index(name) for name in states),
            steps,
            truncate,
        )
    )
    return _given(tuple(outputs), names)


def iterate(body: Body, args: tuple[Argument, ...], span: Span) -> Any:
    """``iterate(cell, x=x0, max=8)``: the states, once they are done or after ``max`` steps."""
    cell, placed, named = _arguments("iterate", _ITERATE, args, span)
    if placed:
        raise refuse(TYP407, "`iterate` takes its states by name", placed[0].span, "by place", helps=[f"`{_ITERATE}`"])
    limit = next((a for a in named if a.name == "max"), None)
    if limit is None:
        raise refuse(TYP407, "`iterate` needs `max`", span, "how often at most?", helps=[f"write `{_ITERATE}`"])
    count = as_int(body, limit.value, limit.span, "`max`")
    if count < 1:
        raise refuse(TYP401, f"`max` is 1 or more, not {count}", limit.span, "out of range")
    given = [a for a in named if a is not limit]
    starts = _tensors(body, given, "iterate")
    step = _apply(body, cell, [], starts, span, [a for a in given if a.value is None])
    given = [a for a in given if a.value is not None]
    names = {r.name for r in step.results}
    done = next((r for r in step.results if r.name == "done"), None)
    if done is None or done.value.type.dtype is not DType.BOOL:
        raise refuse(
            TYP408 if done is not None else TYP407,
            "the cell of `iterate` says when it is `done: bool[…]`",
            step.span,
            "no result `done`" if done is None else f"`done` is {done.value.type}",
            helps=["give it back as a result: `-> (x: [B, D], done: bool[B])`"],
        )
    states = [a.name or "" for a in given if a.name in names]
    if not states:
        raise refuse(TYP407, "no result of the cell is named like an input, so nothing changes", step.span, "no state")
    _same_types(body, "iterate", step, states, starts, given)
    for name in states:
        if starts[name].type.shape[: done.value.type.rank] != done.value.type.shape:
            raise refuse(
                SHP301,
                f"`done` is {done.value.type}, which are not the first axes of `{name}`, {starts[name].type}",
                step.span,
                "what is done keeps its state",
            )
    outputs = tuple(body.builder.value(starts[name].type) for name in states)
    keys = list(starts)
    kept = [r for r in step.results if r.name in states or r.name == "done"]
    body.builder.add(
        Iterate(
            (*starts.values(), *step.region.captured()),
            outputs,
            span,
            body.builder.loop,
            step.region.graph(kept),
            count,
            tuple(keys.index(name) for name in states),
        )
    )
    return _given(outputs, states)


def _given(outputs: tuple[Value, ...], names: list[str]) -> Any:
    """The results; a single state can be asked for by its name too."""
    return Record(tuple(names), outputs) if names[0] else results_of(outputs, names)


# ------------------------------------------------------------------------------------------------- their arguments


def _arguments(
    name: str, usage: str, args: tuple[Argument, ...], span: Span
) -> tuple[Argument, list[Argument], list[Argument]]:
    placed = [a for a in args if a.name is None]
    if not placed or is_tensor(placed[0].value):
        raise refuse(
            TYP407,
            f"`{name}` starts with its cell",
            placed[0].span if placed else span,
            "no cell",
            helps=[f"write `{usage}`"],
        )
    named = [a for a in args if a.name is not None]
    for i, a in enumerate(named):
        if any(a.name == b.name for b in named[:i]):
            raise refuse(TYP405, f"`{a.name}` is given twice", a.span, "again")
    return placed[0], placed[1:], named


def _sequences(body: Body, placed: list[Argument]) -> list[tuple[Value, Span]]:
    found: list[tuple[Value, Span]] = []
    for a in placed:
        for value in a.value if isinstance(a.value, (tuple, list)) else (a.value,):
            one = operand(body, value, a.span, "a sequence: a tensor")
            if not isinstance(one, Value):
                raise refuse(TYP401, "`scan` goes along a tensor, not a number", a.span, describe(value))
            found.append((one, a.span))
    return found


def _steps(body: Body, sequences: list[tuple[Value, Span]], steps: Argument | None, axis: int, span: Span) -> Dim:
    """How many steps there are: the size of that axis, which all sequences share."""
    if not sequences:
        if steps is None:
            text = "`scan` needs a sequence, or the number of its steps"
            raise refuse(TYP407, text, span, "how many steps?", helps=["write `steps=8`"])
        value = steps.value
        if isinstance(value, Poly):
            return value
        count = as_int(body, value, steps.span, "`steps`")
        if count < 1:
            raise refuse(TYP401, f"`steps` is 1 or more, not {count}", steps.span, "out of range")
        return count
    sizes: list[Dim] = []
    for value, at in sequences:
        if not -value.type.rank <= axis < value.type.rank:
            raise refuse(SHP306, f"{value.type} has no axis {axis} to go along", at, f"rank {value.type.rank}")
        sizes.append(value.type.shape[axis])
    for size, (_, at) in zip(sizes, sequences, strict=True):
        if not _equal(body, size, sizes[0]):
            raise refuse(
                SHP301,
                f"the sequences have {sizes[0]} steps and {size}",
                at,
                f"{size} along axis {axis}",
                [Label(sequences[0][1], f"{sizes[0]} along axis {axis}")],
            )
    if steps is not None:
        raise refuse(TYP405, "the sequence says how many steps there are", steps.span, "one too many")
    return sizes[0]


def _equal(body: Body, a: Dim, b: Dim) -> bool:
    facts = body.ctx.facts
    return a == b or facts.normal(a) == facts.normal(b)


def _slice(value: Value, axis: int, span: Span) -> TensorType:
    shape = value.type.shape
    at = axis % len(shape)
    return value.type.with_shape(*shape[:at], *shape[at + 1 :])


def _tensors(body: Body, given: list[Argument], name: str) -> dict[str, Operand]:
    found: dict[str, Operand] = {}
    for a in given:
        if a.value is not None:  # `none` goes on to the cell as such
            one = operand(body, a.value, a.span, f"`{a.name}`: a tensor")
            found[a.name or ""] = body.builder.own(one)
    return found


def _apply(
    body: Body,
    cell: Argument,
    slices: Sequence[tuple[str, TensorType]],
    starts: dict[str, Operand],
    span: Span,
    left_out: Sequence[Argument],
) -> Step:
    """The cell on one step, in a region of its own."""
    from fanin.elaborate.calls import call
    from fanin.elaborate.pipes import apply_value

    made = cell.value
    if isinstance(made, (OpConstructor, BlockConstructor)):
        made = construct(body, made, (), cell.span, cell.span)
    if isinstance(made, Instance) and made.loose:
        body.builder.adopt(made)
    region = Region(body.builder, cell.span)
    inner = Body(body.ctx, body.unit, region, dict(body.scope))
    inner.labels = body.labels
    flow = []
    for name, type_ in slices:
        flow.append(region.port(name, type_, cell.span, body.builder, None))
    args = list(left_out)
    for name, start in starts.items():
        value = region.port(name, start.type, cell.span, body.builder, start)
        args.append(Argument(name, value, cell.span))
    if args:
        placed = tuple(Argument(None, value, cell.span) for value in flow)
        result = call(inner, made, (*placed, *args), cell.span, cell.span)
    else:
        result = apply_value(inner, made, flow, cell.span)
    body.failed |= inner.failed
    names = result.names if isinstance(result, Record) else (_only_name(region),)
    values = result.values if isinstance(result, Record) else (result,)
    results = [Result(n, operand(inner, v, cell.span)) for n, v in zip(names, values, strict=True)]
    if not all(isinstance(r.value, Value) for r in results):
        raise Poisoned
    return Step(region, tuple(results), cell.span)


def _only_name(region: Region) -> str:
    """The name of the only result of the cell."""
    node = region.nodes[-1] if region.nodes else None
    graph = getattr(node, "graph", None)
    return graph.results[0].name if graph is not None and len(graph.results) == 1 else ""


def _same_types(
    body: Body, what: str, step: Step, states: list[str], starts: dict[str, Operand], given: list[Argument]
) -> None:
    """A state has the same type before and after a step."""
    for a in given:
        if a.name not in states:
            continue
        before = starts[a.name].type
        after = next(r.value.type for r in step.results if r.name == a.name)
        same = before.rank == after.rank and all(map(lambda x, y: _equal(body, x, y), before.shape, after.shape))
        if not same or before.dtype is not after.dtype:
            raise refuse(
                SHP301 if before.dtype is after.dtype else TYP408,
                f"the state `{a.name}` starts as {before}, and a step makes it {after}",
                a.span,
                f"starts as {before}",
                [Label(step.span, f"gives {after}")],
                helps=[f"start `{a.name}` as {after}"] if what == "scan" else [],
            )


def _stacked(body: Body, result: Result, steps: Dim, axis: int, span: Span) -> Value:
    type_ = result.value.type
    if not -type_.rank - 1 <= axis <= type_.rank:
        raise refuse(
            SHP306,
            f"a result of each step is {type_}, and cannot be stacked along axis {axis}",
            span,
            f"gives {type_}",
            helps=["give `axis=0`"],
        )
    at = axis % (type_.rank + 1)
    return body.builder.value(type_.with_shape(*type_.shape[:at], steps, *type_.shape[at:]))
