"""Code values as Python text: with the brackets that are needed, and broken over lines as `ruff format` does."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

from fanin.ir.dims import Dim, Poly, render
from fanin.ops import code as ops
from fanin.ops.code import (
    Attribute,
    Call,
    Cut,
    Function,
    Helper,
    IfNumber,
    Infix,
    Input,
    Invoke,
    Like,
    Method,
    Module,
    Name,
    Prefix,
    Subscript,
)
from fanin.record import record

WIDTH = 100

# ------------------------------------------------------------------- what the writer adds to the code of the ops


@record
class Star:
    """``*value`` in an argument list."""

    value: Any


@record
class DoubleStar:
    """``**value`` in an argument list."""

    value: Any


@record
class Comprehension:
    """``[element for _ in range(count)]``"""

    element: Any
    count: Any


@record
class Mapping:
    """``{"0": a, "2": b}``; the keys are part of the structure."""

    items: tuple[tuple[Any, Any], ...]


@record
class Lambda:
    """``lambda t: body``"""

    argument: str
    body: Any


@record
class Bare:
    """``a, b``: values side by side, where a tuple needs no brackets."""

    items: tuple[Any, ...]


# A tree of `ops.code` values and the above; numbers and strings are leaves.
Tree: TypeAlias = Any


def call_of(target: str, *args: Tree) -> Call:
    """A call of any trees."""
    return Call(target, args)


# ------------------------------------------------------------------------------------------------ rewriting trees


def rebuild(tree: Tree, change: Callable[[Tree], Tree]) -> Tree:
    """The tree with ``change`` made to each of its direct parts."""
    match tree:
        case Call():
            return Call(tree.target, _all(tree.args, change), _pairs(tree.keywords, change))
        case Method():
            return Method(change(tree.receiver), tree.name, _all(tree.args, change), _pairs(tree.keywords, change))
        case Invoke():
            return Invoke(change(tree.callee), _all(tree.args, change), _pairs(tree.keywords, change))
        case Infix():
            return Infix(tree.op, change(tree.left), change(tree.right))
        case Prefix():
            return Prefix(tree.op, change(tree.operand))
        case Attribute():
            return Attribute(change(tree.value), tree.name)
        case Subscript():
            return Subscript(change(tree.value), tuple(_item(item, change) for item in tree.items))
        case ops.Sequence():
            return ops.Sequence(_all(tree.items, change), tree.brackets)
        case Star():
            return Star(change(tree.value))
        case DoubleStar():
            return DoubleStar(change(tree.value))
        case Comprehension():
            return Comprehension(change(tree.element), change(tree.count))
        case Mapping():
            return Mapping(_pairs(tree.items, change))
        case Lambda():
            return Lambda(tree.argument, change(tree.body))
        case Bare():
            return Bare(_all(tree.items, change))
        case _:
            return tree


def _all(trees: tuple[Tree, ...], change: Callable[[Tree], Tree]) -> tuple[Tree, ...]:
    return tuple(change(tree) for tree in trees)


def _pairs(pairs: tuple[tuple[str, Tree], ...], change: Callable[[Tree], Tree]) -> tuple[tuple[str, Tree], ...]:
    return tuple((name, change(tree)) for name, tree in pairs if tree != ops.OMIT)


def _item(item: Tree, change: Callable[[Tree], Tree]) -> Tree:
    if isinstance(item, Cut):
        return Cut(*(None if part is None else change(part) for part in (item.start, item.stop, item.step)))
    return change(item)


def parts(tree: Tree) -> Iterator[Tree]:
    """The direct parts of a tree."""
    found: list[Tree] = []

    def keep(part: Tree) -> Tree:
        found.append(part)
        return part

    rebuild(tree, keep)
    return iter(found)


@dataclass(frozen=True)
class Frame:
    """What an op's code stands for in one place: its inputs, module and so on, as trees.

    ``size`` gives an open dimension, ``name`` may replace a name (``self.training`` where there is no ``self``),
    ``helper`` is told of every function that is to be printed too, and gives the name it has there.
    """

    inputs: Sequence[Tree]
    module: Tree = None
    like: Callable[[], Tree] = lambda: Name("like")
    size: Callable[[Poly], Tree] = lambda poly: dimension(poly)
    name: Callable[[Name], Tree] = lambda name: name
    helper: Callable[[Function], str] = lambda function: function.name
    numbers: Sequence[bool] = ()  # which inputs are numbers or open dimensions

    def fill(self, code: Tree) -> Tree:
        """The code with its places filled in."""
        match code:
            case Input():
                return self.inputs[code.index]
            case Module():
                return self.module
            case Like():
                return self.like()
            case Poly():
                return self.size(code)
            case Name():
                return self.name(code)
            case IfNumber():
                is_number = code.index < len(self.numbers) and self.numbers[code.index]
                return self.fill(code.number if is_number else code.tensor)
            case Helper():
                return rebuild(Call(self.helper(code.function), code.args, code.keywords), self.fill)
            case _:
                return rebuild(code, self.fill)


def dimension(size: Dim, name: Callable[[Any], str] = lambda symbol: str(symbol.name), *, python: bool = True) -> Tree:
    """A dimension as a tree over the names of its symbols."""
    return size if isinstance(size, int) else parsed(render(size, name, python))


@cache
def parsed(text: str) -> Tree:
    """Arithmetic that fanin itself has written, as a tree."""
    return _from_ast(ast.parse(text, mode="eval").body)


_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
}  # fmt: skip


def _from_ast(node: ast.expr) -> Tree:
    match node:
        case ast.BinOp():
            return Infix(_OPERATORS[type(node.op)], _from_ast(node.left), _from_ast(node.right))
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(value))):
            return -value
        case ast.UnaryOp(op=ast.USub()):
            return Prefix("-", _from_ast(node.operand))
        case ast.Constant(value=int(value)):
            return value
        case ast.Call(func=ast.Name(id=function)):
            return Call(function, tuple(_from_ast(arg) for arg in node.args))
        case ast.Name(id=name):
            return Name(name)
        case _:
            raise AssertionError(f"no arithmetic: {ast.unparse(node)}")


# ------------------------------------------------------------------------------------------------------- printing

_LAMBDA, _OR, _AND, _NOT, _COMPARE = range(5)
_UNARY, _POWER, _ATOM = 11, 12, 14
_LEVELS = {
    "or": _OR, "and": _AND, "|": 5, "^": 6, "&": 7, "<<": 8, ">>": 8, "+": 9, "-": 9,
    "*": 10, "/": 10, "//": 10, "%": 10, "@": 10, "**": _POWER,
}  # fmt: skip


def level(tree: Tree) -> int:
    """How tightly the outermost operation of a tree binds."""
    match tree:
        case Infix():
            return _LEVELS.get(tree.op, _COMPARE)
        case Prefix():
            return _NOT if tree.op == "not" else _UNARY
        case Lambda() | Star():
            return _LAMBDA
        case bool() | None | str():
            return _ATOM
        case int() | float():
            return _UNARY if tree < 0 or math.copysign(1, tree) < 0 else _ATOM
        case _:
            return _ATOM


def flat(tree: Tree) -> str:
    """The tree on one line."""
    match tree:
        case Name():
            return tree.text
        case bool() | None:
            return repr(tree)
        case str():
            return quoted(tree)
        case float():
            return repr(tree) if math.isfinite(tree) else f'float("{tree}")'
        case int():
            return str(tree)
        case Infix():
            return _infix(tree)
        case Prefix():
            space = " " if tree.op == "not" else ""
            return tree.op + space + bracketed(tree.operand, _NOT if space else _UNARY)
        case Attribute():
            return f"{bracketed(tree.value, _ATOM)}.{tree.name}"
        case Subscript():
            return f"{bracketed(tree.value, _ATOM)}[{', '.join(_subscript(item) for item in tree.items)}]"
        case DoubleStar():
            return f"**{flat(tree.value)}"
        case Star():
            return f"*{bracketed(tree.value, 5)}"
        case Lambda():
            return f"lambda {tree.argument}: {flat(tree.body)}"
        case Bare():
            return ", ".join(flat(item) for item in tree.items)
        case Comprehension():
            return f"[{flat(tree.element)} for _ in range({flat(tree.count)})]"
        case _:
            opening, items, closing = pieces(tree)
            comma = "," if isinstance(tree, ops.Sequence) and tree.brackets == "()" and len(items) == 1 else ""
            return f"{opening}{', '.join(prefix + flat(item) for prefix, item in items)}{comma}{closing}"


def pieces(tree: Tree) -> tuple[str, list[tuple[str, Tree]], str]:
    """A bracketed tree as what opens it, its items with their keywords, and what closes it."""
    match tree:
        case Call():
            return f"{tree.target}(", _arguments(tree), ")"
        case Method():
            return f"{bracketed(tree.receiver, _ATOM)}.{tree.name}(", _arguments(tree), ")"
        case Invoke():
            return f"{bracketed(tree.callee, _ATOM)}(", _arguments(tree), ")"
        case ops.Sequence():
            return tree.brackets[0], [("", item) for item in tree.items], tree.brackets[1]
        case Mapping():
            return "{", [(f"{flat(key)}: ", item) for key, item in tree.items], "}"
        case _:
            raise AssertionError(f"no code: {tree!r}")


def _arguments(tree: Call | Method | Invoke) -> list[tuple[str, Tree]]:
    given = [("", arg) for arg in tree.args if arg != ops.OMIT and not isinstance(arg, DoubleStar)]
    named = [(f"{name}=", arg) for name, arg in tree.keywords if arg != ops.OMIT]
    return given + named + [("", arg) for arg in tree.args if isinstance(arg, DoubleStar)]


def quoted(text: str) -> str:
    """A string literal, in double quotes where that needs no more escapes, and in ASCII."""
    single: str = ascii(text)
    if '"' in text or single[0] == '"':
        return single
    return '"' + single[1:-1].replace("\\'", "'") + '"'


def bracketed(tree: Tree, least: int) -> str:
    """The tree, in brackets where it binds less tightly than ``least``."""
    text: str = flat(tree)
    return f"({text})" if level(tree) < least else text


def _infix(tree: Infix) -> str:
    own = level(tree)
    if own == _POWER:
        left, right = bracketed(tree.left, _POWER + 1), bracketed(tree.right, _UNARY)
        close = all(re.fullmatch(r"-?[\w.]+", side) for side in (left, right))
        return f"{left}**{right}" if close else f"{left} ** {right}"
    left = bracketed(tree.left, own + 1 if own == _COMPARE else own)
    return f"{left} {tree.op} {bracketed(tree.right, own + 1)}"


def _subscript(item: Tree) -> str:
    if not isinstance(item, Cut):
        return flat(item)
    simple = all(part is None or level(part) >= _UNARY for part in (item.start, item.stop, item.step))
    colon = ":" if simple else " : "
    start, stop, step = ("" if part is None else flat(part) for part in (item.start, item.stop, item.step))
    text = f"{start}{colon}{stop}".strip()
    return f"{text}{colon}{step}".strip() if step else text


def layout(tree: Tree, indent: int, before: str = "", after: str = "") -> str:
    """``before tree after`` at an indentation, over as many lines as it takes. The first line is not indented."""
    line = before + flat(tree) + after
    if indent + len(line) <= WIDTH:
        return line
    inner, pad = " " * (indent + 4), " " * indent
    if isinstance(tree, Lambda):
        return layout(tree.body, indent, f"{before}lambda {tree.argument}: ", after)
    if isinstance(tree, Star):
        return layout(tree.value, indent, before + "*", after)
    if isinstance(tree, DoubleStar):
        return layout(tree.value, indent, before + "**", after)
    if isinstance(tree, Comprehension):
        element = layout(tree.element, indent + 4)
        return f"{before}[\n{inner}{element}\n{inner}for _ in range({flat(tree.count)})\n{pad}]{after}"
    if isinstance(tree, Infix):
        if not after.startswith(","):
            rows: list[str] = []
            first: Tree = tree
            while isinstance(first, Infix) and level(first) == level(tree):
                tight = level(first.right) > level(tree)
                rest = layout(first.right, indent + 4, f"{first.op} ") if tight else f"{first.op} ({flat(first.right)})"
                rows.insert(0, rest)
                first = first.left
            if rows and level(first) >= level(tree):
                rows.insert(0, layout(first, indent + 4))
                return f"{before}(\n{inner}" + f"\n{inner}".join(rows) + f"\n{pad}){after}"
        return line
    if not isinstance(tree, Call | Method | Invoke | ops.Sequence | Mapping):
        return line
    links = _links(tree)
    if len(links) > 2:
        return f"{before}(\n{inner}" + f"\n{inner}".join(links) + f"\n{pad}){after}"
    opening, items, closing = pieces(tree)
    if isinstance(tree, Method) and indent + len(before + opening) > WIDTH and isinstance(tree.receiver, Call):
        return layout(tree.receiver, indent, before, flat(tree).removeprefix(flat(tree.receiver)) + after)
    if not items:
        return line
    joined = ", ".join(prefix + flat(item) for prefix, item in items)
    lone = isinstance(tree, ops.Sequence) and tree.brackets == "()" and len(items) == 1
    hugged = indent + 4 + len(joined) <= WIDTH and not lone
    if hugged:
        return f"{before}{opening}\n{inner}{joined}\n{pad}{closing}{after}"
    comma = "," if len(items) > 1 or lone else ""
    broken = "\n".join(inner + layout(item, indent + 4, prefix, comma) for prefix, item in items)
    return f"{before}{opening}\n{broken}\n{pad}{closing}{after}"


def _links(tree: Tree) -> list[str]:
    """What ``f(x).a().b()`` is broken into: the first call and the methods called on it."""
    links: list[str] = []
    while isinstance(tree, Method):
        whole, start = flat(tree), flat(tree.receiver)
        if not whole.startswith(start):
            break
        links.append(whole[len(start) :])
        tree = tree.receiver
    return [flat(tree), *reversed(links)]


class Printer:
    """Prints the code of an op where its inputs, module and so on have these texts.

    ``size`` gives the text of an open dimension; by default it is arithmetic over the names of its symbols.
    """

    def __init__(
        self,
        inputs: Sequence[str] = (),
        module: str | None = None,
        like: str | None = None,
        size: Callable[[Poly], str] | None = None,
    ) -> None:
        self._frame = Frame(
            [_opaque(text) for text in inputs],
            _opaque(module or "module"),
            lambda: Name(like or "like"),
            dimension if size is None else lambda poly: _opaque(size(poly)),
        )

    def text(self, code: Tree) -> str:
        """The code on one line."""
        return flat(self._frame.fill(code))


def _opaque(text: str) -> Tree:
    """A text in a place of a tree: in brackets, unless it is a name, a call or the like."""
    body = ast.parse(text, mode="eval").body
    atom = isinstance(body, ast.Name | ast.Attribute | ast.Call | ast.Subscript | ast.Constant | ast.Tuple | ast.List)
    return Name(text if atom or (text.startswith("(") and text.endswith(")")) else f"({text})")
