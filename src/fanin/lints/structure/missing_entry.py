"""STR630: a declaration that is tagged as something that it is not.

A generative model can be sampled from, a density model says how likely a sample is; a classifier can do neither. Asked
for is, of a system, a tensor that it binds under that name, and of a model or block a result.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from fanin.diagnostics.codes import STR630
from fanin.diagnostics.model import Diagnostic, Label
from fanin.diagnostics.suggest import nearest
from fanin.ir.graph import Graph, Program
from fanin.ir.recipe import System
from fanin.ir.rules import TAGS
from fanin.source import Span

_EXAMPLES = {"sample": "sample = decoder(randn(N, 20))", "log_prob": "log_prob = prior + logdet"}


def check(program: Program) -> Iterator[Diagnostic]:
    """Of a model: its results are what it offers."""
    if program.graph.tags:
        yield from _missing(program.graph, [r.name for r in program.graph.results if r.name], "result")


def check_system(system: System) -> Iterator[Diagnostic]:
    """Of a system: what it binds."""
    if system.graph.tags:
        yield from _missing(system.graph, [*(name for name, _ in system.values)], "value")


def _missing(graph: Graph, names: Collection[str], what: str) -> Iterator[Diagnostic]:
    for tag in graph.tags:
        entry = TAGS[tag.name]
        if entry in names:
            continue
        near = nearest(entry, list(names))
        yield Diagnostic(
            STR630,
            f"`{graph.name}` is tagged `{tag.name}` and has no {what} `{entry}`",
            tag.span,
            f"needs `{entry}`",
            (Label(_head(graph), f"offers {', '.join(f'`{n}`' for n in names) or 'nothing by name'}"),),
            helps=(
                f"is it `{near}`?"
                if near
                else f"bind it: `{_EXAMPLES[entry]}`"
                if what == "value"
                else f"name the result: `-> ({entry}: …)`, or leave the tag to a system that binds `{entry}`",
            ),
        )


def _head(graph: Graph) -> Span:
    """The first line of a declaration, without its braces."""
    text = graph.span.text.split("{")[0].split("\n")[0].rstrip()
    return Span(graph.span.source, graph.span.start, graph.span.start + len(text))
