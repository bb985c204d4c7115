"""``@init(…)`` of the block that an entry point is built of."""

from __future__ import annotations

from collections.abc import Mapping

from fanin.diagnostics.model import Edit
from fanin.repairs.case import Case, Refused
from fanin.source import Span
from fanin.syntax import tree


def owner(case: Case) -> tree.Block | tree.BlockAlias:
    """The declaration whose ``@init`` reaches all layers: the block behind the model, or the alias of one elsewhere."""
    declared = [d for d in case.file.declarations if isinstance(d, tree.Block | tree.BlockAlias)]
    graph = case.program.graph.span
    for d in declared:
        here = isinstance(d, tree.Block) and graph.source.name == case.file.source.name
        if here and d.span.start <= graph.start and graph.end <= d.span.end:
            return d
    for d in declared:
        if d.name.name == case.program.name:
            return d
    raise Refused(f"`{case.program.name}` is declared in another file: repair that one")


def set_init(case: Case, laws: Mapping[str, str | None]) -> Edit:
    """``@init`` with these laws by family (None behind a bare word such as ``auto``); what it says of others stays."""
    decl = owner(case)
    marks = {name: f"{name}={text}" if text is not None else name for name, text in laws.items()}
    found = next((a for a in decl.attributes if a.name == "init"), None)
    if found is None:
        return Edit(Span(decl.span.source, decl.span.start, decl.span.start), f"@init({', '.join(marks.values())})\n")
    families = set(laws) | ({"linear", "conv", "bias"} if "auto" in laws else set())
    kept = [m.span.text for m in found.marks if m.name not in families and m.name != "auto"]
    return Edit(found.span, f"@init({', '.join([*marks.values(), *kept])})")
