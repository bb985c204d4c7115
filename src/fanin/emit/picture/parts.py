"""Blocks, repetitions and the like: as a box with what is inside, or closed, as one node."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from fanin.analyses.reading import types_of
from fanin.emit.picture import labels, totals
from fanin.emit.picture.model import Box, Item, Line
from fanin.emit.picture.model import Node as Drawn
from fanin.emit.picture.opening import Opening
from fanin.emit.picture.paint import Spot
from fanin.emit.picture.plan import Plans, inner_graphs, trivial
from fanin.emit.picture.sharing import Sharing
from fanin.emit.picture.wiring import Scope, Sheet, Wire, join, read_indices, types_inside
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
    Read,
    Repeat,
    Run,
    Scan,
    Value,
)
from fanin.record import record


def _itself(node: Node) -> Sequence[Node]:
    return (node,)


@record
class Times:
    """How often something is there: the count for a badge, and the nodes of the other turns at the same place."""

    count: int = 1
    alike: Callable[[Node], Sequence[Node]] = _itself

    @property
    def badge(self) -> str:
        return times_text(self.count)


def times_text(count: int) -> str:
    return f"{labels.TIMES}{count}" if count > 1 else ""


_TURNS = 4096  # of more instances the first are told of


@record(frozen=False, eq=False)
class Parts:
    """Draws what has graphs inside. ``fill`` draws the items of a graph."""

    sheet: Sheet
    plans: Plans
    opening: Opening
    sharing: Sharing
    one: dict[Symbol, Dim]  # the batch as one example, for costs
    fill: Callable[[Graph, Scope, int], list[Item]]

    # -- calls, scans, choices

    def part(self, node: Node, scope: Scope, depth: int, times: Times) -> Item:
        """A node that runs graphs, open or closed."""
        ref: ModuleRef | None = getattr(node, "module", None)
        path = scope.path if ref is None else scope.absolute(ref)
        asked = ref is not None and self.opening.asked(path)
        small = trivial(node, self.plans)
        if not (depth > 0 or asked or small):
            return self.closed(node, scope, times, _title(node), times.badge or _badge(node))
        box = self.sheet.box(_title(node), self.shown_path(node, scope, times), times.badge or _badge(node))
        self.describe(box, scope.graph, node, scope, times)
        types = types_inside(node, node.inputs)
        wires: list[Wire | None] = []
        for graph in inner_graphs(node):
            frame = box
            if isinstance(node, Choice):
                frame = self.sheet.box("training" if graph is node.training else "evaluation", "")
                box.items.append(frame)
            inputs = [scope.wire(operand) for operand in node.inputs]
            lent, sizes = getattr(node, "lent", ()), getattr(node, "sizes", ())
            copies, turns = _turns(node, times)
            inner = scope.inside(graph, path, inputs, types, lent, sizes, copies, turns)
            inner.turns = _all_turns(scope, node, times)
            if not small:
                self.sheet.add_ports(frame, inner, read_indices(graph))
            frame.items += self.fill(graph, inner, depth - 1)
            wires += [inner.wire(result.value) for result in graph.results]
        if isinstance(node, Choice):
            either = self.sheet.node("pill", (Line("either"),))
            box.items.append(either)
            for wire in wires:
                self.sheet.connect(wire, either)
            self.sheet.give(node.outputs, either, scope, [wire.type for wire in wires if wire is not None])
        else:
            self.sheet.pass_on(node.outputs, wires, scope)
        drawn = _unframed(box, node) if small and not box.badge else box
        if ref is not None and drawn is box:
            self.use(path, box, inner_graphs(node))
        return drawn

    def closed(self, node: Node, scope: Scope, times: Times, title: str, badge: str) -> Drawn:
        """A part as one node, with its totals."""
        path = self.shown_path(node, scope, times)
        local = scope.local(path)
        shade, said = self.shade(scope, times.alike(node))
        name = Line(title or local or "composition", "block", local if title else "", shade)
        drawn = self.sheet.node("closed", (name,), badge)
        drawn.footer = self.cost(scope.graph, node, scope, times)
        drawn.hint = "\n".join(filter(None, (path, said)))
        self.sheet.take(node.inputs, drawn, scope)
        self.sheet.give(node.outputs, drawn, scope, scope.types(node.inputs))
        ref: ModuleRef | None = getattr(node, "module", None)
        if ref is not None and not isinstance(node, Repeat):
            self.use(scope.absolute(ref), drawn, inner_graphs(node))
        return drawn

    # -- repetitions

    def repeat(self, node: Repeat, scope: Scope, depth: int, times: Times) -> Item:
        """``n * M``: each run of equal places once. A single run is one box; several stand in a box of their own."""
        path = scope.absolute(node.module)
        runs = list(_places(node.runs))
        asked = self.opening.asked(path)
        if asked:
            runs = list(self.opening.split(path, runs, node.count))
        if isinstance(node.runs[0].call, Call) and not (depth > 0 or asked):
            call = node.runs[0].call
            badge = " ".join(filter(None, (times_text(node.count), times.badge)))
            return self.closed(node, scope, times, call.graph.name, badge)
        outer = None
        if len(runs) > 1 or times.count > 1:
            outer = self.sheet.box("", self.shown_path(node, scope, times), times.badge)
            self.describe(outer, scope.graph, node, scope, times)
            restore = self.sheet.add_ports(outer, scope, [o.index for o in node.inputs if isinstance(o, Value)])
        flow = [scope.wire(operand) for operand in node.inputs[: len(node.outputs)]]
        rest = [scope.wire(operand) for operand in node.inputs[len(node.outputs) :]]
        items: list[Item] = []
        for at, run in runs:
            item, flow = self.run(node, run, at, [*flow, *rest], scope, depth)
            items.append(item)
        if outer is not None:
            restore()
            outer.items += items
        self.sheet.pass_on(node.outputs, flow, scope)
        return outer or items[0]

    def run(
        self, node: Repeat, run: Run, at: int, wires: list[Wire | None], scope: Scope, depth: int
    ) -> tuple[Item, list[Wire | None]]:
        """Equal places of a repetition, and what comes out of the last of them."""
        local, path = f"{node.module.path}.{at}", f"{scope.absolute(node.module)}.{at}"
        several = local if run.count == 1 else f"{local}–{at + run.count - 1}"
        badge, call = times_text(run.count), run.call
        params = totals.run_params(scope.graph, local, call)
        footer = self.sheet.sizes.cost(params, self.outside(totals.run_flops(call), scope), each=run.count > 1)
        asked = self.opening.asked(path)
        if isinstance(call, Call) and (depth > 0 or asked):
            types = types_of(call.inputs)
            inner = scope.inside(call.graph, path, wires, types, call.lent, call.sizes, run.count, run.count)
            places = [f"{node.module.path}.{at + turn}" for turn in range(run.count)]
            inner.turns = () if node.module.borrowed else tuple(scope.everywhere(places))[:_TURNS]
            box = self.sheet.box(call.graph.name, join(scope.path, several), badge)
            _describe(box, footer)
            self.sheet.add_ports(box, inner, read_indices(call.graph))
            box.items += self.fill(call.graph, inner, depth - 1)
            self.use(path, box, (call.graph,))
            return box, [inner.wire(result.value) for result in call.graph.results]
        shade, said = self.run_shade(scope, path, run, params)
        if isinstance(call, Call):
            name = Line(call.graph.name or "composition", "block", several, shade)
            drawn = self.sheet.node("closed", (name,), badge)
            self.use(path, drawn, (call.graph,))
        else:
            words = labels.op_text(call, lambda size: self.sheet.sizes.text(scope.size(size)))
            drawn = self.sheet.node("layers", (Line(words, labels.family(call.op), several, shade),), badge)
            if params:
                self.sharing.used(path, drawn)
        drawn.footer, drawn.hint = footer, said
        for wire in wires:
            self.sheet.connect(wire, drawn)
        taken = [wire.type for wire in wires if wire is not None]
        given = [scope.type(value.type) for value in call.outputs]
        return drawn, [Wire(drawn.id, type, type not in taken) for type in given]

    # -- paint

    def shade(self, scope: Scope, nodes: Sequence[Node]) -> tuple[str, str]:
        """The colour of what is drawn for nodes of a graph, and what is said of it; empty where nothing is painted."""
        if self.sheet.paint is None:
            return "", ""
        params = sum(totals.node_params(scope.graph, node) for node in nodes) * scope.copies
        flops: Dim = sum((self.outside(totals.node_flops(scope.graph, node), scope) for node in nodes), 0)
        paths = tuple(path for node in nodes for path in _paths(node, scope))
        return self.asked(Spot(paths, params, flops * substitute(scope.times, self.one)))

    def run_shade(self, scope: Scope, path: str, run: Run, params: int) -> tuple[str, str]:
        """The same for equal places of a repetition, the first of them at a path."""
        if self.sheet.paint is None:
            return "", ""
        around, _, first = path.rpartition(".")
        paths = tuple(f"{around}.{int(first) + turn}" for turn in range(run.count))
        flops = self.outside(totals.run_flops(run.call), scope) * run.count
        spot = Spot(paths, params * run.count * scope.copies, flops * substitute(scope.times, self.one))
        return self.asked(spot)

    def asked(self, spot: Spot) -> tuple[str, str]:
        found = None if self.sheet.paint is None else self.sheet.paint.shade(spot)
        return ("", "") if found is None else (found.colour, found.hint)

    # -- words

    def shown_path(self, node: Node, scope: Scope, times: Times) -> str:
        """The path of what a node applies, in all its turns."""
        refs = [ref for other in times.alike(node) if (ref := getattr(other, "module", None)) is not None]
        return labels.range_text([scope.absolute(ref) for ref in refs]) if refs else ""

    def outside(self, flops: Dim, scope: Scope) -> Dim:
        """A cost of a graph in the letters of the model, for one example."""
        return substitute(scope.size(flops), self.one)

    def cost(self, graph: Graph, node: Node, scope: Scope, times: Times) -> str:
        flops = self.outside(totals.node_flops(graph, node), scope)
        return self.sheet.sizes.cost(totals.node_params(graph, node), flops, each=times.count > 1)

    def describe(self, box: Box, graph: Graph, node: Node, scope: Scope, times: Times) -> None:
        _describe(box, self.cost(graph, node, scope, times))

    def use(self, path: str, drawn: Drawn | Box, graphs: Sequence[Graph]) -> None:
        if any(totals.graph_params(graph) for graph in graphs):
            self.sharing.used(path, drawn)


def _describe(box: Box, cost: str) -> None:
    """Parameters in the title, the whole cost in the tooltip."""
    params = next((part for part in cost.split(" · ") if "params" in part), "")
    box.footer = params.removesuffix(" each")
    box.hint = "\n".join(filter(None, (box.path, cost)))


def _paths(node: Node, scope: Scope) -> Sequence[str]:
    """The paths of the modules that a node applies, or of the name that its result has."""
    ref: ModuleRef | None = getattr(node, "module", None)
    if ref is not None:
        paths = [scope.absolute(ref)] if ref.borrowed else scope.everywhere([ref.path])
        return [f"{path}.{i}" for path in paths for i in range(node.count)] if isinstance(node, Repeat) else paths
    name = scope.graph.names.get(node.outputs[0].index) if node.outputs else None
    return scope.everywhere([name]) if name else []


def _all_turns(scope: Scope, node: Node, times: Times) -> tuple[str, ...]:
    """The paths of all instances of what a node runs, or of those around it where it makes none."""
    refs = [ref for other in times.alike(node) if (ref := getattr(other, "module", None)) is not None]
    if not refs:
        return scope.turns
    return () if any(ref.borrowed for ref in refs) else tuple(scope.everywhere([r.path for r in refs]))[:_TURNS]


def _turns(node: Node, times: Times) -> tuple[int, Dim]:
    """How many instances of what a node runs there are in all its turns, and how often they run."""
    nodes = times.alike(node)
    refs = {ref for other in nodes if (ref := getattr(other, "module", None)) is not None}
    copies, turns = max(len(refs), 1), len(nodes)
    match node:
        case Scan():
            return copies, turns * node.steps
        case Iterate():
            return copies, turns * node.limit
        case Ensemble():
            return copies * node.count, turns * node.count
    return copies, turns


def _places(runs: tuple[Run, ...]) -> Iterable[tuple[int, Run]]:
    at = 0
    for run in runs:
        yield at, run
        at += run.count


def _title(node: Node) -> str:
    match node:
        case Call():
            return node.graph.name
        case Scan():
            return f"scan {node.graph.name}".strip()
        case Iterate():
            return f"iterate {node.graph.name}".strip()
        case Ensemble():
            return f"ensemble of {_title(node.graph.nodes[-1])}".removesuffix(" of ")
        case Choice():
            return "if training"
        case Read():
            return node.state.name
        case Apply():
            return labels.op_name(node)
    return ""


def _badge(node: Node) -> str:
    match node:
        case Scan():
            return f"along axis {node.axis}" + (", backwards" if node.reverse else "")
        case Iterate():
            return f"at most {labels.TIMES}{node.limit}"
        case Ensemble():
            return times_text(node.count)
    return ""


def _unframed(box: Box, node: Node) -> Item:
    """A composition or function of one node needs no frame: its path goes in front of the node's."""
    (item,) = box.items
    assert isinstance(item, Drawn)
    ref: ModuleRef | None = getattr(node, "module", None)
    if ref is not None:
        item.lines = tuple(replace(line, path=join(ref.path, line.path) if line.path else "") for line in item.lines)
    return item
