"""What to say about a token that can't stand where it stands: the likely intent first, or else what was expected."""

from __future__ import annotations

from fanin.diagnostics import codes
from fanin.diagnostics.model import Diagnostic
from fanin.syntax import meant_heads, meant_statements, meant_values
from fanin.syntax.lexer import RESERVED
from fanin.syntax.place import Place
from fanin.syntax.words import describe, expectation

# The surest first.
_GUESSES = (
    meant_heads.one_list,
    meant_heads.no_colon,
    meant_values.percent,
    meant_values.attribute,
    meant_values.conditional,
    meant_values.comprehension,
    meant_values.colon,
    meant_values.equals,
    meant_values.unpacking,
    meant_values.point,
    meant_statements.declaration,
    meant_statements.statement,
    meant_statements.longest,
    meant_values.reserved,
    meant_values.comma,
)


def explain(place: Place) -> Diagnostic:
    """The one message for this place; it may mend the tokens there."""
    for guess in _GUESSES:
        found = guess(place)
        if found:
            return found
    return plain(place)


def plain(place: Place) -> Diagnostic:
    found = describe(place.kind, place.text())
    wanted = expectation(place.expected)
    if place.kind == "RBRACE" and place.type(-1) == "RETURN":
        return place.say(
            codes.SYN101, "`return` lacks its value", "", place.tokens.span(place.at - 1), "write `return x`"
        )
    note = ""
    if place.text() in RESERVED and "NAME" in place.expected:
        note = f"`{place.text()}` is a reserved word, not a name"
    return place.say(codes.SYN101, f"expected {wanted}, found {found}", f"expected {wanted}", note=note)
