"""Colour adds nothing that the text lacks."""

from __future__ import annotations

import io
import re

import pytest

from fanin.cli.output import rows, wants_colour
from fanin.diagnostics import Code, Diagnostic
from fanin.diagnostics.render import full, render
from fanin.source import Source, Span

SOURCE = Source("a.arch", "x = [b] -> layer[i]: [red]f[/red] :smile:\n" + "y" * 300 + "\n")
FOUND = [Diagnostic(Code("SYN901", "any"), "`[b]` is [bold]not[/bold] markup", Span(SOURCE, 4, 7), "[i]")]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_without_its_colour_it_is_the_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    from fanin.cli.colour import paint

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    painted = paint(full(FOUND), Terminal())
    assert "\x1b[" in painted
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == render(FOUND)


def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert wants_colour(Terminal()) and not wants_colour(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not wants_colour(Terminal())
    monkeypatch.setenv("NO_COLOR", "")
    assert wants_colour(Terminal())
    monkeypatch.setenv("TERM", "dumb")
    assert not wants_colour(Terminal())


def test_elsewhere_it_is_plain(capsys: pytest.CaptureFixture[str]) -> None:
    rows(full(FOUND))
    assert capsys.readouterr().out == render(FOUND)
