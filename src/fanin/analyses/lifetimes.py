"""A program run without numbers: which tensors are alive while the emitted code runs, and what is kept for backwards.

Names live as Python's do: what a module is given lives until it returns, a named value until its name is bound again
or its function returns, any other until it was read. A part that runs many times is run once for all its turns but
the last, so that lengths may be open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from fanin.analyses.backwards import Entry, backwards
from fanin.analyses.names import Names
from fanin.analyses.paths import Instance, part_at, resolve
from fanin.analyses.reading import all_of, letters, running
from fanin.analyses.storage import Cell, Heap, Tensor, bytes_of
from fanin.ir.dims import Dim, Symbol, expand, substitute
from fanin.ir.graph import (
    Apply,
    Call,
    Choice,
    Ensemble,
    Grad,
    Graph,
    Iterate,
    Leaf,
    ModuleRef,
    Node,
    Operand,
    Read,
    Repeat,
    Row,
    Scalar,
    Scan,
    Unit,
    Update,
)
from fanin.ir.types import DType, TensorType
from fanin.ir.unknown import Unknown
from fanin.ops.keeping import NEW, Backprop, Kept, Lies

WRITTEN_OUT = 64
"""Turns that are gone through one by one, as far as their number is known."""
MOST_STEPS = 100_000

Lent: TypeAlias = "Mapping[str, Instance | None]"


class TooLong(Exception):
    """More ops than are gone through."""


@dataclass
class Frame:
    """A graph that runs: its letters in those of the model, the modules lent to it, and its values.

    ``home`` is the graph that holds its modules and parameters: of a region, the one around.
    """

    graph: Graph
    home: Graph
    letters: Mapping[Symbol, Dim]
    lent: Lent
    values: dict[int, Tensor] = field(default_factory=dict)
    left: list[Tensor] = field(default_factory=list)  # what lives until it returns


@dataclass
class Lifetimes:
    """One pass. With ``training``, ``tape`` has what the backward pass does, in the order of the forward one."""

    training: bool
    width: int  # bytes of a float
    heap: Heap = field(default_factory=Heap)
    tape: list[Entry] = field(default_factory=list)
    copies: Dim = 1
    unknown: Unknown | None = None
    steps: int = 0
    _types: dict[Any, TensorType] = field(default_factory=dict)

    # -- graphs

    def run(
        self,
        graph: Graph,
        inputs: Sequence[Tensor | None],
        sizes: Mapping[Symbol, Dim],
        lent: Lent,
        home: Graph | None = None,
    ) -> list[Tensor]:
        """One application: the results are held once more, for the caller."""
        ports = [p for p in graph.ports if p.value is not None]
        given = [t for t in inputs if t is not None]
        frame = Frame(graph, home or graph, sizes, lent)
        for port, tensor in zip(ports, given, strict=False):
            assert port.value is not None
            frame.values[port.value.index] = tensor
            self.heap.hold(tensor.cell)
        if graph.kind == "extern":
            self.unknown = self.unknown or Unknown(f"`{graph.name}` is an extern block")
            return [Tensor(self.type(r.value.type, frame), None, ()) for r in graph.results]
        nodes = [node for node, _ in running(graph, all_of(graph))]
        names = Names(graph, nodes)
        for i, node in enumerate(nodes):
            self.heap.free(t.cell for t in names.begin(i, node, frame.values))
            made = self.node(node, frame)
            for value, tensor in zip(node.outputs, made, strict=True):
                frame.values[value.index] = tensor
            self.heap.free(t.cell for t in names.end(i, node, frame.values))
        results = [self.operand(r.value, frame) for r in graph.results]
        for tensor in results:
            self.heap.hold(tensor.cell)
        self.heap.free(t.cell for t in (*names.left(), *frame.left))
        self.heap.free(t.cell for t, _ in zip(given, ports, strict=False))
        return results

    def operand(self, operand: Operand, frame: Frame) -> Tensor:
        if isinstance(operand, Scalar):
            return Tensor(operand.type, None, (), number=True)
        return frame.values[operand.index]

    def type(self, t: TensorType, frame: Frame) -> TensorType:
        """A type in the letters of the model."""
        key = (id(frame.letters), t)
        found = self._types.get(key)
        if found is None:
            found = t.with_shape(*(self.size(d, frame) for d in t.shape))
            self._types[key] = found
        return found

    def size(self, d: Dim, frame: Frame) -> Dim:
        return d if isinstance(d, int) else expand(substitute(d, frame.letters))

    def new(self, t: TensorType, needs: bool, order: tuple[int, ...] | None = None) -> Tensor:
        """A tensor with memory of its own."""
        cell = self.heap.new(bytes_of(t, self.width) * self.copies)
        return Tensor(t, cell, tuple(range(t.rank)) if order is None else order, needs and _floats(t))

    # -- nodes

    def node(self, node: Node, frame: Frame) -> list[Tensor]:
        """What a node gives, each held once."""
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise TooLong
        given = [None if o is None else self.operand(o, frame) for o in node.inputs]
        self.heap.maker = node
        match node:
            case Apply():
                return self.apply(node, given, frame, _instance(frame, node.module))
            case Call():
                return self.call(node, given, frame, _instance(frame, node.module))
            case Repeat():
                return self.repeat(node, given, frame)
            case Choice():
                way = node.training if self.training else node.evaluation
                return self.run(way, given, frame.letters, frame.lent, frame.home)
            case Scan():
                return self.scan(node, given, frame)
            case Iterate():
                return self.iterate(node, given, frame)
            case Ensemble():
                return self.ensemble(node, given, frame)
            case Read():
                return [self.read(node, frame)]
            case Update():
                return []
            case Grad():
                self.unknown = self.unknown or Unknown("a gradient inside the network keeps what is not known")
        return [self.new(self.type(v.type, frame), any(t is not None and t.needs for t in given)) for v in node.outputs]

    def apply(self, node: Apply, given: Sequence[Tensor | None], frame: Frame, made: Instance | None) -> list[Tensor]:
        self.heap.maker = node
        op, attrs = node.op, node.attrs
        learns = (
            isinstance(made, Leaf) and made.frozen is not True and any(w.spec.kind == "param" for w in made.weights)
        )
        types = tuple(None if t is None else t.type for t in given)
        results = tuple(self.type(v.type, frame) for v in node.outputs)
        needs = (
            self.training and op.name != "stop_gradient" and (learns or any(t is not None and t.needs for t in given))
        )
        stored = bool(given) and given[0] is not None and given[0].cell is not None
        lies: Lies = op.lies(attrs, *types) if stored else NEW  # type: ignore[arg-type]  # as ``infer`` takes them
        outputs = [self.result(lies, t, given, needs) for t in results]
        use = Backprop(
            types,
            results,
            tuple(t is not None and t.needs for t in given),
            learns,
            tuple(i for i, t in enumerate(given) if t is not None and t.number),
        )
        kept = op.saved(attrs, use) if any(t.needs for t in outputs) or (not self.training and op.keeps) else Kept()
        if isinstance(kept, Unknown):
            self.unknown = self.unknown or kept
            kept = Kept()
        more = [bytes_of(t, self.width) * self.copies for t in kept.more]
        if isinstance(made, Leaf) and made.norm:  # the weight that is worked out
            sizes = [bytes_of(TensorType(DType.FLOAT, w.spec.shape), self.width) for w in made.weights]
            more += sizes[:1]
        if not any(t.needs for t in outputs):
            self.heap.note(sum(more, start=0))
            return outputs
        cells = [self.heap.new(size) for size in more]
        for tensor in (*(given[i] for i in kept.inputs), *(outputs[i] for i in kept.results)):
            if tensor is not None and tensor.cell is not None:
                self.heap.hold(tensor.cell)
                cells.append(tensor.cell)
        self.heap.note()
        ports = [port.name for port in op.inputs]
        passed = {i for i, t in enumerate(given) if t is not None and i < len(ports) and ports[i] in op.passes}
        passed = {i for i in passed if outputs[0].type.shape == (types[i] or results[0]).shape}
        if outputs[0].cell is not None and given and given[0] is not None and outputs[0].cell is given[0].cell:
            passed |= {0} if lies.axes is not None else set()
        summed = {i for i, t in enumerate(given) if lies.alike and t is not None and t.type.shape != results[0].shape}
        self.record(given, outputs, cells, passed, summed)
        return outputs

    def result(self, lies: Lies, t: TensorType, given: Sequence[Tensor | None], needs: bool) -> Tensor:
        """Where a result lies, given where the inputs do."""
        first = next((x for x in given if x is not None), None)
        if not lies.view or first is None:
            own = lies.axes
            if lies.alike:
                own = next((x.order for x in given if x is not None and x.type.shape == t.shape), None)
            return self.new(t, needs, own)
        order: tuple[int, ...] | None = None
        if lies.axes is not None and first.in_order:
            order = tuple(sorted(range(len(lies.axes)), key=lies.axes.__getitem__))
        elif lies.axes is not None and first.order is not None and len(lies.axes) == first.type.rank:
            order = tuple(lies.axes.index(axis) for axis in first.order)
        elif lies.axes is None and first.type.rank == t.rank:
            order = first.order
        in_order = order is not None and list(order) == sorted(order)
        dense = first.dense and lies.axes is not None
        if lies.packed and not (in_order and dense):
            return self.new(t, needs)
        if in_order:
            order = tuple(range(t.rank))
        elif order is not None and len(order) != t.rank:
            order = None
        self.heap.hold(first.cell)
        return Tensor(t, first.cell, order, needs and _floats(t), dense=dense)

    def record(
        self,
        given: Sequence[Tensor | None],
        outputs: Sequence[Tensor],
        kept: list[Cell],
        same: Iterable[int] = (),
        stretched: Iterable[int] = (),
        again: tuple[Dim, ...] = (),
    ) -> None:
        """For the backward pass. ``same`` and ``stretched`` are places of inputs."""
        places = {i: n for n, i in enumerate(i for i, t in enumerate(given) if t is not None and t.needs)}
        self.tape.append(
            Entry(
                tuple(t for t in given if t is not None and t.needs),
                tuple(outputs),
                kept,
                frozenset(places[i] for i in same if i in places),
                frozenset(places[i] for i in stretched if i in places),
                again,
            )
        )

    def call(self, node: Call, given: Sequence[Tensor | None], frame: Frame, made: Instance | None) -> list[Tensor]:
        graph = node.graph
        types = [None if t is None else t.type for t in given]
        inner: dict[Symbol, Dim] = dict(frame.letters) if graph.kind == "composition" else {}
        inner.update(letters(graph, types, [self.size(d, frame) for d in node.sizes]))
        lent = {name: _instance(frame, ref) for name, ref in zip(graph.borrows, node.lent, strict=True)}
        if graph.kind == "composition":
            lent = {**frame.lent, **lent}
        if self.training and isinstance(made, Unit) and made.checkpoint:
            return self.checkpointed(graph, given, inner, lent)
        return self.run(graph, given, inner, lent)

    def checkpointed(
        self, graph: Graph, given: Sequence[Tensor | None], sizes: Mapping[Symbol, Dim], lent: Lent
    ) -> list[Tensor]:
        """Nothing but the inputs is kept; the backward pass runs it again."""
        needs = any(t is not None and t.needs for t in given)
        again = Lifetimes(True, self.width, copies=self.copies)
        alone = [None if t is None else Tensor(t.type, None, t.order, t.needs, t.number) for t in given]
        found = again.run(graph, alone, sizes, lent)
        backwards(again.heap, again.tape, found, self.width, self.copies)
        self.unknown = self.unknown or again.unknown
        self.steps += again.steps
        plain = Lifetimes(False, self.width, self.heap, copies=self.copies)
        results = plain.run(graph, given, sizes, lent)
        outputs = [Tensor(t.type, t.cell, t.order, f.needs) for t, f in zip(results, found, strict=True)]
        kept = [t.cell for t in given if t is not None and t.cell is not None]
        if needs or any(t.needs for t in outputs):
            for cell in kept:
                self.heap.hold(cell)
            self.record(given, outputs, kept, again=tuple(again.heap.peaks))
        return outputs

    # -- many turns

    def repeat(self, node: Repeat, given: Sequence[Tensor | None], frame: Frame) -> list[Tensor]:
        count = len(node.runs[0].call.outputs)
        flow, rest = list(given[:count]), list(given[count:])
        row = _instance(frame, node.module)
        place, owned = 0, False
        for run in node.runs:
            made = part_at(row, str(place)) if isinstance(row, Row) else None
            place += run.count

            def turn(now: list[Tensor | None], run: Any = run, made: Any = made) -> list[Tensor]:
                here = [*now, *rest][: len(run.call.inputs)]
                if isinstance(run.call, Apply):
                    return self.apply(run.call, here, frame, made)
                return self.call(run.call, here, frame, made)

            for times in _turns(run.count):
                first, begun = len(self.heap.made), len(self.tape)
                after = turn(flow)
                self.heap.multiply(self._left(first, after), times)
                self._carry(flow, after, times, begun)
                self.heap.free(t.cell for t in flow if owned and t is not None)
                flow, owned = list(after), True
        if not owned:
            for tensor in flow:
                self.heap.hold(None if tensor is None else tensor.cell)
        return [t for t in flow if t is not None]

    def _left(self, first: int, carried: Sequence[Tensor | None]) -> list[Cell]:
        """What was made since and is kept, but for what goes on to the next turn."""
        once = {id(t.cell) for t in carried if t is not None and t.cell is not None and t.cell.held == 1}
        return [cell for cell in self.heap.made[first:] if cell.held and id(cell) not in once]

    def _carry(self, before: Sequence[Tensor | None], after: Sequence[Tensor], times: Dim, begun: int) -> None:
        """A turn that keeps what it was given keeps, as one of many, what the turn before it gave."""
        if times == 1 or begun == len(self.tape):
            return
        kept = {id(cell) for entry in self.tape[begun:] for cell in entry.kept}
        for old, new in zip(before, after, strict=True):
            if old is not None and id(old.cell) in kept and new.cell is not None and id(new.cell) not in kept:
                more = self.heap.new(new.cell.bytes * (times - 1))
                more.times = times - 1
                more.maker = new.cell.maker
                self.tape[begun].kept.append(more)

    def scan(self, node: Scan, given: Sequence[Tensor | None], frame: Frame) -> list[Tensor]:
        names = [p.name for p in node.graph.ports if p.value is not None]
        states = [names[i] for i in node.states]
        slices: dict[int, Tensor] = {}
        for i in node.sequences:
            t = given[i]
            if t is None:
                continue
            axis = node.axis % t.type.rank
            shape = (*t.type.shape[:axis], *t.type.shape[axis + 1 :])
            slices[i] = Tensor(t.type.with_shape(*shape), t.cell, None, t.needs)
            self.heap.hold(t.cell)
            if t.needs:
                self.record([t], [slices[i]], [])
        now = [slices.get(i, t) for i, t in enumerate(given)]
        rows: list[list[Tensor]] = []
        for times in _turns(self.size(node.steps, frame)):
            first, begun = len(self.heap.made), len(self.tape)
            results = self.run(node.graph, now, frame.letters, frame.lent, frame.home)
            named = {r.name: t for r, t in zip(node.graph.results, results, strict=True)}
            after = [named[name] for name in states]
            before = [now[i] for i in node.states]
            self.heap.multiply(self._left(first, after), times)
            self._carry(before, after, times, begun)
            for i, tensor in zip(node.states, after, strict=True):
                now[i] = tensor
            self.heap.free(t.cell for t in before if rows and t is not None)
            rows.append([named[r.name] for r in node.graph.results if r.name not in states])
        outputs: list[Tensor] = []
        for k in range(len(node.outputs) - len(node.states)):
            pieces = [row[k] for row in rows]
            self.heap.maker = node
            stacked = self.new(self.type(node.outputs[k].type, frame), any(t.needs for t in pieces))
            self.heap.note()
            if stacked.needs:
                self.record(pieces, [stacked], [], set(range(len(pieces))))
            outputs.append(stacked)
        frame.left += [t for row in rows for t in row] + list(slices.values())  # the variables of the loop
        for i in node.states:
            state = now[i]
            assert state is not None
            if not rows:
                self.heap.hold(state.cell)
            outputs.append(state)
        return outputs

    def iterate(self, node: Iterate, given: Sequence[Tensor | None], frame: Frame) -> list[Tensor]:
        """All of its steps: which elements are done before, nobody knows yet."""
        names = [p.name for p in node.graph.ports if p.value is not None]
        now, begun = list(given), False
        for times in _turns(node.limit):
            first = len(self.heap.made)
            results = self.run(node.graph, now, frame.letters, frame.lent, frame.home)
            named = {r.name: t for r, t in zip(node.graph.results, results, strict=True)}
            old = [now[i] for i in node.states] if begun else []
            begun = True
            after = [named[names[i]] for i in node.states]
            for i, tensor in zip(node.states, after, strict=True):
                now[i] = tensor
            self.heap.free(t.cell for t in old if t is not None)
            self.heap.free(t.cell for name, t in named.items() if name not in [names[i] for i in node.states])
            self.heap.multiply(self._left(first, after), times)
        return [t for t in (now[i] for i in node.states) if t is not None]

    def ensemble(self, node: Ensemble, given: Sequence[Tensor | None], frame: Frame) -> list[Tensor]:
        """All copies at once: what one of them takes, so many times."""
        inner: list[Tensor | None] = []
        for t in given:
            sliced = None if t is None else Tensor(t.type.with_shape(*t.type.shape[1:]), t.cell, None, t.needs)
            if t is not None and sliced is not None and t.needs:
                self.record([t], [sliced], [], {0})
            inner.append(sliced)
        before, self.copies = self.copies, self.copies * node.count
        found = self.run(node.graph, inner, frame.letters, frame.lent, frame.home)
        self.copies = before
        outputs = []
        for value, t in zip(node.outputs, found, strict=True):
            whole = Tensor(self.type(value.type, frame), t.cell, tuple(range(value.type.rank)), t.needs)
            if t.needs:
                self.record([t], [whole], [], {0})
            outputs.append(whole)
        return outputs

    def read(self, node: Read, frame: Frame) -> Tensor:
        t = self.type(node.outputs[0].type, frame)
        ref, needs = node.state, self.training
        if ref.module is None:
            state = next((s for s in frame.home.states if s.name == ref.name), None)
            needs = needs and (state is None or (state.kind == "param" and state.frozen is not True))
        else:
            made = _instance(frame, ref.module)
            if isinstance(made, Leaf):
                needs = needs and made.frozen is not True
        return Tensor(t, None, tuple(range(t.rank)), needs and _floats(t))


def _floats(t: TensorType) -> bool:
    return t.dtype in (DType.FLOAT, DType.COMPLEX)


def _instance(frame: Frame, ref: ModuleRef | None) -> Instance | None:
    if ref is None:
        return None
    return frame.lent.get(ref.path) if ref.borrowed else resolve(frame.home, ref.path)


def _turns(count: Dim) -> list[Dim]:
    """How many turns each turn that is gone through stands for."""
    if isinstance(count, int) and count <= WRITTEN_OUT:
        return [1] * count
    return [count - 1, 1]
