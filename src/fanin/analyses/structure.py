"""The facts of a network's structure together: what outputs see, which symmetries are proven, how deep it is."""

from __future__ import annotations

from fanin.analyses.dependence import Dependence, Seen, divided
from fanin.analyses.depth import depth_of
from fanin.analyses.relations import Relation, relations
from fanin.analyses.symmetry import Action, Outcome, outcomes
from fanin.ir.dims import Dim, Poly, expand
from fanin.ir.graph import Program
from fanin.record import record


@record
class Sight:
    """What an output sees of an input, axis by axis; the axes are named as the spec has them."""

    output: str
    input: str
    axes: tuple[tuple[str, Relation], ...]

    def __str__(self) -> str:
        """The axes: ``B same, T causal``."""
        if self.axes and all(relation.kind == "none" for _, relation in self.axes):
            return "nothing"
        return ", ".join(f"{name} {relation}" for name, relation in self.axes) or "all"


@record
class Symmetric:
    """A group under which every output moves along, or stays as it is where ``invariant``."""

    letter: str
    group: str
    step: int
    invariant: bool
    edge: bool

    def __str__(self) -> str:
        whole = "" if self.step == 1 else f" by multiples of {self.step}"
        words = {"permutation": "any order", "translation": f"shifts{whole}", "flip": "backwards"}[self.group]
        return f"{self.letter}: {words}{', away from the border' if self.edge else ''}"


@record
class Structure:
    sights: tuple[Sight, ...]
    symmetries: tuple[Symmetric, ...]
    depth: Dim


def structure(program: Program) -> Structure:
    """What is known of a program's structure, outside of training."""
    found = []
    for name, size in _open_letters(program):
        for group in ("permutation", "translation", "flip"):
            one = _symmetric(program, name, size, group)
            if one is not None:
                found.append(one)
                break
    return Structure(sights(program), tuple(found), depth_of(program.graph))


def sights(program: Program) -> tuple[Sight, ...]:
    """What each output sees of each input, outside of training."""
    return tuple(_sight(d) for d in Seen(program.graph, sizes=divided(program)).dependences)


def _sight(d: Dependence) -> Sight:
    named = zip(d.declared.shape, relations(d), strict=True)
    return Sight(d.output, d.input, tuple((str(size), relation) for size, relation in named))


def _open_letters(program: Program) -> list[tuple[str, Dim]]:
    """The letters that are an axis of an input, in their order."""
    shapes = [expand(s) for p in program.inputs if p.value is not None for s in p.value.type.shape]
    found = [(name, expand(size)) for name, size in program.graph.letters if isinstance(expand(size), Poly)]
    return [(name, size) for name, size in found if size in shapes]


def _symmetric(program: Program, name: str, size: Dim, group: str) -> Symmetric | None:
    ports = [port.value.type for port in program.inputs if port.value is not None]
    axes = tuple((i, axis, 0) for i, t in enumerate(ports) for axis, s in enumerate(t.shape) if expand(s) == size)
    found = outcomes(program.graph, Action(group, axes), sizes=divided(program))
    if not all(proven(outcome, group) for outcome in found):
        return None
    step = max((o.state.step for o in found), default=1)
    invariant = all(o.invariant for o in found)
    return Symmetric(name, group, step, invariant, group == "translation" and any(o.state.edge for o in found))


def proven(outcome: Outcome, group: str) -> bool:
    """Whether an output follows a group, of translations exactly but for borders."""
    state = outcome.state
    if state.broken is not None:
        return False
    return group != "translation" or not (state.rough or (outcome.invariant and state.edge))
