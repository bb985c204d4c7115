"""Source text to syntax tree, with every independent mistake of the file."""

from __future__ import annotations

import gc
import re
from functools import cache

from fanin.diagnostics.model import Diagnostic
from fanin.source import Source
from fanin.syntax.builder import BUILD, Builder
from fanin.syntax.driver import Automaton, Parse
from fanin.syntax.grammar import load_grammar
from fanin.syntax.lexer import Lexer, Replacement
from fanin.syntax.tree import File

_DOC = re.compile(r"^[ \t]*(##(?!#)[^\n]*\n(?:[ \t]*##(?!#)[^\n]*\n)*)[ \t]*(?=[^\s#])", re.MULTILINE)


def parse(source: Source) -> tuple[File, list[Diagnostic]]:
    """The tree of what could be read, and a diagnostic for each mistake. Never raises."""
    collecting = gc.isenabled()
    # Everything made here lives on: a collection would only walk over it, again and again.
    gc.disable()
    try:
        return _parse(source)
    finally:
        if collecting:
            gc.enable()


@cache
def _front() -> tuple[Lexer, Automaton]:
    grammar = load_grammar()
    return Lexer(grammar.literals, grammar.patterns), Automaton(grammar, BUILD)


def _parse(source: Source) -> tuple[File, list[Diagnostic]]:
    lexer, automaton = _front()
    builder = Builder(source)
    if "##" in source.text:
        builder.docs = {match.end(): _doc(match[1]) for match in _DOC.finditer(source.text)}
    tokens = lexer.read(source, lambda at: Replacement(at + 1), builder.comments)
    parse = Parse(automaton, tokens, builder)
    if not parse.run():
        raise NotImplementedError(f"{source.name}:{source.position(tokens.start(parse.at))}")
    return File(source, parse.values[0], tuple(builder.comments)), builder.diagnostics


def _doc(comment: str) -> str:
    return "\n".join(line.strip()[2:].removeprefix(" ") for line in comment.strip().splitlines())
