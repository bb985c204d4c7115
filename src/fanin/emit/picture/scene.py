"""From a program to what is on the paper: which blocks are open, what folds into what, and the arrows between."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from fanin.emit.picture import labels
from fanin.emit.picture.model import Box, Drawing, Edge, Item, Kind, Line
from fanin.emit.picture.model import Node as Drawn
from fanin.emit.picture.plan import Layers, Planned, Plans, Rolled, inner_graphs
from fanin.emit.picture.totals import Letters, Totals, leaf_params, letters, lone
from fanin.ir.dims import Dim, Symbol, substitute
from fanin.ir.graph import (
    Apply,
    Call,
    Choice,
    Ensemble,
    Graph,
    Iterate,
    ModuleRef,
    Node,
    Operand,
    Program,
    Read,
    Repeat,
    Run,
    Scan,
    StateRef,
    Value,
)
from fanin.ir.types import TensorType
from fanin.record import field, record

COMFORTABLE = 70  # nodes that still read well on a page
MOST_SPLIT = 100  # places of a repetition shown one by one
MOST_NODES = 1_500  # beyond, the layout takes minutes and nobody can read it


class NoSuchPath(LookupError):
    """``--expand`` names a path that is not in the model. Its message is for the user."""


@record(frozen=False)
class Wire:
    """A value on the paper: the node it comes out of, its type as the model's inputs have it, and whether it is new."""

    tail: str
    type: TensorType
    fresh: bool


@record(frozen=False)
class Scope:
    """A use of a graph: its path in the model, what its letters and borrowed modules are, and its values."""

    graph: Graph
    path: str
    letters: Letters = field(default_factory=dict)
    borrowed: dict[str, str] = field(default_factory=dict)
    wires: dict[int, Wire | None] = field(default_factory=dict)

    def absolute(self, ref: ModuleRef) -> str:
        if ref.borrowed:
            head, dot, rest = ref.path.partition(".")
            return self.borrowed.get(ref.path) or self.borrowed.get(head, head) + dot + rest
        return join(self.path, ref.path)

    def size_text(self, size: Dim) -> str:
        return labels.size_text(substitute(size, self.letters))

    def type(self, type: TensorType) -> TensorType:
        """A type of this graph in the letters of the model."""
        return type.with_shape(*(substitute(size, self.letters) for size in type.shape)) if self.letters else type


@record
class Times:
    """How often something is there: a badge, and the modules of the other turns that stand at the same place."""

    count: int
    parallel: bool = False
    alike: Callable[[Node], list[Node]] = lambda node: [node]

    @property
    def badge(self) -> str:
        return f"{labels.TIMES}{self.count}" if self.count > 1 else ""


ONCE = Times(1)


def join(path: str, more: str) -> str:
    return f"{path}.{more}" if path and more else path or more


def draw_scene(program: Program, depth: int | None = None, expand: Sequence[str] = ()) -> Drawing:
    """The drawing of a program, its blocks open to ``depth`` (by default, as far as the picture stays readable).

    Raises NoSuchPath where ``expand`` names something that is not there.
    """
    return _Scene(program, depth, expand).drawing()


class _Scene:
    def __init__(self, program: Program, depth: int | None, expand: Sequence[str]) -> None:
        self.program = program
        self.expand = tuple(path.strip(".") for path in expand)
        self.missed = set(self.expand)
        self.totals, self.plans = Totals(), Plans()
        self.edges: dict[tuple[str, str], Edge] = {}
        self.labelled: set[tuple[str, str]] = set()
        self.uses: dict[str, list[Drawn | Box]] = {}
        self.ties: list[tuple[Drawn, str, str]] = []
        self.serial = 0
        self.left = MOST_NODES
        self.note = ""
        self.wanted = depth
        self.depth = self.fitting(depth)
        batch = next((_batch(p.value.type) for p in program.inputs if p.value is not None), None)
        self.one: Letters = {batch: 1} if batch is not None else {}

    def fitting(self, wanted: int | None) -> int:
        """The depth to draw to: the one asked for, or the deepest that is comfortable; never one with too many nodes."""
        most = COMFORTABLE if wanted is None else MOST_NODES
        if wanted == 0:
            return 0
        depth, count = 0, self.plans.count(self.program.graph, 0)
        while wanted is None or depth < wanted - 1:
            deeper = self.plans.count(self.program.graph, depth + 1)
            if deeper > most:
                if wanted is not None:
                    self.note = f"drawn to depth {depth + 1} of {wanted}: depth {depth + 2} has {deeper:,} nodes"
                break
            if deeper == count and not self._deepens(depth + 1, deeper):
                break
            depth, count = depth + 1, deeper
        return depth + 1

    def _deepens(self, depth: int, count: int) -> bool:
        """Whether levels further down still open something (a level of single calls counts the same)."""
        return any(self.plans.count(self.program.graph, depth + more) != count for more in (1, 2, 4, 8))

    # -- the whole

    def drawing(self) -> Drawing:
        program, graph = self.program, self.program.graph
        params, flops = self.totals.params(graph), self.totals.flops(graph)
        flops = None if flops is None else substitute(flops, self.one)
        scope = Scope(graph, "")
        items: list[Item] = []
        for port in program.inputs:
            if port.value is not None:
                name = self.node("input", (Line(port.name, "input"), Line(labels.type_text(port.value.type), "type")))
                items.append(name)
                scope.wires[port.value.index] = Wire(name.id, port.value.type, False)
        if self.depth == 0 and not self.expand:
            items.append(self.closed_model(scope))
        else:
            items += self.items(self.plans.of(graph), scope, max(self.depth - 1, 0))
        for result in graph.results:
            text = (Line(result.name or "output", "output"), Line(labels.type_text(result.value.type), "type"))
            drawn = self.node("output", text)
            items.append(drawn)
            self.arrow(scope, result.value, drawn, quiet=True)
        if self.missed:
            raise NoSuchPath(f"there is nothing to expand at `{sorted(self.missed)[0]}` in `{program.name}`")
        self.connect_shared()
        subtitle = " · ".join(filter(None, (f"{params:,} parameters" if params else "", labels.flops_text(flops))))
        inputs = ", ".join(f"{p.name}: {labels.type_text(p.value.type)}" for p in program.inputs if p.value is not None)
        outputs = ", ".join(labels.type_text(result.value.type) for result in graph.results)
        description = f"{program.name}: {inputs} to {outputs}; {params:,} parameters"
        return Drawing(program.name, subtitle, items, list(self.edges.values()), description, self.note)

    def closed_model(self, scope: Scope) -> Drawn:
        drawn = self.node("closed", (Line(self.program.name, "block"),))
        drawn.footer = labels.cost_text(self.totals.params(scope.graph), None)
        for port in self.program.inputs:
            self.arrow(scope, port.value, drawn)
        for result in self.program.graph.results:
            if isinstance(result.value, Value):
                scope.wires[result.value.index] = Wire(drawn.id, result.value.type, False)
        return drawn

    # -- items

    def items(self, planned: Sequence[Planned], scope: Scope, depth: int, times: Times = ONCE) -> list[Item]:
        """The items of a graph or fold; where there are more than can be drawn, the middle is one node."""
        room = max(self.left, 3)
        self.left -= len(planned)
        if len(planned) <= room:
            return self.drawn(planned, scope, depth, times)
        head = (room - 1) // 2
        tail = room - 1 - head
        drawn = self.drawn(planned[:head], scope, depth, times)
        drawn.append(self.gap(planned[head : len(planned) - tail], scope))
        self.note = f"{len(planned) - head - tail:,} nodes in the middle are drawn as one"
        return drawn + self.drawn(planned[len(planned) - tail :], scope, depth, times)

    def drawn(self, planned: Sequence[Planned], scope: Scope, depth: int, times: Times) -> list[Item]:
        found: list[Item] = []
        for p in planned:
            if isinstance(p, Rolled) and self.expand and self.unrolls(p, scope):
                for turn in self.plans.unrolled(scope.graph, p.fold):
                    found += self.drawn(turn, scope, depth, times)
            else:
                found.append(self.item(p, scope, depth, times))
        return found

    def unrolls(self, rolled: Rolled, scope: Scope) -> bool:
        """Whether ``expand`` asks for a module of these turns, or for the list of them."""
        asked = False
        for turn in rolled.fold.turns:
            for node in turn:
                ref = getattr(node, "module", None)
                if ref is not None:
                    path = scope.absolute(ref)
                    asked |= self.opens(path) or self.opens(path.rpartition(".")[0], inside=False)
        return asked

    def item(self, planned: Planned, scope: Scope, depth: int, times: Times) -> Item:
        if isinstance(planned, Layers):
            return self.layers(planned.nodes, scope, times)
        if isinstance(planned, Rolled):
            return self.rolled(planned, scope, depth, times)
        if isinstance(planned, Repeat):
            return self.repeat(planned, scope, depth, times)
        if isinstance(planned, Read):
            return self.read(planned, scope)
        return self.part(planned, scope, depth, times)

    def rolled(self, rolled: Rolled, scope: Scope, depth: int, times: Times) -> Item:
        """A fold: its body once, with a badge on it, or on a box around it where there is more than one thing in it."""
        turns = rolled.fold.turns
        place = {id(node): i for i, node in enumerate(turns[0])}

        def alike(node: Node) -> list[Node]:
            at = place.get(id(node))
            return [node] if at is None else [turn[at] for turn in turns]

        inner = Times(rolled.fold.count, rolled.fold.parallel, alike)
        single = len(rolled.body) == 1 and times.count == 1 and not isinstance(rolled.body[0], Rolled)
        if single:
            drawn: Item = self.item(rolled.body[0], scope, depth, inner)
        else:
            drawn = Box(self.fresh("c"), "loop", self.turns_path(turns, scope), [], badge=inner.badge)
            drawn.items = self.items(rolled.body, scope, depth, replace(inner, count=1))
        for turn in turns[1:]:
            for first, node in zip(turns[0], turn, strict=True):
                for a, b in zip(first.outputs, node.outputs, strict=True):
                    scope.wires[b.index] = scope.wires.get(a.index)
        return drawn

    def turns_path(self, turns: tuple[tuple[Node, ...], ...], scope: Scope) -> str:
        """What the turns of a loop are called: the numbers that their modules have in common."""
        for i in range(len(turns[0])):
            found = [getattr(turn[i], "module", None) for turn in turns]
            if found[0] is not None:
                numbers = [ref.path.rpartition(".")[2] for ref in found if ref is not None]
                if all(n.isdigit() for n in numbers) and numbers[0] != numbers[-1]:
                    return labels.range_text(numbers)
        return ""

    def layers(self, nodes: tuple[Apply, ...], scope: Scope, times: Times) -> Drawn:
        first, last = nodes[0], nodes[-1]
        if len(nodes) == 1 and labels.is_join(first):
            drawn = self.join(first)
            drawn.badge = times.badge
        else:
            lines = tuple(self.line(node, scope, times) for node in nodes)
            drawn = self.node("layers", lines, badge=times.badge)
            drawn.footer = self.layer_cost(nodes, scope, times)
        for operand in first.inputs:
            self.arrow(scope, operand, drawn)
        for node in nodes:
            self.module_use(node, scope, drawn, times)
        taken = [scope.type(o.type) for o in first.inputs if isinstance(o, Value)]
        self.give(last.outputs, drawn, scope, taken)
        drawn.hint = "\n".join(f"{join(scope.path, line.path)}: {line.text}" for line in drawn.lines if line.path)
        return drawn

    def line(self, node: Apply, scope: Scope, times: Times) -> Line:
        path = "" if node.module is None else self.shown_path(node, scope, times)
        return Line(labels.op_text(node, scope.size_text), labels.family(node.op), path)

    def shown_path(self, node: Node, scope: Scope, times: Times) -> str:
        refs = [ref for other in times.alike(node) if (ref := getattr(other, "module", None)) is not None]
        if not refs:
            return ""
        if refs[0].borrowed:
            return scope.absolute(refs[0])
        return labels.range_text([ref.path for ref in refs])

    def layer_cost(self, nodes: tuple[Apply, ...], scope: Scope, times: Times) -> str:
        params = 0
        flops = 0
        for node in nodes:
            leaf = None
            if node.module is not None and not node.module.borrowed:
                leaf = self.totals.leaf(scope.graph, node.module.path)
            params += leaf_params(leaf) if leaf is not None else 0
            cost = self.totals.cost(node)
            flops = flops + (0 if cost is None else self.outer(cost, scope))  # type: ignore[operator]
        return labels.cost_text(params, flops, each=times.count > 1)

    def outer(self, cost: object, scope: Scope) -> object:
        """A cost of a graph in the letters of the model, for one example."""
        return substitute(substitute(cost, scope.letters), self.one)  # type: ignore[arg-type]

    def join(self, node: Apply) -> Drawn:
        text = labels.join_text(node) or ""
        return self.node("sign" if len(text) == 1 else "pill", (Line(text, labels.family(node.op)),))

    def read(self, node: Read, scope: Scope) -> Drawn:
        name = self.state_path(node.state, scope)
        type = scope.type(node.outputs[0].type)
        local = name[len(scope.path) + 1 :] if scope.path and name.startswith(scope.path + ".") else name
        drawn = self.node("state", (Line(local, "state"), Line(labels.type_text(type), "type")))
        self.give(node.outputs, drawn, scope, [type])
        return drawn

    def state_path(self, state: StateRef, scope: Scope) -> str:
        return join(scope.path if state.module is None else scope.absolute(state.module), state.name)

    # -- parts: what has a graph inside

    def part(self, node: Node, scope: Scope, depth: int, times: Times) -> Item:
        graphs = inner_graphs(node)
        ref: ModuleRef | None = getattr(node, "module", None)
        path = scope.absolute(ref) if ref is not None else scope.path
        shown = join(scope.path, self.shown_path(node, scope, times)) if ref is not None else ""
        title, badge = _title(node), times.badge or _badge(node)
        asked = ref is not None and self.opens(path)
        if not graphs or not (depth > 0 or asked):
            return self.closed(node, scope, title, shown, badge, path, times)
        box = Box(self.fresh("c"), title, shown, [], badge=badge)
        box.footer = self.part_cost(node, scope, times)
        wires: list[Wire | None] = []
        for graph in graphs:
            inner = self.enter(graph, node.inputs, scope, path, getattr(node, "lent", ()), getattr(node, "sizes", ()))
            if isinstance(node, Scan):
                self.slice(node, inner)
            items = self.items(self.plans.of(graph), inner, depth - 1)
            if len(graphs) > 1:
                name = "training" if graph is graphs[0] else "evaluation"
                items = [Box(self.fresh("c"), name, "", items)]
            box.items += items
            wires += self.leave(graph, inner)
        if isinstance(node, Choice):
            either = self.node("pill", (Line("either", "block"),))
            box.items.append(either)
            for wire in wires:
                self.connect(wire, either)
            self.give(node.outputs, either, scope, [w.type for w in wires if w is not None])
        else:
            self.pass_on(node, scope, wires)
        if ref is not None:
            self.used(path, box, self.totals.params(graphs[0]))
        return _plain(box, node)

    def closed(
        self, node: Node, scope: Scope, title: str, shown: str, badge: str, path: str, times: Times
    ) -> Drawn:
        local = shown[len(scope.path) + 1 :] if scope.path and shown.startswith(scope.path + ".") else shown
        drawn = self.node("closed", (Line(title or local or "composition", "block", local if title else ""),), badge=badge)
        drawn.footer = self.part_cost(node, scope, times)
        drawn.hint = shown
        for operand in node.inputs:
            self.arrow(scope, operand, drawn)
        taken = [scope.type(o.type) for o in node.inputs if isinstance(o, Value)]
        self.give(node.outputs, drawn, scope, taken)
        if shown:
            self.used(path, drawn, sum(self.totals.params(graph) for graph in inner_graphs(node)))
        return drawn

    def part_cost(self, node: Node, scope: Scope, times: Times) -> str:
        params = sum(self.totals.params(g) for g in inner_graphs(node)[:1]) if getattr(node, "module", None) else 0
        if isinstance(node, Repeat):
            params = sum(
                run.count * self.run_params(run, scope, node, at) for at, run in _places(node.runs)
            )
        cost = self.totals.cost(node)
        flops = None if cost is None else self.outer(cost, scope)
        return labels.cost_text(params, flops, each=times.count > 1)  # type: ignore[arg-type]

    def run_params(self, run: Run, scope: Scope, node: Repeat, at: int) -> int:
        if isinstance(run.call, Call):
            return self.totals.params(run.call.graph)
        leaf = self.totals.leaf(scope.graph, f"{node.module.path}.{at}")
        return leaf_params(leaf) if leaf is not None else 0

    def repeat(self, node: Repeat, scope: Scope, depth: int, times: Times) -> Item:
        """``n * M``: each run of equal places once. One run is one box; several stand in a box of their own."""
        path = scope.absolute(node.module)
        runs = list(_places(node.runs))
        split = self.opens(path)
        if split:
            runs = list(self.split(path, runs, node.count))
        if isinstance(node.runs[0].call, Call) and not (depth > 0 or split):
            return self.closed_repeat(node, scope, path, times)
        outer = None
        if len(runs) > 1 or times.count > 1:
            shown = join(scope.path, self.shown_path(node, scope, times))
            title = "" if split else _run_title(runs[0][1].call)
            outer = Box(self.fresh("c"), title if len({_run_title(r.call) for _, r in runs}) == 1 else "", shown, [], badge=times.badge)
            outer.footer = self.part_cost(node, scope, times)
        flow: list[Wire | None] = [self.wire(scope, o) for o in node.inputs[: len(node.outputs)]]
        rest = [self.wire(scope, o) for o in node.inputs[len(node.outputs) :]]
        items: list[Item] = []
        for at, run in runs:
            item, flow = self.run(node, run, at, [*flow, *rest], scope, depth)
            items.append(item)
        self.pass_on(node, scope, flow)
        if outer is None:
            return items[0]
        outer.items = items
        return outer

    def run(
        self, node: Repeat, run: Run, at: int, wires: list[Wire | None], scope: Scope, depth: int
    ) -> tuple[Item, list[Wire | None]]:
        path = scope.absolute(node.module)
        places = str(at) if run.count == 1 else f"{at}–{at + run.count - 1}"
        badge = f"{labels.TIMES}{run.count}" if run.count > 1 else ""
        call = run.call
        each = run.count > 1
        if isinstance(call, Apply):
            inner = Scope(scope.graph, scope.path, scope.letters, scope.borrowed)
            drawn = self.node("layers", (replace(self.line(call, scope, ONCE), path=f"{node.module.path}.{places}"),), badge=badge)
            drawn.footer = labels.cost_text(self.run_params(run, scope, node, at), None, each=each)
            for wire in wires:
                self.connect(wire, drawn)
            self.give(call.outputs, drawn, inner, [w.type for w in wires if w is not None])
            self.used(f"{path}.{at}", drawn, self.run_params(run, scope, node, at))
            return drawn, [inner.wires.get(v.index) for v in call.outputs]
        graph = call.graph
        params = self.totals.params(graph)
        cost = self.totals.cost(call)
        footer = labels.cost_text(params, None if cost is None else self.outer(cost, scope), each=each)  # type: ignore[arg-type]
        asked = self.opens(f"{path}.{at}")
        if not (depth > 0 or asked):
            drawn = self.node("closed", (Line(graph.name or "composition", "block", f"{node.module.path}.{places}"),), badge=badge)
            drawn.footer = footer
            for wire in wires:
                self.connect(wire, drawn)
            types = [scope.type(v.type) for v in call.outputs]
            taken = [w.type for w in wires if w is not None]
            self.used(f"{path}.{at}", drawn, params)
            return drawn, [Wire(drawn.id, t, t not in taken) for t in types]
        types_in = tuple(w.type if w is not None else None for w in wires)
        inner = Scope(graph, f"{path}.{at}")
        inner.letters = {**scope.letters, **letters(graph, types_in, tuple(substitute(s, scope.letters) for s in call.sizes))}
        inner.borrowed = {name: scope.absolute(ref) for name, ref in zip(graph.borrows, call.lent, strict=False)}
        given = [port.value for port in graph.ports if port.value is not None]
        inner.wires = {value.index: wire for value, wire in zip(given, wires, strict=False)}
        box = Box(self.fresh("c"), graph.name, join(path, places), [], badge=badge, footer=footer)
        box.items = self.items(self.plans.of(graph), inner, depth - 1)
        self.used(f"{path}.{at}", box, params)
        return box, self.leave(graph, inner)

    def closed_repeat(self, node: Repeat, scope: Scope, path: str, times: Times) -> Drawn:
        title = _run_title(node.runs[0].call)
        local = self.shown_path(node, scope, times)
        badge = f"{labels.TIMES}{node.count}" if times.count == 1 else f"{labels.TIMES}{node.count} {times.badge}"
        drawn = self.node("closed", (Line(title or local, "block", local if title else ""),), badge=badge)
        drawn.footer = self.part_cost(node, scope, times)
        for operand in node.inputs:
            self.arrow(scope, operand, drawn)
        self.give(node.outputs, drawn, scope, [scope.type(o.type) for o in node.inputs if isinstance(o, Value)])
        return drawn

    # -- scopes

    def enter(
        self,
        graph: Graph,
        inputs: tuple[Operand | None, ...],
        scope: Scope,
        path: str,
        lent: tuple[ModuleRef, ...],
        sizes: tuple[object, ...],
    ) -> Scope:
        bound = letters(graph, inputs, sizes)  # type: ignore[arg-type]
        inner = Scope(graph, path)
        inner.letters = {**scope.letters, **{s: substitute(d, scope.letters) for s, d in bound.items()}}
        inner.borrowed = {name: scope.absolute(ref) for name, ref in zip(graph.borrows, lent, strict=False)}
        given = [port.value for port in graph.ports if port.value is not None]
        inner.wires = {v.index: self.wire(scope, o) for v, o in zip(given, inputs, strict=False)}
        return inner

    def slice(self, node: Scan, inner: Scope) -> None:
        """In a scan, the body sees one step of what comes in."""
        given = [port.value for port in inner.graph.ports if port.value is not None]
        for value in given:
            wire = inner.wires.get(value.index)
            if wire is not None and wire.type.rank != value.type.rank:
                inner.wires[value.index] = Wire(wire.tail, inner.type(value.type), True)

    def leave(self, graph: Graph, inner: Scope) -> list[Wire | None]:
        return [self.wire(inner, result.value) for result in graph.results]

    def pass_on(self, node: Node, scope: Scope, wires: list[Wire | None]) -> None:
        """What comes out of an opened part, with the types it has outside."""
        for i, value in enumerate(node.outputs):
            wire = wires[i] if i < len(wires) else (wires[-1] if wires else None)
            type = scope.type(value.type)
            if wire is None:
                scope.wires[value.index] = None
            else:
                scope.wires[value.index] = Wire(wire.tail, type, wire.fresh or type != wire.type)

    # -- wires and arrows

    def wire(self, scope: Scope, operand: Operand | None) -> Wire | None:
        return scope.wires.get(operand.index) if isinstance(operand, Value) else None

    def give(
        self, outputs: tuple[Value, ...], drawn: Drawn, scope: Scope, taken: Iterable[TensorType]
    ) -> None:
        before = list(taken)
        for value in outputs:
            type = scope.type(value.type)
            scope.wires[value.index] = Wire(drawn.id, type, type not in before)

    def arrow(self, scope: Scope, operand: Operand | None, head: Drawn, quiet: bool = False) -> None:
        self.connect(self.wire(scope, operand), head, quiet)

    def connect(self, wire: Wire | None, head: Drawn, quiet: bool = False) -> None:
        if wire is None or (wire.tail, head.id) in self.edges:
            return
        label = ""
        text = labels.type_text(wire.type)
        if wire.fresh and not quiet and (wire.tail, text) not in self.labelled:
            self.labelled.add((wire.tail, text))
            label = text
        self.edges[wire.tail, head.id] = Edge(wire.tail, head.id, label)

    def gap(self, planned: Sequence[Planned], scope: Scope) -> Drawn:
        """Many items as one node."""
        nodes: list[Node] = []
        for item in planned:
            nodes += item.nodes if isinstance(item, Layers) else item.fold.turns[0] if isinstance(item, Rolled) else (item,)
        drawn = self.node("gap", (Line(f"⋯ {len(planned):,} more ⋯", "block"),))
        made: set[int] = set()
        for node in nodes:
            for operand in node.inputs:
                if isinstance(operand, Value) and operand.index not in made:
                    self.arrow(scope, operand, drawn)
            made.update(value.index for value in node.outputs)
            self.give(node.outputs, drawn, scope, [scope.type(v.type) for v in node.outputs])
        for item in planned:
            if isinstance(item, Rolled):
                for turn in item.fold.turns[1:]:
                    for other in turn:
                        self.give(other.outputs, drawn, scope, [scope.type(v.type) for v in other.outputs])
        return drawn

    # -- what is shared

    def module_use(self, node: Apply, scope: Scope, drawn: Drawn, times: Times) -> None:
        if node.module is None:
            return
        path = scope.absolute(node.module)
        leaf = None if node.module.borrowed else self.totals.leaf(scope.graph, node.module.path)
        weighted = bool(leaf.weights if leaf is not None else labels.weight_axes(node))
        others = times.alike(node)
        if len(others) > 1 and weighted and all(getattr(o, "module", None) == node.module for o in others):
            drawn.tags.append("the same weights each time")
        self.used(path, drawn, int(weighted))
        for weight in leaf.weights if leaf is not None else ():
            if weight.tied is not None:
                owner = scope.path if weight.tied.module is None else scope.absolute(weight.tied.module)
                self.ties.append((drawn, weight.spec.name, join(owner, weight.tied.name)))

    def used(self, path: str, drawn: Drawn | Box, params: int) -> None:
        if params:
            self.uses.setdefault(path, []).append(drawn)

    def connect_shared(self) -> None:
        """Mark what owns the same weights: the same tag on each use, and lines between the nodes of the few."""
        shared = {path for path, found in self.uses.items() if len({d.id for d in found}) > 1}
        for path in sorted(shared):
            if any(path.startswith(other + ".") for other in shared):
                continue  # the block around it says so
            found = list({d.id: d for d in self.uses[path]}.values())
            for drawn in found:
                drawn.tags.append(f"shared: {path}")
            if len(found) <= 4 and all(isinstance(d, Drawn) for d in found):
                for a, b in zip(found, found[1:], strict=False):
                    self.line_between(a.id, b.id, "shared")
        for drawn, name, owner in self.ties:
            drawn.tags.append(f"{name} tied to {owner}")
            module = owner.rpartition(".")[0]
            for other in self.uses.get(module, ())[:1]:
                if isinstance(other, Drawn) and other.id != drawn.id:
                    self.line_between(other.id, drawn.id, "tied")

    def line_between(self, a: str, b: str, kind: Kind) -> None:
        if (a, b) not in self.edges:
            self.edges[a, b] = Edge(a, b, "", kind)

    # -- what is open

    def opens(self, path: str, inside: bool = True) -> bool:
        """Whether ``expand`` asks for what is at a path, or for something inside it."""
        self.missed.discard(path)
        return path in self.expand or (inside and any(wanted.startswith(path + ".") for wanted in self.expand))

    def split(self, path: str, runs: list[tuple[int, Run]], count: int) -> Iterable[tuple[int, Run]]:
        """The places of a repetition that ``expand`` asks for one by one, and what is between them together."""
        whole = path in self.expand
        few = range(count) if count <= MOST_SPLIT else [*range(MOST_SPLIT // 2), *range(count - MOST_SPLIT // 2, count)]
        alone = {i for i in range(count) if self.opens(f"{path}.{i}")} | (set(few) if whole else set())
        for start, run in runs:
            at = start
            while at < start + run.count:
                end = at + 1
                while at not in alone and end < start + run.count and end not in alone:
                    end += 1
                yield at, Run(end - at, run.call)
                at = end

    # -- small things

    def fresh(self, letter: str) -> str:
        self.serial += 1
        return f"{letter}{self.serial}"

    def node(self, shape: str, lines: tuple[Line, ...], badge: str = "") -> Drawn:
        return Drawn(self.fresh("n"), shape, lines, badge=badge)  # type: ignore[arg-type]


def _places(runs: tuple[Run, ...]) -> Iterable[tuple[int, Run]]:
    at = 0
    for run in runs:
        yield at, run
        at += run.count


def _batch(type: TensorType) -> Symbol | None:
    return lone(type.shape[0]) if type.shape else None


def _run_title(call: Call | Apply) -> str:
    return call.graph.name if isinstance(call, Call) else labels.op_name(call)


def _title(node: Node) -> str:
    match node:
        case Call():
            return node.graph.name
        case Scan():
            return f"scan {node.graph.name}".strip()
        case Iterate():
            return f"iterate {node.graph.name}".strip()
        case Ensemble():
            return f"ensemble of {node.graph.name}".strip()
        case Choice():
            return "if training"
    return type(node).__name__.lower()


def _badge(node: Node) -> str:
    match node:
        case Scan():
            return f"⟳ axis {node.axis}" + (" reversed" if node.reverse else "")
        case Iterate():
            return f"⟳ ≤ {node.limit}"
        case Ensemble():
            return f"{labels.TIMES}{node.count}"
    return ""


def _plain(box: Box, node: Node) -> Item:
    """A composition or function of one node needs no frame: its path goes in front of the node's."""
    if len(box.items) == 1 and isinstance(node, Call) and node.graph.kind in ("composition", "fn") and not box.badge:
        (item,) = box.items
        if isinstance(item, Drawn) and item.shape in ("layers", "sign", "pill"):
            if node.module is not None:
                item.lines = tuple(
                    replace(line, path=join(node.module.path, line.path)) if line.path else line for line in item.lines
                )
            elif item.shape == "layers":
                item.hint = f"{node.graph.name}\n{item.hint}"
            return item
    return box

