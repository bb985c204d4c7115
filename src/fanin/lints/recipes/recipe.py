"""A system as the rules of recipes want to see it: its lines by stages, its weights, and what each loss reaches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fanin.analyses.reach import NOTHING, Reach, Sources, leaves
from fanin.ir.graph import Leaf, Row, Unit
from fanin.ir.recipe import Measure, System, Target, Train


class Recipe:
    """A system in the stages at ``places``, which are all that it has where it has the same networks in all."""

    def __init__(self, system: System, places: tuple[int, ...]) -> None:
        self.system = system
        self._covered: dict[tuple[Target, ...], Sources] = {}
        self.keys = dict(_parameters(system))  # what can be learned, by the leaf or parameter that holds it
        self.weights: Sources = frozenset(self.keys)
        self.groups = [system.stages[i].trains or system.trains for i in places] if system.stages else [system.trains]
        if system.stages and 0 in places and all(stage.trains for stage in system.stages):
            self.groups.append(system.trains)  # no stage takes them, and they are still read
        self.lines = tuple({line.span.start: line for group in self.groups for line in group}.values())
        self.measures: dict[str, Measure] = {m.name: m for m in system.measures}
        self.reach = Reach()
        self.found = self.reach.of(system.graph)
        self.reached: dict[str, Sources] = {
            m.name: frozenset(s for s in self.found.get(m.value.index, NOTHING) if isinstance(s, str))
            for m in system.measures
        }

    def covered(self, targets: tuple[Target, ...], weights: Sources | None = None) -> Sources:
        """The holders of weights that some targets move, or move a part of; of ``weights`` alone, if given."""
        found = self._covered.get(targets)
        if found is None:
            held = self.keys.items()
            found = frozenset(w for w, keys in held if any(t.covers(key) for t in targets for key in keys))
            self._covered[targets] = found
        return found if weights is None else found & weights

    def moved(self, line: Train) -> frozenset[str]:
        """The parameters that a line moves, by their keys."""
        return frozenset(k for keys in self.keys.values() for k in keys if any(t.covers(k) for t in line.targets))

    def own(self, network: str) -> Sources:
        """The weights of a child of the system."""
        return frozenset(w for c in self.system.graph.children if c.path == network for w in leaves(c.instance, c.path))


def _parameters(system: System) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What holds weights that can be learned, with the keys of these."""
    graph = system.graph
    yield from ((s.name, (s.name,)) for s in graph.states if s.kind == "param" and s.frozen is not True)
    for child in graph.children:
        for path in leaves(child.instance, child.path):
            yield path, _keys(_below(child.instance, path.split(".")[child.path.count(".") + 1 :]), path)


def _below(instance: Any, steps: list[str]) -> Any:
    """The instance at a path below another; None for a parameter that a block states."""
    while steps and instance is not None and not isinstance(instance, Leaf):
        if isinstance(instance, Row):
            at, steps = int(steps[0]), steps[1:]
            for count, like in instance.parts:
                if at < count:
                    instance = like
                    break
                at -= count
        elif isinstance(instance, Unit):
            for child in instance.graph.children:
                own = child.path.split(".")
                if steps[: len(own)] == own:
                    instance, steps = child.instance, steps[len(own) :]
                    break
            else:
                return None
        else:
            return None
    return instance


def _keys(instance: Any, path: str) -> tuple[str, ...]:
    if not isinstance(instance, Leaf):
        return (path,)
    return tuple(f"{path}.{w.spec.name}" for w in instance.stored if w.spec.kind == "param")
