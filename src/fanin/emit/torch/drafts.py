"""Drafts: the class (or function) of one graph, or of the graphs that one instance runs, with its numbers in place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fanin.emit.torch import places, sharing
from fanin.emit.torch.agreement import Agreement
from fanin.emit.torch.authored import Origin
from fanin.emit.torch.constructor import Constructor, first_float
from fanin.emit.torch.control import decorators
from fanin.emit.torch.expressions import Bare, Lambda, Tree
from fanin.emit.torch.forward import Forward, Scope
from fanin.emit.torch.modules import Modules
from fanin.emit.torch.names import Names, identifier, is_identifier
from fanin.emit.torch.statements import Assign, Def, Lines, Return, Statement, change_trees, without_types
from fanin.emit.torch.uses import EmitError, Use
from fanin.emit.torch.versions import Version
from fanin.emit.torch.walk import Family, instances, units_of, within
from fanin.emit.torch.weights import Laws
from fanin.ir.dims import Poly
from fanin.ir.graph import Child, Graph, Leaf, Operand, Scalar, State, Unit, Value
from fanin.ir.types import DType
from fanin.ops import code as ops
from fanin.ops.code import Function, Name
from fanin.source import Span

_FIRST = "next(self.parameters())"


@dataclass
class Draft:
    """The class (or function) of one graph, with its numbers in place.

    Where an instance runs several graphs, ``graph`` has letters for sizes that differ, and ``versions`` has them all.
    """

    graph: Graph
    init: tuple[Statement, ...]
    forward: tuple[Statement, ...]
    parameters: tuple[tuple[str, str], ...]  # of forward, with annotations
    returns: str
    attributes: tuple[tuple[str, str], ...] = ()
    base: str = "nn.Module"
    like: bool = False
    training: bool = False
    ties: tuple[str, ...] = ()
    flags: tuple[tuple[str, bool], ...] = ()  # children that only some graphs of the class have
    versions: tuple[Version, ...] = ()
    handed: tuple[tuple[str, str], ...] = ()  # modules that the constructor is given, with annotations
    inner: tuple[tuple[str, str], ...] = ()  # those of a block inside itself

    @property
    def is_bare(self) -> bool:
        """Whether it is called with its tensors and modules alone, and made of no parameters of others."""
        told = any(version.sizes or version.absent for version in self.versions)
        return not (self.like or self.training or self.ties or told)

    def key(self) -> object:
        """Equal for drafts that can share one class."""
        init = change_trees(without_types(self.init), sharing.skeleton)
        forward = change_trees(without_types(self.forward), sharing.skeleton)
        return (
            init,
            forward,
            self.parameters,
            self.returns,
            self.attributes,
            self.base,
            self.ties,
            self.handed,
            self.inner,
        )


@dataclass
class Drafter:
    """Writes drafts. ``taken`` are the names of the module so far; ``helper`` is told of functions to print."""

    use_of: Callable[[Graph], Use]
    helper: Callable[[Function], str]
    taken: set[str]
    laws: Laws = field(default_factory=Laws)
    origins: list[Origin] = field(default_factory=list)  # of the statements, by their numbers
    knot: frozenset[int] = frozenset()  # graphs of blocks that contain themselves, while these are drafted

    def draft(self, family: Family) -> Draft:
        """The draft of graphs that run on the same instances."""
        versions = [self._version(graph, explicit=len(family) > 1) for graph in family]
        graph, forward = family[0], tuple(versions[0].preamble() + versions[0].body)
        parameters = versions[0].parameters
        if len(family) > 1:
            agreement = Agreement(versions, frozenset(self.taken))
            graph, parameters, forward = agreement.graph, agreement.parameters, agreement.forward
        like, training = any(v.like for v in versions), any(v.training for v in versions)
        if graph.kind == "fn":
            return Draft(
                graph, (), forward, parameters, returned_type(graph),
                like=like, training=training, versions=tuple(versions),
            )  # fmt: skip
        handed, inner = self._handed(family, places.handed(graph)), self._handed(family, self._inner(graph))
        given = [name for name, _ in (*handed, *inner)]
        made = [self.constructed(own, given) for own in family]
        if any(without_types(init) != without_types(made[0][0]) for init, _ in made):
            raise EmitError(
                f"one instance of `{graph.name}` is applied to tensors for which it is made of different modules",
                _first_different(family),
            )
        init, ties = made[0]
        base = "nn.ModuleDict" if places.holder_of(family[0]).kind == "dict" else "nn.Module"
        return Draft(
            graph, init, forward, parameters, returned_type(graph), buffers(graph), base, like, training, ties,
            versions=tuple(versions), handed=handed, inner=inner,
        )  # fmt: skip

    def constructed(self, graph: Graph, handed: Sequence[str] = ()) -> tuple[tuple[Statement, ...], tuple[str, ...]]:
        """The body of the constructor, and the modules that it is lent for tied parameters."""
        constructor = Constructor(graph, self.use_of, self.laws, lambda state: self._start(graph, state), handed=handed)
        return constructor.write(), tuple(constructor.borrowed)

    def _inner(self, graph: Graph) -> list[str]:
        """The names under which a graph has what is in its own block again."""
        names: dict[str, bool] = {}
        for child in graph.children:
            name = child.path.split(".")[0]
            again = any(id(own) in self.knot for unit in units_of(child) for own in unit.graphs)
            names[name] = names.get(name, False) or again
        given = places.handed(graph)
        return [name for name, again in names.items() if again and name not in given and is_identifier(name)]

    def _handed(self, family: Family, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
        """The modules that the constructor is given, with annotations."""
        graph = family[0]
        found: list[tuple[str, str]] = []
        constructor = Constructor(graph, self.use_of, self.laws, lambda state: self._start(graph, state))
        for name in names:
            part = places.holder_of(graph).parts[name]
            children = [child for child in graph.children if child.path.split(".")[0] == name]
            if any(self._is_tied(unit) for child in children for unit in within(child.instance)):
                continue  # to a parameter that only this graph knows by name
            kind = made_of(constructor.part(part))
            plain = isinstance(part, Child) and not any(places.looks_into(own, name) for own in family)
            found.append((identifier(name), "nn.Module" if plain else kind))
        return tuple(found)

    def _is_tied(self, instance: Leaf | Unit) -> bool:
        if isinstance(instance, Leaf):
            return any(weight.tied is not None for weight in instance.weights)
        use = self.use_of(instance.graph)
        return bool(use.ties) or (use.inline and any(map(self._is_tied, instances(instance.graph))))

    def _version(self, graph: Graph, *, explicit: bool) -> Version:
        names = Names(self.taken)
        inputs, parameters, floats = inputs_of(graph, names)
        lent: dict[str, str] = {}
        for borrowed in places.forward_borrows(graph):
            lent[borrowed] = names.fresh(borrowed)
            parameters.append((lent[borrowed], "nn.Module"))
        like: list[bool] = []
        scope = self.scope(graph, names, floats, like)
        forward = Forward(graph, scope, inputs, lent)
        forward.explicit = explicit
        for hyper, value in graph.hypers:
            if isinstance(value, Poly) and len(value.symbols()) == 1 and value == next(iter(value.symbols())).poly:
                forward.sizes.told[next(iter(value.symbols()))] = names.fresh(hyper)
        for symbol in graph.sizes:
            if symbol not in forward.sizes.told:
                forward.sizes.told[symbol] = names.fresh(symbol.name)
        results = [result.value for result in graph.results]
        body = forward.write(graph.nodes, results, lambda trees: Return(returned(trees, results)))
        parameters += [(name, "int") for name in forward.sizes.needed.values()]
        needed = tuple(forward.sizes.needed)
        if like:
            parameters.append(("like", "Tensor"))
        if scope.needs_training:
            parameters.append(("training", "bool"))
        if graph.inverse is not None:
            if explicit:
                raise EmitError(f"an instance of `{graph.name}`, which has an inverse, has inputs of two types")
            body.append(self.inverse(graph, graph.inverse))
        return Version(graph, forward, body, tuple(parameters), bool(like), scope.needs_training, needed)

    def inverse(self, graph: Graph, backwards: Graph) -> Def:
        """The method ``inverse``."""
        names = Names(self.taken)
        inputs, parameters, floats = inputs_of(backwards, names)
        scope = self.scope(graph, names, floats, [])
        writer = Forward(backwards, scope, inputs, {}, around=Modules(graph, {}, "self"))
        results = [result.value for result in backwards.results]
        body = writer.write(backwards.nodes, results, lambda trees: Return(returned(trees, results)))
        given = ("self", *(f"{name}: {kind}" for name, kind in parameters))
        body = [*scope.setup, *writer.sizes.preamble(), *body]
        return Def("def inverse", given, f" -> {returned_type(backwards)}:", tuple(body), decorators(backwards))

    def step(self, graph: Graph, name: str) -> Def:
        """A method that takes a training step, and stops wherever weights are moved."""
        names = Names(self.taken)
        inputs, parameters, floats = inputs_of(graph, names)
        like: list[bool] = []
        scope = self.scope(graph, names, floats, like)
        writer = Forward(graph, scope, inputs, {})
        body = writer.write(graph.nodes, [], lambda trees: Lines(()))
        given = ("self", *(f"{name}: {kind}" for name, kind in parameters))
        if like:
            body.insert(0, Lines(("like = torch.empty(0)  # for its dtype and device",)))
        body = [*scope.setup, *writer.sizes.preamble(), *body]
        return Def(f"def {name}", given, " -> Iterator[dict[str, Tensor]]:", tuple(body))

    def scope(self, graph: Graph, names: Names, float_input: Sequence[str], like: list[bool]) -> Scope:
        """What a forward is written with. ``like`` gets an entry where a tensor is needed for its dtype alone."""
        parameter = None if graph.kind == "fn" else first_float(graph)
        if parameter is not None and parameter.split(".")[1].split("[")[0] in places.handed(graph):
            parameter = _FIRST

        if parameter is not None and "[" in parameter:
            parameter = _FIRST  # a type checker knows nothing of what is in a list

        def find_like() -> Tree:
            if parameter == _FIRST:
                if not scope.setup:
                    scope.setup.append(Assign((names.fresh("like"),), Name(_FIRST)))
                return Name(scope.setup[0].targets[0])
            if parameter is not None:
                return Name(parameter)
            if float_input:
                return Name(float_input[0])
            like.append(True)
            return Name("like")

        scope = Scope(self.use_of, names, self.helper, graph.kind != "fn", find_like, origins=self.origins)
        return scope

    def _start(self, graph: Graph, state: State) -> Tree:
        """What fills a buffer with a value that is computed once: ``lambda t: t.copy_(…)``."""
        assert isinstance(state.start, Value)
        scope = Scope(self.use_of, Names(self.taken), self.helper, True, lambda: Name("t"))
        tree = Forward(graph, scope, {}, {}).expression((*graph.nodes, *graph.setup), state.start)
        return Lambda("t", ops.Method(Name("t"), "copy_", (tree,)))


def _first_different(family: Family) -> Span | None:
    """The first module that is not the same in all of the graphs."""
    first = family[0]
    for graph in family[1:]:
        for a, b in zip(first.children, graph.children, strict=False):
            if isinstance(a.instance, Leaf) and isinstance(b.instance, Leaf) and a.instance.attrs != b.instance.attrs:
                return a.span
    return None


def inputs_of(graph: Graph, names: Names) -> tuple[dict[int, str], list[tuple[str, str]], list[str]]:
    """The inputs by value, as parameters with annotations, and those that are float."""
    inputs: dict[int, str] = {}
    floats: list[str] = []
    for port in graph.ports:
        if port.value is not None:
            name = inputs[port.value.index] = names.fresh(port.name)
            floats += [name] if port.value.type.dtype is DType.FLOAT else []
    return inputs, [(name, "Tensor") for name in inputs.values()], floats


def buffers(graph: Graph) -> tuple[tuple[str, str], ...]:
    """The buffers of a graph's own, declared for the type checker."""
    return tuple((s.name, "Tensor") for s in graph.states if s.kind == "buffer")


def made_of(tree: Tree) -> str:
    """The class of the module that an expression makes."""
    while not isinstance(tree, ops.Call) or tree.target == "init":
        tree = tree.receiver if isinstance(tree, ops.Method) else tree.args[0]
    return tree.target


def returned_type(graph: Graph) -> str:
    """What `forward` gives."""
    return "Tensor" if len(graph.results) == 1 else f"tuple[{', '.join('Tensor' for _ in graph.results)}]"


def returned(trees: list[Tree], results: list[Operand]) -> Tree:
    """What stands after ``return``."""
    found: list[Tree] = []
    for tree, result in zip(trees, results, strict=True):
        found.append(ops.Call("torch.tensor", (tree,)) if isinstance(result, Scalar) else tree)
    return found[0] if len(found) == 1 else Bare(tuple(found))
