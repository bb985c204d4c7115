"""Statements: bindings, state, loops, choices, results, assertions."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from fanin.diagnostics import Fix, Label, Refusal
from fanin.diagnostics.codes import EXP502, SHP305, TYP401, TYP408, TYP410, TYP411, TYP412, TYP417, TYP418
from fanin.diagnostics.model import Edit
from fanin.elaborate.body import Body, Returned, executes
from fanin.elaborate.context import MAX_TURNS, refuse
from fanin.elaborate.expressions import asked, decide, elements_of, give_size, open_labels, operand
from fanin.elaborate.initial import maybe_law, not_a_law
from fanin.elaborate.operators import binary
from fanin.elaborate.promises import promise_of
from fanin.elaborate.repairs import project_back
from fanin.elaborate.signatures import Letters, dtype_of, match, size_of
from fanin.elaborate.values import (
    Element,
    Instance,
    Parameter,
    Record,
    describe,
    flows,
    is_tensor,
)
from fanin.ir.dims import Dim, Poly
from fanin.ir.facts import AllOf, AnyOf, Compare, Condition, Verdict
from fanin.ir.graph import Result, State, Value
from fanin.ir.laws import Auto, Fixup
from fanin.ir.types import DType, TensorType
from fanin.source import Span
from fanin.syntax import tree

# ----------------------------------------------------------------------------------------------------- bindings


def bind(body: Body, name: tree.Ident, value: Any) -> None:
    """Bind a name: a fresh module takes it as its own, a tensor keeps it for whoever reads the emitted source."""
    text = name.name
    if text == "_":
        return
    body.builder.hyper_names.discard(text)
    if isinstance(value, (Instance, list)):
        body.builder.name_value(value, text)
        if isinstance(value, list) and any(isinstance(v, Element) for v in value):
            value = [v.value if isinstance(v, Element) else v for v in value]
    elif isinstance(value, Value):
        body.builder.names.setdefault(value.index, text)
    elif isinstance(value, Record) and len(value.values) == 1:
        value = value.values[0]
    body.scope[text] = value


@executes(tree.Bind)
def _bind(body: Body, statement: tree.Bind) -> None:
    value = body.evaluate(statement.value)
    names = statement.names
    if len(names) == 1:
        bind(body, names[0], value)
        return
    if isinstance(value, Record):
        items = list(value.values)
    elif isinstance(value, (list, tuple)):
        items = list(value)
    elif isinstance(value, Instance):
        items = elements_of(body, value, statement.value.span)
    else:
        hint = ["a tensor is taken apart with `chunk`, `split` or `unbind`"] if is_tensor(value) else []
        raise refuse(
            TYP417,
            f"{len(names)} names for one value, {describe(value)}",
            statement.value.span,
            describe(value),
            helps=hint,
            fix=_in_chunks(statement, len(names)) if is_tensor(value) else None,
        )
    if len(items) != len(names):
        hint = []
        if len(items) > len(names):
            hint = ["throw the others away with `_`"]
        raise refuse(
            TYP417,
            f"{len(names)} names for {len(items)} values",
            names[0].span.to(names[-1].span),
            f"{len(names)} names",
            [Label(statement.value.span, f"{len(items)} values")],
            helps=hint,
        )
    for name, item in zip(names, items, strict=True):
        bind(body, name, item)


def _in_chunks(statement: tree.Bind, count: int) -> Fix:
    """Cut the last axis of a tensor into as many parts as there are names."""
    span = statement.value.span
    end = Span(span.source, span.end, span.end)
    return Fix(f"cut its last axis into {count} parts", (Edit(end, f" -> chunk({count}, axis=-1)"),))


@executes(tree.Augment)
def _augment(body: Body, statement: tree.Augment) -> None:
    from fanin.elaborate.names import evaluate_name

    before = evaluate_name(body, statement.name)
    if before is None:
        raise refuse(TYP401, f"`{statement.name.name}` is `none`", statement.name.span, "none")
    value = body.evaluate(statement.value)
    at = statement.value.span
    try:
        result = binary(body, statement.op, before, value, statement.name.span, at, at)
    except Refusal as refusal:
        if refusal.diagnostic.fix is None or not isinstance(statement.value, tree.Pipe):
            raise Refusal(replace(refusal.diagnostic, fix=None)) from None
        raise Refusal(replace(refusal.diagnostic, fix=project_back(body, before, value, at))) from None
    bind(body, statement.name, result)


@executes(tree.TypedBind)
def _typed_bind(body: Body, statement: tree.TypedBind) -> None:
    value = body.evaluate(statement.value)
    shape = statement.type
    if not isinstance(shape, tree.ShapeType):
        from fanin.elaborate.hypers import fit, words

        fitted = fit(value, shape)
        if fitted is not value and not isinstance(fitted, (int, float, list, tuple)):
            raise refuse(
                TYP401,
                f"`{statement.name.name}` is {words(shape)}, not {describe(value)}",
                statement.value.span,
                describe(value),
            )
        bind(body, statement.name, fitted)
        return
    found = operand(body, value, statement.value.span, f"`{statement.name.name}`: a tensor")
    letters = Letters(dict(body.builder.letters), {})
    actual = found.type
    if not isinstance(found, Value) and dtype_of(shape) is DType.FLOAT:
        actual = TensorType(DType.FLOAT, ())
    match(
        body,
        shape,
        actual,
        letters,
        f"`{statement.name.name}`",
        statement.value.span,
        found if isinstance(found, Value) else None,
        result=True,
    )
    body.builder.letters.update(letters.sizes)
    for star, sizes in letters.stars.items():
        body.scope.setdefault(star, sizes)
    bind(body, statement.name, found if isinstance(found, Value) else value)


# -------------------------------------------------------------------------------------------------------- state


@executes(tree.State)
def _state(body: Body, statement: tree.State) -> None:
    """``param`` and ``buffer``: a tensor of this block's own, from a law, a number or a tensor."""
    if body.pure:
        raise refuse(
            TYP418,
            f"a function has no `{statement.kind}`",
            statement.name.span,
            "owns a tensor",
            helps=["what owns weights is declared with `block`, not with `fn`"],
        )
    shape = statement.type
    if not isinstance(shape, tree.ShapeType):
        raise refuse(
            TYP401,
            f"a `{statement.kind}` needs a tensor's type, such as `[D]`",
            statement.name.span,
            "no shape",
        )
    builder = body.builder
    letters = Letters(dict(builder.letters))
    builder.in_setup = True
    try:
        value = body.evaluate(statement.value)
    finally:
        builder.in_setup = False
    law = maybe_law(value, statement.value.span)
    dtype = dtype_of(shape)
    start: Any
    if isinstance(law, Fixup | Auto):
        at = statement.value.span
        raise refuse(TYP412, f"`{law}` is for the layers of a block: a parameter states its own law", at, "not a layer")
    if law is not None:
        sizes: list[Dim] = []
        for item in shape.dims:
            if isinstance(item, tree.StarDim):
                raise refuse(TYP401, f"the sizes of a `{statement.kind}` are all given", item.span, "open")
            sizes.append(size_of(body, item, letters))
        type_ = TensorType(dtype, tuple(sizes))
        start = law
    else:
        if not is_tensor(value):
            raise not_a_law(value, statement.value.span)
        found = operand(body, value, statement.value.span)
        assert isinstance(found, Value)
        match(body, shape, found.type, letters, f"`{statement.name.name}`", statement.value.span, found, True)
        builder.letters.update(letters.sizes)
        type_, start = found.type, found
    for item, size in zip([d for d in shape.dims if isinstance(d, tree.Expr)], type_.shape, strict=False):
        if isinstance(size, Poly) and not isinstance(body.ctx.facts.normal(size), int):
            raise refuse(
                SHP305,
                f"the {statement.kind} `{statement.name.name}` hangs on {size}, which is open",
                item.span,
                f"open: {size}",
                open_labels(body, size),
                helps=[give_size(body, size)],
            )
    name = statement.name.name
    if builder.loop:
        if statement.kind == "buffer":
            text = "a `buffer` in a `for` has no place in PyTorch, which has no list of buffers"
            raise refuse(TYP401, text, statement.name.span, "in a `for`", helps=["put it into a block of its own"])
        name = ".".join([name, *(str(turn) for _, turn in builder.loop)])
    if statement.kind == "param" and dtype is not DType.FLOAT and dtype is not DType.COMPLEX:
        raise refuse(
            TYP408,
            f"a `param` is learned, and {dtype.value} numbers have no gradient",
            shape.span,
            "not float",
            helps=["make it a `buffer`"],
        )
    builder.states[name] = State(
        name,
        type_,
        statement.kind,
        start,
        builder.policy.frozen if statement.kind == "param" else False,
        statement.name.span,
    )
    body.scope[statement.name.name] = Parameter(None, name, type_)


@executes(tree.Update)
def _update(body: Body, statement: tree.Update) -> None:
    from fanin.elaborate.training import update

    update(body, statement)


# --------------------------------------------------------------------------------------------- loops and choices


@executes(tree.For)
def _for(body: Body, statement: tree.For) -> None:
    items = elements_of(body, body.evaluate(statement.iterable), statement.iterable.span)
    if len(items) > MAX_TURNS:
        raise refuse(
            TYP410,
            f"a `for` of {len(items):_} turns is too long: at most {MAX_TURNS:_}",
            statement.iterable.span,
            "too long",
        )
    builder = body.builder
    outer_names = set(body.scope)
    around = builder.loop
    serial = builder.loops
    builder.loops += 1
    counters = dict(builder.counters)
    before = dict(body.labels)
    try:
        for turn, item in enumerate(items):
            builder.loop = (*around, (serial, turn))
            builder.counters = dict(counters)
            _bind_turn(body, statement, item)
            body.ctx.turns.append(_turn_text(statement, turn, item))
            try:
                body.run(statement.body.statements)
            finally:
                body.ctx.turns.pop()
    finally:
        builder.loop = around
        if items:
            for name in [n for n in body.scope if n not in outer_names]:
                del body.scope[name]
    for label, modules in body.labels.items():
        if label not in before and isinstance(modules, list):
            body.labels[label] = list(modules)


def _turn_text(statement: tree.For, turn: int, item: Any) -> str:
    """A turn of a loop in a message: ``turn 3 of the `for` at net.arch:4:3, with w = 128``."""
    line = f"turn {turn + 1} of the `for` at {statement.span}"
    names = [n.name for n in statement.names]
    values = list(item) if len(names) > 1 and isinstance(item, (list, tuple)) else [item]
    known = [f"{n} = {v}" for n, v in zip(names, values, strict=False) if n != "_" and isinstance(v, (int, float, str))]
    return f"{line}, with {', '.join(known)}" if known else line


def _numbered(statement: tree.For) -> Fix:
    """Go through a list with the number of each."""
    span = statement.iterable.span
    return Fix("number them with `enumerate`", (Edit(span, f"enumerate({span.text})"),))


def _bind_turn(body: Body, statement: tree.For, item: Any) -> None:
    names = statement.names
    if len(names) == 1:
        if names[0].name != "_":
            body.scope[names[0].name] = item
        return
    parts = list(item) if isinstance(item, (list, tuple)) else None
    if isinstance(parts, list) and len(parts) == 2 and isinstance(parts[1], tuple) and len(names) == 1 + len(parts[1]):
        parts = [parts[0], *parts[1]]
    if parts is None or len(parts) != len(names):
        count = len(parts) if parts is not None else 1
        raise refuse(
            TYP417,
            f"{len(names)} names for {count} value{'s' if count != 1 else ''} in each turn",
            names[0].span.to(names[-1].span),
            f"{len(names)} names",
            fix=_numbered(statement) if parts is None and len(names) == 2 else None,
        )
    for name, part in zip(names, parts, strict=True):
        if name.name != "_":
            body.scope[name.name] = part


@executes(tree.If)
def _if(body: Body, statement: tree.If) -> None:
    for i, (test, branch) in enumerate(statement.branches):
        way = asked(test)
        if way is not None:
            from fanin.elaborate.training import choose

            rest: tuple[tree.Statement, ...] = statement.otherwise.statements if statement.otherwise is not None else ()
            if statement.branches[i + 1 :]:
                rest = (replace(statement, branches=statement.branches[i + 1 :]),)
            ways = (branch.statements, rest)
            choose(body, test.span, *(ways if way else ways[::-1]))
            return
        if decide(body, test):
            body.run(branch.statements)
            return
    if statement.otherwise is not None:
        body.run(statement.otherwise.statements)


# ------------------------------------------------------------------------------------------ results and promises


@executes(tree.Return)
def _return(body: Body, statement: tree.Return) -> None:
    values: list[Any] = []
    for expr in statement.values:
        value = body.evaluate(expr)
        if isinstance(value, Record):
            values.extend(value.values)
        elif isinstance(value, tuple) and flows(value):
            values.extend(value)
        elif isinstance(value, Instance):
            raise refuse(
                TYP401,
                f"a result is a tensor, not {describe(value)}",
                expr.span,
                describe(value),
                helps=["apply it first: `x -> …`"],
            )
        elif isinstance(value, list) and not body.pure and len(statement.values) == 1 and flows(value):
            raise refuse(
                TYP411,
                f"a result is a tensor, not {describe(value)}",
                expr.span,
                describe(value),
                helps=["join them with `concat` or `stack`, or return them one by one"],
            )
        else:
            values.append(value)
    results: list[Result] = []
    for value, expr in zip(values, [*statement.values, *([statement.values[-1]] * len(values))], strict=False):
        if is_tensor(value):
            found = operand(body, value, expr.span)
            results.append(Result("", found))
        elif body.pure or isinstance(value, (int, float, Poly)):
            results.append(
                Result(
                    "",
                    operand(body, value, expr.span) if isinstance(value, (float, Poly)) and not body.pure else value,
                )
            )
        else:
            raise refuse(TYP401, f"a result is a tensor, not {describe(value)}", expr.span, describe(value))
    body.results = tuple(results)
    body.result_span = statement.values[0].span.to(statement.values[-1].span)
    raise Returned


@executes(tree.Assert)
def _assert(body: Body, statement: tree.Assert) -> None:
    value = body.evaluate(statement.test)
    message = statement.message.value if statement.message is not None else ""
    if isinstance(value, bool):
        if not value:
            raise refuse(
                EXP502,
                f"this does not hold: {message or statement.test.span.text}",
                statement.test.span,
                _with_values(body, statement.test),
            )
        return
    if isinstance(value, (Compare, AnyOf, AllOf)):
        _assert_condition(body, statement, value, message)
        return
    raise refuse(
        TYP401,
        f"an `assert` is about sizes and hyper-parameters, not {describe(value)}",
        statement.test.span,
        describe(value),
    )


def _with_values(body: Body, test: tree.Expr) -> str:
    """``false with D = 510, heads = 8``: a test that fails, and what its names are worth."""
    names = dict.fromkeys(re.findall(r"[A-Za-z_]\w*", test.span.text))
    known = {n: body.scope.get(n, body.builder.letters.get(n)) for n in names}
    shown = [f"{n} = {v}" for n, v in known.items() if isinstance(v, (bool, int, float, str, Poly))]
    return f"false with {', '.join(shown)}" if shown else "false"


def _assert_condition(body: Body, statement: tree.Assert, condition: Condition, message: str) -> None:
    facts = body.ctx.facts
    if isinstance(condition, AllOf):
        for part in condition.parts:
            _assert_condition(body, statement, part, message)
        return
    if facts.verdict(condition) is Verdict.PROVED:
        return
    if facts.verdict(condition.negated()) is Verdict.PROVED:
        raise refuse(
            EXP502,
            f"this can never hold: {message or statement.test.span.text}",
            statement.test.span,
            "false for every size",
        )
    body.ctx.require(condition, message, statement.test.span, written=True)


@executes(tree.Expect)
def _expect(body: Body, statement: tree.Expect) -> None:
    body.promises.append(promise_of(body, statement))
