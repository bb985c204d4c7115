"""Unexpected tokens where a statement or declaration begins: what was likely meant."""

from __future__ import annotations

from fanin.diagnostics import codes
from fanin.diagnostics.model import Diagnostic, Edit, Fix
from fanin.diagnostics.suggest import nearest
from fanin.source import Span
from fanin.syntax.brackets import begins_line
from fanin.syntax.lexer import END, RESERVED
from fanin.syntax.place import Place
from fanin.syntax.rework import Virtual
from fanin.syntax.tree import Ident

_STATEMENT_WORDS = [
    "param", "buffer", "update", "for", "if", "assert", "expect", "return", "loss", "metric", "train",
    "stage",
]  # fmt: skip
_DECLARATION_WORDS = [
    "from", "const", "fn", "block", "extern", "model", "system", "prune",
]  # fmt: skip
FOREIGN_DECLARATIONS = {
    "def": "a function is declared with `fn`, a module with `block`",
    "class": "a module is declared with `block`, a network with `model`",
    "function": "a function is declared with `fn`",
    "func": "a function is declared with `fn`",
    "let": "a compile-time value is declared with `const`",
    "var": "a compile-time value is declared with `const`",
    "import": "a declaration is imported with `from FILE import NAME`",
    "module": "a module is declared with `block`",
    "layer": "a layer is declared with `block`",
    "network": "a network is declared with `model`",
    "struct": "a module is declared with `block`",
}
_FOREIGN_STATEMENTS = {
    "let", "var", "val", "auto", "local", "tensor", "mut", "set", "int", "float", "bool", "str", "list",
}  # fmt: skip


def declaration(place: Place) -> Diagnostic | None:
    """Something else at the level of the file."""
    if not {"CONST", "FROM"} <= place.expected:
        return None
    word = place.text()
    if word in FOREIGN_DECLARATIONS:
        return place.say(
            codes.SYN114,
            f"`{word}` is no word of the language: {FOREIGN_DECLARATIONS[word]}",
            "",
            help=FOREIGN_DECLARATIONS[word],
        )
    if (place.kind == "NAME" and place.type(1) == "NAME") or (
        place.kind == "NAME" and place.type(1) in ("BLOCK", "STRING")
    ):
        meant = nearest(word, _DECLARATION_WORDS)
        if meant:
            place.replace(
                meant.upper(), place.tokens.values[place.at] if meant not in RESERVED else place.tokens.start(place.at)
            )
            if meant not in RESERVED:
                name = place.tokens.values[place.at]
                place.tokens.values[place.at] = Ident(name.span, meant)
            return typo(place, word, meant, place.span)
    if word in _STATEMENT_WORDS or place.type(1) in ("EQUAL", "AUG", "COMMA", "COLON", "ARROW", "LPAR"):
        what = f"`{word}`" if word in _STATEMENT_WORDS else "a statement"
        hint = (
            "write `const` before it, or move it into a body"
            if place.type(1) == "EQUAL"
            else "move it into the body of a `block`, `model`, `fn` or `system`"
        )
        return place.say(
            codes.SYN129,
            f"{what} stands in a body: a file holds declarations",
            "not in a body",
            help=hint,
            fix=Fix("make it a `const`", (Edit(place.span._replace(end=place.span.start), "const "),))
            if place.type(1) == "EQUAL" and place.kind == "NAME"
            else None,
        )
    return None


def longest(place: Place) -> Diagnostic | None:
    """A stage that goes on until something, however long that takes."""
    if place.kind != "UNTIL" or "FOR" not in place.expected:
        return None
    return place.say(
        codes.SYN101,
        "a stage says for how long it goes on at most, before what it goes on until",
        "for how long?",
        help="write `for 10 epochs until …`",
    )


def typo(place: Place, word: str, meant: str, span: Span) -> Diagnostic:
    return place.say(
        codes.SYN131,
        f"no statement or declaration begins with `{word}`; did you mean `{meant}`?",
        f"write `{meant}`",
        span,
        f"write `{meant}`",
        Fix(f"write `{meant}`", (Edit(span, meant),)),
    )


def statement(place: Place) -> Diagnostic | None:
    """A statement that begins with a name and goes on as no statement does."""
    rows, tokens = place.parse.rows, place.tokens
    first = tokens.values[place.at - 1] if place.at else None
    if not isinstance(first, Ident) or len(rows) < 2 or "_stmt" not in rows[-2] or "EQUAL" not in place.expected:
        return None
    if first.name == "self" and place.kind == "DOT":
        span = first.span.to(place.span)
        place.pop(1)
        tokens.delete(place.at - 1, place.at + 1)
        place.mended = True
        return place.say(
            codes.SYN114,
            "there is no `self`: what a body binds belongs to its block",
            "leave it out",
            span,
            "leave `self.` out",
            Fix("leave `self.` out", (Edit(span, ""),), safe=True),
        )
    same_line = not begins_line(tokens, place.at)
    if place.kind == "NAME" and same_line:
        if first.name in _FOREIGN_STATEMENTS and place.type(1) == "EQUAL":
            name = place.span
            place.pop(1)
            tokens.delete(place.at - 1, place.at)
            place.mended = True
            return place.say(
                codes.SYN114,
                f"`{first.name}` is not needed: `{name.text} = …` binds the name",
                "leave it out",
                first.span,
                f"leave `{first.name}` out",
                Fix("leave it out", (Edit(first.span.to(name), name.text),), safe=True),
            )
        meant = nearest(first.name, _STATEMENT_WORDS)
        if meant:
            place.pop(1)
            value = first.span.start if meant in RESERVED else Ident(first.span, meant)
            place.replace(meant.upper(), value, place.at - 1)
            return typo(place, first.name, meant, first.span)
    return bare(place, first) if same_line or place.kind in ("ARROW", "LPAR") else None


def bare(place: Place, first: Ident) -> Diagnostic | None:
    name = first.name
    if place.kind in ("LSQB", "DOT"):
        end = place.at
        while place.tokens.types[end] not in (END, "EQUAL", "AUG", "RBRACE") and (
            end == place.at or not begins_line(place.tokens, end)
        ):
            end += 1
        if place.tokens.types[end] in ("EQUAL", "AUG"):
            span = first.span.to(place.tokens.span(end - 1))
            # Read on as if `_` were bound.
            place.pop(1)
            place.tokens.delete(place.at, end)
            place.replace("NAME", Ident(first.span, "_"), place.at - 1)
            note = "values don't change: a new one is bound to the name"
            help = f"build a new list and bind it to `{name}`" if place.kind == "LSQB" else "bind a name of its own"
            return place.say(
                codes.SYN128, f"`{span.text}` can't be bound: only a name can", "not a name", span, help, note=note
            )
    if place.kind in ("ARROW", "LPAR", "DOT", "LSQB", "PLUS", "STAR", "MINUS", "SLASH"):
        flows = place.kind == "ARROW"
        place.pop(1)
        place.tokens.insert(place.at - 1, "EQUAL", Virtual(first.span.start))
        place.tokens.insert(place.at - 1, "NAME", Ident(first.span, "_"))
        place.mended = True
        return place.say(
            codes.SYN128,
            "a value that is bound to no name does nothing: a statement binds or returns it",
            "no name is bound here",
            first.span,
            f"write `{name} = {name} -> …` or `return {name} -> …`"
            if flows
            else f"write `NAME = {name}…` or `return {name}…`",
        )
    return None
