"""What a reader calls the tokens that could have stood somewhere."""

from __future__ import annotations

from collections.abc import Iterable

_VALUE = {"NAME", "INT", "FLOAT", "STRING", "LPAR", "LSQB"}
_NAMES = [
    "FN", "BLOCK", "MODEL", "EXTERN", "SYSTEM", "PRUNE", "OF", "INVERSE", "UPDATE", "LOSS", "METRIC",
    "TRAIN", "ON", "STAGE", "LIST", "BY", "UNIT", "SCOPE", "REMOVE", "EACH", "ROUNDS", "AT", "ONCE",
    "TO", "RATE", "EXCEPT", "FLOOR", "REWIND", "COMPARE", "RETRAIN", "SEEDS", "MEASURE", "UNTIL", "GRADUALLY",
]  # fmt: skip
_OPERATORS = [
    "PLUS", "MINUS", "STAR", "SLASH", "INTDIV", "REMAINDER", "MATMUL", "POWER", "CONCAT", "RANGE",
    "CMP", "AND", "OR", "IN", "ARROW", "LPAR", "LSQB", "DOT", "AS", "IF",
]  # fmt: skip
_LITERALS = {"INT", "FLOAT", "SIZE", "STRING", "TRUE", "FALSE", "NONE", "NOT", "MINUS", "DOTS"}
_SIGNS = {
    "RPAR": "`)`",
    "RSQB": "`]`",
    "RBRACE": "`}`",
    "LBRACE": "`{`",
    "LPAR": "`(`",
    "LSQB": "`[`",
    "COMMA": "`,`",
    "COLON": "`:`",
    "EQUAL": "`=`",
    "AUG": "`+=`",
    "ARROW": "`->`",
    "DOT": "`.`",
    "STAR": "`*`",
    "STRING": "a string",
    "INT": "a number",
    "PERCENT": "a percentage such as `20%`",
    "ATTR": "an attribute",
    "$END": "the end of the file",
}


def describe(kind: str, text: str) -> str:
    """The token that was found."""
    if kind == "$END":
        return "the end of the file"
    if kind == "STRING":
        return "a string"
    return f"`{text if len(text) <= 30 else text[:27] + '…'}`"


def expectation(expected: Iterable[str]) -> str:
    """``a value``, ``a name or `,` ``: what could stand here, at most four things."""
    left = set(expected)
    said: list[str] = []
    if {"CONST", "FROM"} <= left:
        return "a declaration (`block`, `model`, `fn`, `const`, `system`, …)"
    if {"REMOVE", "SEEDS", "COMPARE"} <= left and "NAME" not in left:
        return "a clause (`remove`, `by`, `rewind`, …) or `}`"
    if {"PARAM", "FOR", "RETURN"} <= left:
        # Where a statement may begin, the one before may go on too: that is not what a reader misses.
        return "a statement or `}`"
    if left >= _VALUE:
        said.append("a value")
        left -= _VALUE | _LITERALS | set(_NAMES)
    elif {"LSQB", "LPAR", "NAME"} <= left and "INT" not in left:
        said.append("a type")
        left -= {"LSQB", "LPAR", "NAME", *_NAMES}
    elif "NAME" in left:
        said.append("a name")
        left -= {"NAME", *_NAMES}
    closing = [
        kind for kind in ("COMMA", "RPAR", "RSQB", "RBRACE", "LBRACE", "EQUAL", "COLON", "ARROW") if kind in left
    ]
    if len(left & set(_OPERATORS)) > 4:
        left -= set(_OPERATORS)
        said.append("an operator")
    said += [_SIGNS[kind] for kind in closing if kind in left]
    said += [_say(kind) for kind in sorted(left - set(closing) - {"QMARK", "VBAR", "AUG", "DOTS"})]
    if "an operator" in said and len(said) > 1:
        said.remove("an operator")
    said = said[:4]
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} or {said[-1]}" if said else "something else"


def _say(kind: str) -> str:
    return _SIGNS.get(kind, f"`{kind.lower()}`")
