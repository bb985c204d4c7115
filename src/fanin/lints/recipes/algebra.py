"""What of a loss remains when all that cancels is taken away: sums of products, up to logarithms and exponentials.

A value is a sum of products of powers of atoms. An atom is what is not looked into: what a network gives, or an op of
which nothing is known here, with the axes along which it varies (counted from the right, as broadcasting does). One is
live where a gradient goes on from it to a weight. A sum along an axis lets out what does not vary along it, so the
logarithm of a share of itself, as an NT-Xent whose denominator has the positive pair alone, has no live atom left.
Where anything is unclear the answer is an atom, which cancels with nothing but itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from fanin.ir.dims import render
from fanin.ir.graph import Apply, Call, Graph, Node, Operand, Scalar, Value
from fanin.record import record

_MOST = 24  # terms of a sum that are kept apart


@record
class Atom:
    key: Any
    live: bool
    places: tuple[int, ...]  # where its axes are, counted from the right: -1 is the last


Product: TypeAlias = "frozenset[tuple[Atom, float]]"
Terms: TypeAlias = "frozenset[tuple[Product, float]]"
ONE: Product = frozenset()


def is_live(terms: Terms) -> bool:
    """Whether a gradient goes through what remains."""
    return any(atom.live for product, _ in terms for atom, _ in product)


class Algebra:
    """The terms of the values of a graph. ``live`` says of a value of it whether a gradient reaches a weight."""

    def __init__(self, graph: Graph, live: Callable[[Value], bool]) -> None:
        self._live = live
        self._env: dict[int, Terms] = {}
        for port in graph.ports:
            if port.value is not None:
                self._env[port.value.index] = _atom(("input", port.name), False, port.value)
        self._graph(graph, self._env, live)

    def of(self, value: Value) -> Terms:
        return self._env[value.index]

    def _graph(self, graph: Graph, env: dict[int, Terms], live: Callable[[Value], bool] | None) -> None:
        for node in graph.nodes:
            inputs = [_operand(o, env) for o in node.inputs]
            if isinstance(node, Call) and node.module is None and not node.lent:
                for value, terms in zip(node.outputs, self._called(node, inputs), strict=False):
                    env[value.index] = terms
                continue
            known = _known(node, inputs) if isinstance(node, Apply) and node.module is None else None
            if known is not None and len(node.outputs) == 1:
                env[node.outputs[0].index] = known
                continue
            for place, value in enumerate(node.outputs):
                flows = live(value) if live is not None else _through(node, inputs)
                env[value.index] = _atom((_key(node, inputs), place), flows, value)

    def _called(self, node: Call, inputs: list[Terms]) -> list[Terms]:
        inner: dict[int, Terms] = {}
        ports = [p.value for p in node.graph.ports if p.value is not None]
        inner.update((v.index, terms) for v, terms in zip(ports, inputs, strict=False))
        self._graph(node.graph, inner, None)
        return [_operand(r.value, inner) for r in node.graph.results]


def _operand(operand: Operand | None, env: Mapping[int, Terms]) -> Terms:
    if isinstance(operand, Value):
        known = env.get(operand.index)
        return _atom(object(), True, operand) if known is None else known
    if isinstance(operand, Scalar):
        value = operand.value
        if isinstance(value, int | float):
            return _number(float(value))
        return frozenset([(frozenset([(Atom(("size", render(value)), False, ()), 1.0)]), 1.0)])
    return frozenset()


def _number(value: float) -> Terms:
    if not math.isfinite(value):
        return frozenset([(frozenset([(Atom(("number", repr(value)), False, ()), 1.0)]), 1.0)])
    return frozenset([(ONE, value)]) if value else frozenset()


def _atom(key: Any, live: bool, value: Value) -> Terms:
    rank = value.type.rank
    places = tuple(i - rank for i, size in enumerate(value.type.shape) if size != 1)
    return frozenset([(frozenset([(Atom(key, live, places), 1.0)]), 1.0)])


def _key(node: Node, inputs: list[Terms]) -> Any:
    """The same for what gives the same numbers: an op on the same inputs, if it draws none."""
    if isinstance(node, Apply) and node.module is None and node.op.keeps:
        return node.op.name, repr(node.attrs), tuple(inputs)
    return object()


def _through(node: Node, inputs: list[Terms]) -> bool:
    differentiable = not isinstance(node, Apply) or node.op.differentiable
    return differentiable and any(is_live(terms) for terms in inputs)


# ------------------------------------------------------------------------------------------------ sums, products


def _sum(parts: Iterable[tuple[Terms, float]]) -> Terms:
    found: dict[Product, float] = {}
    for terms, factor in parts:
        for product, count in terms:
            found[product] = found.get(product, 0.0) + factor * count
    return _packed(frozenset((p, c) for p, c in found.items() if abs(c) > 1e-12))


def _packed(terms: Terms) -> Terms:
    """Too long a sum becomes one atom."""
    return terms if len(terms) <= _MOST else _whole("sum", terms, 1.0)


def _times(one: Terms, other: Terms) -> Terms:
    if len(one) * len(other) > _MOST:
        one, other = _whole("sum", one, 1.0), _whole("sum", other, 1.0)
    return _sum((frozenset([(_merged(a, b), c * d)]), 1.0) for a, c in one for b, d in other)


def _merged(one: Product, other: Product) -> Product:
    found = dict(one)
    for atom, power in other:
        found[atom] = found.get(atom, 0.0) + power
    return frozenset((a, p) for a, p in found.items() if p)


def _whole(name: str, terms: Terms, power: float) -> Terms:
    """A sum as one atom, to a power."""
    canonical, places = _canonical(terms)
    return frozenset([(frozenset([(Atom((name, canonical), is_live(terms), places), power)]), 1.0)])


def _power(terms: Terms, power: float) -> Terms:
    """What all terms have in common is taken out; the rest is one atom."""
    if not terms:
        return _whole("sum", terms, power)
    common = frozenset.intersection(*(product for product, _ in terms))
    if power != int(power):  # the root of a square is not what was squared; that of an exponential is
        common = frozenset((a, p) for a, p in common if isinstance(a.key, tuple) and a.key[0] == "exp")
    rest = frozenset((product - common, count) for product, count in terms)
    out: Terms = frozenset([(frozenset((a, p * power) for a, p in common), 1.0)])
    if len(rest) == 1:
        ((product, count),) = rest
        if not product and count > 0:
            return _times(out, _number(count**power))
    if power == int(power) and power > 0 and len(rest) <= 4:
        for _ in range(int(power)):
            out = _times(out, rest)
        return out
    return _times(out, _whole("sum", rest, power))


def _canonical(terms: Terms) -> tuple[Terms, tuple[int, ...]]:
    """Terms with their axes numbered anew, and where these are."""
    places = tuple(sorted({p for product, _ in terms for atom, _ in product for p in atom.places}))
    return _moved(terms, {p: i for i, p in enumerate(places)}), places


def _moved(terms: Terms, places: Mapping[int, int]) -> Terms:
    return frozenset(
        (
            frozenset((Atom(a.key, a.live, tuple(places[p] for p in a.places)), power) for a, power in product),
            count,
        )
        for product, count in terms
    )


def _exp(terms: Terms) -> Terms:
    powers: dict[Atom, float] = {}
    for product, count in terms:
        canonical, places = _canonical(frozenset([(product, 1.0)]))
        powers[Atom(("exp", canonical), is_live(canonical), places)] = count
    return frozenset([(frozenset(powers.items()), 1.0)])


def _log(terms: Terms) -> Terms:
    if not terms:
        return _whole("log", terms, 1.0)
    common = frozenset.intersection(*(product for product, _ in terms))
    parts: list[tuple[Terms, float]] = []
    for atom, power in common:
        if isinstance(atom.key, tuple) and atom.key[0] == "exp":
            parts.append((_moved(atom.key[1], dict(enumerate(atom.places))), power))
        else:
            parts.append((_whole("log", frozenset([(frozenset([(atom, 1.0)]), 1.0)]), 1.0), power))
    rest = frozenset((product - common, count) for product, count in terms)
    if rest != _number(1.0):
        parts.append((_whole("log", rest, 1.0), 1.0))
    return _sum(parts)


# ---------------------------------------------------------------------------------------------------------- axes


def _added(terms: Terms, value: Value, axes: Iterable[int], keepdim: bool, mean: bool) -> Terms:
    """The sum, or mean, along some axes, given as they count in ``value``."""
    rank = value.type.rank
    for axis in sorted(axes):  # the leftmost first: those to its right stay where they are
        place, size = axis - rank, value.type.shape[axis]
        count = Scalar(size)
        parts: list[tuple[Terms, float]] = []
        for product, factor in terms:
            varying = frozenset((a, p) for a, p in product if place in a.places)
            still: Terms = frozenset([(product - varying, factor)])
            if varying:
                canonical, places = _canonical(frozenset([(varying, 1.0)]))
                inner = Atom(
                    ("mean" if mean else "total", canonical, places.index(place)),
                    is_live(canonical),
                    tuple(p for p in places if p != place),
                )
                still = _times(still, frozenset([(frozenset([(inner, 1.0)]), 1.0)]))
            elif not mean:
                still = _times(still, _operand(count, {}))
            parts.append((still, 1.0))
        terms = _sum(parts)
        if not keepdim:
            terms = _without(terms, place)
    return terms


def _without(terms: Terms, place: int) -> Terms:
    """An axis along which nothing varies is taken out."""
    return _shifted(terms, lambda p: p + 1 if p < place else p)


def _shifted(terms: Terms, to: Callable[[int], int]) -> Terms:
    return _moved(terms, {p: to(p) for product, _ in terms for a, _ in product for p in a.places})


def _constant_along(terms: Terms, place: int) -> bool:
    return not any(a.live and place in a.places for product, _ in terms for a, _ in product)


# ----------------------------------------------------------------------------------------------------------- ops


def _known(node: Apply, inputs: list[Terms]) -> Terms | None:
    """The terms of what an op gives; None where nothing is known of it."""
    name, value = node.op.name, node.inputs[0] if node.inputs else None
    match name:
        case "add":
            return _sum((t, 1.0) for t in inputs)
        case "sub":
            return _sum([(inputs[0], 1.0), (inputs[1], -1.0)])
        case "neg":
            return _sum([(inputs[0], -1.0)])
        case "mul":
            return _times(*inputs)
        case "div":
            return _times(inputs[0], _power(inputs[1], -1.0))
        case "exp":
            return _exp(inputs[0])
        case "log":
            return _log(inputs[0])
        case "square":
            return _power(inputs[0], 2.0)
        case "pow" if isinstance(node.inputs[1], Scalar) and isinstance(node.inputs[1].value, int | float):
            return _power(inputs[0], float(node.inputs[1].value)) if node.inputs[1].value else _number(1.0)
        case "identity":
            return inputs[0]
        case "masked_fill" if isinstance(node.inputs[2], Scalar) and node.inputs[2].value == -math.inf:
            mask = _atom(("mask", tuple(inputs[1:])), False, node.outputs[0])
            return _sum([(inputs[0], 1.0), (mask, 1.0)])
    if isinstance(value, Value):
        return _along(node, value, inputs)
    return None


def _along(node: Apply, value: Value, inputs: list[Terms]) -> Terms | None:
    """The same, for ops that have an axis or move axes."""
    name, terms, rank = node.op.name, inputs[0], value.type.rank
    axis = getattr(node.attrs, "axis", None)
    axes = range(rank) if axis is None else [a % rank for a in (axis if isinstance(axis, tuple) else (axis,))]
    keepdim = bool(getattr(node.attrs, "keepdim", False))
    match name:
        case "sum" | "mean":
            return _added(terms, value, axes, keepdim, name == "mean")
        case "softmax" | "log_softmax" if isinstance(axis, int) and _constant_along(terms, axis % rank - rank):
            return _atom((name, axis, rank, _dead(terms)), False, node.outputs[0])
        case "logsumexp" if isinstance(axis, int):
            place = axis % rank - rank
            still = frozenset((p, c) for p, c in terms if not any(place in a.places for a, _ in p))
            rest = _whole("logsumexp", terms - still, 1.0)
            if is_live(rest):
                return None
            outer = still if keepdim else _without(still, place)
            return _sum([(outer, 1.0), (_atom(("logsumexp", axis, rest), False, node.outputs[0]), 1.0)])
        case "cross_entropy" if _constant_along(terms, -rank + (1 if rank > 1 else 0)):
            return _atom((name, repr(node.attrs), _dead(terms), tuple(inputs[1:])), False, node.outputs[0])
        case "broadcast_to" | "expand":
            return terms
        case "squeeze" if isinstance(axis, int):
            return _without(terms, axis % rank - rank)
        case "unsqueeze" if isinstance(axis, int):
            place = axis % (rank + 1) - (rank + 1)
            return _shifted(terms, lambda p: p - 1 if p <= place else p)
        case "index":
            return _new_axes(node, terms, rank)
    return None


def _dead(terms: Terms) -> Terms:
    return frozenset((p, c) for p, c in terms if not any(a.live for a, _ in p))


def _new_axes(node: Apply, terms: Terms, rank: int) -> Terms | None:
    """``x[:, none]``; None where an index takes a part."""
    items = node.attrs.items  # type: ignore[attr-defined]
    kinds = [type(item).__name__ for item in items]
    if any(k not in ("Range", "NewAxis") for k in kinds):
        return None
    if any(k == "Range" and (i.start, i.stop, i.step) != (None, None, None) for i, k in zip(items, kinds, strict=True)):
        return None
    out = [k == "NewAxis" for k in kinds] + [False] * (rank - kinds.count("Range"))
    places = [i - len(out) for i, new in enumerate(out) if not new]
    return _moved(terms, {i - rank: place for i, place in enumerate(places)})
