"""``if training``: both ways are compiled. ``update``: a buffer's value from the end of this application on."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from fanin.diagnostics import Label
from fanin.diagnostics.codes import NAM206, SHP301, TYP401, TYP408, TYP409, TYP418
from fanin.elaborate.body import Body, Returned
from fanin.elaborate.context import refuse
from fanin.elaborate.expressions import operand
from fanin.elaborate.regions import Region
from fanin.elaborate.values import POISON, Parameter, describe, is_tensor
from fanin.ir.graph import Choice, Operand, Result, StateRef, Update, Value
from fanin.source import Span
from fanin.syntax import tree

Statements = tuple[tree.Statement, ...]


def choose(body: Body, span: Span, training: Statements, evaluation: Statements) -> None:
    """Carry out both ways, and go on with a tensor for every name that one of them binds anew."""
    ways = [_way(body, span, statements) for statements in (training, evaluation)]
    if any(way.failed for way in ways):
        body.failed = True
        lost = {n for way in ways for n, v in way.scope.items() if body.scope.get(n) is not v}
        body.scope.update(dict.fromkeys(lost, POISON))
        return
    ended = [way.results is not None for way in ways]
    if ended[0] != ended[1]:
        raise refuse(
            TYP409,
            "one way of `if training` ends the body, and the other goes on",
            span,
            "`return` in one of them",
            helps=["bind the result in both ways, and return it afterwards"],
        )
    if all(ended):
        first, second = ([(r.name, r.value, way.result_span or span) for r in way.results or ()] for way in ways)
        if len(first) != len(second):
            raise refuse(TYP409, f"one way returns {len(first)} tensors, and the other {len(second)}", span)
        values = _join(body, ways, [(a, b, at) for (_, a, at), (_, b, _) in zip(first, second, strict=True)], span)
        body.results = tuple(Result(name, v) for (name, _, _), v in zip(first, values, strict=True))
        body.result_span = span
        raise Returned
    updates = dict.fromkeys(name for way in ways for name in _updates(way))
    names = [
        n
        for n in dict.fromkeys((*ways[0].scope, *ways[1].scope))
        if all(n in way.scope for way in ways) and any(way.scope[n] is not body.scope.get(n) for way in ways)
    ]
    pairs: list[tuple[Any, Any, Span]] = []
    joined: list[str] = []
    for name in names:
        a, b = (way.scope[name] for way in ways)
        if is_tensor(a) or is_tensor(b):
            if not (is_tensor(a) and is_tensor(b)):
                text = f"`{name}` is {describe(a)} in training and {describe(b)} otherwise"
                raise refuse(TYP401, text, span, "two kinds of thing")
            pairs.append((a, b, span))
            joined.append(name)
        elif a == b:
            body.scope[name] = a
        else:
            text = f"`{name}` is {describe(a)} in training and {describe(b)} otherwise"
            raise refuse(TYP401, text, span, "only tensors may differ")
    for name in updates:
        old = Parameter(None, name, body.builder.owner.states[name].type)
        a, b = (_updates(way).get(name, old) for way in ways)
        if _updates(ways[1]).get(name) is not None:
            raise refuse(TYP401, f"`{name}` is updated in training only", span, "not in training")
        pairs.append((a, b, span))
    values = _join(body, ways, pairs, span)
    for name, value in zip(joined, values, strict=False):
        if isinstance(value, Value):
            body.builder.names.setdefault(value.index, name)
        body.scope[name] = value
    for name, value in zip(updates, values[len(joined) :], strict=True):
        body.builder.names.setdefault(value.index, f"new_{name}")
        _update(body, name, value, span)


def either(body: Body, training: tree.Expr, evaluation: tree.Expr, span: Span) -> Any:
    """``(a if training else b)``"""
    ways = [_way(body, span, ()) for _ in range(2)]
    pair = [way.evaluate(expr) for way, expr in zip(ways, (training, evaluation), strict=True)]
    if not all(map(is_tensor, pair)):
        kinds = f"{describe(pair[0])} in training and {describe(pair[1])} otherwise"
        raise refuse(TYP401, f"this is {kinds}: only tensors may differ", span, "no tensors")
    return _join(body, ways, [(pair[0], pair[1], span)], span)[0]


def _way(body: Body, span: Span, statements: Statements) -> Body:
    region = Region(body.builder, span, is_way=True)
    way = Body(body.ctx, body.unit, region, dict(body.scope), pure=body.pure)
    way.labels, way.promises = body.labels, body.promises
    with suppress(Returned):
        way.run(statements)
    return way


def _updates(way: Body) -> dict[str, Value]:
    region = way.builder
    return region.updates if isinstance(region, Region) else {}


def _join(body: Body, ways: list[Body], pairs: list[tuple[Any, Any, Span]], span: Span) -> list[Value]:
    """The choice between pairs of tensors, each from its way."""
    if not pairs:
        return []
    regions = [way.builder for way in ways]
    results: list[list[Operand]] = [[], []]
    for a, b, at in pairs:
        for i, value in enumerate((a, b)):
            found = operand(ways[i], value, at)
            results[i].append(regions[i].own(found))
        one, other = results[0][-1].type, results[1][-1].type
        if one != other:
            raise refuse(
                SHP301 if one.dtype is other.dtype else TYP408,
                f"the two ways of `if training` differ: {one} in training, {other} otherwise",
                at,
                "one type is wanted",
            )
    outer = {id(c.outer): c.outer for region in regions for c in region.captures}
    for region in regions:
        for value in outer.values():
            region.own(value)
        order = list(outer)
        region.captures.sort(key=lambda c: order.index(id(c.outer)))
    graphs = []
    for region, values in zip(regions, results, strict=True):
        assert isinstance(region, Region)
        graphs.append(region.graph([Result("", v) for v in values]))
    outputs = tuple(body.builder.value(v.type) for v in results[0])
    first = regions[0]
    assert isinstance(first, Region)
    body.builder.add(Choice(first.captured(), outputs, span, body.builder.loop, graphs[0], graphs[1]))
    return list(outputs)


# ----------------------------------------------------------------------------------------------------- updates


def update(body: Body, statement: tree.Update) -> None:
    """``update table = expr``"""
    name = statement.name
    state = body.builder.owner.states.get(name.name)
    by_hand = body.recipe is not None and state is not None and state.kind == "param"
    if body.pure or state is None or (state.kind != "buffer" and not by_hand):
        known = body.scope.get(name.name)
        what = "a `param` is moved by its optimiser" if state is not None else "what is updated is a `buffer`"
        raise refuse(
            TYP418 if body.pure else TYP401,
            f"{what}, and `{name.name}` is {describe(known) if known is not None else 'not declared'}"
            if state is None
            else what,
            name.span,
            "no buffer",
            [Label(state.span, "declared here")] if state is not None and state.span is not None else [],
        )
    if isinstance(body.builder, Region) and not body.builder.is_way:
        text = "a buffer is updated once in each application, and this is a step of many"
        raise refuse(TYP401, text, statement.span, "in a loop", helps=["give the value back as a state"])
    here = body
    if not isinstance(body.builder, Region):  # what only the update needs is computed in training only
        here = Body(body.ctx, body.unit, Region(body.builder, statement.span, is_way=True), dict(body.scope))
        here.labels, here.recipe = body.labels, body.recipe
    value = operand(here, here.evaluate(statement.value), statement.value.span)
    found = here.builder.own(value)
    if found.type != state.type:
        raise refuse(
            SHP301 if found.type.dtype is state.type.dtype else TYP408,
            f"`{name.name}` is {state.type}, and its new value {found.type}",
            statement.value.span,
            str(found.type),
            [] if state.span is None else [Label(state.span, f"{state.type}")],
        )
    if name.name in body.builder.updates:
        raise refuse(NAM206, f"`{name.name}` is updated twice", name.span, "again")
    body.builder.updates[name.name] = found
    if here is not body:
        assert isinstance(here.builder, Region)
        _add(body, here.builder, found, name.name, statement.span)


def _update(body: Body, name: str, value: Value, span: Span) -> None:
    """An update of a way, at the end of the graph around."""
    if isinstance(body.builder, Region):
        body.builder.updates[name] = value
        return
    if name in body.builder.updates:
        raise refuse(NAM206, f"`{name}` is updated twice", span, "again")
    body.builder.updates[name] = True
    region = Region(body.builder, span)
    _add(body, region, region.own(value), name, span)


def _add(body: Body, region: Region, value: Operand, name: str, span: Span) -> None:
    graph = region.graph([Result(name, value)])
    node = Update(region.captured(), (), span, body.builder.loop, graph, StateRef(None, name))
    body.builder.ends.append(node)
