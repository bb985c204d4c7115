"""Mistakes that upset a whole file, mended in its tokens before it is read again: brackets, comments, `elif`.

Only a file with a syntax error comes here, and only once. What is put in has no text: an error at a `Virtual` token
is a consequence, and is not reported.
"""

from __future__ import annotations

import itertools

from fanin.diagnostics import codes
from fanin.diagnostics.model import Diagnostic, Edit, Fix, Label
from fanin.source import Span
from fanin.syntax.brackets import CLOSING, OPENING, Mistake, begins_line, find_mistakes
from fanin.syntax.lexer import END, Tokens
from fanin.syntax.tree import Ident

LIMIT = 100  # more mistakes than this are one: the file is not a spec
_GLANCE = 12  # how many tokens tell whether `//` has prose behind it
_CLOSER = {"LPAR": "RPAR", "LSQB": "RSQB", "LBRACE": "RBRACE"}
_ELIF = {"elseif", "elsif", "elsef", "elseIf", "elf", "eliff"}
_ATTRIBUTES = {"allow", "edges", "init", "law", "role", "tag"}


class Virtual(int):
    """The place of a token that nobody wrote."""


def rework(tokens: Tokens, diagnostics: list[Diagnostic]) -> bool:
    """Whether anything was mended."""
    changed = _comments(tokens, diagnostics)
    changed |= _words(tokens, diagnostics)
    return _brackets(tokens, diagnostics) or changed


def _comments(tokens: Tokens, diagnostics: list[Diagnostic]) -> bool:
    """``// text``: on a line of its own, or with words side by side behind it, as no expression has them."""
    text, types = tokens.source.text, tokens.types
    changed = False
    at = 0
    while at < len(types) and len(diagnostics) < LIMIT:
        if types[at] != "INTDIV":
            at += 1
            continue
        start = tokens.start(at)
        line_end = text.find("\n", start)
        line_end = len(text) if line_end < 0 else line_end
        stop = at + 1
        while types[stop] != END and tokens.start(stop) < line_end and stop < at + _GLANCE:
            stop += 1
        words = [kind.isalpha() and kind != END and tokens.text(n)[:1].isalpha() for n, kind in _range(types, at, stop)]
        prose = any(left and right for left, right in itertools.pairwise(words))
        if not begins_line(tokens, at) and not prose and stop > at + 1:
            at += 1
            continue
        span = Span(tokens.source, start, start + 2)
        diagnostics.append(
            Diagnostic(
                codes.SYN110,
                "a comment begins with `#`; `//` divides and rounds down",
                span,
                "write `#`",
                fix=Fix("write `#`", (Edit(span, "#"),)),
            )
        )
        while types[stop] != END and tokens.start(stop) < line_end:
            stop += 1
        tokens.delete(at, stop)
        changed = True
    return changed


def _range(types: list[str], start: int, stop: int) -> list[tuple[int, str]]:
    return [(at, types[at]) for at in range(start, stop)]


def _words(tokens: Tokens, diagnostics: list[Diagnostic]) -> bool:
    types = tokens.types
    changed = False
    at = 1
    while at < len(types) - 1 and len(diagnostics) < LIMIT:
        kind = types[at]
        if kind == "NAME" and types[at - 1] == "RBRACE" and types[at + 1] != "EQUAL":
            name = tokens.values[at]
            if isinstance(name, Ident) and name.name in _ELIF:
                _say_elif(tokens, at, at + 1, diagnostics)
                changed = True
        elif kind == "ELSE" and types[at - 1] == "RBRACE" and types[at + 1] == "IF":
            _say_elif(tokens, at, at + 2, diagnostics)
            tokens.delete(at + 1, at + 2)
            changed = True
        elif kind == "MATMUL" and begins_line(tokens, at) and types[at + 1] == "NAME" and types[at + 2] == "LPAR":
            name = tokens.values[at + 1]
            if name.name in _ATTRIBUTES:
                _say_attribute(tokens, at, name, diagnostics)
                changed = True
        elif kind == "ATTR" and not begins_line(tokens, at):
            name = tokens.values[at]
            if types[at + 1] != "LPAR" or (name.name not in _ATTRIBUTES and _ends_value(types[at - 1])):
                _say_product(tokens, at, name, diagnostics)
                changed = True
        elif kind == "NAME" and types[at + 1] in ("NAME", "COLON") and tokens.values[at].name == "lambda":
            _say_lambda(tokens, at, diagnostics)
            changed = True
        at += 1
    return changed


def _ends_value(kind: str) -> bool:
    return kind in ("NAME", "INT", "FLOAT", "RPAR", "RSQB")


def _say_product(tokens: Tokens, at: int, name: Ident, diagnostics: list[Diagnostic]) -> None:
    start = name.span.start
    diagnostics.append(
        Diagnostic(
            codes.SYN123,
            f"the matrix product has a space behind its `@`: `@ {name.name}`",
            name.span._replace(end=start + 1),
            "this reads as an attribute",
            fix=Fix("put a space", (Edit(name.span, f"@ {name.name}"),), safe=True),
        )
    )
    tokens.types[at], tokens.values[at] = "MATMUL", start
    tokens.insert(at + 1, "NAME", Ident(name.span._replace(start=start + 1), name.name))


def _say_lambda(tokens: Tokens, at: int, diagnostics: list[Diagnostic]) -> None:
    """What stands for the function is the word alone: the rest, to the end of its line or brackets, is left out."""
    types = tokens.types
    stop, depth = at + 1, 0
    while types[stop] != END and not begins_line(tokens, stop):
        if depth == 0 and (types[stop] in CLOSING or (types[stop] == "COMMA" and "COLON" in types[at:stop])):
            break
        depth += (types[stop] in OPENING) - (types[stop] in CLOSING)
        stop += 1
    diagnostics.append(
        Diagnostic(
            codes.SYN114,
            "there is no `lambda`: a function is declared with `fn`, or made by filling arguments in",
            tokens.span(at),
            "not part of the language",
            helps=("write `f(..., k)` for `lambda x: f(x, k)`, or declare a `fn`",),
        )
    )
    tokens.delete(at + 1, stop)


def _say_elif(tokens: Tokens, at: int, stop: int, diagnostics: list[Diagnostic]) -> None:
    span = tokens.span(at).to(tokens.span(stop - 1))
    written = " ".join(span.text.split())
    diagnostics.append(
        Diagnostic(
            codes.SYN131,
            f"the word for another condition is `elif`, not `{written}`",
            span,
            "write `elif`",
            fix=Fix("write `elif`", (Edit(span, "elif"),), safe=True),
        )
    )
    tokens.types[at], tokens.values[at] = "ELIF", span.start


def _say_attribute(tokens: Tokens, at: int, name: Ident, diagnostics: list[Diagnostic]) -> None:
    span = tokens.span(at).to(name.span)
    diagnostics.append(
        Diagnostic(
            codes.SYN123,
            f"an attribute has no space behind its `@`: `@{name.name}`",
            span,
            "",
            fix=Fix("leave the space out", (Edit(span, f"@{name.name}"),), safe=True),
        )
    )
    tokens.types[at], tokens.values[at] = "ATTR", Ident(span, name.name)
    tokens.delete(at + 1, at + 2)


def _brackets(tokens: Tokens, diagnostics: list[Diagnostic]) -> bool:
    mistakes = find_mistakes(tokens)
    lost = [d.span.start for d in diagnostics if d.code == codes.SYN105]
    for mistake in mistakes:
        diagnostic = _describe(tokens, mistake, lost)
        if diagnostic and len(diagnostics) < LIMIT:
            diagnostics.append(diagnostic)
    changes: list[tuple[int, int, str]] = []  # where, how many to leave out, what to put in
    for mistake in mistakes:
        if mistake.open is not None and mistake.close is not None:
            changes.append((mistake.close, 1, _CLOSER[tokens.types[mistake.open]]))
        elif mistake.close is not None:
            changes.append((mistake.close, 1, ""))
        else:
            kind = "RBRACE" if mistake.open is None else _CLOSER[tokens.types[mistake.open]]
            changes.append((mistake.noticed, 0, kind))
    # Back to front, so that places stay; at one place, what was opened last is closed first.
    changes.sort(key=lambda change: (change[0], change[2] == "RBRACE"))
    types: list[str] = []
    values: list[object] = []
    at = 0
    for place, left_out, kind in changes:
        types += tokens.types[at:place]
        values += tokens.values[at:place]
        if kind:
            types.append(kind)
            values.append(Virtual(tokens.start(place)))
        at = place + left_out
    tokens.types[:] = types + tokens.types[at:]
    tokens.values[:] = values + tokens.values[at:]
    return bool(mistakes)


def _describe(tokens: Tokens, mistake: Mistake, lost: list[int]) -> Diagnostic | None:
    if mistake.open is None and mistake.close is None:
        return None
    if mistake.close is None:
        assert mistake.open is not None
        return _unclosed(tokens, mistake.open, mistake.noticed, lost)
    closer = tokens.span(mistake.close)
    if mistake.open is None:
        return Diagnostic(
            codes.SYN104,
            f"this `{closer.text}` closes nothing: no `{CLOSING[tokens.types[mistake.close]]}` is open here",
            closer,
            "nothing to close",
            fix=Fix("leave it out", (Edit(closer, ""),)),
        )
    opener = tokens.span(mistake.open)
    right = OPENING[tokens.types[mistake.open]]
    return Diagnostic(
        codes.SYN104,
        f"`{opener.text}` is closed by `{closer.text}`: it takes a `{right}`",
        closer,
        f"a `{right}` belongs here",
        labels=(Label(opener, f"the `{opener.text}` that is open"),),
        fix=Fix(f"write `{right}`", (Edit(closer, right),)),
    )


def _unclosed(tokens: Tokens, opening: int, noticed: int, lost: list[int]) -> Diagnostic | None:
    opener = tokens.span(opening)
    place = tokens.span(noticed)
    if any(opener.start < start < place.start or start == place.start for start in lost):
        return None  # the string that isn't closed took the bracket with it
    brace = opener.text == "{"
    where = "the file ends here" if tokens.types[noticed] == END else _notice(tokens, noticed)
    right = OPENING[tokens.types[opening]]
    before = tokens.end(noticed - 1)
    fix = Edit(Span(tokens.source, before, before), f"\n{right}\n" if brace else right)
    return Diagnostic(
        codes.SYN102 if brace else codes.SYN103,
        f"this `{opener.text}` is never closed",
        opener,
        f"no `{right}` for it",
        labels=(Label(place, where),),
        fix=Fix(f"put a `{right}` before `{place.text}`" if place.text else f"put a `{right}` at the end", (fix,)),
    )


def _notice(tokens: Tokens, at: int) -> str:
    kind = tokens.types[at]
    if kind in CLOSING:
        return f"this `{tokens.text(at)}` closes something further out"
    if kind == "LBRACE":
        return "a body begins here"
    return "noticed here"
