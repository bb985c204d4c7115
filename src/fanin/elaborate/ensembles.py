"""``ensemble(n, M)``: n copies of a module with stacked weights, each on its slice of what flows in."""

from __future__ import annotations

from typing import Any

from fanin.diagnostics import Label
from fanin.diagnostics.codes import SHP301, SHP306, TYP401, TYP407
from fanin.elaborate.body import Body
from fanin.elaborate.construction import construct
from fanin.elaborate.context import refuse
from fanin.elaborate.expressions import as_int, operand
from fanin.elaborate.inputs import results_of
from fanin.elaborate.regions import Region
from fanin.elaborate.values import (
    Argument,
    BlockConstructor,
    Composition,
    Instance,
    OpConstructor,
    Poisoned,
    Repetition,
    describe,
)
from fanin.ir.graph import Apply, Call, Ensemble, Result, Value
from fanin.source import Span

_USAGE = "write `ensemble(4, Linear(8))`"


def ensemble(body: Body, args: tuple[Argument, ...], span: Span) -> Instance:
    """The module that stands for all copies."""
    if len(args) != 2 or any(a.name for a in args):
        raise refuse(TYP407, "`ensemble` takes how many copies, and a module", span, "not these", helps=[_USAGE])
    number, module = args
    count = as_int(body, number.value, number.span, "the number of copies")
    if count < 1:
        raise refuse(TYP401, f"an ensemble has 1 copy or more, not {count}", number.span, "out of range")
    made = module.value
    if isinstance(made, (OpConstructor, BlockConstructor)):
        made = construct(body, made, (), module.span, module.span)
    if not isinstance(made, Instance) or not made.loose or made.copies:
        text = "what is copied is a module made here"
        raise refuse(TYP401, f"{text}, not {describe(made)}", module.span, describe(made), helps=[_USAGE])
    if isinstance(made.target, (Composition, Repetition)):
        text = "an ensemble is of one module, and this is several in a row"
        raise refuse(TYP401, text, module.span, describe(made), helps=["put them into a block"])
    wrapped = next((name for name in ("norm", "checkpoint") if name in made.options), None)
    if wrapped is not None:
        text = "the copies of an ensemble run as one operation: what is copied is the plain module"
        raise refuse(TYP401, text, module.span, "wrapped in something", helps=[_USAGE])
    made.copies = count
    return made


def apply_ensemble(body: Body, instance: Instance, args: tuple[Argument, ...], flow: list[Any], span: Span) -> Any:
    """Every copy on its slice along the first axis."""
    from fanin.elaborate.application import apply_instance

    count, builder = instance.copies, body.builder
    given = [*(Argument(None, v, span) for v in flow), *args]
    builder.ref(instance)
    region = Region(builder, span)
    wholes: list[Value] = []
    sliced: list[Argument] = []
    for a in given:
        whole = operand(body, a.value, a.span, "what flows into an ensemble: a tensor")
        whole = builder.own(whole)
        if not isinstance(whole, Value) or not whole.type.rank:
            raise refuse(SHP306, f"a copy gets a slice along the first axis, and {whole.type} has none", a.span)
        if body.ctx.facts.normal(whole.type.shape[0]) != count:
            raise refuse(
                SHP301,
                f"the ensemble has {count} copies, and the first axis of what flows in is {whole.type.shape[0]}",
                a.span,
                str(whole.type),
                [Label(instance.span, f"{count} copies")],
                helps=[f"give every copy the same with `broadcast_to(x, {count}, …)`"],
            )
        wholes.append(whole)
        slice_ = region.port(f"x{len(wholes)}", whole.type.with_shape(*whole.type.shape[1:]), a.span, builder, None)
        sliced.append(Argument(a.name, slice_, a.span))
    inner = Body(body.ctx, body.unit, region, dict(body.scope))
    instance.copies = 0
    try:
        apply_instance(inner, instance, tuple(sliced), [], span)
    finally:
        instance.copies = count
    body.failed |= inner.failed
    node = region.nodes[-1] if len(region.nodes) == 1 else None
    if not isinstance(node, (Call, Apply)) or node.module is None:
        raise Poisoned
    if isinstance(node, Call) and (node.lent or node.sizes):
        raise refuse(TYP401, "a copy of an ensemble uses nothing from outside", span, "uses another module, or a size")
    graph = region.graph([Result("", v) for v in node.outputs])
    outputs = tuple(builder.value(v.type.with_shape(count, *v.type.shape)) for v in node.outputs)
    builder.add(Ensemble(tuple(wholes), outputs, span, builder.loop, graph, node.module, count))
    names = [r.name for r in node.graph.results] if isinstance(node, Call) else list(node.op.results or ())
    return results_of(outputs, [*names, *[""] * (len(outputs) - len(names))])
