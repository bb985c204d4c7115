"""A factor in front of every residual branch, in the text."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from fanin.diagnostics.model import Edit
from fanin.repairs.branches import Branch
from fanin.repairs.case import Case, Refused
from fanin.repairs.places import enclosing, mine, nodes
from fanin.source import Span
from fanin.syntax import tree

_TIGHT = (tree.Ident, tree.Call, tree.Paren, tree.Index, tree.Member, tree.Number)


def by_text(case: Case, found: Sequence[Branch]) -> dict[Span, list[Branch]]:
    """Residual sums by the text that they stand in, in order."""
    out: dict[Span, list[Branch]] = {}
    for branch in found:
        mine(case, branch.sum.span, f"the residual sum `{branch.sum.span.text}` of `{branch.sum.path}`")
        out.setdefault(branch.sum.span, []).append(branch)
    return out


def operand(case: Case, span: Span, side: int) -> tuple[Span, bool]:
    """The text of one side of a sum, and whether it needs brackets in a product. Raises Refused where the sum is not
    written with ``+`` or ``+=``."""
    for node in nodes(case.file):
        if isinstance(node, tree.Augment) and node.op == "+" and node.span[1:] == span[1:]:
            return node.value.span, not isinstance(node.value, _TIGHT)
        if isinstance(node, tree.Chain) and node.span.start == span.start and node.span.end >= span.end:
            for k, step in enumerate(node.steps):
                if step.op == "+" and step.operand.span.end == span.end:
                    if side == 1:
                        return step.operand.span, False
                    if k == 0:
                        return node.first.span, False
    raise Refused(f"{span}: the residual sum `{_short(span.text)}` is not written as `x + …` or `x += …`")


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "…"


def multiplied(case: Case, span: Span, side: int, factor: str) -> tuple[Edit, ...]:
    """``factor *`` in front of one side of a sum; ``x += …`` is written out where this is the left one."""
    for node in nodes(case.file):
        if side == 0 and isinstance(node, tree.Augment) and node.op == "+" and node.span[1:] == span[1:]:
            name, value = node.name.name, node.value.span.text
            return (Edit(node.span, f"{name} = {factor} * {name} + ({value})"),)
    at, loose = operand(case, span, side)
    text = f"{factor} * ({at.text})" if loose else f"{factor} * {at.text}"
    return (Edit(at, text),)


def with_parameter(
    case: Case, found: Sequence[Branch], start: str, name: Callable[[int], str] = lambda i: f"alpha{i}"
) -> tuple[Edit, ...]:
    """A learned number in front of every branch, which starts at ``start``."""
    edits: list[Edit] = []
    used: dict[int, set[str]] = {}
    for span, group in by_text(case, found).items():
        statement, block = enclosing(case, span)
        words = used.setdefault(block.span.start, set(re.findall(r"\w+", block.span.text)))
        word = "alpha" if "alpha" not in words else next(name(i) for i in range(2, 999) if name(i) not in words)
        words.add(word)
        at = statement.attributes[0].span.start if statement.attributes else statement.span.start
        edits.append(Edit(Span(span.source, at, at), f"param {word}: [] = {start}{_apart(span.source.text, at)}"))
        edits += multiplied(case, span, group[0].side, word)
    return tuple(edits)


def _apart(text: str, at: int) -> str:
    """What keeps a statement from the next one: a line of its own where that has one, at the same depth."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return " " if line.strip() else f"\n{line}"
