"""``@tag(generative)`` and ``@law(bernoulli)``: what an author says of a part, which the lints hold it to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from fanin.diagnostics import Fix, Refusal
from fanin.diagnostics.codes import TYP405
from fanin.diagnostics.model import Edit
from fanin.diagnostics.suggest import nearest
from fanin.elaborate.context import Context, refuse
from fanin.ir.graph import Graph, Result, SaidLaw, Tag, Value
from fanin.ir.rules import LIKELIHOODS, TAGS
from fanin.syntax import tree


def with_marks(graph: Graph, decl: tree.Declaration, ctx: Context) -> Graph:
    """A graph with the tags of its declaration, and the laws that are said of its results."""
    tags, laws = tags_of(decl), result_laws(decl, graph.results)
    if not tags and not laws:
        return graph
    marked = replace(graph, tags=graph.tags + tags, laws=graph.laws + laws)
    ctx.parts[marked] = ctx.parts[graph]
    return marked


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
    return tuple(said for attribute in decl.attributes for said in _laws(attribute, values, "result"))


def statement_laws(statement: tree.Statement, values: Mapping[str, Any]) -> tuple[SaidLaw, ...]:
    """The laws above a statement: of what it binds."""
    return tuple(said for attribute in statement.attributes for said in _laws(attribute, values, "binding"))


def _laws(attribute: tree.Attribute, values: Mapping[str, Any], what: str) -> Iterator[SaidLaw]:
    if attribute.name != "law":
        return
    if not attribute.marks or not values:
        text = "`@law` says the law of a binding, or of the results of a block or model"
        raise refuse(TYP405, text, attribute.span, "of nothing", helps=["for example `@law(bernoulli)`"])
    for mark in attribute.marks:
        name, law = _said(mark)
        if law not in LIKELIHOODS:
            raise _unknown(mark, "law", LIKELIHOODS)
        if name is None and len(values) > 1:
            first = next(iter(values))
            help = f"say of which: `@law({first}={law})`"
            raise refuse(
                TYP405, f"there are {len(values)} {what}s: {_listed(values)}", mark.span, "of which", helps=[help]
            )
        value = next(iter(values.values())) if name is None else values.get(name)
        if name is not None and name not in values:
            near = nearest(name, list(values))
            helps = [] if near else [f"there are: {_listed(values)}"]
            fix = Fix(f"did you mean `{near}`?", (Edit(mark.span, f"{near}={law}"),)) if near else None
            raise refuse(TYP405, f"there is no {what} `{name}`", mark.span, "not one of them", helps=helps, fix=fix)
        if not isinstance(value, Value):
            raise refuse(TYP405, f"a law is said of a tensor, and this {what} is none", mark.span, "no tensor")
        yield SaidLaw(value.index, law, mark.span)


def _said(mark: tree.Mark) -> tuple[str | None, str]:
    """A name, if one is given, and the law."""
    if mark.value is None:
        return None, mark.name or ""
    return mark.name, mark.value.name if isinstance(mark.value, tree.Ident) else mark.value.span.text


def _unknown(mark: tree.Mark, kind: str, known: Any) -> Refusal:
    given = _said(mark)[1] if kind == "law" else mark.name
    near = nearest(given or "", list(known))
    at = mark.value.span if kind == "law" and mark.value is not None else mark.span
    fix = Fix(f"did you mean `{near}`?", (Edit(at, near),)) if near else None
    helps = [] if near else [f"there are: {_listed(known)}"]
    return refuse(TYP405, f"there is no {kind} `{given or at.text}`", at, "not known", helps=helps, fix=fix)


def _listed(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names)
