"""What the author wrote as the arguments of a call, so that `Linear(3 * width)` is not printed as `Linear(2304)`.

This is for legibility alone: an expression is used only where it gives the number that the IR has.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from functools import cache
from typing import TypeAlias

from fanin.emit.torch.expressions import Tree
from fanin.ir.types import TensorType
from fanin.ops.code import Infix, Name, Prefix
from fanin.record import record
from fanin.source import Span

Number: TypeAlias = bool | int | float
Vector: TypeAlias = tuple[Number, ...]

# (keyword, or "" for an argument that goes by place, or "~" for a name anywhere; the text of the argument). Under
# ``ORIGIN`` stands the number of the `Origin` that a statement has.
Arguments: TypeAlias = tuple[tuple[str, str], ...]
ORIGIN = "@"


@record
class Origin:
    """Where in the spec a statement is from, and the types of what it gives."""

    span: Span
    types: tuple[TensorType, ...]


_CALL = re.compile(r"[A-Za-z_]\w*\(")
_KEYWORD = re.compile(r"([A-Za-z_]\w*)\s*=(?!=)\s*(.*)", re.DOTALL)
_COUNT = re.compile(r"(\w+|\([^()]*\))\s*\*\s*[\[(]?\s*[A-Z]\w*\s*\(")


@cache
def arguments_in(text: str, order: tuple[str, ...] = ()) -> Arguments:
    """The arguments of every call in a piece of a spec. ``order`` names those that go by place in the outermost one."""
    text = re.sub(r"#[^\n]*", "", text)
    found: list[tuple[str, str]] = []
    calls = list(_CALL.finditer(text))
    outermost_end = 0
    for call in calls:
        inner, end = _inside(text, call.end())
        alone = call.start() >= outermost_end
        outermost_end = max(outermost_end, end)
        place = 0
        for part in inner:
            keyword = _KEYWORD.fullmatch(part)
            if keyword:
                found.append((keyword[1], keyword[2].strip()))
            elif alone and place < len(order):
                found.append((order[place], part))
            elif not order:
                found.append(("", part))
            place += not keyword
    found += [("count", match[1]) for match in _COUNT.finditer(text)]
    found = [(keyword, part) for keyword, part in found if part and len(part) <= 80]
    return (*found, *(("~", word) for word in dict.fromkeys(re.findall(r"[A-Za-z_]\w*", text))))


def _inside(text: str, start: int) -> tuple[list[str], int]:
    """The arguments from a bracket on, and where it closes."""
    depth, at, parts, begin = 1, start, [], start
    while at < len(text) and depth:
        c = text[at]
        if c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
        if (c == "," and depth == 1) or depth == 0:
            parts.append(text[begin:at].strip())
            begin = at + 1
        at += 1
    return parts, at


def authored(text: str, known: Mapping[str, tuple[str, Vector]], count: int) -> tuple[Tree, Vector] | None:
    """The expression over known names, and its values in each of ``count`` graphs; None where it is no such thing."""
    node = _parse(text)
    if node is None:
        return None
    try:
        tree = _tree(node, known)
        values = tuple(_value(node, {name: v[i] for name, (_, v) in known.items()}) for i in range(count))
    except (KeyError, ZeroDivisionError):
        return None
    return tree, values


@cache
def _parse(text: str) -> ast.expr | None:
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.FloorDiv: "//", ast.Div: "//", ast.Mod: "%",
}  # fmt: skip
_CONSTANTS = {"true": True, "false": False}


def _tree(node: ast.expr, known: Mapping[str, tuple[str, Vector]]) -> Tree:
    match node:
        case ast.Constant(value=bool() | int() | float()):
            return node.value
        case ast.Name(id=name):
            return _CONSTANTS[name] if name in _CONSTANTS else Name(known[name][0])
        case ast.BinOp() if type(node.op) in _OPERATORS:
            return Infix(_OPERATORS[type(node.op)], _tree(node.left, known), _tree(node.right, known))
        case ast.UnaryOp(op=ast.USub()):
            inner = _tree(node.operand, known)
            return -inner if isinstance(inner, int | float) else Prefix("-", inner)
        case ast.UnaryOp(op=ast.Not()):
            return Prefix("not", _tree(node.operand, known))
        case _:
            raise KeyError


def _value(node: ast.expr, sizes: Mapping[str, Number]) -> Number:
    match node:
        case ast.Constant(value=bool() | int() | float() as value):
            return value
        case ast.Name(id=name):
            return _CONSTANTS[name] if name in _CONSTANTS else sizes[name]
        case ast.BinOp():
            return _combine(node.op, _value(node.left, sizes), _value(node.right, sizes))
        case ast.UnaryOp(op=ast.USub()):
            return -_value(node.operand, sizes)
        case ast.UnaryOp(op=ast.Not()):
            return not _value(node.operand, sizes)
        case _:
            raise KeyError


def _combine(operator: ast.operator, a: Number, b: Number) -> Number:
    match operator:
        case ast.Add():
            return a + b
        case ast.Sub():
            return a - b
        case ast.Mult():
            return a * b
        case ast.FloorDiv():
            return a // b
        case ast.Mod():
            return a % b
        case ast.Div() if isinstance(a, int) and isinstance(b, int) and a % b == 0:
            return a // b
        case _:
            raise KeyError
