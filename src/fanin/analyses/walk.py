"""Going through a program with a fact for each value; a graph that is used again with equal facts is gone through once.

What a fact is, and what an op makes of facts, the analyses say: they are subclasses. Everything is in the letters of
the program's own graph, whatever graph one is in.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, Generic, TypeAlias, TypeVar

from fanin.analyses.reading import all_of, letters, running
from fanin.ir.dims import Dim, Poly, Symbol, expand, substitute
from fanin.ir.graph import (
    Apply,
    Call,
    Choice,
    Ensemble,
    Graph,
    Iterate,
    Node,
    Operand,
    Read,
    Repeat,
    Scalar,
    Scan,
    Update,
    Value,
)
from fanin.ir.types import TensorType
from fanin.ops.sees import Use
from fanin.record import record

F = TypeVar("F")
Sizes: TypeAlias = Mapping[Symbol, Dim]


@record(eq=False)
class Origin(Generic[F]):
    """Where something comes in: a node, and the facts of what it takes."""

    node: Node
    inputs: tuple[F | None, ...]


class Walk(ABC, Generic[F]):
    """One way through a program. Facts have equality and a hash."""

    def __init__(self, training: bool = False) -> None:
        self.training = training
        self._known: dict[Any, list[F]] = {}
        self._facts: dict[Any, dict[int, F]] = {}

    # -- what an analysis says

    @abstractmethod
    def apply(self, node: Apply, attrs: Any, use: Use, inputs: Sequence[F | None]) -> list[F]:
        """What an op makes of the facts of its inputs."""

    @abstractmethod
    def scalar(self, value: Any) -> F: ...

    @abstractmethod
    def read(self, type_: TensorType) -> F:
        """A parameter or buffer."""

    @abstractmethod
    def either(self, a: F, b: F, type_: TensorType) -> F:
        """What holds of a value that is one or the other."""

    @abstractmethod
    def opaque(
        self, node: Node, types: Sequence[TensorType | None], inputs: Sequence[F | None], outs: Sequence[TensorType]
    ) -> list[F]:
        """Results of which nothing is known but what they are made of."""

    @abstractmethod
    def scan(self, node: Scan, use: Use, inputs: Sequence[F | None], sizes: Sizes) -> list[F]: ...

    @abstractmethod
    def ensemble(self, node: Ensemble, use: Use, inputs: Sequence[F | None], sizes: Sizes) -> list[F]: ...

    @abstractmethod
    def iterate(self, node: Iterate, use: Use, inputs: Sequence[F | None], sizes: Sizes) -> list[F]: ...

    # -- the way

    def graph(self, graph: Graph, inputs: Sequence[F | None], sizes: Sizes) -> list[F]:
        """The facts of a graph's results from those of its inputs."""
        key = (graph, tuple(inputs), tuple(sizes.items()))
        found = self._known.get(key)
        if found is None:
            facts = self._facts[key] = {}
            found = self._known[key] = self._graph(graph, inputs, sizes, facts)
        return found

    def _graph(self, graph: Graph, inputs: Sequence[F | None], sizes: Sizes, facts: dict[int, F]) -> list[F]:
        ports = [port.value for port in graph.ports if port.value is not None]
        for value, fact in zip(ports, inputs, strict=True):
            if fact is not None:
                facts[value.index] = fact

        def of(operand: Operand | None) -> F | None:
            if operand is None:
                return None
            return facts[operand.index] if isinstance(operand, Value) else self.scalar(operand.value)

        for node, _ in running(graph, all_of(graph)):
            if isinstance(node, Update):
                continue
            given = [of(operand) for operand in node.inputs]
            for value, fact in zip(node.outputs, self.node(node, given, sizes), strict=True):
                facts[value.index] = fact
        results = [of(result.value) for result in graph.results]
        return [fact for fact in results if fact is not None]

    def node(self, node: Node, inputs: list[F | None], sizes: Sizes) -> list[F]:
        use = Use(
            tuple(None if o is None else settled(o.type, sizes) for o in node.inputs),
            tuple(settled(v.type, sizes) for v in node.outputs),
            self.training,
        )
        match node:
            case Apply():
                return self.apply(node, settled_value(node.attrs, sizes), use, inputs)
            case Call():
                return self._call(node, use.types, inputs, use.outs, sizes)
            case Repeat():
                return self._repeat(node, use, inputs, sizes)
            case Read():
                return [self.read(use.outs[0])]
            case Choice():
                return self.graph(node.training if self.training else node.evaluation, inputs, sizes)
            case Scan():
                return self.scan(node, use, inputs, sizes)
            case Iterate():
                return self.iterate(node, use, inputs, sizes)
            case Ensemble():
                return self.ensemble(node, use, inputs, sizes)
            case _:
                return self.opaque(node, use.types, inputs, use.outs)

    def _call(
        self,
        node: Call,
        types: Sequence[TensorType | None],
        inputs: list[F | None],
        outs: Sequence[TensorType],
        sizes: Sizes,
    ) -> list[F]:
        graph = node.graph
        if graph.kind == "extern":
            return self.opaque(node, types, inputs, outs)
        return self.graph(graph, inputs, self._letters(node, types, sizes))

    @staticmethod
    def _letters(node: Call, types: Sequence[TensorType | None], sizes: Sizes) -> Sizes:
        """What the letters of a graph that is called stand for; those around may be in what they are defined by."""
        own = letters(node.graph, types, [settled_dim(d, sizes) for d in node.sizes])
        return {**{symbol: d for symbol, d in sizes.items() if symbol.definition is None}, **own}

    def _repeat(self, node: Repeat, use: Use, inputs: list[F | None], sizes: Sizes) -> list[F]:
        """One place after the other, until nothing changes any more."""
        count = len(node.runs[0].call.outputs)
        flowing, rest = inputs[:count], inputs[count:]
        for run in node.runs:
            for _ in range(run.count):
                before = flowing
                flowing = [*self._place(run.call, [*flowing, *rest][: len(run.call.inputs)], sizes)]
                if flowing == before:
                    break
        return [fact for fact in flowing if fact is not None]

    def fact(self, graph: Graph, inputs: Sequence[F | None], sizes: Sizes, operand: Operand | None) -> F | None:
        """That of a value of a graph that was gone through."""
        if not isinstance(operand, Value):
            return None
        return self._facts[(graph, tuple(inputs), tuple(sizes.items()))].get(operand.index)

    def origin(
        self, graph: Graph, inputs: Sequence[F | None], sizes: Sizes, result: Operand, bad: Callable[[F], bool]
    ) -> Origin[F] | None:
        """The first node on the way to a result whose fact is bad where those of its inputs are not."""
        facts = self._facts.get((graph, tuple(inputs), tuple(sizes.items())))
        makers = {v.index: (node, place) for node in graph.nodes for place, v in enumerate(node.outputs)}
        while facts is not None and isinstance(result, Value) and result.index in makers:
            node, place = makers[result.index]
            before = [o for o in node.inputs if isinstance(o, Value) and o.index in facts and bad(facts[o.index])]
            if before:
                result = before[0]
                continue
            given = [facts.get(o.index) if isinstance(o, Value) else None for o in node.inputs]
            given = [
                self.scalar(o.value) if isinstance(o, Scalar) else f for o, f in zip(node.inputs, given, strict=True)
            ]
            return self._inside(node, given, sizes, place, bad) or Origin(node, tuple(given))
        return None

    def _inside(
        self, node: Node, inputs: list[F | None], sizes: Sizes, place: int, bad: Callable[[F], bool]
    ) -> Origin[F] | None:
        """The same in what a node calls."""
        if isinstance(node, Call) and node.graph.kind != "extern":
            types = [None if o is None else settled(o.type, sizes) for o in node.inputs]
            own = self._letters(node, types, sizes)
            return self.origin(node.graph, inputs, own, node.graph.results[place].value, bad)
        if isinstance(node, Repeat):
            count = len(node.runs[0].call.outputs)
            flowing, rest = inputs[:count], inputs[count:]
            for run in node.runs:
                for _ in range(run.count):
                    given = [*flowing, *rest][: len(run.call.inputs)]
                    made = self._place(run.call, given, sizes)
                    if place < len(made) and bad(made[place]):
                        return self._inside(run.call, given, sizes, place, bad) or Origin(run.call, tuple(given))
                    flowing = [*made]
        return None

    def _place(self, node: Call | Apply, inputs: list[F | None], sizes: Sizes) -> list[F]:
        return self.node(node, inputs, sizes)


def settled_dim(d: Dim, sizes: Sizes) -> Dim:
    """A dimension in the letters of the program."""
    if isinstance(d, int):
        return d
    if not sizes:
        return expand(d)
    known: dict[Symbol, Dim] = {}
    for symbol in d.symbols():
        if symbol in sizes:
            known[symbol] = sizes[symbol]
        elif symbol.definition is not None:
            known[symbol] = settled_dim(symbol.definition, sizes)
    return substitute(d, known) if known else d


def settled(type_: TensorType, sizes: Sizes) -> TensorType:
    if all(isinstance(d, int) for d in type_.shape):
        return type_
    return TensorType(type_.dtype, tuple(settled_dim(d, sizes) for d in type_.shape))


def settled_value(value: Any, sizes: Sizes) -> Any:
    """Attributes in the letters of the program."""
    if isinstance(value, Poly):
        return settled_dim(value, sizes)
    if isinstance(value, tuple):
        changed = tuple(settled_value(v, sizes) for v in value)
        return changed if any(new is not old for new, old in zip(changed, value, strict=True)) else value
    if is_dataclass(value) and not isinstance(value, type):
        found = {f.name: getattr(value, f.name) for f in fields(value)}
        new = {name: settled_value(v, sizes) for name, v in found.items()}
        if any(new[name] is not found[name] for name in new):
            return replace(value, **new)
    return value


__all__ = ["F", "Origin", "Scalar", "Sizes", "Walk", "settled", "settled_dim", "settled_value"]
