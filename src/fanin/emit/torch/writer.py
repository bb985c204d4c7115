"""The source of a program: a standalone module of PyTorch, one class for each distinct block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fanin import __version__
from fanin.emit.torch import places, weights
from fanin.emit.torch.authored import Number, Origin
from fanin.emit.torch.checks import check_inputs, check_requirements
from fanin.emit.torch.classes import Printed, class_name, draft_groups, share, uses_for
from fanin.emit.torch.drafts import Draft, Drafter, buffers, inputs_of, returned, returned_type
from fanin.emit.torch.expressions import Tree
from fanin.emit.torch.forward import Forward
from fanin.emit.torch.header import header_lines, import_lines
from fanin.emit.torch.names import TAKEN, Names, camel, identifier, is_identifier
from fanin.emit.torch.optional import merge_optional
from fanin.emit.torch.printing import forward_lines, print_class, print_function
from fanin.emit.torch.statements import Lines, Return, Statement, print_statements, unmarked
from fanin.emit.torch.training import name_steps, program_names, training_parts
from fanin.emit.torch.uses import EmitError, Use
from fanin.emit.torch.walk import (
    Family,
    by_block,
    helper_names,
    leaves,
    nesting,
    one_by_one,
    reachable,
    tangled,
    units_of,
)
from fanin.ir.graph import Graph, Program, bodies
from fanin.ir.recipe import Phase
from fanin.ops import code as ops
from fanin.ops.code import Function

_DEEPEST = 24  # of a block inside itself: brackets in brackets; a deeper one has a class for each level


def emit_source(program: Program, *, optimize: int = 1) -> str:
    """The Python source of a program's model. Levels 1 and 2 of ``optimize`` give what 0 gives for now.

    Raises EmitError for what cannot be put into PyTorch.
    """
    if optimize not in (0, 1, 2):
        raise ValueError(f"optimize is 0, 1 or 2, not {optimize!r}")
    try:
        return _Writer(program).source()
    finally:
        places.holder_of.cache_clear()


def emit_training(phases: Sequence[Phase]) -> str:
    """The Python source of a system: its networks, a method for each kind of step, and how it is trained.

    Raises EmitError for what cannot be put into PyTorch.
    """
    try:
        return _Writer(phases[0].system.program, phases).source()
    finally:
        places.holder_of.cache_clear()


def emit_origins(program: Program, phases: Sequence[Phase] = ()) -> dict[int, Origin]:
    """For the lines of a program's source, counted from 1, where in the spec they are from."""
    try:
        writer = _Writer(program, phases)
        writer.source()
        return writer.origins
    finally:
        places.holder_of.cache_clear()


class _Writer:
    """One module."""

    def __init__(self, program: Program, phases: Sequence[Phase] = ()) -> None:
        self.program, self.phases = program, phases
        self.systems = {id(phase.system): phase.system for phase in phases}
        self.programs = [system.program for system in self.systems.values()] or [program]
        self.names = Names(TAKEN)
        self.uses: dict[int, Use] = {}
        self.roles: dict[str, tuple[str, ...]] = {}
        self.defaults: dict[str, dict[str, Number]] = {}
        self.functions: list[Printed] = []
        self.classes: list[Printed] = []
        self.helpers: dict[str, Function] = {}
        self.origins: dict[int, Origin] = {}
        self.imports: list[str] = []  # of what is the user's own
        self.drafter = Drafter(self._use, self._helper, self.names.taken)
        known: dict[int, Graph] = {}
        for root in self.programs:
            known.update((id(graph), graph) for graph in reachable(root.graph))
        self.graphs = list(known.values())
        self.labels: dict[int, str] = {}  # the first path under which a graph is made
        for graph in self.graphs:
            for child in graph.children:
                for unit in units_of(child):
                    for own in unit.graphs:
                        self.labels.setdefault(id(own), child.path)

    # ------------------------------------------------------------------------------------------------ the module

    def source(self) -> str:
        """The whole text."""
        laws = self.drafter.laws
        laws.collect((weights.leaf_target(leaf), leaf) for graph in self.graphs for leaf in leaves(graph))
        # Names first: no local variable may be called like a function that is printed.
        for graph in self.graphs:
            self.names.taken.update(helper_names((*bodies(graph), *graph.setup)))
        self._externs()
        if self.phases:
            self.names.taken.update(program_names())
        roots = [self.names.fresh(camel(name)) for name in self._root_names()]
        methods = {} if not self.phases else name_steps(self.phases)
        own_graphs = [graph for graph in self.graphs if graph.kind != "extern"]
        for blocks in by_block(own_graphs, [program.graph for program in self.programs]):
            blocks = [[family for family in families if not self._is_inline(family)] for families in blocks]
            drafts = self._drafts([families for families in blocks if families])
            if drafts is None:
                for family in one_by_one(blocks, self.graphs):
                    self._block([self.drafter.draft(family)])
            else:
                for own in drafts:
                    self._block(own)
        steps = [
            [(methods[id(s.graph)], s.graph) for phase in self.phases if phase.system is system for s in phase.steps]
            for system in self.systems.values()
        ] or [[]]
        parts = [self._root(*each) for each in zip(roots, self.programs, steps, strict=True)]
        root = [part for each in parts for part in each]
        body: list[list[str]] = [function.source.rstrip().split("\n") for function in self.helpers.values()]
        body += [print_function(printed) for printed in self.functions]
        body += [print_class(printed) for printed in self.classes]
        body += root
        text = "\n".join(unmarked(line for part in body for line in part)[0])
        constants = ""
        if "init(" in text.replace("__init__(", ""):
            constants = 'Module = TypeVar("Module", bound=nn.Module)'
            helper = weights.INIT_DOTTED if "**{" in text else weights.INIT
            body.insert(0, helper.rstrip().split("\n"))
        if self.imports:
            body.insert(0, weights.FOREIGN.rstrip().split("\n"))
        for called, helper in (("normed(", weights.NORMED), ("stacked(", weights.STACKED)):
            if called in text:
                constants = 'Module = TypeVar("Module", bound=nn.Module)'
                body.insert(0, helper.rstrip().split("\n"))
        if self.phases:
            names = dict(zip(self.systems, roots, strict=True))
            body += [
                part
                for part in training_parts(self.phases, names, methods)
                if not any(part[0].startswith(f"def {name}(") for name in self.helpers)
            ]
        if "_Undrawn()" in text:
            body.append(weights.UNDRAWN.rstrip().split("\n"))
        if self._has_tensors():
            body.append(weights.draw_source(laws, "normed(" in text, bool(self.imports)))
        marked = "\n\n\n".join("\n".join(part) for part in body)
        text = "\n".join(unmarked(marked.split("\n"))[0])
        head = [*header_lines(self.program, __version__), "", *import_lines(f"{constants}\n{text}")]
        if self.imports:
            head += ["", *sorted(self.imports)]
        if constants:
            head += ["", constants]
        lines, numbers = unmarked(("\n".join(head) + "\n\n\n" + marked + "\n").split("\n"))
        self.origins = {i: self.drafter.origins[n] for i, n in enumerate(numbers, 1) if n is not None}
        return "\n".join(lines)

    def _root_names(self) -> list[str]:
        """What the classes are called: a system that has grown, after its first stage."""
        first = self.program.name
        grown = []
        for system in list(self.systems.values())[1:]:
            stage = next(phase.stage for phase in self.phases if phase.system is system)
            grown.append(f"{first}_{stage.name}" if stage is not None else first)
        return [first, *grown]

    def _externs(self) -> None:
        """The classes that are imported, under names that nothing else has."""
        known: dict[str, str] = {}
        for graph in self.graphs:
            if graph.kind == "extern":
                module, _, name = graph.foreign.partition(":")
                if graph.foreign not in known:
                    own = known[graph.foreign] = self.names.fresh(name)
                    self.imports.append(f"from {module} import {name}" + (f" as {own}" if own != name else ""))
                self.uses[id(graph)] = Use(known[graph.foreign], hypers=graph.hypers)

    def _has_tensors(self) -> bool:
        return any(leaves(graph) or graph.states or graph.kind == "extern" for graph in self.graphs)

    def _helper(self, function: Function) -> str:
        self.helpers.setdefault(function.name, function)
        return function.name

    def _use(self, graph: Graph) -> Use:
        use = self.uses.get(id(graph))
        if use is None:
            raise EmitError(f"`{graph.name}` is used before it is written")
        return use

    # ------------------------------------------------------------------------------------------------ the blocks

    def _is_inline(self, family: Family) -> bool:
        """Whether graphs become an `nn.Sequential` where they are made; the uses are noted."""
        inline = [graph for graph in family if places.is_sequential(graph)]
        self.uses.update((id(graph), Use("", inline=True)) for graph in inline)
        if 0 < len(inline) < len(family):
            raise EmitError(f"one instance of `{family[0].name}` is applied to tensors of different form")
        return bool(inline)

    def _drafts(self, blocks: list[list[Family]]) -> list[list[Draft]] | None:
        """The drafts of each block; one that contains itself is given what is inside. None where that cannot be."""
        if not tangled(blocks):
            return [[self.drafter.draft(family) for family in families] for families in blocks]
        graphs = [graph for families in blocks for family in families for graph in family]
        if any(graph.kind == "fn" for graph in graphs) or nesting(blocks) > _DEEPEST:
            return None
        self.drafter.knot = frozenset(map(id, graphs))
        self.uses.update((id(graph), Use("")) for graph in graphs)
        drafts = [[self.drafter.draft(family) for family in families] for families in blocks]
        self.drafter.knot = frozenset()
        for graph in graphs:
            del self.uses[id(graph)]
        return drafts if all(draft.is_bare for own in drafts for draft in own) else None

    def _block(self, drafts: list[Draft]) -> None:
        """The classes (or functions) of one block."""
        first = drafts[0].versions[0].graph
        printed: list[Printed] = []
        for group in sorted(merge_optional(draft_groups(drafts)), key=lambda group: len(group[0].graph.children)):
            if first.kind == "fn":
                name, remark = self.names.fresh(first.name), ""
            else:
                name, remark = class_name(self._base_name(first), printed, group[0], self.names)
            done = share(name, group, frozenset(self.names.taken), self.roles, self.defaults, fixed=False)
            done.remarks += [remark] if remark else []
            self.roles[name] = (*(given for given, _ in group[0].handed), *done.arguments)
            self.defaults[name] = done.defaults
            printed.append(done)
            for index in range(len(group)):
                self.uses.update((id(graph), use) for graph, use in uses_for(done, index))
        (self.functions if first.kind == "fn" else self.classes).extend(printed)

    def _base_name(self, graph: Graph) -> str:
        if graph.kind != "composition":
            return graph.name if is_identifier(graph.name) else "Block"
        parts = [part for part in self.labels.get(id(graph), "").split(".") if part and not part.isdigit()]
        return parts[-1] if parts else "Composition"

    # -------------------------------------------------------------------------------------------------- the root

    def _root(self, name: str, program: Program, steps: list[tuple[str, Graph]]) -> Iterator[list[str]]:
        """The class of the model itself, and the type of its results where they have names."""
        graph = program.graph
        names = Names(self.names.taken)
        inputs, parameters, floats = inputs_of(graph, names)
        like: list[bool] = []
        forward = Forward(graph, self.drafter.scope(graph, names, floats, like), inputs, {})
        results = [result.value for result in graph.results]
        returns, output = returned_type(graph), ""
        if len(results) > 1 and all(result.name for result in graph.results):
            returns = output = self.names.fresh(f"{name}Output")
            lines = [f"class {output}(NamedTuple):", f'    """What `{name}` gives."""', ""]
            yield [*lines, *(f"    {identifier(result.name)}: Tensor" for result in graph.results)]

        def finish(trees: list[Tree]) -> Statement:
            return Return(ops.Call(output, tuple(trees)) if output else returned(trees, results))

        conditions = check_requirements(program.requirements, forward.sizes.letter)
        body = forward.write(graph.nodes, results, finish)
        statements: list[Statement] = [*check_inputs(graph.ports), *forward.sizes.preamble(), *conditions]
        statements += forward.scope.setup
        if like:
            statements.append(Lines(("like = torch.empty(0)  # for its dtype and device",)))
        if graph.inverse is not None:
            body = [*body, self.drafter.inverse(graph, graph.inverse)]
        body = [*body, *(self.drafter.step(step, method) for method, step in dict(steps).items())]
        init, _ = self.drafter.constructed(graph)
        draft = Draft(graph, init, (*statements, *body), tuple(parameters), returns, buffers(graph))
        printed = share(name, [draft], frozenset(self.names.taken), self.roles, self.defaults, fixed=True)
        lines = ["    def __init__(self, *, seed: int = 0) -> None:", "        super().__init__()"]
        if printed.init:
            undrawn = ", _Undrawn()" if any(map(leaves, self.graphs)) else ""
            lines.append(f'        with torch.device("meta"){undrawn}:')
            lines += print_statements(printed.init, 12)
        if self._has_tensors():
            lines.append("        _draw_weights(self, seed)")
        yield print_class(printed, init=lines, own_forward=forward_lines(printed))


__all__ = ["EmitError", "emit_origins", "emit_source"]
