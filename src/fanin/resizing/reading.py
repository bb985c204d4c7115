"""What an expression of the text is worth at one place of the network, before and after numbers in it are changed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from fanin.ir.graph import Graph
from fanin.record import field, record
from fanin.repairs.places import nodes
from fanin.source import Span
from fanin.syntax import tree

Key: TypeAlias = tuple[str, int, int]


def key_of(span: Span) -> Key:
    return span.source.name, span.start, span.end


class Unread(Exception):
    """An expression that is not made of numbers alone."""


@record
class Known:
    """A value, and the number in the text that it is; None where it is worked out. Lists are tuples of these."""

    value: Any
    at: Span | None = None


@record(eq=False)
class Scope:
    """One use of a declaration: of which ``graph``, made by what ``call`` in the text of its ``caller``.

    ``turns`` are those of the loops around the call, ``cell`` the place of a repetition that it makes, ``key`` how a
    cut calls it.
    """

    declaration: Any
    file: Any  # the Unit: constants, and what names mean
    graph: Graph
    key: str
    caller: Scope | None
    call: tree.Call | None
    turns: Mapping[Key, int]
    cell: int | None = None
    sizes: dict[str, int] = field(default_factory=dict)  # letters after the cut
    bound: Mapping[str, tree.Bind | None] = field(default_factory=dict)  # what its statements bind

    @property
    def hypers(self) -> tuple[tree.Param, ...]:
        own = self.declaration
        if isinstance(own, tree.Fn):
            return own.params[len([p for p in own.params if _is_tensor(p)]) :]
        return getattr(own, "hypers", None) or ()


def _is_tensor(p: tree.Param) -> bool:
    return isinstance(p.type, tree.ShapeType)


class Reader:
    """``changed`` are numbers of the text with their new values; with ``after``, letters are those after the cut."""

    def __init__(self, changed: Mapping[Key, Any], after: bool, around: Callable[[Span], list[tree.For]]) -> None:
        self.changed, self.after, self.around = changed, after, around
        self._depth = 0

    def value(self, expr: Any, scope: Scope, turns: Mapping[Key, int]) -> Known:
        """Raises Unread."""
        self._depth += 1
        if self._depth > 200:
            self._depth = 0
            raise Unread
        try:
            return self._value(expr, scope, turns)
        finally:
            self._depth -= 1

    def _value(self, expr: Any, scope: Scope, turns: Mapping[Key, int]) -> Known:
        if isinstance(expr, tree.Number):
            key = key_of(expr.span)
            return Known(self.changed.get(key, expr.value), expr.span)
        if isinstance(expr, tree.Bool | tree.String):
            return Known(expr.value)
        if isinstance(expr, tree.NoneValue):
            return Known(None)
        if isinstance(expr, tree.Paren):
            return self.value(expr.value, scope, turns)
        if isinstance(expr, tree.ListExpr | tree.TupleExpr):
            return Known(tuple(self.value(item, scope, turns) for item in expr.items))
        if isinstance(expr, tree.Ident):
            return self._name(expr, scope, turns)
        if isinstance(expr, tree.Index):
            return self._index(expr, scope, turns)
        if isinstance(expr, tree.Unary):
            inner = self.value(expr.operand, scope, turns).value
            return Known(-inner if expr.op == "-" else not inner)
        if isinstance(expr, tree.Conditional):
            test = self.value(expr.test, scope, turns).value
            return self.value(expr.then if test else expr.otherwise, scope, turns)
        if isinstance(expr, tree.Chain):
            return self._chain(expr, scope, turns)
        if (
            isinstance(expr, tree.Call)
            and isinstance(expr.callee, tree.Ident)
            and (expr.callee.name in _FUNCTIONS or expr.callee.name in _OF_LISTS)
        ):
            given = [self.value(a.value, scope, turns) for a in expr.args]
            if expr.callee.name in _OF_LISTS:
                return Known(_OF_LISTS[expr.callee.name](*(g.value for g in given)))
            return Known(_FUNCTIONS[expr.callee.name](*map(_plain, given)))
        raise Unread

    def _name(self, expr: tree.Ident, scope: Scope, turns: Mapping[Key, int]) -> Known:
        name = expr.name
        for loop in reversed(self.around(expr.span)):
            names = [n.name for n in loop.names]
            if name in names:
                turn = turns.get(key_of(loop.span))
                if turn is None:
                    raise Unread
                items = self.value(loop.iterable, scope, turns).value
                item = items[turn]
                known: Known = item if len(names) == 1 else item.value[names.index(name)]
                return known
        bound = scope.bound.get(name)
        if bound is not None:
            if bound.span.start <= expr.span.start and expr.span.end <= bound.span.end:
                raise Unread
            return self.value(bound.value, scope, turns)
        given = argument(scope, name)
        if given is not None:
            value, home, when = given
            return self.value(value, home, when)
        if name in scope.bound:
            raise Unread
        letters = {n: d for n, d in scope.graph.letters if isinstance(d, int)}
        if name in letters:
            return Known(scope.sizes.get(name, letters[name]) if self.after else letters[name])
        found = scope.file.lookup(name)
        if found is not None and isinstance(found[1], tree.Const):
            return self.value(found[1].value, Scope(found[1], found[0], scope.graph, "", None, None, {}), {})
        raise Unread

    def _index(self, expr: tree.Index, scope: Scope, turns: Mapping[Key, int]) -> Known:
        found = self.value(expr.value, scope, turns)
        if not isinstance(found.value, tuple) or len(expr.items) != 1:
            raise Unread
        (item,) = expr.items
        if isinstance(item, tree.Slice):
            ends = [
                None if e is None else self.value(e, scope, turns).value for e in (item.start, item.stop, item.step)
            ]
            return Known(found.value[slice(*ends)])
        try:
            known: Known = found.value[self.value(item, scope, turns).value]
        except (IndexError, TypeError):
            raise Unread from None
        return known

    def _chain(self, expr: tree.Chain, scope: Scope, turns: Mapping[Key, int]) -> Known:
        left = self.value(expr.first, scope, turns)
        for step in expr.steps:
            right = self.value(step.operand, scope, turns)
            left = _operated(step.op, left, right)
        return left


def _operated(op: str, left: Known, right: Known) -> Known:
    a, b = left.value, right.value
    if op == "++" and isinstance(a, tuple) and isinstance(b, tuple):
        return Known((*a, *b))
    if op == "..":
        return Known(tuple(Known(i) for i in range(a, b)))
    if isinstance(a, tuple) or isinstance(b, tuple) or op not in _OPERATORS:
        raise Unread
    try:
        return Known(_OPERATORS[op](a, b))
    except (TypeError, ZeroDivisionError):
        raise Unread from None


def _plain(known: Known) -> Any:
    return [_plain(k) for k in known.value] if isinstance(known.value, tuple) else known.value


_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "**": lambda a, b: a**b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "and": lambda a, b: a and b,
    "or": lambda a, b: a or b,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "len": len,
    "max": max,
    "min": min,
    "int": int,
    "float": float,
    "sum": sum,
    "sqrt": math.sqrt,
    "log": math.log,
    "exp": math.exp,
    "ceildiv": lambda a, b: -(-a // b),
}

_OF_LISTS: dict[str, Callable[..., tuple[Known, ...]]] = {
    "zip": lambda *lists: tuple(map(Known, zip(*lists, strict=False))),
    "enumerate": lambda items: tuple(Known((Known(i), item)) for i, item in enumerate(items)),
    "reversed": lambda items: tuple(reversed(items)),
}


def argument(scope: Scope, name: str) -> tuple[Any, Scope, Mapping[Key, int]] | None:
    """What a hyper-parameter was given in the text, or its default, and where that is to be read."""
    params = [p.name.name for p in scope.hypers]
    if name not in params:
        return None
    place = params.index(name)
    if scope.call is not None and scope.caller is not None:
        by_place = [a for a in scope.call.args if a.name is None and not isinstance(a.value, tree.Dots)]
        for a in scope.call.args:
            if a.name is not None and a.name.name == name:
                return a.value, scope.caller, scope.turns
        if isinstance(scope.declaration, tree.Fn):
            by_place = by_place[-len(params) :] if len(by_place) > len(params) else by_place
        if place < len(by_place):
            return by_place[place].value, scope.caller, scope.turns
    default = scope.hypers[place].default
    return None if default is None else (default, scope, {})


def bindings(declaration: Any) -> dict[str, tree.Bind | None]:
    """The names that statements of a body bind: the statement, where it is the only one and binds nothing else."""
    found: dict[str, tree.Bind | None] = {}
    for node in nodes(declaration):
        if isinstance(node, tree.Bind):
            for name in node.names:
                alone = len(node.names) == 1 and name.name not in found
                found[name.name] = node if alone else None
        elif isinstance(node, tree.Augment | tree.TypedBind):
            found[node.name.name] = None
    return found
