"""The text of a source: ``digits:flat=true``, ``flowers.csv:x=*,label=species:100``, ``package.module:make``."""

from __future__ import annotations

import re
from typing import Any

from fanin.data.problems import DataFailed, failure, listed, whole
from fanin.diagnostics.codes import DAT001, DAT009
from fanin.diagnostics.suggest import nearest
from fanin.record import field, record
from fanin.source import Span

_OPTIONS = re.compile(r"(?P<rest>.+):(?P<part>[A-Za-z_]\w*=[^:]*|\d[\d_]*)")
_NUMBER = re.compile(r"[+-]?\d[\d_]*")
_FLOAT = re.compile(r"[+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


@record
class Option:
    """``key=value`` and where it stands."""

    key: str
    text: str
    span: Span  # of both
    key_span: Span
    value_span: Span


@record(eq=False)
class Address:
    """What a source is called, what is asked of it, and how many of its rows (None: all).

    Who opens it takes the options it knows; ``done`` refuses the rest.
    """

    head: str
    span: Span  # of the head
    options: dict[str, Option]
    count: int | None = None
    known: list[str] = field(default_factory=list)

    @property
    def whole(self) -> Span:
        return Span(self.span.source, 0, len(self.span.source.text))

    def take(self, key: str) -> Option | None:
        self.known.append(key)
        return self.options.pop(key, None)

    def flag(self, key: str, default: bool = False) -> bool:
        option = self.take(key)
        if option is None:
            return default
        if option.text not in ("true", "false"):
            raise self.refuse(option, f"`{key}` is true or false")
        return option.text == "true"

    def integer(self, key: str, default: int, low: int = 1, high: int = 10**9) -> int:
        option = self.take(key)
        if option is None:
            return default
        if not _NUMBER.fullmatch(option.text) or not low <= int(option.text) <= high:
            bound = f", {low} or more" if high >= 10**8 else f" from {low} to {high}"
            raise self.refuse(option, f"`{key}` is a whole number{bound if low > -(10**9) else ''}")
        return int(option.text)

    def number(self, key: str, default: float, low: float = 0.0, high: float = 1e9) -> float:
        option = self.take(key)
        if option is None:
            return default
        if not _FLOAT.fullmatch(option.text) or not low <= float(option.text) <= high:
            bound = f", {low:g} or more" if high == 1e9 else f" from {low:g} to {high:g}"
            raise self.refuse(option, f"`{key}` is a number{bound}")
        return float(option.text)

    def choice(self, key: str, default: str, among: tuple[str, ...]) -> str:
        option = self.take(key)
        if option is None:
            return default
        if option.text not in among:
            near = nearest(option.text, among)
            helps = [f"did you mean `{near}`?"] if near else []
            raise self.refuse(option, f"`{key}` is one of {listed(among)}", helps)
        return option.text

    def refuse(self, option: Option, headline: str, helps: list[str] | None = None) -> DataFailed:
        return failure(DAT009, f"{headline}, not `{option.text}`", option.value_span, "this", helps=helps or [])

    def done(self) -> None:
        """Every option was known. Raises DataFailed."""
        for option in self.options.values():
            near = nearest(option.key, self.known)
            has = f"it has {listed(self.known)}" if self.known else "it takes none"
            raise failure(
                DAT009,
                f"`{self.head}` has no option `{option.key}`",
                option.key_span,
                "not one of them",
                helps=[f"did you mean `{near}`?" if near else has],
            )


def parse_address(text: str, name: str = "--data") -> Address:
    """The parts of a source's text, taken from its end: a path or a callable may have colons too."""
    span = whole(name, text)
    head, parts = text, []
    while found := _OPTIONS.fullmatch(head):
        if len(found["rest"]) == 1 and found["part"].isdigit():
            break
        parts.append((found["part"], len(found["rest"]) + 1))
        head = found["rest"]
    if not head.strip():
        raise failure(DAT001, "there is no source in an empty text", span, "empty", helps=["try `digits`"])
    options: dict[str, Option] = {}
    count: int | None = None
    for part, start in reversed(parts):
        if part[0].isdigit():
            count = int(part) if count is None else min(count, int(part))
            continue
        for piece in part.split(","):
            option = _option(piece, Span(span.source, start, start + len(piece)))
            start += len(piece) + 1
            if option.key in options:
                raise failure(DAT009, f"`{option.key}` is given twice", option.span, "again")
            options[option.key] = option
    return Address(head, Span(span.source, 0, len(head)), options, count)


def _option(piece: str, span: Span) -> Option:
    key, equals, value = piece.partition("=")
    if not equals or not key.isidentifier() or not value:
        raise failure(
            DAT009, f"`{piece}` is not of the form key=value", span, "this", helps=["as in `digits:flat=true`"]
        )
    at = span.start + len(key)
    return Option(key, value, span, Span(span.source, span.start, at), Span(span.source, at + 1, span.end))


def address_of(text: str, **options: Any) -> Address:
    """An address with options given in Python, which count over those of the text."""
    address = parse_address(text, "data")
    for key, value in options.items():
        shown = str(value).lower() if isinstance(value, bool) else str(value)
        span = whole("data", f"{key}={shown}")
        at = len(key)
        address.options[key] = Option(key, shown, span, Span(span.source, 0, at), Span(span.source, at + 1, span.end))
    return address
