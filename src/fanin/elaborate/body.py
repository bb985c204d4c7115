"""One body as it is elaborated: its scope, its builder, and the evaluation of its expressions and statements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fanin.diagnostics import Refusal
from fanin.elaborate.builder import Builder
from fanin.elaborate.context import Context
from fanin.elaborate.files import Unit
from fanin.elaborate.values import POISON, Instance, Poisoned
from fanin.ir.graph import Result
from fanin.syntax import tree

Evaluate = Callable[["Body", Any], Any]

EVALUATORS: dict[type[tree.Expr], Evaluate] = {}
EXECUTORS: dict[type[tree.Statement], Callable[[Body, Any], None]] = {}


def evaluates(*kinds: type[tree.Expr]) -> Callable[[Evaluate], Evaluate]:
    """Register how a kind of expression is evaluated."""

    def register(function: Evaluate) -> Evaluate:
        for kind in kinds:
            EVALUATORS[kind] = function
        return function

    return register


def executes(
    *kinds: type[tree.Statement],
) -> Callable[[Callable[[Body, Any], None]], Callable[[Body, Any], None]]:
    """Register how a kind of statement is carried out."""

    def register(function: Callable[[Body, Any], None]) -> Callable[[Body, Any], None]:
        for kind in kinds:
            EXECUTORS[kind] = function
        return function

    return register


class Returned(Exception):
    """A ``return`` has been reached: the body ends."""


class Body:
    """The state of one body. ``pure`` bodies (constants, ``fn`` of numbers) have no tensors and make no modules."""

    __slots__ = (
        "aliases",
        "builder",
        "ctx",
        "failed",
        "labels",
        "promises",
        "pure",
        "recipe",
        "result_span",
        "results",
        "scope",
        "unit",
    )

    def __init__(
        self,
        ctx: Context,
        unit: Unit,
        builder: Builder,
        scope: dict[str, Any] | None = None,
        *,
        pure: bool = False,
    ) -> None:
        self.ctx, self.unit, self.builder, self.pure = ctx, unit, builder, pure
        self.scope: dict[str, Any] = {} if scope is None else scope
        self.labels: dict[str, Any] = {}  # modules by label, readable where the body binds no such name
        self.results: tuple[Result, ...] | None = None
        self.failed = False
        self.aliases = 0
        self.promises: list[Any] = []
        self.result_span: Any = None
        self.recipe: Any = None  # of a system: what it measures and trains, as far as it has been read

    def evaluate(self, expr: tree.Expr) -> Any:
        value = EVALUATORS[type(expr)](self, expr)
        if value is POISON:
            raise Poisoned
        return value

    def run(self, statements: tuple[tree.Statement, ...]) -> None:
        """Carry out statements. One that is wrong is reported, what it binds is poisoned, and the next goes on."""
        for statement in statements:
            try:
                if statement.attributes:
                    self._run_attributed(statement)
                else:
                    EXECUTORS[type(statement)](self, statement)
            except Refusal as refusal:
                self.ctx.report(refusal.diagnostic)
                self.failed = True
                self._poison(statement)
            except Poisoned:
                self.failed = True
                self._poison(statement)

    def _run_attributed(self, statement: tree.Statement) -> None:
        from fanin.elaborate.marks import role_of, statement_edges, statement_laws

        start, role = len(self.builder.nodes), role_of(statement)
        try:
            EXECUTORS[type(statement)](self, statement)
        finally:
            if role:
                self.builder.roles.append((start, len(self.builder.nodes), role))
        names = statement.names if isinstance(statement, tree.Bind) else (getattr(statement, "name", None),)
        values = {n.name: self.scope.get(n.name) for n in names if isinstance(n, tree.Ident) and n.name != "_"}
        self.builder.laws += statement_laws(statement, values)
        self.builder.edges += statement_edges(statement, values)

    def _poison(self, statement: tree.Statement) -> None:
        if isinstance(statement, tree.Return):
            raise Returned
        for name in bound_names(statement):
            self.scope[name] = POISON
        if isinstance(statement, tree.TypedBind) and isinstance(statement.type, tree.ShapeType):
            for item in statement.type.dims:
                if isinstance(item, tree.Ident) and item.name[0].isupper() and item.name not in self.scope:
                    self.builder.letters.setdefault(item.name, POISON)

    def label(self, key: str, instance: Instance) -> None:
        """Let a label be read as a name."""
        self.labels[key] = instance


def bound_names(statement: tree.Statement) -> set[str]:
    """The names that a statement binds, those of the values in its pipes (``as``) included."""
    found: set[str] = set()
    work: list[Any] = [statement]
    while work:
        node = work.pop()
        if isinstance(node, tuple):
            work.extend(node)
        elif isinstance(node, (tree.Bind, tree.For)):
            found.update(n.name for n in node.names)
            work += [node.value] if isinstance(node, tree.Bind) else [node.iterable, node.body]
        elif isinstance(node, (tree.Augment, tree.TypedBind, tree.State, tree.Measure)):
            found.add(node.name.name)
            work.append(node.value)
        elif isinstance(node, tree.Stage):
            if node.name is not None:
                found.add(node.name.name)
            if isinstance(node.label, tree.Ident):
                found.add(node.label.name)
            work.append(node.value)
        elif isinstance(node, tree.Tree):
            work.extend(
                getattr(node, slot)
                for kind in type(node).__mro__
                for slot in getattr(kind, "__slots__", ())
                if slot != "span"
            )
    found.discard("_")
    return found
