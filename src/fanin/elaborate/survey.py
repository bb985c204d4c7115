"""What can be said of a file without building anything: names that mean nothing, and names that nothing uses.

Every body is surveyed, also one that no model reaches: systems, prunes, and blocks that only make sense with sizes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any

from fanin.diagnostics import Diagnostic, Severity
from fanin.diagnostics.codes import NAM202, NAM210, NAM211, NAM212
from fanin.diagnostics.suggest import nearest
from fanin.elaborate.files import Unit
from fanin.elaborate.names import BUILTINS, GROUPS, LAWS, NUMBERS, QUERIES
from fanin.elaborate.names import unbound_message as unbound
from fanin.elaborate.recipes import first_part, length_word, prune_words, recipe_words
from fanin.ir.rules import OPTIMISERS
from fanin.ops.registry import find_op
from fanin.source import Span
from fanin.syntax import tree

_SYSTEM_NAMES = frozenset(["ema", "copy", "ramp", "training", "grad", "stop_gradient", *OPTIMISERS])


class Survey:
    """The surveys of a file's declarations."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.parts = [_Survey(unit, declaration) for declaration in unit.file.declarations]

    def unbound(self) -> list[Diagnostic]:
        """Every name that is not bound, in all bodies."""
        broken = self.unit.broken
        whole = [p for p in self.parts if getattr(getattr(p.declaration, "name", None), "name", "") not in broken]
        return [problem for part in whole for problem in part.problems]

    def notices(self) -> list[Diagnostic]:
        """Warnings about the file itself: what nothing uses."""
        return _notices(self.unit, self.parts)


def _notices(unit: Unit, parts: list[_Survey]) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    read: set[str] = set()
    for part in parts:
        found += part.unused()
        read |= part.read
    for declaration in unit.file.declarations:
        if isinstance(declaration, tree.Import):
            for alias in declaration.names:
                name = alias.alias or alias.name
                if name.name not in read and name.name in unit.imports and not _is_reexport(unit):
                    found.append(
                        Diagnostic(
                            NAM212,
                            f"`{name.name}` is imported and not used",
                            alias.span,
                            "not used",
                            helps=("leave it out",),
                        )
                    )
    return found


def without_repeats(found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The findings, without warnings that follow from another one: of a module whose name has been reported as never
    read, and of a name that is an error itself."""
    given = list(found)
    unread = [d.span for d in given if d.code is NAM202]
    wrong = {d.span for d in given if d.is_fatal}

    def repeats(d: Diagnostic) -> bool:
        if d.severity is Severity.WARNING and d.span in wrong:
            return True
        return d.code is NAM211 and any(_binds(s, d.span) for s in unread)

    return [d for d in given if not repeats(d)]


def _binds(name: Span, module: Span) -> bool:
    """Whether a module is what stands right of the `=` behind a name."""
    if name.source is not module.source or name.end > module.start:
        return False
    return re.fullmatch(r"\s*=[^\n]*", name.source.text[name.end : module.start]) is not None


def _is_reexport(unit: Unit) -> bool:
    """A file of imports alone passes them on."""
    return all(isinstance(d, tree.Import) for d in unit.file.declarations)


def own_problems(declaration: tree.Declaration | None, problems: list[Diagnostic]) -> list[Diagnostic]:
    """What is wrong with a block that nothing uses, apart from what its users would give it: sizes, hyper-parameters,
    and the number of axes that a `*` stands for."""
    if not isinstance(declaration, tree.Block):
        return problems
    lacking = {"SHP305"}
    shapes = [p.type for p in declaration.inputs if isinstance(p.type, tree.ShapeType)]
    if any(isinstance(item, tree.StarDim) for shape in shapes for item in shape.dims):
        lacking |= {"SHP301", "SHP302", "SHP304", "SHP306"}
    heads = {p.span for p in declaration.hypers}
    return [d for d in problems if d.code.id not in lacking and not (d.code.id == "TYP407" and d.span in heads)]


_SLOTS: dict[type[tree.Tree], tuple[str, ...]] = {}


def _slots(kind: type[tree.Tree]) -> tuple[str, ...]:
    slots = _SLOTS.get(kind)
    if slots is None:
        slots = _SLOTS[kind] = tuple(f.name for f in fields(kind) if f.name != "span")
    return slots


def _children(node: Any) -> Iterator[Any]:
    for slot in _slots(type(node)):
        value = getattr(node, slot)
        if isinstance(value, tree.Tree):
            yield value
        elif isinstance(value, tuple):
            yield from _flat(value)


def _flat(values: tuple[Any, ...]) -> Iterator[Any]:
    for v in values:
        if isinstance(v, tree.Tree):
            yield v
        elif isinstance(v, tuple):
            yield from _flat(v)


_LITERALS = frozenset((tree.Number, tree.String, tree.Bool, tree.NoneValue, tree.Dots))


class _Survey:
    """One declaration: the names that it binds, and those that it reads, in the order of the text."""

    def __init__(self, unit: Unit, declaration: tree.Declaration) -> None:
        self.unit, self.declaration = unit, declaration
        self.known: set[str] = set()
        self.letters: set[str] = set()
        self.labels: set[str] = set()
        self.read: set[str] = set()
        self.bound: dict[str, tuple[Span, str]] = {}  # name -> (where, what kind)
        self.problems: list[Diagnostic] = []
        self._visit_declaration(declaration)

    # -- results

    def unused(self) -> list[Diagnostic]:
        found = []
        for name, (span, kind) in self.bound.items():
            if name in self.read or name.startswith("_"):
                continue
            if kind == "hyper-parameter":
                found.append(
                    Diagnostic(
                        NAM210,
                        f"the hyper-parameter `{name}` is not used",
                        span,
                        "nothing reads it",
                        helps=("leave it out",),
                    )
                )
            elif kind == "input":
                found.append(
                    Diagnostic(
                        NAM202,
                        f"the input `{name}` is not used",
                        span,
                        "nothing reads it",
                        helps=("leave it out",),
                    )
                )
            else:
                found.append(
                    Diagnostic(
                        NAM202,
                        f"`{name}` is bound and not used",
                        span,
                        "nothing reads it",
                        helps=("leave it out, or bind it to `_`",),
                    )
                )
        return found

    # -- declarations

    def _visit_declaration(self, d: tree.Declaration) -> None:
        for attribute in d.attributes:
            for mark in attribute.marks:
                if attribute.name == "init" and mark.value is not None:
                    self._expr(mark.value)
        if isinstance(d, tree.Const):
            self._expr(d.value)
        elif isinstance(d, tree.Fn):
            self._params(d.params, "hyper-parameter")
            self._collect(d.body)
            self._type(d.result, binds=True)
            self._body(d.body)
        elif isinstance(d, tree.Block):
            for p in d.inputs:
                self._letters_of(p.type)
            self._params(d.hypers, "hyper-parameter")
            self._params(d.inputs, "input")
            self._collect(d.body)
            self._type(d.result, binds=True)
            self._body(d.body)
            if d.inverse is not None:
                inside = set(self.known)
                self._params(d.inverse.params, "input")
                self._collect(d.inverse.body)
                self._type(d.inverse.result, binds=True)
                self._body(d.inverse.body)
                self.known |= inside
        elif isinstance(d, tree.BlockAlias):
            self._params(d.hypers or (), "hyper-parameter")
            self._collect(d.value)
            self._expr(d.value)
            if d.promises is not None:
                self._body(d.promises)
        elif isinstance(d, tree.Extern):
            for p in d.inputs:
                self._letters_of(p.type)
            self._params(d.hypers, "")
            self._params(d.inputs, "")
            self._type(d.result, binds=True)
        elif isinstance(d, tree.System):
            for p in d.inputs:
                self._letters_of(p.type)
            self._params(d.hypers, "")
            self._params(d.inputs, "")
            self._collect(d.body)
            self.known |= _SYSTEM_NAMES
            self._body(d.body)
            self.bound.clear()
        elif isinstance(d, tree.Prune):
            base = d.of
            while isinstance(base, (tree.Call, tree.Member, tree.Index)):
                base = base.callee if isinstance(base, tree.Call) else base.value
            if isinstance(base, tree.Ident):
                self._name(base)
            for clause in d.clauses:
                self.problems += prune_words(clause)

    def _params(self, params: tuple[tree.Param, ...], kind: str) -> None:
        for p in params:
            self._type(p.type, binds=True)
            if p.default is not None:
                self._expr(p.default)
            self.known.add(p.name.name)
            if kind:
                self.bound.setdefault(
                    p.name.name, (p.name.span, "input" if isinstance(p.type, tree.ShapeType) else kind)
                )

    # -- types

    def _letters_of(self, type_: Any) -> None:
        if isinstance(type_, tree.ShapeType):
            for item in type_.dims:
                if isinstance(item, tree.Ident) and item.name[0].isupper():
                    self.letters.add(item.name)
                elif isinstance(item, tree.StarDim) and item.name is not None:
                    self.letters.add(item.name.name)
        elif isinstance(type_, tree.Tree):
            for child in _children(type_):
                self._letters_of(child)

    def _type(self, type_: Any, binds: bool) -> None:
        """Letters are bound where a type has them alone; anything else in a shape is read."""
        if type_ is None:
            return
        if binds:
            self._letters_of(type_)
        if isinstance(type_, tree.ShapeType):
            for item in type_.dims:
                if isinstance(item, tree.Expr):
                    if isinstance(item, tree.Ident):
                        self.read.add(item.name)
                        if not item.name[0].isupper() and item.name != "_":
                            self._name(item)
                    else:
                        self._expr(item, in_shape=True)
        elif isinstance(type_, tree.Tree) and not isinstance(type_, tree.NameType):
            for child in _children(type_):
                if isinstance(child, (tree.Type, tree.UnionType, tree.Field)):
                    self._type(child, binds)

    # -- bodies

    def _collect(self, node: Any) -> None:
        """Labels and letters of a whole body: a label can be read from anywhere below it."""
        work = [node]
        while work:
            n = work.pop()
            kind = type(n)
            if kind is tree.Ident or kind in _LITERALS:
                continue
            if kind is tree.Pipe:
                for stage in n.stages:
                    label = stage.label
                    while type(label) is tree.Index:
                        label = label.value
                    if type(label) is tree.Ident:
                        self.labels.add(label.name)
                    work.append(stage.value)
            elif kind is tree.Bind or kind is tree.Augment or kind is tree.Paren:
                work.append(n.value)
            elif kind is tree.Call:
                work.extend([a.value for a in n.args])
                work.append(n.callee)
            elif kind is tree.Chain:
                work.append(n.first)
                work.extend([step.operand for step in n.steps])
            else:
                if kind is tree.TypedBind or kind is tree.State:
                    self._letters_of(n.type)
                work.extend(_children(n))

    def _body(self, body: tree.Body) -> None:
        for statement in body.statements:
            self._statement(statement)

    def _bind(self, name: tree.Ident, kind: str = "binding") -> None:
        if name.name != "_":
            self.known.add(name.name)
            self.bound.setdefault(name.name, (name.span, kind))

    def _statement(self, s: tree.Statement) -> None:
        if isinstance(s, tree.Bind):
            self._expr(s.value)
            for name in s.names:
                self._bind(name)
        elif isinstance(s, tree.Augment):
            self._name(s.name)
            self._expr(s.value)
        elif isinstance(s, (tree.TypedBind, tree.State)):
            self._expr(s.value)
            self._type(s.type, binds=True)
            self._bind(s.name)
        elif isinstance(s, tree.Update):
            self._name(s.name)
            self._expr(s.value)
        elif isinstance(s, tree.For):
            self._expr(s.iterable)
            before = set(self.known)
            for name in s.names:
                self.known.add(name.name)
            self._body(s.body)
            self.known = before | {n for n in self.known if n in before}
        elif isinstance(s, tree.If):
            for test, body in s.branches:
                self._expr(test)
                self._body(body)
            if s.otherwise is not None:
                self._body(s.otherwise)
        elif isinstance(s, tree.Return):
            for value in s.values:
                self._expr(value)
        elif isinstance(s, tree.Assert):
            self._expr(s.test)
        elif isinstance(s, tree.Expect):
            self._expect(s.test)
        elif isinstance(s, tree.Measure):
            self._expr(s.value)
            self._bind(s.name)
        elif isinstance(s, tree.Train):
            for path in s.nets:
                self._name(first_part(path))
            self._expr(s.loss)
            self.problems += recipe_words((s.optimiser, *s.options), self.known)
            for clause in (s.optimiser, *s.options):
                for a in clause.args or ():
                    self._expr(a.value)
        elif isinstance(s, tree.TrainingStage):
            self.problems += length_word(s.unit)
            self._expr(s.count)
            for a in s.args or ():
                self._expr(a.value)
            if s.until is not None:
                self._expr(s.until)
            self._body(s.body)

    def _expect(self, expr: tree.Expr) -> None:
        self._expr(expr, extra=QUERIES | GROUPS, lenient_arguments=True)

    # -- expressions

    def _expr(
        self,
        expr: Any,
        in_shape: bool = False,
        extra: frozenset[str] = frozenset(),
        lenient_arguments: bool = False,
    ) -> None:
        """Names in an expression, in the order of the text: an ``as`` is bound before what follows reads it."""
        work: list[Any] = [expr]
        while work:
            n = work.pop()
            kind = type(n)
            if kind is tree.Ident:
                if n.name in extra or (extra and n.name not in self.known and nearest(n.name, extra)):
                    continue
                if in_shape and n.name[0].isupper():
                    self.read.add(n.name)
                else:
                    self._name(n)
            elif kind in _LITERALS:
                continue
            elif kind is tree.Call:
                for a in reversed(n.args):
                    if not (lenient_arguments and type(a.value) is tree.Ident):
                        work.append(a.value)
                work.append(n.callee)
            elif kind is tree.Pipe:
                for stage in n.stages:
                    self._expr(stage.value)
                    if stage.label is not None:
                        self._label(stage.label)
                    if stage.name is not None:
                        self._bind(stage.name)
            elif kind is tree.Chain:
                work.extend([step.operand for step in reversed(n.steps)])
                work.append(n.first)
            elif kind is tree.Paren or kind is tree.Member:
                work.append(n.value)
            elif kind is tree.Unary:
                work.append(n.operand)
            else:
                work.extend(reversed(list(_children(n))))

    def _label(self, label: Any) -> None:
        while type(label) is tree.Index:
            for item in label.items:
                self._expr(item)
            label = label.value

    def _name(self, n: tree.Ident) -> None:
        name = n.name
        self.read.add(name)
        if name in self.known or name in self.letters or name in self.labels:
            return
        if (
            self.unit.lookup(name) is not None
            or name in BUILTINS
            or name in NUMBERS
            or name in LAWS
            or name == "training"
        ):
            return
        if find_op(name) is not None:
            return
        if any(
            name in [(a.alias or a.name).name for a in d.names]
            for d in self.unit.file.declarations
            if isinstance(d, tree.Import)
        ):
            return  # the import itself was the mistake
        if self.unit.is_lost(name):
            return
        problem = unbound(n, [*self.known, *self.letters, *self.labels, *self.unit.names()])
        if problem.fix is not None:
            self.read.update(edit.text for edit in problem.fix.edits)  # read under a wrong name
        self.problems.append(problem)
