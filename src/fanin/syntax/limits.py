"""How deep a spec may nest, so that nothing behind the parser recurses without end."""

from __future__ import annotations

from dataclasses import fields

from fanin.diagnostics import codes
from fanin.diagnostics.model import Diagnostic
from fanin.source import Span
from fanin.syntax.brackets import CLOSING, OPENING, begins_declaration
from fanin.syntax.lexer import END, Tokens
from fanin.syntax.tree import Declaration, Tree

BRACKETS = 100  # brackets in brackets
HEIGHT = 220  # nodes in nodes
_HARMLESS = 12  # brackets, and operators piled on one operand, that can't reach the height together


def deepest(tokens: Tokens, diagnostics: list[Diagnostic]) -> int:
    """How deep the brackets nest. A declaration in which they nest too deep is reported and taken out."""
    text = tokens.source.text
    if sum(map(text.count, "([{")) <= _HARMLESS:
        return 0
    types = tokens.types
    depth = reached = 0
    at = 0
    while at < len(types):
        kind = types[at]
        if kind in OPENING:
            depth += 1
            if depth > reached:
                reached = depth
                if depth > BRACKETS:
                    diagnostics.append(_report(tokens.span(at), f"more than {BRACKETS} brackets are open here"))
                    at = _take_out(tokens, at)
                    depth, reached = 0, BRACKETS
                    continue
        elif kind in CLOSING and depth:
            depth -= 1
        at += 1
    return reached


def _take_out(tokens: Tokens, at: int) -> int:
    start = at
    while start > 0 and not begins_declaration(tokens, start):
        start -= 1
    end = at + 1
    while tokens.types[end] != END and not begins_declaration(tokens, end):
        end += 1
    tokens.delete(start, end)
    return start


def check_height(
    declarations: tuple[Declaration, ...], brackets: int, piled: int, diagnostics: list[Diagnostic]
) -> tuple[Declaration, ...]:
    """Leaves out the declarations in which nodes nest too deep, of whatever kind, and reports them."""
    if brackets <= _HARMLESS and piled <= _HARMLESS:
        return declarations
    kept = []
    for declaration in declarations:
        culprit = _too_deep(declaration)
        if culprit is None:
            kept.append(declaration)
        else:
            diagnostics.append(_report(culprit, "too many things stand inside each other here"))
    return tuple(kept)


def _too_deep(declaration: Declaration) -> Span | None:
    stack: list[tuple[object, int]] = [(declaration, 0)]
    while stack:
        node, depth = stack.pop()
        if isinstance(node, tuple) and not isinstance(node, Span):
            stack += [(entry, depth) for entry in node if isinstance(entry, Tree | tuple)]
        elif isinstance(node, Tree):
            if depth > HEIGHT:
                return Span(node.span.source, node.span.start, min(node.span.end, node.span.start + 1))
            for each in fields(node):
                value = getattr(node, each.name)
                if isinstance(value, Tree | tuple) and not isinstance(value, Span):
                    stack.append((value, depth + 1))
    return None


def _report(span: Span, label: str) -> Diagnostic:
    return Diagnostic(
        codes.SYN125,
        "this nests too deep to be read",
        span,
        label,
        helps=("bind a part of it to a name, or move a part into a `block` or `fn`",),
    )
