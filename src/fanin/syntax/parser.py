"""Source text to syntax tree, with every independent mistake of the file."""

from __future__ import annotations

import re
from functools import cache

from fanin.collection import uncollected
from fanin.diagnostics import codes
from fanin.diagnostics.model import Diagnostic
from fanin.source import Source
from fanin.syntax.builder import BUILD, Builder
from fanin.syntax.driver import Automaton, Parse
from fanin.syntax.grammar import load_grammar
from fanin.syntax.lexer import Lexer, Replacement, Tokens
from fanin.syntax.limits import check_height, deepest
from fanin.syntax.tree import Declaration, File, Ident

_DOC = re.compile(r"^[ \t]*(##(?!#)[^\n]*\n(?:[ \t]*##(?!#)[^\n]*\n)*)[ \t]*(?=[^\s#])", re.MULTILINE)


def parse(source: Source) -> tuple[File, list[Diagnostic]]:
    """The tree of what could be read, and a diagnostic for each mistake. Never raises."""
    with uncollected():
        return _parse(source)


@cache
def _front() -> tuple[Lexer, Automaton]:
    grammar = load_grammar()
    return Lexer(grammar.literals, grammar.patterns), Automaton(grammar, BUILD)


def _parse(source: Source) -> tuple[File, list[Diagnostic]]:
    lexer, automaton = _front()
    builder = Builder(source)
    if "##" in source.text:
        builder.docs = {match.end(): _doc(match[1]) for match in _DOC.finditer(source.text)}

    def stranger(at: int) -> Replacement:
        from fanin.syntax.strangers import Strangers

        return Strangers(source, builder.diagnostics)(at)

    tokens = lexer.read(source, stranger, builder.comments)
    if "__" in source.text:
        check_hidden(tokens, builder.diagnostics)
    brackets = deepest(tokens, builder.diagnostics)
    strange = list(builder.diagnostics)
    run = Parse(automaton, tokens, builder)
    if run.run():
        declarations: tuple[Declaration, ...] = run.values[0]
    else:
        # What explains mistakes is loaded where there are some.
        from fanin.syntax.recovery import read_on

        declarations = read_on(run, strange)
    piled = max(builder.chains.values(), default=0)
    declarations = check_height(declarations, brackets, piled, builder.diagnostics)
    return File(source, declarations, tuple(builder.comments)), sorted(builder.diagnostics, key=_place)


def check_hidden(tokens: Tokens, diagnostics: list[Diagnostic]) -> None:
    """Names with a leading ``__``, each once."""
    seen: set[str] = set()
    for value in tokens.values:
        if isinstance(value, Ident) and value.name.startswith("__") and value.name not in seen:
            seen.add(value.name)
            diagnostics.append(
                Diagnostic(
                    codes.SYN113,
                    f"`{value.name}`: a name doesn't begin with `__`",
                    value.span,
                    "choose another name",
                    notes=("Python changes such names in a class, and keeps some for itself",),
                    helps=(f"write `_{value.name.strip('_')}`",),
                )
            )


def _place(diagnostic: Diagnostic) -> tuple[int, int]:
    return diagnostic.span.start, diagnostic.span.end


def _doc(comment: str) -> str:
    return "\n".join(line.strip()[2:].removeprefix(" ") for line in comment.strip().splitlines())
