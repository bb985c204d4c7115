"""A spec as the generator holds it, and the text of it in the language."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, TypeAlias

# ------------------------------------------------------------------------------------------------------ expressions


@dataclass(eq=False)
class Const:
    """A number, bool, string, none, or a tuple or list of them."""

    value: Any


@dataclass(eq=False)
class Size:
    """A dimension: a number, letters, arithmetic."""

    text: str


@dataclass(eq=False)
class Name:
    name: str


@dataclass(eq=False)
class ListOf:
    items: list[Expr]


@dataclass(eq=False)
class Shape:
    """A tuple with sizes in it, as `(N, 8)` for an attribute."""

    items: list[Expr]


@dataclass(eq=False)
class Infix:
    op: str
    left: Expr
    right: Expr


@dataclass(eq=False)
class Prefix:
    op: str
    operand: Expr


class _Dots:
    pass


DOTS = _Dots()


@dataclass(eq=False)
class Call:
    callee: Expr
    args: list[tuple[str | None, Any]] = field(default_factory=list)  # DOTS for `...`


@dataclass(eq=False)
class Stage:
    value: Expr
    label: str | None = None
    name: str | None = None
    number: Expr | None = None  # of a label with a number: `layer[2 * i]: …`


@dataclass(eq=False)
class Pipe:
    """Stages with a tensor at their head; without one (``head`` None) a composition."""

    head: Expr | None
    stages: list[Stage]


@dataclass(eq=False)
class Repeat:
    count: Expr
    cell: Expr


@dataclass(eq=False)
class Choose:
    """``(a if test else b)``"""

    test: Expr
    then: Expr
    other: Expr


@dataclass(eq=False)
class Index:
    value: Expr
    items: list[Expr | Cut | None]  # None for `none`


@dataclass(eq=False)
class Cut:
    start: Expr | None = None
    stop: Expr | None = None
    step: Expr | None = None


@dataclass(eq=False)
class Ellipsis_:
    """``...`` in an index."""


Expr: TypeAlias = (
    Const
    | Size
    | Name
    | ListOf
    | Shape
    | Infix
    | Prefix
    | Call
    | Pipe
    | Repeat
    | Choose
    | Index
    | Ellipsis_
    | Cut
    | Stage
)

# ------------------------------------------------------------------------------------------- statements, declarations


@dataclass(eq=False)
class Type:
    dtype: str
    dims: list[str]

    def __str__(self) -> str:
        return f"{'' if self.dtype == 'float' else self.dtype}[{', '.join(self.dims)}]"


@dataclass(eq=False)
class Bind:
    names: list[str]
    value: Expr
    type: Type | None = None


@dataclass(eq=False)
class Augment:
    name: str
    op: str
    value: Expr


@dataclass(eq=False)
class State:
    kind: str
    name: str
    type: Type
    value: Expr


@dataclass(eq=False)
class Update:
    """``update table = …``"""

    name: str
    value: Expr


@dataclass(eq=False)
class For:
    names: list[str]
    iterable: Expr
    body: list[Statement]


@dataclass(eq=False)
class If:
    branches: list[tuple[Expr, list[Statement]]]
    other: list[Statement] | None = None


@dataclass(eq=False)
class Return:
    values: list[Expr]


Statement: TypeAlias = Bind | Augment | State | Update | For | If | Return


@dataclass(eq=False)
class Block:
    """A block, a model or a ``fn`` (whose hyper-parameters and inputs stand in one list)."""

    kind: str
    name: str
    hypers: list[tuple[str, str, Expr | None]]
    inputs: list[tuple[str, Type]]
    result: list[tuple[str, Type]] | None
    body: list[Statement]
    back: Back | None = None


@dataclass(eq=False)
class Back:
    """The way back through an invertible block."""

    inputs: list[tuple[str, Type]]
    result: Type
    body: list[Statement]


@dataclass(eq=False)
class Alias:
    """``block Cba(w: int) = …``"""

    name: str
    hypers: list[tuple[str, str, Expr | None]]
    value: Expr


@dataclass(eq=False)
class Constant:
    name: str
    value: Expr


@dataclass(eq=False)
class Spec:
    declarations: list[Block | Alias | Constant]

    @property
    def model(self) -> Block:
        return next(d for d in self.declarations if isinstance(d, Block) and d.kind == "model")

    def find(self, name: str) -> Block | Alias | Constant | None:
        return next((d for d in self.declarations if d.name == name), None)


# ------------------------------------------------------------------------------------------------------------- text

_LEVELS = {
    "or": 1, "and": 2, "==": 4, "!=": 4, "<": 4, "<=": 4, ">": 4, ">=": 4, "in": 4, "..": 5, "++": 6,
    "+": 7, "-": 7, "*": 8, "/": 8, "//": 8, "%": 8, "@": 8, "**": 10,
}  # fmt: skip
_POST = 11


def constant(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, float):
        if math.isinf(value):
            return "inf" if value > 0 else "-inf"
        text = repr(value)
        return text if "e" not in text else f"{value:.12f}".rstrip("0")
    if isinstance(value, tuple):
        inner = ", ".join(map(constant, value))
        return f"({inner}{',' if len(value) == 1 else ''})"
    if isinstance(value, list):
        return f"[{', '.join(map(constant, value))}]"
    return str(value)


def level(e: Any) -> int:
    match e:
        case Pipe():
            return 0
        case Repeat():
            return 8
        case Infix():
            return _LEVELS[e.op]
        case Prefix():
            return 3 if e.op == "not" else 9
        case Size():
            return 7 if any(c in e.text for c in "+-*/%") else _POST
        case Const() if isinstance(e.value, (int, float)) and not isinstance(e.value, bool) and e.value < 0:
            return 9
        case _:
            return _POST


def within(e: Any, least: int) -> str:
    """In brackets where it binds less than its place wants."""
    return text(e) if level(e) >= least else f"({text(e)})"


def text(e: Any) -> str:
    match e:
        case Const():
            return constant(e.value)
        case Size():
            return e.text
        case Name():
            return e.name
        case ListOf():
            return f"[{', '.join(map(text, e.items))}]"
        case Shape():
            return f"({', '.join(map(text, e.items))}{',' if len(e.items) == 1 else ''})"
        case Infix():
            own = _LEVELS[e.op]
            if e.op == "..":
                return f"{within(e.left, own + 1)}..{within(e.right, own + 1)}"
            return f"{within(e.left, own)} {e.op} {within(e.right, own + 1)}"
        case Prefix():
            return f"not {within(e.operand, 3)}" if e.op == "not" else f"{e.op}{within(e.operand, 9)}"
        case Call():
            return f"{within(e.callee, _POST)}({', '.join(argument(n, a) for n, a in e.args)})"
        case Pipe():
            stages = [stage(s) for s in e.stages]
            head = [] if e.head is None else [f"({text(e.head)})" if isinstance(e.head, Infix) else within(e.head, 1)]
            return " -> ".join([*head, *stages])
        case Repeat():
            return f"{within(e.count, _POST)} * {within(e.cell, _POST)}"
        case Choose():
            return f"({text(e.then)} if {text(e.test)} else {text(e.other)})"
        case Index():
            return f"{within(e.value, _POST)}[{', '.join(item(i) for i in e.items)}]"
        case _:
            raise AssertionError(e)


def argument(name: str | None, value: Any) -> str:
    shown = "..." if value is DOTS else stage(value) if isinstance(value, Stage) else text(value)
    return shown if name is None else f"{name}={shown}"


def item(i: Any) -> str:
    match i:
        case None:
            return "none"
        case Ellipsis_():
            return "..."
        case Cut():
            parts = ["" if p is None else text(p) for p in (i.start, i.stop)]
            return ":".join(parts) + (f":{text(i.step)}" if i.step is not None else "")
        case _:
            return text(i)


def stage(s: Stage) -> str:
    bare = isinstance(s.value, (Infix, Prefix, Pipe)) or (isinstance(s.value, Repeat) and s.value.count is None)
    shown = f"({text(s.value)})" if bare else text(s.value)
    number = f"[{text(s.number)}]" if s.number is not None else ""
    return f"{s.label + number + ': ' if s.label else ''}{shown}{' as ' + s.name if s.name else ''}"


def lines(statements: list[Statement], indent: str) -> list[str]:
    out: list[str] = []
    for s in statements:
        match s:
            case Bind():
                head = ", ".join(s.names) + (f": {s.type}" if s.type is not None else "")
                out.append(f"{indent}{head} = {text(s.value)}")
            case Augment():
                out.append(f"{indent}{s.name} {s.op}= {text(s.value)}")
            case State():
                out.append(f"{indent}{s.kind} {s.name}: {s.type} = {text(s.value)}")
            case Update():
                out.append(f"{indent}update {s.name} = {text(s.value)}")
            case For():
                out.append(f"{indent}for {', '.join(s.names)} in {text(s.iterable)} {{")
                out += [*lines(s.body, indent + "  "), f"{indent}}}"]
            case If():
                for i, (test, body) in enumerate(s.branches):
                    word = f"{indent}if" if i == 0 else f"{indent}}} elif"
                    out += [f"{word} {text(test)} {{", *lines(body, indent + "  ")]
                if s.other is not None:
                    out += [f"{indent}}} else {{", *lines(s.other, indent + "  ")]
                out.append(f"{indent}}}")
            case Return():
                out.append(f"{indent}return {', '.join(map(text, s.values))}")
    return out


def declare(d: Block | Alias | Constant) -> str:
    if isinstance(d, Constant):
        return f"const {d.name} = {text(d.value)}"
    hypers = [f"{n}{': ' + t if t else ''}{' = ' + text(v) if v is not None else ''}" for n, t, v in d.hypers]
    if isinstance(d, Alias):
        return f"block {d.name}({', '.join(hypers)}) = {text(d.value)}"
    inputs = [f"{n}: {t}" for n, t in d.inputs]
    lists = f"({', '.join(inputs + hypers)})" if d.kind == "fn" else f"({', '.join(hypers)})({', '.join(inputs)})"
    result = ""
    if d.result is not None and len(d.result) == 1 and not d.result[0][0]:
        result = f" -> {d.result[0][1]}"
    elif d.result is not None:
        result = f" -> ({', '.join(f'{n}: {t}' for n, t in d.result)})"
    out = [f"{d.kind} {d.name}{lists}{result} {{", *lines(d.body, "  ")]
    if d.back is not None:
        given = ", ".join(f"{n}: {t}" for n, t in d.back.inputs)
        out += [f"}} inverse ({given}) -> {d.back.result} {{", *lines(d.back.body, "  ")]
    return "\n".join([*out, "}"])


def print_spec(spec: Spec) -> str:
    return "\n\n".join(map(declare, spec.declarations)) + "\n"
