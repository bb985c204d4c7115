"""Writing to stdout, which carries data, and stderr, which carries the rest."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from fanin.diagnostics.excerpt import Row


class PipeClosed(Exception):
    """Whoever read our output has enough of it."""


def out(text: str) -> None:
    """Data."""
    _write(sys.stdout, text)


def err(text: str) -> None:
    """Anything else: what was done, what went wrong."""
    _write(sys.stderr, text)


def write_json(document: dict[str, Any]) -> None:
    """A document on stdout, with its version first. ASCII only, so that no terminal or pipe can spoil it."""
    import json

    out(json.dumps({"version": 1, **document}, indent=2) + "\n")


def rows(lines: Iterable[Row], *, to_stdout: bool = True) -> None:
    """Lines with styles: in colour on a terminal that wants it, as plain text anywhere else."""
    stream = sys.stdout if to_stdout else sys.stderr
    if wants_colour(stream):
        from fanin.cli.colour import paint

        _write(stream, paint(lines, stream))
    else:
        _write(stream, "".join(f"{line}\n" for line in lines))


def wants_colour(stream: TextIO) -> bool:
    """A terminal, and nobody said no (https://no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def close_quietly() -> None:
    """After a closed pipe: nothing more goes out, not even what Python would flush at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(nowhere, stream.fileno())


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        raise PipeClosed from None
