"""Applying modules and functions to tensors: the specialisation of a block, elaborated once, and the node that uses it."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

from fanin.diagnostics import Label, Refusal
from fanin.diagnostics.codes import NAM222, SHP305, SHP308, TYP401, TYP405, TYP407, TYP409
from fanin.diagnostics.suggest import nearest
from fanin.elaborate.body import Body, Returned
from fanin.elaborate.builder import Builder
from fanin.elaborate.calls import apply_op, complained, port_operands, sort_arguments
from fanin.elaborate.construction import show_hypers
from fanin.elaborate.context import MAX_DEPTH, Specialisation, refuse
from fanin.elaborate.expressions import give_size, operand
from fanin.elaborate.hypers import Deferred, bind_hypers, default_of
from fanin.elaborate.instances import cell_of, children, copy_instance, first_difference, signature
from fanin.elaborate.policy import Policy, law_for, policy_of
from fanin.elaborate.signatures import Letters, axis_letters, check_result, local_types, match
from fanin.elaborate.values import (
    Argument,
    BlockConstructor,
    Composition,
    FnFunction,
    Instance,
    Parameter,
    Partial,
    Poisoned,
    Record,
    Repetition,
    Use,
    describe,
    key_of,
    structure_of,
    tensors_in,
)
from fanin.ir.dims import Dim, Poly, Symbol, expand, substitute
from fanin.ir.graph import (
    Apply,
    Call,
    Graph,
    ModuleRef,
    Node,
    Operand,
    Repeat,
    Result,
    Run,
    Scalar,
    StateRef,
    Value,
    Weight,
)
from fanin.ir.types import DType, TensorType
from fanin.ops.contract import Complaint, Op
from fanin.source import Span
from fanin.syntax import tree


def apply_instance(
    body: Body, instance: Instance, args: tuple[Argument, ...], flow: list[Any], span: Span
) -> Any:
    """A module on tensors: what flows in first, then the arguments."""
    target = instance.target
    if isinstance(target, Op):
        return apply_leaf(body, instance, args, flow, span)
    if isinstance(target, BlockConstructor):
        return apply_block(body, instance, args, flow, span)
    if isinstance(target, Composition):
        return apply_composition(body, instance, args, flow, span)
    return apply_row(body, instance, args, flow, span)


# ------------------------------------------------------------------------------------------------------ leaves


def apply_leaf(
    body: Body, instance: Instance, args: tuple[Argument, ...], flow: list[Any], span: Span
) -> Any:
    """PyTorch's own module. Its first application fixes the sizes of its weights."""
    op: Op[Any] = instance.target
    attrs = instance.hypers[""]
    shown = op.module or op.name
    to_ports, to_attrs, extra = sort_arguments(op, args, flow, span, shown)
    if to_attrs or extra:
        a = next(iter(to_attrs.values()), None) or extra[0]
        raise refuse(
            TYP407,
            f"`{shown}` is applied to tensors here; its options go into its own brackets",
            a.span,
            describe(a.value),
        )
    operands, owners = port_operands(body, op, to_ports, span, shown)
    made = {name: Argument(name, None, at) for name, at in instance.args.items()}
    types = tuple(None if o is None else o.type for o in operands)
    ref = body.builder.ref(instance)
    result = apply_op(body, op, attrs, operands, owners, ref, span, made, to_ports, shown)
    try:
        specs = op.params(attrs, *types)  # type: ignore[arg-type]
    except Complaint as complaint:
        raise complained(body, op, complaint, made, to_ports, span, shown) from None
    for spec in specs:
        for axis in spec.axes:
            if isinstance(axis.size, Poly):
                raise refuse(
                    SHP305,
                    f"the weights of `{shown}` hang on {axis.size}, which is open",
                    span,
                    f"this needs to know {axis.size}",
                    helps=[give_size(body, axis.size)],
                )
    if instance.uses:
        before = instance.uses[0]
        for mine, other in zip(specs, before.weights, strict=True):
            if mine.shape != other.spec.shape:
                raise two_sizes(
                    instance,
                    f"`{mine.name}` is {list(other.spec.shape)} and {list(mine.shape)}",
                    before.span,
                    span,
                )
    policy: Policy = body.builder.policy
    ties = {name[4:]: value for name, value in instance.options.items() if name.startswith("tie:")}
    weights = tuple(
        Weight(s, law_for(s, instance.options, policy), _tie(body, instance, ties.pop(s.name, None), s))
        for s in specs
    )
    for name, value in ties.items():
        raise refuse(
            TYP405,
            f"`{shown}` has no parameter `{name}` to tie",
            instance.args.get(name, instance.span),
            describe(value),
        )
    instance.uses.append(Use(None, types, weights, span, attrs))
    return result


def _tie(body: Body, instance: Instance, parameter: Parameter | None, spec: Any) -> StateRef | None:
    if parameter is None:
        return None
    shape = tuple(parameter.type.shape)
    if shape != spec.shape:
        at = instance.args.get(spec.name, instance.span)
        raise refuse(
            SHP308,
            f"a tied `{spec.name}` has to be {list(spec.shape)}, and this one is {list(shape)}",
            at,
            f"this is {parameter.type}",
        )
    return StateRef(
        None if parameter.instance is None else body.builder.ref(parameter.instance), parameter.name
    )


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


# ------------------------------------------------------------------------------------------------------ blocks


def sort_inputs(
    body: Body,
    params: tuple[tree.Param, ...],
    args: tuple[Argument, ...],
    flow: list[Any],
    span: Span,
    shown: str,
) -> dict[str, Argument]:
    """Which tensor goes to which input of a block."""
    given: dict[str, Argument] = {}
    names = [p.name.name for p in params]
    placed = [Argument(None, v, span) for v in flow] + [a for a in args if a.name is None]
    for a in args:
        if a.name is not None:
            if a.name not in names:
                near = nearest(a.name, names)
                raise refuse(
                    TYP405,
                    f"`{shown}` has no input `{a.name}`",
                    a.span,
                    "not one of them",
                    helps=[f"did you mean `{near}`?"] if near else [],
                )
            given[a.name] = a
    left = [n for n in names if n not in given]
    if len(placed) > len(left):
        extra = placed[len(left)]
        raise refuse(
            TYP407,
            f"`{shown}` takes {len(names)} tensor{'s' if len(names) != 1 else ''}, and {len(placed) + len(given)} come in",
            extra.span,
            describe(extra.value),
            [Label(params[-1].span, f"its inputs: {', '.join(names)}")] if params else [],
        )
    given.update(zip(left, placed, strict=False))
    for p in params:
        if p.name.name not in given:
            if isinstance(p.type, tree.ShapeType) and p.type.optional:
                given[p.name.name] = Argument(None, None, span)
                continue
            raise refuse(
                TYP407,
                f"`{shown}` takes {len(names)} tensor{'s' if len(names) != 1 else ''}, and `{p.name.name}` is missing",
                span,
                f"nothing for `{p.name.name}`",
                [Label(p.span, "this input")],
                helps=[f"write `{shown}(…)({', '.join(names)})`"]
                if len(names) > 1
                else [f"send it in: `x -> {shown}(…)`"],
            )
    return given


def input_operands(
    body: Body, params: tuple[tree.Param, ...], given: dict[str, Argument], shown: str
) -> list[Operand | None]:
    found: list[Operand | None] = []
    for p in params:
        a = given[p.name.name]
        if a.value is None:
            if not (isinstance(p.type, tree.ShapeType) and p.type.optional):
                raise refuse(
                    TYP401,
                    f"`{p.name.name}` of `{shown}` cannot be `none`",
                    a.span,
                    "none",
                    [Label(p.span, "no `?` behind its type")],
                )
            found.append(None)
        else:
            found.append(operand(body, a.value, a.span, f"`{p.name.name}` of `{shown}`: a tensor"))
    return found


def apply_block(
    body: Body, instance: Instance, args: tuple[Argument, ...], flow: list[Any], span: Span
) -> Any:
    constructor: BlockConstructor = instance.target
    decl = constructor.decl
    assert isinstance(decl, tree.Block)
    shown = decl.name.name
    given = sort_inputs(body, decl.inputs, args, flow, span, shown)
    operands = input_operands(body, decl.inputs, given, shown)
    ref = body.builder.ref(instance)
    node, use = block_node(
        body, instance, decl, constructor, operands, [given[p.name.name].span for p in decl.inputs], ref, span
    )
    body.builder.add(node)
    record_use(instance, use)
    return results_of(node.outputs, [r.name for r in node.graph.results])


def results_of(outputs: tuple[Value, ...], names: list[str]) -> Any:
    if len(outputs) == 1:
        return outputs[0]
    return Record(tuple(names), outputs)


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


def block_node(
    body: Body,
    instance: Instance,
    decl: tree.Block,
    constructor: BlockConstructor,
    operands: list[Operand | None],
    spans: list[Span],
    ref: ModuleRef | None,
    span: Span,
) -> tuple[Call, Use]:
    policy = policy_of(body, decl, constructor.file, instance.options, body.builder.policy)
    types = [None if o is None else _input_type(o, p) for o, p in zip(operands, decl.inputs, strict=True)]
    numbering: dict[int, int] = {}
    hyper_keys = tuple(
        (k, key_of(v, numbering) if not _owned(v, instance) else _owned_key(v, numbering))
        for k, v in instance.hypers.items()
    )
    key = (id(decl), hyper_keys, _type_key(types), policy.key)
    special = body.ctx.memo.get(key, _MISSING)
    if special is None:
        raise Poisoned
    if special is _MISSING:
        body.ctx.memo[key] = _GOING
        special = _elaborate_block(
            body, instance, decl, constructor, operands, types, spans, policy, span, key
        )
    elif special is _GOING:
        raise endless(body, decl.name.name, span)
    return call_node(body, special, operands, types, ref, span, [], instance.hypers)


_MISSING: Any = object()
_GOING: Any = object()


def _owned(value: Any, instance: Instance) -> bool:
    if isinstance(value, Instance):
        return value.home is instance
    return isinstance(value, (list, tuple)) and any(_owned(v, instance) for v in value)


def _owned_key(value: Any, numbering: dict[int, int]) -> Any:
    if isinstance(value, Instance):
        return ("owned", structure_of(value, numbering))
    return tuple(
        _owned_key(v, numbering) if isinstance(v, (Instance, list, tuple)) else key_of(v, numbering)
        for v in value
    )


def _input_type(found: Operand, p: tree.Param) -> TensorType:
    if isinstance(found, Scalar) and isinstance(p.type, tree.ShapeType) and p.type.dtype is None:
        return TensorType(DType.FLOAT, ())
    return found.type


def _type_key(types: list[TensorType | None]) -> tuple[Any, ...]:
    return tuple(
        None if t is None else (t.dtype, *(s if isinstance(s, int) else expand(s) for s in t.shape))
        for t in types
    )


def endless(body: Body, name: str, span: Span) -> Refusal:
    frames = [f.what.split("(")[0] for f in body.ctx.frames[-6:]]
    return refuse(
        NAM222,
        f"`{name}` calls itself without end",
        span,
        "the call that never ends",
        notes=[f"the chain of calls: {' -> '.join([*frames, name])}"],
        helps=["let an `if` on a hyper-parameter end it, as in `if len(widths) == 1 { return x }`"],
    )


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


def stand_ins(builder: Builder, hypers: dict[str, Any], instance: Instance | None) -> dict[str, Any]:
    """Hyper-parameters as the body sees them: a module handed over with its ownership is one of the body's own."""

    def local(name: str, value: Any) -> Any:
        if isinstance(value, Instance) and value.home is instance and instance is not None:
            twin = copy_instance(value)
            twin.home, twin.loose = builder, True
            builder.name_instance(twin, name)
            return twin
        if isinstance(value, list):
            return [local(f"{name}.{i}", v) for i, v in enumerate(value)]
        if isinstance(value, tuple):
            return tuple(local(f"{name}.{i}", v) for i, v in enumerate(value))
        return value

    return {name: local(name, value) for name, value in hypers.items()}


def _elaborate_block(
    body: Body,
    instance: Instance,
    decl: tree.Block,
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


def elaborate_body(
    inner: Body,
    decl: tree.Block | tree.Fn,
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
    hypers = dict(inner.scope)
    for name, size in hypers.items():
        if isinstance(size, Poly) and letters is None:
            builder.size_hypers[name] = symbol = Symbol(name, size)
            hypers[name] = inner.scope[name] = symbol * 1
    inputs = params if params is not None else decl.inputs if isinstance(decl, tree.Block) else ()
    shown = decl.name.name
    if letters is None:
        letters = Letters()
        names = [
            axis_letters(inner, p.type, 0 if t is None else t.rank, letters)
            for p, t in zip(inputs, types, strict=True)
        ]
        taken = set(inner.scope)
        local, builder.symbols, mapping = local_types(types, names, taken)
    else:
        local, mapping = types, {}
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
            match(inner, p.type, t, letters, f"`{p.name.name}`", at, value)
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
    for star, sizes in letters.stars.items():
        inner.scope.setdefault(star, tuple(sizes))
    for p, value in zip(inputs, values, strict=True):
        inner.scope[p.name.name] = value
    try:
        inner.run(decl.body.statements)
    except Returned:
        pass
    if inner.failed:
        return None
    if inner.results is None:
        raise refuse(
            TYP409,
            f"`{shown}` returns nothing",
            decl.name.span,
            "no `return` is reached",
            helps=["end its braces with `return …`"],
        )
    result_letters = Letters({**letters.sizes}, dict(letters.stars), dict(letters.places))
    span = inner.result_span or decl.span
    result_names = check_result(
        inner, decl.result, [r.value for r in inner.results], result_letters, span, shown
    )
    kept = tuple(Result(n, r.value) for n, r in zip(result_names, inner.results, strict=True))
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
    )
    return Specialisation(graph, builder.borrowed, [], size_origins(builder, graph))


def size_origins(builder: Builder, graph: Graph) -> list[Any]:
    """For each size that a graph is told: the hyper-parameter it is, or the symbol of the graph around."""
    by_symbol = {symbol: name for name, symbol in builder.size_hypers.items()}
    return [by_symbol.get(symbol, symbol) for symbol in graph.sizes]


def untold_sizes(builder: Builder) -> tuple[Symbol, ...]:
    """The open dimensions that nodes speak of and no input has as an axis, in order of first use."""
    axes = {
        s
        for p in builder.ports
        if p.value is not None
        for d in p.value.type.shape
        if isinstance(d, Poly)
        for s in d.symbols()
        if s * 1 == d
    }
    found: dict[Symbol, None] = {}

    def visit(value: Any) -> None:
        if isinstance(value, Poly):
            found.update((s, None) for s in sorted(value.symbols(), key=lambda s: s.name) if s not in axes)
        elif isinstance(value, (tuple, list)):
            for v in value:
                visit(v)
        elif is_dataclass(value) and not isinstance(value, type):
            for f in fields(value):
                visit(getattr(value, f.name))

    for node in builder.nodes:
        for operand_ in node.inputs:
            if isinstance(operand_, Scalar):
                visit(operand_.value)
        if isinstance(node, Apply):
            visit(node.attrs)
        elif isinstance(node, Call):
            visit(node.sizes)
        elif isinstance(node, Repeat):
            for run in node.runs:
                visit(getattr(run.call, "sizes", ()))
    return tuple(found)


def inner_hypers(hypers: dict[str, Any], scope: dict[str, Any]) -> list[tuple[str, Any]]:
    """Hyper-parameters that are plain data, as the IR keeps them; others by what a message calls them."""

    def plain(value: Any) -> Any:
        if value is None or isinstance(value, (bool, int, float, str, Poly)):
            return value
        if isinstance(value, (list, tuple)):
            return tuple(plain(v) for v in value)
        return describe(value)

    return [(k, plain(scope[k] if isinstance(v, Deferred) else v)) for k, v in hypers.items()]


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
) -> Graph:
    graph = Graph(
        name,
        kind,
        hypers,
        tuple(builder.symbols),
        tuple(builder.letters.items()),
        tuple(builder.ports),
        tuple(n for _, n in builder.borrowed),
        tuple(builder.nodes),
        results,
        children(builder, ctx),
        tuple(builder.states.values()),
        tuple(builder.setup),
        dict(builder.names),
        places,
        doc,
        span,
        promises,
        untold_sizes(builder),
    )
    ctx.parts[graph] = dict(builder.instances)
    return graph


# --------------------------------------------------------------------------------------------------- functions


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
                near = nearest(a.name, names)
                raise refuse(
                    TYP405,
                    f"`{shown}` has no argument `{a.name}`",
                    a.span,
                    "not one of them",
                    helps=[f"did you mean `{near}`?"] if near else [],
                )
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
    types = [None if o is None else _input_type(o, p) for o, p in zip(operands, tensors, strict=True)]
    numbering: dict[int, int] = {}
    key = (id(decl), tuple((k, key_of(_expanded(v), numbering)) for k, v in hypers.items()), _type_key(types))
    special = ctx.memo.get(key, _MISSING)
    if special is None:
        raise Poisoned
    if special is _GOING:
        raise endless(body, shown, span)
    if special is _MISSING:
        ctx.memo[key] = _GOING
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
        ctx.memo[key] = special
        if special is None:
            raise Poisoned
    node, _ = call_node(body, special, operands, types, None, span, [], hypers)
    body.builder.add(node)
    return results_of(node.outputs, [r.name for r in node.graph.results])


def _expanded(value: Any) -> Any:
    return expand(value) if isinstance(value, Poly) else value


def _number_fn(body: Body, decl: tree.Fn, unit: Any, hypers: dict[str, Any], span: Span) -> Any:
    inner = Body(body.ctx, unit, body.builder, dict(hypers), pure=True)
    with body.ctx.inside(f"{decl.name.name}({show_hypers(hypers)})", span):
        try:
            inner.run(decl.body.statements)
        except Returned:
            pass
        if inner.failed:
            raise Poisoned
        if inner.results is None:
            raise refuse(
                TYP409, f"`{decl.name.name}` returns nothing", decl.name.span, "no `return` is reached"
            )
        values = tuple(r.value for r in inner.results)
    return values[0] if len(values) == 1 else values


# ------------------------------------------------------------------------------------ compositions and repetitions


def apply_composition(
    body: Body, instance: Instance, args: tuple[Argument, ...], flow: list[Any], span: Span
) -> Any:
    """A named composition is a graph of its own; one without a name is as if its stages stood where it stands."""
    from fanin.elaborate.pipes import apply_element

    composition: Composition = instance.target
    values = [*flow, *(a.value for a in args)]
    named = [a for a in args if a.name is not None]
    if named:
        raise refuse(
            TYP405, f"a composition has no input `{named[0].name}`", named[0].span, "its tensors go by place"
        )
    if instance.loose:
        result: Any = None
        current = values
        for element in composition.elements:
            result = apply_element(body, element, current, element.span)
            current = spread(result)
        return (
            result
            if composition.elements
            else (values[0] if len(values) == 1 else Record(("",) * len(values), tuple(values)))
        )
    ref = body.builder.ref(instance)
    node, use = composition_node(body, instance, values, ref, span)
    body.builder.add(node)
    record_use(instance, use)
    return results_of(node.outputs, [r.name for r in node.graph.results])


def spread(value: Any) -> list[Any]:
    """What flows on: several results as so many tensors, a list as one value."""
    if isinstance(value, Record):
        return list(value.values)
    if isinstance(value, tuple):
        return list(value)
    return [value]


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
    special = ctx.memo.get(key, _MISSING)
    if special is None:
        raise Poisoned
    if special is _GOING:
        raise endless(body, "this composition", span)
    if special is _MISSING:
        ctx.memo[key] = _GOING
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
            result: Any = current[0] if len(current) == 1 else Record(("",) * len(current), tuple(current))
            for i, element in enumerate(composition.elements):
                before = len(builder.nodes)
                local_element = _stand_in(builder, element, element.label or str(i))
                result = apply_element(inner, local_element, current, element.span)
                current = spread(result)
                places = _place(places, builder, before, local_element)
            results = tuple(Result("", operand(inner, v, span)) for v in current)
            for capture in builder.captures:
                builder.ports.append(_capture_port(capture, span))
            captured = [next(i for i, v in enumerate(held) if v is c.outer) for c in builder.captures]
            if captured or len(results) != 1 or len(values) != 1:
                places = None
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


def _place(
    places: list[str | int] | None, builder: Builder, before: int, element: Any
) -> list[str | int] | None:
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
    if instance.cells or instance.row or repetition.count == 0:
        result = values[0] if len(values) == 1 else Record(("",) * len(values), tuple(values))
        for i in range(repetition.count):
            result = apply_element(body, with_core(repetition.cell, cell_of(instance, i)), values, span)
            values = spread(result)
        return result
    return _apply_whole_row(body, instance, repetition, values, ref, span)


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
        del builder.nodes[before:]
        reads = [n for n in added[:-1]]
        builder.nodes.extend(reads)  # parameters that the cell's arguments read
        node = added[-1]
        assert isinstance(node, (Call, Apply))
        extras = list(node.inputs[len(current) :])
        nexts = [operand(body, v, span) for v in spread(result)]
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
    builder.add(Repeat((*inputs, *extras), outputs, span, builder.loop, ref, repetition.count, tuple(runs)))
    return results_of(outputs, [""] * len(outputs))


def _same(a: Node, b: Node) -> bool:
    if isinstance(a, Call) and isinstance(b, Call):
        return a.graph is b.graph and a.lent == b.lent
    return (
        isinstance(a, Apply)
        and isinstance(b, Apply)
        and (a.op, a.attrs) == (b.op, b.attrs)
        and [v.type for v in a.outputs] == [v.type for v in b.outputs]
    )
