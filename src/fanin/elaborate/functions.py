"""``fn``: carried out at once on numbers, a graph where a tensor is among its arguments."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from fanin.diagnostics import Label
from fanin.diagnostics.codes import TYP407, TYP409
from fanin.elaborate.body import Body, Returned
from fanin.elaborate.builder import Builder
from fanin.elaborate.construction import show_hypers
from fanin.elaborate.context import MAX_DEPTH, refuse
from fanin.elaborate.declared import declared_results
from fanin.elaborate.graphs import body_results, elaborate_body
from fanin.elaborate.hypers import bind_hypers
from fanin.elaborate.inputs import input_operands, input_type, results_of
from fanin.elaborate.misfits import given_twice, unknown_keyword
from fanin.elaborate.signatures import Letters, match
from fanin.elaborate.specialisation import GOING, IN_PLACE, MISSING, call_node, endless, type_key
from fanin.elaborate.values import (
    Argument,
    FnFunction,
    Poisoned,
    Record,
    describe,
    key_of,
)
from fanin.ir.dims import Poly, expand
from fanin.ir.graph import Value
from fanin.source import Span
from fanin.syntax import tree


def call_fn(body: Body, function: FnFunction, args: tuple[Argument, ...], flow: list[Any], span: Span) -> Any:
    """A ``fn``: on numbers alone it is carried out now; with a tensor among its arguments it is a graph."""
    decl, unit = function.decl, function.file
    ctx = body.ctx
    shown = decl.name.name
    tensors = tuple(p for p in decl.params if isinstance(p.type, tree.ShapeType))
    numbers = tuple(p for p in decl.params if not isinstance(p.type, tree.ShapeType))
    names = [p.name.name for p in decl.params]
    given: dict[str, Argument] = {}
    for a in args:
        if a.name is not None:
            if a.name not in names:
                raise unknown_keyword(a, names, f"`{shown}` has no argument `{a.name}`", "it takes")
            if a.name in given:
                raise given_twice(a, given[a.name])
            given[a.name] = a
    waiting = [Argument(None, v, span) for v in flow]
    for p in tensors:
        if waiting and p.name.name not in given:
            given[p.name.name] = waiting.pop(0)
    placed = [*waiting, *(a for a in args if a.name is None)]
    left = [n for n in names if n not in given]
    if len(placed) > len(left):
        extra = placed[len(left)]
        raise refuse(
            TYP407,
            f"`{shown}` takes {len(names)} argument{'s' if len(names) != 1 else ''}, and there are more",
            extra.span,
            describe(extra.value),
        )
    given.update(zip(left, placed, strict=False))
    hypers = bind_hypers(
        body,
        unit,
        numbers,
        tuple(
            Argument(p.name.name, given[p.name.name].value, given[p.name.name].span)
            for p in numbers
            if p.name.name in given
        ),
        span,
        shown,
        (),
    )
    ctx.used.add(id(decl))
    if len(ctx.frames) >= MAX_DEPTH:
        raise endless(body, shown, span)
    if not tensors and not isinstance(decl.result, (tree.ShapeType, tree.TupleType)):
        if shown in unit.broken:
            raise Poisoned
        return _number_fn(body, decl, unit, hypers, span)
    for p in tensors:
        if p.name.name not in given:
            if isinstance(p.type, tree.ShapeType) and p.type.optional:
                given[p.name.name] = Argument(None, None, span)
            else:
                raise refuse(
                    TYP407,
                    f"`{shown}` takes {len(names)} arguments, and `{p.name.name}` is missing",
                    span,
                    f"nothing for `{p.name.name}`",
                    [Label(p.span, "this one")],
                )
    operands = input_operands(body, tensors, given, shown)
    types = [None if o is None else input_type(o, p) for o, p in zip(operands, tensors, strict=True)]
    numbering: dict[int, int] = {}
    key = (id(decl), tuple((k, key_of(_expanded(v), numbering)) for k, v in hypers.items()), type_key(types))
    special = None if shown in unit.broken else ctx.memo.get(key, MISSING)
    if special is IN_PLACE:
        return _in_place(body, decl, unit, hypers, operands, types, given, span)
    if special is None:
        return declared_results(body, decl, unit, tensors, types, hypers)
    if special is GOING:
        raise endless(body, shown, span)
    if special is MISSING:
        ctx.memo[key] = GOING
        with ctx.inside(f"{shown}({show_hypers(hypers)})", span):
            try:
                builder = Builder(shown, decl.span)
                inner = Body(ctx, unit, builder, dict(hypers), pure=True)
                special = elaborate_body(
                    inner,
                    decl,
                    None,
                    operands,
                    types,
                    [given[p.name.name].span for p in tensors],
                    body.builder,
                    tensors,
                )
            except BaseException:
                ctx.memo[key] = None
                raise
        if special is None and builder.reaches_out:
            ctx.memo[key] = IN_PLACE
            return _in_place(body, decl, unit, hypers, operands, types, given, span)
        ctx.memo[key] = special
        if special is None:
            return declared_results(body, decl, unit, tensors, types, hypers)
    node, _ = call_node(body, special, operands, types, None, span, [], hypers)
    body.builder.add(node)
    return results_of(node.outputs, [r.name for r in node.graph.results])


def _in_place(
    body: Body,
    decl: tree.Fn,
    unit: Any,
    hypers: dict[str, Any],
    operands: list[Any],
    types: list[Any],
    given: dict[str, Argument],
    span: Span,
) -> Any:
    """A ``fn`` that takes a gradient along what it is given, carried out as if it were written where it is used."""
    builder, shown = body.builder, decl.name.name
    inner = Body(body.ctx, unit, builder, dict(hypers), pure=True)
    tensors = [p for p in decl.params if isinstance(p.type, tree.ShapeType)]
    before = builder.letters, builder.hyper_names
    builder.letters, builder.hyper_names = {}, set(hypers)
    try:
        with body.ctx.inside(f"{shown}({show_hypers(hypers)})", span):
            letters = Letters()
            for p, t, o in zip(tensors, types, operands, strict=True):
                value = o if isinstance(o, Value) else None
                if t is not None and isinstance(p.type, tree.ShapeType):
                    at = given[p.name.name].span
                    match(inner, p.type, t, letters, f"`{p.name.name}` of `{shown}`", at, value)
                inner.scope[p.name.name] = o
            for star, sizes in letters.stars.items():
                inner.scope.setdefault(star, tuple(sizes))
            builder.letters.update(letters.sizes)
            with suppress(Returned):
                inner.run(decl.body.statements)
            if inner.failed:
                raise Poisoned
            results = body_results(inner, decl, letters)
    finally:
        builder.letters, builder.hyper_names = before
    values = [builder.own(r.value) for r in results]
    return values[0] if len(values) == 1 else Record(tuple(r.name for r in results), tuple(values))


def _expanded(value: Any) -> Any:
    return expand(value) if isinstance(value, Poly) else value


def _number_fn(body: Body, decl: tree.Fn, unit: Any, hypers: dict[str, Any], span: Span) -> Any:
    inner = Body(body.ctx, unit, body.builder, dict(hypers), pure=True)
    with body.ctx.inside(f"{decl.name.name}({show_hypers(hypers)})", span):
        with suppress(Returned):
            inner.run(decl.body.statements)
        if inner.failed:
            raise Poisoned
        if inner.results is None:
            raise refuse(TYP409, f"`{decl.name.name}` returns nothing", decl.name.span, "no `return` is reached")
        values = tuple(r.value for r in inner.results)
    return values[0] if len(values) == 1 else values
