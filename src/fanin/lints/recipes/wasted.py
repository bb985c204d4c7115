"""SYS706: a gradient that goes into a network and on to no weight that the line trains: kept track of for nothing."""

from __future__ import annotations

from collections.abc import Iterator

from fanin.analyses.effects import network_of
from fanin.analyses.reach import NOTHING, gradient_path
from fanin.diagnostics.codes import SYS706
from fanin.diagnostics.model import Diagnostic, Label
from fanin.ir.graph import Value
from fanin.lints.recipes.recipe import Recipe


def check(recipe: Recipe) -> Iterator[Diagnostic]:
    graph = recipe.system.graph
    seen: set[tuple[int, str]] = set()
    for line, group in ((line, lines) for lines in recipe.groups for line in lines):
        moved = recipe.covered(line.targets, recipe.reached.get(line.loss, NOTHING))
        if not moved:
            continue
        for node in gradient_path(graph, recipe.measures[line.loss].value):
            network = network_of(graph, node)
            if network is None or (line.span.start, network) in seen:
                continue
            own = recipe.own(network)
            if recipe.covered(line.targets, own):
                continue
            if not any(recipe.covered(other.targets, own) for other in group):
                continue  # frozen while this line runs
            before = [recipe.found.get(o.index, NOTHING) for o in node.inputs if isinstance(o, Value)]
            if not own or NOTHING.union(*before) & moved:
                continue
            seen.add((line.span.start, network))
            short = "\n" not in node.span.text
            yield Diagnostic(
                SYS706,
                f"the gradient of `{line.loss}` flows into `{network}`, and on to no weight that this line trains",
                line.span,
                f"does not train `{network}`",
                (Label(node.span, "computed here, with gradient"),),
                helps=(f"write `stop_gradient({node.span.text})`" if short else "use `stop_gradient`",),
            )
