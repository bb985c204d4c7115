"""The values of ``-p name=value``: literals of the language, and bare words."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>-?\d[\d_]*(?P<fraction>\.\d[\d_]*)?(?P<power>[eE][+-]?\d+)?(?P<size>[KMGT](?:i?B)?)?)(?!\w|\.\d)
    | "(?P<string>(?:[^"\\\n]|\\["\\])*)"
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<sign>[\[\](),])
    )\s*""",
    re.VERBOSE,
)
_WORDS = {"true": True, "false": False, "none": None}
_DEPTH = 50


class Word(str):
    """A bare word, as in ``-p act=gelu``: a name, or text without quotes, as its place wants."""

    __slots__ = ()


Value: TypeAlias = "int | float | bool | str | list[Value] | tuple[Value, ...] | None"


def parse_assignment(text: str) -> tuple[str, Value]:
    """``name=value``. Raises ValueError, whose message is for the user."""
    name, equals, value = text.partition("=")
    name = name.strip()
    if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise ValueError(f"`{text}` is not of the form name=value")
    return name, parse_value(value)


def parse_value(text: str) -> Value:
    """A number, size, bool, string, ``none``, a list or tuple of those, or a bare word. Raises ValueError."""
    tokens: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if not found:
            raise _refusal(text)
        kind = next(k for k in ("number", "string", "word", "sign") if found[k] is not None)
        tokens.append((kind, found[kind]))
        at = found.end()
    tokens.append(("end", ""))
    place = 0

    def take() -> tuple[str, str]:
        nonlocal place
        place += 1
        return tokens[place - 1]

    value = _value(take, lambda: tokens[place], text, 0)
    if tokens[place][0] != "end":
        raise _refusal(text)
    return value


def _value(take: Callable[[], tuple[str, str]], peek: Callable[[], tuple[str, str]], text: str, depth: int) -> Value:
    kind, token = take()
    if kind == "number":
        return _number(token, text)
    if kind == "string":
        return re.sub(r"\\(.)", r"\1", token)
    if kind == "word":
        return _WORDS[token] if token in _WORDS else Word(token)
    closing = {"[": "]", "(": ")"}.get(token)
    if closing is None or depth > _DEPTH:
        raise _refusal(text)
    items: list[Value] = []
    comma = False
    while peek()[1] != closing or peek()[0] != "sign":
        items.append(_value(take, peek, text, depth + 1))
        comma = peek() == ("sign", ",")
        if comma:
            take()
        elif peek() != ("sign", closing):
            raise _refusal(text)
    take()
    if closing == "]":
        return items
    if len(items) == 1 and not comma:
        return items[0]
    if not items:
        raise _refusal(text)
    return tuple(items)


def _number(token: str, text: str) -> int | float:
    found = _TOKEN.match(token)
    assert found
    size = found["size"] or ""
    digits = token.removesuffix(size)
    if re.search(r"_(?!\d)", digits):
        raise _refusal(text)
    base = 1024 if "i" in size else 1000
    scale = base ** (" KMGT".index(size[0])) if size else 1
    if not found["fraction"] and not found["power"]:
        return int(digits) * scale
    value = float(digits) * scale
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"`{text}` is too large a number")
    return round(value) if size and value.is_integer() else value


def _refusal(text: str) -> ValueError:
    return ValueError(f'`{text}` is no value: write 64, 0.1, true, none, "text", [64, 128], (3, 3) or a name')
