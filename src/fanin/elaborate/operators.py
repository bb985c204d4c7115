"""Operators: on numbers and sizes at once, on tensors as nodes, on lists as lists."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fanin.diagnostics import Refusal
from fanin.diagnostics.codes import SHP301, SHP302, TYP401, TYP410, TYP416
from fanin.diagnostics.model import Edit, Fix
from fanin.elaborate.body import Body, evaluates
from fanin.elaborate.calls import apply_op
from fanin.elaborate.context import MAX_LIST, MAX_NUMBER, refuse
from fanin.elaborate.expressions import as_int, elements_of, operand
from fanin.elaborate.problems import settle
from fanin.elaborate.repairs import project_skip, transpose_right
from fanin.elaborate.values import Instance, Record, describe, is_callable, is_tensor
from fanin.ir.dims import Poly, floordiv, mod
from fanin.ir.facts import AllOf, AnyOf, Compare
from fanin.ops.contract import NoAttrs, Port
from fanin.ops.registry import find_op
from fanin.source import Span
from fanin.syntax import tree

_OPS = {
    "+": "add",
    "-": "sub",
    "*": "mul",
    "/": "div",
    "//": "floordiv",
    "%": "mod",
    "**": "pow",
    "@": "matmul",
}
_COMPARISONS = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
_LOGIC = {"and": "logical_and", "or": "logical_or", "not": "logical_not"}
_CONDITIONS = (Compare, AnyOf, AllOf)


@evaluates(tree.Chain)
def _chain(body: Body, expr: tree.Chain) -> Any:
    op = expr.steps[0].op
    if op in _COMPARISONS or op == "in":
        return _comparison(body, expr)
    if op in ("and", "or"):
        return _logic(body, expr, op)
    if op == "*" and len(expr.steps) == 1:
        return _product(body, expr)
    left = body.evaluate(expr.first)
    at = expr.first.span
    for step in expr.steps:
        right = body.evaluate(step.operand)
        left = binary(body, step.op, left, right, at, step.operand.span, step.span)
        at = at.to(step.operand.span)
    return left


def _product(body: Body, expr: tree.Chain) -> Any:
    from fanin.elaborate.pipes import repeat, stage_value

    step = expr.steps[0]
    left = body.evaluate(expr.first)
    if isinstance(left, int) and not isinstance(left, bool) and _may_be_module(step.operand):
        right = stage_value(body, step.operand, waits=False)
    else:
        right = body.evaluate(step.operand)
    if is_callable(right) or (isinstance(right, list) and right and isinstance(right[0], Instance)):
        count = as_int(body, left, expr.first.span, "the number of a repetition")
        return repeat(body, count, right, step.operand.span)
    return binary(body, "*", left, right, expr.first.span, step.operand.span, step.span)


def _may_be_module(expr: tree.Expr) -> bool:
    return isinstance(expr, (tree.Paren, tree.ListExpr))


def binary(body: Body, op: str, left: Any, right: Any, left_span: Span, right_span: Span, at: Span) -> Any:
    """One step of a chain."""
    if op == "..":
        first, last = (
            as_int(body, left, left_span, "the start of a range"),
            as_int(body, right, right_span, "the end of a range"),
        )
        if last - first > MAX_LIST:
            raise refuse(
                TYP410,
                f"a range of {last - first:_} numbers is too long: at most {MAX_LIST:_}",
                left_span.to(right_span),
                "too long",
            )
        return range(first, last)
    if op == "++":
        return _join(body, left, right, left_span, right_span)
    if is_number(left) and is_number(right):
        return arithmetic(body, op, left, right, left_span, right_span)
    if _tensorish(left) or _tensorish(right):
        return _tensors(body, op, left, right, left_span, right_span)
    if op == "+" and isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        raise refuse(
            TYP416,
            "lists are joined with `++`",
            at,
            "adds numbers and tensors",
            fix=Fix("write `++`", (Edit(at, "++"),)),
        )
    if op == "+" and isinstance(left, str) and isinstance(right, str):
        raise refuse(TYP416, "strings are not added", at, "adds numbers and tensors")
    wrong, where = (left, left_span) if not is_number(left) else (right, right_span)
    helps = ["apply it first: `x -> …`"] if is_callable(wrong) else []
    raise refuse(TYP416, f"`{op}` takes numbers or tensors, not {describe(wrong)}", where, describe(wrong), helps=helps)


def _tensors(body: Body, op: str, left: Any, right: Any, left_span: Span, right_span: Span) -> Any:
    try:
        return tensor_op(body, _OPS[op], [left, right], [left_span, right_span], left_span.to(right_span))
    except Refusal as refusal:
        fix = None
        if refusal.diagnostic.code is SHP301 and op in ("+", "-"):
            fix = project_skip(body, left, right, left_span, right_span)
        elif refusal.diagnostic.code is SHP301 and op == "@":
            fix = transpose_right(left, right, right_span)
        raise (Refusal(replace(refusal.diagnostic, fix=fix)) if fix else refusal) from None


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Poly)) and not isinstance(value, bool)


def _tensorish(value: Any) -> bool:
    return is_tensor(value) or (isinstance(value, Record) and len(value.values) >= 1)


def _join(body: Body, left: Any, right: Any, left_span: Span, right_span: Span) -> list[Any]:
    for value, span in ((left, left_span), (right, right_span)):
        if is_tensor(value):
            raise refuse(
                TYP416,
                "`++` joins lists, and this is a tensor",
                span,
                describe(value),
                helps=["put it into brackets, `[x]`, or join tensors with `concat(x, y, axis=1)`"],
            )
    joined = elements_of(body, left, left_span) + elements_of(body, right, right_span)
    if len(joined) > MAX_LIST:
        raise refuse(TYP410, f"a list of {len(joined)} is too long", left_span.to(right_span), "too long")
    return joined


def arithmetic(body: Body, op: str, left: Any, right: Any, left_span: Span, right_span: Span) -> Any:
    """Numbers and sizes. ``/`` of whole numbers is exact; an open size that has to divide makes a condition."""
    span = left_span.to(right_span)
    whole = not isinstance(left, float) and not isinstance(right, float)
    if not whole:
        left, right = _float(body, left, left_span), _float(body, right, right_span)
    try:
        if op == "+":
            value = left + right
        elif op == "-":
            value = left - right
        elif op == "*":
            value = left * right
        elif op == "**":
            value = _power(body, left, right, span, right_span)
        elif op == "/":
            value = _exact(body, left, right, span, right_span) if whole else left / right
        elif op in ("//", "%"):
            if not whole:
                value = left // right if op == "//" else left % right
            elif isinstance(right, int) and right == 0:
                raise ZeroDivisionError("division by zero")
            elif isinstance(left, int) and isinstance(right, int):
                value = left // right if op == "//" else left % right
            else:
                if not isinstance(right, int):
                    settle(
                        body.ctx,
                        body.builder,
                        Compare(">=", right, 1),
                        f"the divisor {right} has to be positive",
                        right_span,
                    )
                value = floordiv(left, right) if op == "//" else mod(left, right)
        else:
            raise refuse(TYP416, f"`{op}` is for tensors, not for numbers", span, "numbers here")
    except ZeroDivisionError:
        raise refuse(TYP410, f"`{span.text}` divides by zero", right_span, "this is zero") from None
    except (OverflowError, TypeError) as error:
        raise refuse(TYP410, f"`{span.text}` cannot be computed: {error}", span, "no such number") from None
    if isinstance(value, complex):
        raise refuse(TYP410, f"`{span.text}` is no real number", span, "complex")
    if isinstance(value, int) and abs(value) > MAX_NUMBER:
        raise refuse(TYP410, "a whole number has at most 63 bits", span, "too large")
    return value


def _float(body: Body, value: Any, span: Span) -> Any:
    if isinstance(value, Poly):
        return as_int(body, value, span, "a size beside a fraction")
    return value


def _power(body: Body, left: Any, right: Any, span: Span, right_span: Span) -> Any:
    if isinstance(right, Poly):
        right = as_int(body, right, right_span, "an exponent")
    if isinstance(left, Poly):
        if not isinstance(right, int) or right < 0:
            left = as_int(body, left, span, "the base of a power")
        elif right > 16:
            raise refuse(TYP410, f"an open size to the power {right} is too large", span, "too large")
        else:
            return left**right
    if (
        isinstance(left, int)
        and isinstance(right, int)
        and right > 0
        and abs(left) > 1
        and right * abs(left).bit_length() > 128
    ):
        raise refuse(TYP410, "a whole number has at most 63 bits", span, "too large")
    if isinstance(left, int) and isinstance(right, int) and right < 0:
        return float(left) ** right
    return left**right


def _exact(body: Body, left: Any, right: Any, span: Span, right_span: Span) -> Any:
    if isinstance(right, int) and right == 0:
        raise ZeroDivisionError
    if isinstance(left, int) and isinstance(right, int):
        if left % right:
            raise refuse(
                SHP302,
                f"{right} does not divide {left}",
                span,
                f"{left} / {right}",
                helps=["write `//` to round down, or a number that divides; `1.0 * a / b` for a fraction"],
                notes=["`/` of two whole numbers is exact"],
            )
        return left // right
    settle(
        body.ctx,
        body.builder,
        Compare("==", mod(left, right), 0),
        f"{right} has to divide {left}",
        span,
        kind="indivisible",
        help="write `//` to round down",
    )
    return floordiv(left, right)


def tensor_op(body: Body, name: str, values: list[Any], spans: list[Span], span: Span) -> Any:
    """An operator with a tensor on some side."""
    op = find_op(name)
    assert op is not None, name
    operands = [operand(body, v, s, "a tensor or a number") for v, s in zip(values, spans, strict=True)]
    owners: list[tuple[Port, Span]] = list(zip(op.inputs, spans, strict=True))
    for found, (port, at) in zip(operands, owners, strict=True):
        if not port.accepts(found.type.dtype):
            raise refuse(
                TYP416,
                f"this operator does not take {found.type.dtype.value} tensors",
                at,
                f"this is {found.type}",
            )
    attrs = op.attrs() if op.attrs is not NoAttrs else NoAttrs()
    return apply_op(body, op, attrs, list(operands), owners, None, span, {}, {}, op.name)


# ------------------------------------------------------------------------------------------ comparisons and logic


def _comparison(body: Body, expr: tree.Chain) -> Any:
    parts: list[Any] = []
    left = body.evaluate(expr.first)
    at = expr.first.span
    for step in expr.steps:
        right = body.evaluate(step.operand)
        parts.append(compare(body, step.op, left, right, at, step.operand.span, step.span))
        left, at = right, step.operand.span
    if len(parts) == 1:
        return parts[0]
    return _all(body, parts, [expr.span] * len(parts), expr.span)


def compare(body: Body, op: str, left: Any, right: Any, left_span: Span, right_span: Span, at: Span) -> Any:
    if op == "in":
        if isinstance(right, (list, tuple, range, str)):
            return any(_same(left, item) for item in right) if not isinstance(right, str) else left in right
        raise refuse(TYP401, f"`in` looks into a list, not into {describe(right)}", right_span, describe(right))
    if left is None or right is None:
        if op not in ("==", "!="):
            raise refuse(TYP416, "`none` is only equal or not equal to something", at, "no order")
        return (left is right) == (op == "==")
    if is_number(left) and is_number(right):
        if isinstance(left, Poly) or isinstance(right, Poly):
            if isinstance(left, float) or isinstance(right, float):
                raise refuse(TYP401, "a size is compared with a whole number", at, "a fraction here")
            return _decided(Compare(op, left, right))  # type: ignore[arg-type]  # one of _COMPARISONS
        return _plain(op, left, right)
    if _tensorish(left) or _tensorish(right):
        return tensor_op(body, _COMPARISONS[op], [left, right], [left_span, right_span], left_span.to(right_span))
    if op in ("==", "!="):
        return _same(left, right) == (op == "==")
    if isinstance(left, str) and isinstance(right, str):
        return _plain(op, left, right)
    raise refuse(
        TYP416,
        f"`{op}` does not compare {describe(left)} with {describe(right)}",
        at,
        "no order between them",
    )


def _decided(c: Compare) -> Any:
    if isinstance(c.left, int) and isinstance(c.right, int):
        return _plain(c.op, c.left, c.right)
    if c.left == c.right:
        return c.op in ("==", "<=", ">=")
    return c


def _plain(op: str, a: Any, b: Any) -> bool:
    return bool({"==": a == b, "!=": a != b, "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[op])


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, bool) != isinstance(b, bool):
        return False
    if isinstance(a, (list, tuple, range)) and isinstance(b, (list, tuple, range)):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


def _logic(body: Body, expr: tree.Chain, op: str) -> Any:
    """Compile-time values decide from the left as soon as they can; tensors and open conditions are kept."""
    operands = [expr.first, *(s.operand for s in expr.steps)]
    kept: list[Any] = []
    spans: list[Span] = []
    for item in operands:
        value = body.evaluate(item)
        if isinstance(value, bool):
            if value != (op == "and"):
                return value
            continue
        if not isinstance(value, _CONDITIONS) and not _tensorish(value):
            raise refuse(TYP401, f"`{op}` takes conditions, not {describe(value)}", item.span, describe(value))
        if isinstance(value, _CONDITIONS):
            verdict = _verdict(body, value)
            if verdict is not None:
                if verdict != (op == "and"):
                    return verdict
                continue
        kept.append(value)
        spans.append(item.span)
    if not kept:
        return op == "and"
    if len(kept) == 1:
        return kept[0]
    if all(isinstance(v, _CONDITIONS) for v in kept):
        return AllOf(tuple(kept)) if op == "and" else AnyOf(tuple(kept))
    return _fold_tensors(body, _LOGIC[op], kept, spans)


def _verdict(body: Body, condition: Any) -> bool | None:
    from fanin.ir.facts import Verdict

    if body.ctx.facts.verdict(condition) is Verdict.PROVED:
        return True
    if body.ctx.facts.verdict(condition.negated()) is Verdict.PROVED:
        return False
    return None


def _fold_tensors(body: Body, name: str, values: list[Any], spans: list[Span]) -> Any:
    left, at = values[0], spans[0]
    for right, span in zip(values[1:], spans[1:], strict=True):
        left = tensor_op(body, name, [left, right], [at, span], at.to(span))
        at = at.to(span)
    return left


def _all(body: Body, parts: list[Any], spans: list[Span], span: Span) -> Any:
    if any(p is False for p in parts):
        return False
    left = [p for p in parts if p is not True]
    if not left:
        return True
    if all(isinstance(p, _CONDITIONS) for p in left):
        return left[0] if len(left) == 1 else AllOf(tuple(left))
    return _fold_tensors(body, "logical_and", left, spans[: len(left)])


@evaluates(tree.Unary)
def _unary(body: Body, expr: tree.Unary) -> Any:
    value = body.evaluate(expr.operand)
    if expr.op == "-":
        if is_number(value):
            return -value
        if _tensorish(value):
            return tensor_op(body, "neg", [value], [expr.operand.span], expr.span)
        raise refuse(
            TYP416,
            f"`-` takes a number or a tensor, not {describe(value)}",
            expr.operand.span,
            describe(value),
        )
    if isinstance(value, bool):
        return not value
    if isinstance(value, _CONDITIONS):
        return value.negated()
    if _tensorish(value):
        return tensor_op(body, "logical_not", [value], [expr.operand.span], expr.span)
    raise refuse(TYP401, f"`not` takes a condition, not {describe(value)}", expr.operand.span, describe(value))
