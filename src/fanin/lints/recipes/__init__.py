"""Recipes that would train something else than they say: found without running them. One file for each rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fanin.analyses.reading import reached
from fanin.diagnostics.model import Diagnostic
from fanin.ir.recipe import System
from fanin.lints.flow import Flow


def check_recipe(systems: Sequence[System]) -> Iterator[Diagnostic]:
    """Everything that can be said of a recipe before a step is run.

    ``systems`` is the system as it is in each of its stages, or once where it has none.
    """
    from fanin.lints.recipes import idle_lines, lengths, line_search

    seen: dict[int, System] = {id(system): system for system in systems}
    for system in seen.values():
        places = [i for i, other in enumerate(systems) if other is system] if system.stages else []
        yield from _check(system, tuple(places))
    first = systems[0]
    yield from idle_lines.check(first)
    yield from lengths.check(first)
    yield from line_search.check(first)


def _check(system: System, places: tuple[int, ...]) -> Iterator[Diagnostic]:
    """What hangs on the networks, as they are in the stages at these places."""
    from fanin.lints.recipes import (
        collapse,
        constant_terms,
        logits,
        lost_paths,
        matrices,
        trained_targets,
        two_optimisers,
        unreached,
        untrained,
        wasted,
    )
    from fanin.lints.recipes.recipe import Recipe
    from fanin.lints.structure import (
        loss_against_law,
        missing_entry,
        next_token,
        spectral_edges,
        statistics_of_two_views,
    )

    yield from missing_entry.check_system(system)
    yield from loss_against_law.check_graph(system.graph)
    yield from spectral_edges.check(system.graph, reached(system.graph))
    recipe = Recipe(system, places)
    lost = list(lost_paths.check(recipe))
    moved = list(trained_targets.check(recipe))
    broken = {target for target, _ in (*lost, *moved)}
    yield from (diagnostic for _, diagnostic in (*lost, *moved))
    yield from two_optimisers.check(recipe)
    yield from unreached.check(recipe, broken)
    if not broken:
        yield from untrained.check(recipe)
    yield from wasted.check(recipe)
    yield from matrices.check(recipe)
    yield from logits.check(system)
    yield from next_token.check(system.graph)
    yield from constant_terms.check(recipe)
    yield from collapse.check(recipe)
    yield from statistics_of_two_views.check(Flow(system.graph), frozenset(f.path for f in system.followers))
