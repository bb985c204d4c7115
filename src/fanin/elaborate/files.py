"""The files of a spec: what each declares, and what it imports from others and from ``std``."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

from fanin.diagnostics import Diagnostic, Fix, Label
from fanin.diagnostics.codes import NAM203, NAM204, NAM205, NAM206
from fanin.diagnostics.model import Edit
from fanin.diagnostics.suggest import nearest
from fanin.record import field, record
from fanin.source import Source
from fanin.syntax import tree

Named = tree.Const | tree.Fn | tree.Block | tree.BlockAlias | tree.Extern | tree.System | tree.Prune


@record(eq=False, frozen=False)
class Unit:
    """One file: its declarations by name, and the names it imports."""

    file: tree.File
    declarations: dict[str, Named] = field(default_factory=dict)
    imports: dict[str, tuple[Unit, str]] = field(default_factory=dict)
    broken: dict[str, bool] = field(default_factory=dict)  # what could not be read; true where its head is part of that
    torn: bool = False  # whether something could not be read that belongs to no declaration
    constants: dict[str, Any] = field(default_factory=dict)  # evaluated on demand

    @property
    def source(self) -> Source:
        return self.file.source

    def lookup(self, name: str) -> tuple[Unit, Named] | None:
        """The declaration that a name means here, and the file it stands in."""
        declared = self.declarations.get(name)
        if declared is not None:
            return self, declared
        imported = self.imports.get(name)
        return imported[0].lookup(imported[1]) if imported else None

    def is_lost(self, name: str) -> bool:
        """Whether a name may be declared or imported by something that could not be read."""
        known = rf"(?:\b(?:block|model|fn|const|system|import|as)|,)\s+{re.escape(name)}\b"
        return self.torn and re.search(known, self.source.text) is not None

    def names(self) -> list[str]:
        return [*self.declarations, *self.imports]


Reader = Callable[[str], Source | str]  # gives the source of a path, or why it cannot be read
Parser = Callable[[Source], tuple[tree.File, list[Diagnostic]]]


class Loader:
    """Reads a file and all that it imports, each once. Collects what is wrong with the imports."""

    def __init__(self, read: Reader, parse: Parser, std: str) -> None:
        self._read, self._parse, self._std = read, parse, std
        self._units: dict[str, Unit] = {}
        self._stack: list[str] = []  # the files that are being read, each imported by the one before
        self._trail: list[tree.Import] = []  # the imports that led to each of them, but the first
        self.diagnostics: list[Diagnostic] = []

    @property
    def units(self) -> list[Unit]:
        return list(self._units.values())

    def load(self, source: Source, identity: str) -> Unit:
        file, problems = self._parse(source)
        self.diagnostics += problems
        unit = self._units[identity] = Unit(file)
        _mark_broken(unit, problems)
        self._stack.append(identity)
        for declaration in file.declarations:
            if isinstance(declaration, tree.Import):
                self._import(unit, identity, declaration)
            elif isinstance(declaration, Named):
                self._declare(unit, declaration)
        self._stack.pop()
        return unit

    def _declare(self, unit: Unit, declaration: Named) -> None:
        name = declaration.name
        before = unit.declarations.get(name.name)
        if before is not None:
            self.diagnostics.append(
                Diagnostic(
                    NAM206,
                    f"`{name.name}` is declared twice",
                    name.span,
                    "declared again here",
                    (Label(before.name.span, "first declared here"),),
                    helps=("give one of them another name",),
                )
            )
            return
        unit.declarations[name.name] = declaration

    def _import(self, unit: Unit, identity: str, declaration: tree.Import) -> None:
        path = self._resolve(identity, declaration)
        if path in self._stack:
            self.diagnostics.append(self._cycle(path, declaration))
            return
        other = self._units.get(path)
        if other is None:
            source = self._read(path)
            if isinstance(source, str):
                self.diagnostics.append(self._missing(identity, declaration, source))
                return
            self._trail.append(declaration)
            other = self.load(source, path)
            self._trail.pop()
        for alias in declaration.names:
            if other.lookup(alias.name.name) is None:
                self._not_there(other, declaration, alias.name)
            else:
                unit.imports[(alias.alias or alias.name).name] = (other, alias.name.name)

    def _cycle(self, path: str, declaration: tree.Import) -> Diagnostic:
        at = self._stack.index(path)
        trail = " -> ".join(os.path.basename(p) for p in [*self._stack[at:], path])
        labels = tuple(Label(d.origin_span, "by way of this import") for d in self._trail[at:])
        return Diagnostic(
            NAM204,
            f"this import closes a cycle: {trail}",
            declaration.origin_span,
            "this file is imported by the one it imports",
            labels,
            helps=("move what both need into a third file",),
        )

    def _not_there(self, other: Unit, declaration: tree.Import, name: tree.Ident) -> None:
        if any(d.span.source is other.source and d.code.id.startswith("SYN") for d in self.diagnostics):
            return  # what that file declares could not be read
        near = nearest(name.name, other.names())
        fix = Fix(f"did you mean `{near}`?", (Edit(name.span, near),)) if near else None
        known = ", ".join(f"`{n}`" for n in other.declarations)
        helps = (f"it has {known}",) if known and not near and len(other.declarations) < 12 else ()
        headline = f"`{declaration.origin}` has no `{name.name}`"
        self.diagnostics.append(Diagnostic(NAM205, headline, name.span, "not declared there", helps=helps, fix=fix))

    def _resolve(self, identity: str, declaration: tree.Import) -> str:
        if declaration.is_file:
            return os.path.normpath(os.path.join(os.path.dirname(identity), declaration.origin))
        parts = declaration.origin.split(".")
        return os.path.join(self._std, *parts[1:]) + ".arch" if parts[0] == "std" else os.path.join(*parts) + ".arch"

    def _missing(self, identity: str, declaration: tree.Import, why: str) -> Diagnostic:
        origin, span = declaration.origin, declaration.origin_span
        if declaration.is_file:
            folder = os.path.dirname(self._resolve(identity, declaration))
            near = nearest(os.path.basename(origin), _specs_in(folder or "."))
            fix = None
            if near:
                found = f'"{origin[: len(origin) - len(os.path.basename(origin))]}{near}"'
                fix = Fix(f"did you mean `{near}`?", (Edit(span, found),))
                why = why.split(";", 1)[0]
            return Diagnostic(NAM203, f"`{origin}` cannot be imported: {why}", span, "no such file", fix=fix)
        parts = origin.split(".")
        if parts[0] in _PACKAGES:
            first = declaration.names[0].name.name
            helps: tuple[str, ...] = (f"ops such as `{first}` need no import: leave the line out",)
            return Diagnostic(NAM203, f"`{origin}` is a Python package, not a spec", span, "not a spec", helps=helps)
        if parts[0] != "std":
            helps = (
                f'a file is imported by its path: `from "./{parts[-1]}.arch" import {declaration.names[0].name.name}`',
            )
            return Diagnostic(
                NAM203, f"`{origin}` is no part of the library", span, "not `std` and not a path", helps=helps
            )
        known = [f"std.{name.removesuffix('.arch')}" for name in _specs_in(self._std)]
        near = nearest(origin, known)
        fix = Fix(f"did you mean `{near}`?", (Edit(span, near),)) if near else None
        helps = (f"the library has {', '.join(f'`{name}`' for name in known)}",) if known and not near else ()
        return Diagnostic(NAM203, f"the library has no `{origin}`", span, "no such part", helps=helps, fix=fix)


def _mark_broken(unit: Unit, problems: list[Diagnostic]) -> None:
    """Note which declarations the syntax errors are in: what is read of them is not what was meant."""
    for problem in problems:
        at = problem.span.start
        inside = next((d for d in unit.file.declarations if d.span.start <= at < d.span.end), None)
        if isinstance(inside, Named):
            body = getattr(inside, "body", None)
            in_head = body is None or at < body.span.start
            unit.broken[inside.name.name] = unit.broken.get(inside.name.name, False) or in_head
        else:
            unit.torn = True


_PACKAGES = frozenset(
    ["torch", "numpy", "math", "jax", "flax", "tensorflow", "keras", "torchvision", "typing", "einops"]
)


def _specs_in(folder: str) -> list[str]:
    return sorted(f for f in os.listdir(folder) if f.endswith(".arch")) if os.path.isdir(folder) else []
