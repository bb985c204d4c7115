"""Source text → syntax tree: a file and what it imports, read and parsed, and the names that it declares."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from fanin.diagnostics.model import Diagnostic
from fanin.elaborate.files import Loader, Unit
from fanin.report import NoSuchName, Unreadable, read_source
from fanin.source import Source
from fanin.syntax import tree
from fanin.syntax.parser import parse as parse_source


def load(source: Source, path: str) -> Loader:
    """A file and all that it imports, parsed."""
    loader = Loader(_read, parse_source, standard_library())
    loader.load(source, os.path.normpath(path))
    return loader


def _read(path: str) -> Source | str:
    try:
        return read_source(path)
    except Unreadable as error:
        return str(error)


def standard_library() -> str:
    """The folder of ``std``: the library that is written in the language itself."""
    return os.path.join(os.path.dirname(os.path.dirname(__file__)), "std")


def format_text(source: Source) -> tuple[str | None, list[Diagnostic]]:
    """The one layout of a file, or None and what keeps it from being read."""
    from fanin.syntax.format import format_file

    file, problems = parse_source(source)
    return (None if problems else format_file(file)), problems


def declaration(unit: Unit, name: str) -> tree.Declaration | None:
    found = unit.lookup(name)
    return found[1] if found else None


def is_model(unit: Unit, name: str) -> bool:
    found = declaration(unit, name)
    return isinstance(found, (tree.Block, tree.BlockAlias)) and found.is_model


def entries(unit: Unit) -> list[str]:
    """What can be built in a file: its models, then its blocks."""
    named = [
        n
        for n, d in unit.declarations.items()
        if isinstance(d, tree.Block) or (isinstance(d, tree.BlockAlias) and d.is_model)
    ]
    return sorted(named, key=lambda n: not is_model(unit, n))


def models(unit: Unit) -> list[str]:
    return [n for n in unit.declarations if is_model(unit, n)]


def require_name(unit: Unit, name: str, path: str) -> None:
    """Raises NoSuchName for what a file does not declare; a value of a system is asked for as ``Gan.sample``."""
    base, dot, _ = name.partition(".")
    kinds = (tree.System,) if dot else (tree.Block, tree.BlockAlias, tree.System)
    if name not in entries(unit) and not isinstance(declaration(unit, base), kinds):
        systems = [n for n, d in unit.declarations.items() if isinstance(d, tree.System)]
        raise NoSuchName(name, [*entries(unit), *systems], path)


def in_order(found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Each message once, in the order of the text."""
    kept: dict[tuple[Any, ...], Diagnostic] = {}
    for d in found:
        kept.setdefault((d.code.id, d.span.source.name, d.span.start, d.span.end, d.headline), d)
    return sorted(kept.values(), key=lambda d: (d.span.source.name, d.span.start))
