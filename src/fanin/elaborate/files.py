"""The files of a spec: what each declares, and what it imports from others and from ``std``."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from fanin.diagnostics import Diagnostic, Label
from fanin.diagnostics.codes import NAM203, NAM204, NAM205, NAM206
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
        self.diagnostics: list[Diagnostic] = []

    @property
    def units(self) -> list[Unit]:
        return list(self._units.values())

    def load(self, source: Source, identity: str) -> Unit:
        file, problems = self._parse(source)
        self.diagnostics += problems
        unit = self._units[identity] = Unit(file)
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
            cycle = [*self._stack[self._stack.index(path) :], path]
            trail = " -> ".join(os.path.basename(p) for p in cycle)
            self.diagnostics.append(
                Diagnostic(
                    NAM204,
                    f"this import closes a cycle: {trail}",
                    declaration.origin_span,
                    "this file imports the one it is imported by",
                    helps=("move what both need into a third file",),
                )
            )
            return
        other = self._units.get(path)
        if other is None:
            source = self._read(path)
            if isinstance(source, str):
                self.diagnostics.append(self._missing(declaration, source))
                return
            other = self.load(source, path)
        for alias in declaration.names:
            if other.lookup(alias.name.name) is None:
                near = nearest(alias.name.name, other.names())
                self.diagnostics.append(
                    Diagnostic(
                        NAM205,
                        f"`{declaration.origin}` has no `{alias.name.name}`",
                        alias.name.span,
                        "not declared there",
                        helps=(f"did you mean `{near}`?",) if near else (),
                    )
                )
                continue
            unit.imports[(alias.alias or alias.name).name] = (other, alias.name.name)

    def _resolve(self, identity: str, declaration: tree.Import) -> str:
        if declaration.is_file:
            return os.path.normpath(os.path.join(os.path.dirname(identity), declaration.origin))
        parts = declaration.origin.split(".")
        return os.path.join(self._std, *parts[1:]) + ".arch" if parts[0] == "std" else os.path.join(*parts) + ".arch"

    def _missing(self, declaration: tree.Import, why: str) -> Diagnostic:
        helps: tuple[str, ...] = ()
        if not declaration.is_file:
            parts = declaration.origin.split(".")
            known = (
                sorted(f"std.{f[:-5]}" for f in os.listdir(self._std) if f.endswith(".arch"))
                if os.path.isdir(self._std)
                else []
            )
            near = nearest(declaration.origin, known)
            if near:
                helps = (f"did you mean `{near}`?",)
            elif parts[0] != "std":
                helps = (f'a file is imported by its path: `from "./{parts[-1]}.arch" import …`',)
        return Diagnostic(
            NAM203,
            f"`{declaration.origin}` cannot be imported: {why}",
            declaration.origin_span,
            "no such file",
            helps=helps,
        )
