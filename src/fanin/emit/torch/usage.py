"""Who reads a value of a body until when, and what a value that its author gave no name could be called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fanin.emit.torch.loops import Item, Loop
from fanin.emit.torch.names import identifier, singular
from fanin.ir.graph import Graph, Iterate, ModuleRef, Node, Operand, Scan, Value


class Usage:
    """Places in a body are numbered as its statements come; a loop has one for its head and one for its end."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.position = 0  # where counting is
        self.uses: dict[int, int] = {}  # how often a value is read
        self.last: dict[int, int] = {}  # where it is read last
        self.positions: dict[int, int] = {}  # by the id of a node
        self.ends: dict[int, tuple[int, int]] = {}  # by the id of a loop
        self.wanted: dict[int, str] = {}  # the name at the end of the pipe that a value is in
        self.kinds: dict[int, str] = {}  # what values without a name could be called: by their module

    def note_modules(self, nodes: Iterable[Node]) -> None:
        """What values are called after the modules that they come from."""
        for node in nodes:
            module = getattr(node, "module", None)
            if isinstance(module, ModuleRef):
                label = next((part for part in reversed(module.path.split(".")) if not part.isdigit()), "y")
                self.kinds.update((value.index, singular(label)) for value in node.outputs)

    def count(self, items: Sequence[Item], results: Sequence[Operand]) -> None:
        """Who reads what, in a body and behind it."""
        self._count(items, set())
        for operand in results:
            self._read(operand, len(self.positions) + 10**6)
        for result in self.graph.results:
            if result.name and isinstance(result.value, Value):
                self.wanted.setdefault(result.value.index, identifier(result.name))
        self._destinations(items, results)

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


def _made_in(items: Iterable[Item]) -> set[int]:
    made: set[int] = set()
    for item in items:
        if isinstance(item, Loop):
            made |= _made_in(item.body) | {carry.inside.index for carry in item.carries}
        else:
            made |= {value.index for value in item.outputs}
    return made
