"""``grad(y, x)``: the gradient of the sum of y, itself differentiable."""

from __future__ import annotations

from typing import Any

from fanin.diagnostics.codes import TYP401, TYP407, TYP408
from fanin.elaborate.body import Body
from fanin.elaborate.builder import Builder
from fanin.elaborate.context import refuse
from fanin.elaborate.expressions import operand
from fanin.elaborate.regions import Region
from fanin.elaborate.values import Argument, Poisoned, describe
from fanin.ir.graph import Grad, Value
from fanin.ir.types import DType
from fanin.source import Span


def grad(body: Body, args: tuple[Argument, ...], span: Span) -> Any:
    """The node that gives it; x has to be a tensor that y is computed from in this body."""
    named = {a.name or ("y", "x", "")[min(i, 2)]: a for i, a in enumerate(args)}
    if set(named) != {"y", "x"} or len(args) != 2:
        usage = "write `grad(y, x)`: the gradient of `sum(y)` at `x`"
        raise refuse(TYP407, "`grad` takes y and x", span, "not these two", helps=[usage])
    builder = _where(body, named["y"].value)
    if builder is not body.builder:
        body = Body(body.ctx, body.unit, builder, dict(body.scope), pure=body.pure)
    found = {}
    for name in ("y", "x"):
        a = named[name]
        value = operand(body, a.value, a.span, f"`{name}` of `grad`: a tensor")
        value = body.builder.own(value)
        if not isinstance(value, Value):
            raise refuse(TYP401, f"`{name}` of `grad` is a tensor, not {describe(a.value)}", a.span, describe(a.value))
        if value.type.dtype is not DType.FLOAT:
            raise refuse(
                TYP408, f"a gradient is of float numbers, and `{name}` is {value.type}", a.span, str(value.type)
            )
        found[name] = value
    y, x = found["y"], found["x"]
    if not _hangs_on(body.builder, y, x):
        if body.pure and x.index in body.builder.port_origins and y.index in _from_outside(body.builder):
            body.builder.reaches_out = True  # a `fn` that gets both: the body that uses it may know the way
            raise Poisoned
        raise refuse(
            TYP401,
            f"`{named['y'].span.text}` is not computed from `{named['x'].span.text}` here, so it has no gradient there",
            named["x"].span,
            "not on the way",
            helps=["bind x first, and compute y from that"],
        )
    out = body.builder.value(x.type)
    body.builder.add(Grad((y, x), (out,), span, body.builder.loop))
    return out


def _from_outside(builder: Builder) -> set[int]:
    """The values of a graph that are computed from what came in."""
    found = set(builder.port_origins)
    for node in builder.nodes:
        if any(isinstance(o, Value) and o.index in found for o in node.inputs):
            found.update(v.index for v in node.outputs)
    return found


def _where(body: Body, y: Any) -> Builder:
    """Where y is computed, and so its gradient: in `update w = w - grad(y, w)` it is the graph around."""
    builder = body.builder
    while isinstance(y, Value) and isinstance(builder, Region) and builder.is_way and id(y) not in builder.owners:
        builder = builder.outer
    return builder


def _hangs_on(builder: Builder, y: Value, x: Value) -> bool:
    """Whether a gradient can flow from y to x."""
    live = {y.index}
    for node in reversed(builder.nodes):
        if (
            any(v.index in live for v in node.outputs)
            and getattr(getattr(node, "op", None), "name", "") != "stop_gradient"
        ):
            if x.index in live:
                return True
            live.update(o.index for o in node.inputs if isinstance(o, Value) and o.type.dtype is DType.FLOAT)
    return x.index in live
