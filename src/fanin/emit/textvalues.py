"""Values of a document as text, and a reader of one line that takes them back.

``%3`` is a value, ``@Mlp`` a graph, ``.conv1`` a module and ``&table`` a borrowed one, ``$N`` a symbol, ``!relu`` an
op, ``<[N, 8]>`` a type, ``{H >= 3}`` a condition, ``?int`` a dtype, ``(…)`` a tuple, ``[…]`` a list,
``Normal(std=0.02)`` a record; a dimension is written as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

_SIGNS = {"graph": "@", "module": ".", "borrowed": "&", "symbol": "$", "op": "!", "dtype": "?"}
_KINDS = {sign: kind for kind, sign in _SIGNS.items()}
_WORDS: dict[str, Any] = {"none": None, "true": True, "false": False}
_FLOATS = ("inf", "-inf", "nan")
_INT = re.compile(r"-?\d+")
_FLOAT = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?")
_RECORD = re.compile(r"([A-Z]\w*)\(")
_NAME = re.compile(r"[\w.'-]+")
_CLOSING = {"(": ")", "[": "]", "{": "}", "<": ">"}
_STRINGS = json.JSONDecoder()


def text_of(v: Any) -> str:
    """A value of a document as text."""
    if v is None or isinstance(v, bool):
        return "none" if v is None else str(v).lower()
    if isinstance(v, (int, float)):
        return repr(v)
    if isinstance(v, str):
        return json.dumps(v, ensure_ascii=False)
    if isinstance(v, list):
        return f"({', '.join(map(text_of, v))}{',' if len(v) == 1 else ''})"
    if "record" in v:
        return f"{v['record']}({fields_text({k: x for k, x in v.items() if k != 'record'})})"
    ((kind, content),) = v.items()
    match kind:
        case "dim" | "float":
            return str(content)
        case "value":
            return f"%{content}"
        case "type":
            return f"<{content}>"
        case "condition":
            return f"{{{content}}}"
        case "list":
            return f"[{', '.join(map(text_of, content))}]"
        case "dict":
            return f"Dict(pairs={text_of(content)})"
    return f"{_SIGNS[kind]}{content}"


def fields_text(found: dict[str, Any]) -> str:
    """``out_features=10, bias=false``"""
    return ", ".join(f"{name}={text_of(v)}" for name, v in found.items())


class Reader:
    """Takes one line apart from left to right. Every method raises ValueError where the text is another."""

    def __init__(self, line: str) -> None:
        self.line = line.rstrip("\n")
        self.indent = len(line) - len(line.lstrip(" "))
        self.at = self.indent

    def fail(self, wanted: str) -> ValueError:
        return ValueError(f"{wanted} is missing at column {self.at + 1} of `{self.line.strip()}`")

    def check(self, holds: bool, wanted: str) -> None:
        if not holds:
            raise self.fail(wanted)

    # -- small things

    def peek(self) -> str:
        """The next character that is no space; empty at the end."""
        while self.at < len(self.line) and self.line[self.at] == " ":
            self.at += 1
        return self.line[self.at : self.at + 1]

    def expect(self, text: str) -> None:
        self.peek()
        self.check(self.line.startswith(text, self.at), f"`{text}`")
        self.at += len(text)

    def word(self) -> str:
        self.peek()
        match = _NAME.match(self.line, self.at)
        if match is None:
            raise self.fail("a word")
        self.at = match.end()
        return match[0]

    def integer(self) -> int:
        word = self.word()
        self.check(word.isdecimal(), "a number")
        return int(word)

    def matches(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """What matches here, taken."""
        self.peek()
        match = pattern.match(self.line, self.at)
        if match is not None:
            self.at = match.end()
        return match

    def until(self, sign: str) -> str:
        """The text up to a sign, which is taken too."""
        end = self.line.find(sign, self.at)
        self.check(end >= 0, f"`{sign}`")
        found = self.line[self.at : end].strip()
        self.at = end + len(sign)
        return found

    def rest(self) -> str:
        found = self.line[self.at :].strip()
        self.at = len(self.line)
        return found

    def has(self, text: str) -> bool:
        """Whether this comes next, or is at least ahead where it starts with a space."""
        self.peek()
        return text in self.line[self.at :] if text[0] == " " else self.line.startswith(text, self.at)

    def place(self) -> dict[str, Any]:
        """The place in the spec at the end of a line."""
        if self.peek() != "#":
            self.check(self.at >= len(self.line), "the end")
            return {}
        self.at += 1
        return {"at": self.rest()}

    # -- brackets

    def _close(self, start: int) -> int:
        """Where the bracket that opens at ``start`` ends."""
        depth, i = 0, start
        while i < len(self.line):
            c = self.line[i]
            if c == '"':
                _, i = _STRINGS.raw_decode(self.line, i)
                continue
            depth += (c in "([{") - (c in ")]}")
            if not depth:
                return i
            i += 1
        raise self.fail(f"`{_CLOSING[self.line[start]]}`")

    def groups(self) -> int:
        """How many brackets stand here one after the other."""
        self.peek()
        count, at = 0, self.at
        while self.line.startswith("(", at):
            at = self._close(at) + 1
            count += 1
        return count

    def parts(self) -> list[str]:
        """What stands between the commas of a bracket, as text."""
        self.check(self.peek() in ("(", "["), "a bracket")
        end = self._close(self.at)
        text, self.at = self.line[self.at + 1 : end], end + 1
        found, depth, start, i = [], 0, 0, 0
        while i < len(text):
            c = text[i]
            if c == '"':
                _, i = _STRINGS.raw_decode(text, i)
                continue
            depth += (c in "([") - (c in ")]")
            if c == "," and not depth:
                found.append(text[start:i].strip())
                start = i + 1
            i += 1
        last = text[start:].strip()
        return [*found, last] if found or last else []

    def type(self) -> str:
        """``int[B, T]``"""
        self.peek()
        start = self.at
        bracket = self.line.find("[", start)
        self.check(bracket >= 0, "a type")
        self.at = self._close(bracket) + 1
        return self.line[start : self.at]

    def types(self) -> list[str]:
        found = [self.type()]
        while self.peek() == ",":
            self.at += 1
            found.append(self.type())
        return found

    # -- values

    def fields(self) -> dict[str, Any]:
        """What stands behind ``with``, if something does."""
        if not self.has("with "):
            return {}
        self.expect("with")
        return self._fields()

    def arguments(self) -> dict[str, Any]:
        """``(out_features=10, bias=false)``"""
        self.expect("(")
        found = {} if self.peek() == ")" else self._fields()
        self.expect(")")
        return found

    def _fields(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while True:
            name = self.word()
            self.expect("=")
            found[name] = self.value()
            if self.peek() != ",":
                return found
            self.at += 1

    def values(self, opening: str = "(", closing: str = ")") -> list[Any]:
        """``(%1, %2)``"""
        self.expect(opening)
        found: list[Any] = []
        while self.peek() != closing:
            found.append(self.value())
            if self.peek() != ",":
                break
            self.at += 1
        self.expect(closing)
        return found

    def value(self) -> Any:
        """The value that comes next, as a document has it."""
        c = self.peek()
        if c == '"':
            found, self.at = _STRINGS.raw_decode(self.line, self.at)
            return found
        if c in _KINDS:
            self.at += 1
            return {_KINDS[c]: self.word()}
        special = _SPECIAL.get(c)
        if special is not None:
            return special(self)
        if c == "(" and self._is_tuple():
            return self.values()
        record = self.matches(_RECORD)
        if record is not None:
            self.at -= 1
            name, content = record[1], self.arguments()
            return {"dict": content["pairs"]} if name == "Dict" else {"record": name, **content}
        return self._plain()

    def _is_tuple(self) -> bool:
        """Whether a bracket is a tuple rather than the start of a dimension such as ``(H + 1) * 2``."""
        end = self._close(self.at)
        behind = self.line[end + 1 :].lstrip()
        if behind[:1] in ("*", "/", "%", "+", "-"):
            return False
        saved = self.at
        commas = len(self.parts()) > 1 or self.line[end - 1] in "(,"
        self.at = saved
        return commas

    def _plain(self) -> Any:
        """A number, a word, or a dimension: up to what ends it."""
        depth, end = 0, self.at
        while end < len(self.line):
            c = self.line[end]
            depth += (c in "(") - (c in ")")
            if depth < 0 or (not depth and c in ",]}") or self.line.startswith((" : ", "  # ", " with "), end):
                break
            end += 1
        text = self.line[self.at : end].strip()
        self.check(bool(text), "a value")
        self.at = end
        if text in _WORDS:
            return _WORDS[text]
        if text in _FLOATS:
            return {"float": text}
        if _INT.fullmatch(text):
            return int(text)
        return float(text) if _FLOAT.fullmatch(text) else {"dim": text}


def _braced(kind: str, closing: str) -> Callable[[Reader], Any]:
    def take(line: Reader) -> Any:
        line.at += 1
        return {kind: line.until(closing)}

    return take


def _numbered(line: Reader) -> Any:
    line.at += 1
    return {"value": line.integer()}


_SPECIAL: dict[str, Callable[[Reader], Any]] = {
    "%": _numbered,
    "<": _braced("type", ">"),
    "{": _braced("condition", "}"),
    "[": lambda line: {"list": line.values("[", "]")},
}
