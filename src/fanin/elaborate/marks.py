"""``@tag``, ``@law``, ``@edges`` and ``@role``: what an author says of a part, which the lints hold it to."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from fanin.diagnostics import Fix, Refusal
from fanin.diagnostics.codes import TYP405
from fanin.diagnostics.model import Edit
from fanin.diagnostics.suggest import nearest
from fanin.elaborate.context import Context, refuse
from fanin.ir.graph import Graph, Port, Result, SaidEdges, SaidLaw, Tag, Value
from fanin.ir.rules import EDGES, LIKELIHOODS, ROLES, TAGS
from fanin.record import record
from fanin.source import Span
from fanin.syntax import tree


def with_marks(graph: Graph, decl: tree.Declaration, ctx: Context) -> Graph:
    """A graph with what is said above its declaration: tags, laws of its results, kinds of its edges, its role."""
    if all(attribute.name in ("allow", "init") for attribute in decl.attributes):
        return graph
    marked = replace(
        graph,
        tags=graph.tags + tags_of(decl),
        laws=graph.laws + result_laws(decl, graph.results),
        edges=graph.edges + input_edges(decl, graph.ports),
        role=role_of(decl) or graph.role,
    )
    ctx.parts[marked] = ctx.parts[graph]
    return marked


def role_of(node: tree.Declaration | tree.Statement) -> str:
    """What a part is for, where it is said; what is no role is told elsewhere (``suppression``)."""
    for attribute in node.attributes:
        if attribute.name == "role" and attribute.marks and attribute.marks[0].name in ROLES:
            return attribute.marks[0].name
    return ""


def tags_of(decl: tree.Declaration) -> tuple[Tag, ...]:
    """The tags above a declaration. Raises Refusal for one that means nothing."""
    found = []
    for attribute in decl.attributes:
        if attribute.name == "tag":
            for mark in attribute.marks:
                if mark.name not in TAGS or mark.value is not None:
                    raise _unknown(mark, "tag", TAGS)
                found.append(Tag(mark.name, mark.span))
            if not attribute.marks:
                raise refuse(TYP405, f"`@tag` says what this is: {_listed(TAGS)}", attribute.span, "says nothing")
    return tuple(found)


def result_laws(decl: tree.Declaration, results: tuple[Result, ...]) -> tuple[SaidLaw, ...]:
    """The laws above a block or model: of its one result, or ``@law(logits=bernoulli)`` of one by its name."""
    values = {r.name or "": r.value for r in results}
    return tuple(SaidLaw(*said) for said in _said_of(decl, _LAW, values, "result"))


def statement_laws(statement: tree.Statement, values: Mapping[str, Any]) -> tuple[SaidLaw, ...]:
    """The laws above a statement: of what it binds."""
    return tuple(SaidLaw(*said) for said in _said_of(statement, _LAW, values, "binding"))


def input_edges(decl: tree.Declaration, ports: tuple[Port, ...]) -> tuple[SaidEdges, ...]:
    """The kinds of edges above a declaration: of its one input, or ``@edges(adjacency=binary)`` of one by its name."""
    values = {p.name: p.value for p in ports}
    return tuple(SaidEdges(*said) for said in _said_of(decl, _EDGES, values, "input"))


def statement_edges(statement: tree.Statement, values: Mapping[str, Any]) -> tuple[SaidEdges, ...]:
    """The kinds of edges above a statement: of what it binds."""
    return tuple(SaidEdges(*said) for said in _said_of(statement, _EDGES, values, "binding"))


@record
class _Said:
    """An attribute that says something of values: ``@law(bernoulli)``, ``@law(logits=bernoulli)``."""

    name: str
    words: Collection[str]
    kind: str  # what one of the words is called
    wrong: str  # where it says nothing, or of nothing


_LAW = _Said("law", LIKELIHOODS, "law", "`@law` says the law of a binding, or of the results of a block or model")
_EDGES = _Said("edges", EDGES, "kind of edges", "`@edges` says of which kind the edges in an input or a binding are")


def _said_of(
    node: tree.Declaration | tree.Statement, known: _Said, values: Mapping[str, Any], what: str
) -> Iterator[tuple[int, str, Span]]:
    """The values that are spoken of, by their indices, with the words and where those stand."""
    for attribute in node.attributes:
        if attribute.name != known.name:
            continue
        if not attribute.marks or not values:
            example = f"`@{known.name}({next(iter(known.words))})`"
            raise refuse(TYP405, known.wrong, attribute.span, "of nothing", helps=[f"for example {example}"])
        for mark in attribute.marks:
            word = _word(mark)[1]
            if word not in known.words:
                raise _unknown(mark, known.kind, known.words)
            value = _value(mark, known, values, what)
            if isinstance(value, Value):
                yield value.index, word, mark.span
            elif value is not None:  # an optional input that was left out
                text = f"`@{known.name}` is said of a tensor, and this {what} is none"
                raise refuse(TYP405, text, mark.span, "no tensor")


def _value(mark: tree.Mark, known: _Said, values: Mapping[str, Any], what: str) -> Any:
    """The value that a mark speaks of: the only one, or the one that it names."""
    name, word = _word(mark)
    if name is None and len(values) > 1:
        help = f"say of which: `@{known.name}({next(iter(values))}={word})`"
        raise refuse(TYP405, f"there are {len(values)} {what}s: {_listed(values)}", mark.span, "of which", helps=[help])
    if name is not None and name not in values:
        near = nearest(name, list(values))
        helps = [] if near else [f"there are: {_listed(values)}"]
        fix = Fix(f"did you mean `{near}`?", (Edit(mark.span, f"{near}={word}"),)) if near else None
        raise refuse(TYP405, f"there is no {what} `{name}`", mark.span, "not one of them", helps=helps, fix=fix)
    return next(iter(values.values())) if name is None else values[name]


def _word(mark: tree.Mark) -> tuple[str | None, str]:
    """A name, if one is given, and the word."""
    if mark.value is None:
        return None, mark.name or ""
    return mark.name, mark.value.name if isinstance(mark.value, tree.Ident) else mark.value.span.text


def _unknown(mark: tree.Mark, kind: str, known: Any) -> Refusal:
    given = mark.name if kind == "tag" else _word(mark)[1]
    near = nearest(given or "", list(known))
    at = mark.span if kind == "tag" or mark.value is None else mark.value.span
    fix = Fix(f"did you mean `{near}`?", (Edit(at, near),)) if near else None
    helps = [] if near else [f"there are: {_listed(known)}"]
    return refuse(TYP405, f"there is no {kind} `{given or at.text}`", at, "not known", helps=helps, fix=fix)


def _listed(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names)
