"""Pictures of programs: ``draw`` writes a file, ``Picture`` shows itself in a notebook."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property

from fanin.emit.picture.dot import dot
from fanin.emit.picture.model import Drawing
from fanin.emit.picture.paint import Paint
from fanin.emit.picture.render import FORMATS, render
from fanin.emit.picture.scene import draw_scene
from fanin.ir.graph import Program


class Picture:
    """The picture of a program, coloured by ``paint``: ``depth`` levels are open, and what ``expand`` names.

    Raises NoSuchPath where ``expand`` names a path that the program does not have.
    """

    def __init__(
        self, program: Program, *, depth: int | None = None, expand: Sequence[str] = (), paint: Paint | None = None
    ) -> None:
        self.drawing: Drawing = draw_scene(program, depth, (expand,) if isinstance(expand, str) else expand, paint)

    @cached_property
    def dot(self) -> str:
        """The picture in Graphviz's language."""
        return dot(self.drawing)

    def render(self, format: str = "svg") -> bytes:
        """The content of a file: svg, pdf, png or dot."""
        return render(self.dot, format, self.drawing.title, self.drawing.description)

    def save(self, path: str | os.PathLike[str], format: str | None = None) -> None:
        """Write it to a file; the ending says how, unless ``format`` does."""
        name = os.fspath(path)
        format = format or os.path.splitext(name)[1][1:].lower()
        if format not in FORMATS:
            raise ValueError(f"{name} does not end with {', '.join(f'.{known}' for known in FORMATS)}")
        data = self.render(format)
        with open(name, "wb") as file:
            file.write(data)

    def _repr_svg_(self) -> str:
        return self.render("svg").decode()

    _repr_image_svg_xml = _repr_svg_


def draw(
    program: Program,
    path: str | os.PathLike[str],
    *,
    depth: int | None = None,
    expand: Sequence[str] = (),
    format: str | None = None,
    paint: Paint | None = None,
) -> None:
    """Write the picture of a program to a file: svg, pdf, png or dot, by its ending or ``format``."""
    Picture(program, depth=depth, expand=expand, paint=paint).save(path, format)
