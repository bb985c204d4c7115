"""Colour for styled lines, by rich: imported only where colour is shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from rich.console import Console
from rich.text import Text

from fanin.diagnostics.excerpt import Row

STYLES = {
    "error": "bold red",
    "warning": "bold yellow",
    "advice": "bold cyan",
    "headline": "bold",
    "label": "blue",
    "gutter": "blue",
    "note": "bold",
    "help": "bold green",
    "added": "green",
    "removed": "red",
}


def paint(lines: Iterable[Row], stream: TextIO) -> str:
    """The lines with the escapes that ``stream`` understands. Texts are literal: ``[b]`` is no markup."""
    console = Console(file=stream, highlight=False, markup=False, emoji=False)
    text = Text()
    for line in lines:
        for style, piece in line.pieces():
            text.append(piece, STYLES.get(style, ""))
        text.append("\n")
    with console.capture() as captured:
        console.print(text, soft_wrap=True, end="")
    return captured.get()
