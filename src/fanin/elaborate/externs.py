"""``extern block``: a module of the user's own. What it declares is believed here; loading it is the runtime's."""

from __future__ import annotations

import re
from keyword import iskeyword
from typing import Any

from fanin.diagnostics.codes import SHP307, TYP401, TYP405
from fanin.elaborate.body import Body
from fanin.elaborate.context import refuse
from fanin.elaborate.declared import declared_types
from fanin.elaborate.graphs import finish
from fanin.elaborate.signatures import Letters
from fanin.elaborate.values import Argument, Poisoned, describe
from fanin.ir.dims import Poly
from fanin.ir.graph import Graph, Result
from fanin.source import Span
from fanin.syntax import tree

_TARGET = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)", re.ASCII)


def extern_graph(inner: Body, decl: tree.Extern, hypers: tuple[tuple[str, Any], ...], letters: Letters) -> Graph:
    """A graph without nodes: its results are of the types that are declared."""
    try:
        types = declared_types(inner, decl.result, letters)
    except Poisoned:
        text = f"`{decl.name.name}` has to say every size of its result: nothing else tells it"
        raise refuse(SHP307, text, decl.result.span, "a size without a value") from None
    results = tuple(Result(name, inner.builder.value(t)) for name, t in types)
    return finish(
        inner.builder, decl.name.name, "extern", hypers, results, inner.ctx, decl.doc, decl.span,
        foreign=decl.target.value,
    )  # fmt: skip


def check_extern(decl: tree.Extern, options: dict[str, Argument]) -> None:
    """Refuses a target that names no class, and options that only modules of the language have."""
    found = _TARGET.fullmatch(decl.target.value)
    if found is None or any(map(iskeyword, re.split(r"[.:]", decl.target.value))):
        text = "an `extern` names a class of a Python package"
        helps = ['write it as `"package.module:Class"`']
        raise refuse(TYP401, text, decl.target.span, "not a module and a class", helps=helps)
    for name, a in options.items():
        text = f"`{decl.name.name}` draws its own weights: `{name}` says nothing to it"
        raise refuse(TYP405, text, a.span, "for modules of the language")


def check_hypers(decl: tree.Extern, bound: dict[str, Any], where: dict[str, Span], span: Span) -> None:
    """Refuses what is no plain Python value."""
    for name, value in bound.items():
        if not _plain(value):
            open_size = "a size that is open when the model is built" if isinstance(value, Poly) else describe(value)
            text = f"`{name}` of `{decl.name.name}` goes to Python: it is a number, a string or a list, not {open_size}"
            raise refuse(TYP401, text, where.get(name, span), describe(value))


def _plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_plain, value))
    return value is None or isinstance(value, (bool, int, float, str))
