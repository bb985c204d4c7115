"""Rolling up: turns of a `for` that are the same but for the number of their modules become a loop again."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from typing import TypeAlias

from fanin.ir.graph import Apply, Call, Ensemble, ModuleRef, Node, Operand, Read, Repeat, StateRef, Value
from fanin.record import record


@record
class Over:
    """What a loop runs over: the modules at these indices of a container. ``last`` is the path in the last turn."""

    container: str
    indices: tuple[int, ...]
    last: str


@record
class Carry:
    """A value that goes from turn to turn: where it starts, what the body calls it, what the next turn gets."""

    start: Operand
    inside: Value
    out: Value


@record
class Loop:
    """Turns as one body: that of the last turn."""

    over: tuple[Over, ...]
    count: int
    carries: tuple[Carry, ...]
    body: tuple[Item, ...]
    steady: bool  # whether the types are the same in all turns


Item: TypeAlias = "Node | Loop"

# How an operand of one turn relates to the same operand of the turn before.
_Relation: TypeAlias = tuple[object, ...]


class Roller:
    """Rolls up the nodes of one graph.

    ``form`` is equal for nodes that print the same but for their operands and modules; ``countable`` says whether a
    loop can run over these indices of a container.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        results: Iterable[Operand],
        reads: dict[int, StateRef],
        form: Callable[[Node], Hashable],
        countable: Callable[[str, tuple[int, ...]], bool],
    ) -> None:
        self.form, self.countable, self.reads = form, countable, reads
        self.made: dict[int, tuple[int, int]] = {}  # value -> (node number, output), numbers in the order of the text
        self.users: dict[int, set[int]] = {}
        self.number = {id(node): i for i, node in enumerate(nodes)}
        self.fresh = 0
        self.kept: list[list[Node]] = []
        for i, node in enumerate(nodes):
            for j, value in enumerate(node.outputs):
                self.made[value.index] = (i, j)
                self.fresh = min(self.fresh, value.index)
            for operand in node.inputs:
                if isinstance(operand, Value):
                    self.users.setdefault(operand.index, set()).add(i)
        for operand in results:
            if isinstance(operand, Value):
                self.users.setdefault(operand.index, set()).add(-1)

    def roll(self, nodes: Sequence[Node], depth: int = 0, around: frozenset[str] = frozenset()) -> list[Item]:
        """The nodes with what can be rolled up as loops. ``around`` are the containers that loops around run over."""
        items: list[Item] = []
        at = 0
        while at < len(nodes):
            node = nodes[at]
            if len(node.loop) <= depth:
                items.append(node)
                at += 1
                continue
            loop = node.loop[depth][0]
            turns: list[list[Node]] = []
            numbers: list[int] = []
            while at < len(nodes) and len(nodes[at].loop) > depth and nodes[at].loop[depth][0] == loop:
                turn = nodes[at].loop[depth][1]
                if not numbers or numbers[-1] != turn:
                    numbers.append(turn)
                    turns.append([])
                turns[-1].append(nodes[at])
                at += 1
            flat = self._flat(turns, depth, around)
            items += self._turns(turns, depth, around) if flat is None else [flat]
        return items

    def _flat(self, turns: list[list[Node]], depth: int, around: frozenset[str]) -> Loop | None:
        """Loops in loops as one, where all their turns are alike and go through one row of modules."""
        single: list[list[Node]] = []
        for node in (node for turn in turns for node in turn):
            if len(node.loop) <= depth + 1:
                return None
            if not single or single[-1][-1].loop[depth:] != node.loop[depth:]:
                single.append([])
            single[-1].append(node)
        if len(single) == len(turns) or self._run(single, 0) < len(single):
            return None
        return self._loop(single, 0, len(single), max(len(node.loop) for node in single[0]) - 1, around)

    def _turns(self, turns: list[list[Node]], depth: int, around: frozenset[str]) -> list[Item]:
        items: list[Item] = []
        start = 0
        while start < len(turns):
            run = self._run(turns, start)
            loop = self._loop(turns, start, run, depth, around) if run > 1 else None
            if loop is None:
                items += self.roll(turns[start], depth + 1, around)
                start += 1
            else:
                items.append(loop)
                start += run
        return items

    def _run(self, turns: list[list[Node]], start: int) -> int:
        """How many turns from ``start`` on can be one loop."""
        last, relation = start, None
        while last + 1 < len(turns):
            here = self._relate(turns, last, first=last == start)
            if here is None or (relation is not None and here != relation):
                break
            relation, last = here, last + 1
        # What a turn makes may be read by itself and carried to the next; only the last turn's may be read later.
        for turn in range(start, last):
            near = {self.number[id(node)] for t in (turn, turn + 1) for node in turns[t]}
            for node in turns[turn]:
                if any(not self.users.get(value.index, set()) <= near for value in node.outputs):
                    return turn - start + 1
        return last - start + 1

    def _relate(self, turns: list[list[Node]], turn: int, *, first: bool) -> tuple[_Relation, ...] | None:
        """How the turn after ``turn`` relates to it; None where they differ."""
        old, new = turns[turn], turns[turn + 1]
        if len(old) != len(new):
            return None
        old_base, new_base = self.number[id(old[0])], self.number[id(new[0])]
        relations: list[_Relation] = []
        for a, b in zip(old, new, strict=True):
            if type(a) is not type(b) or self.form(a) != self.form(b) or len(a.inputs) != len(b.inputs):
                return None
            for path_a, path_b in zip(_paths(a), _paths(b), strict=True):
                step = _step(path_a, path_b)
                if step is None:
                    return None
                relations.append(step)
            for x, y in zip(a.inputs, b.inputs, strict=True):
                relation = self._operand(x, y, (old_base, len(old)), (new_base, len(new)), first)
                if relation is None:
                    return None
                relations.append(relation)
        return tuple(relations)

    def _operand(
        self, x: Operand | None, y: Operand | None, old: tuple[int, int], new: tuple[int, int], first: bool
    ) -> _Relation | None:
        if not isinstance(x, Value) or not isinstance(y, Value):
            return ("same", x) if x == y and type(x) is type(y) else None
        if x.index in self.reads and y.index in self.reads:
            return _step(_state_path(self.reads[x.index]), _state_path(self.reads[y.index]))
        at_x, at_y = self._place(x, old), self._place(y, new)
        if at_y is not None:
            return ("in", at_y) if at_x == at_y else None
        from_before = self._place(y, old)
        if from_before is not None:
            if first and at_x is None:
                return ("carried", from_before)
            before = (old[0] - old[1], old[1])
            return ("carried", from_before) if self._place(x, before) == from_before and not first else None
        return ("same", x.index) if x.index == y.index else None

    def _place(self, value: Value, turn: tuple[int, int]) -> tuple[int, int] | None:
        """Which output of which node of a turn the value is."""
        made = self.made.get(value.index)
        if made is None or not turn[0] <= made[0] < turn[0] + turn[1]:
            return None
        return made[0] - turn[0], made[1]

    def _loop(self, turns: list[list[Node]], start: int, run: int, depth: int, around: frozenset[str]) -> Loop | None:
        first, last = turns[start], turns[start + run - 1]
        before = turns[start + run - 2]
        base = self.number[id(before[0])]
        over: dict[Over, None] = {}
        for nodes in zip(*turns[start : start + run], strict=True):
            for paths in zip(*(self._all_paths(node) for node in nodes), strict=True):
                if paths[0] != paths[-1]:
                    found = _sequence(paths)
                    if found is None or not self.countable(found.container, found.indices):
                        return None
                    if found.container in around:  # the loop around has other modules there in each turn
                        return None
                    over[found] = None
        carries: dict[tuple[int, int], Carry] = {}
        body: list[Node] = []
        for node, origin in zip(last, first, strict=True):
            inputs: list[Operand | None] = []
            for operand, started in zip(node.inputs, origin.inputs, strict=True):
                place = None
                if isinstance(operand, Value) and operand.index not in self.reads:
                    place = self._place(operand, (base, len(before)))
                if place is None:
                    inputs.append(operand)
                    continue
                assert started is not None and isinstance(operand, Value)
                if place not in carries:
                    self.fresh -= 1
                    inside = Value(self.fresh, operand.type)
                    carries[place] = Carry(started, inside, last[place[0]].outputs[place[1]])
                elif carries[place].start != started:
                    return None
                inputs.append(carries[place].inside)
            body.append(replace(node, inputs=tuple(inputs)))
        steady = all(
            [v.type for v in a.outputs] == [v.type for v in b.outputs] for a, b in zip(first, last, strict=True)
        )
        for old, new in zip(last, body, strict=True):
            self.number[id(new)] = self.number[id(old)]
        self.kept.append(body)  # their ids are keys
        inner = self.roll(body, depth + 1, around | {o.container for o in over})
        return Loop(tuple(over), run, tuple(carries.values()), tuple(inner), steady)

    def _all_paths(self, node: Node) -> list[str]:
        reads = [self.reads[v.index] for v in node.inputs if isinstance(v, Value) and v.index in self.reads]
        return [*_paths(node), *(_state_path(state) for state in reads)]


def _paths(node: Node) -> list[str]:
    """The modules that a node names, in a fixed order."""
    refs: list[ModuleRef] = []
    if isinstance(node, Apply | Call | Repeat | Ensemble) and node.module is not None:
        refs.append(node.module)
    if isinstance(node, Call):
        refs += node.lent
    if isinstance(node, Read):
        return [_state_path(node.state)]
    return [("^" if ref.borrowed else "") + ref.path for ref in refs]


def _state_path(state: StateRef) -> str:
    if state.module is None:
        return state.name
    return f"{'^' if state.module.borrowed else ''}{state.module.path}.{state.name}"


def _step(a: str, b: str) -> _Relation | None:
    """How a path goes on from one turn to the next: not at all, or by a number in one place."""
    if a == b:
        return ("same", a)
    old, new = a.split("."), b.split(".")
    if len(old) != len(new) or a.startswith("^"):
        return None
    places = [i for i, (x, y) in enumerate(zip(old, new, strict=True)) if x != y]
    if len(places) != 1 or not (old[places[0]].isdigit() and new[places[0]].isdigit()):
        return None
    at = places[0]
    return ("step", at, tuple(old[:at]), tuple(old[at + 1 :]), int(new[at]) - int(old[at]))


def _sequence(paths: Sequence[str]) -> Over | None:
    first, second = paths[0].split("."), paths[1].split(".")
    at = next(i for i, (x, y) in enumerate(zip(first, second, strict=True)) if x != y)
    indices = tuple(int(path.split(".")[at]) for path in paths)
    if at == 0 or indices[1] <= indices[0]:
        return None
    return Over(".".join(first[:at]), indices, ".".join(paths[-1].split(".")[: at + 1]))
