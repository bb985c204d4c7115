"""A program gone through once for every place of it, so that every op can tie what goes together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fanin.analyses.couplings.binding import ABSENT, Applied, Axis, Binding, Number, Plan, Use
from fanin.analyses.couplings.spaces import Space, fix, tie
from fanin.analyses.paths import Place, join, owned, resolve, walk
from fanin.analyses.reading import types_of
from fanin.ir.graph import (
    Apply,
    Call,
    Choice,
    Ensemble,
    Graph,
    Iterate,
    Leaf,
    ModuleRef,
    Node,
    Operand,
    Program,
    Read,
    Repeat,
    Scalar,
    Scan,
    StateRef,
    Update,
    Value,
)
from fanin.ir.types import TensorType
from fanin.record import record


@record
class Within:
    """Where a graph runs: the path of its instance, and the absolute paths of what is lent to it."""

    path: str
    lent: dict[str, str]
    graph: Graph  # that holds its modules and states: of a region, the one around it
    scope: str  # the path, and behind it the uses of functions that it is in

    def absolute(self, ref: ModuleRef) -> str:
        return self.lent.get(ref.path, ref.path) if ref.borrowed else join(self.path, ref.path)

    def key(self, ref: StateRef) -> str:
        return join(self.path if ref.module is None else self.absolute(ref.module), ref.name)


def within(scope: str, node: Node) -> str:
    """Where the nodes of a function stand for one use of it."""
    return f"{scope}|{id(node)}"


class Walk:
    """The spaces of a program's parameters, and how entries end. ``uniform``: a repetition is cut alike everywhere.

    With ``open_ends`` the inputs and results of the program can be cut like anything else.
    """

    def __init__(self, program: Program, uniform: bool, open_ends: bool = False) -> None:
        self.program = program
        self.uniform = uniform
        self.params: dict[str, list[Axis]] = {}
        self.roles: dict[str, tuple[str, ...]] = {}
        self.uses: list[Use] = []
        self.applied: list[Applied] = []
        self.ports: dict[str, tuple[Graph, list[list[Axis]], list[list[Axis]]]] = {}
        self.repeats: list[tuple[str, int, int]] = []  # (path of the row, first place, how many alike)
        self._plans: dict[int, Plan] = {}
        self._leaves: dict[tuple[int, str], Any] = {}
        self._places: dict[str, Place] | None = None
        graph = program.graph
        known = 0.0 if open_ends else None  # what goes of an input that may be cut is taken to be zero
        self.inputs = [[self._axis(s, known) for s in p.value.type.shape] for p in graph.ports if p.value is not None]
        if not open_ends:
            for axes in self.inputs:
                _fix(axes, "it is an axis of an input")
        self.results = self.graph(graph, self.inputs, Within("", {}, graph, ""))
        if not open_ends:
            for axes in self.results:
                _fix(axes, "it is an axis of a result")

    # ------------------------------------------------------------------------------------------------- graphs

    def graph(self, graph: Graph, inputs: list[list[Axis]], at: Within) -> list[list[Axis]]:
        """Go through a graph. Gives the axes of its results."""
        if graph.foreign:
            why = f"the extern block `{graph.name}` does not say what goes together"
            for axes in inputs:
                _fix(axes, why)
            return [self._fixed(r.value.type, why) for r in graph.results]
        values: dict[int, list[Axis]] = {}
        given = (port.value for port in graph.ports if port.value is not None)
        for value, axes in zip(given, inputs, strict=True):
            values[value.index] = axes
        for node in graph.nodes:
            found = self._node(node, values, at)
            for value, axes in zip(node.outputs, found, strict=True):
                values[value.index] = axes
        results = [self._of(r.value, values) for r in graph.results]
        if graph.kind != "region":
            self.ports.setdefault(at.scope, (graph, inputs, results))
        return results

    def _of(self, operand: Operand | None, values: dict[int, list[Axis]]) -> list[Axis]:
        return values[operand.index] if isinstance(operand, Value) else []

    def _node(self, node: Node, values: dict[int, list[Axis]], at: Within) -> list[list[Axis]]:
        inputs = [self._of(v, values) for v in node.inputs]
        if isinstance(node, Apply):
            return self._apply(node, inputs, at, None if node.module is None else at.absolute(node.module))
        if isinstance(node, Call):
            path = at.path if node.module is None else at.absolute(node.module)
            return self._call(node, inputs, at, path)
        if isinstance(node, Repeat):
            return self._repeat(node, inputs, at)
        if isinstance(node, Read):
            return [self._read(node, at)]
        if isinstance(node, Scan):
            return self._scan(node, inputs, at)
        if isinstance(node, Iterate):
            return self._iterate(node, inputs, at)
        if isinstance(node, Choice):
            first = self.graph(node.training, inputs, at)
            second = self.graph(node.evaluation, inputs, at)
            return [_both(a, b) for a, b in zip(first, second, strict=True)]
        if isinstance(node, Update):
            state = self._state(node.state, at)
            for axes in self.graph(node.graph, inputs, at):
                _both(state, axes)
            return []
        ensemble = isinstance(node, Ensemble)
        why = (
            "the copies of an ensemble are stacked" if ensemble else f"`{type(node).__name__.lower()}` goes through it"
        )
        if isinstance(node, Ensemble):
            self._ensemble(node, inputs, at, why)
        for axes in inputs:
            _fix(axes, why)
        return [self._fixed(v.type, why) for v in node.outputs]

    def _ensemble(self, node: Ensemble, inputs: list[list[Axis]], at: Within, why: str) -> None:
        """What is in an ensemble is fixed; what it shares with the rest is tied as anywhere."""
        ranks = [port.value.type.rank for port in node.graph.ports if port.value is not None]
        slices = [_without(axes, 0) if len(axes) > rank else axes for axes, rank in zip(inputs, ranks, strict=True)]
        self.graph(node.graph, slices, at)
        path = at.absolute(node.module)
        for key, axes in self.params.items():
            if key.startswith(f"{path}."):
                _fix(axes, why)

    def _call(self, node: Call, inputs: list[list[Axis]], at: Within, path: str) -> list[list[Axis]]:
        given = [axes for axes, operand in zip(inputs, node.inputs, strict=True) if operand is not None]
        lent = {name: at.absolute(ref) for name, ref in zip(node.graph.borrows, node.lent, strict=False)}
        scope = within(at.scope, node) if node.module is None else path
        return self.graph(node.graph, given, Within(path, lent, node.graph, scope))

    def _repeat(self, node: Repeat, inputs: list[list[Axis]], at: Within) -> list[list[Axis]]:
        row, place = at.absolute(node.module), 0
        flow, more = inputs[0], [self._fixed(v.type, "it is added up over the places") for v in node.outputs[1:]]
        for run in node.runs:
            alike = self.uniform and run.count > 1
            if alike:
                self.repeats.append((row, place, run.count))
            for i in range(1 if alike else run.count):
                before = flow
                path = join(row, str(place + i))
                all_inputs = [flow, *inputs[1:]]
                if isinstance(run.call, Call):
                    flow, *others = self._call(run.call, all_inputs, at, path)
                    for total, one in zip(more, others, strict=True):
                        _both(total, one)
                else:
                    (flow,) = self._apply(run.call, all_inputs, at, path)
                if alike:
                    flow = _both(before, flow)
            place += run.count
        return [flow, *more]

    def _scan(self, node: Scan, inputs: list[list[Axis]], at: Within) -> list[list[Axis]]:
        inner = [_without(a, node.axis) if i in node.sequences else a for i, a in enumerate(inputs)]
        for i in node.sequences:
            _fix([inputs[i][node.axis % len(inputs[i])]], "a scan runs along it")
        results, states = self._loop(node.graph, inner, node.states, at)
        named = {node.graph.ports[i].name for i in node.states}
        stacked = []
        for result, axes in zip(node.graph.results, results, strict=True):
            if result.name not in named:
                axis = node.axis % (len(axes) + 1)
                steps = self._axis(node.steps, None)
                _fix([steps], "a scan runs along it")
                stacked.append([*axes[:axis], steps, *axes[axis:]])
        return [*stacked, *states]

    def _iterate(self, node: Iterate, inputs: list[list[Axis]], at: Within) -> list[list[Axis]]:
        return self._loop(node.graph, list(inputs), node.states, at)[1]

    def _loop(
        self, region: Graph, inputs: list[list[Axis]], states: tuple[int, ...], at: Within
    ) -> tuple[list[list[Axis]], list[list[Axis]]]:
        """A region whose results of a state's name are its next value. Gives its results, and the states."""
        while True:
            mark = len(self.uses), len(self.applied)
            results = self.graph(region, inputs, at)
            by_name = {r.name: axes for r, axes in zip(region.results, results, strict=True)}
            after = {i: _both(inputs[i], by_name[region.ports[i].name]) for i in states}
            if all(inputs[i] == after[i] for i in states):
                return results, [after[i] for i in states]
            # What masked entries are does not stay: once more, with less known of them.
            del self.uses[mark[0] :], self.applied[mark[1] :]
            for i in states:
                inputs[i] = after[i]

    # ---------------------------------------------------------------------------------------------------- ops

    def _apply(self, node: Apply, inputs: list[list[Axis]], at: Within, path: str | None) -> list[list[Axis]]:
        plan = self._plans.get(id(node))
        if plan is None:
            plan = self._plans[id(node)] = Plan(node.op, node.attrs, types_of(node.inputs))
        keys = {} if path is None else self._own(node, at, path)
        why = plan.why
        if why:
            for axes in inputs:
                _fix(axes, why)
            for key in keys.values():
                _fix(self.params[key], why)
            return [self._fixed(v.type, why) for v in node.outputs]
        b = Binding(len(inputs))
        ties = plan.ties
        for place, (layout, axes) in enumerate(zip(ties.inputs, inputs, strict=True)):
            for expr, (space, number) in zip(layout, axes, strict=True):
                b.take(expr, space, number, place)
        for name, layout in ties.params:
            for expr, (space, _) in zip(layout, self.params[keys[name]], strict=True):
                b.take(expr, space, None)
        scalars = [
            float(o.value) if isinstance(o, Scalar) and isinstance(o.value, (int, float)) else None for o in node.inputs
        ]
        outputs = [b.axes(layout, plan, node.attrs, scalars) for layout in ties.outputs]
        where = path or at.path
        for name, reason in ties.fixed:
            space = b.letters.get(name)
            if space is not None:
                fix(space, reason)
        for name in plan.lost:
            space = b.letters.get(name)
            if space is not None:
                fix(space, f"`{node.op.name}` uses it up")
        for name, kind in ties.ends:
            space = b.letters.get(name)
            if space is not None and kind != "skipped":
                numbers = [None if n is ABSENT else n for n in b.numbers.get(name, [])]
                zero = any(n == 0 for n in numbers) if kind == "sum" else all(n == 0 for n in numbers[:1])
                end: Number = 0.0 if zero else (numbers[0] if numbers else None)
                self.uses.append(Use(space, kind, end, node.op.name, where, node))
        self.applied.append(Applied(at.scope, path, node, ties, b.letters))
        return outputs

    def _own(self, node: Apply, at: Within, path: str) -> dict[str, str]:
        """The keys of the op's parameters, whose axes are known afterwards."""
        leaf = self._leaf(node, at, path)
        found: dict[str, str] = {}
        if leaf is None or not leaf.weights:
            return found
        tied: dict[str, str] = {}
        if any(w.tied is not None for w in leaf.weights):
            place = self._place(path)
            tied = {e.key: e.tied for e in owned(place) if e.tied} if place is not None else {}
        for w in leaf.weights:
            key = join(path, w.spec.name)
            key = tied.get(key, key)
            found[w.spec.name] = key
            if key not in self.params:
                number = 0.0 if w.spec.kind == "param" else None
                self.params[key] = [self._axis(a.size, number) for a in w.spec.axes]
                self.roles[key] = tuple(a.role for a in w.spec.axes)
            if leaf.norm or not isinstance(leaf.frozen, bool):
                why = f"its weight is under a {leaf.norm} norm" if leaf.norm else "a share of its units is frozen"
                _fix(self.params[key], why)
        return found

    def _leaf(self, node: Apply, at: Within, path: str) -> Leaf | None:
        assert node.module is not None
        known = (id(at.graph), node.module.path)
        if node.module.borrowed:
            place = self._place(path)
            return place.instance if place is not None and isinstance(place.instance, Leaf) else None
        if known not in self._leaves:
            self._leaves[known] = resolve(at.graph, node.module.path)
        leaf = self._leaves[known]
        return leaf if isinstance(leaf, Leaf) else None

    def _place(self, path: str) -> Place | None:
        if self._places is None:
            self._places = {place.path: place for place in walk(self.program)}
        return self._places.get(path)

    # ------------------------------------------------------------------------------------------------- states

    def _read(self, node: Read, at: Within) -> list[Axis]:
        return list(self._state(node.state, at))

    def _state(self, ref: StateRef, at: Within) -> list[Axis]:
        key = at.key(ref)
        if key not in self.params:
            if ref.module is not None:
                self._from_leaf(ref, at, key)
            else:
                state = next(s for s in at.graph.states if s.name == ref.name)
                self.params[key] = [self._axis(s, 0.0 if state.kind == "param" else None) for s in state.type.shape]
                self.roles[key] = tuple(str(i) for i in range(state.type.rank))
                if isinstance(state.start, Value):
                    _fix(self.params[key], f"`{key}` starts as a tensor that is worked out")
        return self.params[key]

    def _from_leaf(self, ref: StateRef, at: Within, key: str) -> None:
        """A parameter of a module, read: what it is tied to is one parameter with it."""
        assert ref.module is not None
        place = self._place(at.absolute(ref.module))
        if place is not None and isinstance(place.instance, Leaf):
            tied = {e.key: e.tied for e in owned(place) if e.tied}
            own = tied.get(key, key)
            weight = next((w for w in place.instance.weights if w.spec.name == ref.name), None)
            if weight is not None:
                if own not in self.params:
                    self.params[own] = [self._axis(a.size, 0.0) for a in weight.spec.axes]
                    self.roles[own] = tuple(a.role for a in weight.spec.axes)
                if place.instance.norm:
                    _fix(self.params[own], f"its weight is under a {place.instance.norm} norm")
                self.params.setdefault(key, self.params[own])
                return
        scope = self._place(at.absolute(ref.module))
        graph = getattr(getattr(scope, "instance", None), "graph", None)
        state = next(s for s in graph.states if s.name == ref.name) if graph is not None else None
        assert state is not None
        self.params[key] = [self._axis(s, 0.0 if state.kind == "param" else None) for s in state.type.shape]
        self.roles[key] = tuple(str(i) for i in range(state.type.rank))

    def _axis(self, size: Any, number: float | None) -> Axis:
        return (Space(size), number) if isinstance(size, int) else (None, None)

    def _fixed(self, t: TensorType, why: str) -> list[Axis]:
        axes = [self._axis(s, None) for s in t.shape]
        _fix(axes, why)
        return axes


def _fix(axes: Sequence[Axis], why: str) -> None:
    for space, _ in axes:
        if space is not None:
            fix(space, why)


def _both(a: list[Axis], b: list[Axis]) -> list[Axis]:
    """One value that is either of two."""
    found: list[Axis] = []
    for (x, m), (y, n) in zip(a, b, strict=True):
        if x is not None and y is not None:
            tie(x, y)
        else:
            for one in (x, y):
                if one is not None:
                    fix(one, "it goes with an axis of open size")
        found.append((x, m if m == n else None))
    return found


def _without(axes: list[Axis], axis: int) -> list[Axis]:
    axis %= len(axes)
    return [*axes[:axis], *axes[axis + 1 :]]
