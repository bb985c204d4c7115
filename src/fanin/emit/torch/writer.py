"""The source of a program: a standalone module of PyTorch, one class for each distinct block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from fanin import __version__
from fanin.emit.torch import places, weights
from fanin.emit.torch.authored import Number
from fanin.emit.torch.checks import check_inputs, check_requirements
from fanin.emit.torch.classes import (
    Draft,
    Printed,
    class_name,
    docstring,
    draft_groups,
    forward_lines,
    print_class,
    print_function,
    share,
    use_for,
)
from fanin.emit.torch.constructor import Constructor, first_float
from fanin.emit.torch.expressions import Tree, parts
from fanin.emit.torch.forward import Forward, Scope
from fanin.emit.torch.header import header_lines, import_lines
from fanin.emit.torch.names import TAKEN, Names, camel, identifier, is_identifier
from fanin.emit.torch.optional import merge_optional
from fanin.emit.torch.statements import Lines, Return, Statement, print_statements
from fanin.emit.torch.uses import EmitError, Use
from fanin.ir.dims import Poly
from fanin.ir.graph import (
    Apply,
    Call,
    Child,
    Choice,
    Ensemble,
    Graph,
    Iterate,
    Leaf,
    Node,
    Operand,
    Program,
    Repeat,
    Row,
    Scalar,
    Scan,
    State,
    Unit,
    Value,
)
from fanin.ir.types import DType
from fanin.ops import code as ops
from fanin.ops.code import Function, Name

Key: TypeAlias = tuple[object, ...]


def emit_source(program: Program, *, optimize: int = 1) -> str:
    """The Python source of a program's model. Levels 1 and 2 of ``optimize`` give what 0 gives for now."""
    if optimize not in (0, 1, 2):
        raise ValueError(f"optimize is 0, 1 or 2, not {optimize!r}")
    try:
        return _Writer(program).source()
    finally:
        places.holder_of.cache_clear()


class _Writer:
    """One module."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.names = Names(TAKEN)
        self.uses: dict[int, Use] = {}
        self.roles: dict[str, tuple[str, ...]] = {}
        self.defaults: dict[str, dict[str, Number]] = {}
        self.functions: list[Printed] = []
        self.classes: list[Printed] = []
        self.helpers: dict[str, tuple[Function, str]] = {}
        self.laws = weights.Laws()
        self.graphs = list(_reachable(program.graph))
        self.labels: dict[int, str] = {}  # the first path under which a graph is made
        for graph in self.graphs:
            for child in graph.children:
                for unit in _units_of(child):
                    for own in unit.graphs:
                        self.labels.setdefault(id(own), child.path)

    # ------------------------------------------------------------------------------------------------ the module

    def source(self) -> str:
        """The whole text."""
        self.laws.collect((weights.leaf_target(leaf), leaf) for graph in self.graphs for leaf in _leaves(graph))
        # Names first: no local variable may be called like a function that is printed.
        for graph in self.graphs:
            self.names.taken.update(_helpers((*graph.nodes, *graph.setup)))
        root_name = self.names.fresh(camel(self.program.name))
        groups = _by_block(self.graphs, self.program.graph)
        for graphs in groups:
            if all(places.is_sequential(graph) for graph in graphs):
                for graph in graphs:
                    self.uses[id(graph)] = Use("", inline=True)
                continue
            self._block([graph for graph in graphs if not places.is_sequential(graph)])
            for graph in graphs:
                if places.is_sequential(graph):
                    self.uses[id(graph)] = Use("", inline=True)
        root = self._root(root_name)
        body: list[list[str]] = []
        drawn = any(_leaves(graph) or graph.states for graph in self.graphs)
        text = "\n".join(line for part in root for line in part)
        body += [source.rstrip().split("\n") for source in self._helper_sources()]
        body += [print_function(printed) for printed in self.functions]
        body += [print_class(printed) for printed in self.classes]
        body += root
        text = "\n".join("\n".join(part) for part in body)
        if drawn:
            if "init(" in text.replace("__init__(", ""):
                helper = weights.INIT_DOTTED if "**{" in text else weights.INIT
                body.insert(0, helper.rstrip().split("\n"))
            body.append(weights.draw_source(self.laws))
        text = "\n\n\n".join("\n".join(part) for part in body)
        constants = 'Module = TypeVar("Module", bound=nn.Module)' if "def init(module: Module" in text else ""
        imports = import_lines(f"{constants}\n{text}")
        head = [*header_lines(self.program, __version__), "", *imports]
        if constants:
            head += ["", constants]
        return "\n".join(head) + "\n\n\n" + text + "\n"

    def _helper_sources(self) -> Iterator[str]:
        for function, _ in self.helpers.values():
            yield function.source

    def _helper(self, function: Function) -> str:
        if function.name not in self.helpers:
            self.helpers[function.name] = (function, function.name)
        return function.name

    def _use(self, graph: Graph) -> Use:
        use = self.uses.get(id(graph))
        if use is None:
            raise EmitError(f"`{graph.name}` is used before it is written")
        return use

    # ------------------------------------------------------------------------------------------------ the blocks

    def _block(self, graphs: list[Graph]) -> None:
        """The classes (or functions) of one block."""
        is_function = graphs[0].kind == "fn"
        drafts = [self._draft(graph) for graph in graphs]
        printed: list[Printed] = []
        for group in sorted(merge_optional(draft_groups(drafts)), key=lambda group: len(group[0].graph.children)):
            if is_function:
                name, remark = self.names.fresh(graphs[0].name), ""
            else:
                name, remark = class_name(self._base_name(graphs[0]), printed, group[0], self.names)
            done = share(name, group, frozenset(self.names.taken), self.roles, self.defaults, fixed=False)
            done.remarks += [remark] if remark else []
            self.roles[name] = tuple(done.arguments)
            self.defaults[name] = done.defaults
            printed.append(done)
            for index, draft in enumerate(group):
                self.uses[id(draft.graph)] = use_for(done, index)
        (self.functions if is_function else self.classes).extend(printed)
        for graph in graphs:
            self._same_use(graph)

    def _base_name(self, graph: Graph) -> str:
        if graph.kind != "composition":
            return graph.name if is_identifier(graph.name) else "Block"
        parts = [part for part in self.labels.get(id(graph), "").split(".") if part and not part.isdigit()]
        return parts[-1] if parts else "Composition"

    def _same_use(self, graph: Graph) -> None:
        """An instance that runs several graphs needs one class with one set of arguments for all of them."""
        for unit in _units(graph):
            uses = {self._use(own) for own in unit.graphs if id(own) in self.uses}
            if len(uses) > 1:
                raise EmitError(
                    f"one instance of `{unit.graph.name}` is applied to tensors of different form,"
                    " which is not emitted yet"
                )

    def _scope(self, graph: Graph, names: Names, float_input: list[str], like: list[bool]) -> Scope:
        parameter = None if graph.kind == "fn" else first_float(graph)

        def find_like() -> Tree:
            if parameter is not None:
                return Name(parameter)
            if float_input:
                return Name(float_input[0])
            like.append(True)
            return Name("like")

        return Scope(self._use, names, self._helper, graph.kind != "fn", find_like)

    def _draft(self, graph: Graph, *, root: bool = False) -> Draft:
        names = Names(self.names.taken)
        inputs: dict[int, str] = {}
        parameters: list[tuple[str, str]] = []
        floats: list[str] = []
        for port in graph.ports:
            if port.value is not None:
                name = inputs[port.value.index] = names.fresh(port.name)
                parameters.append((name, "Tensor"))
                floats += [name] if port.value.type.dtype is DType.FLOAT else []
        lent: dict[str, str] = {}
        for borrowed in places.forward_borrows(graph):
            lent[borrowed] = names.fresh(borrowed)
            parameters.append((lent[borrowed], "nn.Module"))
        like: list[bool] = []
        scope = self._scope(graph, names, floats, like)
        forward = Forward(graph, scope, inputs, lent)
        for hyper, value in graph.hypers:
            if isinstance(value, Poly) and len(value.symbols()) == 1 and value == next(iter(value.symbols())).poly:
                forward.told[next(iter(value.symbols()))] = names.fresh(hyper)
        results = [result.value for result in graph.results]
        returns = "Tensor" if len(results) == 1 else f"tuple[{', '.join('Tensor' for _ in results)}]"
        statements = forward.write(graph.nodes, results, lambda trees: Return(_returned(trees, results)))
        parameters += [(name, "int") for name in forward.needed.values()]
        sizes = tuple(symbol.definition or symbol.poly for symbol in forward.needed)
        if like:
            parameters.append(("like", "Tensor"))
        if scope.needs_training:
            parameters.append(("training", "bool"))
        if graph.kind == "fn":
            return Draft(
                graph, (), tuple(statements), tuple(parameters), returns,
                like=bool(like), training=scope.needs_training, sizes=sizes,
            )  # fmt: skip
        constructor = Constructor(graph, self._use, self.laws, lambda state: self._start(graph, state))
        init = constructor.write()
        attributes = tuple((s.name, "Tensor") for s in graph.states if s.kind == "buffer")
        base = "nn.ModuleDict" if places.holder_of(graph).kind == "dict" else "nn.Module"
        return Draft(
            graph, init, tuple(statements), tuple(parameters), returns, attributes, base, bool(like),
            scope.needs_training, tuple(constructor.borrowed), sizes,
        )  # fmt: skip

    def _start(self, graph: Graph, state: State) -> Tree:
        """What fills a buffer with a value that is computed once: ``lambda t: t.copy_(…)``."""
        from fanin.emit.torch.expressions import Lambda

        assert isinstance(state.start, Value)
        scope = Scope(self._use, Names(self.names.taken), self._helper, True, lambda: Name("t"))
        forward = Forward(graph, scope, {}, {})
        statements = forward.write(graph.setup, [state.start], lambda trees: Return(trees[0]))
        if len(statements) != 1 or not isinstance(statements[0], Return):
            raise EmitError(f"what `{state.name}` starts with takes more than one expression, which is not emitted yet")
        return Lambda("t", ops.Method(Name("t"), "copy_", (statements[0].value,)))

    # -------------------------------------------------------------------------------------------------- the root

    def _root(self, name: str) -> list[list[str]]:
        """The class of the model itself, and the type of its results where they have names."""
        graph = self.program.graph
        parts: list[list[str]] = []
        names = Names(self.names.taken)
        inputs: dict[int, str] = {}
        parameters: list[tuple[str, str]] = []
        floats: list[str] = []
        for port in graph.ports:
            if port.value is not None:
                inputs[port.value.index] = names.fresh(port.name)
                parameters.append((inputs[port.value.index], "Tensor"))
                floats += [inputs[port.value.index]] if port.value.type.dtype is DType.FLOAT else []
        like: list[bool] = []
        scope = self._scope(graph, names, floats, like)
        forward = Forward(graph, scope, inputs, {})
        results = [result.value for result in graph.results]
        returns = "Tensor" if len(results) == 1 else f"tuple[{', '.join('Tensor' for _ in results)}]"
        output = ""
        if len(results) > 1 and all(result.name for result in graph.results):
            returns = output = self.names.fresh(f"{name}Output")
            parts.append([f"class {output}(NamedTuple):", f'    """What `{name}` gives."""', ""])
            parts[0] += [f"    {identifier(result.name)}: Tensor" for result in graph.results]
        requirements = check_requirements(self.program.requirements, forward.letter)

        def finish(trees: list[Tree]) -> Statement:
            return Return(ops.Call(output, tuple(trees)) if output else _returned(trees, results))

        body = forward.write(graph.nodes, results, finish, requirements)
        if like:
            body.insert(0, Lines(("like = torch.empty(0)  # for its dtype and device",)))
        constructor = Constructor(graph, self._use, self.laws, lambda state: self._start(graph, state))
        init = constructor.write()
        attributes = tuple((s.name, "Tensor") for s in graph.states if s.kind == "buffer")
        statements: tuple[Statement, ...] = (*check_inputs(graph.ports), *body)
        draft = Draft(graph, init, statements, tuple(parameters), returns, attributes)
        printed = share(name, [draft], frozenset(self.names.taken), self.roles, self.defaults, fixed=True)
        lines = ["    def __init__(self, *, seed: int = 0) -> None:", "        super().__init__()"]
        if printed.init:
            lines.append('        with torch.device("meta"):')
            lines += print_statements(printed.init, 12)
        if any(_leaves(g) or g.states for g in self.graphs):
            lines.append("        _draw_weights(self, seed)")
        parts.append(print_class(printed, init=lines, own_forward=forward_lines(printed)))
        return parts


def _returned(trees: list[Tree], results: list[Operand]) -> Tree:
    found: list[Tree] = []
    for tree, result in zip(trees, results, strict=True):
        found.append(ops.Call("torch.tensor", (tree,)) if isinstance(result, Scalar) else tree)
    if len(found) == 1:
        return found[0]
    from fanin.emit.torch.expressions import Bare

    return Bare(tuple(found))


# ---------------------------------------------------------------------------------------------- walking a program


def _node_graphs(nodes: tuple[Node, ...]) -> Iterator[Graph]:
    for node in nodes:
        match node:
            case Call() | Scan() | Iterate() | Ensemble():
                yield node.graph
            case Repeat():
                for run in node.runs:
                    if isinstance(run.call, Call):
                        yield run.call.graph
            case Choice():
                yield from _node_graphs(node.training.nodes)
                yield from _node_graphs(node.evaluation.nodes)
            case Apply():
                pass


def _helpers(nodes: tuple[Node, ...]) -> Iterator[str]:
    """The names of the functions that ops need printed."""
    for node in nodes:
        if isinstance(node, Apply) and node.module is None:
            types: list[Any] = [None if operand is None else operand.type for operand in node.inputs]
            todo: list[Tree] = [node.op.torch(node.attrs, *types)]
            while todo:
                tree = todo.pop()
                if isinstance(tree, ops.Helper):
                    yield tree.function.name
                    todo += [*tree.args, *(arg for _, arg in tree.keywords)]
                elif isinstance(tree, ops.IfNumber):
                    todo += [tree.number, tree.tensor]
                else:
                    todo += parts(tree)
        elif isinstance(node, Choice):
            yield from _helpers(node.training.nodes)
            yield from _helpers(node.evaluation.nodes)


def _instances(graph: Graph) -> Iterator[Leaf | Unit]:
    for child in graph.children:
        yield from _within(child.instance)


def _within(instance: Leaf | Unit | Row) -> Iterator[Leaf | Unit]:
    """What a row is made of, or the instance itself."""
    todo = [instance]
    while todo:
        here = todo.pop()
        if isinstance(here, Row):
            todo.extend(part for _, part in reversed(here.parts))
        else:
            yield here


def _units_of(child: Child) -> list[Unit]:
    return [instance for instance in _within(child.instance) if isinstance(instance, Unit)]


def _leaves(graph: Graph) -> list[Leaf]:
    return [instance for instance in _instances(graph) if isinstance(instance, Leaf)]


def _units(graph: Graph) -> list[Unit]:
    return [instance for instance in _instances(graph) if isinstance(instance, Unit)]


def _parts(graph: Graph) -> list[Graph]:
    """The graphs that a graph needs, in the order of the text, each once."""
    found: dict[int, Graph] = {}
    for unit in _units(graph):
        for own in unit.graphs:
            found.setdefault(id(own), own)
    for own in _node_graphs((*graph.nodes, *graph.setup)):
        found.setdefault(id(own), own)
    return list(found.values())


def _reachable(root: Graph) -> Iterator[Graph]:
    """Every graph, parts before wholes."""
    done: set[int] = set()
    opened: set[int] = set()
    stack = [root]
    while stack:
        graph = stack[-1]
        if id(graph) in opened:
            stack.pop()
            if id(graph) not in done:
                done.add(id(graph))
                yield graph
            continue
        opened.add(id(graph))
        stack.extend(part for part in reversed(_parts(graph)) if id(part) not in opened)


def _by_block(graphs: list[Graph], root: Graph) -> list[list[Graph]]:
    """Graphs by block, parts before wholes. A block that contains itself has its graphs one by one."""
    by_key: dict[Key, list[Graph]] = {}
    for graph in graphs:
        if graph is not root:
            by_key.setdefault(_key(graph), []).append(graph)
    needs = {key: {_key(p) for graph in own for p in _parts(graph)} for key, own in by_key.items()}
    order: list[list[Graph]] = []
    done: set[Key] = set()
    left = dict(by_key)
    while left:
        ready = [key for key in left if needs[key] & left.keys() <= set()]
        if not ready:
            # Blocks that contain each other: graph by graph, parts before wholes.
            tangled = {id(graph) for own in left.values() for graph in own}
            order += [[graph] for graph in graphs if id(graph) in tangled]
            break
        for key in ready:
            order.append(left.pop(key))
            done.add(key)
    return order


def _key(graph: Graph) -> Key:
    return graph.kind, graph.name, id(graph.span.source), graph.span.start, graph.span.end


__all__ = ["EmitError", "docstring", "emit_source"]
