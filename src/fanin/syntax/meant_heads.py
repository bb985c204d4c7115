"""Unexpected tokens in the head of a declaration: what was likely meant."""

from __future__ import annotations

from fanin.diagnostics import codes
from fanin.diagnostics.model import Diagnostic, Edit, Fix
from fanin.source import Span
from fanin.syntax.place import Place

_TYPES = frozenset(("int", "float", "bool", "str", "list", "fn", "block", "module"))
_OPENING = {"RPAR": "LPAR", "RSQB": "LSQB"}


def one_list(place: Place) -> Diagnostic | None:
    """``model Net(x: [N, 4]) { … }``: a block has two lists, and this one is the first."""
    if not {"LPAR", "EQUAL"} <= place.expected or place.type(-1) != "RPAR":
        return None
    depth, back = 0, -1
    while place.at + back > 0:
        kind = place.type(back)
        depth += (kind in _OPENING) - (kind in _OPENING.values())
        if depth == 0:
            break
        back -= 1
    word, name = place.text(back - 2), place.text(back - 1)
    if word not in ("model", "block", "system"):
        return None
    opening, closing = place.tokens.span(place.at + back), place.tokens.span(place.at - 1)
    has_tensors = "[" in opening.to(closing).text.replace("list[", "")
    at = opening.start if has_tensors else closing.end
    what = "hyper-parameters, which come first" if has_tensors else "inputs, which come second"
    return place.say(
        codes.SYN101,
        f"`{word} {name}` has one list: it lacks the one of its {what}",
        "two lists are expected before this",
        help="the first list is for hyper-parameters, the second for tensors",
        fix=Fix("", (Edit(Span(opening.source, at, at), "()"),)),
    )


def no_colon(place: Place) -> Diagnostic | None:
    """``width int``: the type of a parameter without its colon."""
    if "COLON" not in place.expected or place.type(-1) != "NAME" or place.text() not in _TYPES:
        return None
    before = place.tokens.span(place.at - 1)
    edit = Edit(Span(before.source, before.end, place.span.start), ": ")
    name, type_ = before.text, place.text()
    return place.say(
        codes.SYN101,
        f"a colon is missing between `{name}` and its type `{type_}`",
        "the type",
        help=f"write `{name}: {type_}`",
        fix=Fix("", (edit,)),
    )
