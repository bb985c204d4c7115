"""Unexpected tokens in expressions and headers: what was likely meant."""

from __future__ import annotations

from fanin.diagnostics import codes
from fanin.diagnostics.model import Diagnostic, Edit, Fix
from fanin.source import Span
from fanin.syntax.brackets import CLOSING, begins_line, column
from fanin.syntax.lexer import END, RESERVED
from fanin.syntax.place import Place
from fanin.syntax.rework import Virtual
from fanin.syntax.tree import Augment, Bind, Expr, Ident, Number, Return, Statement, TypedBind
from fanin.syntax.words import describe


def percent(place: Place) -> Diagnostic | None:
    """``20%`` was split into a number and a remainder, and nothing follows that could be divided by."""
    if place.type(-1) != "REMAINDER":
        return None
    number = place.tokens.values[place.at - 2]
    if not isinstance(number, Number) or number.span.end != place.tokens.start(place.at - 1):
        return None
    share = f"{number.value / 100:g}"
    span = number.span.to(place.tokens.span(place.at - 1))
    place.pop(1)
    place.tokens.delete(place.at - 1, place.at)
    if place.parse.values[-1] is number:
        place.parse.values[-1] = Number(span, float(share), share, "float")
    place.mended = True
    return place.say(
        codes.SYN122,
        f"`{span.text}` is a percentage, and those stand in a `prune` only",
        f"write `{share}`",
        span,
        f"write `{share}`",
        Fix(f"write `{share}`", (Edit(span, share),), safe=True),
    )


def attribute(place: Place) -> Diagnostic | None:
    """``a @b``: meant as a matrix product."""
    if place.kind == "ATTR" and "MATMUL" in place.expected:
        name = place.tokens.values[place.at]
        start = name.span.start
        rest = Ident(name.span._replace(start=start + 1), name.name)
        place.replace("MATMUL", start)
        place.tokens.insert(place.at + 1, "NAME", rest)
        span = name.span._replace(end=start + 1)
        return place.say(
            codes.SYN123,
            f"the matrix product has a space behind its `@`: `@ {name.name}`",
            "this reads as an attribute",
            span,
            f"write `@ {name.name}`",
            Fix("put a space", (Edit(name.span, f"@ {name.name}"),), safe=True),
        )
    if place.kind == "MATMUL" and place.type(1) == "NAME" and "ATTR" in place.expected:
        name = place.tokens.values[place.at + 1]
        span = place.span.to(name.span)
        place.replace("ATTR", Ident(span, name.name))
        place.tokens.delete(place.at + 1, place.at + 2)
        return place.say(
            codes.SYN123,
            f"an attribute has no space behind its `@`: `@{name.name}`",
            "",
            span,
            f"write `@{name.name}`",
            Fix("leave the space out", (Edit(span, f"@{name.name}"),), safe=True),
        )
    return None


def conditional(place: Place) -> Diagnostic | None:
    """``x = a if c else b``: the `if` was read as a statement of its own."""
    values = place.parse.values
    if place.kind == "IF" and place.bracket() == "[" and "RSQB" in place.expected:
        return place.say(
            codes.SYN116,
            "a conditional in an index stands in brackets of its own",
            "",
            help="write `x[(a if c else b)]`",
        )
    if place.kind != "ELSE" or len(values) < 2:
        return None
    word = next((n for n in range(len(values) - 1, max(-1, len(values) - 4), -1) if is_if(place, values[n])), None)
    if word is None or not isinstance(values[word - 1], list) or not values[word - 1]:
        return None
    before = values[word - 1][-1]
    value = last_value(place, before)
    if value is None:
        return None
    end = place.at + 1
    while place.tokens.types[end] != END and not begins_line(place.tokens, end) and place.tokens.types[end] != "RBRACE":
        end += 1
    whole = value.span.to(place.tokens.span(end - 1))
    source = whole.source
    edits = (
        Edit(Span(source, whole.start, whole.start), "("),
        Edit(Span(source, whole.end, whole.end), ")"),
    )
    del place.parse.rows[word + 1 :]
    del place.parse.values[word:]
    place.parse.at = end
    place.mended = True
    text = " ".join(whole.text.split())
    return place.say(
        codes.SYN116,
        "a conditional stands in brackets",
        "bracket this",
        whole,
        f"write `({text})`" if len(text) < 80 and "#" not in text else "put brackets around it",
        Fix("bracket the conditional", edits, safe=True),
        "without them, the `if` begins a statement of its own",
    )


def is_if(place: Place, value: object) -> bool:
    return isinstance(value, int) and place.tokens.source.text.startswith("if", value)


def last_value(place: Place, statement: object) -> Expr | None:
    match statement:
        case Bind() | Augment() | TypedBind():
            return statement.value
        case Return():
            return statement.values[-1]
        case Statement():
            return getattr(statement, "value", None) or getattr(statement, "test", None)
    return None


def comprehension(place: Place) -> Diagnostic | None:
    if place.kind not in ("FOR", "IF") or place.bracket() not in ("[", "("):
        return None
    if place.kind == "FOR":
        close = place.closing()
        start = place.span
        end = place.tokens.span(close - 1) if close > place.at else start
        place.tokens.delete(place.at, close)
        place.mended = True
        return place.say(
            codes.SYN124,
            "there are no comprehensions: `map(f, xs)` applies `f` to each of a list",
            "not part of a list",
            start.to(end),
            "write `map(f, xs)`, or fill the list in a `for` with `ys = ys ++ [f(x)]`",
        )
    return None


def colon(place: Place) -> Diagnostic | None:
    """A body that begins with ``:`` and is told by its indentation."""
    if place.kind != "COLON" or "LBRACE" not in place.expected:
        return None
    margin = column(place.tokens, place.at)
    end = place.at + 1
    same_line = place.tokens.types[end] != END and not begins_line(place.tokens, end)
    while place.tokens.types[end] != END:
        if begins_line(place.tokens, end) and (same_line or column(place.tokens, end) <= margin):
            break
        end += 1
    colon = place.span
    last = place.tokens.end(end - 1)
    source = colon.source
    edits = (
        Edit(Span(source, colon.start, colon.end), " {"),
        Edit(Span(source, last, last), " }" if same_line else f"\n{' ' * margin}}}"),
    )
    place.replace("LBRACE", colon.start)
    place.tokens.insert(end, "RBRACE", Virtual(place.tokens.start(end)))
    return place.say(
        codes.SYN115,
        "a body stands in braces; indentation means nothing",
        "write `{` here, and `}` at the end",
        colon,
        "write `{` for `:`, and `}` behind the last statement",
        Fix("put braces", edits),
    )


def equals(place: Place) -> Diagnostic | None:
    if place.kind == "EQUAL" and "CMP" in place.expected and "EQUAL" not in place.expected:
        here = place.type(-1)
        if place.bracket() in ("(", "[") or "LBRACE" in place.expected:
            place.replace("CMP", place.tokens.values[place.at])
            return place.say(
                codes.SYN109,
                "`=` binds a name or an argument; two values are compared with `==`",
                "write `==`" if here != "RSQB" else "",
                help="write `==`",
                fix=Fix("write `==`", (Edit(place.span, "=="),)),
            )
    return None


def unpacking(place: Place) -> Diagnostic | None:
    if (
        place.kind not in ("STAR", "POWER")
        or place.bracket() not in ("(", "[")
        or place.type(-1) not in ("LPAR", "LSQB", "COMMA")
    ):
        return None
    sign, name = place.text(), place.text(1)
    span = place.span.to(place.tokens.span(place.at + 1)) if place.type(1) == "NAME" else place.span
    what = (
        "every parameter is written out"
        if "RPAR" in place.expected and "INT" not in place.expected
        else ("arguments can't be unpacked: a list is passed as one value")
    )
    if place.type(1) == "NAME":
        place.tokens.delete(place.at, place.at + 1)
        place.mended = True
    return place.say(
        codes.SYN114,
        f"`{sign}{name}`: {what}",
        "not part of the language",
        span,
        f"write the ones that are meant in place of `{sign}{name}`",
    )


def point(place: Place) -> Diagnostic | None:
    """``.5`` and ``1.``."""
    before = place.tokens.values[place.at - 2] if place.at > 1 else None
    if place.type(-1) == "DOT" and place.type(-2) == "INT" and isinstance(before, Number):
        span = before.span.to(place.tokens.span(place.at - 1))
        place.pop(1)
        place.tokens.delete(place.at - 1, place.at)
        place.mended = True
        return place.say(
            codes.SYN111,
            f"`{span.text}` lacks a digit behind its point",
            f"write `{span.text}0`",
            span,
            f"write `{span.text}0`",
            Fix(f"write `{span.text}0`", (Edit(span, f"{span.text}0"),), safe=True),
        )
    if place.kind == "DOT" and place.type(1) == "INT" and "INT" in place.expected:
        number = place.tokens.values[place.at + 1]
        span = place.span.to(number.span)
        place.replace("FLOAT", Number(span, 0.5, f"0.{number.text}", "float"))
        place.tokens.delete(place.at + 1, place.at + 2)
        return place.say(
            codes.SYN111,
            f"`{span.text}` lacks a digit before its point",
            f"write `0{span.text}`",
            span,
            f"write `0{span.text}`",
            Fix(f"write `0{span.text}`", (Edit(span, f"0{span.text}"),), safe=True),
        )
    return None


def reserved(place: Place) -> Diagnostic | None:
    """A reserved word where a name belongs, and all would be well if it were one."""
    if "NAME" not in place.expected or place.text() not in RESERVED or place.kind == END:
        return None
    word = place.text()
    behind = place.type(1)
    if not place.accepts(place.parse, "NAME", behind) or (behind == END and place.kind != "IN"):
        return None
    if place.kind in ("FOR", "IF", "RETURN", "PARAM", "BUFFER", "ASSERT", "EXPECT") and begins_line(
        place.tokens, place.at
    ):
        return None
    place.replace("NAME", Ident(place.span, f"{word}_"))
    return place.say(
        codes.SYN112,
        f"`{word}` is a reserved word and can't be a name",
        "choose another name",
        help=f"write `{word}_`, for example",
    )


def comma(place: Place) -> Diagnostic | None:
    if "COMMA" not in place.expected or place.bracket() not in ("(", "[") or place.kind in CLOSING or place.kind == END:
        return None
    if not place.accepts(place.parse, "COMMA", place.kind):
        return None
    before = place.tokens.end(place.at - 1)
    here = Span(place.tokens.source, before, before)
    place.tokens.insert(place.at, "COMMA", Virtual(before))
    place.mended = True
    return place.say(
        codes.SYN130,
        f"a comma is missing before {describe(place.kind, place.tokens.text(place.at + 1))}",
        "something comes before this",
        place.tokens.span(place.at + 1),
        "separate them with `,`",
        Fix("put a comma", (Edit(here, ","),)),
    )
