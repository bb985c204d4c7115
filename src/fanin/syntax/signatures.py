"""The heads of declarations: on one line where they fit, or else broken before the result or in a list."""

from __future__ import annotations

from typing import NamedTuple

from fanin.syntax.flat import flat, listed, opening
from fanin.syntax.layout import WIDTH, render
from fanin.syntax.shapes import Shaper
from fanin.syntax.tree import Block, Extern, Fn, Inverse, Param, System

Signed = Fn | Block | Extern | System | Inverse


class _List(NamedTuple):
    """A parameter list, and the places of its brackets."""

    params: tuple[Param, ...]
    start: int
    end: int


def signature(shaper: Shaper, node: Signed, tail: str) -> list[str]:
    """The lines of the head, ``tail`` (such as `` {``) included, from the margin."""
    lists = _lists(shaper, node)
    result = None if isinstance(node, System) else node.result
    end = tail if not isinstance(node, Extern) else f" = {flat(node.target)}"
    arrow = f" -> {flat(result)}" if result else ""
    start = opening(node)
    blocks = [_is_block(shaper, entry, entry is lists[-1]) for entry in lists]
    whole = start + "".join(f"({listed(entry.params)})" for entry in lists)
    if not any(blocks):
        if len(whole + arrow + end) <= WIDTH:
            return [whole + arrow + end]
        if arrow and len(whole) <= WIDTH:
            return [whole, f"   {arrow}{end}"]
    lines = [start]
    for entry, block in zip(lists, blocks, strict=True):
        text = f"({listed(entry.params)})"
        follows = "(" if entry is not lists[-1] else "" if arrow else end
        if not block and len(lines[-1] + text + follows) <= WIDTH:
            lines[-1] += text
        elif not block and entry is lists[-1] and len(text) + 3 <= WIDTH:
            lines[-1] += "("
            lines.append(f"    {text[1:]}")
        else:
            first, *more = render(shaper.bracket("(", entry.params, ")", entry.start, entry.end, force=True), 0)
            lines[-1] += first
            lines += more
    if not arrow or len(lines[-1] + arrow + end) <= WIDTH:
        lines[-1] += arrow + end
    else:
        lines.append(f"   {arrow}{end}")
    return lines


def _lists(shaper: Shaper, node: Signed) -> list[_List]:
    """The tree has no place for the brackets: they are found in the text."""
    at = node.span.start if isinstance(node, Inverse) else node.name.span.end
    found = []
    for params in [node.params] if isinstance(node, Fn | Inverse) else [node.hypers, node.inputs]:
        start = shaper.find("(", at)
        at = shaper.find(")", params[-1].span.end if params else start) + 1
        found.append(_List(params, start, at))
    return found


def _is_block(shaper: Shaper, entry: _List, last: bool) -> bool:
    """Whether the list stays on lines of its own: it has comments, or hyper-parameters that the author laid out."""
    if shaper.has_comment(entry.start, entry.end):
        return True
    return not last and bool(entry.params) and "\n" in shaper.text[entry.start : entry.params[0].span.start]
