"""Text to tokens: one combined regular expression, built from the grammar's own terminals.

A word's or a literal's value is its tree node already; any other token's value is the place where it starts. Text
that no terminal matches goes to a `Stranger`, who reports it and may put a token in its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from fanin.source import Source, Span
from fanin.syntax.nodes import quick
from fanin.syntax.tree import Bool, Comment, Ident, NoneValue, Number, String

END = "$END"
RESERVED = frozenset(
    "and as assert buffer const elif else expect false for from if import in none not or param return true with".split()
)

_ident, _number, _string = quick(Ident), quick(Number), quick(String)
_span = tuple.__new__
_SIZES = {"K": 1, "M": 2, "G": 3, "T": 4}
# Signs of other languages that begin like one of ours: they are never two tokens side by side.
_TRAPS = (r"=>", r"\|>", r"\|\|", r"/\*")


class Tokens(NamedTuple):
    """The tokens of a file, column by column; the last one is ``$END``."""

    types: list[str]
    starts: list[int]
    ends: list[int]
    values: list[Any]

    def insert(self, at: int, kind: str, start: int, end: int, value: Any) -> None:
        for column, entry in zip(self, (kind, start, end, value), strict=True):
            column.insert(at, entry)

    def delete(self, start: int, end: int) -> None:
        for column in self:
            del column[start:end]


class Replacement(NamedTuple):
    """What stands for strange text up to ``end``: a terminal and its value, or nothing where ``kind`` is empty."""

    end: int
    kind: str = ""
    value: Any = None


Stranger = Callable[[int], Replacement]


class Lexer:
    """Made once from the grammar; holds no state of a file."""

    def __init__(self, literals: dict[str, str], patterns: dict[str, str]) -> None:
        self._words = {text: kind for text, kind in literals.items() if text[0].isalpha()}
        self._signs = {text: kind for text, kind in literals.items() if not text[0].isalpha()}
        literal = ["PERCENT", "SIZE", "FLOAT", "INT", "STRING", "COMMENT"]
        between = [patterns[kind] for kind in patterns if kind not in (*literal, "NAME", "SPACE")]
        signs = sorted(self._signs, key=len, reverse=True)
        double = [re.escape(text) for text in signs if len(text) > 1]
        single = [re.escape(text) for text in signs if len(text) == 1]
        # Longest first: `->` before `-=`, and both before `-`.
        groups = [
            patterns["NAME"],
            "|".join(_TRAPS),
            "|".join([*double, *between, *single]),
            *(patterns[kind] for kind in literal),
            ".",
        ]
        self._literal = dict(enumerate(literal, start=4))
        space = patterns["SPACE"].removesuffix("+") + "*"
        self._tokens = re.compile(space + "(?:" + "|".join(f"({group})" for group in groups) + ")", re.DOTALL)
        self._other = [(kind, re.compile(patterns[kind])) for kind in patterns if kind in ("ATTR", "AUG", "CMP")]

    def read(self, source: Source, stranger: Stranger, comments: list[Comment]) -> Tokens:
        """Every token of the file. Comments go into the list."""
        text = source.text
        types: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        values: list[Any] = []
        words, signs, literal = self._words, self._signs, self._literal
        at = 1 if text.startswith("\ufeff") else 0
        going = True
        while going:
            going = False
            for match in self._tokens.finditer(text, at):
                group = match.lastindex or 0
                start, end = match.span(group)
                written = match[group]
                value: Any = start
                if group == 1:
                    kind = words.get(written, "NAME")
                    if written not in RESERVED:
                        value = _ident(_span(Span, (source, start, end)), written)
                    elif kind == "TRUE" or kind == "FALSE":
                        value = Bool(Span(source, start, end), kind == "TRUE")
                    elif kind == "NONE":
                        value = NoneValue(Span(source, start, end))
                elif group == 3:
                    known = signs.get(written)
                    kind = known or next(kind for kind, pattern in self._other if pattern.fullmatch(written))
                    if kind == "ATTR":
                        value = Ident(Span(source, start, end), written[1:])
                elif group in literal:
                    kind = literal[group]
                    span = _span(Span, (source, start, end))
                    if kind == "COMMENT":
                        line = text.rfind("\n", 0, start) + 1
                        own = not text[line:start].strip(" \t\f\v\ufeff")
                        comments.append(Comment(span, written.rstrip(), own))
                        continue
                    value = _text(span, written) if kind == "STRING" else _numeral(span, written, kind)
                    if value is None:
                        group = 0
                else:
                    group = 0
                if not group:
                    end, kind, value = stranger(start)
                    if not kind:
                        at, going = end, True
                        break
                types.append(kind)
                starts.append(start)
                ends.append(end)
                values.append(value)
                if not group:
                    at, going = end, True
                    break
        types.append(END)
        starts.append(len(text))
        ends.append(len(text))
        values.append(len(text))
        return Tokens(types, starts, ends, values)


def _text(span: Span, written: str) -> String:
    value = written[1:-1]
    if "\\" in value:
        value = re.sub(r"\\(.)", r"\1", value)
    return _string(span, value)


def _numeral(span: Span, written: str, kind: str) -> Number | None:
    """The number, or None where no computer can hold it."""
    if len(written) > 400:
        return None
    if kind == "INT":
        return _number(span, int(written), written, "int")
    if kind == "FLOAT":
        number = float(written)
        return None if number == float("inf") else _number(span, number, written, "float")
    if kind == "PERCENT":
        digits = written[:-1]
        return Number(span, float(digits) if "." in digits else int(digits), written, "percent")
    return Number(span, _size(written), written, "size")


def _size(written: str) -> int | float:
    """``4.2G`` is 4 200 000 000, exactly; ``6GiB`` counts in powers of 1024."""
    digits = written.rstrip("KMGTiB")
    base = 1024 if "i" in written else 1000
    whole, _, fraction = digits.replace("_", "").partition(".")
    value, rest = divmod(int(whole + fraction) * base ** _SIZES[written[len(digits)]], 10 ** len(fraction))
    return value if not rest else value + rest / 10 ** len(fraction)
