"""Patterns in einops' notation: ``b t (h d) -> b h t d``, read into groups of axes and matched with a shape.

Source: Rogozhnikov 2022, "Einops: Clear and Reliable Tensor Manipulations with Einstein-like Notation".
"""

from __future__ import annotations

import re
from typing import TypeAlias

from fanin.ops.contract import Complaint
from fanin.record import record

DOTS = "..."
Group: TypeAlias = tuple[str, ...]
"""Axes that are one axis of the tensor: names, ``...``, and numbers other than 1 as text. None of them for a ``1``."""

_TOKEN = re.compile(r"\s*(\.\.\.|…|->|[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[(),]|\S)")


@record
class Side:
    """One side of a pattern: a group for each axis of the tensor."""

    groups: tuple[Group, ...]
    dots: int | None = None  # the place of a `...` without brackets

    @property
    def axes(self) -> tuple[str, ...]:
        return tuple(axis for group in self.groups for axis in group)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(axis for axis in self.axes if axis != DOTS and not axis.isdigit())


def parse_pattern(pattern: str, about: str = "pattern") -> tuple[Side, Side]:
    """The two sides of ``left -> right``. Raises Complaint."""
    tokens = _tokens(pattern, about)
    if tokens.count("->") != 1:
        raise Complaint(f"a pattern has one `->`, and this has {tokens.count('->') or 'none'}", about, kind="type")
    at = tokens.index("->")
    left, right = _side(tokens[:at], about), _side(tokens[at + 1 :], about)
    for side, where in ((left, "left"), (right, "right")):
        for name in (*side.names, DOTS):
            if side.axes.count(name) > 1:
                raise Complaint(f"`{name}` stands twice on the {where} of the pattern", about, kind="type")
    if DOTS in right.axes and DOTS not in left.axes:
        raise Complaint("`...` stands on the right of the pattern, and not on its left", about, kind="type")
    if DOTS in left.axes and left.dots is None:
        raise Complaint("`...` stands in brackets on the left of the pattern", about, kind="type")
    return left, right


def parse_equation(equation: str, about: str = "equation") -> tuple[tuple[Group, ...], Group]:
    """The terms of ``a b, b c -> a c`` and its result, each as its axes. Raises Complaint."""
    tokens = _tokens(equation, about)
    if tokens.count("->") != 1:
        message = f"an equation has one `->`, and this has {tokens.count('->') or 'none'}"
        raise Complaint(message, about, kind="type")
    for token in tokens:
        if token in ("(", ")") or token.isdigit():
            message = f"`{token}` cannot stand in an equation: its axes are names"
            raise Complaint(message, about, kind="type", help="split and join axes with `rearrange` before")
    at = tokens.index("->")
    terms: list[list[str]] = [[]]
    for token in tokens[:at]:
        if token == ",":
            terms.append([])
        else:
            terms[-1].append(token)
    result = tuple(tokens[at + 1 :])
    if "," in result:
        raise Complaint("an equation has one result", about, kind="type")
    for term in (*terms, result):
        if term.count(DOTS) > 1:
            raise Complaint("`...` stands twice in a term", about, kind="type")
    for name in result:
        if result.count(name) > 1:
            raise Complaint(f"`{name}` stands twice in the result", about, kind="type")
        if not any(name in term for term in terms):
            raise Complaint(f"`{name}` stands in the result, and in no term", about, kind="type")
    return tuple(tuple(term) for term in terms), result


def _tokens(text: str, about: str) -> list[str]:
    tokens = [token.replace("…", DOTS) for token in _TOKEN.findall(text)]
    for token in tokens:
        if not (token in (DOTS, "->", "(", ")", ",") or token.isalnum() or token.replace("_", "a").isalnum()):
            raise Complaint(f"`{token}` has no meaning in a pattern", about, kind="type")
    return tokens


def _side(tokens: list[str], about: str) -> Side:
    groups: list[Group] = []
    opened: list[str] | None = None
    dots: int | None = None
    for token in tokens:
        if token == ",":
            raise Complaint("a pattern has no `,`: its axes are separated by blanks", about, kind="type")
        if token == "(":
            if opened is not None:
                raise Complaint("a bracket stands inside a bracket of the pattern", about, kind="type")
            opened = []
        elif token == ")":
            if opened is None:
                raise Complaint("a bracket of the pattern is closed and was not opened", about, kind="type")
            groups.append(tuple(opened))
            opened = None
        elif opened is not None:
            opened += [token] if token != "1" else []
        else:
            dots = len(groups) if token == DOTS else dots
            groups.append((token,) if token != "1" else ())
    if opened is not None:
        raise Complaint("a bracket of the pattern is not closed", about, kind="type")
    return Side(tuple(groups), dots)
