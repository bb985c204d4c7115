"""Where characters land on a terminal."""

from __future__ import annotations

from fanin.diagnostics.columns import CONTEXT, ROOM, printable, view


def test_plain_text_stays() -> None:
    shown = view("x -> relu")
    assert shown.text == "x -> relu"
    assert [shown.column(at) for at in (0, 5, 9, 12)] == [0, 5, 9, 9]


def test_tabs_reach_the_next_stop() -> None:
    shown = view("\ta\tb")
    assert shown.text == "    a   b"
    assert [shown.column(at) for at in range(5)] == [0, 4, 5, 8, 9]


def test_wide_characters_take_two_columns_and_accents_none() -> None:
    shown = view("漢字e\u0301x")
    assert [shown.column(at) for at in range(6)] == [0, 2, 4, 5, 5, 6]


def test_hidden_characters_are_shown_as_signs() -> None:
    assert view("a\x1b[1m\u202eb").text == "a␛[1m\ufffdb"
    assert printable("a\nb\x07\u200b") == "a\nb␇\ufffd"


def test_a_long_line_is_cut_around_its_spans() -> None:
    line = "a" * 500 + "BAD" + "b" * 500
    shown = view(line, [(500, 503)])
    assert shown.text == "…" + "a" * CONTEXT + "BAD" + "b" * CONTEXT + "…"
    assert shown.text[shown.column(500) : shown.column(503)] == "BAD"
    assert shown.column(0) == 0
    assert shown.column(1003) == len(shown.text) - 1


def test_a_long_span_keeps_its_ends() -> None:
    shown = view("(" + "a" * 900 + ")", [(0, 902)])
    assert shown.text.startswith("(aa") and shown.text.endswith("aa)") and "…" in shown.text
    assert len(shown.text) <= ROOM


def test_a_long_line_without_spans_keeps_its_start() -> None:
    assert view("a" * 500).text == "a" * ROOM + "…"
