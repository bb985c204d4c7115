"""Writes files whole or not at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from fanin.cli.exits import Failure
from fanin.report import decode, read_source
from fanin.source import Source


@contextmanager
def replacing(path: str) -> Iterator[str]:
    """Yields the path of a new file in the same folder, which takes the place of ``path`` at the end.

    A link stays a link, and what it points to changes; the permissions of a file are kept. Raises Failure.
    """
    import shutil  # with tempfile it takes longer to import than a spec to check
    import tempfile

    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    if os.path.isdir(target):
        raise Failure(f"{path} is a folder, and a file is to be written")
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{name}.", suffix=os.path.splitext(name)[1], dir=folder)
        os.close(handle)
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}") from None
    try:
        yield temporary
        if os.path.exists(target):
            shutil.copymode(target, temporary)
        else:
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(temporary, 0o666 & ~mask)  # mkstemp's files are the owner's alone
        os.replace(temporary, target)
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror or error}") from None
    finally:
        with suppress(OSError):
            os.unlink(temporary)


def write_text(path: str, text: str) -> None:
    """UTF-8, with the line breaks that ``text`` has. Raises Failure."""
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        file.write(text)


def read(path: str) -> Source:
    """The source at ``path``; ``-`` is standard input. Raises Unreadable."""
    if path == "-":
        return Source("<stdin>", decode(sys.stdin.buffer.read(), "standard input"))
    return read_source(path)


def difference(before: str, after: str, name: str) -> str:
    """A unified diff."""
    from difflib import unified_diff

    lines = unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{name}", f"b/{name}")
    # Without this, a last line that has no line break would run into the next one.
    return "".join(x if x.endswith("\n") else f"{x}\n\\ No newline at end of file\n" for x in lines)
