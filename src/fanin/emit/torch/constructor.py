"""The body of `__init__`: modules in the order of the text, held so that their keys are their paths."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from fanin.emit.torch import places
from fanin.emit.torch.authored import Arguments, arguments_in
from fanin.emit.torch.expressions import Comprehension, DoubleStar, Frame, Mapping, Star, Tree, call_of, flat
from fanin.emit.torch.names import identifier, is_identifier
from fanin.emit.torch.statements import Assign, Do, Statement
from fanin.emit.torch.uses import EmitError, Use
from fanin.emit.torch.weights import Laws, law_code, leaf_target
from fanin.ir.graph import Call, Child, Ensemble, Graph, Leaf, ModuleRef, Row, State, StateRef, Unit, bodies, every_node
from fanin.ir.laws import ZEROS, Law
from fanin.ir.types import DType
from fanin.ops import code as ops
from fanin.ops.code import Name
from fanin.ops.contract import Axis, ParamSpec, argument_order

_DTYPES = {
    DType.INT: Name("torch.long"),
    DType.BOOL: Name("torch.bool"),
    DType.COMPLEX: Name("torch.get_default_dtype().to_complex()"),
}


class Constructor:
    """Writes the constructor of one graph. ``start`` gives the code that fills a buffer with a computed value."""

    def __init__(
        self,
        graph: Graph,
        use_of: Callable[[Graph], Use],
        laws: Laws,
        start: Callable[[State], Tree],
        own: str = "self",
        handed: Sequence[str] = (),
    ) -> None:
        self.graph, self.use_of, self.laws, self.start, self.own = graph, use_of, laws, start, own
        self.handed = frozenset(handed)  # modules that are arguments
        self.borrowed: list[str] = []
        self.lent: dict[str, tuple[Graph, tuple[ModuleRef, ...]]] = {}
        self.copies = {n.module.path: n.count for n in every_node(bodies(graph)) if isinstance(n, Ensemble)}
        for node in every_node(bodies(graph)):
            if isinstance(node, Call) and node.module is not None and node.lent:
                self.lent.setdefault(node.module.path, (node.graph, node.lent))

    def write(self) -> tuple[Statement, ...]:
        """The statements after ``super().__init__()``."""
        holder = places.holder_of(self.graph)
        lines: list[Statement] = []
        if holder.kind == "dict":
            items = tuple((name, self.part(part)) for name, part in holder.parts.items())
            lines.append(Do(call_of("self.update", Mapping(items)), self._written(self.graph.children)))
        else:
            for name, part in holder.parts.items():
                lines += self._assign(name, part)
        lines += self._ties()
        laws = [(state.name, self._start(state)) for state in self.graph.states]
        if laws:
            said = [a for state in self.graph.states for a in _written_state(state) if not a[0].startswith("size")]
            plain = tuple(law for law in laws if "." not in law[0])
            listed = tuple(law for law in laws if "." in law[0])
            given = (Name("self"), *((DoubleStar(Mapping(listed)),) if listed else ()))
            lines.append(Do(ops.Call("init", given, plain), tuple(dict.fromkeys(said))))
        return tuple(lines)

    def _written(self, children: Sequence[Child]) -> Arguments:
        return tuple(dict.fromkeys(a for child in children for a in written(child)))

    def _assign(self, name: str, part: places.Holder | Child | State) -> list[Statement]:
        if name in self.handed:
            return [Assign((f"self.{name}",), Name(identifier(name)))]
        spoken: Arguments = ()
        if isinstance(part, Child):
            spoken = written(part)
        elif isinstance(part, places.Holder):
            spoken = self._written([child for child in self.graph.children if child.path.startswith(f"{name}.")])
        elif isinstance(part, State):
            spoken = _written_state(part)
        if isinstance(part, State) and part.kind == "buffer":
            return [Do(ops.Call("self.register_buffer", (name, self._empty(part))), spoken)]
        tree = self.part(part)
        if not is_identifier(name):
            return [Do(ops.Call("self.add_module", (name, tree)), spoken)]
        return [Assign((f"self.{name}",), tree, (), spoken)]

    def part(self, part: places.Holder | Child | State) -> Tree:
        """How what stands under a name is made."""
        if isinstance(part, Child):
            return self.module(part.instance, part.path)
        if isinstance(part, State):
            keywords = (("requires_grad", Name("False")),) if part.frozen is True else ()
            return ops.Call("nn.Parameter", (self._empty(part),), keywords)
        entries = list(part.parts.items())
        if all(isinstance(entry, State) for _, entry in entries) and part.kind == "list":
            return ops.Call("nn.ParameterList", (fold([self.part(entry) for _, entry in entries]),))
        if any(isinstance(entry, State) for _, entry in entries):
            raise EmitError(f"parameters and modules of `{self.graph.name}` share a list")
        if part.kind == "list":
            return ops.Call("nn.ModuleList", (fold([self.part(entry) for _, entry in entries]),))
        return call_of("nn.ModuleDict", Mapping(tuple((name, self.part(entry)) for name, entry in entries)))

    # --------------------------------------------------------------------------------------------------- modules

    def module(self, instance: Leaf | Unit | Row, path: str) -> Tree:
        """How an instance is made."""
        if path in self.copies:
            count = self.copies[path]
            return ops.Call("stacked", (self._single(instance, path), count))
        return self._single(instance, path)

    def _single(self, instance: Leaf | Unit | Row, path: str) -> Tree:
        match instance:
            case Leaf():
                return self._leaf(instance)
            case Row():
                return self._row(instance, path)
            case Unit():
                use = self.use_of(instance.graph)
                if any(self.use_of(graph).made != use.made for graph in instance.graphs[1:]):
                    raise EmitError(f"one instance of `{instance.graph.name}` is made in different ways")
                if use.inline:
                    return self._sequential(instance.graph, path)
                if use.hypers is not None:
                    return _foreign(use.name, use.hypers)
                return self._unit(use, instance, path)

    def _unit(self, use: Use, unit: Unit, path: str) -> Tree:
        count, most = 0, max(0, 2 - len(use.handed))
        while count < min(most, use.places) and not isinstance(use.arguments[count], bool):
            count += 1
        keywords = list(zip(use.parameters, use.arguments, strict=True))[count:]
        ties: list[tuple[str, Tree]] = []
        for name in use.ties:
            graph, lent = self.lent[path]
            ties.append((name, self._lent_text(lent[graph.borrows.index(name)])))
        given = (*use.handed, *use.inner)
        handed = [self._handed(graph, given, path) for graph in unit.graphs]
        if any(own != handed[0] for own in handed[1:]):
            raise EmitError(f"one instance of `{unit.graph.name}` is handed modules that are made in different ways")
        first, inner = handed[0][: len(use.handed)], handed[0][len(use.handed) :]
        named = [(name, tree) for name, tree in zip(use.inner, inner, strict=True) if tree is not None]
        return ops.Call(use.name, (*first, *use.arguments[:count]), (*keywords, *named, *ties))

    def _handed(self, graph: Graph, names: Sequence[str], path: str) -> list[Tree]:
        """The modules that an instance of the graph is given, made."""
        inner = Constructor(graph, self.use_of, self.laws, self.start, f"{self.own}.{path}")
        parts = places.holder_of(graph).parts
        return [inner.part(parts[name]) if name in parts else None for name in names]

    def _lent_text(self, ref: ModuleRef) -> Tree:
        if ref.borrowed:
            self._borrow(ref.path)
            return Name(ref.path)
        return Name(places.access(self.graph, ref.path, self.own))

    def _borrow(self, name: str) -> None:
        if name not in self.borrowed:
            self.borrowed.append(name)

    def _leaf(self, leaf: Leaf) -> Tree:
        made = leaf.op.construct(leaf.attrs, *leaf.types)
        if made is None:
            raise EmitError(f"PyTorch has no module for `{leaf.op.name}`")
        tree: Tree = Frame(()).fill(made)
        laws = self.laws.exceptions(leaf_target(leaf), leaf)
        if laws:
            plain = tuple((name, law) for name, law in laws if is_identifier(name))
            dotted = tuple((name, law) for name, law in laws if not is_identifier(name))
            tree = ops.Call("init", (tree, *((DoubleStar(Mapping(dotted)),) if dotted else ())), plain)
        if leaf.norm:
            tree = ops.Call("normed", (tree, Name(f"{leaf.norm}_norm")))
        if leaf.frozen is True:
            tree = ops.Method(tree, "requires_grad_", (Name("False"),))
        return tree

    def _sequential(self, graph: Graph, path: str) -> Tree:
        assert graph.places is not None
        children = {child.path: child for child in graph.children}
        inner = Constructor(graph, self.use_of, self.laws, self.start, f"{self.own}.{path}")
        items: list[Tree] = []
        for place in graph.places:
            if isinstance(place, str):
                items.append(inner.module(children[place].instance, place))
            else:
                items.append(Frame(()).fill(places.module_form(graph.nodes[place])))
        keys = places.sequential_keys(graph)
        if all(key == str(i) for i, key in enumerate(keys)):
            return ops.Call("nn.Sequential", tuple(runs(items)))
        pairs = tuple(zip(keys, items, strict=True))
        ordered = (
            ops.Call("OrderedDict", (), pairs)
            if all(map(is_identifier, keys))
            else call_of("OrderedDict", Mapping(pairs))
        )
        return ops.Call("nn.Sequential", (ordered,))

    def _row(self, row: Row, path: str) -> Tree:
        items: list[Tree] = []
        at = 0
        for count, part in row.parts:
            tree = self.module(part, f"{path}.{at}")
            items.append(tree if count == 1 else Star(Comprehension(tree, count)))
            at += count
        if places.row_is_sequential(row):
            return ops.Call("nn.Sequential", tuple(items))
        if len(items) == 1 and isinstance(items[0], Star):
            return ops.Call("nn.ModuleList", (items[0].value,))
        return ops.Call("nn.ModuleList", (ops.Sequence(tuple(items), "[]"),))

    # ---------------------------------------------------------------------------------------------------- states

    def _empty(self, state: State) -> Tree:
        dtype = _DTYPES.get(state.type.dtype)
        keywords = () if dtype is None else (("dtype", dtype),)
        shape: tuple[Tree, ...] = tuple(state.type.shape) or (ops.Sequence(()),)
        return ops.Call("torch.empty", shape, keywords)

    def _start(self, state: State) -> Tree:
        if isinstance(state.start, Law):
            return law_code(state.start, _spec(state))
        if state.start is None:
            return Name("nn.init.zeros_")
        return self.start(state)

    # ------------------------------------------------------------------------------------------------------ ties

    def _ties(self) -> list[Statement]:
        lines: list[Statement] = []
        for child in self.graph.children:
            self._tie(child.instance, places.access(self.graph, child.path, self.own), child.path, self._state, lines)
        return lines

    def _tie(
        self,
        instance: Leaf | Unit | Row,
        text: str,
        path: str,
        state: Callable[[StateRef], str],
        lines: list[Statement],
    ) -> None:
        """Ties of leaves made here: of this graph and of the sequentials written inside it."""
        match instance:
            case Leaf():
                for weight in instance.weights:
                    if weight.tied is not None:
                        lines.append(Assign((f"{text}.{weight.spec.name}",), Name(state(weight.tied))))
            case Row():
                at = 0
                for count, part in instance.parts:
                    for i in range(at, at + count):
                        before = len(lines)
                        self._tie(part, f"{text}[{i}]", f"{path}.{i}", state, lines)
                        if len(lines) == before:
                            break
                    at += count
            case Unit():
                graph = instance.graph
                if not self.use_of(graph).inline:
                    return
                lent = dict(zip(graph.borrows, self.lent.get(path, (graph, ()))[1], strict=False))

                def inner(ref: StateRef) -> str:
                    module = ref.module
                    if module is not None and module.borrowed:
                        return state(StateRef(lent[module.path], ref.name))
                    where = text if module is None else places.access(graph, module.path, text)
                    return f"{where}.{ref.name}"

                for child in graph.children:
                    self._tie(child.instance, places.access(graph, child.path, text), "", inner, lines)

    def _state(self, ref: StateRef) -> str:
        if ref.module is None:
            return places.access(self.graph, ref.name, self.own)
        if ref.module.borrowed:
            self._borrow(ref.module.path)
            return f"{ref.module.path}.{ref.name}"
        return f"{places.access(self.graph, ref.module.path, self.own)}.{ref.name}"


def _foreign(name: str, hypers: Sequence[tuple[str, Any]]) -> Tree:
    """A module of the user's own: its hyper-parameters go to it by name."""
    plain = tuple((k, _literal(v)) for k, v in hypers if is_identifier(k))
    other = tuple((k, _literal(v)) for k, v in hypers if not is_identifier(k))
    return ops.Call("foreign", (Name(name), *((DoubleStar(Mapping(other)),) if other else ())), plain)


def _literal(value: Any) -> Tree:
    return ops.Sequence(tuple(map(_literal, value)), "[]") if isinstance(value, tuple | list) else value


def _spec(state: State) -> ParamSpec:
    """A state as a weight whose axes are [out, in, kernel…], as in ``nn.init``; one axis is in and out."""
    sizes = [size for size in state.type.shape if isinstance(size, int)]
    roles = ["out", "in"] + ["kernel"] * len(sizes)
    if len(sizes) == 1:
        return ParamSpec(state.name, (Axis("in", sizes[0]),), ZEROS)
    return ParamSpec(state.name, tuple(Axis(role, size) for role, size in zip(roles, sizes, strict=False)), ZEROS)


_SHAPE = re.compile(r":[^\[=]*\[([^\]]*)\]")


def _written_state(state: State) -> Arguments:
    """What the author wrote of a parameter: its sizes, and the arguments of its law."""
    if state.span is None:
        return ()
    text = re.sub(r"#[^\n]*", "", state.span.text)
    shape = _SHAPE.search(text)
    sizes = shape[1].split(",") if shape and "*" not in shape[1].replace(" * ", "") and "(" not in shape[1] else []
    return (*((f"size{i}", size.strip()) for i, size in enumerate(sizes)), *arguments_in(text.partition("=")[2]))


def written(child: Child) -> Arguments:
    """The arguments that the author wrote where the child is made."""
    instance = child.instance
    while isinstance(instance, Row):
        instance = instance.parts[0][1]
    if isinstance(instance, Leaf):
        ports = {port.name for port in instance.op.inputs}
        return arguments_in(child.span.text, tuple(n for n in argument_order(type(instance.op)) if n not in ports))
    if instance.graph.kind == "composition":
        return arguments_in(child.span.text)
    return arguments_in(child.span.text, tuple(name for name, _ in instance.graph.hypers))


def fold(trees: Sequence[Tree]) -> Tree:
    """A list of constructor calls, where equal neighbours are a comprehension."""
    items = runs(trees)
    if len(items) == 1 and isinstance(items[0], Star):
        return items[0].value
    return ops.Sequence(tuple(items), "[]")


def runs(trees: Sequence[Tree]) -> list[Tree]:
    """Constructor calls with equal neighbours taken together: ``*[Block(8) for _ in range(3)]``."""
    found: list[tuple[int, Tree, str]] = []
    for tree in trees:
        text = flat(tree)
        if found and found[-1][2] == text:
            found[-1] = (found[-1][0] + 1, tree, text)
        else:
            found.append((1, tree, text))
    return [tree if count == 1 else Star(Comprehension(tree, count)) for count, tree, _ in found]


def first_float(graph: Graph, own: str = "self") -> str | None:
    """The first float parameter of an instance, as an expression; None where there is none."""
    for state in graph.states:
        if state.kind == "param" and state.type.dtype is DType.FLOAT:
            return places.access(graph, state.name, own)
    for child in graph.children:
        text = places.access(graph, child.path, own)
        found = _first_float(child.instance, text)
        if found is not None:
            return found
    return None


def stored_name(leaf: Leaf, weight: str) -> str:
    """Where a tensor of a layer is kept: reading a normalised weight computes it, and spectral norm takes a step."""
    if weight != "weight" or not leaf.norm:
        return weight
    return "parametrizations.weight.original" + ("0" if leaf.norm == "weight" else "")


def _first_float(instance: Leaf | Unit | Row, text: str) -> str | None:
    match instance:
        case Leaf():
            for weight in instance.weights:
                if weight.spec.kind == "param" and weight.spec.dtype is DType.FLOAT:
                    return f"{text}.{stored_name(instance, weight.spec.name)}"
            return None
        case Unit():
            return first_float(instance.graph, text)
        case Row():
            at = 0
            for count, part in instance.parts:
                found = _first_float(part, f"{text}[{at}]")
                if found is not None:
                    return found
                at += count
            return None
