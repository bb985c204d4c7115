"""How many numbers instances hold: counted once for a graph, and multiplied."""

from __future__ import annotations

from math import prod

from fanin.analyses.paths import Instance
from fanin.analyses.reading import reached
from fanin.analyses.records import Records
from fanin.ir.graph import Ensemble, Graph, Leaf, Row, State, Unit, every_node, fixed_count
from fanin.record import field, record


@record
class Weights:
    """How many numbers an instance holds. A tied parameter counts where it lives; frozen ones are parameters too."""

    parameters: int = 0
    trainable: int = 0
    buffers: int = 0

    def __add__(self, other: Weights) -> Weights:
        return Weights(
            self.parameters + other.parameters, self.trainable + other.trainable, self.buffers + other.buffers
        )

    def __mul__(self, times: int) -> Weights:
        return Weights(self.parameters * times, self.trainable * times, self.buffers * times)


@record(frozen=False)
class _Record:
    total: Weights | None = field(default=None)


_records = Records(_Record)


def weights_of(graph: Graph) -> Weights:
    """What an instance of a graph holds, all that is in it included."""
    if _records[graph].total is None:
        for inner in reached(graph):
            record = _records[inner]
            if record.total is None:
                total = sum((_state_weights(state) for state in inner.states), Weights())
                ensembles = {n.module.path: n.count for n in every_node(inner.nodes) if isinstance(n, Ensemble)}
                for child in inner.children:
                    total += _sum(child.instance) * ensembles.get(child.path, 1)
                record.total = total
    found = _records[graph].total
    assert found is not None
    return found


def instance_weights(instance: Instance) -> Weights:
    """What an instance holds, all that is in it included."""
    todo = [instance]
    while todo:
        made = todo.pop()
        if isinstance(made, Unit):
            weights_of(made.graph)
        elif isinstance(made, Row):
            todo.extend(part for _, part in made.parts)
    return _sum(instance)


def _sum(instance: Instance) -> Weights:
    """The graphs in it are known by now."""
    total = Weights()
    todo: list[tuple[int, Instance]] = [(1, instance)]
    while todo:
        times, made = todo.pop()
        if isinstance(made, Row):
            todo.extend((times * count, part) for count, part in made.parts)
        elif isinstance(made, Unit):
            inner = _records[made.graph].total
            assert inner is not None
            total += inner * times
        else:
            total += _leaf_weights(made) * times
    return total


def _leaf_weights(leaf: Leaf) -> Weights:
    total = Weights()
    for w in leaf.stored:
        size = prod(w.spec.shape)
        if w.spec.kind == "buffer":
            total += Weights(buffers=size)
        elif w.tied is None:
            outs = next((axis.size for axis in w.spec.axes if axis.role == "out"), 0)
            total += Weights(size, size - _frozen(size, outs, leaf.frozen))
    return total


def _frozen(size: int, outs: int, share: bool | float) -> int:
    """How many numbers of a weight are fixed: of the output units, the share of them, rounded half up."""
    if isinstance(share, bool):
        return size if share else 0
    return size // outs * fixed_count(outs, share) if outs else 0


def _state_weights(state: State) -> Weights:
    size = prod(d for d in state.type.shape if isinstance(d, int))
    if state.kind == "buffer":
        return Weights(buffers=size)
    return Weights(size, size - _frozen(size, 0, state.frozen))
