"""Nodes of paths, recipes and the clauses of a prune, by grammar rule; `build_expressions` says what is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fanin.source import Span
from fanin.syntax.tree import Arg, Clause, Expr, Ident, Number, Path, PruneClause, Share

if TYPE_CHECKING:
    from fanin.syntax.builder import Builder

Given = tuple[tuple[Arg, ...], int]  # arguments, and where their brackets end


def path(b: Builder, first: Ident, rest: list[Any] | None = None) -> Path:
    parts = [first.name]
    end = first.span[2]
    for part in rest[1::2] if rest else ():
        if isinstance(part, int):
            parts.append("*")
            end = part + 1
        else:
            parts.append(part.name if isinstance(part, Ident) else part.text)
            end = part.span[2]
    return Path(Span(b.source, first.span[1], end), tuple(parts))


def recipe(b: Builder, name: Ident, given: Given | None = None) -> Clause:
    end = given[1] if given else name.span[2]
    return Clause(Span(b.source, name.span[1], end), name, given[0] if given else None)


def share(b: Builder, of: Path, colon: int, rate: Expr) -> Share:
    return Share(Span(b.source, of.span[1], rate.span[2]), of, rate)


def _clause(b: Builder, kind: str, word: Any, end: int, *values: object) -> PruneClause:
    start = word if isinstance(word, int) else word.span[1]
    return PruneClause(Span(b.source, start, end), kind, values)


def _named(kind: str) -> Callable[..., PruneClause]:
    return lambda b, word, clause: _clause(b, kind, word, clause.span[2], clause)


def _listed(kind: str) -> Callable[..., PruneClause]:
    def build(b: Builder, word: Any, first: Any, rest: list[Any] | None = None) -> PruneClause:
        values = (first, *rest[1::2]) if rest else (first,)
        return _clause(b, kind, word, values[-1].span[2], *values)

    return build


def remove_each(b: Builder, word: Ident, rate: Number, each: Any, of: Any, count: Number, rounds: Ident) -> PruneClause:
    return _clause(b, "remove", word, rounds.span[2], rate, "each", count)


def remove_once(b: Builder, word: Ident, rate: Number, at: Any, once: Ident) -> PruneClause:
    return _clause(b, "remove", word, once.span[2], rate, "once")


def remove_to(b: Builder, word: Ident, to: Any, rate: Number, in_: int, count: Number, rounds: Ident) -> PruneClause:
    return _clause(b, "remove", word, rounds.span[2], rate, "in", count)


def remove_gradually(
    b: Builder, word: Ident, how: Any, to: Any, rate: Number, in_: int, count: Number, rounds: Ident
) -> PruneClause:
    return _clause(b, "remove", word, rounds.span[2], rate, "gradually", count)


def rewind_to(b: Builder, word: Ident, to: Any, point: Ident, count: Number | None = None) -> PruneClause:
    return _clause(b, "rewind", word, (count or point).span[2], point, count)


def compare(b: Builder, word: Ident, names: tuple[Ident, ...]) -> PruneClause:
    return _clause(b, "compare", word, names[-1].span[2], *names)


def retrain(b: Builder, word: Ident, *rest: Any) -> PruneClause:
    count = unit = None
    end = word.span[2]
    if rest and not isinstance(rest[1], Clause):
        _, count, unit, *more = rest
        rest, end = tuple(more), unit.span[2]
    recipes: tuple[Clause, ...] = ()
    if rest:
        recipes = (rest[1], *rest[2][1::2]) if len(rest) > 2 else (rest[1],)
        end = recipes[-1].span[2]
    return _clause(b, "retrain", word, end, count, unit, *recipes)


RULES: dict[str, Callable[..., Any]] = {
    "path": path,
    "recipe": recipe,
    "share": share,
    "by": _named("by"),
    "unit": _named("unit"),
    "scope": _named("scope"),
    "remove_each": remove_each,
    "remove_once": remove_once,
    "remove_to": remove_to,
    "remove_gradually": remove_gradually,
    "rate": _listed("rate"),
    "except_": _listed("except"),
    "floor": _listed("floor"),
    "rewind_to": rewind_to,
    "rewind_none": lambda b, word, none: _clause(b, "rewind", word, none.span[2], "none"),
    "rewind_rate": lambda b, word, rate: _clause(b, "rewind", word, rate.span[2], "rate"),
    "compare": compare,
    "retrain": retrain,
    "seeds": _listed("seeds"),
    "measures": _listed("measure"),
    "promise": _listed("expect"),
}
