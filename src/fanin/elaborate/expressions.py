"""Numbers, strings, lists, conditionals, members: the expressions that are no calls and no pipes."""

from __future__ import annotations

from typing import Any

from fanin.diagnostics import Fix, Label, Refusal
from fanin.diagnostics.codes import NAM208, NAM209, SHP305, TYP401, TYP402, TYP411
from fanin.diagnostics.model import Edit
from fanin.diagnostics.suggest import nearest
from fanin.elaborate.body import Body, evaluates
from fanin.elaborate.context import refuse
from fanin.elaborate.foreign import method
from fanin.elaborate.instances import cell_of, parts_of, uses_of
from fanin.elaborate.values import (
    FLOW,
    BlockConstructor,
    Composition,
    Instance,
    Parameter,
    Record,
    Repetition,
    describe,
    is_tensor,
)
from fanin.ir.dims import Poly, expand, symbols_of
from fanin.ir.facts import AllOf, AnyOf, Compare, Verdict
from fanin.ir.graph import Operand, Scalar, Value
from fanin.ir.types import TensorType
from fanin.ops.contract import Op
from fanin.ops.registry import names as op_names
from fanin.source import Span
from fanin.syntax import tree


@evaluates(tree.Number)
def _number(body: Body, expr: tree.Number) -> Any:
    return expr.value


@evaluates(tree.String, tree.Bool)
def _literal(body: Body, expr: tree.String | tree.Bool) -> Any:
    return expr.value


@evaluates(tree.NoneValue)
def _none(body: Body, expr: tree.NoneValue) -> Any:
    return None


@evaluates(tree.Dots)
def _dots(body: Body, expr: tree.Dots) -> Any:
    return FLOW


@evaluates(tree.Paren)
def _paren(body: Body, expr: tree.Paren) -> Any:
    return body.evaluate(expr.value)


@evaluates(tree.TupleExpr)
def _tuple(body: Body, expr: tree.TupleExpr) -> Any:
    return tuple(body.evaluate(item) for item in expr.items)


@evaluates(tree.ListExpr)
def _list(body: Body, expr: tree.ListExpr) -> Any:
    return [body.evaluate(item) for item in expr.items]


@evaluates(tree.Conditional)
def _conditional(body: Body, expr: tree.Conditional) -> Any:
    way = asked(expr.test)
    if way is not None:
        from fanin.elaborate.training import either

        return either(body, *((expr.then, expr.otherwise) if way else (expr.otherwise, expr.then)), expr.span)
    return body.evaluate(expr.then if decide(body, expr.test) else expr.otherwise)


# ----------------------------------------------------------------------------------------------- decisions


def asked(test: tree.Expr) -> bool | None:
    """True for ``training``, False for ``not training``, None for what is settled when the spec is compiled."""
    while isinstance(test, tree.Paren):
        test = test.value
    if isinstance(test, tree.Unary) and test.op == "not":
        inner = asked(test.operand)
        return None if inner is None else not inner
    return True if isinstance(test, tree.Ident) and test.name == "training" else None


def decide(body: Body, expr: tree.Expr) -> bool:
    """A condition that is settled when the spec is compiled. Raises a refusal where it hangs on an open dimension."""
    value = body.evaluate(expr)
    if isinstance(value, bool):
        return value
    if isinstance(value, (Compare, AnyOf, AllOf)):
        verdict = body.ctx.facts.verdict(value)
        if verdict is Verdict.PROVED:
            return True
        if body.ctx.facts.verdict(value.negated()) is Verdict.PROVED:
            return False
        raise refuse(
            SHP305,
            f"`{value}` is not known when the spec is compiled: it hangs on an open dimension",
            expr.span,
            "decides what is built",
            open_labels(body, value),
            helps=[give_size(body, value)],
        )
    if is_tensor(value):
        raise refuse(
            TYP402,
            "a tensor cannot decide what is built: its numbers are not known when the spec is compiled",
            expr.span,
            describe(value),
            helps=["choose between tensors with `where(test, a, b)`"],
        )
    raise refuse(TYP401, f"a condition is true or false, and this is {describe(value)}", expr.span, describe(value))


def open_symbols(body: Body, value: Any) -> list[str]:
    """The open dimensions that something hangs on, in the model's own letters."""
    symbols: set[str] = set()
    work = [value]
    while work:
        v = work.pop()
        if isinstance(v, Poly):
            symbols.update(s.name for s in symbols_of(expand(v)))
        elif isinstance(v, Compare):
            work += [v.left, v.right]
        elif isinstance(v, (AnyOf, AllOf)):
            work += list(v.options if isinstance(v, AnyOf) else v.parts)
    return sorted(symbols)


def give_size(body: Body, value: Any) -> str:
    """How to give the sizes that something hangs on."""
    names = open_symbols(body, value)
    flags = " ".join(f"-p {name}=…" for name in names)
    if not flags:
        return "give the sizes when the model is built, with -p"
    numbers = "a number for it" if len(names) == 1 else "numbers for them"
    return f"give the size when the model is built, `{flags}`, or write {numbers} in the type of the input"


def open_labels(body: Body, value: Any) -> list[Label]:
    """Where the open dimensions come in."""
    places = body.ctx.open_places
    return [Label(places[n], f"`{n}` is left open here") for n in open_symbols(body, value) if n in places]


def as_int(body: Body, value: Any, span: Span, what: str) -> int:
    """A whole number known when the spec is compiled."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, Poly):
        normal = body.ctx.facts.normal(value)
        if isinstance(normal, int):
            return normal
        raise refuse(
            SHP305,
            f"{what} has to be known when the spec is compiled, and {value} is open",
            span,
            f"open: {value}",
            open_labels(body, value),
            helps=[give_size(body, value)],
        )
    raise refuse(TYP401, f"{what} is a whole number, not {describe(value)}", span, describe(value))


# ----------------------------------------------------------------------------------------------- operands


def operand(body: Body, value: Any, span: Span, what: str = "a tensor") -> Operand:
    """A value as an input of a node: a tensor, a parameter read, a number."""
    if isinstance(value, Value):
        return body.builder.own(value)
    if isinstance(value, Parameter):
        return body.builder.read(value, span)
    if isinstance(value, (bool, int, float, Poly)):
        return Scalar(value)
    if isinstance(value, Record) and len(value.values) == 1:
        return operand(body, value.values[0], span, what)
    if isinstance(value, Record):
        names = ", ".join(f"`.{n}`" for n in value.names if n)
        raise refuse(
            TYP411,
            f"{what} is wanted here, and these are {len(value.values)} results",
            span,
            describe(value),
            helps=[f"take one of them: {names}"] if names else [],
        )
    raise refuse(
        TYP401, f"{what} is wanted here, not {describe(value)}", span, describe(value), helps=_as_tensor(value, span)
    )


def _as_tensor(value: Any, span: Span) -> list[str]:
    """How something that is no tensor becomes one."""
    if isinstance(value, Instance):
        short = len(span.text) < 40 and "\n" not in span.text
        return [f"a module is applied first: `x -> {span.text}`" if short else "a module is applied first"]
    if isinstance(value, (list, tuple)) and any(is_tensor(v) for v in value):
        return ["join them with `concat` or `stack`, or take one of them"]
    return ["an optional input is told apart with `if x != none { … }`"] if value is None else []


def renamed(near: str | None, span: Span) -> Fix | None:
    """The offer to write another name."""
    return Fix(f"did you mean `{near}`?", (Edit(span, near),)) if near else None


# ----------------------------------------------------------------------------------------------- members


@evaluates(tree.Member)
def _member(body: Body, expr: tree.Member) -> Any:
    value = body.evaluate(expr.value)
    name = expr.name.name
    if isinstance(value, Record):
        if name in value.names:
            return value.values[value.names.index(name)]
        near = nearest(name, [n for n in value.names if n])
        known = ", ".join(f"`{n}`" for n in value.names if n) or "none of them has a name"
        raise refuse(
            NAM208,
            f"there is no result `{name}`: {known}",
            expr.name.span,
            "no such result",
            fix=renamed(near, expr.name.span),
        )
    if is_tensor(value):
        if name == "shape":
            return tuple(value.type.shape)
        raise no_method(expr, name)
    if isinstance(value, Instance):
        return member_of(body, value, name, expr.name.span)
    raise refuse(NAM209, f"{describe(value)} has no member `{name}`", expr.name.span, "not a member")


def no_method(expr: tree.Member, name: str) -> Refusal:
    """``x.mean(1)``: tensors have no methods."""
    meant = method(name, expr.value.span, expr.name.span)
    fix = None
    helps = []
    if meant is not None and meant.text is not None:
        fix = Fix(
            f"write `{meant.text}`" if len(meant.text) < 60 else "write it as a function",
            (Edit(meant.span, meant.text),),
        )
        helps = [meant.help] if meant.help else []
    else:
        near = nearest(name, op_names())
        helps = [f"the nearest function is `{near}`"] if near else []
    headline = f"tensors have no `.{name}`: functions are called by their names"
    return refuse(NAM209, headline, expr.name.span, "not a member", helps=helps, fix=fix)


def member_of(body: Body, instance: Instance, name: str, span: Span) -> Any:
    """``inst.weight``, or a module inside another one."""
    target = instance.target
    uses = uses_of(body.ctx, instance)
    if isinstance(target, Op):
        if not uses:
            raise refuse(
                NAM209,
                f"the sizes of `{instance.what}` are not known yet: `.{name}` can be read once something has flowed in",
                span,
                "read too early",
                [Label(instance.span, "nothing has flowed through it yet")],
                helps=["use it first: the statement that sends something through it has to stand above"],
            )
        for weight in uses[0].weights:
            if weight.spec.name == name:
                return Parameter(instance, name, TensorType(weight.spec.dtype, weight.spec.shape))
        known = [w.spec.name for w in uses[0].weights]
        near = nearest(name, known)
        raise refuse(
            NAM209,
            f"`{instance.what}` has no parameter `{name}`: {', '.join(known) or 'it has none'}",
            span,
            "no such parameter",
            fix=renamed(near, span),
        )
    if isinstance(target, (BlockConstructor, Composition)):
        if not uses:
            raise refuse(
                NAM209,
                f"`{instance.what}` has not been used yet: what is in it can be read after its first use",
                span,
                "read too early",
                [Label(instance.span, "nothing has flowed through it yet")],
                helps=["use it first: the statement that sends something through it has to stand above"],
            )
        parts = parts_of(body.ctx, instance)
        if name in parts:
            return inner_instance(instance, parts[name], name)
        states = {s.name: s for s in uses[0].graph.states} if uses[0].graph else {}
        if name in states:
            return Parameter(instance, name, states[name].type)
        near = nearest(name, [*parts, *states])
        raise refuse(
            NAM209,
            f"`{instance.what}` has no module or parameter `{name}`",
            span,
            "no such part",
            fix=renamed(near, span),
        )
    raise refuse(NAM209, f"{describe(instance)} has no member `{name}`", span, "not a member")


def inner_instance(outer: Instance, part: Instance, key: str) -> Instance:
    """A module inside another, as seen from outside: the same wherever it is asked for."""
    twin = outer.cells.get(key)
    if twin is None:
        twin = Instance(part.target, part.hypers, part.span, outer, key, part.options, part.uses, args=part.args)
        outer.cells[key] = twin
    return twin


def elements_of(body: Body, value: Any, span: Span) -> list[Any]:
    """A list, tuple, or the modules of a repetition or composition."""
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, Instance) and isinstance(value.target, Repetition):
        return [cell_of(value, i) for i in range(value.target.count)]
    if isinstance(value, Instance) and isinstance(value.target, Composition):
        return [place_of(value, i) for i in range(len(value.target.elements))]
    if isinstance(value, range):
        return list(value)
    if is_tensor(value):
        raise refuse(
            TYP402,
            "a tensor is not looped over when the spec is compiled",
            span,
            describe(value),
            helps=["use `scan(cell, xs, …)` for a recurrence, or `unbind(x)` for a list of slices"],
        )
    raise refuse(TYP401, f"a list is wanted here, not {describe(value)}", span, describe(value))


def place_of(composition: Instance, index: int) -> Any:
    """What stands at a place of a composition."""
    element = composition.target.elements[index]
    if isinstance(element.value, Instance) and element.value.loose:
        return inner_instance(composition, element.value, element.label or str(index))
    return element.value
