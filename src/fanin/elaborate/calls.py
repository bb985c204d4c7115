"""Calls: which argument is for what, and what is done with them."""

from __future__ import annotations

import re
from dataclasses import fields
from functools import cache
from typing import Any

from fanin.diagnostics import Fix, Refusal
from fanin.diagnostics.codes import (
    SHP304,
    SHP305,
    TYP401,
    TYP403,
    TYP407,
    TYP410,
)
from fanin.diagnostics.model import Edit
from fanin.elaborate.body import Body, evaluates
from fanin.elaborate.context import MAX_NUMBER, refuse
from fanin.elaborate.expressions import give_size, open_labels, operand
from fanin.elaborate.misfits import given_twice, missing_input, surplus, surplus_keyword, too_many_flow, wrong_dtype
from fanin.elaborate.problems import CODES_BY_KIND, Place, name_of, settle, with_noun
from fanin.elaborate.values import (
    FLOW,
    Argument,
    BlockConstructor,
    Builtin,
    FnFunction,
    Instance,
    Inverted,
    LawFunction,
    OpConstructor,
    OpFunction,
    Partial,
    Record,
    Rule,
    describe,
    is_tensor,
)
from fanin.ir.dims import Poly, Symbol, expand
from fanin.ir.facts import Compare, Condition, Verdict
from fanin.ir.graph import Apply, ModuleRef, Operand, Scalar, Value
from fanin.ir.laws import Law
from fanin.ops.attributes import bind
from fanin.ops.contract import Complaint, Need, Op, OpAttrs, Port, argument_order, inferred
from fanin.source import Span
from fanin.syntax import tree


@evaluates(tree.Call)
def _call(body: Body, expr: tree.Call) -> Any:
    callee = body.evaluate(expr.callee)
    return call(body, callee, arguments(body, expr), expr.span, expr.callee.span)


def arguments(body: Body, expr: tree.Call) -> tuple[Argument, ...]:
    """The arguments of a call, evaluated from left to right."""
    return tuple(Argument(a.name.name if a.name else None, body.evaluate(a.value), a.value.span) for a in expr.args)


def call(body: Body, callee: Any, args: tuple[Argument, ...], span: Span, at: Span) -> Any:
    """What a call gives, outside of a pipe: nothing flows in."""
    from fanin.elaborate.application import apply_instance
    from fanin.elaborate.builtins import call_builtin
    from fanin.elaborate.construction import construct
    from fanin.elaborate.functions import call_fn
    from fanin.elaborate.initial import law_of_call

    if isinstance(callee, Partial):
        return call(body, callee.callee, fill(callee, args), span, at)
    if any(a.value is FLOW for a in args):
        return Partial(callee, args, span, waits=not isinstance(callee, (OpConstructor, BlockConstructor)))
    if isinstance(callee, OpFunction):
        return apply_function(body, callee.op, args, [], span)
    if isinstance(callee, (OpConstructor, BlockConstructor)):
        return construct(body, callee, args, span, at)
    if isinstance(callee, Instance):
        return apply_instance(body, callee, args, [], span)
    if isinstance(callee, Inverted):
        from fanin.elaborate.inverses import apply_inverse

        return apply_inverse(body, callee, args, [], span)
    if isinstance(callee, FnFunction):
        return call_fn(body, callee, args, [], span)
    if isinstance(callee, Builtin):
        return call_builtin(body, callee.name, args, span)
    if isinstance(callee, LawFunction):
        return law_of_call(callee, args, span)
    if isinstance(callee, Rule):
        from fanin.elaborate.settings import optimiser

        return optimiser(callee, args, span)
    if isinstance(callee, Law):
        raise refuse(TYP403, f"the initialiser `{callee}` takes no further arguments", span, "called twice")
    helps = ["multiply with `*`"] if isinstance(callee, (int, float)) else []
    raise refuse(TYP403, f"{describe(callee)} cannot be called", at, "not a function or a module", helps=helps)


def fill(partial: Partial, args: tuple[Argument, ...]) -> tuple[Argument, ...]:
    """The arguments of a call whose dots are now known."""
    placed = tuple(a for a in args if a.name is None)
    named = {a.name: a for a in args if a.name is not None}
    merged: list[Argument] = []
    for a in partial.args:
        if a.value is FLOW and a.name is None:
            merged.extend(placed)
        elif a.value is FLOW and placed:
            merged.append(Argument(a.name, placed[0].value, placed[0].span))
        elif a.name in named:
            merged.append(named.pop(a.name))
        else:
            merged.append(a)
    return (*merged, *named.values())


# ------------------------------------------------------------------------------------------------------- ops


@cache
def _signature(op: Op[Any]) -> tuple[dict[str, Port], frozenset[str], tuple[str, ...], frozenset[str]]:
    """Ports by name, attribute names, the order by place, and the names in that order that gather what is left."""
    order = argument_order(type(op))
    stars = frozenset(name[1:] for name in order if name.startswith("*"))
    ports = {port.name: port for port in op.inputs}
    stars |= {port.name for port in op.inputs if port.variadic}
    return (
        ports,
        frozenset(f.name for f in fields(op.attrs)),
        tuple(name.lstrip("*") for name in order),
        stars,
    )


def sort_arguments(
    op: Op[Any], args: tuple[Argument, ...], flow: list[Any], span: Span, shown: str
) -> tuple[dict[str, list[Argument]], dict[str, Argument], list[Argument]]:
    """Which argument goes to which port (several to a variadic one) and attribute, and further keywords."""
    ports, attrs, order, stars = _signature(op)
    to_ports: dict[str, list[Argument]] = {}
    to_attrs: dict[str, Argument] = {}
    extra: list[Argument] = []
    placed: list[Argument] = []
    for a in args:
        if a.name is None:
            placed.append(a)
        elif a.name in ports:
            if a.name in to_ports:
                raise given_twice(a, to_ports[a.name][0])
            to_ports[a.name] = [a]
        elif a.name in attrs and a.name != op.keywords:
            if a.name in to_attrs:
                raise given_twice(a, to_attrs[a.name])
            to_attrs[a.name] = a
        elif op.keywords:
            extra.append(a)
        else:
            raise surplus_keyword(op, a, shown, [*order, *attrs, *ports])
    waiting = [Argument(None, value, span) for value in flow]
    for port in op.inputs:
        if not waiting:
            break
        if port.name not in to_ports:
            count = len(waiting) if port.variadic else 1
            to_ports[port.name] = waiting[:count]
            del waiting[:count]
    if waiting:
        raise too_many_flow(op, len(flow), span, shown)
    open_names = [n for n in order if (n in stars and n in ports) or (n not in to_ports and n not in to_attrs)]
    at = 0
    for index, a in enumerate(placed):
        if at >= len(open_names):
            raise surplus(op, placed, index, order, shown)
        name = open_names[at]
        if name in stars and name in ports:
            if is_tensor(a.value) or isinstance(a.value, (list, tuple, Record)) or at == len(open_names) - 1:
                to_ports.setdefault(name, []).append(a)
                continue
            at += 1
            if at >= len(open_names):
                raise surplus(op, placed, index, order, shown)
            name = open_names[at]
        if name in stars:
            rest = placed[index:]
            if len(rest) == 1 and isinstance(rest[0].value, (list, tuple)):
                to_attrs[name] = rest[0]
            else:
                to_attrs[name] = Argument(None, tuple(r.value for r in rest), rest[0].span.to(rest[-1].span))
            break
        if name in ports:
            to_ports[name] = [a]
        else:
            to_attrs[name] = a
        at += 1
    return to_ports, to_attrs, extra


def bind_attributes(
    body: Body, op: Op[Any], given: dict[str, Argument], extra: list[Argument], span: Span, shown: str
) -> OpAttrs:
    values = {name: plain(a.value) for name, a in given.items()}
    if op.keywords and extra:
        values[op.keywords] = tuple((a.name, plain(a.value)) for a in extra)
    try:
        return bind(op.attrs, values)
    except Complaint as complaint:
        raise complained(body, op, complaint, given, {}, span, shown) from None


def plain(value: Any) -> Any:
    """A value as attributes want it: lists as they are, a range as a list."""
    return list(value) if isinstance(value, range) else value


def complained(
    body: Body,
    op: Op[Any],
    complaint: Complaint,
    attrs: dict[str, Argument],
    ports: dict[str, list[Argument]],
    span: Span,
    shown: str,
) -> Refusal:
    """A complaint of an op, with the place in the source that it is about."""
    about = complaint.about
    at = attrs[about].span if about in attrs else ports[about][0].span if ports.get(about) else span
    helps = [_as_help(complaint.help)] if complaint.help else []
    if complaint.kind == "missing":
        return _missing_attribute(op, complaint, attrs, span, shown, helps)
    if complaint.kind == "type":
        return _wrong_attribute(body, op, complaint, attrs.get(about), at, shown, helps)
    code = CODES_BY_KIND.get(complaint.kind, SHP304)
    return refuse(code, complaint.message, at, _tensors_seen(about, ports, span), helps=helps)


def _as_help(text: str) -> str:
    """An op's help: prose as it is, a piece of code as something to write."""
    words = text.split()
    prose = "`" in text or (len(words) > 2 and all(w.isalpha() for w in words[:2]))
    return text if prose else f"write `{text}`"


def _missing_attribute(
    op: Op[Any], complaint: Complaint, attrs: dict[str, Argument], span: Span, shown: str, helps: list[str]
) -> Refusal:
    about = complaint.about
    if about in attrs or complaint.help:  # it is there, and something in it is not
        at = attrs[about].span if about in attrs else span
        return refuse(TYP407, complaint.message, at, "not enough is known", helps=helps)
    order = _signature(op)[2]
    ports = {p.name for p in op.inputs} if shown == op.module else set()
    takes = ", ".join(f"`{name}`" for name in order if name not in ports)
    helps = [f"`{shown}` takes by place: {takes}"] if about in order else []
    return refuse(TYP407, f"`{shown}` needs its `{about}`", span, f"`{about}` is missing", helps=helps)


def _wrong_attribute(
    body: Body,
    op: Op[Any],
    complaint: Complaint,
    given: Argument | None,
    at: Span,
    shown: str,
    helps: list[str],
) -> Refusal:
    value = given.value if given is not None else None
    if is_tensor(value):
        names = [p.name for p in op.inputs]
        if names:
            helps = helps or [f"`{shown}` takes its tensors first: {', '.join(names)}"]
    if isinstance(value, Poly):
        return refuse(
            SHP305,
            f"`{complaint.about}` of `{shown}` has to be known when the model is built, and {value} is open",
            at,
            f"open: {value}",
            open_labels(body, value),
            helps=[give_size(body, value)],
        )
    label = describe(value) if given is not None else ""
    fix = _as_whole(value, at) if "whole number" in complaint.message or "a size" in complaint.message else None
    return refuse(TYP401, f"in `{shown}`, {complaint.message}", at, label, helps=helps, fix=fix)


def _as_whole(value: Any, at: Span) -> Fix | None:
    """A float without a fraction, or a string of digits, as the whole number that it stands for."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 16:
        return Fix(f"write `{int(value)}`", (Edit(at, str(int(value))),))
    if not isinstance(value, float) or not value.is_integer() or abs(value) > MAX_NUMBER:
        return None
    text = str(int(value)) if at.text.replace("_", "").replace(".", "").isdecimal() else f"int({at.text})"
    return Fix(f"write `{text}`", (Edit(at, text),))


def _tensors_seen(about: str, ports: dict[str, list[Argument]], span: Span) -> str:
    """The types of the tensors that a complaint is about: of that port, or of all where it is about a setting."""
    if about in ports:
        found = [a.value for a in ports[about] if is_tensor(a.value)]
        return f"this is {found[0].type}" if found else ""
    seen = [(name_of(a.span, span, f"`{n}`"), a.value.type) for n, g in ports.items() for a in g if is_tensor(a.value)]
    return ", ".join(f"{name} is {type_}" for name, type_ in seen[:3])


def port_operands(
    body: Body, op: Op[Any], given: dict[str, list[Argument]], span: Span, shown: str
) -> tuple[list[Operand | None], list[tuple[Port, Span]]]:
    """The inputs in the order of the ports; None for an optional one that was left out before a given one."""
    operands: list[Operand | None] = []
    owners: list[tuple[Port, Span]] = []
    for port in op.inputs:
        args = given.get(port.name)
        if args is None or (len(args) == 1 and args[0].value is None and port.optional):
            if not port.optional:
                raise missing_input(op, port, span, shown)
            operands.append(None)
            owners.append((port, span))
            continue
        items: list[tuple[Any, Span]] = []
        for a in args:
            if port.variadic and isinstance(a.value, (list, tuple)):
                items += [(v, a.span) for v in a.value]
            elif port.variadic and isinstance(a.value, Record):
                items += [(v, a.span) for v in a.value.values]
            else:
                items.append((a.value, a.span))
        if port.variadic and not items:
            raise refuse(TYP407, f"`{shown}` needs at least one tensor, and the list is empty", args[0].span, "empty")
        for value, at in items:
            found = operand(body, value, at, f"`{port.name}` of `{shown}`: a tensor")
            if not port.accepts(found.type.dtype) and not (
                isinstance(found, Scalar) and found.type.dtype.value == "int"
            ):
                raise wrong_dtype(body.builder, op, port, found, at, shown, at == span)
            operands.append(found)
            owners.append((port, at))
    while operands and operands[-1] is None:
        operands.pop()
        owners.pop()
    return operands, owners


def need_tensors(operands: list[Operand | None], owners: list[tuple[Port, Span]], shown: str) -> None:
    """Refuse a number where a port takes a tensor alone."""
    for found, (port, at) in zip(operands, owners, strict=True):
        if isinstance(found, Scalar) and not port.number and not port.variadic:
            said = describe(found.value)
            raise refuse(TYP401, f"`{shown}` takes a tensor as `{port.name}`, not {said}", at, said)


def apply_function(body: Body, op: Op[Any], args: tuple[Argument, ...], flow: list[Any], span: Span) -> Any:
    """A function of the language on tensors and numbers."""
    to_ports, to_attrs, extra = sort_arguments(op, args, flow, span, op.name)
    attrs = bind_attributes(body, op, to_attrs, extra, span, op.name)
    operands, owners = port_operands(body, op, to_ports, span, op.name)
    if op.inputs and operands and all(isinstance(o, Scalar) for o in operands):
        value = fold(body, op, attrs, operands, to_attrs, to_ports, span)
        if value is not None:
            return value
    need_tensors(operands, owners, op.name)
    return apply_op(body, op, attrs, operands, owners, None, span, to_attrs, to_ports, op.name)


def fold(
    body: Body,
    op: Op[Any],
    attrs: OpAttrs,
    operands: list[Any],
    to_attrs: dict[str, Argument],
    to_ports: dict[str, list[Argument]],
    span: Span,
) -> Any:
    """A function of numbers, carried out when the spec is compiled; None where it stays an op."""
    try:
        value = op.fold(attrs, *(o.value for o in operands))
    except Complaint as complaint:
        raise complained(body, op, complaint, to_attrs, to_ports, span, op.name) from None
    except (OverflowError, ValueError, ZeroDivisionError) as error:
        raise refuse(TYP410, f"`{span.text}` is no number: {error}", span, "cannot be computed") from None
    return value


def apply_op(
    body: Body,
    op: Op[Any],
    attrs: OpAttrs,
    operands: list[Operand | None],
    owners: list[tuple[Port, Span]],
    module: ModuleRef | None,
    span: Span,
    to_attrs: dict[str, Argument],
    to_ports: dict[str, list[Argument]],
    shown: str,
) -> Any:
    """Add a node: infer its types, settle what it needs, and give its results."""
    types = [None if o is None else o.type for o in operands]
    try:
        if any(isinstance(o, Scalar) for o in operands):
            op.check_numbers(attrs, [o.type for o in operands if o is not None], [_number_of(o) for o in operands])
        key = (op, attrs, tuple(types))
        result = body.ctx.inferred.get(key)
        if result is None:
            result = body.ctx.inferred[key] = inferred(op.infer(attrs, *types))  # type: ignore[arg-type]
    except Complaint as complaint:
        raise complained(body, op, complaint, to_attrs, to_ports, span, shown) from None
    builder = body.builder
    for need in result.needs:
        if need.training and products_of_floors(need.condition):
            body.ctx.require(need.condition, need_message(need, ()), span, training=True)
            continue
        if body.ctx.facts.verdict(need.condition) is Verdict.PROVED:
            continue
        places = need_places(need, operands, owners, span)
        settle(
            body.ctx,
            builder,
            need.condition,
            need_message(need, places),
            span,
            kind=need.kind,
            places=places,
            help=need.help,
            training=need.training,
        )
    outputs = tuple(builder.value(t) for t in result.types)
    builder.add(Apply(tuple(operands), outputs, span, builder.loop, op, attrs, module))
    if op.listed:
        return list(outputs)
    if len(outputs) == 1:
        return outputs[0]
    return Record(op.results or ("",) * len(outputs), outputs)


def products_of_floors(condition: Condition) -> bool:
    """Whether a condition is a product such as ``N * (H // 32) * (W // 32) >= 2``: true of most sizes, no law of all."""
    if not isinstance(condition, Compare) or not isinstance(condition.left, Poly):
        return False
    size = expand(condition.left)
    return isinstance(size, Poly) and any(not isinstance(atom, Symbol) for atom in size.atoms())


def _number_of(found: Operand | None) -> int | float | None:
    """The number that an operand is, None for a tensor and an open dimension."""
    if isinstance(found, Scalar) and not isinstance(found.value, Poly):
        return found.value
    return None


_PLACE = re.compile(r"(\w+)(?:[\[#](\d+)\]?)?")  # a port, or one of the tensors of a variadic one: `xs[1]`
_ORDINALS = ("the first tensor", "the second tensor", "the third tensor")


def need_places(
    need: Need, operands: list[Operand | None], owners: list[tuple[Port, Span]], span: Span
) -> tuple[Place, ...]:
    """The axes that a need speaks of, with what a message calls their tensors."""
    by_port: dict[str, list[tuple[int, Operand | None, Span]]] = {}
    for number, (found, (port, at)) in enumerate(zip(operands, owners, strict=True)):
        by_port.setdefault(port.name, []).append((number, found, at))
    places = []
    for name, axis in need.places:
        parts = _PLACE.fullmatch(name)
        group = by_port.get(parts[1], []) if parts else []
        index = int(parts[2] or 0) if parts else 0
        if index >= len(group):
            continue
        number, found, at = group[index]
        if isinstance(found, Value) and -found.type.rank <= axis < found.type.rank:
            ordinal = _ORDINALS[number] if number < len(_ORDINALS) else f"tensor {number + 1}"
            in_list = sum(other == at for _, _, other in group) > 1
            places.append(Place(found, axis, ordinal if in_list else name_of(at, span, ordinal)))
    return tuple(places)


def need_message(need: Need, places: tuple[Place, ...]) -> str:
    """The headline of a refuted need, with the sizes that disagree."""
    left, right = str(getattr(need.condition, "left", "")), str(getattr(need.condition, "right", ""))
    if places and need.kind == "mismatch" and "{right}" in need.message:
        first = places[0]
        if not isinstance(need.condition, Compare) or first.value.type.shape[first.axis] == need.condition.left:
            left = with_noun(first.value.type.shape[first.axis], first.axis, first.value.type.rank)
    return need.message.replace("{left}", left).replace("{right}", right)
