"""The functions of the language that the elaborator itself carries out: ``len``, ``zip``, ``map`` and their kin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fanin.diagnostics.codes import TYP401, TYP405, TYP407
from fanin.elaborate.body import Body
from fanin.elaborate.context import refuse
from fanin.elaborate.expressions import elements_of
from fanin.elaborate.values import Argument, BlockConstructor, OpConstructor, describe, is_tensor
from fanin.ir.dims import Poly, ceildiv, maximum, minimum
from fanin.source import Span

Carry = Callable[[Body, tuple[Argument, ...], Span], Any]


def call_builtin(body: Body, name: str, args: tuple[Argument, ...], span: Span) -> Any:
    if name in ("ema", "copy", "ramp"):
        from fanin.elaborate.systems import follow, ramp

        return ramp(body, args, span) if name == "ramp" else follow(body, name, args, span)
    if name == "weights":
        from fanin.elaborate.parameters import weights

        return weights(body, args, span)
    if name == "inverse":
        from fanin.elaborate.inverses import inverse

        return inverse(body, args, span)
    if name == "ensemble":
        from fanin.elaborate.ensembles import ensemble

        return ensemble(body, args, span)
    if name in ("checkpoint", "weight_norm", "spectral_norm"):
        from fanin.elaborate.wrappers import wrap

        return wrap(body, name, args, span)
    if name == "grad":
        from fanin.elaborate.gradients import grad

        return grad(body, args, span)
    if name in ("scan", "iterate"):
        from fanin.elaborate import recurrence

        return recurrence.scan(body, args, span) if name == "scan" else recurrence.iterate(body, args, span)
    function = _FUNCTIONS[name]
    named = next((a for a in args if a.name is not None), None)
    if named is not None:
        raise refuse(TYP405, f"`{name}` has no argument `{named.name}`", named.span, "not an argument of it")
    return function(body, args, span)


def _need(name: str, args: tuple[Argument, ...], count: int, span: Span, usage: str) -> None:
    if len(args) != count:
        raise refuse(
            TYP407,
            f"`{name}` takes {count} argument{'s' if count > 1 else ''}, not {len(args)}",
            span,
            helps=[f"write `{usage}`"],
        )


def _len(body: Body, args: tuple[Argument, ...], span: Span) -> Any:
    _need("len", args, 1, span, "len(xs)")
    if is_tensor(args[0].value):
        text = args[0].span.text
        raise refuse(
            TYP401,
            "a tensor has several sizes: `len` is for lists",
            span,
            describe(args[0].value),
            helps=[f"write `{text}.shape[0]`"],
        )
    if isinstance(args[0].value, str):
        return len(args[0].value)
    return len(elements_of(body, args[0].value, args[0].span))


def _reversed(body: Body, args: tuple[Argument, ...], span: Span) -> Any:
    _need("reversed", args, 1, span, "reversed(xs)")
    return list(reversed(elements_of(body, args[0].value, args[0].span)))


def _enumerate(body: Body, args: tuple[Argument, ...], span: Span) -> Any:
    _need("enumerate", args, 1, span, "enumerate(xs)")
    return list(enumerate(elements_of(body, args[0].value, args[0].span)))


def _zip(body: Body, args: tuple[Argument, ...], span: Span) -> Any:
    if not args:
        raise refuse(TYP407, "`zip` takes lists", span, "nothing to go through", helps=["write `zip(xs, ys)`"])
    lists = [elements_of(body, a.value, a.span) for a in args]
    lengths = {len(items) for items in lists}
    if len(lengths) > 1:
        shown = " and ".join(str(len(items)) for items in lists)
        raise refuse(TYP401, f"`zip` goes through lists of one length, and these have {shown}", span, "lengths differ")
    return list(zip(*lists, strict=True))


def _extremum(name: str, function: Callable[..., Any]) -> Carry:
    def carry(body: Body, args: tuple[Argument, ...], span: Span) -> Any:
        values = list(elements_of(body, args[0].value, args[0].span)) if len(args) == 1 else [a.value for a in args]
        if not values:
            raise refuse(TYP407, f"`{name}` needs numbers", span, "none here")
        for value, at in zip(
            values, [a.span for a in args] if len(args) == len(values) else [span] * len(values), strict=True
        ):
            if is_tensor(value):
                other = f"{name}imum" if name in ("max", "min") else name
                raise refuse(
                    TYP401,
                    f"`{name}` is for numbers: of tensors it is `a{name}` along an axis, `{other}` of two",
                    at,
                    describe(value),
                    helps=[f"write `a{name}(x, axis=…)` or `{other}(x, y)`"],
                )
            if isinstance(value, bool) or not isinstance(value, (int, float, Poly)):
                raise refuse(TYP401, f"`{name}` is for numbers, not {describe(value)}", at, describe(value))
        if any(isinstance(v, Poly) for v in values):
            return function(*values)
        return max(values) if name == "max" else min(values)

    return carry


def _ceildiv(body: Body, args: tuple[Argument, ...], span: Span) -> Any:
    _need("ceildiv", args, 2, span, "ceildiv(a, b)")
    a, b = (x.value for x in args)
    for x in args:
        if isinstance(x.value, bool) or not isinstance(x.value, (int, Poly)):
            raise refuse(TYP401, f"`ceildiv` is for whole numbers, not {describe(x.value)}", x.span, describe(x.value))
    if isinstance(b, int) and b <= 0:
        raise refuse(TYP401, f"`ceildiv` divides by a positive number, not {b}", args[1].span, "not positive")
    return ceildiv(a, b)


def _map(body: Body, args: tuple[Argument, ...], span: Span) -> Any:
    """One ``f`` over a list; a constructor makes an instance for each."""
    from fanin.elaborate.construction import construct
    from fanin.elaborate.pipes import apply_value

    _need("map", args, 2, span, "map(f, xs)")
    # In a pipe the list flows in first: `xs -> map(f)`.
    function, items = (
        (args[1], args[0])
        if isinstance(args[0].value, (list, tuple)) and not isinstance(args[1].value, (list, tuple))
        else (args[0], args[1])
    )
    results = []
    for item in elements_of(body, items.value, items.span):
        f = function.value
        if isinstance(f, (OpConstructor, BlockConstructor)):
            f = construct(body, f, (), function.span, function.span)
        results.append(apply_value(body, f, [item], function.span))
    return results


_FUNCTIONS: dict[str, Carry] = {
    "len": _len,
    "reversed": _reversed,
    "enumerate": _enumerate,
    "zip": _zip,
    "max": _extremum("max", maximum),
    "min": _extremum("min", minimum),
    "ceildiv": _ceildiv,
    "map": _map,
}
