"""Which bracket closes which: the mistakes among them, and the places where they were noticed."""

from __future__ import annotations

from fanin.record import record
from fanin.syntax.lexer import END, Tokens

OPENING = {"LPAR": ")", "LSQB": "]", "LBRACE": "}"}
CLOSING = {"RPAR": "(", "RSQB": "[", "RBRACE": "{"}
_PAIR = {"RPAR": "LPAR", "RSQB": "LSQB", "RBRACE": "LBRACE"}
_DECLARING = {"BLOCK", "MODEL", "FN", "SYSTEM", "PRUNE", "CONST"}
_STATING = {"RETURN", "PARAM", "BUFFER", "ASSERT", "EXPECT"}


@record
class Mistake:
    """Token numbers. Without ``close``, ``open`` is never closed, which is noticed at ``noticed``; without ``open``,
    ``close`` closes nothing; with both, they don't belong together."""

    open: int | None
    close: int | None
    noticed: int


def begins_line(tokens: Tokens, at: int) -> bool:
    text = tokens.source.text
    before = tokens.start(at) - 1
    while before >= 0 and text[before] in " \t\f\v\r\ufeff":
        before -= 1
    return before < 0 or text[before] == "\n"


def column(tokens: Tokens, at: int) -> int:
    """How far the line of this token stands in."""
    text = tokens.source.text
    line = text.rfind("\n", 0, tokens.start(at)) + 1
    stop = line
    while stop < len(text) and text[stop] in " \t":
        stop += 1
    return stop - line


def begins_declaration(tokens: Tokens, at: int) -> bool:
    types = tokens.types
    kind = types[at]
    following = types[at + 1] if at + 1 < len(types) else END
    named = following == "NAME" or (following.isupper() and tokens.text(at + 1).isidentifier())
    if kind in _DECLARING:
        return named and begins_line(tokens, at)
    if kind == "EXTERN":
        return following == "BLOCK" and begins_line(tokens, at)
    return kind == "FROM" and begins_line(tokens, at) and (named or following == "STRING")


def begins_statement(tokens: Tokens, at: int) -> bool:
    """Whether the token can only be the first of a statement, whatever is open around it."""
    types = tokens.types
    kind = types[at]
    if kind in _STATING:
        return begins_line(tokens, at)
    if kind == "NAME" and types[at + 1] == "AUG":
        return begins_line(tokens, at)
    return False


def may_begin_statement(tokens: Tokens, at: int) -> bool:
    """Whether it looks like ``name =`` or ``a, b =`` on a line of its own, which an argument may do too."""
    types = tokens.types
    if types[at] != "NAME" or not begins_line(tokens, at):
        return False
    end = at + 1
    while types[end] == "COMMA" and types[end + 1] == "NAME":
        end += 2
    return types[end] == "EQUAL"


def find_mistakes(tokens: Tokens) -> list[Mistake]:
    """In the order of the text. Of several braces left open at one place, the innermost likely one is named."""
    types = tokens.types
    mistakes: list[Mistake] = []
    stack: list[int] = []
    maybe: dict[int, int] = {}  # open bracket → the first line behind it that looks like a statement
    suspects: list[int] = []  # braces whose closing one stands too far out

    def unclosed(noticed: int) -> None:
        opening = stack.pop()
        mistakes.append(Mistake(opening, None, maybe.get(opening, noticed)))

    def drop_brackets(noticed: int) -> None:
        while stack and types[stack[-1]] != "LBRACE":
            unclosed(noticed)

    for at, kind in enumerate(types):
        if kind in OPENING:
            if kind == "LBRACE":
                drop_brackets(at)
            stack.append(at)
        elif kind == "RBRACE":
            drop_brackets(at)
            if stack:
                opening = stack.pop()
                if begins_line(tokens, at) and column(tokens, opening) > column(tokens, at):
                    suspects.append(opening)
            else:
                mistakes.append(Mistake(None, at, at))
        elif kind in CLOSING:
            wanted = _PAIR[kind]
            if stack and types[stack[-1]] == wanted:
                stack.pop()
            elif len(stack) > 1 and types[stack[-1]] != "LBRACE" and types[stack[-2]] == wanted:
                unclosed(at)
                stack.pop()
            elif stack and types[stack[-1]] != "LBRACE":
                mistakes.append(Mistake(stack.pop(), at, at))
            else:
                mistakes.append(Mistake(None, at, at))
        elif kind == END or (stack and begins_declaration(tokens, at)):
            drop_brackets(at)
            if stack:
                blamed = suspects[-1] if suspects and suspects[-1] > stack[0] else stack[-1]
                mistakes.append(Mistake(blamed, None, at))
                mistakes += [Mistake(None, None, at) for _ in stack[1:]]
                stack.clear()
            suspects.clear()
        elif stack and types[stack[-1]] != "LBRACE":
            if begins_statement(tokens, at):
                drop_brackets(at)
            elif stack[-1] not in maybe and may_begin_statement(tokens, at):
                maybe[stack[-1]] = at
    return mistakes
