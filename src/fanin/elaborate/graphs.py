"""From a body to a graph: inputs bound, statements run, results held to what is declared."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

from fanin.diagnostics import Refusal
from fanin.diagnostics.codes import TYP401, TYP409
from fanin.elaborate.body import Body, Returned
from fanin.elaborate.builder import Builder
from fanin.elaborate.context import Specialisation, refuse
from fanin.elaborate.hypers import Deferred, default_of
from fanin.elaborate.instances import children, copy_instance
from fanin.elaborate.signatures import Letters, axis_letters, check_result, local_types, match
from fanin.elaborate.values import (
    Instance,
    describe,
)
from fanin.ir.dims import Poly, Symbol
from fanin.ir.graph import Graph, Node, Operand, Repeat, Result, Value
from fanin.ir.types import TensorType
from fanin.ir.untold import untold_sizes
from fanin.source import Span
from fanin.syntax import tree


def elaborate_body(
    inner: Body,
    decl: tree.Block | tree.Fn | tree.Extern,
    instance: Instance | None,
    operands: list[Operand | None] | None,
    types: list[TensorType | None],
    spans: list[Span],
    outer: Builder | None,
    params: tuple[tree.Param, ...] | None = None,
    letters: Letters | None = None,
) -> Specialisation | None:
    """Bind the inputs, run the statements, hold the results to what is declared, and make the graph."""
    ctx, builder = inner.ctx, inner.builder
    shown = decl.name.name
    inputs = params if params is not None else () if isinstance(decl, tree.Fn) else decl.inputs
    hypers, letters = enter_body(inner, shown, inputs, instance, operands, types, spans, outer, letters)
    if isinstance(decl, tree.Extern):
        from fanin.elaborate.externs import extern_graph

        graph = extern_graph(inner, decl, tuple(inner_hypers(hypers, inner.scope)), letters)
        return Specialisation(graph, [], [], size_origins(builder, graph))
    with suppress(Returned):
        inner.run(decl.body.statements)
    if inner.failed:
        return None
    try:
        kept = body_results(inner, decl, letters)
    except Refusal as refusal:  # of this body, and no fault of the one that uses it
        ctx.report(refusal.diagnostic)
        return None
    backwards = None
    if isinstance(decl, tree.Block) and decl.inverse is not None:
        from fanin.elaborate.inverses import inverse_graph

        try:
            backwards = inverse_graph(inner, decl, kept, letters)
        except Refusal as refusal:
            ctx.report(refusal.diagnostic)
        if backwards is None:
            return None
    kind = "fn" if isinstance(decl, tree.Fn) else "model" if decl.is_model else "block"
    graph = finish(
        builder,
        shown,
        kind,
        tuple((k, v) for k, v in inner_hypers(hypers, inner.scope)),
        kept,
        ctx,
        decl.doc,
        decl.span,
        tuple(inner.promises),
        inverse=backwards,
    )
    if decl.attributes:
        from fanin.elaborate.marks import with_marks

        try:
            graph = with_marks(graph, decl, ctx)
        except Refusal as refusal:
            ctx.report(refusal.diagnostic)
            return None
    return Specialisation(graph, builder.borrowed, [], size_origins(builder, graph))


def enter_body(
    inner: Body,
    shown: str,
    inputs: tuple[tree.Param, ...],
    instance: Instance | None,
    operands: list[Operand | None] | None,
    types: list[TensorType | None],
    spans: list[Span],
    outer: Builder | None,
    letters: Letters | None,
) -> tuple[dict[str, Any], Letters]:
    """Bind hyper-parameters, dimensions and inputs in the scope of a body; both as they are then known."""
    builder = inner.builder
    hypers = dict(inner.scope)
    for name, size in hypers.items():
        if isinstance(size, Poly) and letters is None:
            builder.size_hypers[name] = symbol = Symbol(name, size)
            hypers[name] = inner.scope[name] = symbol * 1
    if letters is None:
        letters = Letters()
        names = [
            axis_letters(inner, p.type, 0 if t is None else t.rank, letters) for p, t in zip(inputs, types, strict=True)
        ]
        taken = set(inner.scope)
        local, builder.symbols, _ = local_types(types, names, taken)
    else:
        local = types
        builder.symbols = sorted(
            {s for t in types if t is not None for d in t.shape if isinstance(d, Poly) for s in d.symbols()},
            key=lambda s: s.name,
        )
    values: list[Value | None] = []
    for p, t, o in zip(inputs, local, operands or [None] * len(local), strict=True):
        values.append(builder.port(p.name.name, t, p.span, outer if operands is not None else None, o))
    for p, t, value, at in zip(inputs, local, values, spans, strict=True):
        if not isinstance(p.type, tree.ShapeType):
            raise refuse(
                TYP401,
                f"the input `{p.name.name}` needs a tensor's type, such as `[N, 3, H, W]`",
                p.span,
                "no shape",
            )
        if t is not None:
            match(inner, p.type, t, letters, f"`{p.name.name}` of `{shown}`", at, value)
    builder.letters.update(letters.sizes)
    inner.scope = stand_ins(builder, hypers, instance)
    for name, value in list(inner.scope.items()):
        if isinstance(value, Deferred):
            inner.scope[name] = default_of(
                inner,
                inner.unit,
                value.param,
                {k: v for k, v in inner.scope.items() if not isinstance(v, Deferred)},
                builder.letters,
            )
    builder.hyper_names = set(inner.scope)
    for star, sizes in letters.stars.items():
        inner.scope.setdefault(star, tuple(sizes))
    for p, value in zip(inputs, values, strict=True):
        inner.scope[p.name.name] = value
    return hypers, letters


def body_results(inner: Body, decl: tree.Block | tree.Fn, letters: Letters) -> tuple[Result, ...]:
    """The results, once they are what the declaration says."""
    shown = decl.name.name
    if inner.results is None:
        raise refuse(
            TYP409,
            f"`{shown}` returns nothing",
            decl.name.span,
            "no `return` is reached",
            helps=["end its braces with `return …`"],
        )
    known = Letters({**letters.sizes}, dict(letters.stars), dict(letters.places))
    values = [r.value for r in inner.results]
    return check_result(inner, decl.result, values, known, inner.result_span or decl.span, shown)


def stand_ins(builder: Builder, hypers: dict[str, Any], instance: Instance | None) -> dict[str, Any]:
    """Hyper-parameters as the body sees them: a module handed over with its ownership is one of the body's own."""

    def local(name: str, value: Any) -> Any:
        if isinstance(value, Instance) and value.home is instance and instance is not None:
            twin = copy_instance(value)
            twin.home, twin.loose = builder, True
            builder.name_instance(twin, name)
            builder.handed.add(name)
            return twin
        if isinstance(value, list):
            return [local(f"{name}.{i}", v) for i, v in enumerate(value)]
        if isinstance(value, tuple):
            return tuple(local(f"{name}.{i}", v) for i, v in enumerate(value))
        return value

    return {name: local(name, value) for name, value in hypers.items()}


def size_origins(builder: Builder, graph: Graph) -> list[Any]:
    """For each size that a graph is told: the hyper-parameter it is, or the symbol of the graph around."""
    by_symbol = {symbol: name for name, symbol in builder.size_hypers.items()}
    return [by_symbol.get(symbol, symbol) for symbol in graph.sizes]


def inner_hypers(hypers: dict[str, Any], scope: dict[str, Any]) -> list[tuple[str, Any]]:
    """Hyper-parameters that are plain data, as the IR keeps them; others by what a message calls them."""

    def plain(value: Any) -> Any:
        if value is None or isinstance(value, (bool, int, float, str, Poly)):
            return value
        if isinstance(value, (list, tuple)):
            return tuple(plain(v) for v in value)
        return describe(value)

    return [(k, plain(scope[k] if isinstance(v, Deferred) else v)) for k, v in hypers.items()]


def with_roles(nodes: list[Node], roles: list[tuple[int, int, str]]) -> list[Node]:
    """Nodes with what the statements that made them are for; the innermost says it."""
    for start, stop, role in roles:
        nodes[start:stop] = [node if node.role else _for(node, role) for node in nodes[start:stop]]
    return nodes


def _for(node: Node, role: str) -> Node:
    """A node with a role, and those of a repetition with it."""
    if isinstance(node, Repeat):
        runs = tuple(
            replace(run, call=run.call if run.call.role else replace(run.call, role=role)) for run in node.runs
        )
        return replace(node, role=role, runs=runs)
    return replace(node, role=role)


def finish(
    builder: Builder,
    name: str,
    kind: str,
    hypers: tuple[tuple[str, Any], ...],
    results: tuple[Result, ...],
    ctx: Any,
    doc: str,
    span: Span,
    promises: tuple[Any, ...] = (),
    places: tuple[str | int, ...] | None = None,
    inverse: Graph | None = None,
    foreign: str = "",
) -> Graph:
    graph = Graph(
        name,
        kind,
        hypers,
        tuple(builder.symbols),
        tuple(builder.letters.items()),
        tuple(builder.ports),
        tuple(n for _, n in builder.borrowed),
        (*with_roles(builder.nodes, builder.roles), *builder.ends),
        results,
        children(builder, ctx),
        tuple(builder.states.values()),
        tuple(builder.setup),
        dict(builder.names),
        places,
        doc,
        span,
        promises,
        untold_sizes(builder.ports, builder.nodes),
        inverse,
        foreign,
        laws=tuple(builder.laws),
        edges=tuple(builder.edges),
    )
    ctx.parts[graph] = dict(builder.instances)
    return graph
