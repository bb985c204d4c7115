"""Invertible blocks: the second body of a block, and ``inverse(f)`` of a block or of a row of them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

from fanin.diagnostics import Label, Severity
from fanin.diagnostics.codes import SHP301, TYP401, TYP407, TYP409, TYP418
from fanin.elaborate.body import Body, Returned
from fanin.elaborate.context import refuse
from fanin.elaborate.expressions import operand
from fanin.elaborate.inputs import results_of, spread
from fanin.elaborate.instances import cell_of, uses_of
from fanin.elaborate.regions import Region
from fanin.elaborate.signatures import Letters, check_result, match
from fanin.elaborate.values import (
    Argument,
    BlockConstructor,
    Composition,
    Instance,
    Inverted,
    Poisoned,
    Repetition,
    describe,
)
from fanin.ir.dims import Dim, Poly, Symbol, substitute
from fanin.ir.graph import Call, Graph, Result, Value
from fanin.ir.types import TensorType
from fanin.source import Span
from fanin.syntax import tree


def inverse_graph(forward: Body, decl: tree.Block, results: tuple[Result, ...], letters: Letters) -> Graph | None:
    """The second body, with the modules, parameters, numbers and letters of the first; it takes what that gives."""
    assert decl.inverse is not None
    given = {r.name: r.value for r in results}
    flowing = [r.value for r in results if r.name != "logdet"]
    builder = Region(forward.builder, decl.inverse.span)
    scope = {n: v for n, v in forward.scope.items() if not _has_tensors(v)}
    inner = Body(forward.ctx, forward.unit, builder, scope)
    inner.labels = forward.labels
    own = Letters(dict(letters.sizes), dict(letters.stars), dict(letters.places))
    for i, p in enumerate(decl.inverse.params):
        value = given.get(p.name.name) or (flowing[i] if i < len(flowing) else None)
        if value is None or not isinstance(p.type, tree.ShapeType):
            raise refuse(
                TYP407,
                f"the inverse of `{decl.name.name}` takes what the block gives, and it gives no `{p.name.name}`",
                p.span,
                "from nowhere",
            )
        inside = builder.port(p.name.name, value.type, p.span)
        assert inside is not None
        match(inner, p.type, value.type, own, f"`{p.name.name}`, which the block gives,", p.span, inside)
        scope[p.name.name] = inside
    builder.letters.update(own.sizes)
    before = len(builder.order)
    with suppress(Returned):
        inner.run(decl.inverse.body.statements)
    if inner.failed:
        forward.failed = True
        return None
    if len(builder.order) > before:
        made = builder.instances[builder.order[before]]
        text = "an inverse runs the modules of its block, and makes none"
        raise refuse(TYP418, text, made.span, "makes a module")
    if inner.results is None:
        raise refuse(TYP409, f"the inverse of `{decl.name.name}` returns nothing", decl.inverse.span, "no `return`")
    values = [r.value for r in inner.results]
    at = inner.result_span or decl.inverse.span
    kept = check_result(inner, decl.inverse.result, values, own, at, f"the inverse of {decl.name.name}")
    if builder.captures:
        raise refuse(TYP401, "an inverse sees none of the tensors of its block", decl.inverse.span, "uses one of them")
    graph = builder.graph(kept)
    return replace(graph, kind="inverse", name=decl.name.name)


def _has_tensors(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_has_tensors, value))
    return isinstance(value, Value) or (hasattr(value, "values") and isinstance(getattr(value, "values", None), tuple))


def inverse(body: Body, args: tuple[Argument, ...], span: Span) -> Inverted:
    """``inverse(f)``: a function of what f gives."""
    if len(args) != 1 or args[0].name:
        raise refuse(TYP407, "`inverse` takes one block, or a row of them", span, helps=["write `inverse(flow)(z)`"])
    value = args[0].value
    if not isinstance(value, Instance):
        text = f"what is inverted is an invertible block that has been applied, not {describe(value)}"
        raise refuse(TYP401, text, args[0].span, describe(value))
    return Inverted(value, args[0].span)


def apply_inverse(body: Body, inverted: Inverted, args: tuple[Argument, ...], flow: list[Any], span: Span) -> Any:
    """What flows in, backwards through a module."""
    instance = inverted.instance
    values = [*flow, *(a.value for a in args)]
    if isinstance(instance.target, Composition):
        if instance.loose:
            raise refuse(
                TYP401, "only what has been applied can be inverted: bind it first", inverted.span, "made here"
            )
        parts = body.ctx.parts
        graph = next((u.graph for u in uses_of(body.ctx, instance) if u.graph is not None), None)
        inside = parts.get(graph, {}) if graph is not None else {}
        for i, element in reversed(list(enumerate(instance.target.elements))):
            key = element.label or str(i)
            part = inside.get(key)
            if part is None:
                text = f"{describe(element.value)} has no inverse, so the row has none"
                raise refuse(TYP401, text, element.span, "not invertible")
            result = apply_inverse(body, Inverted(_within(instance, part, key), element.span), (), values, span)
            values = spread(result)
        return values[0] if len(values) == 1 else tuple(values)
    if isinstance(instance.target, Repetition):
        for i in reversed(range(instance.target.count)):
            values = spread(apply_inverse(body, Inverted(cell_of(instance, i), inverted.span), (), values, span))
        return values[0] if len(values) == 1 else tuple(values)
    return _call(body, instance, values, inverted.span, span)


def _within(outer: Instance, part: Instance, key: str) -> Instance:
    from fanin.elaborate.expressions import inner_instance

    return inner_instance(outer, part, key)


def _call(body: Body, instance: Instance, values: list[Any], at: Span, span: Span) -> Any:
    if not isinstance(instance.target, BlockConstructor):
        raise refuse(TYP401, f"`{instance.what}` states no inverse", at, "not invertible")
    decl = instance.target.decl
    if isinstance(decl, tree.Block) and decl.inverse is None:
        raise refuse(
            TYP401,
            f"`{decl.name.name}` states no inverse",
            at,
            "not invertible",
            [Label(decl.name.span, "one body only")],
            helps=["give it one behind its braces: `inverse (y: …) -> … { … }`"],
        )
    uses = [u.graph for u in uses_of(body.ctx, instance) if u.graph is not None]
    if not uses and any(d.severity is Severity.ERROR for d in body.ctx.diagnostics):
        raise Poisoned  # it may have been applied, and have failed
    if not uses:
        text = f"`{instance.what}` has to be applied before its inverse, so that its sizes are known"
        raise refuse(TYP401, text, at, "not applied yet")
    graph = uses[0].inverse
    if graph is None:
        raise Poisoned
    ports = [p for p in graph.ports if p.value is not None]
    if len(values) != len(ports):
        names = ", ".join(p.name for p in ports)
        text = f"the inverse of `{instance.what}` takes {names}, and {len(values)} tensors come in"
        raise refuse(TYP407, text, span, f"{len(values)} tensors")
    builder = body.builder
    operands = []
    letters: dict[Symbol, Dim] = {}
    for port, value in zip(ports, values, strict=True):
        found = builder.own(operand(body, value, span))
        assert port.value is not None
        _bind(body, letters, port.value.type, found.type, port.name, instance, span)
        operands.append(found)
    outputs = tuple(
        builder.value(r.value.type.with_shape(*(substitute(d, letters) for d in r.value.type.shape)))
        for r in graph.results
    )
    builder.add(Call(tuple(operands), outputs, span, builder.loop, graph, builder.ref(instance), (), (), True))
    return results_of(outputs, [r.name for r in graph.results])


def _bind(
    body: Body,
    letters: dict[Symbol, Dim],
    own: TensorType,
    actual: TensorType,
    name: str,
    instance: Instance,
    span: Span,
) -> None:
    """The letters of an inverse by what flows in, which has to be of the type that the block gave."""
    same = own.rank == actual.rank and own.dtype is actual.dtype
    for a, b in zip(own.shape, actual.shape, strict=False):
        lone = next((s for s in a.symbols() if s * 1 == a), None) if isinstance(a, Poly) else None
        if lone is not None:
            letters.setdefault(lone, b)
        wanted = a if isinstance(a, int) else substitute(a, letters)
        same = same and body.ctx.facts.normal(wanted) == body.ctx.facts.normal(b)
    if not same:
        raise refuse(
            SHP301,
            f"the inverse of `{instance.what}` takes `{name}` as the block gave it, {own}, not {actual}",
            span,
            f"this is {actual}",
        )
