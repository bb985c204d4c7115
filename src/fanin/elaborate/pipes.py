"""Pipes: stages that get what flows in, compositions, branches and repetitions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fanin.diagnostics import Refusal
from fanin.diagnostics.codes import SHP305, SYN117, TYP401, TYP403, TYP407, TYP414, TYP415
from fanin.diagnostics.model import Edit, Fix
from fanin.elaborate.application import apply_instance
from fanin.elaborate.body import Body, evaluates
from fanin.elaborate.builtins import call_builtin
from fanin.elaborate.calls import apply_function, arguments, call, fill
from fanin.elaborate.context import MAX_LIST, refuse
from fanin.elaborate.expressions import as_int, decide
from fanin.elaborate.functions import call_fn
from fanin.elaborate.inputs import spread
from fanin.elaborate.instances import copy_instance, core_of
from fanin.elaborate.operators import binary
from fanin.elaborate.rows import with_core
from fanin.elaborate.values import (
    FLOW,
    POISON,
    Argument,
    BlockConstructor,
    Builtin,
    Composition,
    Element,
    FnFunction,
    Instance,
    Inverted,
    OpConstructor,
    OpFunction,
    Partial,
    Poisoned,
    Repetition,
    describe,
    flows,
)
from fanin.source import Span
from fanin.syntax import tree

LEFT_OUT: Any = object()  # a `none` among the stages


@evaluates(tree.Pipe)
def _pipe(body: Body, expr: tree.Pipe) -> Any:
    first = expr.stages[0]
    try:
        head = element_of(body, first, waits=False)
    except (Refusal, Poisoned):
        read_on(body, expr.stages, 0)
        raise
    if flows(head.value) and not isinstance(head.value, Instance):
        if len(expr.stages) > 1 and isinstance(first.value, tree.Chain):
            raise bare_product(first.value)
        return flow_through(body, expr.stages, head.value)
    if len(expr.stages) > 1 and isinstance(head.value, (int, float, str)):
        raise refuse(
            TYP415,
            f"{describe(head.value)} does not flow",
            first.value.span,
            "a pipe starts with a tensor or a module",
        )
    if len(expr.stages) == 1:
        return _label_alone(body, first, head)
    return compose(body, expr, head)


def bare_product(head: tree.Chain) -> Refusal:
    """``2 * x -> f``: what reads like a repetition is a product."""
    text = head.span.text
    return refuse(
        SYN117,
        "`*` stands bare in a pipe: which part flows on is not said",
        head.span,
        "bracket one side or the other",
        notes=["`->` binds weaker than every operator, and only the `n *` of a repetition may stand bare beside it"],
        helps=[f"bracket it: `({text}) -> …`"] if len(text) < 40 else ["bracket it"],
    )


def flow_through(body: Body, stages: tuple[tree.Stage, ...], value: Any) -> Any:
    """Send what is at the head through the other stages."""
    first = stages[0]
    if first.name is not None:
        bind_name(body, first.name, value)
    for place, stage in enumerate(stages[1:], 1):
        try:
            value = _through(body, stage, spread(value))
        except (Refusal, Poisoned):
            read_on(body, stages, place)
            raise
        if stage.name is not None:
            bind_name(body, stage.name, value)
    return value


def _through(body: Body, stage: tree.Stage, current: list[Any]) -> Any:
    element = element_of(body, stage)
    if element.value is LEFT_OUT:
        raise refuse(
            TYP414,
            "`none` is no stage of a pipe with a tensor at its head",
            stage.span,
            "nothing to apply",
            fix=Fix("write `identity`", (Edit(stage.value.span, "identity"),)),
        )
    return apply_element(body, element, current, stage.span)


def read_on(body: Body, stages: tuple[tree.Stage, ...], place: int) -> None:
    """Report what is wrong with the stages behind one that failed, as far as it does not hang on what flows."""
    for stage in stages[place:]:
        if stage.name is not None:
            body.scope[stage.name.name] = POISON
    for stage in stages[place + 1 :]:
        try:
            value = element_of(body, stage).value
            if isinstance(value, (OpConstructor, BlockConstructor)):
                raise unmade(value, stage.value.span)
        except Refusal as refusal:
            if refusal.diagnostic.code is not SHP305:  # most likely the same open dimension again
                body.ctx.report(refusal.diagnostic)
        except Poisoned:
            pass


def bind_name(body: Body, name: tree.Ident, value: Any) -> None:
    from fanin.elaborate.statements import bind

    bind(body, name, value)


def _label_alone(body: Body, stage: tree.Stage, head: Element) -> Any:
    """``cell: Lstm(8)`` where a value is wanted: the module, under that name."""
    settle_label(body, head)
    if stage.name is not None:
        bind_name(body, stage.name, head.value)
    return head.value


def compose(body: Body, expr: tree.Pipe, head: Element, branch: bool = False) -> Instance:
    """A pipe without a tensor at its head: a module made of its stages. The values of a branch may be named."""
    elements = [] if head.value is None or head.value is LEFT_OUT else _places(expr.stages[0], head)
    for stage in expr.stages:
        if stage.name is not None and not branch:
            raise refuse(
                TYP414,
                "`as` names a value, and nothing flows through a composition yet",
                stage.name.span,
                "no value here",
                helps=["bind it where the composition is used"],
            )
    for stage in expr.stages[1:]:
        element = element_of(body, stage)
        if element.value is not LEFT_OUT:
            elements += _places(stage, element)
    for element in elements:
        if isinstance(element.value, (OpConstructor, BlockConstructor)):
            raise unmade(element.value, element.span)
    return Instance(Composition(tuple(elements)), {}, expr.span, body.builder.owner, loose=True)


def _places(stage: tree.Stage, element: Element) -> list[Element]:
    """What a stage of a composition takes places for: ``n * f`` takes n, unless brackets or a label make it a level."""
    found = _unnamed_places(stage, element)
    return [*found[:-1], replace(found[-1], name=stage.name)] if found and stage.name is not None else found


def _unnamed_places(stage: tree.Stage, element: Element) -> list[Element]:
    value = element.value
    if (
        stage.label is not None
        or not isinstance(stage.value, tree.Chain)
        or not isinstance(value, Instance)
        or not value.loose
    ):
        return [element]
    if isinstance(value.target, Repetition):
        cell = value.target.cell
        core = core_of(cell.value)
        assert core is not None
        return [with_core(cell, copy_instance(core)) for _ in range(value.target.count)]
    if isinstance(value.target, Composition):
        return list(value.target.elements)
    return [element]


# ------------------------------------------------------------------------------------------------------ elements


def element_of(body: Body, stage: tree.Stage, waits: bool = True) -> Element:
    """What stands at a stage: a module, a function, or a call that waits for what flows in.

    A label is kept beside the module: it counts from where the module is used, in the block or in its composition.
    """
    if stage.label is None:
        return Element(None, stage_value(body, stage.value, waits), stage.span)
    label, exact = label_text(body, stage.label), isinstance(stage.label, tree.Index)
    if isinstance(stage.value, tree.Call) and not waits:
        callee = body.evaluate(stage.value.callee)
        if isinstance(callee, Instance):
            settle_label(body, Element(label, callee, stage.span, exact))
        value = call(body, callee, arguments(body, stage.value), stage.value.span, stage.value.callee.span)
    else:
        value = stage_value(body, stage.value, waits)
    if isinstance(value, list):
        value = [
            Element(f"{label}.{item.label or i}", item.value, item.span, exact)
            if isinstance(item, Element)
            else Element(f"{label}.{i}", item, stage.span, exact)
            for i, item in enumerate(value)
            if isinstance(item, Element) or core_of(item) is not None
        ] or value
    return Element(label, value, stage.span, exact)


def settle_label(body: Body, element: Element) -> None:
    """Give the module of an element its label, now that it is used here."""
    if element.label is None:
        return
    core = core_of(element.value)
    if core is None or not core.loose:
        return
    body.builder.name_instance(core, element.label, indexed=not element.exact)
    base = element.label.split(".", 1)[0]
    if base == element.label and not body.builder.loop:
        body.labels[base] = core
    else:
        modules = body.labels.setdefault(base, [])
        if isinstance(modules, list):
            modules.append(core)


def label_text(body: Body, label: tree.Expr) -> str:
    """``conv1``, or ``layer.4`` for ``layer[4]``."""
    if isinstance(label, tree.Ident):
        return label.name
    if isinstance(label, tree.Index):
        cut = next((item for item in label.items if isinstance(item, (tree.Slice, tree.Dots))), None)
        if cut is not None:
            raise refuse(TYP401, "the number in a label is one whole number", cut.span, "several")
        indices = [as_int(body, body.evaluate(item), item.span, "the number in a label") for item in label.items]
        return ".".join([label_text(body, label.value), *map(str, indices)])
    raise refuse(TYP401, "a label is a name, or a name with numbers", label.span, "not a label")


def stage_value(body: Body, expr: tree.Expr, waits: bool = True) -> Any:
    """An expression where what flows in is meant: a function's call waits for its tensor."""
    if isinstance(expr, tree.Paren):
        return stage_value(body, expr.value, waits)
    if isinstance(expr, tree.Conditional):
        return stage_value(body, expr.then if decide(body, expr.test) else expr.otherwise, waits)
    if isinstance(expr, tree.NoneValue):
        return LEFT_OUT
    if isinstance(expr, tree.Pipe):
        return _inner_pipe(body, expr, waits)
    if isinstance(expr, tree.ListExpr) and waits:
        return [_item(body, item) for item in expr.items]
    if isinstance(expr, tree.Chain) and expr.steps[0].op == "*" and len(expr.steps) == 1:
        return _repetition(body, expr, waits)
    if isinstance(expr, tree.Call) and waits:
        return _waiting_call(body, expr)
    value = body.evaluate(expr)
    return LEFT_OUT if value is None and waits else value


def _item(body: Body, expr: tree.Expr) -> Element:
    """A branch: a stage of its own, which may be labelled."""
    if not isinstance(expr, tree.Pipe):
        return Element(None, stage_value(body, expr), expr.span)
    if len(expr.stages) == 1:
        return replace(element_of(body, expr.stages[0]), name=expr.stages[0].name)
    return Element(None, _inner_pipe(body, expr, True, branch=True), expr.span)


def _inner_pipe(body: Body, expr: tree.Pipe, waits: bool, branch: bool = False) -> Any:
    """A pipe in brackets, where something flows in: its first stage gets it."""
    first = expr.stages[0]
    if len(expr.stages) == 1 and first.name is None:
        only = element_of(body, first, waits)
        labelled = only.label is not None and core_of(only.value) is not None
        return compose(body, expr, only, branch) if labelled else only.value
    if not waits:
        return body.evaluate(expr)
    head = element_of(body, first)
    if flows(head.value) and not isinstance(head.value, (Instance, list)):
        return flow_through(body, expr.stages, head.value)
    return compose(body, expr, head, branch)


def _waiting_call(body: Body, expr: tree.Call) -> Any:
    callee = body.evaluate(expr.callee)
    args = arguments(body, expr)
    while isinstance(callee, Partial) and not callee.waits:
        args = fill(callee, args)
        callee = callee.callee
    if isinstance(callee, (OpConstructor, BlockConstructor)):
        return call(body, callee, args, expr.span, expr.callee.span)
    if isinstance(callee, (OpFunction, FnFunction, Instance, Builtin)):
        if isinstance(callee, FnFunction) and not any(isinstance(p.type, tree.ShapeType) for p in callee.decl.params):
            return call(body, callee, args, expr.span, expr.callee.span)
        if isinstance(callee, Builtin) and callee.name not in ("map",):
            return call(body, callee, args, expr.span, expr.callee.span)
        if any(a.value is FLOW for a in args):
            return Partial(callee, args, expr.span, True)
        return Partial(callee, (Argument(None, FLOW, expr.span), *args), expr.span, True)
    return call(body, callee, args, expr.span, expr.callee.span)


def _repetition(body: Body, expr: tree.Chain, waits: bool) -> Any:
    """``n * M`` where a module stands right of the star; otherwise it is a product."""
    step = expr.steps[0]
    operand = step.operand
    count_value = body.evaluate(expr.first)
    cell = body.evaluate(operand) if flows(count_value) else stage_value(body, operand, waits)
    if flows(count_value) or not _is_modules(cell):
        return binary(body, "*", count_value, cell, expr.first.span, operand.span, step.span)
    if not isinstance(count_value, (int, float)) and not hasattr(count_value, "symbols"):
        raise refuse(
            TYP401,
            f"a repetition is a number times a module, and this is {describe(count_value)}",
            expr.first.span,
            describe(count_value),
            helps=["write the number first: `12 * Block(8)`"],
        )
    count = as_int(body, count_value, expr.first.span, "the number of a repetition")
    if count < 0 or count > MAX_LIST:
        raise refuse(
            TYP401,
            f"a repetition is of 0 to {MAX_LIST:_} modules, not {count}",
            expr.first.span,
            "out of range",
        )
    return repeat(body, count, cell, operand.span)


def _is_modules(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(v, Element) or _is_modules(v) for v in value)
    return isinstance(value, (Instance, OpFunction, FnFunction, OpConstructor, BlockConstructor)) or (
        isinstance(value, Partial) and value.waits
    )


def repeat(body: Body, count: int, cell: Any, span: Span) -> Any:
    if isinstance(cell, (OpConstructor, BlockConstructor)):
        raise unmade(cell, span)
    if isinstance(cell, list):
        for name in (i.name for i in cell if isinstance(i, Element) and i.name is not None):
            raise refuse(TYP414, "`as` names one value, and a repetition has several", name.span, "no value here")
        return [_copy_element(item) for _ in range(count) for item in cell]
    core = core_of(cell)
    if core is not None and core.loose and core.home is body.builder.owner:
        return Instance(Repetition(count, Element(None, cell, span)), {}, span, body.builder.owner, loose=True)
    return Instance(Composition((Element(None, cell, span),) * count), {}, span, body.builder.owner, loose=True)


def _copy_element(item: Any) -> Any:
    if isinstance(item, Element):
        return replace(item, value=_copy_element(item.value))
    if isinstance(item, Instance) and item.loose:
        return copy_instance(item)
    return item


# --------------------------------------------------------------------------------------------------- application


def apply_element(body: Body, element: Element, values: list[Any], span: Span) -> Any:
    """What a stage makes of what flows in."""
    settle_label(body, element)
    return apply_value(body, element.value, values, span)


def apply_value(body: Body, value: Any, values: list[Any], span: Span) -> Any:
    if isinstance(value, Inverted):
        from fanin.elaborate.inverses import apply_inverse

        return apply_inverse(body, value, (), values, span)
    if isinstance(value, Instance):
        return apply_instance(body, value, (), values, span)
    if isinstance(value, OpFunction):
        return apply_function(body, value.op, (), values, span)
    if isinstance(value, FnFunction):
        return call_fn(body, value, (), values, span)
    if isinstance(value, Partial) and value.waits:
        return _apply_partial(body, value, values, span)
    if isinstance(value, Builtin):
        return call_builtin(body, value.name, tuple(Argument(None, v, span) for v in values), span)
    if isinstance(value, list):
        results = []
        for item in value:
            element = item if isinstance(item, Element) else Element(None, item, span)
            if element.value is LEFT_OUT:
                raise refuse(
                    TYP414,
                    "`none` is no branch: the branch that does nothing is `identity`",
                    element.span,
                    "nothing to apply",
                )
            results.append(apply_element(body, element, values, element.span))
            if element.name is not None:
                bind_name(body, element.name, results[-1])
        return results
    if isinstance(value, (OpConstructor, BlockConstructor)):
        raise unmade(value, span)
    if isinstance(value, Partial):
        raise refuse(
            TYP403,
            "this makes a module once its brackets are there",
            span,
            describe(value),
            helps=[f"write `{span.text}()`"] if len(span.text) < 40 else [],
        )
    helps = ["several tensors flow on together as `(x, y) -> …`; tensors are added with `+`"] if flows(value) else []
    if isinstance(value, (int, float)):
        helps = ["numbers multiply or add to the whole pipe, in brackets"]
    raise refuse(
        TYP415,
        f"a stage of a pipe is a module or a function, not {describe(value)}",
        span,
        describe(value),
        helps=helps,
    )


def unmade(value: Any, span: Span) -> Refusal:
    name = value.op.module if isinstance(value, OpConstructor) else value.decl.name.name
    fix = f"{span.text}()" if span.text == name else f"{name}()"
    return refuse(
        TYP403,
        f"`{name}` is a constructor: it makes a module when it is called",
        span,
        "no brackets",
        helps=[] if span.text == name else ["add its brackets"],
        fix=Fix(f"write `{fix}`", (Edit(span, fix),)) if span.text == name else None,
    )


def _apply_partial(body: Body, partial: Partial, values: list[Any], span: Span) -> Any:
    """A call that waited: what flows in takes the place of the dots, or the first tensors' places."""
    callee = partial.callee
    first = partial.args and partial.args[0].value is FLOW and partial.args[0].name is None
    if first and isinstance(callee, (OpFunction, FnFunction)):
        rest = partial.args[1:]
        if any(a.value is FLOW for a in rest):
            raise refuse(TYP407, "only one place can be kept open with `...`", partial.span, "two places")
        if isinstance(callee, OpFunction):
            return apply_function(body, callee.op, rest, values, partial.span)
        return call_fn(body, callee, rest, values, partial.span)
    if first and isinstance(callee, Instance):
        return apply_instance(body, callee, partial.args[1:], values, partial.span)
    args: list[Argument] = []
    for a in partial.args:
        if a.value is FLOW:
            if a.name is not None:
                args.append(Argument(a.name, values[0], partial.span))
            else:
                args += [Argument(None, v, partial.span) for v in values]
        else:
            args.append(a)
    return call(body, callee, tuple(args), partial.span, span)
