"""One graph for each specialisation of a block: when a use needs a new one, and the node that uses it."""

from __future__ import annotations

from typing import Any

from fanin.diagnostics import Label, Refusal
from fanin.diagnostics.codes import NAM222, SHP308
from fanin.elaborate.body import Body
from fanin.elaborate.builder import Builder
from fanin.elaborate.construction import show_hypers
from fanin.elaborate.context import MAX_DEPTH, Specialisation, refuse
from fanin.elaborate.graphs import elaborate_body
from fanin.elaborate.inputs import input_type
from fanin.elaborate.instances import first_difference, signature
from fanin.elaborate.policy import Policy, policy_of
from fanin.elaborate.values import (
    BlockConstructor,
    Instance,
    Poisoned,
    Use,
    key_of,
    structure_of,
)
from fanin.ir.dims import Dim, Poly, Symbol, expand, substitute
from fanin.ir.graph import (
    Call,
    ModuleRef,
    Operand,
    Value,
)
from fanin.ir.types import TensorType
from fanin.source import Span
from fanin.syntax import tree


def block_node(
    body: Body,
    instance: Instance,
    decl: tree.Block | tree.Extern,
    constructor: BlockConstructor,
    operands: list[Operand | None],
    spans: list[Span],
    ref: ModuleRef | None,
    span: Span,
) -> tuple[Call, Use]:
    policy = policy_of(body, decl, constructor.file, instance.options, body.builder.policy)
    types = [None if o is None else input_type(o, p) for o, p in zip(operands, decl.inputs, strict=True)]
    numbering: dict[int, int] = {}
    hyper_keys = tuple(
        (k, key_of(v, numbering) if not _owned(v, instance) else _owned_key(v, numbering))
        for k, v in instance.hypers.items()
    )
    key = (id(decl), hyper_keys, type_key(types), policy.key)
    if decl.name.name in constructor.file.broken:
        raise Poisoned
    special = body.ctx.memo.get(key, MISSING)
    if special is None:
        raise Poisoned
    if special is MISSING:
        body.ctx.memo[key] = GOING
        special = _specialise(body, instance, decl, constructor, operands, types, spans, policy, span, key)
    elif special is GOING:
        raise endless(body, decl.name.name, span)
    return call_node(body, special, operands, types, ref, span, [], instance.hypers)


MISSING: Any = object()


GOING: Any = object()
IN_PLACE: Any = object()  # a `fn` that is no graph of its own, but a part of each body that uses it


def _owned(value: Any, instance: Instance) -> bool:
    if isinstance(value, Instance):
        return value.home is instance
    return isinstance(value, (list, tuple)) and any(_owned(v, instance) for v in value)


def _owned_key(value: Any, numbering: dict[int, int]) -> Any:
    if isinstance(value, Instance):
        return ("owned", structure_of(value, numbering))
    return tuple(
        _owned_key(v, numbering) if isinstance(v, (Instance, list, tuple)) else key_of(v, numbering) for v in value
    )


def type_key(types: list[TensorType | None]) -> tuple[Any, ...]:
    return tuple(
        None if t is None else (t.dtype, *(s if isinstance(s, int) else expand(s) for s in t.shape)) for t in types
    )


def _specialise(
    body: Body,
    instance: Instance,
    decl: tree.Block | tree.Extern,
    constructor: BlockConstructor,
    operands: list[Operand | None],
    types: list[TensorType | None],
    spans: list[Span],
    policy: Policy,
    span: Span,
    key: Any,
) -> Specialisation:
    ctx, unit = body.ctx, constructor.file
    shown = decl.name.name
    frame = f"{shown}({show_hypers(instance.hypers)})"
    if len(ctx.frames) >= MAX_DEPTH:
        ctx.memo[key] = None
        raise endless(body, shown, span)
    ctx.used.add(id(decl))
    with ctx.inside(frame, span):
        try:
            builder = Builder(shown, decl.span)
            builder.policy = policy
            inner = Body(ctx, unit, builder, dict(instance.hypers))
            special = elaborate_body(inner, decl, instance, operands, types, spans, body.builder)
        except BaseException:
            ctx.memo[key] = None
            raise
    ctx.memo[key] = special
    if special is None:
        raise Poisoned
    return special


def call_node(
    body: Body,
    special: Specialisation,
    operands: list[Operand | None],
    types: list[TensorType | None],
    ref: ModuleRef | None,
    span: Span,
    held: list[Value],
    hypers: dict[str, Any],
) -> tuple[Call, Use]:
    """The node that uses a graph, with the result types in the caller's own letters."""
    graph = special.graph
    mapping: dict[Symbol, Dim] = {}
    inputs = [o for o in operands if o is not None]
    inputs += [held[i] for i in special.captured]
    actual = [*(t for t in types if t is not None), *(held[i].type for i in special.captured)]
    inner = [p.value.type for p in graph.ports if p.value is not None]
    for mine, outer in zip(inner, actual, strict=True):
        for a, b in zip(mine.shape, outer.shape, strict=True):
            if isinstance(a, Poly):
                for symbol in a.symbols():
                    if symbol not in mapping and symbol * 1 == a:
                        mapping[symbol] = b
    sizes: list[Dim] = []
    for symbol, origin in zip(graph.sizes, special.sizes, strict=True):
        size = hypers[origin] if isinstance(origin, str) else symbol * 1
        sizes.append(size)
        mapping[symbol] = size
    outputs = tuple(
        body.builder.value(
            TensorType(
                r.value.type.dtype,
                tuple(s if isinstance(s, int) else substitute(s, mapping) for s in r.value.type.shape),
            )
        )
        for r in graph.results
    )
    lent = tuple(body.builder.ref(i) for i, _ in special.borrowed)
    node = Call(
        tuple(body.builder.own(i) for i in inputs),
        outputs,
        span,
        body.builder.loop,
        graph,
        ref,
        lent,
        tuple(sizes),
    )
    return node, Use(graph, tuple(types), (), span)


def record_use(instance: Instance, use: Use) -> None:
    """Remember an application. Another one has to agree with the first in what it is made of."""
    if use.graph is not None and instance.uses and all(u.graph is not use.graph for u in instance.uses):
        before = instance.uses[0]
        assert before.graph is not None
        a, b = signature(before.graph), signature(use.graph)
        if a != b:
            raise two_sizes(instance, first_difference(a, b), before.span, use.span)
    if all(u.graph is not use.graph for u in instance.uses) or use.graph is None:
        instance.uses.append(use)


def two_sizes(instance: Instance, what: str, first: Span, second: Span) -> Refusal:
    name = f"`{instance.key}`" if instance.key else f"this `{instance.what}`"
    return refuse(
        SHP308,
        f"{name} is one module, used on two widths: {what}",
        second,
        "the second use",
        [Label(first, "the first use fixed its weights"), Label(instance.span, "made here")]
        if first != second
        else [Label(instance.span, "made here")],
        helps=["make a second module, or bring both to one width first"],
    )


def endless(body: Body, name: str, span: Span) -> Refusal:
    body.ctx.endless = True
    frames = [f.what.split("(")[0] for f in body.ctx.frames[-6:]]
    chain = " -> ".join([*frames, name])
    return refuse(
        NAM222,
        f"`{name}` calls itself without end",
        span,
        "the call that never ends",
        notes=[f"the chain of calls: {chain}"] if len({*frames, name}) > 1 else [],
        helps=["let an `if` on a hyper-parameter end it, as in `if depth == 0 { return x }`"],
    )
