"""Our own LALR driver over the grammar's table.

A row of the table becomes a dict from symbol to what happens there: an `Edge` (go on) or a `Reduction`. Behind an
edge most of the work is unit reductions that build nothing (value, expr, stage, test, … atom); the edge remembers,
for each lookahead, in which row the whole chain of them ends and what is to be done there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from fanin.syntax.grammar import Grammar
from fanin.syntax.lexer import END, Tokens

Row = dict[str, Any]  # "Edge | Reduction", by symbol


class Reduction(NamedTuple):
    """``build(builder, *values)`` makes one value of the last ``size``; ``listing`` is 1 where a list begins, 2
    where one grows, 3 for a unit rule, which only a parse that was mended meets."""

    size: int
    build: Callable[..., Any]
    origin: str
    listing: int


class Edge(dict[str, tuple[Row, "Edge | None", Reduction | None]]):
    """The way over one symbol: lookahead → (row, edge if the lookahead is shifted, reduction if not). Neither of
    the two is a syntax error."""

    __slots__ = ("automaton", "below", "target")

    def __init__(self, automaton: Automaton, below: int, target: int) -> None:
        super().__init__()
        self.automaton, self.below, self.target = automaton, below, target

    def __missing__(self, lookahead: str) -> tuple[Row, Edge | None, Reduction | None]:
        """Follows the chain of unit reductions under this lookahead."""
        states, rules = self.automaton.grammar.states, self.automaton.grammar.rules
        target = self.target
        while True:
            action = states[target].get(lookahead)
            if action is None or action >= 0 or not rules[-action - 1].unit:
                break
            target = states[self.below][rules[-action - 1].origin]
        row = self.automaton.row(target)
        step = row.get(lookahead)
        found = (row, step, None) if step.__class__ is Edge else (row, None, step)
        self[lookahead] = found
        return found


class Automaton:
    """The table with the builder's functions in it; shared by all parses."""

    def __init__(self, grammar: Grammar, build: Mapping[str, Callable[..., Any]]) -> None:
        self.grammar = grammar
        self._rows: dict[int, Row] = {}
        self._reductions: list[Reduction] = []
        for rule in grammar.rules:
            listing = 3 if rule.unit else 0 if not rule.is_list else 2 if rule.extends else 1
            function = _unused if listing else build[rule.name]
            self._reductions.append(Reduction(len(rule.symbols), function, rule.origin, listing))
        self.start = self.row(grammar.start)

    def row(self, state: int) -> Row:
        row = self._rows.get(state)
        if row is None:
            row = self._rows[state] = {}
            for symbol, action in self.grammar.states[state].items():
                row[symbol] = Edge(self, state, action) if action >= 0 else self._reductions[-action - 1]
            row[""] = state
        return row


def _unused(*values: Any) -> Any:
    raise AssertionError("a rule without a node builds nothing")


class Parse:
    """The stacks of one parse. ``at`` is the token that is looked at."""

    __slots__ = ("at", "automaton", "builder", "rows", "tokens", "values")

    def __init__(self, automaton: Automaton, tokens: Tokens, builder: Any) -> None:
        self.automaton, self.tokens, self.builder = automaton, tokens, builder
        self.rows: list[Row] = [automaton.start]
        self.values: list[Any] = []
        self.at = 0

    def settle(self, kind: str) -> None:
        """Does what is to be done before this token, and does not go over it."""
        while (step := self.rows[-1].get(kind)).__class__ is Reduction:
            size, build, origin, listing = step
            taken = self.values[len(self.values) - size :]
            del self.values[len(self.values) - size :]
            del self.rows[len(self.rows) - size :]
            if listing == 2:
                taken = [[*taken[0], *taken[1:]]]
            self.values += [taken] if listing == 1 else taken if listing else [build(self.builder, *taken)]
            self.rows.append(self.automaton.row(self.rows[-1][origin].target))

    def run(self) -> bool:
        """Goes on from the stacks as they are. True at the end of the file, False at a token nobody expects."""
        rows, values, builder = self.rows, self.values, self.builder
        types, leaves = self.tokens.types, self.tokens.values
        at = self.at
        kind = types[at]
        row = rows[-1]
        step = row.get(kind)
        edge = step if step.__class__ is Edge else None
        reduction = step if edge is None else None
        accept = self.automaton.grammar.accept
        while True:
            if edge is not None:
                values.append(leaves[at])
                at += 1
                kind = types[at]
                row, edge, reduction = edge[kind]
            elif reduction is not None:
                size, build, origin, listing = reduction
                if size:
                    taken = values[-size:]
                    del values[-size:]
                    del rows[-size:]
                    if not listing:
                        values.append(build(builder, *taken))
                    elif listing == 1:
                        values.append(taken)
                    elif listing == 3:
                        values += taken
                    else:
                        grown = taken[0]
                        del taken[0]
                        grown.extend(taken)
                        values.append(grown)
                else:
                    values.append(build(builder))
                row, edge, reduction = rows[-1][origin][kind]
            else:
                self.at = at
                return kind == END and row[""] == accept
            rows.append(row)
