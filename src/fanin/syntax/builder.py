"""What the parser keeps while it reads one file, and the table from the grammar's rules to what makes their nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fanin.diagnostics.model import Diagnostic
from fanin.source import Source, Span
from fanin.syntax import build_declarations, build_expressions, build_recipes, build_statements, build_types
from fanin.syntax.tree import Comment, Return, Statement


class Builder:
    """The state of one parse that the functions of the `build_` modules get as their first argument."""

    __slots__ = ("broken", "chains", "comments", "diagnostics", "docs", "returns", "source", "system_only", "text")

    def __init__(self, source: Source) -> None:
        self.source = source
        self.text = source.text
        self.diagnostics: list[Diagnostic] = []
        self.comments: list[Comment] = []
        self.docs: dict[int, str] = {}  # the `##` comment above, by where the declaration begins
        self.returns: list[Return] = []  # of the declaration that is being read
        self.system_only: list[Statement] = []  # `loss metric train stage` of the declaration that is being read
        self.chains: dict[int, int] = {}  # how many postfixes or prefixes pile up, by where they begin or end
        self.broken = False  # the head of the declaration could not be read

    def restart(self, diagnostics: list[Diagnostic]) -> None:
        """Forgets what the first reading built, when the tokens are read again."""
        self.diagnostics[:] = diagnostics
        self.returns.clear()
        self.system_only.clear()
        self.chains.clear()
        self.broken = False

    def span(self, start: int, end: int) -> Span:
        return Span(self.source, start, end)


BUILD: dict[str, Callable[..., Any]] = {
    rule: function
    for module in (build_declarations, build_statements, build_recipes, build_types, build_expressions)
    for rule, function in module.RULES.items()
}
