"""Blocks of the library brought into a file, so that they can be changed there.

A repair of a text that the file only imports needs the block that it is in, and those between it and what the file
names. They are copied above the first declaration, and what they use is imported.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from fanin.diagnostics.fixes import edited
from fanin.diagnostics.model import Edit
from fanin.repairs.places import nodes
from fanin.source import Source, Span
from fanin.syntax import tree
from fanin.syntax.parser import parse

_Named: TypeAlias = "tree.Block | tree.BlockAlias | tree.Fn | tree.Const"
_NAMED = (tree.Block, tree.BlockAlias, tree.Fn, tree.Const)
Place: TypeAlias = tuple[str, str]  # the origin (``std.attention``) and a name that is declared there


@dataclass(frozen=True)
class Brought:
    """The text of a file that has blocks of its own in the place of imported ones, and which those are."""

    text: str
    names: tuple[str, ...]


def brought(file: tree.File, foreign: Span, before: Collection[str] = ()) -> Brought | None:
    """The file with the block around a text of the library; None where that is in no block that the file gets at, or
    the file has another of that name. What was copied ``before`` is there."""
    library = _Library(os.path.dirname(foreign.source.name))
    origin = f"std.{os.path.basename(foreign.source.name).removesuffix('.arch')}"
    inside = [d for d in library.file(origin).declarations if isinstance(d, tree.Block)]
    target = next((d for d in inside if d.span.start <= foreign.start and foreign.end <= d.span.end), None)
    if target is None:
        return None
    imports = [d for d in file.declarations if isinstance(d, tree.Import) and not d.is_file]
    entries = {(i.origin, a.name.name): a for i in imports for a in i.names}
    chain = next((c for e in entries if (c := library.way(e, (origin, target.name.name)))), None)
    if chain is None or entries[chain[0]].alias is not None:
        return None
    own = {d.name.name for d in file.declarations if isinstance(d, _NAMED)}
    if any(name in own and name not in before for _, name in chain):
        return None
    new = [place for place in chain if place[1] not in own]
    return Brought(_written(file, imports, chain, new, library), tuple(name for _, name in new)) if new else None


def _written(
    file: tree.File, imports: list[tree.Import], chain: list[Place], new: list[Place], library: _Library
) -> str:
    edits = []
    for found in imports:
        left = [a for a in found.names if (found.origin, a.name.name) not in chain]
        if len(left) < len(found.names):
            text = f"from {found.origin} import {', '.join(a.span.text for a in left)}" if left else ""
            edits.append(Edit(found.span, text))
    known = {(i.origin, a.name.name) for i in imports for a in i.names}
    wanted: dict[str, list[str]] = {}
    for place in new:
        for origin, name in library.uses(place):
            if (origin, name) not in chain and (origin, name) not in known:
                known.add((origin, name))
                wanted.setdefault(origin, []).append(name)
    lines = "".join(f"from {origin} import {', '.join(names)}\n" for origin, names in sorted(wanted.items()))
    blocks = "\n\n".join(library.text(place) for place in reversed(new))
    first = next(d for d in file.declarations if not isinstance(d, tree.Import))
    at = with_doc(first)
    edits.append(Edit(Span(file.source, at, at), f"{lines}\n{blocks}\n\n"))
    return edited(file.source.text, edits)


def with_doc(declaration: tree.Declaration) -> int:
    """Where a declaration begins, with its attributes and the comment directly above them."""
    text = declaration.span.source.text
    start = min([declaration.span.start, *(a.span.start for a in declaration.attributes)])
    start = text.rfind("\n", 0, start) + 1
    while start > 0:
        above = text.rfind("\n", 0, start - 1) + 1
        if not text[above:start].lstrip().startswith("#"):
            break
        start = above
    return start


class _Library:
    """The files of ``std``, and who uses whom in them."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.files: dict[str, tree.File] = {}

    def file(self, origin: str) -> tree.File:
        if origin not in self.files:
            path = os.path.join(self.folder, f"{origin.removeprefix('std.')}.arch")
            with open(path, encoding="utf-8") as found:
                self.files[origin] = parse(Source(path, found.read()))[0]
        return self.files[origin]

    def declared(self, place: Place) -> _Named | None:
        for d in self.file(place[0]).declarations:
            if isinstance(d, _NAMED) and d.name.name == place[1]:
                return d
        return None

    def text(self, place: Place) -> str:
        found = self.declared(place)
        assert found is not None
        source = found.span.source.text
        return source[with_doc(found) : found.span.end]

    def uses(self, place: Place) -> Iterator[Place]:
        """What a declaration names of its file, or of the library."""
        file, found = self.file(place[0]), self.declared(place)
        here = {d.name.name for d in file.declarations if isinstance(d, _NAMED)}
        there = {(a.alias or a.name).name: (d.origin, a.name.name) for d in file.declarations
                 if isinstance(d, tree.Import) for a in d.names}  # fmt: skip
        named = dict.fromkeys(n.name for n in nodes(found) if isinstance(n, tree.Ident) and n.name != place[1])
        for name in named:
            if name in here:
                yield place[0], name
            elif name in there:
                yield there[name]

    def way(self, start: Place, end: Place) -> list[Place]:
        """From a declaration to one that it uses, in one step or several; empty where it does not."""
        todo, seen = [[start]], {start}
        while todo:
            path = todo.pop(0)
            if path[-1] == end:
                return path
            for place in self.uses(path[-1]):
                if place not in seen:
                    seen.add(place)
                    todo.append([*path, place])
        return []
