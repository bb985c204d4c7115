"""Compositions: a graph of their own where they have a name, otherwise as if written where they stand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fanin.diagnostics.codes import TYP405, TYP414
from fanin.elaborate.body import Body
from fanin.elaborate.builder import Builder
from fanin.elaborate.context import Specialisation, refuse
from fanin.elaborate.expressions import operand
from fanin.elaborate.graphs import finish
from fanin.elaborate.inputs import results_of, spread
from fanin.elaborate.instances import copy_instance
from fanin.elaborate.policy import Policy
from fanin.elaborate.rows import with_logdet, without_logdet
from fanin.elaborate.specialisation import GOING, MISSING, call_node, endless, record_use
from fanin.elaborate.values import (
    Argument,
    Composition,
    Instance,
    Partial,
    Poisoned,
    Record,
    Repetition,
    Use,
    structure_of,
    tensors_in,
)
from fanin.ir.graph import (
    Apply,
    Call,
    ModuleRef,
    Operand,
    Result,
    Value,
)
from fanin.ir.untold import untold_sizes
from fanin.source import Span


def apply_composition(body: Body, instance: Instance, args: tuple[Argument, ...], flow: list[Any], span: Span) -> Any:
    """A named composition is a graph of its own; one without a name is as if its stages stood where it stands."""
    from fanin.elaborate.pipes import apply_element
    from fanin.elaborate.statements import bind

    composition: Composition = instance.target
    values = [*flow, *(a.value for a in args)]
    named = [a for a in args if a.name is not None]
    if named:
        raise refuse(TYP405, f"a composition has no input `{named[0].name}`", named[0].span, "its tensors go by place")
    if instance.loose:
        result: Any = None
        total: Any = None
        current = values
        for element in composition.elements:
            result = apply_element(body, element, current, element.span)
            if element.name is not None:
                bind(body, element.name, result)
            if len(composition.elements) > 1:
                result, total = without_logdet(body, result, total, element.span)
            current = spread(result)
        return (
            with_logdet(result, total)
            if composition.elements
            else (values[0] if len(values) == 1 else Record(("",) * len(values), tuple(values)))
        )
    for element in composition.elements:
        if element.name is not None:
            raise refuse(
                TYP414,
                "`as` names a value of the block around, and this branch is a module of its own",
                element.name.span,
                "no value here",
                helps=["label the modules in the branch instead of the list"],
            )
    ref = body.builder.ref(instance)
    node, use = composition_node(body, instance, values, ref, span)
    body.builder.add(node)
    record_use(instance, use)
    return results_of(node.outputs, [r.name for r in node.graph.results])


def composition_node(
    body: Body, instance: Instance, values: list[Any], ref: ModuleRef | None, span: Span
) -> tuple[Call, Use]:
    from fanin.elaborate.pipes import apply_element

    ctx = body.ctx
    composition: Composition = instance.target
    operands: list[Operand | None] = [operand(body, v, span, "this composition: a tensor") for v in values]
    types = [None if o is None else o.type for o in operands]
    numbering: dict[int, int] = {}
    key: tuple[Any, ...] = ("composition", structure_of(instance, numbering), tuple(types), body.builder.policy.key)
    held = distinct(v for e in composition.elements for v in _held(e.value))
    key = (*key, tuple(v.type for v in held))
    special = ctx.memo.get(key, MISSING)
    if special is None:
        raise Poisoned
    if special is GOING:
        raise endless(body, "this composition", span)
    if special is MISSING:
        ctx.memo[key] = GOING
        try:
            builder = Builder("", instance.span, body.builder)
            builder.policy = policy_with(body.builder.policy, instance)
            inner = Body(ctx, body.unit, builder)
            builder.letters = dict(body.builder.letters)
            builder.symbols = body.builder.symbols
            current: list[Any] = [
                builder.port("x" if i == 0 else f"x{i + 1}", t, span, body.builder, o)
                for i, (t, o) in enumerate(zip(types, operands, strict=True))
            ]
            places: list[str | int] | None = []
            total: Any = None
            result: Any = current[0] if len(current) == 1 else Record(("",) * len(current), tuple(current))
            for i, element in enumerate(composition.elements):
                before = len(builder.nodes)
                local_element = _stand_in(builder, element, element.label or str(i))
                result = apply_element(inner, local_element, current, element.span)
                result, total = without_logdet(inner, result, total, element.span)
                current = spread(result)
                places = _place(places, builder, before, local_element)
            results = tuple(Result("", operand(inner, v, span)) for v in current)
            if total is not None:
                results = (*results, Result("logdet", operand(inner, total, span)))
            for capture in builder.captures:
                builder.ports.append(_capture_port(capture, span))
            captured = [next(i for i, v in enumerate(held) if v is c.outer) for c in builder.captures]
            if captured or len(results) != 1 or len(values) != 1 or untold_sizes(builder.ports, builder.nodes):
                places = None  # what an nn.Sequential hands on is one tensor
            graph = finish(
                builder,
                "",
                "composition",
                (),
                results,
                ctx,
                "",
                instance.span,
                (),
                None if places is None else tuple(places),
            )
            special = Specialisation(graph, builder.borrowed, captured, list(graph.sizes))
        except BaseException:
            ctx.memo[key] = None
            raise
        ctx.memo[key] = special
    return call_node(body, special, operands, types, ref, span, held, {})


def policy_with(policy: Policy, instance: Instance) -> Policy:
    return policy.with_options(instance.options)


def _capture_port(capture: Any, span: Span) -> Any:
    from fanin.ir.graph import Port

    return Port(f"captured{capture.inner.index}", capture.inner, span)


def _held(value: Any) -> Any:
    if isinstance(value, Instance):
        if isinstance(value.target, Composition):
            for e in value.target.elements:
                yield from _held(e.value)
        elif isinstance(value.target, Repetition):
            yield from _held(value.target.cell.value)
        return
    if isinstance(value, Partial):
        for a in value.args:
            yield from _held(a.value)
        yield from _held(value.callee)
        return
    if isinstance(value, (list, tuple)):
        for v in value:
            yield from _held(v)
        return
    yield from tensors_in(value)


def distinct(values: Any) -> list[Value]:
    found: list[Value] = []
    for value in values:
        if all(value is not other for other in found):
            found.append(value)
    return found


def _stand_in(builder: Builder, element: Any, key: str) -> Any:
    """An element as the composition's own graph sees it: a module made in it is one of its own."""
    value = element.value
    if isinstance(value, Instance) and _fresh(value):
        twin = copy_instance(value)
        twin.home, twin.loose = builder, True
        builder.name_instance(twin, key)
        return replace(element, value=twin)
    if isinstance(value, Partial) and isinstance(value.callee, Instance) and _fresh(value.callee):
        twin = copy_instance(value.callee)
        twin.home, twin.loose = builder, True
        builder.name_instance(twin, key)
        return replace(element, value=replace(value, callee=twin))
    if isinstance(value, list):
        return replace(
            element,
            value=[
                _stand_in(builder, e, f"{key}.{e.label or i}") if hasattr(e, "label") else e
                for i, e in enumerate(value)
            ],
        )
    return element


def _fresh(instance: Instance) -> bool:
    return instance.loose


def _place(places: list[str | int] | None, builder: Builder, before: int, element: Any) -> list[str | int] | None:
    """What stands at the next place of a plain row: a child's path, or the node of a function."""
    added = builder.nodes[before:]
    if places is None or len(added) != 1:
        return None
    node = added[0]
    module = getattr(node, "module", None)
    if module is None:
        return [*places, before] if isinstance(node, Apply) and len(node.inputs) == 1 else None
    if module.borrowed or len(node.inputs) != 1 or getattr(node, "lent", ()):
        return None
    return [*places, module.path]
