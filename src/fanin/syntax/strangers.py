"""Text that is no token of the language: what it was meant to be, and what is read in its place."""

from __future__ import annotations

import re

from fanin.diagnostics import codes
from fanin.diagnostics.model import Diagnostic, Edit, Fix, Label
from fanin.source import Source, Span
from fanin.syntax.lexer import Replacement
from fanin.syntax.tree import Ident, Number, String

LIMIT = 100  # what has more strange places is not a spec

# Written in another language → our sign, our terminal, and what to say.
_OPERATORS = {
    "=>": ("->", "ARROW"),
    "|>": ("->", "ARROW"),
    "^": ("**", "POWER"),
    "&&": (" and ", "AND"),
    "||": (" or ", "OR"),
    "&": (" and ", "AND"),
    "!": ("not ", "NOT"),
    "→": ("->", "ARROW"),
    "×": ("*", "STAR"),
    "·": ("*", "STAR"),
    "÷": ("/", "SLASH"),
    "−": ("-", "MINUS"),
    "≤": ("<=", "CMP"),
    "≥": (">=", "CMP"),
    "≠": ("!=", "CMP"),
}
_NUMBER = re.compile(r"[0-9][0-9A-Za-z_]*(?:\.(?!\.)[0-9A-Za-z_]*)?(?:(?<=[eE])[+-][0-9]*)?", re.ASCII)
_QUOTED = re.compile(r"'(?:[^'\\\n\r]|\\.)*'")
_STRING = re.compile(r'"(?:[^"\\\n\r]|\\[^\n\r])*"')
_WORD = re.compile(r"[^\W\d]\w*")


class Strangers:
    """Reports strange text of one file, each place once."""

    def __init__(self, source: Source, diagnostics: list[Diagnostic]) -> None:
        self._source, self._text, self._diagnostics = source, source.text, diagnostics

    def __call__(self, at: int) -> Replacement:
        text = self._text
        for sign, (ours, kind) in _OPERATORS.items():
            if text.startswith(sign, at):
                return self._operator(at, sign, ours, kind)
        first = text[at]
        if first in "NTF":
            return self._word(at)
        if text.startswith("/*", at):
            return self._comment(at)
        if first == '"':
            return self._string(at)
        if first in "'“”‘’`":
            return self._quoted(at)
        if first.isdigit() and first.isascii():
            return self._number(at)
        if first == ";":
            return self._semicolon(at)
        return self._other(at)

    def _say(self, diagnostic: Diagnostic) -> None:
        if len(self._diagnostics) < LIMIT:
            self._diagnostics.append(diagnostic)

    def _span(self, start: int, end: int) -> Span:
        return Span(self._source, start, end)

    def _operator(self, at: int, sign: str, ours: str, kind: str) -> Replacement:
        end = at + len(sign)
        plain = ours.strip()
        meaning = {"ARROW": "data flows along", "POWER": "a power is written"}.get(kind, "the operator is")
        fix = Fix(f"write `{plain}`", (Edit(self._span(at, end), _padded(self._text, at, end, ours)),), safe=True)
        note = ("a change of `x` is written `x != y`",) if sign == "!" and text_follows(self._text, end, "=") else ()
        self._say(
            Diagnostic(
                codes.SYN109,
                f"`{sign}` is not an operator here: {meaning} `{plain}`",
                self._span(at, end),
                f"write `{plain}`",
                notes=note,
                helps=(f"write `{plain}` for `{sign}`",),
                fix=fix,
            )
        )
        return Replacement(end, kind, at)

    def _word(self, at: int) -> Replacement:
        """``None``, ``True`` and ``False``: the lexer reads them as ours."""
        word = "None" if self._text[at] == "N" else "True" if self._text[at] == "T" else "False"
        span = self._span(at, at + len(word))
        self._say(
            Diagnostic(
                codes.SYN114,
                f"`{word}` is written `{word.lower()}`",
                span,
                f"write `{word.lower()}`",
                fix=Fix(f"write `{word.lower()}`", (Edit(span, word.lower()),), safe=True),
            )
        )
        return Replacement(at + len(word))

    def _comment(self, at: int) -> Replacement:
        close = self._text.find("*/", at + 2)
        end = close + 2 if close >= 0 else len(self._text)
        inside = self._text[at + 2 : close if close >= 0 else end].strip()
        lines = "\n".join(f"# {line.strip().removeprefix('*').strip()}".rstrip() for line in inside.splitlines())
        line_end = self._text.find("\n", end)
        rest = self._text[end : line_end if line_end >= 0 else len(self._text)].strip()
        edits = (Edit(self._span(at, end), lines),)
        self._say(
            Diagnostic(
                codes.SYN110,
                "a comment begins with `#` and ends with the line",
                self._span(at, min(at + 2, end)),
                "not a comment in fanin",
                fix=Fix("write it with `#`", edits, safe=not rest) if close >= 0 else None,
            )
        )
        return Replacement(end)

    def _string(self, at: int) -> Replacement:
        """A string that doesn't end on its line, or has an escape that means nothing."""
        closed = _STRING.match(self._text, at)
        if closed is None:
            stop = re.compile(r"[\n\r]|\Z").search(self._text, at)
            end = stop.start() if stop else len(self._text)
            # What follows a quote that was forgotten can't be told from the string: the line is lost.
            self._say(
                Diagnostic(
                    codes.SYN105,
                    'this string is not closed: a string ends with `"` on the line that it begins on',
                    self._span(at, at + 1),
                    "opened here",
                    labels=(Label(self._span(end, end), "the line ends here"),) if end > at + 1 else (),
                    helps=('close it with `"`',),
                )
            )
            return Replacement(end, "STRING", String(self._span(at, end), self._text[at + 1 : end].rstrip()))
        span = self._span(at, closed.end())
        value = re.sub(r'\\(["\\])', r"\1", closed[0][1:-1])
        for escape in re.finditer(r"\\(.)", closed[0]):
            if escape[1] not in '"\\':
                place = self._span(at + escape.start(), at + escape.end())
                self._say(
                    Diagnostic(
                        codes.SYN107,
                        f'`{escape[0]}` means nothing in a string: only `\\"` and `\\\\` are escapes',
                        place,
                        "not an escape",
                        fix=Fix("double the backslash", (Edit(place, "\\" + escape[0]),)),
                    )
                )
        return Replacement(closed.end(), "STRING", String(span, value))

    def _quoted(self, at: int) -> Replacement:
        closing = {"'": "'", "“": "”", "‘": "’", "`": "`", "”": "”", "’": "’"}[self._text[at]]
        line_end = self._text.find("\n", at)
        limit = line_end if line_end >= 0 else len(self._text)
        plain = _QUOTED.match(self._text, at) if closing == "'" else None
        close = plain.end() - 1 if plain else self._text.find(closing, at + 1, limit)
        if close < 0 or (closing == "'" and plain is None):
            return self._other(at)
        inside = self._text[at + 1 : close]
        value = re.sub(r"\\(['\"\\])", r"\1", inside)
        span = self._span(at, close + 1)
        written = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        self._say(
            Diagnostic(
                codes.SYN106,
                f"a string stands in double quotes: `{_short(written)}`",
                span,
                f"write `{_short(written)}`",
                fix=Fix("use double quotes", (Edit(span, written),), safe=True),
            )
        )
        return Replacement(close + 1, "STRING", String(span, value))

    def _number(self, at: int) -> Replacement:
        found = _NUMBER.match(self._text, at)
        end = found.end() if found else at + 1
        written = self._text[at:end]
        span = self._span(at, end)
        better = _number_meant(written)
        headline = f"`{_short(written)}` is not a number"
        if re.fullmatch(r"[0-9_]+\.", written):
            headline = f"`{written}` lacks a digit behind its point"
        elif re.fullmatch(r"0[xXbBoO]\w+", written):
            headline = f"`{_short(written)}`: numbers are written in decimal"
        elif len(written) > 400 or re.fullmatch(r"[0-9._]+([eE][+-]?[0-9]+)?", written):
            headline = f"the number `{_short(written)}` is too large"
            better = None
        elif re.fullmatch(r"[0-9]+[A-Za-z_]\w*", written) and better is None:
            headline = f"`{_short(written)}` is neither a number nor a name: a name begins with a letter"
        self._say(
            Diagnostic(
                codes.SYN111,
                headline,
                span,
                f"write `{better}`" if better else "",
                fix=Fix(f"write `{better}`", (Edit(span, better),), safe=True) if better else None,
            )
        )
        return Replacement(end, "INT", Number(span, 1, better or "1", "int"))

    def _semicolon(self, at: int) -> Replacement:
        span = self._span(at, at + 1)
        self._say(
            Diagnostic(
                codes.SYN126,
                "no `;` is needed: a statement ends where the next one begins",
                span,
                "leave it out",
                fix=Fix("leave it out", (Edit(span, "" if self._text[at + 1 : at + 2].isspace() else " "),), safe=True),
            )
        )
        return Replacement(at + 1)

    def _other(self, at: int) -> Replacement:
        """A letter outside of ASCII makes a whole word strange; anything else is one report for a run of it."""
        text = self._text
        word = _WORD.match(text, at)
        if word:
            start = at
            while start > 0 and (text[start - 1].isalnum() or text[start - 1] == "_"):
                start -= 1
            span = self._span(start, word.end())
            self._say(
                Diagnostic(
                    codes.SYN108,
                    f"`{_short(span.text)}`: names are written in ASCII letters, digits and `_`",
                    span,
                    "not ASCII",
                )
            )
            if start < at:  # its first letters are a name already
                return Replacement(word.end())
            return Replacement(word.end(), "NAME", Ident(self._span(at, word.end()), "_strange"))
        end = at + 1
        while end < len(text) and text[end] == text[at]:
            end += 1
        shown = text[at] if text[at].isprintable() else f"U+{ord(text[at]):04X}"
        what = "a space that is not the usual one" if text[at].isspace() else f"the character `{shown}`"
        fix = Fix("put a space", (Edit(self._span(at, end), " "),), safe=True) if text[at].isspace() else None
        self._say(
            Diagnostic(
                codes.SYN108,
                f"{what} has no meaning in a spec",
                self._span(at, end),
                "not part of the language",
                fix=fix,
            )
        )
        return Replacement(end)


def text_follows(text: str, at: int, sign: str) -> bool:
    return text[at:].lstrip(" \t").startswith(sign)


def _padded(text: str, at: int, end: int, ours: str) -> str:
    """The sign with the spaces that it needs and the text lacks."""
    before = " " if ours.startswith(" ") and text[at - 1 : at].strip() else ""
    after = " " if ours.endswith(" ") and text[end : end + 1].strip() else ""
    return before + ours.strip() + after


def _number_meant(written: str) -> str | None:
    if re.fullmatch(r"[0-9]+(_[0-9]+)*\.", written):
        return written + "0"
    if re.fullmatch(r"0[xX][0-9A-Fa-f]{1,15}|0[bB][01]{1,60}|0[oO][0-7]{1,20}", written):
        return str(int(written, 0))
    if re.fullmatch(r"[0-9_]+_|[0-9]+__[0-9_]+", written):
        return re.sub(r"_+", "_", written).strip("_")
    if re.fullmatch(r"[0-9.]+[fFlLjJ]", written):
        return written[:-1]
    found = re.fullmatch(r"([0-9._]+)([kmgt])(i?b)?", written, re.IGNORECASE)
    if found:
        unit = found[2].upper() + {"": "", "b": "B", "ib": "iB"}[(found[3] or "").lower()]
        return found[1] + unit
    return None


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "…"
