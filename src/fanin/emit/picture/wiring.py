"""Values on the paper: where each comes out, and the arrows to where it goes in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from fanin.analyses.reading import letters, types_of
from fanin.emit.picture.labels import Sizes
from fanin.emit.picture.model import Box, Edge, Line, Node, Shape
from fanin.emit.picture.paint import Paint
from fanin.ir.dims import Dim, Symbol, expand, substitute
from fanin.ir.graph import Ensemble, Graph, ModuleRef, Operand, Scan, Value
from fanin.ir.types import TensorType
from fanin.record import field, record


@record
class Wire:
    """A value on the paper: the node it comes out of, its type in the letters of the model, and whether that is new."""

    tail: str
    type: TensorType
    fresh: bool = False


@record(frozen=False, eq=False)
class Scope:
    """A use of a graph: its path in the model, what its letters and borrowed modules are, and its values."""

    graph: Graph
    path: str = ""
    letters: Mapping[Symbol, Dim] = field(default_factory=dict)
    borrowed: Mapping[str, str] = field(default_factory=dict)
    wires: dict[int, Wire | None] = field(default_factory=dict)
    copies: int = 1  # how many instances of it what is drawn stands for
    times: Dim = 1  # and how often they run altogether
    turns: tuple[str, ...] = ()  # the paths of these instances, where there are several

    def everywhere(self, paths: Iterable[str]) -> list[str]:
        """Paths in here as those of the model, for each instance that what is drawn stands for."""
        return [join(turn, path) for turn in self.turns or (self.path,) for path in paths]

    def absolute(self, ref: ModuleRef) -> str:
        """The path of a module in the model."""
        if not ref.borrowed:
            return join(self.path, ref.path)
        head, dot, rest = ref.path.partition(".")
        return self.borrowed.get(ref.path) or self.borrowed.get(head, head) + dot + rest

    def local(self, path: str) -> str:
        """A path of the model as it reads in here."""
        return path[len(self.path) + 1 :] if self.path and path.startswith(self.path + ".") else path

    def size(self, size: Dim) -> Dim:
        """A size of this graph in the letters of the model."""
        return expand(substitute(size, self.letters))

    def type(self, type: TensorType) -> TensorType:
        return type.with_shape(*map(self.size, type.shape))

    def wire(self, operand: Operand | None) -> Wire | None:
        return self.wires.get(operand.index) if isinstance(operand, Value) else None

    def types(self, operands: Iterable[Operand | None]) -> list[TensorType]:
        """The types of the tensors among these."""
        return [self.type(operand.type) for operand in operands if isinstance(operand, Value)]

    def inside(
        self,
        graph: Graph,
        path: str,
        wires: Sequence[Wire | None],
        types: Sequence[TensorType | None],
        lent: Sequence[ModuleRef] = (),
        sizes: Sequence[Dim] = (),
        copies: int = 1,
        times: Dim = 1,
    ) -> Scope:
        """The scope of a graph that is used here, on ``types`` in the letters of this graph.

        There are so many copies of it, and it is used so many times, here.
        """
        bound = {symbol: self.size(size) for symbol, size in letters(graph, types, sizes).items()}
        borrowed = {name: self.absolute(ref) for name, ref in zip(graph.borrows, lent, strict=False)}
        given = [port.value for port in graph.ports if port.value is not None]
        inner = {value.index: wire for value, wire in zip(given, wires, strict=False)}
        return Scope(
            graph,
            path,
            {**self.letters, **bound},
            borrowed,
            inner,
            self.copies * copies,
            self.times * self.size(times),
        )


def join(path: str, more: str) -> str:
    return f"{path}.{more}" if path and more else path or more


def types_inside(node: object, inputs: Sequence[Operand | None]) -> list[TensorType | None]:
    """The types that the graph of a node gets: in a scan, one step of what comes in; in an ensemble, one slice."""
    types = types_of(inputs)
    if isinstance(node, Ensemble):
        return [t if t is None else t.with_shape(*t.shape[1:]) for t in types]
    if isinstance(node, Scan):
        for i in node.sequences:
            whole = types[i]
            if whole is not None:
                axis = node.axis % whole.rank
                types[i] = whole.with_shape(*whole.shape[:axis], *whole.shape[axis + 1 :])
    return types


class Sheet:
    """The paper: makes nodes and boxes, and draws arrows."""

    def __init__(self, sizes: Sizes, paint: Paint | None = None) -> None:
        self.sizes = sizes
        self.paint = paint
        self.edges: dict[tuple[str, str], Edge] = {}
        self._labelled: set[tuple[str, str]] = set()
        self._serial = 0

    def node(self, shape: Shape, lines: tuple[Line, ...], badge: str = "") -> Node:
        return Node(self._fresh("n"), shape, lines, badge=badge)

    def box(self, title: str, path: str, badge: str = "") -> Box:
        return Box(self._fresh("c"), title, path, [], badge=badge)

    def _fresh(self, letter: str) -> str:
        self._serial += 1
        return f"{letter}{self._serial}"

    def connect(self, wire: Wire | None, head: Node) -> None:
        """An arrow, once; with the type where it is new, and not said on another arrow from there."""
        if wire is None or (wire.tail, head.id) in self.edges:
            return
        label = ""
        if wire.fresh and head.shape != "output":
            text = self.sizes.type(wire.type)
            if (wire.tail, text) not in self._labelled:
                self._labelled.add((wire.tail, text))
                label = text
        self.edges[wire.tail, head.id] = Edge(wire.tail, head.id, label)

    def take(self, operands: Iterable[Operand | None], head: Node, scope: Scope) -> None:
        """Arrows for all that a node reads."""
        for operand in operands:
            self.connect(scope.wire(operand), head)

    def give(self, outputs: Iterable[Value], tail: Node, scope: Scope, taken: Sequence[TensorType]) -> None:
        """From now on these values come out of ``tail``, which took in what has the types ``taken``."""
        for value in outputs:
            type = scope.type(value.type)
            scope.wires[value.index] = Wire(tail.id, type, type not in taken)

    def pass_on(self, outputs: Sequence[Value], wires: Sequence[Wire | None], scope: Scope) -> None:
        """What comes out of an opened part, with the types it has outside."""
        for i, value in enumerate(outputs):
            wire = wires[i] if i < len(wires) else wires[-1] if wires else None
            type = scope.type(value.type)
            scope.wires[value.index] = wire and Wire(wire.tail, type, wire.fresh or type != wire.type)

    def add_ports(self, box: Box, scope: Scope, indices: Iterable[int]) -> Callable[[], None]:
        """Points where these values cross the frame of a box; what is called in the end puts things back."""
        before = {index: wire for index in indices if (wire := scope.wires.get(index)) is not None}
        made: dict[str, Node] = {}
        for index, wire in before.items():
            if wire.tail not in made:
                made[wire.tail] = self.node("port", ())
                box.items.append(made[wire.tail])
                self.connect(wire, made[wire.tail])
            scope.wires[index] = Wire(made[wire.tail].id, wire.type)
        return lambda: scope.wires.update(before)


def read_indices(graph: Graph) -> list[int]:
    """The inputs of a graph that its nodes read, in their order."""
    read = {operand.index for node in graph.nodes for operand in node.inputs if isinstance(operand, Value)}
    return [port.value.index for port in graph.ports if port.value is not None and port.value.index in read]
