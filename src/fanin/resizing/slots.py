"""The places of the text that say sizes: arguments of modules and functions, axes of signatures and parameters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from fanin.analyses.couplings.cut import Cut
from fanin.analyses.couplings.walk import within
from fanin.analyses.paths import join
from fanin.emit.arch.spelling import arguments
from fanin.ir.graph import Apply, Call, Choice, Graph, Iterate, Leaf, Row, Scalar, Scan, Unit, Update
from fanin.ops.contract import Op, argument_order
from fanin.ops.indexing.index import At, Range
from fanin.record import record
from fanin.repairs.places import nodes
from fanin.resizing.problems import CannotResize
from fanin.resizing.reading import Key, Scope, bindings, key_of
from fanin.source import Span
from fanin.syntax import tree

WRAPPERS = ("checkpoint", "weight_norm", "spectral_norm")


@record(eq=False)
class Slot:
    """A size in the text, as one instance reads it: what it was, and what it has to be.

    Where ``expr`` is None the text does not say it yet: it would be the argument ``name`` of ``call``. ``label`` is
    what it could be called. What a ``signature`` says is what a block is known by.
    """

    expr: Any
    name: str
    label: str
    call: tree.Call | None
    scope: Scope
    turns: Mapping[Key, int]
    cell: int | None
    before: Any
    after: Any
    signature: bool = False


class Listed(str):
    """A list of sizes, as text."""


@record(eq=False)
class Whole:
    """A call that becomes another one."""

    call: Any
    text: str
    block: str  # of ``std.pruned``


class Places:
    """A network gone through along its text."""

    def __init__(self, cut: Cut, units: Mapping[str, Any]) -> None:
        self.cut, self.units = cut, units
        self.slots: list[Slot] = []
        self.wholes: list[Whole] = []
        self._calls: dict[Key, Any] = {}
        self._declarations: dict[str, list[Any]] = {}
        self._loops: dict[str, list[tree.For]] = {}
        self.count: dict[Key, int] = {}  # how many turns a loop has
        self._bound: dict[Key, dict[str, tree.Bind | None]] = {}
        for name, unit in units.items():
            self._declarations[name] = list(unit.file.declarations)
            self._loops[name] = []
            for node in nodes(unit.file.declarations):
                if isinstance(node, tree.For):
                    self._loops[name].append(node)
                elif isinstance(node, tree.Call | tree.Index | tree.Chain):
                    self._calls.setdefault(key_of(node.span), node)
        graph = cut.coupled.program.graph
        declaration = self.declaration(graph.span)
        top = self._top(declaration, graph)
        self._graph(graph, "", top, {}, None, "")
        self._signature(top)

    # ------------------------------------------------------------------------------------------------- the walk

    def _top(self, declaration: Any, graph: Graph) -> Scope:
        name = self.cut.coupled.program.name
        for unit in self.units.values():
            alias = unit.declarations.get(name)
            if isinstance(alias, tree.BlockAlias) and isinstance(alias.value, tree.Call):
                outer = Scope(alias, unit, graph, "", None, None, {})
                return self._scope(declaration, graph, "", outer, alias.value, {}, None)
        return self._scope(declaration, graph, "", None, None, {}, None)

    def _scope(
        self,
        declaration: Any,
        graph: Graph,
        key: str,
        caller: Scope | None,
        call: Any,
        turns: Mapping[Key, int],
        cell: int | None,
    ) -> Scope:
        unit = self.units[declaration.span.source.name]
        sizes: dict[str, int] = {}
        ports = [p for p in graph.ports if p.value is not None]
        for i, port in enumerate(ports):
            param = next((p for p in _tensors(declaration) if p.name.name == port.name), None)
            if param is not None:
                for expr, d in _aligned(param.type, self.cut.port(key, graph, i)):
                    if isinstance(expr, tree.Ident) and isinstance(d, int):
                        sizes.setdefault(expr.name, d)
        mark = key_of(declaration.span)
        if mark not in self._bound:
            self._bound[mark] = bindings(declaration)
        return Scope(declaration, unit, graph, key, caller, call, turns, cell, sizes, self._bound[mark])

    def declaration(self, span: Span) -> Any:
        for own in self._declarations.get(span.source.name, ()):
            if own.span.start <= span.start and span.end <= own.span.end:
                return own
        raise CannotResize(f"{span}: it is in no declaration")

    def loop(self, key: Key) -> tree.For:
        return next(f for f in self._loops[key[0]] if key_of(f.span) == key)

    def around(self, span: Span) -> list[tree.For]:
        """The loops around a text, outer first."""
        return [
            f for f in self._loops.get(span.source.name, ()) if f.span.start <= span.start and span.end <= f.span.end
        ]

    def _turns(self, span: Span, loop: Sequence[tuple[int, int]], known: Mapping[Key, int]) -> Mapping[Key, int]:
        loops = self.around(span)
        if len(loops) == len(loop):
            found = {key_of(f.span): turn for f, (_, turn) in zip(loops, loop, strict=True)}
            for key, turn in found.items():
                self.count[key] = max(self.count.get(key, 0), turn + 1)
            return found
        return known

    def _graph(
        self, graph: Graph, path: str, scope: Scope, turns: Mapping[Key, int], cell: int | None, key: str
    ) -> None:
        used: dict[str, Any] = {}
        for node in _flat(graph):
            module = getattr(node, "module", None)
            if module is not None and not module.borrowed:
                used.setdefault(module.path, node.loop)
            when = self._turns(node.span, node.loop, turns)
            if isinstance(node, Apply) and module is None:
                self._function(node, scope, when, key)
            elif isinstance(node, Call) and module is None:
                self._fn(node, path, scope, when, key)
        for state in graph.states:
            self._state(state, path, scope)
        rows = Counter(child.span for child in graph.children) if graph.kind == "composition" else Counter()
        seen: Counter[Span] = Counter()
        for child in graph.children:
            if rows[child.span] > 1:  # places of a repetition that is part of it
                cell = seen[child.span]
                seen[child.span] += 1
            loop = next((used[p] for p in used if p == child.path or p.startswith(f"{child.path}.")), ())
            when = self._turns(child.span, loop, turns)
            self._child(child.instance, join(path, child.path), child.span, scope, when, cell)

    def _child(
        self, made: Any, path: str, span: Span, scope: Scope, turns: Mapping[Key, int], cell: int | None
    ) -> None:
        if isinstance(made, Row):
            at = 0
            for count, part in made.parts:
                for _ in range(count):
                    self._child(part, join(path, str(at)), span, scope, turns, at)
                    at += 1
            return
        while scope.caller is not None and not _inside(span, scope.declaration.span):  # made where it was handed over
            turns, cell, scope = scope.turns, scope.cell if cell is None else cell, scope.caller
        call = self._calls.get(key_of(span))
        while isinstance(call, tree.Call):
            if isinstance(call.callee, tree.Call):  # `Layer(8)(mask)`: made by the inner one
                call = call.callee
            elif isinstance(call.callee, tree.Ident) and call.callee.name in WRAPPERS and call.args:
                call = call.args[0].value
            else:
                break
        if isinstance(made, Leaf):
            self._leaf(made, path, call, scope, turns, cell)
            return
        assert isinstance(made, Unit)
        graph, own = made.graph, scope.declaration.span
        if graph.foreign:
            return
        if graph.kind == "composition" and _inside(graph.span, own):
            self._graph(graph, path, scope, turns, cell, path)
            return
        inner = self._scope(self.declaration(graph.span), graph, path, scope, call, turns, cell)
        self._graph(graph, path, inner, {}, None, path)
        self._signature(inner)

    def _fn(self, node: Call, path: str, scope: Scope, turns: Mapping[Key, int], key: str) -> None:
        inner = within(key, node)
        call = self._calls.get(key_of(node.span))
        found = self._scope(self.declaration(node.graph.span), node.graph, inner, scope, call, turns, None)
        self._graph(node.graph, path, found, {}, None, inner)
        self._signature(found)

    # -------------------------------------------------------------------------------------------------- the slots

    def _leaf(self, leaf: Leaf, path: str, call: Any, scope: Scope, turns: Mapping[Key, int], cell: int | None) -> None:
        after = self.cut.leaf(path, leaf)
        replaced = self.cut.replaced(path)
        if not isinstance(call, tree.Call):
            if replaced is not None or after != leaf.attrs:
                raise CannotResize(f"`{path}`, which no call in the text makes")
            return
        if replaced is not None:
            name, given = replaced
            written = {a.name.name: a.value.span.text for a in call.args if a.name is not None}
            text = ", ".join(f"{k}={written.get(k, plain(v))}" for k, v in given)
            self.wholes.append(Whole(call, f"{name}({text})", name))
            return
        label = next((w for w in reversed(path.split(".")) if not w.isdigit()), leaf.op.name)
        self._attributes(leaf.op, leaf.attrs, after, call, 0, label, scope, turns, cell)

    def _function(self, node: Apply, scope: Scope, turns: Mapping[Key, int], key: str) -> None:
        after = self.cut.attributes(key, node)
        call = self._calls.get(key_of(node.span))
        if isinstance(call, tree.Chain):
            self._numbers(node, call, scope, turns)
        if isinstance(after, tuple):
            if not isinstance(call, tree.Call) or len(node.inputs) != 1 or any(_is_flow(a) for a in call.args):
                raise CannotResize(f"`{node.span.text}`, which becomes `{after[0]}`")
            self.wholes.append(Whole(call, _piped(after), ""))
        elif isinstance(call, tree.Index) and hasattr(node.attrs, "items"):
            self._index(call, node.attrs, after, scope, turns)
        elif isinstance(call, tree.Call):
            ports = len([p for p in node.inputs if p is not None])
            explicit = ports if any(_is_flow(a) for a in call.args) else None
            self._attributes(node.op, node.attrs, after, call, explicit, node.op.name, scope, turns, None)
        elif after != node.attrs:
            raise CannotResize(f"`{node.span.text}`, which is no call")

    def _numbers(self, node: Apply, chain: tree.Chain, scope: Scope, turns: Mapping[Key, int]) -> None:
        """Numbers beside tensors, such as a root of a width: they stay what they were."""
        if len(node.inputs) == 2:
            sides = ([chain.first] if len(chain.steps) == 1 else [None], [chain.steps[-1].operand])
            for operand, (expr,) in zip(node.inputs, sides, strict=True):
                value = operand.value if isinstance(operand, Scalar) else None
                if expr is not None and isinstance(value, (int, float)) and not isinstance(value, bool):
                    self.slots.append(Slot(expr, "", "factor", None, scope, turns, None, value, value))

    def _attributes(
        self,
        op: Op[Any],
        before: Any,
        after: Any,
        call: tree.Call,
        ports: int | None,
        label: str,
        scope: Scope,
        turns: Mapping[Key, int],
        cell: int | None,
    ) -> None:
        given = _bound(op, call, ports)
        named = {a.name.name for a in call.args if a.name is not None}

        def slot(expr: Any, name: str, old: Any, new: Any) -> None:
            if old == new and (expr is not None or name in named) and not isinstance(new, (int, float)):
                return
            if old != new and not isinstance(new, (int, float, tuple)):
                raise CannotResize(f"`{name}` of `{call.span.text}`")
            called = name if label == op.name and len(name) > 1 else f"{label}_{_SHORT.get(name, name)}"
            self.slots.append(Slot(expr, name, called, call, scope, turns, cell, old, new))

        for f in fields(before):
            old, new = getattr(before, f.name), getattr(after, f.name)
            if f.name == op.keywords:
                for (key, a), (_, b) in zip(old, new, strict=True):
                    slot(given.get(key), key, a, b)
                continue
            expr = given.get(f.name)
            items = expr if isinstance(expr, list) else getattr(expr, "items", None)
            if isinstance(old, tuple) and items is not None and len(items) == len(old) == len(new):
                for item, a, b in zip(items, old, new, strict=True):
                    slot(item, f.name, a, b)
            elif isinstance(expr, list):
                if old != new:
                    raise CannotResize(f"`{f.name}` of `{call.span.text}`")
            else:
                slot(expr, f.name, old, new)

    def _index(self, found: tree.Index, before: Any, after: Any, scope: Scope, turns: Mapping[Key, int]) -> None:
        if len(found.items) != len(before.items):
            if before != after:
                raise CannotResize(f"`{found.span.text}`")
            return
        for item, old, new in zip(found.items, before.items, after.items, strict=True):
            if isinstance(old, Range) and isinstance(item, tree.Slice):
                for expr, a, b in ((item.start, old.start, new.start), (item.stop, old.stop, new.stop)):
                    if expr is None and a != b:
                        raise CannotResize(f"`{found.span.text}`")
                    if expr is not None and isinstance(b, int):
                        self.slots.append(Slot(expr, "", "end", None, scope, turns, None, a, b))
            elif isinstance(old, At) and isinstance(old.place, int) and isinstance(item, tree.Expr):
                self.slots.append(Slot(item, "", "place", None, scope, turns, None, old.place, new.place))
            elif old != new:
                raise CannotResize(f"`{found.span.text}`")

    def _signature(self, scope: Scope) -> None:
        """What the head of a block says of its inputs and results."""
        graph, declaration = scope.graph, scope.declaration
        ports = [p for p in graph.ports if p.value is not None]
        for i, port in enumerate(ports):
            param = next((p for p in _tensors(declaration) if p.name.name == port.name), None)
            if param is not None and port.value is not None:
                after = self.cut.port(scope.key, graph, i)
                self._axes(param.type, port.value.type.shape, after, scope)
        types = _results(getattr(declaration, "result", None))
        if len(types) == len(graph.results):
            for i, (type_, result) in enumerate(zip(types, graph.results, strict=True)):
                self._axes(type_, result.value.type.shape, self.cut.result(scope.key, graph, i), scope)

    def _state(self, state: Any, path: str, scope: Scope) -> None:
        own = scope.declaration.body if hasattr(scope.declaration, "body") else ()
        found = [n for n in nodes(own) if isinstance(n, tree.State) and n.name.name == state.name]
        if len(found) == 1:
            before = state.type.shape
            self._axes(found[0].type, before, self.cut.state(join(path, state.name), before), scope, False)

    def _axes(self, type_: Any, before: Any, after: Any, scope: Scope, signature: bool = True) -> None:
        for (expr, old), (_, new) in zip(_aligned(type_, before), _aligned(type_, after), strict=True):
            if isinstance(new, int) and isinstance(expr, tree.Expr):
                self.slots.append(Slot(expr, "", "size", None, scope, {}, None, old, new, signature))


_SHORT = {"out_features": "width", "out_channels": "width", "hidden_size": "width", "num_groups": "groups"}


def _flat(graph: Graph) -> Iterator[Any]:
    """The nodes of a graph and of the regions in it."""
    for node in graph.nodes:
        yield node
        if isinstance(node, Scan | Iterate | Update):
            yield from _flat(node.graph)
        elif isinstance(node, Choice):
            yield from _flat(node.training)
            yield from _flat(node.evaluation)


def _inside(span: Span, outer: Span) -> bool:
    return span.source.name == outer.source.name and outer.start <= span.start and span.end <= outer.end


def _tensors(declaration: Any) -> tuple[tree.Param, ...]:
    found = getattr(declaration, "inputs", None) or getattr(declaration, "params", None) or ()
    return tuple(p for p in found if isinstance(p.type, tree.ShapeType))


def _results(type_: Any) -> list[Any]:
    if isinstance(type_, tree.TupleType):
        return [f.type for f in type_.fields]
    return [] if type_ is None else [type_]


def _aligned(type_: Any, shape: Sequence[Any]) -> list[tuple[Any, Any]]:
    """The axes of a written type and those of a shape; what a star stands for is left out."""
    if not isinstance(type_, tree.ShapeType):
        return []
    star = next((i for i, d in enumerate(type_.dims) if isinstance(d, tree.StarDim)), None)
    if star is None:
        return list(zip(type_.dims, shape, strict=True)) if len(type_.dims) == len(shape) else []
    behind = len(type_.dims) - star - 1
    head = list(zip(type_.dims[:star], shape[:star], strict=False))
    return [*head, *(zip(type_.dims[star + 1 :], shape[len(shape) - behind :], strict=False) if behind else [])]


def _is_flow(a: tree.Arg) -> bool:
    return isinstance(a.value, tree.Dots)


def _bound(op: Op[Any], call: tree.Call, ports: int | None) -> dict[str, Any]:
    """The arguments by name; of one that takes several, a list. ``ports`` is how many tensors stand among them: None
    where that hangs on what flows in."""
    named = {a.name.name: a.value for a in call.args if a.name is not None}
    by_place = [a.value for a in call.args if a.name is None]
    inputs = {port.name: port for port in op.inputs}
    found: dict[str, Any] = dict(named)
    if ports is None:  # the first tensor flows in where fewer stand there than would be needed
        first = [e.lstrip("*") for e in argument_order(type(op)) if e.lstrip("*") in inputs]
        ports = 0 if by_place and isinstance(by_place[0], tree.Number | tree.String) else len(first)
        if not by_place:
            return found
    for entry in argument_order(type(op)):
        name = entry.lstrip("*")
        if name in inputs:
            if ports > 0 and by_place:
                if inputs[name].variadic:
                    return found
                by_place.pop(0)
                ports -= 1
        elif entry.startswith("*"):
            found[name] = by_place
            by_place = []
        elif by_place:
            found[name] = by_place.pop(0)
    return found


def plain(value: Any) -> str:
    """A value of an attribute as text."""
    if isinstance(value, Listed):
        return value
    from fanin.emit.arch.spelling import spell

    return _text(spell(value))


def _text(parts: Any) -> str:
    return "".join(part if isinstance(part, str) else str(part.value) for part in parts)


def _piped(after: tuple[str, Any]) -> str:
    from fanin.ops.registry import find_op

    op = find_op(after[0])
    assert op is not None
    args = [_text(a) for a in arguments(op, after[1], op.name, [("...",)])[1:]]
    return f"{op.name}({', '.join(args)})" if args else op.name
