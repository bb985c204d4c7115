"""Parts of a graph that run in their own way: the step of a loop, the two ways of an ``if training``.

A region has nodes and values of its own, and takes the tensors around it as inputs. Modules, parameters and letters are
those of the graph around: what is made in a region lives there.
"""

from __future__ import annotations

from collections.abc import Sequence

from fanin.elaborate.builder import Builder
from fanin.elaborate.values import Instance
from fanin.ir.graph import Graph, ModuleRef, Operand, Port, Result
from fanin.source import Span


class Region(Builder):
    """Builds a region of the graph that ``outer`` builds; ``is_way`` is one of an ``if training``."""

    def __init__(self, outer: Builder, span: Span, *, is_way: bool = False) -> None:
        super().__init__("", span, outer)
        self.outer = outer
        self.is_way = is_way
        self.owner = outer.owner
        self.instances, self.order, self.handed = outer.instances, outer.order, outer.handed
        self.states, self.borrowed, self.counters = outer.states, outer.borrowed, outer.counters
        self.symbols, self.size_hypers = outer.symbols, outer.size_hypers
        self.hyper_names, self.letters = set(outer.hyper_names), dict(outer.letters)
        self.loop, self.policy = outer.loop, outer.policy

    def ref(self, instance: Instance) -> ModuleRef:
        return self.outer.ref(instance)

    def adopt(self, instance: Instance) -> None:
        self.outer.adopt(instance)

    def name_instance(self, instance: Instance, key: str, indexed: bool = True) -> None:
        self.outer.name_instance(instance, key, indexed)

    def graph(self, results: Sequence[Result]) -> Graph:
        """The region, with the tensors around that it uses as its last inputs."""
        ports = [*self.ports, *(Port(f"outer{c.inner.index}", c.inner, self.span) for c in self.captures)]
        return Graph(
            name="",
            kind="region",
            hypers=(),
            symbols=(),
            letters=(),
            ports=tuple(ports),
            borrows=(),
            nodes=tuple(self.nodes),
            results=tuple(results),
            children=(),
            states=(),
            setup=(),
            names=dict(self.names),
            places=None,
            doc="",
            span=self.span,
        )

    def captured(self) -> tuple[Operand, ...]:
        """What goes to those last inputs, in the graph around."""
        return tuple(self.outer.own(c.outer) for c in self.captures)
