"""Building one graph: its nodes and values, the modules made in it and their names, what it borrows and captures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from keyword import kwlist
from typing import Any

from fanin.diagnostics import Diagnostic, Fix, Label, Refusal
from fanin.diagnostics.codes import NAM220, NAM221
from fanin.diagnostics.model import Edit
from fanin.elaborate.policy import NO_POLICY
from fanin.elaborate.values import Composition, Element, Instance, Parameter, Repetition
from fanin.ir.dims import Dim, Symbol
from fanin.ir.graph import ModuleRef, Node, Operand, Port, Read, State, StateRef, Value
from fanin.ir.reserved import MODULE_ATTRIBUTES
from fanin.ir.types import TensorType
from fanin.record import record
from fanin.source import Span

# A child of that name would break the emitted class.
_TAKEN = MODULE_ATTRIBUTES | frozenset(kwlist)


def label_span(module: Span, name: str) -> Span:
    """The label or the bound name that stands before a module, or the module where it is named by something else."""
    before = module.source.text[max(0, module.start - 200) : module.start]
    found = re.search(rf"\b({re.escape(name)})(?:\s*\[[^\]]*\])*\s*[:=]\s*$", before)
    if found is None:
        return module
    start = module.start - len(before) + found.start(1)
    return Span(module.source, start, start + len(name))


@record(frozen=False)
class Capture:
    """A tensor of the graph around that a composition uses: it comes in as one more input."""

    outer: Value
    inner: Value


class Builder:
    """The graph that is being elaborated. ``parent`` is the builder in whose body a composition is used."""

    def __init__(self, name: str, span: Span, parent: Builder | None = None) -> None:
        self.name, self.span, self.parent = name, span, parent
        self.owner: Builder = self  # of the modules and states made here: for a region, the graph around it
        self.nodes: list[Node] = []
        self.setup: list[Node] = []
        self.ends: list[Node] = []  # updates: they come last
        self.reaches_out = False  # whether a gradient is wanted along what came in
        self.laws: tuple[Any, ...] = ()  # what the author says that values are the laws of
        self.edges: tuple[Any, ...] = ()  # and of which kind the edges in them are
        self.roles: list[tuple[int, int, str]] = []  # of nodes, from one to another, inner statements first
        self.updates: dict[str, Any] = {}  # the buffers that have been updated
        self.in_setup = False
        self.ports: list[Port] = []
        self.port_origins: dict[
            int, tuple[Builder | None, Any, int]
        ] = {}  # value index -> (outer, operand, port number)
        self.producers: dict[int, Node] = {}
        self.owners: set[int] = set()  # ids of the values that are this graph's
        self.names: dict[int, str] = {}
        self.instances: dict[str, Instance] = {}
        self.order: list[str] = []
        self.handed: set[str] = set()  # the keys of the modules that came in as hyper-parameters
        self.states: dict[str, State] = {}
        self.reads: dict[tuple[ModuleRef | None, str, bool], Value] = {}
        self.borrowed: list[tuple[Instance, str]] = []
        self.captures: list[Capture] = []
        self.loop: tuple[tuple[int, int], ...] = ()
        self.loops = 0
        self.counters: dict[str, int] = {}
        self.symbols: list[Symbol] = []
        self.hyper_names: set[str] = set()  # hyper-parameters that the body has not bound anew
        self.size_hypers: dict[str, Symbol] = {}  # hyper-parameters that are open dimensions
        self.policy = NO_POLICY
        self.letters: dict[str, Dim] = {}
        self._values = 0

    # -- values and nodes

    def value(self, type: TensorType) -> Value:
        value = Value(self._values, type)
        self._values += 1
        self.owners.add(id(value))
        return value

    def add(self, node: Node) -> Node:
        (self.setup if self.in_setup else self.nodes).append(node)
        for value in node.outputs:
            self.producers[value.index] = node
        return node

    def port(
        self,
        name: str,
        type: TensorType | None,
        span: Span,
        outer: Builder | None = None,
        operand: Any = None,
    ) -> Value | None:
        value = None if type is None else self.value(type)
        if value is not None:
            self.port_origins[value.index] = (outer, operand, len(self.ports))
            self.names[value.index] = name
        self.ports.append(Port(name, value, span))
        return value

    def own(self, operand: Operand) -> Operand:
        """The operand as this graph sees it: a tensor of the graph around is captured."""
        if not isinstance(operand, Value) or id(operand) in self.owners:
            return operand
        for capture in self.captures:
            if capture.outer is operand:
                return capture.inner
        inner = self.value(operand.type)
        self.captures.append(Capture(operand, inner))
        return inner

    def read(self, parameter: Parameter, span: Span) -> Value:
        """A parameter as a value, read once in a graph."""
        module = None if parameter.instance is None else self.ref(parameter.instance)
        key = (module, parameter.name, self.in_setup)
        if key not in self.reads:
            value = self.value(parameter.type)
            self.add(Read((), (value,), span, (), StateRef(module, parameter.name)))
            self.reads[key] = value
        return self.reads[key]

    # -- modules

    def ref(self, instance: Instance) -> ModuleRef:
        """Where a module is, seen from this graph. One that lives elsewhere is borrowed."""
        if instance.loose or instance.key is None:
            self.adopt(instance)
        home = instance.home
        if home is self:
            return ModuleRef(instance.key or "")
        if isinstance(home, Instance):
            outer = home
            path = instance.key or ""
            while isinstance(outer.home, Instance):
                path = f"{outer.key}.{path}"
                outer = outer.home
            if outer.home is self:
                return ModuleRef(f"{outer.key}.{path}")
        return ModuleRef(self._borrow(instance), borrowed=True)

    def _borrow(self, instance: Instance) -> str:
        for other, name in self.borrowed:
            if other is instance:
                return name
        base = name = (instance.key or "module").replace(".", "_")
        taken = {n for _, n in self.borrowed} | set(self.instances) | {p.name for p in self.ports}
        number = 1
        while name in taken:
            number += 1
            name = f"{base}{number}"
        self.borrowed.append((instance, name))
        return name

    def adopt(self, instance: Instance) -> None:
        """Give a module that nothing named its class's name and a number."""
        base = instance.what.lower() if not isinstance(instance.target, (Composition, Repetition)) else "sequential"
        self.counters[base] = number = self.counters.get(base, 0) + 1
        self.name_instance(instance, f"{base}{number}")

    def name_instance(self, instance: Instance, key: str, indexed: bool = True) -> None:
        """Make ``instance`` live here under ``key``, with the numbers of the loops around it."""
        if indexed and self.loop:
            key = ".".join([key, *(str(turn) for _, turn in self.loop)])
        self._register(instance, key)

    def _register(self, instance: Instance, key: str) -> None:
        first = key.split(".", 1)[0]
        if first in _TAKEN or first.startswith("__"):
            at = label_span(instance.span, first)
            read = len(re.findall(rf"\b{re.escape(first)}\b", self.span.text)) > 1
            fix = Fix(f"call it `{first}_`", (Edit(at, f"{first}_"),)) if at.text == first and not read else None
            helps = () if fix else (f"call it `{first}_`",)
            headline = f"a module cannot be called `{first}`: Python or nn.Module has taken that name"
            raise Refusal(Diagnostic(NAM221, headline, at, "taken", helps=helps, fix=fix))
        other = self.instances.get(key)
        if other is not None and other is not instance:
            at, label = label_span(instance.span, first), Label(label_span(other.span, first), "the first one")
            helps = ("give one of them another label, or bind the module once and use it twice to share its weights",)
            headline = f"two modules have the path `{key}`"
            raise Refusal(Diagnostic(NAM220, headline, at, "the second one", (label,), helps=helps))
        instance.key, instance.home, instance.loose = key, self, False
        self.instances[key] = instance
        self.order.append(key)

    def name_value(self, value: Any, key: str) -> None:
        """What a binding does to a value: a fresh module takes the name, a fresh list of them makes a level."""
        if isinstance(value, Instance):
            if value.loose and value.home is self.owner:
                self.name_instance(value, key)
        elif isinstance(value, list):
            for i, item in enumerate(value):
                if isinstance(item, Instance) and item.loose and item.home is self.owner:
                    self.name_instance(item, f"{key}.{i}")
                elif isinstance(item, Element):
                    self.name_value(item.value, f"{key}.{item.label or i}")

    def fresh(self) -> Iterator[Instance]:
        """Instances that live here, in the order in which they were named."""
        return (self.instances[key] for key in self.order)
