"""Pieces of a page: text that is escaped, and tables that say what their cells are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from fanin.record import record


@record
class Cell:
    """What stands in a table: text, and the colour behind it where there is one."""

    text: str
    colour: str = ""


Content = str | Cell


def tag(name: str, *inside: str, **attributes: str) -> str:
    """An element around what is markup already; ``class_`` for the attribute of that name."""
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items())
    return f"<{name}{given}>{''.join(inside)}</{name}>"


def text(name: str, inside: str, **attributes: str) -> str:
    """An element around plain text."""
    return tag(name, escape(inside), **attributes)


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[Content]], kind: str = "") -> str:
    """A table; the first cell of a row is its heading."""
    columns = tag("tr", *(text("th", title, scope="col") for title in head))
    body = "\n".join(tag("tr", text("th", _plain(row[0]), scope="row"), *map(_cell, row[1:])) for row in rows)
    made = tag("table", text("caption", caption), tag("thead", columns), tag("tbody", body), class_=kind or "numbers")
    return tag("div", made, class_="wide", role="region", tabindex="0", aria_label=caption)


def section(title: str, *parts: str) -> str:
    """A part of a page under a heading; nothing where there are no parts."""
    inside = [part for part in parts if part]
    return tag("section", text("h2", title), "\n", "\n".join(inside)) if inside else ""


def note(words: str) -> str:
    return text("p", words, class_="note")


def _plain(content: Content) -> str:
    return content if isinstance(content, str) else content.text


def _cell(content: Content) -> str:
    if isinstance(content, str) or not content.colour:
        return text("td", _plain(content))
    return text("td", content.text, class_="shade", style=f"background:{content.colour}")
