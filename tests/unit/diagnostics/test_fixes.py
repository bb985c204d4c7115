"""Fixes on text."""

from __future__ import annotations

from fanin.diagnostics import Diagnostic, Edit, Fix
from fanin.diagnostics.fixes import apply_fixes
from fanin.source import Source, Span

from .samples import REDUNDANT, at

SOURCE = Source("a.arch", "one two three\n")


def fixing(*edits: Edit, safe: bool = True) -> Diagnostic:
    return Diagnostic(REDUNDANT, "x", edits[0].span, fix=Fix("mend it", edits, safe))


def test_safe_fixes_are_applied_together() -> None:
    first = fixing(Edit(at(SOURCE, "one"), "1"), Edit(at(SOURCE, "three"), "3"))
    second = fixing(Edit(at(SOURCE, "two "), ""))
    fixed = apply_fixes([second, first], lambda source: True)
    assert fixed.texts == {SOURCE: "1 3\n"}
    assert fixed.applied == (second, first)


def test_unsafe_fixes_and_other_files_are_left() -> None:
    other = Source("std.arch", "one")
    left = [fixing(Edit(at(SOURCE, "one"), "1"), safe=False), fixing(Edit(at(other, "one"), "1"))]
    assert apply_fixes(left, lambda source: source is SOURCE).texts == {}


def test_a_fix_is_applied_whole_or_not_at_all() -> None:
    first = fixing(Edit(at(SOURCE, "two"), "2"))
    crossing = fixing(Edit(at(SOURCE, "one"), "1"), Edit(at(SOURCE, "two three"), "23"))
    fixed = apply_fixes([first, crossing], lambda source: True)
    assert fixed.texts == {SOURCE: "one 2 three\n"}
    assert fixed.applied == (first,)


def test_the_same_fix_of_two_uses_is_made_once() -> None:
    insertion = Edit(Span(SOURCE, 3, 3), "!")
    fixed = apply_fixes([fixing(insertion), fixing(insertion)], lambda source: True)
    assert fixed.texts == {SOURCE: "one! two three\n"}
    assert len(fixed.applied) == 2


def test_two_insertions_at_one_place_wait_for_each_other() -> None:
    a, b = Edit(Span(SOURCE, 3, 3), "a"), Edit(Span(SOURCE, 3, 3), "b")
    assert apply_fixes([fixing(a), fixing(b)], lambda source: True).texts == {SOURCE: "onea two three\n"}
