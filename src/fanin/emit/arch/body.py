"""The body of a block, fn or composition: its nodes as statements and pipes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from fanin.analyses.paths import join
from fanin.emit.arch.parts import CannotWrite, Part, Stages, Text
from fanin.emit.arch.spelling import arguments, comma, law, number, sized, spell, typed
from fanin.ir.dims import Poly
from fanin.ir.graph import (
    Apply,
    Call,
    Choice,
    Graph,
    Leaf,
    ModuleRef,
    Node,
    Operand,
    Read,
    Repeat,
    Row,
    Scalar,
    Scan,
    StateRef,
    Unit,
    Value,
)
from fanin.ir.laws import ZEROS, Law
from fanin.ir.types import DType
from fanin.ops.contract import argument_order
from fanin.ops.elementwise.binary import Binary
from fanin.ops.indexing.index import At, Dots, Index, NewAxis, Pick, Range
from fanin.record import record

if TYPE_CHECKING:
    from fanin.emit.arch.writer import Writer

PIPE, OPERATOR, CLOSED = range(3)


@record
class Written:
    """An expression, and how tightly it holds together."""

    text: Text
    tight: int


class Body:
    """One graph at one place, being written."""

    def __init__(
        self, writer: Writer, graph: Graph, path: str, lent: dict[str, str], taken: set[str], scope: str | None = None
    ) -> None:
        self.writer = writer
        self.graph = graph
        self.path = path
        self.scope = path if scope is None else scope
        self.lent = lent  # borrowed name -> the hyper-parameter that it reaches the block by
        self.children = {child.path: child.instance for child in graph.children}
        self.statements: list[Text] = []
        self.made: set[str] = set()
        self.names: dict[int, str] = {}
        self.open: dict[int, Written] = {}
        self.taken = set(taken)
        for child in graph.children:
            self.taken.add(child.path.split(".")[0])

    # ---------------------------------------------------------------------------------------------- statements

    def write(self) -> None:
        """All nodes, then the ``return``."""
        for port in self.graph.ports:
            if port.value is not None:
                self.names[port.value.index] = port.name
                self.taken.add(port.name)
        for s in self.graph.states:
            self._state(s)
        self.nodes(self.graph.nodes, [r.value for r in self.graph.results])
        results = [self.operand(r.value) for r in self.graph.results]
        self.statements.append(("return ", *comma([self.loose(r) for r in results])))

    def nodes(self, nodes: tuple[Node, ...], wanted: list[Operand]) -> None:
        uses = Counter(v.index for v in wanted if isinstance(v, Value))
        last = {v.index: len(nodes) for v in wanted if isinstance(v, Value)}
        for i, node in enumerate(nodes):
            for v in node.inputs:
                if isinstance(v, Value):
                    uses[v.index] += 1
                    last[v.index] = max(last.get(v.index, 0), i)
        for i, node in enumerate(nodes):
            self._node(node, uses, last, i)

    def _node(self, node: Node, uses: Counter[int], last: dict[int, int], at: int) -> None:
        if isinstance(node, Choice):
            self._choice(node, uses, last, at)
            return
        made = self.expression(node)
        outputs = node.outputs
        listed = isinstance(node, Apply) and node.op.listed
        if len(outputs) == 1 and not listed:
            value = outputs[0]
            author = self.graph.names.get(value.index)
            if uses[value.index] == 1 and (author is None or isinstance(node, Read)):
                self.open[value.index] = made
                return
            self.statements.append((f"{self._name(value, last, at)} = ", *made.text))
            return
        names = [self._name(v, last, at) if uses[v.index] else "_" for v in outputs]
        if listed and len(outputs) == 1:
            self.statements.append((f"{names[0]} = (", *made.text, ")[0]"))
            return
        self.statements.append((f"{', '.join(names)} = ", *made.text))

    def _name(self, value: Value, last: dict[int, int], at: int) -> str:
        """The author's name where what had it before is needed no more, else another."""
        wanted = self.graph.names.get(value.index) or "h"
        live = {n for v, n in self.names.items() if last.get(v, -1) > at}
        name, count = wanted, 1
        while name in live or (name in self.taken and not (name in self.names.values() and name not in self._labels())):
            count += 1
            name = f"{wanted}{count}"
        self.names[value.index] = name
        self.taken.add(name)
        return name

    def _labels(self) -> set[str]:
        return {child.path.split(".")[0] for child in self.graph.children} | {s.name for s in self.graph.states}

    def _state(self, s: Any) -> None:
        shape = self.writer.changes.state(join(self.path, s.name), s.type.shape)
        axes = [self.size(d, f"{s.name}_size{i + 1}") for i, d in enumerate(shape)]
        word = "param" if s.kind == "param" else "buffer"
        if isinstance(s.start, Law):
            start: Text = (law(s.start),)
        else:
            inner = Body(self.writer, self.graph, self.path, self.lent, self.taken, self.scope)
            inner.nodes(self.graph.setup, [s.start])
            if inner.statements:
                raise CannotWrite(f"what `{s.name}` starts as")
            start = inner.loose(inner.operand(s.start))
        if s.frozen:
            raise CannotWrite(f"`{s.name}`, which is frozen")
        self.statements.append((f"{word} {s.name}: ", *typed(s.type.dtype, axes), " = ", *start))
        self.taken.add(s.name)

    def _choice(self, node: Choice, uses: Counter[int], last: dict[int, int], at: int) -> None:
        names = [self._name(v, last, at) for v in node.outputs]
        parts: list[Part] = []
        for word, region in (("if training {", node.training), (" } else {", node.evaluation)):
            inner = Body(self.writer, self.graph, self.path, self.lent, self.taken, self.scope)
            inner.made = self.made
            for port, given in zip(region.ports, node.inputs, strict=True):
                if port.value is not None and isinstance(given, Value):
                    inner.open[port.value.index] = self.operand(given)
            inner.nodes(region.nodes, [r.value for r in region.results])
            for name, r in zip(names, region.results, strict=True):
                inner.statements.append((f"{name} = ", *inner.loose(inner.operand(r.value))))
            parts += [word, *(p for s in inner.statements for p in ("\n", *s))]
        self.statements.append((*parts, "\n}"))

    # --------------------------------------------------------------------------------------------- expressions

    def operand(self, operand: Operand | None) -> Written:
        if operand is None:
            return Written(("none",), CLOSED)
        if isinstance(operand, Scalar):
            return _scalar(operand.value)
        if operand.index in self.names:
            return Written((self.names[operand.index],), CLOSED)
        return self.open[operand.index]

    def loose(self, w: Written) -> Text:
        return w.text

    def closed(self, w: Written) -> Text:
        return w.text if w.tight == CLOSED else ("(", *w.text, ")")

    def size(self, d: Any, hint: str) -> Text:
        return spell(d, hint)

    def expression(self, node: Node) -> Written:
        inputs = [self.operand(v) for v in node.inputs]
        if isinstance(node, Apply):
            return self._apply(node, inputs)
        if isinstance(node, Call):
            return self._call(node, inputs)
        if isinstance(node, Repeat):
            stage = self._labelled(node.module, self.instance(node.module))
            return self._flow(inputs, stage) if len(inputs) == 1 else self._used(stage, inputs)
        if isinstance(node, Read):
            return Written((self.reference(node.state),), CLOSED)
        if isinstance(node, Scan):
            return self._scan(node, inputs)
        if node.__class__.__name__ == "Grad":
            return Written(("grad(", *comma([self.loose(i) for i in inputs]), ")"), CLOSED)
        raise CannotWrite(f"`{type(node).__name__.lower()}`")

    def _flow(self, inputs: list[Written], stage: Text) -> Written:
        head = inputs[0]
        first = head.text if head.tight != OPERATOR else self.closed(head)
        return Written((*first, " -> ", *stage), PIPE)

    def _used(self, stage: Text, inputs: list[Written]) -> Written:
        return Written((*stage, "(", *comma([self.loose(i) for i in inputs]), ")"), PIPE)

    def _apply(self, node: Apply, inputs: list[Written]) -> Written:
        if node.module is not None:
            stage = self._labelled(node.module, self.instance(node.module))
            return self._flow(inputs, stage) if len(inputs) == 1 else self._used(stage, inputs)
        found = self.writer.changes.attributes(self.scope, node)
        op = node.op
        if isinstance(found, tuple):
            op, found = self.writer.op(found[0]), found[1]
        if isinstance(op, Index):
            return self._index(found, inputs)
        if isinstance(op, Binary) and not op.title.isidentifier() and len(inputs) == 2:
            left, right = (self.closed(i) for i in inputs)
            return Written((*left, f" {op.title} ", *right), OPERATOR)
        if isinstance(op, Binary) and op.title in ("and", "or"):
            left, right = (self.closed(i) for i in inputs)
            return Written((*left, f" {op.title} ", *right), OPERATOR)
        order = argument_order(type(op))
        tensors: list[Text | None] = []
        for operand, i in zip(node.inputs, inputs, strict=True):
            tensors.append(None if operand is None else i.text if i.tight != PIPE else self.closed(i))
        if len(inputs) == 1 and isinstance(node.inputs[0], Value) and order[0] == op.inputs[0].name:
            args = arguments(op, found, op.name, [("...",)])[1:]
            return self._flow(inputs, (op.name, *(("(", *comma(args), ")") if args else ())))
        return Written((op.name, "(", *comma(arguments(op, found, op.name, tensors)), ")"), CLOSED)

    def _index(self, a: Any, inputs: list[Written]) -> Written:
        picks = iter(inputs[1:])
        items: list[Text] = []
        for item in a.items:
            if isinstance(item, At):
                items.append(spell(item.place, "place"))
            elif isinstance(item, Range):
                ends = [() if e is None else spell(e, "end") for e in (item.start, item.stop)]
                step: Text = () if item.step in (None, 1) else (":", *spell(item.step, "step"))
                items.append((*ends[0], ":", *ends[1], *step))
            elif isinstance(item, NewAxis):
                items.append(("none",))
            elif isinstance(item, Dots):
                items.append(("...",))
            elif isinstance(item, Pick):
                items.append(self.loose(next(picks)))
        return Written((*self.closed(inputs[0]), "[", *comma(items), "]"), CLOSED)

    def _call(self, node: Call, inputs: list[Written]) -> Written:
        if node.backwards:
            raise CannotWrite("the inverse of a block")
        told = tuple(str(d) if isinstance(d, int) else sized(d) for d in node.sizes)
        for ref in node.lent:
            made = self.instance(ref)
            if made is not None:  # it is used there first
                self.statements.append((f"{self._spelled(ref)} = ", *made))
        lent = tuple(self._spelled(ref) for ref in node.lent)
        if node.module is None:
            stage: Text = (self.writer.function(node, self.path, self.scope, told, lent),)
        else:
            stage = self._labelled(node.module, self.instance(node.module, told, lent))
        if not inputs:
            return Written(stage, CLOSED)
        if len(inputs) == 1:
            return self._flow(inputs, stage)
        if node.module is None:
            return Written(("(", *comma([self.loose(i) for i in inputs]), ") -> ", *stage), PIPE)
        return self._used(stage, inputs)

    def _scan(self, node: Scan, inputs: list[Written]) -> Written:
        region = node.graph
        if len(region.nodes) != 1 or not isinstance(region.nodes[0], Apply | Call) or region.nodes[0].module is None:
            raise CannotWrite("a `scan` of more than one module")
        (cell,) = region.nodes
        assert isinstance(cell, Apply | Call) and cell.module is not None
        given = [v.index if isinstance(v, Value) else None for v in cell.inputs]
        if given != [p.value.index for p in region.ports if p.value is not None]:
            raise CannotWrite("a `scan` whose cell takes its inputs in another order")
        text = self._labelled(cell.module, self.instance(cell.module))
        sequences = [self.loose(inputs[i]) for i in node.sequences]
        args: list[Text] = [text]
        if sequences:
            args.append(sequences[0] if len(sequences) == 1 else ("(", *comma(sequences), ")"))
        for i, port in enumerate(region.ports):
            if i not in node.sequences:
                args.append((f"{port.name}=", *self.loose(inputs[i])))
        if node.axis != 1:
            args.append((f"axis={node.axis}",))
        if node.reverse:
            args.append(("reverse=true",))
        if not node.sequences:
            args.append(("steps=", *spell(node.steps, "steps")))
        return Written(("scan(", *comma(args), ")"), CLOSED)

    # ------------------------------------------------------------------------------------------------- modules

    def reference(self, ref: StateRef) -> str:
        if ref.module is None:
            return ref.name
        return f"{self._spelled(ref.module)}.{ref.name}"

    def _spelled(self, ref: ModuleRef) -> str:
        if ref.borrowed:
            return self.lent[ref.path]
        head, *rest = ref.path.split(".")
        return head + "".join(f"[{r}]" if r.isdigit() else f".{r}" for r in rest)

    def _labelled(self, ref: ModuleRef, made: Text | None) -> Text:
        """A module where it is used: made there with its label, or by its name."""
        name = self._spelled(ref)
        return (name,) if made is None else (f"{name}: ", *made)

    def instance(self, ref: ModuleRef, told: tuple[str, ...] = (), lent: tuple[str, ...] = ()) -> Text | None:
        """How a module is made; None where it has been made before."""
        if ref.borrowed or ref.path in self.made:
            return None
        if ref.path in self.children:
            self.made.add(ref.path)
            return self.writer.instance(self.children[ref.path], join(self.path, ref.path), self, told, lent)
        parent = ref.path
        while parent and parent not in self.children:
            parent = parent.rpartition(".")[0]
        if not parent:
            raise CannotWrite(f"the module `{ref.path}`")
        if parent not in self.made:
            self.made.add(parent)
            made = self.writer.instance(self.children[parent], join(self.path, parent), self)
            self.statements.append((f"{self._spelled(ModuleRef(parent))} = ", *made))
        return None

    def composition(self, unit: Unit, path: str) -> Text:
        """A composition as the row of its places."""
        graph = unit.graph
        if graph.places is None:
            raise CannotWrite(f"the composition `{path}`, which is no plain row")
        children = {child.path: child.instance for child in graph.children}
        by_output = {n.outputs[0].index: n for n in graph.nodes if n.outputs}
        inner = Body(self.writer, graph, path, self.lent, self.taken)
        stages: list[Text] = []
        for at, place in enumerate(graph.places):
            if isinstance(place, str):
                made = self.writer.instance(children[place], join(path, place), inner)
                stages.append(made if place == str(at) else (f"{place}: ", *made))
                continue
            node = graph.nodes[place] if place < len(graph.nodes) else by_output[place]
            flow = node.inputs[0]
            assert isinstance(flow, Value)
            inner.open[flow.index] = Written((), CLOSED)
            stage = inner.expression(node).text
            stage = stage[1:] if stage[0] == " -> " else stage
            if at == 0 and stage[1:2] == ("(",):  # nothing flows into it where it stands
                stage = (stage[0], "(..., ", *stage[2:])
            stages.append(stage)
        return (Stages(tuple(stages), False),)

    def row(self, row: Row, path: str) -> Text:
        stages: list[Text] = []
        for count, part in row.parts:
            for _ in range(count):
                stages.append(self.writer.instance(part, join(path, str(len(stages))), self))
        return (Stages(tuple(stages), True),)

    def leaf(self, leaf: Leaf, path: str) -> Text:
        """``Conv2d(64, 3, padding=1, init=…)``"""
        replaced = self.writer.changes.replaced(path)
        if replaced is not None:
            name, given = replaced
            self.writer.imports.add(name)
            return (name, "(", *comma([(f"{k}=", *spell(v, k)) for k, v in given]), ")")
        op = leaf.op
        attrs = self.writer.changes.leaf(path, leaf)
        label = path.rpartition(".")[2]
        if label.isdigit():
            label = (op.module or op.name).lower()
        args = arguments(op, attrs, label)
        args += self._initial(leaf)
        if leaf.frozen:
            args.append(("frozen=", *spell(leaf.frozen)))
        tied = next((w for w in leaf.weights if w.tied is not None), None)
        if tied is not None:
            assert tied.tied is not None
            args.append((f"{tied.spec.name}={self.reference(tied.tied)}",))
        text: Text = (op.module or op.name, "(", *comma(args), ")")
        if leaf.norm:
            text = (f"{leaf.norm}_norm(", *text, ")")
        return ("checkpoint(", *text, ")") if leaf.checkpoint else text

    def _initial(self, leaf: Leaf) -> list[Text]:
        policy = self.writer.policy
        weights = [w for w in leaf.weights if w.spec.kind == "param" and w.tied is None]
        main = [w for w in weights if w.spec.family not in ("bias", "norm")]
        biases = [w for w in weights if w.spec.family == "bias"]
        found: list[Text] = []
        own = [w for w in main if w.law != w.spec.fallback and policy.get(w.spec.family) != w.law]
        if own:
            found.append((f"init={law(own[0].law)}",))
        norm = [w for w in weights if w.spec.family == "norm" and w.law != w.spec.fallback]
        if norm:
            found.append((f"init={law(norm[0].law)}",))
        if biases:
            expected = ZEROS if own else policy.get("bias", biases[0].spec.fallback)
            if biases[0].law != expected:
                usual = biases[0].law == biases[0].spec.fallback
                found.append((f"bias_init={'default' if usual else law(biases[0].law)}",))
        return found


def _scalar(value: Any) -> Written:
    if isinstance(value, bool):
        return Written(("true" if value else "false",), CLOSED)
    if isinstance(value, float):
        return Written((number(value),), CLOSED if value >= 0 else OPERATOR)
    if isinstance(value, Poly):
        return Written((sized(value),), OPERATOR)
    return Written((str(value),), CLOSED if value >= 0 else OPERATOR)


_ = DType
