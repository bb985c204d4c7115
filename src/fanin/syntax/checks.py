"""What the grammar leaves to a check: labels, bare operators, and which statement stands where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fanin.diagnostics import codes
from fanin.diagnostics.model import Diagnostic, Edit, Fix, Label
from fanin.source import Span
from fanin.syntax.flat import flat
from fanin.syntax.tree import (
    Block,
    BlockAlias,
    Body,
    Bool,
    Chain,
    Declaration,
    Expect,
    Expr,
    Fn,
    Ident,
    Index,
    NoneValue,
    Number,
    Pipe,
    Return,
    Stage,
    Statement,
    String,
    System,
    Train,
    TrainingStage,
    Unary,
)

if TYPE_CHECKING:
    from fanin.syntax.builder import Builder


def is_bare(value: Expr) -> bool:
    """Whether an operator of a stage stands bare: only the ``n *`` of a repetition may."""
    if isinstance(value, Unary):
        return True
    if not isinstance(value, Chain):
        return False
    operands = (value.first, *(step.operand for step in value.steps))
    return any(step.op != "*" for step in value.steps) or any(is_bare(operand) for operand in operands)


_PILED = 100  # more prefixes or postfixes on one operand are refused later: their text would be endless


def check_bare_operator(b: Builder, pipe: Pipe) -> None:
    if max(b.chains.values(), default=0) > _PILED:
        return
    for place, stage in enumerate(pipe.stages):
        if is_bare(stage.value):
            b.diagnostics.append(_bare(pipe, place, stage))
            return


def _bare(pipe: Pipe, place: int, stage: Stage) -> Diagnostic:
    value = stage.value
    label = f"{flat(stage.label)}: " if stage.label else ""
    name = f" as {stage.name.name}" if stage.name else ""
    before = [_stage_text(other) for other in pipe.stages[:place]]
    after = [_stage_text(other) for other in pipe.stages[place + 1 :]]
    helps = [f"bracket it: `{' -> '.join([*before, f'{label}({flat(value)}){name}', *after])}`"]
    if isinstance(value, Chain):
        step = value.steps[-1]
        at = step.span
        left = flat(value)[: -len(flat(step.operand))].rstrip()
        left = left[: -len(step.op)].rstrip()
        if before:
            left = f"({' -> '.join([*before, label + left])})"
        right = (f"({flat(step.operand)})" if is_bare(step.operand) else flat(step.operand)) + name
        if after:
            right = f"({' -> '.join([right, *after])})"
        if not (label and not before):
            helps.append(f"or bracket the pipe: `{left} {step.op} {right}`")
        op = step.op
    else:
        op = value.op if isinstance(value, Unary) else ""
        at = Span(value.span.source, value.span.start, value.span.start + len(op))
    return Diagnostic(
        codes.SYN117,
        f"`{op}` stands bare in a pipe: which part flows on is not said",
        at,
        "bracket one side or the other",
        notes=("`->` binds weaker than every operator, and only the `n *` of a repetition may stand bare beside it",),
        helps=tuple(helps),
    )


def _stage_text(stage: Stage) -> str:
    """A neighbour, with brackets where its operator stands bare too."""
    if not is_bare(stage.value):
        return flat(stage)
    label = f"{flat(stage.label)}: " if stage.label else ""
    return f"{label}({flat(stage.value)})" + (f" as {stage.name.name}" if stage.name else "")


def check_label(b: Builder, label: Expr) -> None:
    if max(b.chains.values(), default=0) > _PILED:
        return
    inner = label
    while isinstance(inner, Index):
        inner = inner.value
    if not isinstance(inner, Ident):
        b.diagnostics.append(
            Diagnostic(
                codes.SYN118,
                f"`{flat(label)}` can't be a label: a label is a name, or a name with indices",
                label.span,
                "not a name",
                notes=("a label names a submodule, and so its key in the `state_dict`",),
                helps=("write a name such as `layer:` or `layer[i]:`",),
            )
        )


def argument_meant(b: Builder, stage: Stage) -> Ident | None:
    """The name of an argument that was written as a label: what stands behind it can't be a module."""
    label = stage.label
    if isinstance(label, Ident) and isinstance(stage.value, Number | Bool | String | NoneValue):
        colon = Span(label.span.source, label.span.end, stage.value.span.start)
        b.diagnostics.append(
            Diagnostic(
                codes.SYN127,
                f"an argument is given by name with `=`: `{label.name}={flat(stage.value)}`",
                Span(colon.source, colon.start + colon.text.index(":"), colon.start + colon.text.index(":") + 1),
                "write `=`",
                notes=("a name with `:` is a label, and labels a module",),
                fix=Fix("write `=`", (Edit(colon, "="),), safe=True),
            )
        )
        return label
    return None


def check_returns_last(b: Builder, statements: tuple[Statement, ...]) -> None:
    for place, statement in enumerate(statements[:-1]):
        if isinstance(statement, Return):
            behind = statements[place + 1]
            b.diagnostics.append(
                Diagnostic(
                    codes.SYN119,
                    "a `return` is the last statement in its braces",
                    _word(statement, "return"),
                    "not the last one",
                    labels=(Label(behind.span, "this comes behind it"),),
                    helps=("move the `return` to the end, or put it in an `if`",),
                )
            )
            b.returns[:] = [node for node in b.returns if node is not statement]
            return


def check_no_return_in_loop(b: Builder, start: int) -> None:
    inside = [node for node in b.returns if node.span.start > start]
    for node in inside:
        loop = Span(b.source, start, start + 3)
        b.diagnostics.append(
            Diagnostic(
                codes.SYN119,
                "a `return` can't stand in a `for`: every turn is part of the network",
                _word(node, "return"),
                "in a loop",
                labels=(Label(loop, "the loop"),),
                helps=("bind the value to a name, and return that after the loop",),
            )
        )
    b.returns[:] = [node for node in b.returns if node.span.start <= start]


def check_only_promises(b: Builder, promises: Body) -> None:
    for statement in promises.statements:
        if not isinstance(statement, Expect):
            b.diagnostics.append(
                Diagnostic(
                    codes.SYN121,
                    "behind a model given with `=`, the braces hold `expect` statements alone",
                    statement.span,
                    "not an `expect`",
                    helps=("make it a model with a body of its own, or move this into the block that it names",),
                )
            )
    b.returns.clear()
    b.system_only.clear()


def check_declaration(b: Builder, declaration: Declaration) -> None:
    """Which statements this kind of declaration may not hold."""
    if isinstance(declaration, System):
        for node in b.returns:
            b.diagnostics.append(
                Diagnostic(
                    codes.SYN119,
                    "a `system` returns nothing: every name that it binds can be asked for",
                    _word(node, "return"),
                    "in a system",
                    labels=(Label(declaration.name.span, "this is a system"),),
                    helps=("bind the value to a name",),
                )
            )
    elif b.system_only and isinstance(declaration, Fn | Block | BlockAlias):
        statement = b.system_only[0]
        word = "train" if isinstance(statement, Train) else "stage" if isinstance(statement, TrainingStage) else "loss"
        word = getattr(statement, "kind", word)
        b.diagnostics.append(
            Diagnostic(
                codes.SYN120,
                f"`{word}` stands in a `system` only",
                _word(statement, word),
                "not in a system",
                labels=(Label(declaration.name.span, "this is no system"),),
                helps=("move it into a `system` that uses this network",),
            )
        )
    b.returns.clear()
    b.system_only.clear()


def _word(statement: Statement, word: str) -> Span:
    start = statement.span.start
    return Span(statement.span.source, start, start + len(word))
