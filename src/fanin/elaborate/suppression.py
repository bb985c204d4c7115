"""``@allow(name, "reason")``: which findings it silences, and which it wrongly promises to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from fanin.diagnostics import Diagnostic, Fix
from fanin.diagnostics.codes import NAM230, NAM231, NAM232, find_code, nearest_code
from fanin.diagnostics.model import Edit
from fanin.diagnostics.suggest import nearest
from fanin.elaborate.files import Unit
from fanin.ir.rules import ROLES
from fanin.record import record
from fanin.source import Span
from fanin.syntax import tree

ATTRIBUTES = ("allow", "edges", "init", "law", "role", "tag")


@record(frozen=False)
class _Allow:
    code: str
    span: Span
    covers: Span
    used: bool = False


def apply_allows(
    units: Iterable[Unit], found: list[Diagnostic], unchecked: frozenset[str] = frozenset()
) -> list[Diagnostic]:
    """The findings without those that an ``@allow`` silences, and with those about the allows themselves.

    ``unchecked`` are codes, or families, that were not looked for: nobody knows whether an allow of them is needed.

    Errors are not silenced, but for those of lints: what cannot be built stays an error.
    """
    allows: list[_Allow] = []
    extra: list[Diagnostic] = []
    for unit in units:
        if "@" in unit.source.text:
            for attribute, covers in _attributes(unit):
                _read(attribute, covers, unit, allows, extra)
    if not allows:
        return [*found, *extra] if extra else found
    kept: list[Diagnostic] = []
    for d in found:
        match = None if d.is_fatal else next((a for a in allows if _matches(a, d)), None)
        if match is None:
            kept.append(d)
        else:
            match.used = True
    for a in allows:
        if not a.used and unchecked.isdisjoint((a.code, a.code[:3])):
            fix = Fix("leave it out", (Edit(_with_space(a.span), ""),), safe=True)
            kept.append(Diagnostic(NAM230, "this `@allow` silences nothing", a.span, "nothing to allow here", fix=fix))
    return [*kept, *extra]


def _with_space(span: Span) -> Span:
    """A span with the blank space up to what follows it."""
    text, end = span.source.text, span.end
    while end < len(text) and text[end] in " \t\r\n":
        end += 1
    return Span(span.source, span.start, end)


def _matches(a: _Allow, d: Diagnostic) -> bool:
    spans = [d.span, *(frame.span for frame in d.chain)]
    return a.code == d.code.id and any(
        s.source is a.covers.source and a.covers.start <= s.start and s.end <= a.covers.end for s in spans
    )


def _attributes(unit: Unit) -> Iterable[tuple[tree.Attribute, Span]]:
    work: list[Any] = list(unit.file.declarations)
    while work:
        node = work.pop()
        if isinstance(node, tuple):
            work.extend(node)
            continue
        if not isinstance(node, tree.Tree):
            continue
        if isinstance(node, (tree.Declaration, tree.Statement)):
            for attribute in node.attributes:
                yield attribute, node.span
        if isinstance(node, (tree.Declaration, tree.Statement, tree.Body)):
            work.extend(getattr(node, f.name) for f in fields(node) if f.name != "span")


def _wrong_role(attribute: tree.Attribute) -> list[Diagnostic]:
    """``@role`` names one of two things that a part is for."""
    marks = attribute.marks
    if len(marks) == 1 and marks[0].value is None and marks[0].name in ROLES:
        return []
    near = nearest(marks[0].name, ROLES) if len(marks) == 1 and marks[0].name else None
    span = marks[0].span if len(marks) == 1 else attribute.span
    fix = Fix(f"did you mean `{near}`?", (Edit(span, near),)) if near else None
    headline = "a role is `stability` or `expressive`"
    return [Diagnostic(NAM232, headline, span, "neither of them", fix=fix)]


def _read(attribute: tree.Attribute, covers: Span, unit: Unit, allows: list[_Allow], extra: list[Diagnostic]) -> None:
    if attribute.name not in ATTRIBUTES:
        near = nearest(attribute.name, ATTRIBUTES)
        at = Span(attribute.span.source, attribute.span.start, attribute.span.start + 1 + len(attribute.name))
        fix = Fix(f"did you mean `@{near}`?", (Edit(at, f"@{near}"),)) if near else None
        helps = () if near else ("there are `@allow`, `@edges`, `@init`, `@law`, `@role` and `@tag`",)
        headline = f"there is no attribute `@{attribute.name}`"
        extra.append(Diagnostic(NAM232, headline, at, "not known", helps=helps, fix=fix))
        return
    if attribute.name == "role":
        extra += _wrong_role(attribute)
    if attribute.name != "allow":
        return
    names = [m for m in attribute.marks if m.name is not None]
    reasons = [m for m in attribute.marks if m.name is None]
    code = find_code(names[0].name or "") if names else None
    near_code = nearest_code(names[0].name or "") if names and code is None else None
    if not names or not reasons:
        shown = names[0].name if names else "thin-layer"
        extra.append(
            Diagnostic(
                NAM231,
                "an `@allow` names a finding and gives its reason",
                attribute.span,
                "no reason" if names else "no name",
                helps=(f'for example `@allow({shown}, "the code is meant to be narrow")`',),
            )
        )
    elif code is None:
        fix = Fix(f"did you mean `{near_code.name}`?", (Edit(names[0].span, near_code.name),)) if near_code else None
        headline = f"there is no finding called `{names[0].name}`"
        extra.append(Diagnostic(NAM231, headline, names[0].span, "not known", fix=fix))
    wrong = code is None or not reasons
    code = code or near_code
    if code is None:
        return
    if any(m.name == "file" for m in names[1:]):
        covers = Span(unit.source, 0, len(unit.source.text))
    allows.append(_Allow(code.id, attribute.span, covers, used=wrong))  # one that is wrong is reported once
