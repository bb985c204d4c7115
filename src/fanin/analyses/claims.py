"""What an ``expect`` can say of structure: ``causal(T)``, ``receptive_field(H) <= 224``, ``equivariant(…)``, ``depth``.

An axis is named by its letter (every axis of an input that has it), or by an input and ``axis=``. Where a promise does
not hold, the message names the op from which on it does not.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from fanin.analyses.dependence import Dependence, Seen, divided
from fanin.analyses.relations import field_of, is_causal
from fanin.analyses.symmetry import Action, Outcome, outcomes
from fanin.analyses.walk import Sizes
from fanin.diagnostics import Diagnostic, Label
from fanin.diagnostics.codes import EXP501, TYP401, TYP405
from fanin.diagnostics.suggest import nearest
from fanin.ir.dims import Dim, Poly, expand, maximum, symbols_of
from fanin.ir.graph import Apply, Call, Ensemble, Graph, Iterate, Node, Program, Promise, Query, Scan
from fanin.ir.places import Box
from fanin.ir.unknown import Unknown
from fanin.ops.sees import Use
from fanin.record import record

Answer: TypeAlias = "bool | Dim | Unknown | Diagnostic"


@record
class Axis:
    """An axis of an input, and the letter it goes by."""

    input: int
    axis: int
    size: Dim
    name: str


def axes_of(graph: Graph, promise: Promise, query: Query) -> list[Axis] | Unknown | Diagnostic:
    """The axes that a query names."""
    ports = [(port.name, port.value.type) for port in graph.ports if port.value is not None]
    names = [name for name, value in query.args if value is True and name not in ("training", "circular")]
    names += [value for name, value in query.args if not name and isinstance(value, str)]
    which = dict(query.args).get("axis")
    if len(names) != 1:
        headline = f"`{query.name}` is asked for one dimension, or an axis of an input"
        return Diagnostic(
            TYP401, headline, promise.span, "no axis", helps=(f"for example `{query.name}({_some(graph)})`",)
        )
    (name,) = names
    letters = dict(graph.letters)
    number = next((i for i, (port, _) in enumerate(ports) if port == name), None)
    if number is not None and isinstance(which, int):
        type_ = ports[number][1]
        if not -type_.rank <= which < type_.rank:
            headline = f"`{name}` has no axis {which}: it is {type_}"
            return Diagnostic(TYP401, headline, promise.span, "no such axis")
        return [Axis(number, which % type_.rank, type_.shape[which], f"axis {which} of `{name}`")]
    if number is not None and name not in letters:
        headline = f"`{name}` is an input of several axes"
        return Diagnostic(TYP401, headline, promise.span, "which axis?", helps=(f"`{query.name}({name}, axis=1)`",))
    if name not in letters:
        near = nearest(name, [*letters])
        helps = (f"did you mean `{near}`?",) if near else ()
        return Diagnostic(TYP405, f"`{graph.name}` has no dimension `{name}`", promise.span, "not one", helps=helps)
    size = expand(letters[name])
    found = [
        Axis(i, axis, size, f"`{name}`")
        for i, (_, t) in enumerate(ports)
        for axis, own in enumerate(t.shape)
        if expand(own) == size
    ]
    if not found:
        return Unknown(f"no input has an axis {name}")
    if isinstance(size, int) and len({a.input for a in found}) < len(found):
        return Unknown(f"{name} is {size} here, and so is another axis: name an input and `axis=`")
    return found


def _some(graph: Graph) -> str:
    return next((name for name, d in graph.letters if isinstance(d, Poly)), "x, axis=1")


def causal(program: Program, graph: Graph, promise: Promise, query: Query) -> Answer:
    """Whether no position of an output along the axis sees a later one of an input."""
    axes = axes_of(graph, promise, query)
    if not isinstance(axes, list):
        return axes
    seen = Seen(graph, _flag(query, "training"), _letters(program, graph))
    count = len(seen.dependences) // max(len(graph.results), 1)
    judged = False
    for place, d in enumerate(seen.dependences):
        for axis in axes:
            if axis.input != place % count or not d.boxes:
                continue
            along = {
                next(iter(span.terms))[1].axis if is_causal(span) else None
                for span in (box[axis.axis] for box in d.boxes)
            }
            if len(along) == 1 and None not in along:
                judged = True
                continue
            if not any(_goes_along(size, axis.size) for size in d.to.shape):
                continue
            return _ahead(promise, seen, d, place // count, axis)
    if judged or not any(d.boxes for d in seen.dependences):
        return True
    return Unknown(f"no output goes along {axes[0].name.strip('`')}")


def _goes_along(size: Dim, axis: Dim) -> bool:
    size = expand(size)
    return size == axis or bool(symbols_of(size) & symbols_of(axis))


def _letters(program: Program, graph: Graph) -> Sizes:
    """The letters of a model, split where a condition says what divides them."""
    return divided(program) if graph is program.graph else {}


def _ahead(promise: Promise, seen: Seen, d: Dependence, output: int, axis: Axis) -> Diagnostic | Unknown:
    def bad(box: Box) -> bool:
        return not is_causal(box[axis.axis])

    origin = seen.origin(output, axis.input, bad)
    node = None if origin is None else origin.node
    if node is not None and blunt(node):
        return Unknown(f"nothing is known of what `{_name(node)}` sees")
    labels = () if node is None else (Label(node.span, f"from here on, later places of {axis.name} are seen"),)
    text = f"`{d.output}` at a place of {axis.name} sees later places of `{d.input}`"
    return Diagnostic(EXP501, text, promise.span, "not causal", labels)


def receptive_field(program: Program, graph: Graph, promise: Promise, query: Query) -> Answer:
    """How many positions along the axis an output sees at most."""
    axes = axes_of(graph, promise, query)
    if not isinstance(axes, list):
        return axes
    seen = Seen(graph, _flag(query, "training"), _letters(program, graph))
    count = len(seen.dependences) // max(len(graph.results), 1)
    fields: list[Dim] = [
        expand(field_of(d, axis.axis))
        for place, d in enumerate(seen.dependences)
        for axis in axes
        if axis.input == place % count
    ]
    return maximum(*fields) if fields else 0


def blunt(node: Node) -> bool:
    """Whether nothing closer is known of a node than that it may see everything."""
    if not isinstance(node, Apply):
        return not isinstance(node, Scan | Iterate | Ensemble)
    types = tuple(None if o is None else o.type for o in node.inputs)
    said = node.op.sees(node.attrs, Use(types, tuple(v.type for v in node.outputs)))
    return any(sees.blunt for sees in (said if isinstance(said, tuple) else (said,)))


def _name(node: Node) -> str:
    if isinstance(node, Apply):
        return node.op.name
    return node.graph.name if isinstance(node, Call) else type(node).__name__.lower()


GROUPS = ("permutation", "translation", "flip", "rot90")


def equivariant(program: Program, graph: Graph, promise: Promise, query: Query) -> Answer:
    """Whether moving positions of the inputs moves those of every output, or leaves it as it is."""
    return _symmetric(program, graph, promise, query, invariant=False)


def invariant(program: Program, graph: Graph, promise: Promise, query: Query) -> Answer:
    """Whether moving positions of the inputs leaves every output as it is."""
    return _symmetric(program, graph, promise, query, invariant=True)


def _symmetric(program: Program, graph: Graph, promise: Promise, query: Query, invariant: bool) -> Answer:
    asked = [value for name, value in query.args if not name and isinstance(value, Query)]
    if len(asked) != 1:
        headline = f"`{query.name}` is asked for a group: {', '.join(GROUPS)}"
        some = f"`{query.name}(permutation({_some(graph)}))`"
        return Diagnostic(TYP401, headline, promise.span, "no group", helps=(f"for example {some}",))
    (group,) = asked
    action = action_of(graph, promise, group)
    if not isinstance(action, Action):
        return action
    step = next((value for name, value in group.args if name == "step"), 1)
    circular = _flag(group, "circular")
    for outcome in outcomes(graph, action, _flag(query, "training"), _letters(program, graph)):
        found = refusal(outcome, group.name, step, circular, invariant)
        if found is not None:
            text, label = found
            if outcome.state.broken is not None and outcome.state.broken.unknown:
                return Unknown(text)
            return Diagnostic(EXP501, text, promise.span, "not proven", label)
    return True


def action_of(graph: Graph, promise: Promise, group: Query) -> Action | Unknown | Diagnostic:
    """A group on the axes that it names; rot90 has two."""
    if group.name != "rot90":
        axes = axes_of(graph, promise, group)
        return Action(group.name, tuple((a.input, a.axis, 0) for a in axes)) if isinstance(axes, list) else axes
    names = [name for name, value in group.args if value is True]
    if len(names) != 2:
        headline = "`rot90` is asked for two dimensions, such as `rot90(H, W)`"
        return Diagnostic(TYP401, headline, promise.span, f"{len(names)} here")
    found: list[tuple[int, int, int]] = []
    for which, name in enumerate(names):
        axes = axes_of(graph, promise, Query(group.name, ((name, True),)))
        if not isinstance(axes, list):
            return axes
        found += [(a.input, a.axis, which) for a in axes]
    return Action(group.name, tuple(found))


def refusal(
    outcome: Outcome, group: str, step: int, circular: bool, invariant: bool
) -> tuple[str, tuple[Label, ...]] | None:
    """Why an output is not proven to have a symmetry; None where it is."""
    state = outcome.state
    if state.broken is not None:
        what = f"`{state.broken.op}`: {state.broken.why}" if state.broken.op else state.broken.why
        text = f"the {group} of `{outcome.output}` breaks at {what}"
        return text, (Label(state.broken.text, state.broken.why),)
    if invariant and state.carried:
        return f"`{outcome.output}` moves with its inputs, and is not left as it is", ()
    if group != "translation":
        return None
    if not isinstance(step, int) or step < 1 or step % state.step:
        return f"`{outcome.output}` follows only shifts by multiples of {state.step}: say `step={state.step}`", ()
    if circular and state.edge:
        return f"`{outcome.output}` sees the border: what leaves on one side does not come in on the other", ()
    if state.rough or (invariant and state.edge):
        return f"`{outcome.output}` takes in what lies at the border: it follows shifts only roughly", ()
    return None


def depth(program: Program, graph: Graph, promise: Promise, query: Query) -> Answer:
    """The longest chain of ops."""
    from fanin.analyses.depth import depth_of

    if query.args:
        return Diagnostic(TYP405, "`depth` takes no arguments", promise.span, "it is that of the whole block")
    return depth_of(graph)


def _flag(query: Query, name: str) -> bool:
    return any(key == name and value is True for key, value in query.args)


CLAIMS: dict[str, Any] = {
    "causal": causal,
    "equivariant": equivariant,
    "invariant": invariant,
    "receptive_field": receptive_field,
    "depth": depth,
}
