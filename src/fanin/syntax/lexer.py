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
# fmt: off
RESERVED = frozenset((
    "and", "as", "assert", "buffer", "const", "elif", "else", "expect", "false", "for", "from", "if", "import",
    "in", "none", "not", "or", "param", "return", "true", "with",
))
# fmt: on

# Python's words for ours: read as meant, and reported.
FOREIGN = {"None": "NONE", "True": "TRUE", "False": "FALSE"}

_ident, _number, _string = quick(Ident), quick(Number), quick(String)
_span = tuple.__new__
_SIZES = {"K": 1, "M": 2, "G": 3, "T": 4}
# Signs of other languages that begin like one of ours: they are never two tokens side by side.
_SURE = "(),:[]{}"  # signs that begin no other
# What a token without a node of its own looks like: a reserved word or a sign.
_WRITTEN = re.compile(r"[A-Za-z_]\w*|->|=>|\|>|\.\.\.?|\+\+|\*\*|//|&&|\|\||[-+*/=!<>]=|[^\s]", re.ASCII)
_TRAPS = (r"=>", r"\|>", r"\|\|", r"/\*")


class Tokens:
    """The types and values of a file's tokens; the last token is ``$END``."""

    __slots__ = ("source", "types", "values")

    def __init__(self, source: Source, types: list[str], values: list[Any]) -> None:
        self.source, self.types, self.values = source, types, values

    def start(self, at: int) -> int:
        value = self.values[at]
        return int(value) if isinstance(value, int) else int(value.span[1])

    def end(self, at: int) -> int:
        value = self.values[at]
        if not isinstance(value, int):
            return int(value.span[2])
        if value.__class__ is not int:
            return int(value)  # nobody wrote it
        found = _WRITTEN.match(self.source.text, value)
        return found.end() if found else int(value)

    def span(self, at: int) -> Span:
        return Span(self.source, self.start(at), self.end(at))

    def text(self, at: int) -> str:
        return self.source.text[self.start(at) : self.end(at)]

    def insert(self, at: int, kind: str, value: Any) -> None:
        self.types.insert(at, kind)
        self.values.insert(at, value)

    def delete(self, start: int, end: int) -> None:
        del self.types[start:end]
        del self.values[start:end]


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
        self._words.update(FOREIGN)
        self._signs = {text: kind for text, kind in literals.items() if not text[0].isalpha()}
        literal = ["PERCENT", "SIZE", "FLOAT", "INT", "STRING", "COMMENT"]
        between = [patterns[kind] for kind in patterns if kind not in (*literal, "NAME", "SPACE")]
        signs = sorted(self._signs, key=len, reverse=True)
        double = [re.escape(text) for text in signs if len(text) > 1]
        single = [re.escape(text) for text in signs if len(text) == 1]
        # Longest first: `->` before `-=`, and both before `-`.
        groups = [
            patterns["NAME"],
            f"[{re.escape(_SURE)}]",
            "|".join(_TRAPS),
            "|".join([*double, *between, *single]),
            *(patterns[kind] for kind in literal),
            f"(?!{patterns['SPACE']}).",
        ]
        self._literal = dict(enumerate(literal, start=5))
        space = patterns["SPACE"].removesuffix("+") + "*"
        self._tokens = re.compile(space + "(?:" + "|".join(f"({group})" for group in groups) + ")", re.DOTALL)
        self._other = [(kind, re.compile(patterns[kind])) for kind in patterns if kind in ("ATTR", "AUG", "CMP")]

    def read(self, source: Source, stranger: Stranger, comments: list[Comment]) -> Tokens:
        """Every token of the file. Comments go into the list."""
        text = source.text
        types: list[str] = []
        values: list[Any] = []
        add_type, add_value = types.append, values.append
        words, signs, literal = self._words, self._signs, self._literal
        at = 1 if text.startswith("\ufeff") else 0
        while at >= 0:
            begin, at = at, -1
            for match in self._tokens.finditer(text, begin):
                group = match.lastindex
                written = match[group]  # type: ignore[index]  # every alternative is a group
                if group == 1:
                    start, end = match.span(1)
                    kind = words.get(written)
                    if kind is None:
                        add_type("NAME")
                        add_value(_ident(_span(Span, (source, start, end)), written))
                    else:
                        if written in FOREIGN:
                            stranger(start)
                            written = written.lower()
                        add_type(kind)
                        add_value(_word(source, start, end, written))
                    continue
                if group == 2:
                    add_type(signs[written])
                    add_value(match.start(2))
                    continue
                start, end = match.span(group)  # type: ignore[arg-type]
                value: Any = start
                if group == 4:
                    kind = signs.get(written)
                    if kind is None:
                        kind = next(kind for kind, pattern in self._other if pattern.fullmatch(written))
                        if kind == "ATTR":
                            value = Ident(Span(source, start, end), written[1:])
                else:
                    kind = literal.get(group)  # type: ignore[arg-type]
                if kind and group != 4:
                    span = _span(Span, (source, start, end))
                    if kind == "COMMENT":
                        comments.append(Comment(span, written.rstrip()))
                        continue
                    value = _text(span, written) if kind == "STRING" else _numeral(span, written, kind)
                if kind is None or value is None:
                    at, kind, value = stranger(start)
                    if kind:
                        add_type(kind)
                        add_value(value)
                    break
                add_type(kind)
                add_value(value)
        add_type(END)
        add_value(len(text))
        return Tokens(source, types, values)


def _word(source: Source, start: int, end: int, written: str) -> Any:
    """A reserved word is its place; any other may be a name."""
    span = Span(source, start, end)
    if written not in RESERVED:
        return Ident(span, written)
    if written in ("true", "false"):
        return Bool(span, written == "true")
    return NoneValue(span) if written == "none" else start


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
    return value if not rest else float(value + rest / 10 ** len(fraction))
