"""Recipes that would train something else than they say: found without running them."""

from __future__ import annotations

from collections.abc import Iterator

from fanin.analyses.reach import NOTHING, Reach, Sources, gradient_path, leaves
from fanin.diagnostics.codes import SYS704, SYS705, SYS706, SYS707, SYS708, SYS709, SYS710, SYS711
from fanin.diagnostics.model import Diagnostic, Label
from fanin.diagnostics.suggest import nearest
from fanin.ir.graph import Apply, Graph, Node, Repeat, Value
from fanin.ir.recipe import System, Target
from fanin.lints.flow import Flow
from fanin.lints.structure import next_token, statistics_of_two_views


def check_recipe(system: System) -> Iterator[Diagnostic]:
    """Everything that can be said of a system's recipe before a step is run."""
    from fanin.lints.structure import loss_against_law, missing_entry

    yield from missing_entry.check_system(system)
    yield from loss_against_law.check_graph(system.graph)
    weights = frozenset(_all_weights(system))
    reach = Reach()
    found = reach.of(system.graph)
    reached: dict[str, Sources] = {
        m.name: frozenset(s for s in found.get(m.value.index, NOTHING) if isinstance(s, str)) for m in system.measures
    }
    lost = list(_lost_paths(system, weights))
    yield from (diagnostic for _, diagnostic in lost)
    moved = list(_trained_targets(system))
    yield from (diagnostic for _, diagnostic in moved)
    broken = {target for target, _ in (*lost, *moved)}
    yield from _two_optimisers(system, weights)
    yield from _unreached(system, weights, reached, broken)
    if not broken:
        yield from _untrained(system, weights, reached)
    yield from _wasted(system, found, reached)
    yield from _softmax_twice(system)
    yield from next_token.check(system.graph)
    yield from _empty_stages(system)
    yield from statistics_of_two_views.check(Flow(system.graph), frozenset(f.path for f in system.followers))


def _all_weights(system: System) -> Iterator[str]:
    graph = system.graph
    yield from (s.name for s in graph.states if s.kind == "param" and s.frozen is not True)
    for child in graph.children:
        yield from leaves(child.instance, child.path)


def covered(targets: tuple[Target, ...], weights: Sources) -> Sources:
    """The weights that some targets move. A target may also name one parameter of a leaf: ``fc.bias``."""
    return frozenset(w for w in weights if isinstance(w, str) and any(_touches(t, w) for t in targets))


def _touches(target: Target, weight: str) -> bool:
    parts, own = target.path.split("."), weight.split(".")
    return target.covers(weight) or (
        len(parts) == len(own) + 1 and all(a in ("*", b) for a, b in zip(parts, own, strict=False))
    )


# ------------------------------------------------------------------------------------------------------- rules


def _lost_paths(system: System, weights: Sources) -> Iterator[tuple[Target, Diagnostic]]:
    """Paths that name no weight that can be learned."""
    for line in system.every_line():
        for target in line.targets:
            follows = any(target.path.split(".")[0] == f.path for f in system.followers)
            if covered((target,), weights) or follows:
                continue
            known = sorted({".".join(str(w).split(".")[: target.path.count(".") + 1]) for w in weights})
            near = nearest(target.path, known)
            first = target.path.split(".")[0]
            below = [w for w in known if w.split(".")[0] == first]
            yield (
                target,
                Diagnostic(
                    SYS710,
                    f"`{target.span.text}` names no weight that can be trained",
                    target.span,
                    "nothing there",
                    helps=(f"did you mean `{near}`?",)
                    if near
                    else (f"there are: {', '.join(below or known)}",)
                    if known
                    else ("what is frozen, or has no weights, is not trained",),
                ),
            )


def _trained_targets(system: System) -> Iterator[tuple[Target, Diagnostic]]:
    """A module that follows another is moved by nothing else."""
    for line in system.every_line():
        for target in line.targets:
            for follower in system.followers:
                if target.path.split(".")[0] == follower.path.split(".")[0]:
                    headline = f"`{follower.path}` follows `{follower.of}`, and cannot be trained as well"
                    labels = (Label(follower.span, "follows another network"),)
                    helps = (f"train `{follower.of}`",)
                    yield target, Diagnostic(SYS708, headline, target.span, "trained here", labels, helps=helps)


def _two_optimisers(system: System, weights: Sources) -> Iterator[Diagnostic]:
    """Two optimisers of one stage, each with a state of its own, on the same weights."""
    stages = [s.trains for s in system.stages if s.trains] or [()]
    seen: set[tuple[int, int]] = set()
    for own in stages:
        lines = own or system.trains
        for i, line in enumerate(lines):
            for other in lines[:i]:
                both = covered(line.targets, weights) & covered(other.targets, weights)
                pair = (line.span.start, other.span.start)
                if both and line.optimiser != other.optimiser and pair not in seen:
                    seen.add(pair)
                    yield Diagnostic(
                        SYS707,
                        f"two optimisers move `{min(map(str, both))}`, each with a state of its own",
                        line.span,
                        "the second",
                        (Label(other.span, "the first"),),
                        helps=(f"bind one and name it in both lines: `opt = {line.rule.name}(…)`",),
                    )


def _unreached(
    system: System, weights: Sources, reached: dict[str, Sources], broken: set[Target]
) -> Iterator[Diagnostic]:
    """A loss that hangs on none of the weights that it is to move."""
    for line in system.every_line():
        if broken & set(line.targets):
            continue
        for target in line.targets:
            if covered((target,), weights) & reached.get(line.loss, NOTHING):
                continue
            measure = next(m for m in system.measures if m.name == line.loss)
            yield Diagnostic(
                SYS704,
                f"the loss `{line.loss}` has no gradient for `{target.span.text}`",
                target.span,
                "the loss does not reach these weights",
                (Label(measure.span, "the loss"),),
                notes=("a gradient flows through float numbers, and not through `stop_gradient`",),
            )


def _untrained(system: System, weights: Sources, reached: dict[str, Sources]) -> Iterator[Diagnostic]:
    """Weights that no line trains, or that no loss of theirs reaches."""
    lines = system.every_line()
    if not lines:
        return
    moved: set[object] = set()
    for line in lines:
        moved |= covered(line.targets, weights) & reached.get(line.loss, NOTHING)
    named: set[object] = set()
    for line in lines:
        named |= covered(line.targets, weights)
    followers = {f.path for f in system.followers}
    for child in system.graph.children:
        own = frozenset(leaves(child.instance, child.path))
        if not own or child.path in followers:
            continue
        whole = not own & named
        idle = sorted(map(str, own if whole else (own & named) - moved))
        if not idle or (not whole and not own & moved):  # the loss of such a line has been reported
            continue
        first = idle[0]
        yield Diagnostic(
            SYS705,
            f"nothing trains `{child.path}`" if whole else f"no loss reaches `{first}`" + _more(idle),
            child.span,
            "stays as it starts",
            helps=("say so with `frozen=true`, or train it",) if whole else ("what is not used can be left out",),
        )


def _more(names: list[str]) -> str:
    return f" and {len(names) - 1} more" if len(names) > 1 else ""


def _wasted(system: System, found: dict[int, Sources], reached: dict[str, Sources]) -> Iterator[Diagnostic]:
    """A gradient that goes into a network and on to no weight that the line trains: computed for nothing."""
    values = {m.name: m.value for m in system.measures}
    groups = [(line, group) for group in (system.trains, *(s.trains for s in system.stages)) for line in group]
    for line, group in groups:
        moved = covered(line.targets, reached.get(line.loss, NOTHING))
        if not moved:
            continue
        told: set[str] = set()
        for node in gradient_path(system.graph, values[line.loss]):
            network = _network(system.graph, node)
            if network is None or network in told or covered(line.targets, _own(system, network)):
                continue
            before = [found.get(o.index, NOTHING) for o in node.inputs if isinstance(o, Value)]
            if not any(covered(other.targets, _own(system, network)) for other in group):
                continue  # frozen while this line runs
            if not _own(system, network) or NOTHING.union(*before) & moved:
                continue
            told.add(network)
            yield Diagnostic(
                SYS706,
                f"the gradient of `{line.loss}` flows into `{network}`, and on to no weight that this line trains",
                line.span,
                f"does not train `{network}`",
                (Label(node.span, "computed here, with gradient"),),
                helps=(
                    f"write `stop_gradient({node.span.text})`" if "\n" not in node.span.text else "use `stop_gradient`",
                ),
            )


def _network(graph: Graph, node: Node) -> str | None:
    """The child of the system that a node runs."""
    module = getattr(node, "module", None)
    if module is None or module.borrowed:
        return None
    paths = [c.path for c in graph.children if module.path == c.path or module.path.startswith(f"{c.path}.")]
    return paths[0] if paths else None


def _own(system: System, network: str) -> Sources:
    return frozenset(w for c in system.graph.children if c.path == network for w in leaves(c.instance, c.path))


_SQUASHED = {"cross_entropy": ("softmax", "log_softmax"), "binary_cross_entropy_with_logits": ("sigmoid",)}
_NEUTRAL = frozenset(["reshape", "flatten", "squeeze", "unsqueeze", "transpose", "permute", "rearrange", "unflatten"])


def _softmax_twice(system: System) -> Iterator[Diagnostic]:
    """Probabilities given to a loss that takes logits."""
    told: set[int] = set()
    for node in system.graph.nodes:
        if not isinstance(node, Apply) or node.op.name not in _SQUASHED or not node.inputs:
            continue
        given = node.inputs[0]
        last = _last(system.graph, given) if isinstance(given, Value) else None
        if last is None or last[1].op.name.lower() not in _SQUASHED[node.op.name] or node.span.start in told:
            continue
        told.add(node.span.start)
        yield Diagnostic(
            SYS709,
            f"`{node.op.name}` takes logits, and these have been through `{last[1].op.name}`",
            node.span,
            "takes logits",
            (Label(last[1].span, "probabilities from here on"),),
            helps=(f"leave out the `{last[1].op.name}`",),
        )


def _last(graph: Graph, value: Value) -> tuple[Graph, Apply] | None:
    """The op that a value comes from, through calls and what leaves its numbers as they are."""
    for _ in range(100):
        node = next((n for n in graph.nodes if value in n.outputs), None)
        if isinstance(node, Apply):
            before = node.inputs[0] if node.inputs else None
            if node.op.name in _NEUTRAL and isinstance(before, Value):
                value = before
                continue
            return graph, node
        inner = getattr(node, "graph", None)
        if node is None or isinstance(node, Repeat) or not isinstance(inner, Graph):
            return None
        place = node.outputs.index(value)
        result = inner.results[place].value if place < len(inner.results) else None
        if not isinstance(result, Value):
            return None
        graph, value = inner, result
    return None


def _empty_stages(system: System) -> Iterator[Diagnostic]:
    """A stage without lines of its own takes the system's, which has to have some."""
    if system.trains:
        return
    for stage in system.stages:
        if not stage.trains:
            yield Diagnostic(
                SYS711,
                f"nothing is trained in the stage `{stage.name}`",
                stage.span,
                "no `train` here, and none in the system",
                helps=("write `train net on loss with adam(lr=1e-3)` in its braces",),
            )
