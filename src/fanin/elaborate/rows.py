"""``n * M``: place after place, until the types no longer change; the rest is like the last."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fanin.elaborate.body import Body
from fanin.elaborate.expressions import operand
from fanin.elaborate.inputs import results_of, spread
from fanin.elaborate.instances import cell_of, copy_instance
from fanin.elaborate.values import (
    Argument,
    Instance,
    Partial,
    Poisoned,
    Record,
    Repetition,
)
from fanin.ir.graph import (
    Apply,
    Call,
    ModuleRef,
    Node,
    Operand,
    Repeat,
    Run,
)
from fanin.source import Span


def apply_row(body: Body, instance: Instance, args: tuple[Argument, ...], flow: list[Any], span: Span) -> Any:
    """``n * M``: place after place, until the types no longer change; the rest is like the last."""
    from fanin.elaborate.pipes import apply_element

    repetition: Repetition = instance.target
    values = [*flow, *(a.value for a in args)]
    if instance.loose:
        from fanin.elaborate.instances import core_of

        result: Any = values[0] if len(values) == 1 else Record(("",) * len(values), tuple(values))
        for _ in range(repetition.count):
            element = _fresh_cell(repetition.cell, core_of(repetition.cell.value))
            result = apply_element(body, element, values, span)
            values = spread(result)
        return result
    ref = body.builder.ref(instance)
    # A plain row is a node of its own: one tensor flows from place to place.
    if instance.cells or instance.row or repetition.count == 0 or len(values) > 1:
        return _place_by_place(body, instance, values, span)
    return _apply_whole_row(body, instance, repetition, values, ref, span)


def _place_by_place(body: Body, instance: Instance, values: list[Any], span: Span) -> Any:
    """Each place a node of its own."""
    from fanin.elaborate.pipes import apply_element

    result: Any = values[0] if len(values) == 1 else Record(("",) * len(values), tuple(values))
    total: Any = None
    for i in range(instance.target.count):
        result = apply_element(body, with_core(instance.target.cell, cell_of(instance, i)), values, span)
        result, total = without_logdet(body, result, total, span)
        values = spread(result)
    return with_logdet(result, total)


def without_logdet(body: Body, result: Any, total: Any, span: Span) -> tuple[Any, Any]:
    """What flows on from an invertible block in a row, and the sum of what such blocks have called ``logdet``."""
    from fanin.elaborate.operators import binary

    if not isinstance(result, Record) or "logdet" not in result.names:
        return result, total
    at = result.names.index("logdet")
    rest = [(n, v) for i, (n, v) in enumerate(zip(result.names, result.values, strict=True)) if i != at]
    mine = result.values[at]
    total = mine if total is None else binary(body, "+", total, mine, span, span, span)
    flowing = rest[0][1] if len(rest) == 1 else Record(tuple(n for n, _ in rest), tuple(v for _, v in rest))
    return flowing, total


def with_logdet(result: Any, total: Any) -> Any:
    """The results of a row, with that sum."""
    if total is None:
        return result
    values = spread(result)
    names = result.names if isinstance(result, Record) else ("",) * len(values)
    return Record((*names, "logdet"), (*values, total))


def _fresh_cell(cell: Any, core: Instance | None) -> Any:
    assert core is not None
    return with_core(cell, copy_instance(core))


def with_core(cell: Any, core: Instance) -> Any:
    def swap(value: Any) -> Any:
        return replace(value, callee=swap(value.callee)) if isinstance(value, Partial) else core

    return replace(cell, value=swap(cell.value))


def _apply_whole_row(
    body: Body, instance: Instance, repetition: Repetition, values: list[Any], ref: ModuleRef, span: Span
) -> Any:
    from fanin.elaborate.instances import core_of
    from fanin.elaborate.pipes import apply_element

    builder = body.builder
    inputs = [operand(body, v, span, "this repetition: a tensor") for v in values]
    runs: list[Run] = []
    likes: list[tuple[int, Instance]] = []
    current: list[Any] = list(inputs)
    extras: list[Operand | None] = []
    index = 0
    while index < repetition.count:
        template = core_of(repetition.cell.value)
        assert template is not None
        cell = copy_instance(template)
        cell.home, cell.key, cell.loose = instance, str(index), False
        before = len(builder.nodes)
        result = apply_element(body, with_core(repetition.cell, cell), current, span)
        added = builder.nodes[before:]
        if not added or not isinstance(added[-1], (Call, Apply)):  # the cell has failed, and gives what it declares
            if [operand(body, v, span).type for v in spread(result)] != [v.type for v in inputs if v is not None]:
                raise Poisoned
            return result
        del builder.nodes[before:]
        reads = added[:-1]
        builder.nodes.extend(reads)  # parameters that the cell's arguments read
        node = added[-1]
        assert isinstance(node, (Call, Apply))
        if isinstance(node, Call) and node.sizes:  # each place is told them, so there is no plain row
            del builder.nodes[before:]
            return _place_by_place(body, instance, values, span)
        extras = list(node.inputs[len(current) :])
        names = result.names if isinstance(result, Record) else ()
        summed = names.index("logdet") if "logdet" in names else None
        if summed is not None and summed != len(names) - 1:
            del builder.nodes[before:]  # a plain row has what flows first
            return _place_by_place(body, instance, values, span)
        nexts = [operand(body, v, span) for v in spread(result)][: None if summed is None else summed]
        fixed = [v.type for v in nexts] == [v.type for v in current]
        count = repetition.count - index if fixed else 1
        if runs and _same(runs[-1].call, node):
            runs[-1] = Run(runs[-1].count + count, runs[-1].call)
            likes[-1] = (likes[-1][0] + count, likes[-1][1])
        else:
            runs.append(Run(count, node))
            likes.append((count, cell))
        current = list(nexts)
        index += count
    instance.row = tuple(likes)
    outputs = tuple(builder.value(v.type) for v in current)
    flowing = len(outputs)
    if summed is not None and result is not None:
        outputs = (*outputs, builder.value(operand(body, spread(result)[summed], span).type))
    builder.add(Repeat((*inputs, *extras), outputs, span, builder.loop, ref, repetition.count, tuple(runs)))
    return results_of(outputs, [*[""] * flowing, *["logdet"] * (len(outputs) - flowing)])


def _same(a: Node, b: Node) -> bool:
    if isinstance(a, Call) and isinstance(b, Call):
        return a.graph is b.graph and a.lent == b.lent
    return (
        isinstance(a, Apply)
        and isinstance(b, Apply)
        and (a.op, a.attrs) == (b.op, b.attrs)
        and [None if v is None else v.type for v in a.inputs] == [None if v is None else v.type for v in b.inputs]
        and [v.type for v in a.outputs] == [v.type for v in b.outputs]
    )
