"""One file of all that a model needs: its own file without the rest, and blocks of others where they have to change."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, TypeAlias

from fanin.diagnostics.fixes import edited
from fanin.diagnostics.model import Edit
from fanin.repairs.copied import with_doc
from fanin.repairs.places import nodes
from fanin.resizing.problems import CannotResize
from fanin.source import Source, Span
from fanin.syntax import tree

Place: TypeAlias = tuple[str, str]  # the file, and a name that is declared there


class Bundle:
    """``units`` are the files of a spec as they were read, its own first; ``name`` is what is to be built of it."""

    def __init__(self, units: list[Any], name: str, library: str) -> None:
        self.main = units[0]
        self.library = library
        self.units = {unit.source.name: unit for unit in units}
        found = self._home(self.main, name)
        if found is None:
            raise CannotResize(f"`{name}` is no name of the file")
        self.needed = self._reached([found])
        self._keep_systems()
        self.copied: set[Place] = set()
        self.imports: set[str] = set()

    # -------------------------------------------------------------------------------------------- what is needed

    def _home(self, unit: Any, name: str) -> Place | None:
        """Where what a file calls so is declared."""
        found = unit.lookup(name)
        return None if found is None else (found[0].source.name, found[1].name.name)

    def declared(self, place: Place) -> Any:
        return self.units[place[0]].declarations[place[1]]

    def _uses(self, place: Place) -> Iterator[Place]:
        unit, own = self.units[place[0]], self.declared(place)
        for name in dict.fromkeys(n.name for n in nodes(own) if isinstance(n, tree.Ident)):
            found = self._home(unit, name)
            if found is not None and found != place:
                yield found

    def _reached(self, start: list[Place]) -> dict[Place, None]:
        found: dict[Place, None] = {}
        work = list(start)
        while work:
            place = work.pop()
            if place not in found:
                found[place] = None
                work.extend(self._uses(place))
        return found

    def _keep_systems(self) -> None:
        """The systems of the file that train nothing but what stays."""
        for name, declaration in self.main.declarations.items():
            if isinstance(declaration, tree.System):
                place = (self.main.source.name, name)
                rest = [p for p in self._reached([place]) if p != place and not self._of_library(p)]
                if all(p in self.needed for p in rest):
                    self.needed |= self._reached([place])

    def _of_library(self, place: Place) -> bool:
        return os.path.dirname(place[0]) == self.library

    def around(self, span: Span) -> bool:
        """Copy the declaration of the library around a text. False where that was done before."""
        for place in self.needed:
            own = self.declared(place)
            if place[0] == span.source.name and own.span.start <= span.start and span.end <= own.span.end:
                if place in self.copied:
                    return False
                self.copied.add(place)
                return True
        return False

    # ------------------------------------------------------------------------------------------------- the text

    def source(self) -> Source:
        """The file. Raises CannotResize where names of several files meet."""
        return Source("smaller.arch", self._text().lstrip("\n"))

    def _owned(self) -> dict[Place, None]:
        """What is declared in the file: all that is not of the library, and what of that has to change or uses it."""
        found = {place: None for place in self.needed if not self._of_library(place)}
        for place in self.needed:
            if place not in found and (place in self.copied or self.copied & self._reached([place]).keys()):
                found[place] = None
        names = [name for _, name in found]
        if len(set(names)) < len(names):
            raise CannotResize("blocks of one name from several files")
        return found

    def _text(self) -> str:
        main, owned = self.main.source, self._owned()
        imports: dict[str, dict[str, None]] = {"std.pruned": dict.fromkeys(sorted(self.imports))}
        for place in owned:
            unit = self.units[place[0]]
            for declaration in unit.file.declarations:
                if isinstance(declaration, tree.Import):
                    self._still_imported(unit, declaration, place, owned, imports)
            if place[0] in self.units and self._of_library(place):
                for used in self._uses(place):
                    if used not in owned and used[0] == place[0]:
                        imports.setdefault(self._origin(used), {})[used[1]] = None
        lines = [f"from {origin} import {', '.join(names)}" for origin, names in sorted(imports.items()) if names]
        foreign = [self._with_comment(place) for place in reversed(list(owned)) if place[0] != main.name]
        head = "\n".join(lines) + ("\n\n" if lines else "") + "".join(f"{text}\n\n" for text in foreign)
        edits, first = [], True
        for declaration in self.main.file.declarations:
            name = getattr(getattr(declaration, "name", None), "name", "")
            kept = (main.name, name) in owned and not isinstance(declaration, tree.Import)
            start = with_doc(declaration)
            if kept and first:
                edits.append(Edit(Span(main, start, start), head))
                first = False
            if not kept:
                own = start if not isinstance(declaration, tree.Import) else declaration.span.start
                edits.append(Edit(Span(main, own, _line_end(main.text, declaration.span.end)), ""))
        text = edited(main.text, edits)
        return text if not first else f"{text.rstrip()}\n\n{head}".lstrip()

    def _still_imported(
        self, unit: Any, declaration: tree.Import, place: Place, owned: Any, imports: dict[str, dict[str, None]]
    ) -> None:
        own = {n.name for n in nodes(self.declared(place)) if isinstance(n, tree.Ident)}
        for alias in declaration.names:
            called = (alias.alias or alias.name).name
            if called not in own:
                continue
            home = self._home(unit, called)
            if home is None or home in owned:
                if alias.alias is not None or (home is not None and home[1] != called):
                    raise CannotResize(f"`{called}`, which has another name in its own file")
                continue
            text = alias.name.name if alias.alias is None else f"{alias.name.name} as {called}"
            imports.setdefault(self._origin(home), {})[text] = None

    def _origin(self, place: Place) -> str:
        return f"std.{os.path.basename(place[0]).removesuffix('.arch')}"

    def _with_comment(self, place: Place) -> str:
        own = self.declared(place)
        text: str = own.span.source.text
        return text[with_doc(own) : own.span.end]


def _line_end(text: str, end: int) -> int:
    """Behind the end of the line, and an empty line after it."""
    stop = text.find("\n", end)
    if stop < 0:
        return len(text)
    return stop + 2 if text[stop + 1 : stop + 2] == "\n" else stop + 1


def told(source: Source, name: str, hypers: dict[str, Any], load: Any) -> Source:
    """The file with the hyper-parameters that a model was built with as its defaults."""
    unit = load(source, source.name).units[0]
    declaration = unit.declarations.get(name)
    edits: list[Edit] = []
    if isinstance(declaration, tree.BlockAlias) and isinstance(declaration.value, tree.Call):
        edits = _told_alias(unit, declaration.value, hypers)
    elif isinstance(declaration, tree.Block | tree.System):
        for param in declaration.hypers:
            text = _spelled(hypers.get(param.name.name))
            if text is not None and param.default is None:
                edits.append(Edit(Span(source, param.span.end, param.span.end), f" = {text}"))
            elif text is not None:
                edits += _said(param.default, text)
    return Source(source.name, edited(source.text, edits))


def _told_alias(unit: Any, call: tree.Call, hypers: dict[str, Any]) -> list[Edit]:
    found = unit.lookup(call.callee.name) if isinstance(call.callee, tree.Ident) else None
    if found is None or not isinstance(found[1], tree.Block):
        return []
    by_place = [a.value for a in call.args if a.name is None and not isinstance(a.value, tree.Dots)]
    by_name = {a.name.name: a.value for a in call.args if a.name is not None}
    edits, more = [], []
    for i, param in enumerate(found[1].hypers):
        text = _spelled(hypers.get(param.name.name))
        given = by_place[i] if i < len(by_place) else by_name.get(param.name.name)
        if text is None:
            continue
        if given is not None:
            edits += _said(given, text)
        elif param.default is None or _said(param.default, text):
            more.append(f"{param.name.name}={text}")
    if more:
        edits.append(with_arguments(call, ", ".join(more)))
    return edits


def _said(expr: Any, text: str) -> list[Edit]:
    """The edit that makes a value what it is to be; none where the text says so, or says it in another way."""
    said = _spelled(_literal(expr))
    return [Edit(expr.span, text)] if said is not None and said != text else []


def with_arguments(call: tree.Call, text: str) -> Edit:
    """Arguments by name, behind those that a call has and before its dots."""
    source = call.span.source
    last = call.args[-1] if call.args else None
    if last is not None and len(call.args) > 1 and isinstance(last.value, tree.Dots):
        return Edit(Span(source, last.span.start, last.span.start), f"{text}, ")
    at = last.span.end if last is not None else call.span.end - 1
    return Edit(Span(source, at, at), f", {text}" if last is not None else text)


def _literal(expr: Any) -> Any:
    if isinstance(expr, tree.Number | tree.Bool | tree.String):
        return expr.value
    if isinstance(expr, tree.ListExpr):
        return tuple(_literal(i) for i in expr.items)
    return expr


def _spelled(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        items = [_spelled(v) for v in value]
        return None if None in items else f"[{', '.join(i for i in items if i is not None)}]"
    return None
