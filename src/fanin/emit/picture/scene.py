"""From a program to what is on the paper: its items in the order of the text, and the arrows between them."""

from __future__ import annotations

from collections.abc import Sequence

from fanin.analyses.reading import alone
from fanin.emit.picture import labels, totals
from fanin.emit.picture.model import Drawing, Item, Line
from fanin.emit.picture.model import Node as Drawn
from fanin.emit.picture.opening import MOST_NODES, Opening
from fanin.emit.picture.paint import Paint
from fanin.emit.picture.parts import Parts, Times
from fanin.emit.picture.plan import Layers, Planned, Plans, Rolled
from fanin.emit.picture.sharing import Sharing
from fanin.emit.picture.skips import mark_skips
from fanin.emit.picture.wiring import Scope, Sheet, Wire, join
from fanin.ir.dims import Dim, Symbol
from fanin.ir.graph import Apply, Graph, Node, Program, Read, Repeat, Value

ONCE = Times()


def draw_scene(
    program: Program, depth: int | None = None, expand: Sequence[str] = (), paint: Paint | None = None
) -> Drawing:
    """The drawing of a program, its blocks open to ``depth`` (by default, as far as the picture stays readable).

    With ``paint``, lines of ops and closed parts have its colours.

    Raises NoSuchPath where ``expand`` names something that is not there.
    """
    return _Scene(program, depth, expand, paint).drawing()


class _Scene:
    def __init__(self, program: Program, depth: int | None, expand: Sequence[str], paint: Paint | None) -> None:
        self.program = program
        self.plans = Plans()
        self.sheet = Sheet(labels.Sizes(program.facts), paint)
        self.sharing = Sharing()
        self.opening = Opening(program.graph, self.plans, depth, expand)
        self.parts = Parts(self.sheet, self.plans, self.opening, self.sharing, _one_example(program), self.fill)
        self.room = MOST_NODES

    # -- the whole

    def drawing(self) -> Drawing:
        program, graph, sizes = self.program, self.program.graph, self.sheet.sizes
        scope = Scope(graph)
        items: list[Item] = []
        ports = [(port.name, port.value) for port in program.inputs if port.value is not None]
        for name, value in ports:
            drawn = self.sheet.node("input", (Line(name), Line(sizes.type(value.type), "type")))
            items.append(drawn)
            scope.wires[value.index] = Wire(drawn.id, value.type)
        items += self.fill(graph, scope, self.opening.depth - 1) if self.opening.depth else [self.closed(scope)]
        for result in graph.results:
            text = (Line(result.name or "output"), Line(sizes.type(result.value.type), "type"))
            drawn = self.sheet.node("output", text)
            items.append(drawn)
            self.sheet.take((result.value,), drawn, scope)
        self.opening.require_found(program.name)
        self.sharing.mark(self.sheet.edges)
        edges = list(self.sheet.edges.values())
        mark_skips(edges)
        params = totals.graph_params(graph)
        flops = sizes.flops(self.parts.outside(totals.graph_flops(graph), scope))
        subtitle = " · ".join(filter(None, (f"{params:,} parameters" if params else "", flops)))
        takes = ", ".join(f"{name} {sizes.type(value.type)}" for name, value in ports)
        gives = ", ".join(f"{r.name} {sizes.type(r.value.type)}".strip() for r in graph.results)
        description = f"The network {program.name}, from {takes or 'nothing'} to {gives}; {params:,} parameters."
        paint = self.sheet.paint
        legend = None if paint is None else paint.legend
        return Drawing(program.name, subtitle, items, edges, description, self.opening.note, legend)

    def closed(self, scope: Scope) -> Drawn:
        """The whole model as one node."""
        drawn = self.sheet.node("closed", (Line(self.program.name, "block"),))
        drawn.footer = self.sheet.sizes.cost(totals.graph_params(scope.graph), 0)
        self.sheet.take([port.value for port in self.program.inputs], drawn, scope)
        results = [result.value for result in scope.graph.results if isinstance(result.value, Value)]
        self.sheet.give(results, drawn, scope, ())
        return drawn

    # -- items

    def fill(self, graph: Graph, scope: Scope, depth: int) -> list[Item]:
        """The items of a graph."""
        return self.items(self.plans.of(graph), scope, depth)

    def items(self, planned: Sequence[Planned], scope: Scope, depth: int, times: Times = ONCE) -> list[Item]:
        """Where there are more items than can be drawn, those in the middle are one node."""
        room = max(self.room, 3)
        self.room -= min(len(planned), room)
        cut = (planned, (), ()) if len(planned) <= room else _cut(planned, room)
        found: list[Item] = []
        for part in (cut[0], cut[2]):
            if part is cut[2] and cut[1]:
                found.append(self.gap(cut[1], scope))
            for item in part:
                if isinstance(item, Rolled) and self.opening.unrolls(item.fold, scope):
                    for turn in self.plans.unrolled(scope.graph, item.fold):
                        found += self.items(turn, scope, depth, times)
                else:
                    found.append(self.item(item, scope, depth, times))
        return found

    def item(self, planned: Planned, scope: Scope, depth: int, times: Times) -> Item:
        if isinstance(planned, Layers):
            return self.layers(planned.nodes, scope, times)
        if isinstance(planned, Rolled):
            return self.rolled(planned, scope, depth, times)
        if isinstance(planned, Repeat):
            return self.parts.repeat(planned, scope, depth, times)
        if isinstance(planned, Read):
            return self.read(planned, scope)
        return self.parts.part(planned, scope, depth, times)

    def rolled(self, rolled: Rolled, scope: Scope, depth: int, times: Times) -> Item:
        """A fold: its body once, with a badge on it, or on a box around it where there is more than one thing in it."""
        turns = rolled.fold.turns
        place = {id(node): i for i, node in enumerate(turns[0])}

        def alike(node: Node) -> Sequence[Node]:
            at = place.get(id(node))
            return (node,) if at is None else [turn[at] for turn in turns]

        count = rolled.fold.count
        if len(rolled.body) == 1 and times.count == 1 and not isinstance(rolled.body[0], Rolled):
            drawn = self.item(rolled.body[0], scope, depth, Times(count, alike))
        else:
            drawn = self.sheet.box(
                "loop" if turns[0][0].loop else "repeated", _turns_path(turns), f"{labels.TIMES}{count}"
            )
            taken = [operand.index for node in turns[0] for operand in node.inputs if isinstance(operand, Value)]
            restore = self.sheet.add_ports(drawn, scope, taken)
            drawn.items += self.items(rolled.body, scope, depth, Times(1, alike))
            restore()
        for turn in turns[1:]:
            for first, node in zip(turns[0], turn, strict=True):
                for a, b in zip(first.outputs, node.outputs, strict=True):
                    scope.wires[b.index] = scope.wires.get(a.index)
        return drawn

    def layers(self, nodes: tuple[Apply, ...], scope: Scope, times: Times) -> Drawn:
        """A chain of ops as one node; where arms meet, a small sign."""
        first, last = nodes[0], nodes[-1]
        sign = labels.join_text(first) if len(nodes) == 1 and labels.is_join(first) else None
        if sign is not None:
            shape = "sign" if len(sign) == 1 else "pill"
            drawn = self.sheet.node(shape, (Line(sign, labels.family(first.op)),), times.badge)  # type: ignore[arg-type]
        else:
            drawn = self.sheet.node("layers", tuple(self.line(node, scope, times) for node in nodes), times.badge)
            params = sum(totals.node_params(scope.graph, node) for node in nodes)
            flops: Dim = sum((self.parts.outside(totals.node_flops(scope.graph, n), scope) for n in nodes), 0)
            drawn.footer = self.sheet.sizes.cost(params, flops, each=times.count > 1)
            said = [f"{join(scope.path, line.path)}: {line.text}" for line in drawn.lines if line.path]
            said += [hint for node in nodes if (hint := self.parts.shade(scope, times.alike(node))[1])]
            drawn.hint = "\n".join(said)
        self.sheet.take(first.inputs, drawn, scope)
        for node in nodes:
            self.share(node, drawn, scope, times)
        self.sheet.give(last.outputs, drawn, scope, scope.types(first.inputs))
        return drawn

    def line(self, node: Apply, scope: Scope, times: Times) -> Line:
        path = scope.local(self.parts.shown_path(node, scope, times))
        words = labels.op_text(node, lambda size: self.sheet.sizes.text(scope.size(size)))
        return Line(words, labels.family(node.op), path, self.parts.shade(scope, times.alike(node))[0])

    def share(self, node: Apply, drawn: Drawn, scope: Scope, times: Times) -> None:
        """Remember whose weights a node applies, and what they are tied to."""
        if node.module is None:
            return
        leaf = None if node.module.borrowed else totals.leaf_at(scope.graph, node.module.path)
        if leaf is None and not labels.weight_axes(node):
            return
        if leaf is not None and not leaf.weights:
            return
        others = times.alike(node)
        if len(others) > 1 and all(getattr(other, "module", None) == node.module for other in others):
            drawn.tags.append("the same weights each time")
        self.sharing.used(scope.absolute(node.module), drawn)
        for weight in leaf.weights if leaf is not None else ():
            if weight.tied is not None:
                owner = scope.path if weight.tied.module is None else scope.absolute(weight.tied.module)
                self.sharing.tied(drawn, weight.spec.name, join(owner, weight.tied.name))

    def read(self, node: Read, scope: Scope) -> Drawn:
        """A parameter or buffer of the author's."""
        owner = scope.path if node.state.module is None else scope.absolute(node.state.module)
        type = scope.type(node.outputs[0].type)
        name = scope.local(join(owner, node.state.name))
        drawn = self.sheet.node("state", (Line(name, "state"), Line(self.sheet.sizes.type(type), "type")))
        self.sheet.give(node.outputs, drawn, scope, [type])
        return drawn

    def gap(self, planned: Sequence[Planned], scope: Scope) -> Drawn:
        """Many items as one node."""
        drawn = self.sheet.node("closed", (Line(f"⋯ {len(planned):,} more ⋯", "block"),))
        self.opening.note = f"{len(planned):,} nodes in the middle are drawn as one"
        made: set[int] = set()
        for item in planned:
            turns = item.fold.turns if isinstance(item, Rolled) else ()
            nodes = item.nodes if isinstance(item, Layers) else (item,) if not isinstance(item, Rolled) else ()
            for node in (*nodes, *(node for turn in turns for node in turn)):
                self.sheet.take([o for o in node.inputs if isinstance(o, Value) and o.index not in made], drawn, scope)
                made.update(value.index for value in node.outputs)
                self.sheet.give(node.outputs, drawn, scope, [value.type for value in node.outputs])
        return drawn


def _cut(planned: Sequence[Planned], room: int) -> tuple[Sequence[Planned], Sequence[Planned], Sequence[Planned]]:
    """The beginning, the middle and the end, where the middle is to be one item."""
    head, tail = room // 2, (room - 1) // 2
    return planned[:head], planned[head : len(planned) - tail], planned[len(planned) - tail :]


def _turns_path(turns: tuple[tuple[Node, ...], ...]) -> str:
    """What the turns of a loop are called: the numbers that their modules have in common."""
    for nodes in zip(*turns, strict=True):
        refs = [ref for node in nodes if (ref := getattr(node, "module", None)) is not None]
        numbers = [ref.path.rpartition(".")[2] for ref in refs]
        if numbers and all(n.isdigit() for n in numbers) and numbers[0] != numbers[-1]:
            return labels.range_text(numbers)
    return ""


def _one_example(program: Program) -> dict[Symbol, Dim]:
    """The batch, which is the first axis of the first input, as 1."""
    for port in program.inputs:
        if port.value is not None and port.value.type.shape:
            batch = alone(port.value.type.shape[0])
            return {batch: 1} if batch is not None else {}
    return {}
