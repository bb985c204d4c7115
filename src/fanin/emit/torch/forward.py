"""The body of `forward`, or of a function: nodes as statements a person would write."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fanin.emit.torch import control, places
from fanin.emit.torch.authored import ORIGIN, Arguments, Origin, arguments_in
from fanin.emit.torch.calls import code_of, numbers_of, repeat_is_call, types_of
from fanin.emit.torch.expressions import Tree, flat
from fanin.emit.torch.loops import Item, Loop, Roller
from fanin.emit.torch.modules import Modules
from fanin.emit.torch.names import Names
from fanin.emit.torch.sizes import Sizes
from fanin.emit.torch.statements import Assign, Do, If, Return, Statement
from fanin.emit.torch.updates import Updates
from fanin.emit.torch.usage import Usage
from fanin.emit.torch.uses import EmitError, Use
from fanin.ir.dims import Poly
from fanin.ir.graph import (
    Apply,
    Call,
    Choice,
    Draws,
    Grad,
    Graph,
    Iterate,
    Move,
    Node,
    Operand,
    Read,
    Repeat,
    Scalar,
    Scan,
    StateRef,
    Update,
    Value,
    acts,
)
from fanin.ir.live import live_nodes
from fanin.ir.types import TensorType
from fanin.ops import code as ops
from fanin.ops.code import Function, Name
from fanin.record import record

TRACKED = Function(
    "tracked",
    '''\
def tracked(x: Tensor) -> Tensor:
    """A tensor as it is, such that gradients in it can be taken."""
    return x if x.requires_grad else x.detach().requires_grad_()
''',
)
MAX_DEPTH = 3
MAX_LENGTH = 74
_PLAIN = ("x", "h")


@record(frozen=False)
class Pending:
    """A value that is not computed yet: it will stand inside the expression that reads it."""

    value: Value
    tree: Tree
    depth: int
    active: bool  # outermost is an activation or another function, not a module
    head: Value | None  # the tensor at the beginning of the pipe
    read: tuple[Value, ...]  # the tensors that the expression reads
    pure: bool
    written: Arguments


@dataclass
class Scope:
    """What the statements of one class or function are written with, shared by graphs printed inside it."""

    use_of: Callable[[Graph], Use]
    names: Names
    helper: Callable[[Function], str]
    has_self: bool
    like: Callable[[], Tree]
    setup: list[Assign] = field(default_factory=list)  # what stands before everything else
    needs_training: bool = False
    origins: list[Origin] = field(default_factory=list)


class Forward:
    """Writes the nodes of one graph."""

    def __init__(
        self,
        graph: Graph,
        scope: Scope,
        inputs: dict[int, str],
        lent: dict[str, str],
        own: str = "self",
        around: Modules | None = None,
    ) -> None:
        """``around`` are the modules of the graph that this one is a region of."""
        self.graph, self.scope = graph, scope
        self.ports = dict(inputs)
        self.modules = Modules(graph, lent, own, around)
        self.sizes = Sizes(graph, self.ports, scope.names)
        self.usage = Usage(graph)
        self.vars: dict[int, Tree] = {index: Name(name) for index, name in inputs.items()}
        self.holders: dict[str, int] = {name: index for index, name in inputs.items()}
        self.reads: dict[int, StateRef] = {}
        self.pending: list[Pending] = []
        self.forced: dict[int, str] = {}
        self.unsteady = 0
        self.position = 0
        self.items: list[Item] = []
        self.tracked: set[int] = set()  # values in which a gradient is wanted
        self.updates = Updates(())
        self.explicit = False  # whether every size of a new shape is said, for graphs that are to agree

    # ------------------------------------------------------------------------------------------------- preparing

    def prepare(self, nodes: Sequence[Node], results: Sequence[Operand]) -> None:
        """Leave out what nobody reads, roll up loops, and count who reads what until when."""
        nodes = live_nodes(nodes, results)
        self.usage.note_modules(nodes)
        for node in nodes:
            if isinstance(node, Read):
                self.reads[node.outputs[0].index] = node.state
            if isinstance(node, Grad):
                self.tracked.update(o.index for o in node.inputs[1:] if isinstance(o, Value))
        nodes = [node for node in nodes if not isinstance(node, Read)]
        self.updates = Updates(nodes)
        roller = Roller(nodes, results, self.reads, self._form, self._countable)
        self.items = roller.roll(nodes)
        self.usage.count(self.items, results)

    # ------------------------------------------------------------------------------------------------- rolling up

    def _form(self, node: Node) -> Hashable:
        match node:
            case Apply():
                code = node.op.torch(node.attrs, *types_of(node))
                return "apply", node.op.name, len(node.outputs), node.module is None, _frozen(code), numbers_of(node)
            case Call() if node.backwards:
                return "once", id(node)
            case Call():
                use = self.scope.use_of(node.graph)
                function = (use.name, use.arguments) if node.module is None else ()
                return "call", len(node.outputs), node.module is None, len(places.lends(node)), use.like, function
            case Repeat():
                return "repeat", len(node.outputs), repeat_is_call(node)
            case _:
                return "once", id(node)

    def _countable(self, container: str, indices: tuple[int, ...]) -> bool:
        return self.modules.iterable(container, indices) is not None

    # ----------------------------------------------------------------------------------------------- what is read

    def tree(self, operand: Operand | None) -> Tree:
        """An operand as an expression."""
        if operand is None:
            return None
        if isinstance(operand, Scalar):
            return self.sizes.size(operand.value) if isinstance(operand.value, Poly) else operand.value
        if operand.index in self.reads:
            return Name(self.modules.state(self.reads[operand.index]))
        return self.vars[operand.index]

    def name(self, name: Name) -> Tree:
        if name.text == "self.training" and not self.scope.has_self:
            self.scope.needs_training = True
            return Name("training")
        return name

    # --------------------------------------------------------------------------------------------------- writing

    def write(
        self,
        nodes: Sequence[Node],
        results: Sequence[Operand],
        finish: Callable[[list[Tree]], Statement],
    ) -> list[Statement]:
        """The statements that compute the results, and the last one made of them. They come after the preamble."""
        self.prepare(nodes, results)
        begin = [s for p in self.graph.ports if p.value is not None for s in self._track(p.value)]
        body = [*begin, *joined(self.items_of(self.items))]
        wanted = [r.index for r in results if isinstance(r, Value)]
        if not self.suffix(wanted):
            body += self.flush()
        trees = [self.tree(result) for result in results]
        spoken = tuple(a for p in self.pending for a in p.written)
        self.pending.clear()
        last = finish(trees)
        if isinstance(last, Return | Do):
            last = type(last)(last.value, spoken)
        end = body[-1] if body else None
        if isinstance(end, Assign) and isinstance(last, Return) and (last.value,) == tuple(map(Name, end.targets)):
            return [*body[:-1], Return(end.value, end.written)]
        return [*body, last]

    def expression(self, nodes: Sequence[Node], result: Operand) -> Tree:
        """What computes a result, as one expression; what is read twice stands there twice."""
        for node in live_nodes(nodes, [result]):
            if isinstance(node, Read):
                self.reads[node.outputs[0].index] = node.state
                continue
            tree = code_of(self, node)
            for i, value in enumerate(node.outputs):
                self.vars[value.index] = tree if len(node.outputs) == 1 else ops.Subscript(tree, (i,))
        return self.tree(result)

    def items_of(self, items: Iterable[Item]) -> list[Statement]:
        out: list[Statement] = []
        for item in items:
            if isinstance(item, Loop):
                out += control.emit_loop(self, item)
            else:
                self.position = self.usage.positions[id(item)]
                out += self._node(item)
                for value in item.outputs:
                    out += self._track(value)
        return out

    def _track(self, value: Value) -> list[Statement]:
        """A value in which a gradient is wanted takes part in it, whatever it was made of."""
        if value.index not in self.tracked:
            return []
        out = self.flush()
        name = self.vars[value.index]
        if not isinstance(name, Name) or value.index in self.reads:
            return out
        return [*out, Assign((name.text,), ops.Call(self.scope.helper(TRACKED), (name,)))]

    def suffix(self, indices: list[int]) -> bool:
        """Whether the pending values among these are the last ones, in this order: evaluation keeps its order then."""
        waiting = {p.value.index for p in self.pending}
        here = [i for i in indices if i in waiting]
        return (
            len(here) == len(set(here))
            and here == [p.value.index for p in self.pending][len(self.pending) - len(here) :]
        )

    def flush(self, keep: int = 0) -> list[Statement]:
        """Statements for what is pending, but the last ``keep`` of it."""
        out: list[Statement] = []
        while len(self.pending) > keep:
            entry = self.pending.pop(0)
            target = self.target(entry.value, entry.head, before=True)
            out.append(Assign((target,), entry.tree, *self.note(entry.value, entry.read, entry.written)))
        return out

    def note(
        self, value: Value, read: Iterable[Value], written: Arguments = ()
    ) -> tuple[tuple[TensorType, ...], Arguments, bool]:
        """The type of a value, noted where no tensor that it is made of has it already."""
        if self.unsteady:
            return (), written, False
        return (value.type,), written, not any(source.type == value.type for source in read)

    def target(self, value: Value, head: Value | None, *, before: bool = False) -> str:
        """The variable for a value; it holds the value from now on. ``before`` the node at hand has read its inputs."""
        own = self.forced.get(value.index) or self.usage.name_of(value)
        candidates = [own] if own else []
        if not own:
            wanted = self.usage.wanted.get(value.index)
            holding = self.vars.get(head.index) if head is not None else None
            old = holding.text if isinstance(holding, Name) and holding.text not in self.ports.values() else None
            if old not in _PLAIN and head is not None and self.usage.name_of(head):
                old = None  # what the author called something else
            candidates = [c for c in (wanted, old) if c]
            # A name that something else had is no name for this, even if that is not read any more.
            mine = head.index if head is not None else None
            candidates += [name for name in _PLAIN if self.holders.get(name, mine) == mine]
        for name in candidates:
            if self.free(name, before):
                break
        else:
            name = self.scope.names.fresh(candidates[0] if own else self.usage.kinds.get(value.index, "y"))
        self.scope.names.taken.add(name)
        self.vars[value.index] = Name(name)
        self.holders[name] = value.index
        return name

    def free(self, name: str, before: bool = False) -> bool:
        """Whether a variable may be given a new value: nothing reads the old one any more."""
        if name not in self.holders:
            return name not in self.scope.names.taken
        held = self.holders[name]
        if any(value.index == held for entry in self.pending for value in entry.read):
            return False
        return self.usage.last.get(held, 0) < self.position + (not before)

    def _node(self, node: Node) -> list[Statement]:
        out: list[Statement] = []
        used = [operand.index for operand in node.inputs if isinstance(operand, Value)]
        if not self.suffix(used):
            out += self.flush()
        unrolled = isinstance(node, Repeat) and (not repeat_is_call(node) or self.modules.is_checkpointed(node.module))
        if isinstance(node, Scan | Iterate | Choice) or acts(node) or unrolled:
            return out + self.flush() + self._special(node)
        mine = [p for p in self.pending if p.value.index in used]
        if mine and self._breaks(node, mine):
            out += self.flush()
            mine = []
        tree = code_of(self, node)
        depth = (
            1 + max((p.depth for p in mine), default=0) if _is_call(tree) else max((p.depth for p in mine), default=0)
        )
        if mine and (depth > MAX_DEPTH or _length(tree) > MAX_LENGTH):
            out += self.flush()
            mine = []
            tree = code_of(self, node)
            depth = 1 if _is_call(tree) else 0
        head = mine[0].head if mine else next((o for o in node.inputs if isinstance(o, Value)), None)
        inlined = {p.value.index for p in mine}
        read = [o for o in node.inputs if isinstance(o, Value) and o.index not in inlined and o.index not in self.reads]
        read = [v for p in mine for v in p.read] + read
        spoken = tuple(a for p in mine for a in p.written) + self.written(node)
        single = node.outputs[0] if len(node.outputs) == 1 else None
        named = single is not None and self.usage.name_of(single) is not None
        if (
            single is not None
            and self.usage.uses.get(single.index) == 1
            and not named
            and single.index not in self.forced
        ):
            del self.pending[len(self.pending) - len(mine) :]
            pure = isinstance(node, Apply) and node.op.keeps
            active = isinstance(node, Apply) and node.module is None
            self.pending.append(Pending(single, tree, depth, active, head, tuple(read), pure, spoken))
            self.vars[single.index] = tree
            return out
        if single is not None and not head and not named and not _is_call(tree) and _is_simple(tree):
            self.vars[single.index] = tree
            return out
        kept = len(mine)
        out += self.flush(kept)
        self.pending.clear()
        if single is not None:
            out.append(Assign((self.target(single, head),), tree, *self.note(single, read, spoken)))
        else:
            targets = tuple(self.target(v, None) if self.usage.uses.get(v.index) else "_" for v in node.outputs)
            while len(targets) > 2 and targets[-2:] == ("_", "_"):
                targets = (*targets[:-2], "*_")
            types = () if self.unsteady else tuple(v.type for v in node.outputs if self.usage.uses.get(v.index))
            out.append(Assign(targets, tree, types, spoken))
        return out

    def _breaks(self, node: Node, mine: list[Pending]) -> bool:
        """Whether a person would begin a new line: a layer after an activation ends a group."""
        layer = isinstance(node, Call | Repeat) or (isinstance(node, Apply) and node.module is not None)
        return layer and any(p.active and p.depth >= 2 for p in mine)

    def written(self, node: Node) -> Arguments:
        self.scope.origins.append(Origin(node.span, tuple(value.type for value in node.outputs)))
        return (*arguments_in(node.span.text), (ORIGIN, str(len(self.scope.origins) - 1)))

    def _special(self, node: Node) -> list[Statement]:
        match node:
            case Repeat():
                return control.emit_repeat(self, node)
            case Scan():
                return control.emit_scan(self, node)
            case Iterate():
                return control.emit_iterate(self, node)
            case Choice():
                return control.emit_choice(self, node)
            case Update():
                return self.updates.emit(self, node)
            case Move() | Draws():
                from fanin.emit.torch import steps  # with the text of the training program

                return steps.emit(self, node)
            case _:
                raise EmitError(f"`{type(node).__name__.lower()}` is not emitted yet")


# --------------------------------------------------------------------------------------------------------- helpers


def joined(statements: Sequence[Statement]) -> list[Statement]:
    """Neighbours under one condition as one."""
    out: list[Statement] = []
    for statement in statements:
        last = out[-1] if out else None
        if (
            isinstance(statement, If)
            and isinstance(last, If)
            and last.condition == statement.condition
            and not last.otherwise
            and not statement.otherwise
        ):
            out[-1] = If(last.condition, (*last.body, *statement.body))
        else:
            out.append(statement)
    return out


def _frozen(code: Any) -> str:
    return repr(code)


def _is_call(tree: Tree) -> bool:
    return isinstance(tree, ops.Call | ops.Method | ops.Invoke)


def _length(tree: Tree) -> int:
    """How long it is in print, whatever its numbers and flags: classes that differ in these break their lines alike."""
    text = re.sub(r", is_causal=\w+", "", re.sub(r"\b\d+\b", "00", flat(tree)))
    return len(text) + 20 * text.count("scaled_dot_product_attention")


def _is_simple(tree: Tree) -> bool:
    return isinstance(tree, Name | bool | int | float)


__all__ = ["EmitError", "Forward", "Scope"]
