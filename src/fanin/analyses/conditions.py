"""The conditions of a model on its open dimensions, with sizes that meet and that break each; and example sizes."""

from __future__ import annotations

from fanin.analyses.sizes import Misfit, bind_shapes, broken_requirement
from fanin.ir.conditions import change, holds, symbols_in
from fanin.ir.dims import Symbol, expand, ordered, symbols_of
from fanin.ir.facts import AllOf, Condition, Facts, simplified
from fanin.ir.graph import Program, Query
from fanin.ir.requirements import Requirement
from fanin.record import record

Sizes = dict[Symbol, int]


@record
class Explained:
    """A condition in the letters of the model. ``met`` and ``broken`` are None where no such size was found."""

    requirement: Requirement
    condition: Condition
    met: Sizes | None
    broken: Sizes | None


def explained(program: Program) -> list[Explained]:
    """The conditions of a program. The sizes that break one meet the others, where such can be found."""
    found: list[Explained] = []
    for requirement in program.requirements:
        condition = simplified(change(requirement.condition, expand))
        others = Facts()
        for other in program.requirements:
            if other is not requirement and not other.training:
                others.assume(other.condition)
        broken = others.example(requirement.condition, False) or _smallest(condition)
        broken = broken or Facts().example(requirement.condition, False)
        met = program.facts.example(requirement.condition, True)
        found.append(Explained(requirement, condition, _said(met, condition), _said(broken, condition)))
    return found


def _smallest(condition: Condition) -> Sizes | None:
    """Size 1 of everything, where that breaks a condition: the search may not get there."""
    sizes = dict.fromkeys(ordered(symbols_in(condition)), 1)
    return None if holds(condition, sizes) else sizes


def _said(sizes: Sizes | None, condition: Condition) -> Sizes | None:
    """Of an example, the sizes that the condition speaks of."""
    spoken = symbols_in(condition)
    return None if sizes is None else {s: n for s, n in sizes.items() if s in spoken}


def open_dimensions(program: Program) -> list[Symbol]:
    """The letters that the inputs leave open, in order of first use."""
    found: dict[Symbol, None] = {}
    for port in program.inputs:
        assert port.value is not None
        for size in port.value.type.shape:
            found.update(dict.fromkeys(sorted(symbols_of(size), key=lambda s: s.name)))
    return list(found)


def example_sizes(program: Program) -> Sizes | None:
    """Sizes to show a number at: those of an ``expect flops(…)`` where there is one, otherwise small ones that do.

    A batch of 1, and 64 of everything else as far as the conditions allow. None where no such sizes were found.
    """
    for shapes in _expected(program):
        sizes = bind_shapes(program.graph, shapes)
        if not isinstance(sizes, Misfit) and broken_requirement(program, sizes) is None:
            return sizes
    opens = open_dimensions(program)
    batch = {port.value.type.shape[0] for port in program.inputs if port.value is not None and port.value.type.shape}
    tries = [{s: 1 if s * 1 in batch else n for s in opens} for n in (64, 256, 32, 16)]
    found = program.facts.example(AllOf(tuple(r.condition for r in program.conditions if not r.training)), True)
    tries += [{**tries[0], **(found or {})}, {**dict.fromkeys(opens, 1), **(found or {})}]
    return next((sizes for sizes in tries if broken_requirement(program, sizes) is None), None)


def _expected(program: Program) -> list[dict[str, list[int]]]:
    found: list[dict[str, list[int]]] = []
    for promise in program.graph.promises:
        for comparison in promise.comparisons:
            for side in comparison:
                if isinstance(side, Query) and side.name == "flops" and side.args:
                    found.append({name: value for name, value in side.args if isinstance(value, list)})
    return [shapes for shapes in found if shapes and all(name for name in shapes)]
