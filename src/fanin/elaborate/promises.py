"""``expect``: what a model promises, as data that the analyses settle once the graph is there."""

from __future__ import annotations

from typing import Any

from fanin.diagnostics import Fix
from fanin.diagnostics.codes import TYP401, TYP405
from fanin.diagnostics.model import Edit
from fanin.diagnostics.suggest import nearest
from fanin.elaborate.body import Body
from fanin.elaborate.context import refuse
from fanin.elaborate.names import GROUPS, QUERIES
from fanin.elaborate.values import describe
from fanin.ir.dims import Poly
from fanin.ir.graph import Promise, Query
from fanin.syntax import tree


def promise_of(body: Body, statement: tree.Expect) -> Promise:
    test = statement.test
    while isinstance(test, tree.Paren):
        test = test.value
    if isinstance(test, tree.Call) or (isinstance(test, tree.Ident) and test.name in QUERIES):
        return Promise(((_side(body, test), "==", True),), test.span.text, test.span)
    if not isinstance(test, tree.Chain) or test.steps[0].op not in ("==", "!=", "<", "<=", ">", ">=", "in"):
        raise refuse(
            TYP401,
            "an `expect` compares: `expect params == 61_706`",
            statement.test.span,
            "no comparison",
            helps=[f"what can be expected: {', '.join(sorted(QUERIES))}"],
        )
    comparisons: list[tuple[Any, str, Any]] = []
    left = _side(body, test.first)
    for step in test.steps:
        right = _side(body, step.operand)
        comparisons.append((left, step.op, right))
        left = right
    return Promise(tuple(comparisons), test.span.text, test.span)


def _side(body: Body, expr: tree.Expr) -> Any:
    if isinstance(expr, tree.Ident) and expr.name in QUERIES and expr.name not in body.scope:
        return Query(expr.name)
    if isinstance(expr, tree.Call) and isinstance(expr.callee, tree.Ident) and expr.callee.name in QUERIES:
        return Query(expr.callee.name, tuple(_argument(body, a) for a in expr.args))
    if isinstance(expr, tree.Chain) and expr.steps[0].op == "..":
        return ("range", _side(body, expr.first), _side(body, expr.steps[0].operand))
    if isinstance(expr, tree.Ident) and body.unit.lookup(expr.name) is None and expr.name not in body.scope:
        near = nearest(expr.name, list(QUERIES))
        if near:
            raise refuse(
                TYP405,
                f"nothing called `{expr.name}` can be expected",
                expr.span,
                "not known",
                fix=Fix(f"did you mean `{near}`?", (Edit(expr.span, near),)),
            )
    value = body.evaluate(expr)
    if isinstance(value, bool) or not isinstance(value, (int, float, Poly)):
        raise refuse(TYP401, f"an `expect` compares numbers, not {describe(value)}", expr.span, describe(value))
    return value


def _argument(body: Body, arg: tree.Arg) -> tuple[str, Any]:
    if arg.name is None and isinstance(arg.value, tree.Ident):
        return arg.value.name, True
    if (
        isinstance(arg.value, tree.Call)
        and isinstance(arg.value.callee, tree.Ident)
        and arg.value.callee.name in GROUPS
    ):
        group = arg.value.callee.name
        return (arg.name.name if arg.name else ""), Query(group, tuple(_argument(body, a) for a in arg.value.args))
    value: Any = (
        body.evaluate(arg.value)
        if not (isinstance(arg.value, tree.Ident) and arg.value.name not in body.scope)
        else arg.value.name
    )
    return (arg.name.name if arg.name else ""), value
