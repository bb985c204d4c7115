"""``weights("net", "head.*.bias")``: the parameters below some paths of a system, for what is said of each of them."""

from __future__ import annotations

from collections.abc import Iterator

from fanin.diagnostics.codes import NAM201, NAM209, TYP401, TYP407
from fanin.diagnostics.suggest import nearest
from fanin.elaborate.body import Body
from fanin.elaborate.context import refuse
from fanin.elaborate.expressions import inner_instance
from fanin.elaborate.instances import cell_of, parts_of, uses_of
from fanin.elaborate.values import Argument, Instance, Parameter, Repetition, describe
from fanin.ir.paths import covers
from fanin.ir.types import DType, TensorType
from fanin.ops.contract import Op
from fanin.source import Span

_USAGE = 'weights("net", "head.*.bias")'


def weights(body: Body, args: tuple[Argument, ...], span: Span) -> list[Parameter]:
    """The parameters that some paths cover, in order, each once; in a path a ``*`` is one level.

    Those of one axis, biases and gains of norms, only where a path ends in their names.
    """
    if not args:
        raise refuse(TYP407, "`weights` takes paths", span, "no path", helps=[f"write `{_USAGE}`"])
    found: list[Parameter] = []
    for arg in args:
        if not isinstance(arg.value, str) or arg.name is not None:
            text = f"`weights` takes paths in quotes, not {describe(arg.value)}"
            raise refuse(TYP401, text, arg.span, describe(arg.value), helps=[f"write `{_USAGE}`"])
        covered = [p for p in _covered(body, arg.value, arg.span) if p not in found]
        found += covered
    return found


def _covered(body: Body, path: str, span: Span) -> list[Parameter]:
    first, *rest = path.split(".")
    value = body.scope.get(first, body.labels.get(first))
    if isinstance(value, Parameter) and not rest:
        return [value]
    if not isinstance(value, Instance):
        known = [n for n, v in {**body.labels, **body.scope}.items() if isinstance(v, (Instance, Parameter))]
        near = nearest(first, known)
        helps = [f"did you mean `{near}`?"] if near else [f"there are: {', '.join(known)}"] if known else []
        raise refuse(NAM201, f"there is no network `{first}`", span, "not known", helps=helps)
    everything = list(_below(body, value, ()))
    if not everything:
        raise refuse(
            NAM209,
            f"`{first}` has no weights yet: they can be read once something has flowed through it",
            span,
            "read too early, or without weights",
            helps=["use it first: the statement that sends something through it has to stand above"],
        )
    found = []
    for place, parameter in everything:
        if rest and not covers(".".join(rest), ".".join(place)):
            continue
        named = len(rest) == len(place) and bool(rest) and rest[-1] != "*"
        if named or parameter.type.rank > 1:
            found.append(parameter)
    if not found:
        known = sorted(
            {".".join([first, *place[:depth]]) for place, _ in everything for depth in (len(rest), len(place))}
        )
        near = nearest(path, known)
        helps = [f"did you mean `{near}`?"] if near else [f"there are: {', '.join(known[:8])}"]
        raise refuse(NAM209, f"`{path}` names no weight", span, "nothing there", helps=helps)
    return found


def _below(body: Body, instance: Instance, at: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Parameter]]:
    """The parameters of a module that can be learned, with their paths from it."""
    if isinstance(instance.target, Repetition):
        for index in range(instance.target.count):
            yield from _below(body, cell_of(instance, index), (*at, str(index)))
        return
    uses = uses_of(body.ctx, instance)
    if not uses:
        return
    if isinstance(instance.target, Op):
        if uses[0].frozen is True:
            return
        for weight in uses[0].weights:
            if weight.spec.kind == "param" and weight.tied is None:
                type_ = TensorType(weight.spec.dtype, weight.spec.shape)
                yield (*at, weight.spec.name), Parameter(instance, weight.spec.name, type_)
        return
    graph = uses[0].graph
    for state in graph.states if graph is not None else ():
        if state.kind == "param" and state.frozen is not True and state.type.dtype is DType.FLOAT:
            yield (*at, state.name), Parameter(instance, state.name, state.type)
    for key, part in parts_of(body.ctx, instance).items():
        yield from _below(body, inner_instance(instance, part, key), (*at, *key.split(".")))
