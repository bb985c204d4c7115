"""One `forward` for an instance that runs several graphs: sizes that differ are read off the inputs.

A size that is 28 in one graph and 32 in another is printed as the expression over the axes of the inputs that has
these values. Where the graphs differ in more than sizes, each keeps its statements, and `forward` asks the inputs
which of them it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TypeVar

from fanin.emit.torch.choices import choices, ported
from fanin.emit.torch.expressions import Comprehension, Tree, parsed, parts, rebuild
from fanin.emit.torch.names import Names, is_identifier
from fanin.emit.torch.sizes import preamble
from fanin.emit.torch.statements import (
    Absent,
    Assign,
    Def,
    Do,
    For,
    If,
    Lines,
    Return,
    Statement,
    Yield,
    change_trees,
)
from fanin.emit.torch.uses import EmitError
from fanin.emit.torch.versions import ANY_SIZE, Version, common_letters
from fanin.ir.dims import Dim, Poly, Symbol, floordiv, maximum, minimum, mod, render, substitute
from fanin.ir.graph import Graph, Port, Result, Value
from fanin.ir.types import TensorType
from fanin.ops.code import Call, Infix, Name, Prefix

T = TypeVar("T")


class Disagreement(Exception):
    """The statements of two graphs differ in more than sizes."""


@dataclass
class Agreement:
    """The forward of several versions: ``graph`` is one for them all, with letters for the sizes that differ."""

    versions: Sequence[Version]
    taken: frozenset[str]
    graph: Graph = field(init=False)
    parameters: tuple[tuple[str, str], ...] = field(init=False)
    forward: tuple[Statement, ...] = field(init=False)

    def __post_init__(self) -> None:
        first = self.versions[0]
        self._check_ends()
        try:
            if len({tuple(p.value is None for p in v.graph.ports) for v in self.versions}) > 1:
                raise Disagreement
            self._letters()
            body = self._statements([v.body for v in self.versions])
            used = _names_in(body)
            axes = {place: name for place, name in self.names.items() if name in used}
            ports = [p for p in first.graph.ports if p.value is not None]
            named = [(p, first.writer.ports[p.value.index]) for p in ports if p.value is not None]
            self.forward = (*first.writer.scope.setup, *preamble(named, axes), *body)
            self.graph, self.parameters = self._general(), first.parameters
        except Disagreement:
            self.graph, self.parameters = ported(self.versions)
            self.forward = choices(self.versions)

    def _check_ends(self) -> None:
        """The versions are handed the same modules and sizes besides their tensors."""
        ends = [v.parameters[sum(p.value is not None for p in v.graph.ports) :] for v in self.versions]
        results = [[r.name for r in v.graph.results] for v in self.versions]
        if any(end != ends[0] for end in ends) or any(names != results[0] for names in results):
            raise EmitError(
                f"one instance of `{self.versions[0].graph.name}` is applied in ways that need different arguments"
            )

    # ------------------------------------------------------------------------------------------------ the letters

    def _letters(self) -> None:
        """A symbol for every axis whose size is open, or not the same in all graphs."""
        self.axes: dict[Symbol, tuple[Dim, ...]] = {}  # with the size in each graph
        self.names: dict[tuple[int, int], str] = {}
        self.by_sizes: dict[tuple[Dim, ...], Symbol] = {}
        self.spoken: dict[Symbol, str] = {}
        columns = [[p.value for p in v.graph.ports if p.value is not None] for v in self.versions]
        words = set().union(*(_names_in(v.body) for v in self.versions))
        letters = {name for v in self.versions for name in v.writer.sizes.letters.values()}
        fresh = Names(self.taken | (words - letters) | {name for name, _ in self.versions[0].parameters})
        for column in zip(*columns, strict=True):
            if len({(value.type.rank, value.type.dtype) for value in column}) > 1:
                raise Disagreement
            for axis in range(column[0].type.rank):
                sizes = tuple(value.type.shape[axis] for value in column)
                if sizes in self.by_sizes or all(isinstance(s, int) and s == sizes[0] for s in sizes):
                    continue
                name = fresh.fresh(self._letter(sizes))
                symbol = self.by_sizes[sizes] = Symbol(name)
                self.axes[symbol], self.spoken[symbol] = sizes, name
                self.names[column[0].index, axis] = name

    def _letter(self, sizes: tuple[Dim, ...]) -> str:
        """What the author calls an axis with these sizes."""
        tables = [dict(v.graph.letters) for v in self.versions]
        for letter in tables[0]:
            if is_identifier(letter) and tuple(table.get(letter) for table in tables) == sizes:
                return letter
        for size in sizes:
            if isinstance(size, Poly) and len(size.symbols()) == 1:
                name = next(iter(size.symbols())).name
                return name if is_identifier(name) else "size"
        return "size"

    def _explain(self, sizes: tuple[Dim, ...]) -> Dim:
        """The expression over the axes of the inputs that is each of these sizes in its graph."""
        if all(isinstance(s, int) and s == sizes[0] for s in sizes):
            return sizes[0]
        for guess in self._guesses(sizes):
            if tuple(self._at(guess, i) for i in range(len(sizes))) == sizes:
                return guess
        raise Disagreement

    def _at(self, size: Dim, version: int) -> Dim:
        return substitute(size, {symbol: sizes[version] for symbol, sizes in self.axes.items()})

    def _guesses(self, sizes: tuple[Dim, ...]) -> Iterator[Dim]:
        if sizes in self.by_sizes:
            yield self.by_sizes[sizes].poly
        # The expression of a graph that leaves the size open, in the letters of all.
        for i, size in enumerate(sizes):
            if isinstance(size, Poly):
                mapping: dict[Symbol, Dim] = {}
                for symbol, own in self.axes.items():
                    here = own[i]
                    if isinstance(here, Poly) and len(here.symbols()) == 1:
                        (single,) = here.symbols()
                        if here == single.poly:
                            mapping.setdefault(single, symbol.poly)
                yield substitute(size, mapping)
        if not all(isinstance(size, int) for size in sizes):
            return
        for symbol, own in self.axes.items():
            for a, b in zip(sizes, own, strict=True):
                if isinstance(a, int) and isinstance(b, int) and a and b:
                    yield symbol.poly * (a // b)
                    yield floordiv(symbol.poly, max(1, b // a))
                    yield symbol.poly + (a - b)
        for one, other in product(self.axes, self.axes):
            yield one.poly * other.poly

    # ---------------------------------------------------------------------------------------------- the statements

    def _statements(self, columns: Sequence[Sequence[Statement]]) -> tuple[Statement, ...]:
        if len({len(column) for column in columns}) > 1:
            raise Disagreement
        return tuple(self._statement(row) for row in zip(*columns, strict=True))

    def _statement(self, row: tuple[Statement, ...]) -> Statement:
        first = row[0]
        if any(type(statement) is not type(first) for statement in row):
            raise Disagreement
        match first:
            case Assign():
                same = _of(Assign, row)
                _equal([s.targets for s in same])
                types = self._types([s.types for s in same])
                return Assign(first.targets, self._tree([s.value for s in same]), types, first.written, first.noted)
            case Do():
                return Do(self._tree([s.value for s in _of(Do, row)]), first.written)
            case Return():
                return Return(self._tree([s.value for s in _of(Return, row)]), first.written)
            case For():
                loops = _of(For, row)
                _equal([s.target for s in loops])
                return For(
                    first.target, self._tree([s.iterable for s in loops]), self._statements([s.body for s in loops])
                )
            case If():
                ifs = _of(If, row)
                condition = self._tree([s.condition for s in ifs])
                return If(
                    condition, self._statements([s.body for s in ifs]), self._statements([s.otherwise for s in ifs])
                )
            case Def() | Yield():  # methods of a root alone
                raise Disagreement
            case Lines() | Absent():
                _equal(row)
                return first

    def _types(self, columns: Sequence[tuple[TensorType, ...]]) -> tuple[TensorType, ...]:
        try:
            return tuple(self._type(row) for row in zip(*columns, strict=True))
        except (Disagreement, ValueError):
            return ()

    def _type(self, row: Sequence[TensorType]) -> TensorType:
        _equal([(t.dtype, t.rank) for t in row])
        return TensorType(
            row[0].dtype, tuple(self._explain(sizes) for sizes in zip(*(t.shape for t in row), strict=True))
        )

    def _tree(self, trees: Sequence[Tree]) -> Tree:
        sizes = [self._size(tree, i) for i, tree in enumerate(trees)]
        known = tuple(size for size in sizes if size is not None)
        if len(known) == len(trees):
            if all(tree == trees[0] for tree in trees) and all(isinstance(size, int) for size in known):
                return trees[0]
            return parsed(render(self._explain(known), lambda symbol: self.spoken[symbol], True))
        first = trees[0]
        if any(type(tree) is not type(first) for tree in trees):
            raise Disagreement
        if isinstance(first, float) and any(tree != first for tree in trees):
            squares = [round(tree**2) if math.isfinite(tree) else 0 for tree in trees]
            if any(math.sqrt(square) != tree for square, tree in zip(squares, trees, strict=True)):
                raise Disagreement
            return Call("math.sqrt", (self._tree(squares),))
        if isinstance(first, Comprehension):
            return Comprehension(self._tree([t.element for t in trees]), self._tree([t.count for t in trees]))
        columns = [list(parts(tree)) for tree in trees]
        _equal([len(column) for column in columns])
        _equal([_head(tree) for tree in trees])
        unified = iter([self._tree(column) for column in zip(*columns, strict=True)])
        return rebuild(first, lambda part: next(unified))

    def _size(self, tree: Tree, version: int) -> Dim | None:
        """Arithmetic over the sizes of the inputs as a dimension of the version's own graph."""
        writer = self.versions[version].writer
        match tree:
            case bool():
                return None
            case int():
                return tree
            case Name():
                own = {name: symbol for symbol, name in writer.sizes.letters.items()}
                return own[tree.text].poly if tree.text in own else None
            case Infix(op=op) if op in _ARITHMETIC:
                a, b = self._size(tree.left, version), self._size(tree.right, version)
                if a is None or b is None or (op in ("//", "%") and isinstance(b, int) and b <= 0):
                    return None
                return _ARITHMETIC[op](a, b)
            case Prefix(op="-"):
                inner = self._size(tree.operand, version)
                return None if inner is None else -inner
            case Call(target="min" | "max" as target):
                items = [self._size(arg, version) for arg in tree.args]
                known = [item for item in items if item is not None]
                if len(known) < len(items):
                    return None
                return minimum(*known) if target == "min" else maximum(*known)
        return None

    def _general(self) -> Graph:
        """The first graph with letters for what differs."""
        first = self.versions[0].graph
        ports, at = [], 0
        columns = [[p.value for p in v.graph.ports if p.value is not None] for v in self.versions]
        for port in first.ports:
            if port.value is not None:
                port = Port(port.name, Value(port.value.index, self._type([c[at].type for c in columns])), port.span)
                at += 1
            ports.append(port)
        results = []
        for i, result in enumerate(first.results):
            value = result.value
            if isinstance(value, Value):
                types = self._types([(v.graph.results[i].value.type,) for v in self.versions])
                kind = types[0] if types else value.type.with_shape(*(ANY_SIZE for _ in value.type.shape))
                value = Value(value.index, kind)
            results.append(Result(result.name, value))
        return replace(first, ports=tuple(ports), results=tuple(results), letters=common_letters(self.versions, first))


_ARITHMETIC: dict[str, Callable[[Dim, Dim], Dim]] = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "//": floordiv, "%": mod,
}  # fmt: skip


def _of(kind: type[T], row: Sequence[Statement]) -> list[T]:
    return [statement for statement in row if isinstance(statement, kind)]


def _equal(values: Sequence[object]) -> None:
    if any(value != values[0] or type(value) is not type(values[0]) for value in values):
        raise Disagreement


def _head(tree: Tree) -> object:
    """A tree without its parts."""
    return rebuild(tree, lambda part: 0)


def _names_in(statements: Sequence[Statement]) -> set[str]:
    """The names that statements speak of, with those they assign."""
    found: set[str] = set()

    def visit(tree: Tree) -> Tree:
        if isinstance(tree, Name):
            found.add(tree.text)
        else:
            rebuild(tree, visit)
        return tree

    change_trees(statements, visit)
    todo = list(statements)
    while todo:
        statement = todo.pop()
        match statement:
            case Assign(targets=targets):
                found.update(targets)
            case For(target=target, body=body):
                found.update(name.strip() for name in target.split(","))
                todo += body
            case If(body=body, otherwise=otherwise):
                todo += [*body, *otherwise]
            case _:
                pass
    return found
