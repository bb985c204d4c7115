"""Which tensor goes to which input of a block, and what a module's results are worth."""

from __future__ import annotations

import re
from typing import Any

from fanin.diagnostics import Label
from fanin.diagnostics.codes import TYP401, TYP407
from fanin.elaborate.body import Body
from fanin.elaborate.context import refuse
from fanin.elaborate.expressions import operand
from fanin.elaborate.misfits import given_twice, unknown_keyword
from fanin.elaborate.values import (
    Argument,
    Record,
    describe,
)
from fanin.ir.graph import (
    Operand,
    Scalar,
    Value,
)
from fanin.ir.types import DType, TensorType
from fanin.source import Span
from fanin.syntax import tree


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
                raise unknown_keyword(a, names, f"`{shown}` has no input `{a.name}`", "its inputs")
            if a.name in given:
                raise given_twice(a, given[a.name])
            given[a.name] = a
    left = [n for n in names if n not in given]
    if len(placed) > len(left):
        extra = placed[len(left)]
        takes = f"`{shown}` takes {len(names)} tensor{'s' if len(names) != 1 else ''}"
        raise refuse(
            TYP407,
            f"{takes}, and {len(placed) + len(given)} come in",
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
                helps=_missing_help(span, names),
            )
    return given


def _missing_help(span: Span, names: list[str]) -> list[str]:
    """How all the inputs are sent in, where the text of the module is short."""
    text = re.sub(r"^\w+\s*:\s*", "", span.text)
    if len(text) > 50 or "\n" in text or not text.endswith(")"):
        return []
    flow = names[0] if len(names) == 1 else f"({', '.join(names)})"
    return [f"send all of them in: `{flow} -> {text}`" if len(names) > 1 else f"send it in: `{flow} -> {text}`"]


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


def input_type(found: Operand, p: tree.Param) -> TensorType:
    if isinstance(found, Scalar) and isinstance(p.type, tree.ShapeType) and p.type.dtype is None:
        return TensorType(DType.FLOAT, ())
    return found.type


def spread(value: Any) -> list[Any]:
    """What flows on: several results as so many tensors, a list as one value."""
    if isinstance(value, Record):
        return list(value.values)
    if isinstance(value, tuple):
        return list(value)
    return [value]


def results_of(outputs: tuple[Value, ...], names: list[str]) -> Any:
    if len(outputs) == 1:
        return outputs[0]
    return Record(tuple(names), outputs)
