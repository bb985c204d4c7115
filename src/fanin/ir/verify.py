"""The laws of the IR, checked: what they find is a mistake of ours, never of a spec."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fanin.ir.dims import Dim, Poly, Symbol, expand, substitute
from fanin.ir.graph import (
    Apply,
    Call,
    Graph,
    Leaf,
    ModuleRef,
    Node,
    Operand,
    Program,
    Read,
    Repeat,
    Row,
    StateRef,
    Unit,
    Value,
    bodies,
    every_node,
    regions,
)
from fanin.ir.types import TensorType


class BrokenIR(AssertionError):
    """A law of the IR does not hold."""


def verify_program(program: Program) -> None:
    """Verify every graph that a program reaches. Raises BrokenIR."""
    seen: set[Graph] = set()
    todo = [program.graph]
    while todo:
        graph = todo.pop()
        if graph not in seen:
            seen.add(graph)
            verify_graph(graph)
            todo += _graphs(graph)


def verify_graph(graph: Graph) -> None:
    """Values are defined once and before their use, modules exist, types are what ops infer. Raises BrokenIR."""
    _Verifier(graph).run()


def _graphs(graph: Graph) -> Iterable[Graph]:
    for node in every_node((*bodies(graph), *graph.setup)):
        yield from _graphs_of(node)
    todo: list[Any] = [child.instance for child in graph.children]
    while todo:
        made = todo.pop()
        if isinstance(made, Unit):
            yield from made.graphs
        elif isinstance(made, Row):
            todo += [part for _, part in made.parts]


def _graphs_of(node: Node) -> list[Graph]:
    if isinstance(node, Repeat):
        return [run.call.graph for run in node.runs if isinstance(run.call, Call)]
    return [node.graph] if isinstance(node, Call) and not node.backwards else []


class _Verifier:
    """One graph: its values that are defined so far. A region has the modules and states of the graph around it."""

    def __init__(self, graph: Graph, around: _Verifier | None = None) -> None:
        self.graph, self.around = graph, around
        self.owner: Graph = graph if around is None else around.owner
        self.defined: dict[int, TensorType] = {}
        self.children: dict[str, Any] = {}

    def fail(self, what: str, node: Node | None = None) -> BrokenIR:
        at = "" if node is None else f" ({type(node).__name__} at {node.span})"
        return BrokenIR(f"in the graph `{self.graph.name or self.graph.kind}`{at}: {what}")

    def run(self) -> None:
        graph = self.graph
        if self.around is not None:
            self.children = self.around.children
            if graph.children or graph.states or graph.borrows or graph.setup:
                raise self.fail("a region has modules or states of its own")
        for child in graph.children:
            if child.path in self.children:
                raise self.fail(f"two children have the path `{child.path}`")
            self.children[child.path] = child.instance
        names = [state.name for state in graph.states]
        if len(set(names)) < len(names) or set(names) & set(self.children):
            raise self.fail(f"a state has the name of another or of a child: {names}")
        for node in graph.setup:
            self.node(node)
        started = dict(self.defined)
        for state in graph.states:
            if isinstance(state.start, Value):
                self.use(state.start, None)
        self.defined = {}
        for port in graph.ports:
            if port.value is not None:
                self.define(port.value, None)
        for node in graph.nodes:
            self.node(node)
        if graph.inverse is not None:
            _Verifier(graph.inverse, self).run()
        for result in graph.results:
            if graph.kind == "extern" and isinstance(result.value, Value):
                self.define(result.value, None)  # by what is declared
            self.use(result.value, None)
        if started.keys() & self.defined.keys():
            raise self.fail(f"values of the setup are defined again: {sorted(started.keys() & self.defined.keys())}")
        for index in graph.names:
            if index not in self.defined and index not in started:
                raise self.fail(f"the value %{index} has a name and nothing gives it")
        self.places()

    def define(self, value: Value, node: Node | None) -> None:
        if value.index in self.defined:
            raise self.fail(f"the value %{value.index} is defined twice", node)
        self.defined[value.index] = value.type

    def use(self, operand: Operand | None, node: Node | None) -> None:
        if isinstance(operand, Value):
            if operand.index not in self.defined:
                raise self.fail(f"the value %{operand.index} is used before it is defined", node)
            if self.defined[operand.index] != operand.type:
                had = self.defined[operand.index]
                raise self.fail(f"the value %{operand.index} is {had}, and used as {operand.type}", node)

    # -- nodes

    def node(self, node: Node) -> None:
        for operand in node.inputs:
            self.use(operand, node)
        self.references(node)
        for region in regions(node):
            given = [port.value.type for port in region.ports if port.value is not None]
            if len(given) != len(node.inputs):
                raise self.fail(f"a region takes {len(given)} tensors, and gets {len(node.inputs)}", node)
            _Verifier(region, self).run()
        if isinstance(node, Repeat):
            self.repeat(node)
        else:
            self.types(node, node.outputs)
        for value in node.outputs:
            self.define(value, node)

    def references(self, node: Node) -> None:
        """The modules that a node speaks of are there."""
        module = getattr(node, "module", None)
        refs = [module] if module is not None else []
        refs += getattr(node, "lent", ())
        if isinstance(node, Read) and node.state.module is not None:
            refs.append(node.state.module)
        for ref in refs:
            if ref.borrowed and ref.path.split(".")[0] not in self.owner.borrows:
                raise self.fail(f"`{ref.path}` is borrowed from nobody", node)
            if not ref.borrowed and self.instance(ref) is None:
                raise self.fail(f"there is no module `{ref.path}`", node)
        if isinstance(node, Read):
            self.read(node)
        for graph in _graphs_of(node):
            lent = getattr(node, "lent", None)
            if isinstance(node, Call) and len(lent or ()) != len(graph.borrows):
                raise self.fail(f"`{graph.name}` borrows {graph.borrows}, and is lent {lent}", node)

    def read(self, node: Read) -> None:
        ref: StateRef = node.state
        if ref.module is None:
            if ref.name not in [state.name for state in self.owner.states]:
                raise self.fail(f"there is no state `{ref.name}`", node)
        elif not ref.module.borrowed:
            made = self.instance(ref.module)
            names = [w.spec.name for w in made.weights] if isinstance(made, Leaf) else None
            if isinstance(made, Unit):
                names = [state.name for state in made.graph.states]
            if names is None or ref.name not in names:
                raise self.fail(f"`{ref.module.path}` has no `{ref.name}`", node)

    def instance(self, ref: ModuleRef) -> Any:
        """What is at a path: a child, a place of a repetition, or something in a child."""
        table: dict[str, Any] = self.children
        name = ""
        found: Any = None
        for step in ref.path.split("."):
            if isinstance(found, Row):
                found = _at(found, step)
                if isinstance(found, Unit):
                    table, name = {c.path: c.instance for c in found.graph.children}, ""
                continue
            name = f"{name}.{step}" if name else step
            found = table.get(name)
            if isinstance(found, Unit):
                table, name = {c.path: c.instance for c in found.graph.children}, ""
        return found

    def types(self, node: Node, outputs: Sequence[Value]) -> None:
        """The types of the results are those that the op infers, or the graph gives."""
        given: list[Any] = [None if operand is None else operand.type for operand in node.inputs]
        if isinstance(node, Apply):
            result: Any = node.op.infer(node.attrs, *given)
            wanted = [result] if isinstance(result, TensorType) else list(result.types)
        elif isinstance(node, Call):
            wanted = self.called(node, given)
        else:
            return
        found = [value.type for value in outputs]
        if not _alike(found, wanted):
            raise self.fail(f"the results are {_text(found)}, and should be {_text(wanted)}", node)

    def called(self, node: Call, given: list[TensorType | None]) -> list[TensorType]:
        ports = [port.value.type for port in node.graph.ports if port.value is not None]
        if len(ports) != len(given) or len(node.sizes) != len(node.graph.sizes):
            raise self.fail(f"`{node.graph.name}` takes {len(ports)} tensors and {len(node.graph.sizes)} sizes", node)
        letters: dict[Symbol, Dim] = dict(zip(node.graph.sizes, node.sizes, strict=True))
        for port, actual in zip(ports, given, strict=True):
            if actual is None or actual.rank != port.rank:
                raise self.fail(f"{actual} goes to {port} of `{node.graph.name}`", node)
            for own, outer in zip(port.shape, actual.shape, strict=True):
                if isinstance(own, Poly) and len(own.symbols()) == 1:
                    (symbol,) = own.symbols()
                    if own == symbol * 1:
                        letters.setdefault(symbol, outer)
        return [_put(result.value.type, letters) for result in node.graph.results]

    def repeat(self, node: Repeat) -> None:
        if sum(run.count for run in node.runs) != node.count:
            raise self.fail(f"the runs of a repetition of {node.count} are {[run.count for run in node.runs]}", node)
        row = self.instance(node.module)
        if not isinstance(row, Row) or row.count != node.count:
            raise self.fail(f"`{node.module.path}` is no row of {node.count}", node)
        index = 0
        flowing = [operand.type for operand in node.inputs if operand is not None]
        for run in node.runs:
            if run.call.module != ModuleRef(f"{node.module.path}.{index}"):
                raise self.fail(f"the run at {index} is of `{run.call.module}`", node)
            entering = [operand.type for operand in run.call.inputs if operand is not None]
            if not _alike(entering[:1], flowing[:1]):
                raise self.fail(f"{_text(entering)} enters the place {index}, after {_text(flowing)}", node)
            self.types(run.call, run.call.outputs)
            flowing = [value.type for value in run.call.outputs]
            if run.count > 1 and not _alike(flowing[:1], entering[:1]):
                raise self.fail(f"{run.count} places in a row change the type: {_text(flowing)}", node)
            index += run.count
        if not _alike(flowing, [value.type for value in node.outputs]):
            raise self.fail(f"a repetition gives {_text(flowing)}", node)

    def places(self) -> None:
        for place in self.graph.places or ():
            held = isinstance(place, str) and place in self.children
            if not held and not (isinstance(place, int) and 0 <= place < len(self.graph.nodes)):
                raise self.fail(f"nothing stands at the place {place!r}")


def _at(row: Row, step: str) -> Any:
    left = int(step) if step.isdecimal() else row.count
    for count, part in row.parts:
        if left < count:
            return part
        left -= count
    return None


def _put(t: TensorType, letters: dict[Symbol, Dim]) -> TensorType:
    return t.with_shape(*(substitute(d, letters) for d in t.shape))


def _alike(a: Sequence[TensorType], b: Sequence[TensorType]) -> bool:
    """Whether types agree, as far as their dimensions say the same in the letters of the model."""
    return [(t.dtype, *map(expand, t.shape)) for t in a] == [(t.dtype, *map(expand, t.shape)) for t in b]


def _text(types: Sequence[TensorType]) -> str:
    return ", ".join(map(str, types)) or "nothing"
