"""DOT to SVG, PDF and PNG: by ``dot`` where it is installed, else by the Graphviz that pygraphviz carries."""

from __future__ import annotations

import re
import shutil
from xml.sax.saxutils import escape

FORMATS = ("svg", "pdf", "png", "dot")
DOTS_PER_INCH = 144


class CannotRender(RuntimeError):
    """Neither ``dot`` nor pygraphviz can draw. Its message is for the user."""


def render(text: str, format: str, title: str = "", description: str = "") -> bytes:
    """The picture as a file's content. Raises ValueError for a format that is none of ``FORMATS``."""
    if format not in FORMATS:
        raise ValueError(f"`{format}` is no format of a picture: {', '.join(FORMATS)} are")
    if format == "dot":
        return text.encode()
    data = _by_dot(text, format) if shutil.which("dot") else _by_library(text, format)
    return _described(data, title, description) if format == "svg" else data


def _sized(text: str, format: str) -> str:
    """Pixels enough for a screen of today."""
    if format != "png":
        return text
    return text.replace("digraph model {\n", f"digraph model {{\n  graph [dpi={DOTS_PER_INCH}];\n", 1)


def _by_dot(text: str, format: str) -> bytes:
    import graphviz

    data: bytes = graphviz.Source(_sized(text, format)).pipe(format=format, quiet=True)
    return data


def _by_library(text: str, format: str) -> bytes:
    try:
        import pygraphviz
    except ImportError as error:
        raise CannotRender(
            "drawing needs Graphviz: install pygraphviz (pip install pygraphviz), or the program `dot`"
        ) from error
    graph = pygraphviz.AGraph(string=_sized(text, format))
    try:
        data: bytes = graph.draw(format=format, prog="dot")
    finally:
        graph.close()
    return data


def _described(data: bytes, title: str, description: str) -> bytes:
    """An SVG that says what it shows, to readers who cannot see it."""
    svg = data.decode()
    head = f'<title id="title">{escape(_clean(title))}</title>\n<desc id="desc">{escape(_clean(description))}</desc>\n'
    found = re.search(r"<svg\b[^>]*>", svg)
    if found is None:
        return data
    tag = found[0][:-1] + ' role="img" aria-labelledby="title desc">'
    return (svg[: found.start()] + tag + "\n" + head + svg[found.end() :].lstrip("\n")).encode()


def _clean(value: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]", " ", value)
