"""Statements over trees: how they print, and how the numbers in them are found and replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TypeAlias

from fanin.emit.torch.authored import ORIGIN, Arguments
from fanin.emit.torch.expressions import WIDTH, Tree, flat, layout
from fanin.ir.types import TensorType
from fanin.record import record


@record
class Assign:
    """``a, b = value``; ``types`` are noted beside it where ``noted``, and ``written`` are the arguments in the text of
    the spec that it is from."""

    targets: tuple[str, ...]
    value: Tree
    types: tuple[TensorType, ...] = ()
    written: Arguments = ()
    noted: bool = True


@record
class Do:
    """An expression for its effect."""

    value: Tree
    written: Arguments = ()


@record
class Return:
    """``return value``"""

    value: Tree
    written: Arguments = ()


@record
class Yield:
    """``yield value``"""

    value: Tree


@record
class For:
    """``for target in iterable:``"""

    target: str
    iterable: Tree
    body: tuple[Statement, ...]


@record
class If:
    """``if condition:``, with what stands in its ``else``."""

    condition: Tree
    body: tuple[Statement, ...]
    otherwise: tuple[Statement, ...] = ()


@record
class Def:
    """Another method of the class, after the one it stands in: ``def inverse(self, y: Tensor) -> Tensor:``."""

    head: str
    parameters: tuple[str, ...]
    tail: str
    body: tuple[Statement, ...]
    decorators: tuple[str, ...] = ()


@record
class Lines:
    """Text that stands as it is, relative to the indentation."""

    lines: tuple[str, ...]


@record
class Absent:
    """What one graph of a class has no statement for, where others have one."""


Statement: TypeAlias = "Assign | Do | Return | Yield | For | If | Def | Lines | Absent"


def change_trees(statements: Iterable[Statement], change: Callable[[Tree], Tree]) -> tuple[Statement, ...]:
    """The statements with ``change`` made to every tree in them, in the order of the text."""
    changed: list[Statement] = []
    for statement in statements:
        match statement:
            case Assign(targets=targets, value=value, types=types, written=written, noted=noted):
                changed.append(Assign(targets, change(value), types, written, noted))
            case Do(value=value, written=written):
                changed.append(Do(change(value), written))
            case Return(value=value, written=written):
                changed.append(Return(change(value), written))
            case Yield(value=value):
                changed.append(Yield(change(value)))
            case For(target=target, iterable=iterable, body=body):
                changed.append(For(target, change(iterable), change_trees(body, change)))
            case If(condition=condition, body=body, otherwise=otherwise):
                first = change(condition)
                changed.append(If(first, change_trees(body, change), change_trees(otherwise, change)))
            case Def(body=body):
                changed.append(replace(statement, body=change_trees(body, change)))
            case Lines() | Absent():
                changed.append(statement)
    return tuple(changed)


def without_types(statements: Iterable[Statement]) -> tuple[Statement, ...]:
    """The statements without their notes."""
    bare: list[Statement] = []
    for statement in statements:
        match statement:
            case Assign(targets=targets, value=value):
                bare.append(Assign(targets, value))
            case Do(value=value):
                bare.append(Do(value))
            case Return(value=value):
                bare.append(Return(value))
            case For(target=target, iterable=iterable, body=body):
                bare.append(For(target, iterable, without_types(body)))
            case If(condition=condition, body=body, otherwise=otherwise):
                bare.append(If(condition, without_types(body), without_types(otherwise)))
            case Def(body=body):
                bare.append(replace(statement, body=without_types(body)))
            case _:
                bare.append(statement)
    return tuple(bare)


def notes(statements: Iterable[Statement]) -> Iterator[tuple[tuple[TensorType, ...], bool]]:
    """The types of what is assigned and whether they are to be noted, in the order of the text."""
    for statement in statements:
        match statement:
            case Assign():
                yield statement.types, statement.noted
            case Absent():
                yield (), False
            case For() | Def():
                yield from notes(statement.body)
            case If():
                yield from notes(statement.body)
                yield from notes(statement.otherwise)


def print_statements(statements: Iterable[Statement], indent: int, note: Iterator[str] | None = None) -> Iterator[str]:
    """The lines of statements. ``note`` gives the comment of each assignment, ``""`` for none."""
    pad = " " * indent
    above = ""
    for statement in statements:
        match statement:
            case Assign(targets=targets, value=value):
                comment = next(note) if note is not None else ""
                text = pad + layout(value, indent, f"{', '.join(targets)} = ")
                yield from marked(commented(text, comment, pad, above), statement.written)
                above = comment
            case Do(value=value):
                yield from marked((pad + layout(value, indent)).split("\n"), statement.written)
            case Return(value=value):
                yield from marked((pad + layout(value, indent, "return ")).split("\n"), statement.written)
            case Yield(value=value):
                yield from (pad + layout(value, indent, "yield ")).split("\n")
            case For(target=target, iterable=iterable, body=body):
                yield f"{pad}for {target} in {flat(iterable)}:"
                yield from print_statements(body, indent + 4, note)
            case If(condition=condition, body=body, otherwise=otherwise):
                yield f"{pad}if {flat(condition)}:"
                yield from print_statements(body, indent + 4, note)
                if len(otherwise) == 1 and isinstance(otherwise[0], If):
                    first, *rest = print_statements(otherwise, indent, note)
                    yield f"{pad}el{first.lstrip()}"
                    yield from rest
                elif otherwise:
                    yield f"{pad}else:"
                    yield from print_statements(otherwise, indent + 4, note)
            case Def(body=body):
                from fanin.emit.torch.printing import signature_lines

                yield ""
                yield from (" " * (indent - 4) + text for text in statement.decorators)
                yield from signature_lines(statement.head, statement.parameters, statement.tail, indent - 4)
                yield from print_statements(body, indent, note)
            case Lines(lines=lines):
                yield from (pad + line if line else "" for line in lines)


def marked(lines: list[str], written: Arguments) -> list[str]:
    """The lines, each with the number of the last origin of its statement behind it: see ``unmarked``."""
    number = next((text for key, text in reversed(written) if key == ORIGIN), None)
    return lines if number is None else [f"{line}{_MARK}{number}" for line in lines]


def unmarked(lines: Iterable[str]) -> tuple[list[str], list[int | None]]:
    """Printed lines as they are to be read, and for each the number of its origin."""
    plain: list[str] = []
    numbers: list[int | None] = []
    for line in lines:
        text, mark, number = line.partition(_MARK)
        plain.append(text)
        numbers.append(int(number) if mark else None)
    return plain, numbers


_MARK = "\0"


def commented(text: str, comment: str, pad: str, before: str) -> list[str]:
    """The lines with a comment at the end, or above where it would not fit; not twice in a row."""
    lines = text.split("\n")
    if not comment or comment == before:
        return lines
    if len(lines[-1]) + len(comment) + 4 <= WIDTH:
        return [*lines[:-1], f"{lines[-1]}  # {comment}"]
    return [f"{pad}# {comment}", *lines] if len(pad) + len(comment) + 2 <= WIDTH else lines
