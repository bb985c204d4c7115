"""The body of `forward`, or of a function: nodes as statements a person would write."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fanin.emit.torch import places
from fanin.emit.torch.authored import ORIGIN, Arguments, Origin, arguments_in
from fanin.emit.torch.expressions import Bare, Frame, Tree, flat, parsed
from fanin.emit.torch.expressions import Mapping as DictOf
from fanin.emit.torch.loops import Item, Loop, Roller
from fanin.emit.torch.names import TAKEN, Names, identifier, singular
from fanin.emit.torch.statements import Assign, Do, For, If, Return, Statement
from fanin.emit.torch.updates import Updates
from fanin.emit.torch.uses import EmitError, Use
from fanin.ir.dims import Dim, Poly, Symbol, render
from fanin.ir.graph import (
    Apply,
    Call,
    Child,
    Choice,
    Draws,
    Ensemble,
    Grad,
    Graph,
    Iterate,
    Leaf,
    ModuleRef,
    Move,
    Node,
    Operand,
    Port,
    Read,
    Repeat,
    Row,
    Scalar,
    Scan,
    StateRef,
    Unit,
    Update,
    Value,
    acts,
    fixed_count,
)
from fanin.ir.live import live_nodes
from fanin.ir.types import TensorType
from fanin.ops import code as ops
from fanin.ops.code import Function, Invoke, Name
from fanin.record import record

TRACKED = Function(
    "tracked",
    '''\
def tracked(x: Tensor) -> Tensor:
    """A tensor as it is, such that gradients in it can be taken."""
    return x if x.requires_grad else x.detach().requires_grad_()
''',
)
PARTLY_FROZEN = Function(
    "partly_frozen",
    '''\
def partly_frozen(module: nn.Module, fixed: dict[str, tuple[int, int]], *inputs: Tensor) -> Any:
    """Its first output units get no gradient: so many along an axis of each parameter."""
    tensors: dict[str, Tensor] = dict(module.named_parameters())
    for name, (axis, count) in fixed.items():
        still, moving = tensors[name].tensor_split([count], dim=axis)
        tensors[name] = torch.cat((still.detach(), moving), dim=axis)
    return torch.func.functional_call(module, tensors, inputs)
''',
)
EACH_COPY = Function(
    "each_copy",
    '''\
def each_copy(module: nn.Module, *inputs: Tensor) -> Any:
    """Every copy in a module made by ``stacked`` on its slice of the inputs, all at once."""
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}

    def one(tensors: dict[str, Tensor], *inputs: Tensor) -> Any:
        return torch.func.functional_call(module, tensors, inputs)

    return torch.vmap(one, randomness="different")(tensors, *inputs)
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
        self, graph: Graph, scope: Scope, inputs: dict[int, str], lent: dict[str, str], own: str = "self"
    ) -> None:
        self.graph, self.scope, self.own = graph, scope, own
        self.owner = graph  # whose modules these are: of a region, the graph around
        self.lent = lent
        self.vars: dict[int, Tree] = {index: Name(name) for index, name in inputs.items()}
        self.holders: dict[str, int] = {name: index for index, name in inputs.items()}
        self.ports = dict(inputs)
        self.reads: dict[int, StateRef] = {}
        self.rolled: list[tuple[str, str]] = []
        self.letters: dict[Symbol, str] = {}
        self.told: dict[Symbol, str] = {}  # sizes that the caller hands over, by name
        self.needed: dict[Symbol, str] = {}  # those of them that are read
        self.pending: list[Pending] = []
        self.forced: dict[int, str] = {}
        self.unsteady = 0
        self.position = 0
        self.uses: dict[int, int] = {}
        self.last: dict[int, int] = {}
        self.positions: dict[int, int] = {}
        self.ends: dict[int, tuple[int, int]] = {}
        self.wanted: dict[int, str] = {}
        self.kinds: dict[int, str] = {}  # what values without a name could be called: by their module
        self.items: list[Item] = []
        self.tracked: set[int] = set()  # values in which a gradient is wanted
        self.updates = Updates(())
        self.explicit = False  # whether every size of a new shape is said, for graphs that are to agree

    # ------------------------------------------------------------------------------------------------- preparing

    def prepare(self, nodes: Sequence[Node], results: Sequence[Operand]) -> None:
        """Leave out what nobody reads, roll up loops, and count who reads what until when."""
        nodes = live_nodes(nodes, results)
        for node in nodes:
            module = getattr(node, "module", None)
            if isinstance(module, ModuleRef):
                label = next((part for part in reversed(module.path.split(".")) if not part.isdigit()), "y")
                self.kinds.update((value.index, singular(label)) for value in node.outputs)
            if isinstance(node, Read):
                self.reads[node.outputs[0].index] = node.state
            if isinstance(node, Grad):
                self.tracked.update(o.index for o in node.inputs[1:] if isinstance(o, Value))
        nodes = [node for node in nodes if not isinstance(node, Read)]
        self.updates = Updates(nodes)
        roller = Roller(nodes, results, self.reads, self._form, self._countable)
        self.items = roller.roll(nodes)
        self._count(self.items, set())
        self.position = 0
        for operand in results:
            self._read(operand, len(self.positions) + 10**6)
        for result in self.graph.results:
            if result.name and isinstance(result.value, Value):
                self.wanted.setdefault(result.value.index, identifier(result.name))
        self._destinations(self.items, results)

    def _count(self, items: Iterable[Item], inside: set[int]) -> set[int]:
        """Number the nodes, and note every use. Gives the values that are read."""
        read: set[int] = set()
        for item in items:
            self.position += 1
            if isinstance(item, Loop):
                start = self.position
                for carry in item.carries:
                    self._read(carry.start, start)
                    if isinstance(carry.start, Value):
                        read.add(carry.start.index)
                within = self._count(item.body, inside)
                self.position += 1
                self.ends[id(item)] = (start, self.position)
                made = _made_in(item.body) | {carry.inside.index for carry in item.carries}
                for index in within - made:
                    self.uses[index] = self.uses.get(index, 0) + 2
                    self.last[index] = max(self.last.get(index, 0), self.position)
                for carry in item.carries:
                    self.uses[carry.out.index] = self.uses.get(carry.out.index, 0) + 2
                    self.last[carry.out.index] = max(self.last.get(carry.out.index, 0), self.position)
                for index in made:
                    self.uses[index] = self.uses.get(index, 0)
                read |= within - made
            else:
                self.positions[id(item)] = self.position
                for operand in item.inputs:
                    self._read(operand, self.position)
                    if isinstance(operand, Value):
                        read.add(operand.index)
        return read

    def _read(self, operand: Operand | None, position: int) -> None:
        if isinstance(operand, Value):
            self.uses[operand.index] = self.uses.get(operand.index, 0) + 1
            self.last[operand.index] = max(self.last.get(operand.index, 0), position)

    def _destinations(self, items: Sequence[Item], results: Sequence[Operand]) -> None:
        """For every value the name at the end of its pipe: what intermediate values are called."""
        for item in reversed(items):
            if isinstance(item, Loop):
                self._destinations(item.body, ())
                for carry in item.carries:
                    name = self.name_of(carry.out) or self.wanted.get(carry.out.index)
                    if name and isinstance(carry.start, Value):
                        self.wanted.setdefault(carry.start.index, name)
                continue
            if isinstance(item, Scan | Iterate):
                given = [port.name for port in item.graph.ports if port.value is not None]
                for i in item.states:
                    start = item.inputs[i]
                    if isinstance(start, Value) and self.uses.get(start.index) == 1:
                        self.wanted.setdefault(start.index, identifier(given[i]))
                continue
            names = [self.name_of(value) or self.wanted.get(value.index) for value in item.outputs]
            if len(names) > 1:
                joined = "".join(name or "_" for name in names)
                names = [joined] if len(joined) <= 4 and "_" not in joined else []
            for name in names:
                if name is None:
                    continue
                for operand in item.inputs:
                    if isinstance(operand, Value) and self.uses.get(operand.index) == 1:
                        self.wanted.setdefault(operand.index, name)
                break

    def name_of(self, value: Value) -> str | None:
        """The author's name for a value."""
        name = self.graph.names.get(value.index)
        return None if name is None or name == "_" else identifier(name)

    # ------------------------------------------------------------------------------------------------- rolling up

    def _form(self, node: Node) -> Hashable:
        match node:
            case Apply():
                code = node.op.torch(node.attrs, *_types(node))
                return "apply", node.op.name, len(node.outputs), node.module is None, _frozen(code), _numbers(node)
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
        return self._iterable(container, indices) is not None

    def _iterable(self, container: str, indices: tuple[int, ...]) -> str | None:
        """The modules of a container as something to loop over."""
        try:
            *_, (_, here) = places.walk(self.graph, container)
        except KeyError:
            return None
        text = self.access_own(container)
        kind, keys = places.keys_of(here)
        if [str(i) for i in indices] == keys:
            return text if kind == "list" else f"{text}.values()"
        if kind != "list" or keys != [str(i) for i in range(len(keys))]:
            return None
        step = indices[1] - indices[0]
        start = str(indices[0]) if indices[0] else ""
        stop = "" if indices[-1] + step >= len(keys) else str(indices[-1] + 1)
        return f"{text}[{start}:{stop}{f':{step}' if step != 1 else ''}]"

    # ----------------------------------------------------------------------------------------------- what is read

    def access(self, ref: ModuleRef) -> str:
        """A module as an expression."""
        if ref.borrowed:
            first, *rest = ref.path.split(".")
            text = self.lent[first]
            for name in rest:
                text += f"[{name}]" if name.isdigit() else f".{name}"
            return text
        return self.access_own(ref.path)

    def access_own(self, path: str) -> str:
        for prefix, variable in reversed(self.rolled):
            if path == prefix:
                return variable
            if path.startswith(prefix + "."):
                return places.access_below(self.graph, path, prefix, variable, self.own)
        return places.access(self.graph, path, self.own)

    def state(self, ref: StateRef) -> str:
        """A parameter or buffer as an expression."""
        if ref.module is None:
            return self.access_own(ref.name)
        return f"{self.access(ref.module)}.{ref.name}"

    def tree(self, operand: Operand | None) -> Tree:
        """An operand as an expression."""
        if operand is None:
            return None
        if isinstance(operand, Scalar):
            return self.size(operand.value) if isinstance(operand.value, Poly) else operand.value
        if operand.index in self.reads:
            return Name(self.state(self.reads[operand.index]))
        return self.vars[operand.index]

    def size(self, size: Dim) -> Tree:
        """An open dimension in terms of the sizes of the inputs."""
        if isinstance(size, int):
            return size
        for symbol in sorted(size.symbols(), key=lambda s: s.key):
            if (
                symbol not in self.letters
                and symbol not in self.told
                and self._axis(symbol.poly) is None
                and symbol.definition is not None
            ):
                return self.size(_without(size, symbol))
        return parsed(render(size, self.letter, True))

    def letter(self, symbol: Symbol) -> str:
        if symbol in self.told:
            return self.needed.setdefault(symbol, self.told[symbol])
        if symbol not in self.letters:
            if self._axis(symbol.poly) is None:
                raise EmitError(f"no input of `{self.graph.name}` has the size {symbol.name} as an axis")
            self.letters[symbol] = self.scope.names.fresh(symbol.name if symbol.name.isidentifier() else "size")
        return self.letters[symbol]

    def _axis(self, size: Dim) -> tuple[int, int] | None:
        """The input and its axis with that size."""
        for port in self.graph.ports:
            if port.value is not None and port.value.index in self.ports:
                for axis, here in enumerate(port.value.type.shape):
                    if here == size and isinstance(here, Poly):
                        return port.value.index, axis
        return None

    def preamble(self) -> list[Statement]:
        """Reads the letters that are needed off the inputs: ``B, T, _ = x.shape``."""
        axes: dict[tuple[int, int], str] = {}
        for symbol, name in self.letters.items():
            found = self._axis(symbol.poly)
            assert found is not None
            axes[found] = name
        named = [(port, self.ports[port.value.index]) for port in self.graph.ports
                 if port.value is not None and port.value.index in self.ports]  # fmt: skip
        return preamble(named, axes)

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
        body = [*begin, *joined(self._items(self.items))]
        wanted = [r.index for r in results if isinstance(r, Value)]
        if not self._suffix(wanted):
            body += self._flush()
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
            tree = self._code(node)
            for i, value in enumerate(node.outputs):
                self.vars[value.index] = tree if len(node.outputs) == 1 else ops.Subscript(tree, (i,))
        return self.tree(result)

    def _items(self, items: Iterable[Item]) -> list[Statement]:
        out: list[Statement] = []
        for item in items:
            if isinstance(item, Loop):
                out += self._loop(item)
            else:
                self.position = self.positions[id(item)]
                out += self._node(item)
                for value in item.outputs:
                    out += self._track(value)
        return out

    def _track(self, value: Value) -> list[Statement]:
        """A value in which a gradient is wanted takes part in it, whatever it was made of."""
        if value.index not in self.tracked:
            return []
        out = self._flush()
        name = self.vars[value.index]
        if not isinstance(name, Name) or value.index in self.reads:
            return out
        return [*out, Assign((name.text,), ops.Call(self.scope.helper(TRACKED), (name,)))]

    def _suffix(self, indices: list[int]) -> bool:
        """Whether the pending values among these are the last ones, in this order: evaluation keeps its order then."""
        waiting = {p.value.index for p in self.pending}
        here = [i for i in indices if i in waiting]
        return (
            len(here) == len(set(here))
            and here == [p.value.index for p in self.pending][len(self.pending) - len(here) :]
        )

    def _flush(self, keep: int = 0) -> list[Statement]:
        """Statements for what is pending, but the last ``keep`` of it."""
        out: list[Statement] = []
        while len(self.pending) > keep:
            entry = self.pending.pop(0)
            target = self.target(entry.value, entry.head, before=True)
            out.append(Assign((target,), entry.tree, *self._note(entry.value, entry.read, entry.written)))
        return out

    def _note(
        self, value: Value, read: Iterable[Value], written: Arguments = ()
    ) -> tuple[tuple[TensorType, ...], Arguments, bool]:
        """The type of a value, noted where no tensor that it is made of has it already."""
        if self.unsteady:
            return (), written, False
        return (value.type,), written, not any(source.type == value.type for source in read)

    def target(self, value: Value, head: Value | None, *, before: bool = False) -> str:
        """The variable for a value; it holds the value from now on. ``before`` the node at hand has read its inputs."""
        own = self.forced.get(value.index) or self.name_of(value)
        candidates = [own] if own else []
        if not own:
            wanted = self.wanted.get(value.index)
            holding = self.vars.get(head.index) if head is not None else None
            old = holding.text if isinstance(holding, Name) and holding.text not in self.ports.values() else None
            if old not in _PLAIN and head is not None and self.name_of(head):
                old = None  # what the author called something else
            candidates = [c for c in (wanted, old) if c]
            # A name that something else had is no name for this, even if that is not read any more.
            mine = head.index if head is not None else None
            candidates += [name for name in _PLAIN if self.holders.get(name, mine) == mine]
        for name in candidates:
            if self._free(name, before):
                break
        else:
            name = self.scope.names.fresh(candidates[0] if own else self.kinds.get(value.index, "y"))
        self.scope.names.taken.add(name)
        self.vars[value.index] = Name(name)
        self.holders[name] = value.index
        return name

    def _free(self, name: str, before: bool = False) -> bool:
        """Whether a variable may be given a new value: nothing reads the old one any more."""
        if name not in self.holders:
            return name not in self.scope.names.taken
        held = self.holders[name]
        if any(value.index == held for entry in self.pending for value in entry.read):
            return False
        return self.last.get(held, 0) < self.position + (not before)

    def _node(self, node: Node) -> list[Statement]:
        out: list[Statement] = []
        used = [operand.index for operand in node.inputs if isinstance(operand, Value)]
        if not self._suffix(used):
            out += self._flush()
        if (
            isinstance(node, Scan | Iterate | Choice)
            or acts(node)
            or (isinstance(node, Repeat) and not (repeat_is_call(node) and not self.is_checkpointed(node.module)))
        ):
            return out + self._flush() + self._special(node)
        mine = [p for p in self.pending if p.value.index in used]
        if mine and self._breaks(node, mine):
            out += self._flush()
            mine = []
        tree = self._code(node)
        depth = (
            1 + max((p.depth for p in mine), default=0) if _is_call(tree) else max((p.depth for p in mine), default=0)
        )
        if mine and (depth > MAX_DEPTH or _length(tree) > MAX_LENGTH):
            out += self._flush()
            mine = []
            tree = self._code(node)
            depth = 1 if _is_call(tree) else 0
        head = mine[0].head if mine else next((o for o in node.inputs if isinstance(o, Value)), None)
        inlined = {p.value.index for p in mine}
        read = [o for o in node.inputs if isinstance(o, Value) and o.index not in inlined and o.index not in self.reads]
        read = [v for p in mine for v in p.read] + read
        spoken = tuple(a for p in mine for a in p.written) + self.written(node)
        single = node.outputs[0] if len(node.outputs) == 1 else None
        if (
            single is not None
            and self.uses.get(single.index) == 1
            and not self.name_of(single)
            and single.index not in self.forced
        ):
            del self.pending[len(self.pending) - len(mine) :]
            pure = isinstance(node, Apply) and node.op.keeps
            active = isinstance(node, Apply) and node.module is None
            self.pending.append(Pending(single, tree, depth, active, head, tuple(read), pure, spoken))
            self.vars[single.index] = tree
            return out
        if single is not None and not head and not _is_call(tree) and not self.name_of(single) and _is_simple(tree):
            self.vars[single.index] = tree
            return out
        kept = len(mine)
        out += self._flush(kept)
        self.pending.clear()
        if single is not None:
            out.append(Assign((self.target(single, head),), tree, *self._note(single, read, spoken)))
        else:
            targets = tuple(self.target(v, None) if self.uses.get(v.index) else "_" for v in node.outputs)
            while len(targets) > 2 and targets[-2:] == ("_", "_"):
                targets = (*targets[:-2], "*_")
            types = () if self.unsteady else tuple(v.type for v in node.outputs if self.uses.get(v.index))
            out.append(Assign(targets, tree, types, spoken))
        return out

    def _breaks(self, node: Node, mine: list[Pending]) -> bool:
        """Whether a person would begin a new line: a layer after an activation ends a group."""
        layer = isinstance(node, Call | Repeat) or (isinstance(node, Apply) and node.module is not None)
        return layer and any(p.active and p.depth >= 2 for p in mine)

    def written(self, node: Node) -> Arguments:
        self.scope.origins.append(Origin(node.span, tuple(value.type for value in node.outputs)))
        return (*arguments_in(node.span.text), (ORIGIN, str(len(self.scope.origins) - 1)))

    def is_checkpointed(self, ref: ModuleRef | None) -> bool:
        """Whether what a module computes (of a repetition, what its places do) is computed again going back."""
        made = None if ref is None or ref.borrowed else self._instance(ref.path)
        if isinstance(made, Row):
            return any(not isinstance(part, Row) and part.checkpoint for _, part in made.parts)
        return made is not None and made.checkpoint

    def again(self, tree: Tree) -> Tree:
        """The call of a module, computed again in the backward pass."""
        assert isinstance(tree, Invoke)
        return ops.Call("checkpoint", (tree.callee, *tree.args), (("use_reentrant", Name("False")),))

    def _code(self, node: Node) -> Tree:
        tree = self._plain_code(node)
        if isinstance(node, Apply | Call) and isinstance(tree, Invoke) and self.is_checkpointed(node.module):
            return self.again(tree)
        return tree

    def _plain_code(self, node: Node) -> Tree:
        inputs = [self.tree(operand) for operand in node.inputs]
        match node:
            case Apply():
                code = node.op.torch(node.attrs, *_types(node))
                if self.explicit and isinstance(code, ops.Method) and code.name == "reshape" and -1 in code.args:
                    code = ops.Method(code.receiver, code.name, node.outputs[0].type.shape)
                leaf = None if node.module is None or node.module.borrowed else self._leaf(node.module.path)
                if leaf is not None and places.is_partly_frozen(leaf):
                    module = Name(self.access(node.module)) if node.module is not None else None
                    return ops.Call(self.scope.helper(PARTLY_FROZEN), (module, fixed_units(leaf), *inputs))
                return self._fill(code, inputs, node.module, _numbers(node))
            case Call():
                return self.call(node, inputs)
            case Repeat():
                return Invoke(Name(self.access(node.module)), tuple(inputs))
            case Ensemble():
                return ops.Call(self.scope.helper(EACH_COPY), (Name(self.access(node.module)), *inputs))
            case Grad():
                whole = node.inputs[0] is not None and node.inputs[0].type.rank > 0
                args = (ops.Method(inputs[0], "sum", ()) if whole else inputs[0], inputs[1])
                found = ops.Call("torch.autograd.grad", args, (("create_graph", Name("True")),))
                return ops.Subscript(found, (0,))
            case _:
                raise EmitError(f"no PyTorch code for {type(node).__name__} yet")

    def _leaf(self, path: str) -> Leaf | None:
        instance = self._instance(path)
        return instance if isinstance(instance, Leaf) else None

    def _instance(self, path: str) -> Leaf | Unit | Row | None:
        try:
            *_, (_, here) = places.walk(self.owner, path)
        except KeyError:
            return None
        instance = here.instance if isinstance(here, Child) else here
        return instance if isinstance(instance, Leaf | Unit | Row) else None

    def _fill(self, code: Any, inputs: Sequence[Tree], module: ModuleRef | None, numbers: tuple[bool, ...]) -> Tree:
        frame = Frame(
            inputs,
            None if module is None else Name(self.access(module)),
            self.scope.like,
            self.size,
            self.name,
            self.scope.helper,
            numbers,
        )
        return frame.fill(code)

    def call(self, node: Call, inputs: Sequence[Tree]) -> Tree:
        """The call of a block's instance, or of a function."""
        if node.backwards and node.module is not None:
            return ops.Method(Name(self.access(node.module)), "inverse", tuple(inputs))
        use = self.scope.use_of(node.graph)
        rest: list[Tree] = [Name(self.access(ref)) for ref in places.lends(node)]
        rest += [self.size(_told(node, symbol)) for symbol in use.sizes]
        if use.like:
            rest.append(self.scope.like())
        if use.training:
            rest.append(self.name(Name("self.training")))
        args = [*use.tensors(inputs), *rest] if rest else use.tensors(inputs, drop=True)
        if node.module is not None:
            return Invoke(Name(self.access(node.module)), tuple(args))
        keywords = tuple(zip(use.parameters, use.arguments, strict=True))
        return ops.Call(use.name, tuple(args), keywords)

    # ----------------------------------------------------------------------------------------------------- loops

    def _loop(self, loop: Loop) -> list[Statement]:
        start, end = self.ends[id(loop)]
        self.position = start
        out: list[Statement] = []
        names: list[str] = []
        starts = [carry.start.index for carry in loop.carries if isinstance(carry.start, Value)]
        lone = len(loop.carries) == 1 and self._suffix(starts) and starts and self.uses.get(starts[0]) == 1
        out += self._flush(1 if lone and self.pending else 0)
        for carry in loop.carries:
            begin = self.tree(carry.start)
            wanted = self.name_of(carry.out) or self.wanted.get(carry.out.index)
            index = carry.start.index if isinstance(carry.start, Value) else None
            dead = index is not None and self.last.get(index, 0) <= start and index not in self.reads
            waiting = next((p for p in self.pending if p.value.index == index), None)
            if isinstance(begin, Name) and dead and (wanted in (None, begin.text)) and begin.text in self.holders:
                name = begin.text
                self.holders[name] = carry.inside.index
                self.vars[carry.inside.index] = Name(name)
            else:
                if wanted:
                    self.wanted[carry.inside.index] = wanted
                name = self.target(carry.inside, None)
                note = self._note(waiting.value, waiting.read, waiting.written) if waiting else ()
                out.append(Assign((name,), begin, *note))
            names.append(name)
            self.forced[carry.out.index] = name
        self.pending.clear()
        variables: list[str] = []
        for over in loop.over:
            variables.append(self.variable(over.container, variables))
        iterables = [self._iterable(over.container, over.indices) for over in loop.over]
        self.rolled += [(over.last, variable) for over, variable in zip(loop.over, variables, strict=True)]
        borrowed_names = set(variables) - self.scope.names.taken
        self.scope.names.taken |= borrowed_names
        self.unsteady += not loop.steady
        body = self._items(loop.body)
        body += self._flush()
        self.unsteady -= not loop.steady
        self.scope.names.taken -= borrowed_names
        if loop.over:
            del self.rolled[-len(loop.over) :]
        moved = [
            (name, self.vars[carry.out.index])
            for name, carry in zip(names, loop.carries, strict=True)
            if self.vars[carry.out.index] != Name(name)
        ]
        if moved:
            values = tuple(value for _, value in moved)
            body.append(Assign(tuple(n for n, _ in moved), values[0] if len(values) == 1 else Bare(values)))
        for name, carry in zip(names, loop.carries, strict=True):
            self.vars[carry.out.index] = Name(name)
            self.holders[name] = carry.out.index
        self.position = end
        texts = [text for text in iterables if text is not None]
        if not texts:
            over_what: Tree = ops.Call("range", (Name(str(loop.count)),))
            head = "_"
        elif len(texts) == 1:
            head, over_what = variables[0], Name(texts[0])
        else:
            strict = (("strict", Name("True")),)
            head, over_what = ", ".join(variables), ops.Call("zip", tuple(Name(t) for t in texts), strict)
        return [*out, For(head, over_what, tuple(body))]

    def variable(self, container: str, others: Sequence[str] = ()) -> str:
        """A name for the module at hand in a loop. The next loop may use it again."""
        last = next((part for part in reversed(container.split(".")) if not part.isdigit()), "module")
        name = identifier(singular(last))
        active = {variable for _, variable in self.rolled} | set(others)
        for candidate in (name, f"inner_{name}", f"{name}_module"):
            if candidate not in active and candidate not in TAKEN and self._free(candidate):
                return candidate
        return self.scope.names.fresh(name)

    def _special(self, node: Node) -> list[Statement]:
        from fanin.emit.torch import control, steps

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
                return steps.emit(self, node)
            case _:
                raise EmitError(f"`{type(node).__name__.lower()}` is not emitted yet")


# --------------------------------------------------------------------------------------------------------- helpers


def preamble(ports: Sequence[tuple[Port, str]], axes: Mapping[tuple[int, int], str]) -> list[Statement]:
    """Reads sizes off inputs. ``ports`` come with their names, ``axes`` by value and axis."""
    wanted: dict[int, dict[int, str]] = {}
    for (index, axis), name in axes.items():
        wanted.setdefault(index, {})[axis] = name
    lines: list[Statement] = []
    for port, name in ports:
        if port.value is None or port.value.index not in wanted:
            continue
        letters = wanted[port.value.index]
        if len(letters) == 1:
            axis, letter = next(iter(letters.items()))
            lines.append(Assign((letter,), Name(f"{name}.shape[{axis}]")))
        else:
            # A `_` for what is not needed, and at the end one for all of it.
            targets = [letters.get(axis, "_") for axis in range(port.value.type.rank)]
            if targets[-2:] == ["_", "_"]:
                while targets[-2] == "_":
                    targets.pop()
                targets[-1] = "*_"
            lines.append(Assign(tuple(targets), Name(f"{name}.shape")))
    return lines


def fixed_units(leaf: Leaf) -> Tree:
    """For each parameter with output units: their axis, and how many of them are fixed."""
    found: list[tuple[str, Tree]] = []
    for w in leaf.weights:
        axes = [i for i, axis in enumerate(w.spec.axes) if axis.role == "out"] if w.spec.kind == "param" else []
        if axes:
            size = w.spec.axes[axes[0]].size
            assert isinstance(size, int) and not isinstance(leaf.frozen, bool)
            found.append((w.spec.name, ops.Sequence((axes[0], fixed_count(size, leaf.frozen)))))
    return DictOf(tuple(found))


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


def repeat_is_call(node: Repeat) -> bool:
    """Whether a repetition is an ``nn.Sequential`` that is called as a whole."""
    if len(node.inputs) != 1 or len(node.outputs) != 1:
        return False
    for run in node.runs:
        if len(run.call.inputs) != 1 or len(run.call.outputs) != 1:
            return False
        if isinstance(run.call, Call) and places.lends(run.call):
            return False
    return True


def _told(node: Call, symbol: Symbol) -> Dim:
    """A size that a graph is told, in the letters of its caller: a composition has the letters of the graph around."""
    if symbol in node.graph.sizes and node.sizes:
        return node.sizes[node.graph.sizes.index(symbol)]
    if node.graph.kind == "composition" or symbol.definition is None:
        return symbol.poly
    return symbol.definition


def _made_in(items: Iterable[Item]) -> set[int]:
    made: set[int] = set()
    for item in items:
        if isinstance(item, Loop):
            made |= _made_in(item.body) | {carry.inside.index for carry in item.carries}
        else:
            made |= {value.index for value in item.outputs}
    return made


def _types(node: Node) -> tuple[Any, ...]:
    return tuple(None if operand is None else operand.type for operand in node.inputs)


def _numbers(node: Node) -> tuple[bool, ...]:
    return tuple(isinstance(operand, Scalar) for operand in node.inputs)


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


def _without(size: Poly, symbol: Symbol) -> Dim:
    from fanin.ir.dims import substitute

    assert symbol.definition is not None
    return substitute(size, {symbol: symbol.definition})


__all__ = ["EmitError", "Forward", "Scope"]
