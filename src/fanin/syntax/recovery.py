"""Going on after a mistake: one report for each cause, and as much of the file read as can be."""

from __future__ import annotations

from fanin.diagnostics.model import Diagnostic
from fanin.syntax.brackets import begins_declaration, begins_line, column
from fanin.syntax.driver import Edge, Parse, Reduction, Row
from fanin.syntax.lexer import END, Tokens
from fanin.syntax.meant_statements import FOREIGN_DECLARATIONS
from fanin.syntax.place import Place
from fanin.syntax.rework import LIMIT, Virtual, rework
from fanin.syntax.tree import Declaration, Ident, Number
from fanin.syntax.unexpected import explain

_STARTS = {"PARAM", "BUFFER", "FOR", "IF", "ASSERT", "EXPECT", "RETURN", "ATTR"}
_SOFT_STARTS = {"UPDATE", "LOSS", "METRIC", "TRAIN", "STAGE"}
_CLAUSES = {
    "BY",
    "UNIT",
    "SCOPE",
    "REMOVE",
    "RATE",
    "EXCEPT",
    "FLOOR",
    "REWIND",
    "COMPARE",
    "RETRAIN",
    "SEEDS",
    "MEASURE",
}


def read_on(parse: Parse, strange: list[Diagnostic]) -> tuple[Declaration, ...]:
    """Goes on from the first mistake to the end of the file, whatever is in it; ``strange`` is what the lexer said."""
    automaton, tokens, builder = parse.automaton, parse.tokens, parse.builder
    done = False
    while not done and split(parse):
        done = parse.run()
    if not done and rework(tokens, strange):
        builder.restart(strange)
        parse = Parse(automaton, tokens, builder)
    if done:
        return tuple(parse.values[0])
    reported = 0
    left = 0
    while not parse.run():
        if split(parse):
            continue
        # A parser that stands where it stood before would stand there for ever.
        if len(tokens.types) - parse.at == left:
            parse.at = min(parse.at + 1, len(tokens.types) - 1)
        left = len(tokens.types) - parse.at
        reported += _recover(parse)
        if reported >= LIMIT:
            return _file_so_far(parse)
    return tuple(parse.values[0])


def split(parse: Parse) -> bool:
    """``20%`` outside of a prune is a number and a remainder; ``0.1`` in a path is two numbers."""
    at, tokens = parse.at, parse.tokens
    kind = tokens.types[at]
    value = tokens.values[at]
    if not isinstance(value, Number) or kind not in ("PERCENT", "FLOAT"):
        return False
    start, end = value.span.start, value.span.end
    if kind == "PERCENT":
        _split_far(tokens, at + 1)
        digits = value.text[:-1]
        whole = "." not in digits
        first = "FLOAT" if "." in digits else "INT"
        parts = (first, end - 1, digits), ("REMAINDER", end - 1, "")
        left = Number(value.span._replace(end=end - 1), int(digits) if whole else float(digits), digits, first.lower())
        if not accepts(parse, first):
            return False
        tokens.types[at], tokens.values[at] = first, left
        tokens.insert(at + 1, parts[1][0], end - 1)
        return True
    whole_part, dot, fraction = value.text.partition(".")
    if not dot or not fraction.replace("_", "").isdigit() or not accepts(parse, "INT"):
        return False
    middle = start + len(whole_part)
    tokens.types[at] = "INT"
    tokens.values[at] = Number(value.span._replace(end=middle), int(whole_part), whole_part, "int")
    tokens.insert(at + 1, "INT", Number(value.span._replace(start=middle + 1), int(fraction), fraction, "int"))
    tokens.insert(at + 1, "DOT", middle)
    return True


def _split_far(tokens: Tokens, start: int) -> None:
    """Splits the percentages that follow, and stand where no clause has one, in one go."""
    types: list[str] = []
    values: list[object] = []
    for at in range(start, len(tokens.types)):
        kind, value = tokens.types[at], tokens.values[at]
        if kind == "PERCENT" and tokens.types[at - 1] not in ("REMOVE", "TO", "FLOOR", "COLON"):
            kind = "FLOAT" if "." in value.text else "INT"
            digits = value.text[:-1]
            number = float(digits) if kind == "FLOAT" else int(digits)
            end = value.span.end - 1
            types += [kind, "REMAINDER"]
            values += [Number(value.span._replace(end=end), number, digits, kind.lower()), end]
        else:
            types.append(kind)
            values.append(value)
    tokens.types[start:] = types
    tokens.values[start:] = values


def accepts(parse: Parse, *kinds: str) -> bool:
    """Whether the parser could go on with these tokens."""
    rows = list(parse.rows)
    for kind in kinds:
        while True:
            step = rows[-1].get(kind)
            if isinstance(step, Edge):
                rows.append(parse.automaton.row(step.target))
                break
            if not isinstance(step, Reduction):
                return False
            if step.size:
                del rows[-step.size :]
            rows.append(parse.automaton.row(rows[-1][step.origin].target))
    return True


def expected(parse: Parse) -> set[str]:
    """Every terminal that could stand at the place of the mistake."""
    return {kind for kind in parse.rows[-1] if kind and (kind.isupper() or kind == END) and accepts(parse, kind)}


def _recover(parse: Parse) -> int:
    """Reports the mistake unless it is a consequence, and puts the parser where it can go on; 1 if it reported."""
    tokens, builder = parse.tokens, parse.builder
    at = parse.at
    found: Diagnostic | None = None
    if not isinstance(tokens.values[at], Virtual):
        place = Place(parse, expected(parse), accepts)
        found = explain(place)
        builder.diagnostics.append(found)
        if place.mended:
            return 1
    _skip(parse)
    return 1 if found else 0


def _is_body(row: Row) -> bool:
    return "_stmt" in row and "RBRACE" in row  # not behind an attribute


def _is_clauses(row: Row) -> bool:
    return "clause" in row


def _skip(parse: Parse) -> None:
    """To the next statement of the innermost body, its end, or the next declaration, whichever comes first."""
    tokens, rows = parse.tokens, parse.rows
    types = tokens.types
    # What is complete is kept, though only the next token would have told so.
    complete = next((kind for kind in ("CONST", "RETURN", "SEEDS") if accepts(parse, kind)), None)
    if complete:
        parse.settle(complete)
    body = next((n for n in range(len(rows) - 1, -1, -1) if _is_body(rows[n]) or _is_clauses(rows[n])), None)
    # Statement names are shifted before what follows them is known: the one that stands last may begin the next.
    at = parse.at
    depth = 0
    if body is None and _into_body(parse):
        return
    first = at
    while True:
        kind = types[at]
        if kind == END:
            break
        if kind == "LBRACE":
            depth += 1
        elif kind == "RBRACE":
            if depth == 0 and body is not None:
                _cut(parse, body, at)
                return
            depth = max(0, depth - 1)
        elif begins_declaration(tokens, at) or (body is None and _may_declare(tokens, at)):
            if at > first or (body is None and len(rows) > _file_row(parse) + 1):
                _to_file(parse, at)
                return
        elif depth == 0 and body is not None and (at > first or len(rows) > body + 1) and begins_line(tokens, at):
            begins = _begins_clause(types, at) if _is_clauses(rows[body]) else _begins_statement(types, at)
            if begins:
                _cut(parse, body, at)
                return
        at += 1
    _to_file(parse, at)


def _may_declare(tokens: Tokens, at: int) -> bool:
    """Whether a declaration may begin here, or what another language takes for one."""
    if not begins_line(tokens, at):
        return False
    kind = tokens.types[at]
    if kind == "ATTR":
        return True
    word = tokens.text(at)
    return word in FOREIGN_DECLARATIONS and column(tokens, at) == 0 and tokens.types[at + 1] == "NAME"


def _begins_statement(types: list[str], at: int) -> bool:
    kind = types[at]
    if kind in _STARTS:
        return True
    following = types[at + 1]
    if kind in _SOFT_STARTS and following == "NAME":
        return True
    if kind == END or not kind.isalpha() or kind.lower() in ("in", "and", "or", "not", "else", "elif", "as", "with"):
        return False
    while following == "COMMA" and types[at + 2] not in (END,):
        at += 2
        following = types[at + 1]
    return following in ("EQUAL", "AUG", "COLON")


def _begins_clause(types: list[str], at: int) -> bool:
    return types[at] in _CLAUSES or types[at] == "EXPECT"


def _cut(parse: Parse, row: int, at: int) -> None:
    """Forgets what stands on the stacks above the row, and goes on at the token."""
    del parse.rows[row + 1 :]
    del parse.values[row:]
    parse.at = at


def _file_row(parse: Parse) -> int:
    return max(n for n, row in enumerate(parse.rows) if "item" in row)


def _to_file(parse: Parse, at: int) -> None:
    parse.builder.returns.clear()
    parse.builder.system_only.clear()
    parse.builder.broken = False
    _cut(parse, _file_row(parse), at)


def _into_body(parse: Parse) -> bool:
    """The head of a declaration could not be read: reads its body all the same, for the mistakes in that."""
    tokens = parse.tokens
    types = tokens.types
    base = _file_row(parse)
    head = next(
        (v for v in parse.values[base:] if isinstance(v, Ident) and v.name in ("block", "model", "fn", "system")), None
    )
    if head is None:
        return False
    at = parse.at
    while types[at] not in (END, "LBRACE", "RBRACE"):
        if at > parse.at and begins_declaration(tokens, at):
            return False
        at += 1
    if types[at] != "LBRACE":
        return False
    _to_file(parse, at)
    place = Virtual(tokens.start(at))
    name = Ident(head.span, "_")
    lists = 1 if head.name == "fn" else 2
    kinds = [head.name.upper(), "NAME", *("LPAR", "RPAR") * lists]
    values = [head, name, *[place] * (2 * lists)]
    tokens.types[at:at] = kinds
    tokens.values[at:at] = values
    parse.builder.broken = True
    return True


def _file_so_far(parse: Parse) -> tuple[Declaration, ...]:
    """The declarations that were complete when reading was given up."""
    found = parse.values[0] if parse.values and isinstance(parse.values[0], list) else []
    return tuple(item for item in found if isinstance(item, Declaration))
