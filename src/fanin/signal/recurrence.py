"""Parts of a network that meet the same weights again: recurrences, tied depth. Gone through with units that are drawn.

Taken as independent, the steps of a recurrence have gradients that are off by half and more: a gate is open for the
same entries at the next step, and one matrix brings the gradient back each time. Over such a part of the tape tensors
are ``Units``, and what was found there takes the place of what the rules had said step by step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fanin.ir.types import DType
from fanin.signal import grid
from fanin.signal.grid import Array
from fanin.signal.rules.base import Cannot, Rule, Weights
from fanin.signal.rules.linear import Contract
from fanin.signal.rules.recurrent import NOTE, Cell
from fanin.signal.state import Gradient, Signal, add_gradients, gradient, make
from fanin.signal.tape import Edge, Step
from fanin.signal.units import (
    Meeting,
    Placed,
    Process,
    Sent,
    Space,
    Units,
    constant,
    counts,
    heights,
    pairs_of,
    table_of,
)

if TYPE_CHECKING:
    from fanin.signal.analysis import Analysis

MOST = 512
"""Meetings with one layer, over points, that are followed."""


@dataclass(frozen=True)
class Turn:
    """A rule applied: names of what comes in and out, and which tensors its weights are (of a dense layer)."""

    rule: Rule
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]
    shapes: tuple[tuple[int, ...], ...]
    weights: Weights
    key: Any
    tensors: tuple[str, str]


class Part:
    """A part of the tape. ``forward`` puts its laws in their place; ``backward`` brings gradients in front of it."""

    def __init__(self, found: Analysis, start: int, stop: int) -> None:
        self.found, self.start, self.stop = found, start, stop
        self.steps = found.tape.steps[start:stop]
        self.space = Space()
        self.units: dict[Any, Units] = {}
        self.outside: dict[int, Edge] = {}  # what comes in
        self.inside: dict[int, Edge] = {}
        self.turns: list[Turn] = []
        self.same: dict[Any, list[int]] = {}  # what a cell gives under two names

    def forward(self) -> None:
        """Raises Cannot, and has changed nothing then."""
        for step in self.steps:
            if all(e.type.dtype is not DType.FLOAT for e in step.outputs):
                continue
            for edge in step.inputs:
                if edge is not None and id(edge) not in self.units:
                    self.units[id(edge)] = self.enter(edge)
            for turn in self.turns_of(step):
                xs = [self.units[name] for name in turn.inputs]
                with np.errstate(all="ignore"):
                    ys = turn.rule.drawn(xs, turn.weights, turn.shapes, Meeting(self.space, turn.key))
                if any(len(process.K) > MOST for process in self.space.processes.values()):
                    raise Cannot("its weights are met too often")
                if not all(np.all(np.isfinite(v)) for y in ys for _, v in y.pieces):
                    raise Cannot("its numbers grow without bounds")
                self.units |= dict(zip(turn.outputs, ys, strict=True))
                self.turns.append(turn)
            for edge in step.outputs:
                self.inside[id(edge)] = edge
        self.put_back()

    def turns_of(self, step: Step) -> list[Turn]:
        from fanin.signal.analysis import weights_of

        rule = self.found.rules.get(id(step))
        if rule is None:
            raise Cannot("nothing is known of a step")
        w = weights_of(step, self.found.chosen)
        names = tuple(None if e is None else id(e) for e in step.inputs)
        shapes = tuple(_sizes(e) for e in step.outputs)
        if not isinstance(rule, Cell):
            tensors = tuple(step.weights[n].key if n in step.weights else "" for n in ("weight", "bias"))
            names = tuple(n for n in names if n is not None)
            own = [e.state.key for e in step.inputs[1:] if e is not None and e.state is not None]
            if isinstance(rule, Contract) and own:
                tensors = (own[0], "")
            return [Turn(rule, names, tuple(map(id, step.outputs)), shapes, w, tensors[0], tensors)]  # type: ignore[arg-type]
        found = []
        known = dict(zip(("x", "h", "c"), names, strict=False))
        for inner, inputs, output, weights in rule.trace.steps:
            ending = "ih" if output.endswith("_x") else "hh"
            tensors = tuple(step.weights[n].key if n in step.weights else "" for n in
                            (f"weight_{ending}", f"bias_{ending}"))  # fmt: skip
            ins = tuple(known.get(i, (id(step), i)) for i in inputs)
            size = rule.trace.values[output].shape
            key = (tensors[0], output)
            found.append(Turn(inner, ins, ((id(step), output),), (size,), weights, key, tensors))  # type: ignore[arg-type]
        from fanin.signal.rules.shape import Same

        for edge, name in zip(step.outputs, ("y", "y", "cell"), strict=False):
            self.same.setdefault((id(step), name), []).append(id(edge))
            found.append(Turn(Same(), ((id(step), name),), (id(edge),), (_sizes(edge),), w, None, ("", "")))
        return found

    def enter(self, edge: Edge) -> Units:
        """The units of a tensor from outside: drawn jointly for all of its points."""
        from fanin.signal.analysis import known

        signal = known(self.found, edge)
        if not isinstance(signal, Signal):
            raise Cannot("nothing is known of what comes in")
        self.outside[id(edge)] = edge
        if signal.is_constant:
            return constant(signal.shape, float(signal.psi[0]))
        if not signal.shape or signal.parts:
            raise Cannot("a number that is drawn, or pieces that differ, come in")
        resolved = {s.attrs[0] % len(signal.shape) for s in self.steps if s.op == "slice" and s.inputs[0] is edge}
        points = tuple(n if i in resolved else min(n, 2) for i, n in enumerate(signal.shape[:-1]))
        z = _joint(self.space, pairs_of(signal.R, points)).reshape(*points, -1)
        values = np.interp(z, grid.Z, signal.psi)
        for axis, side in enumerate(signal.profile[:-1]):
            if side is not None and len(side) == points[axis]:
                values = values * side.reshape(-1, *(1,) * (len(points) - axis))
        return Units(signal.shape, ((signal.shape[-1], values),))

    def put_back(self) -> None:
        read = {id(e) for s in self.found.tape.steps[self.stop :] for e in s.inputs if e is not None}
        read |= {id(e) for e in self.found.tape.outputs.values()}
        signals = self.found.signals
        notes = tuple(dict.fromkeys(n for name in self.outside if isinstance(x := signals.get(name), Signal)
                                    for n in x.approx))  # fmt: skip
        for name in self.inside:
            old, u = signals.get(name), self.units.get(name)
            if isinstance(old, Signal) and u is not None:
                signals[name] = _law(u, old, name in read).changed(approx=notes)

    def backward(self, parts: dict[int, list[Gradient]]) -> None:
        """Raises Cannot, and has changed nothing then."""
        self.space.uses.clear()
        sums: dict[Any, list[Units]] = {}
        sent: dict[Any, list[Sent]] = {}
        tables: dict[Any, list[Gradient]] = {}
        grads: dict[int, Gradient] = {}
        for turn in reversed(self.turns):
            gs = []
            for name in turn.outputs:
                g = self.gathered(name, sums, sent, parts.get(name, ()))
                if g is not None:
                    for edge in self.same.get(name, [name] if name in self.inside else []):
                        grads[edge] = gradient(table_of(g), profile=heights(g))
                gs.append(g)
            if all(g is None for g in gs):
                continue
            xs, ys = [self.units[n] for n in turn.inputs], [self.units[n] for n in turn.outputs]
            back = turn.rule.drawn_back(xs, ys, gs, turn.weights, Meeting(self.space, turn.key))
            for name, part in zip(turn.inputs, back, strict=False):
                if isinstance(part, Units):
                    sums.setdefault(name, []).append(part)
                elif isinstance(part, Sent):
                    sent.setdefault(name, []).append(part)
                elif part is not None and name in self.outside:
                    tables.setdefault(name, []).append(part)
                elif part is not None:
                    raise Cannot("a gradient is folded within the part")
        for name, edge in self.outside.items():
            g = self.gathered(name, sums, sent, ()) if edge.number is None else None
            if g is not None:
                tables.setdefault(name, []).append(gradient(table_of(g), profile=heights(g)))
        for name, known in tables.items():
            parts.setdefault(name, []).extend(known)
        self.found.gradients |= grads
        self.weight_norms()

    def gathered(
        self, name: Any, sums: dict[Any, list[Units]], sent: dict[Any, list[Sent]], outer: Sequence[Gradient]
    ) -> Units | None:
        """The gradient at a tensor: what came back as numbers, through weights, and from outside."""
        x = self.units[name]
        parts = sums.pop(name, [])
        found = [g for g in parts if not isinstance(g, Placed)]
        at_places = [g for g in parts if isinstance(g, Placed)]
        if at_places:
            total = [np.zeros_like(v) for _, v in x.pieces]
            for g in at_places:
                g.add_to(total)
            found.append(x.like(total))
        through = sorted(sent.pop(name, ()), key=lambda s: str(s.key))
        if through:
            pieces = [piece for s in through for piece in s.pieces]
            process = self.space.process(("back", *(s.key for s in through), len(pieces)))
            rows = process.meet(pieces)
            widths = [width for width, _ in x.pieces]
            values = [process.values(rows, i).reshape(*x.points, -1) for i in range(len(widths))]
            found.append(Units(x.shape, tuple(zip(widths, values, strict=True))))
        signal = self.found.signals.get(name)
        if outer and isinstance(signal, Signal):
            found.append(self.arrived(x, signal, add_gradients(signal, outer)))
        if not found:
            return None
        if any(len(g.pieces) != len(found[0].pieces) for g in found):
            raise Cannot("gradients come back in different pieces")
        return x.like([sum(vs[1:], vs[0]) for vs in zip(*([v for _, v in g.pieces] for g in found), strict=True)])

    def arrived(self, x: Units, signal: Signal, g: Gradient) -> Units:
        """A gradient from outside, as numbers: its envelope is that of the unit's own latent."""
        if len(g.profile) == len(signal.shape):
            sides = g.profile[:-1]
        else:
            sides = (None,) * len(x.points)
        eps = pairs_of(g.G, x.points)
        if np.ptp(g.h) > 0:
            eps = eps / np.maximum(grid.pair(g.h, pairs_of(signal.R, x.points)), 1e-12)
        out = []
        rise = np.maximum.accumulate(signal.psi)
        for _, v in x.pieces:
            values = _joint(self.space, eps).reshape(*x.points, -1)
            if np.ptp(g.h) > 0:
                values = values * np.interp(np.interp(v, rise, grid.Z), grid.Z, g.h)
            for axis, side in enumerate(sides):
                if side is not None and len(side) == x.points[axis]:
                    values = values * side.reshape(-1, *(1,) * (len(x.points) - axis))
            out.append(values)
        return x.like(out)

    def weight_norms(self) -> None:
        """Over pairs of meetings: what comes in times what comes back."""
        tensors = {turn.key: turn.tensors for turn in self.turns}
        for key, uses in self.space.uses.items():
            n = counts_of([x for x, _ in uses])
            K = sum(
                width * _moments([x.flat()[i][1] for x, _ in uses]) for i, (width, _) in enumerate(uses[0][0].pieces)
            )
            Q = sum(
                width * _moments([g.flat()[i][1] for _, g in uses]) for i, (width, _) in enumerate(uses[0][1].pieces)
            )
            norms = self.found.weight_norms
            for name, value in zip(tensors[key], (np.sum(n * K * Q), np.sum(n * Q)), strict=True):
                if name:
                    norms[name] = norms.get(name, 0.0) + float(value)


def _moments(rows: list[Array]) -> Array:
    values = np.concatenate(rows)
    return np.asarray(values @ values.T / values.shape[-1])


def counts_of(uses: Sequence[Units]) -> Array:
    """For how many pairs of places each pair of points stands, over uses of one layer on tensors of one shape."""
    one = counts(uses[0].shape[:-1], uses[0].points)
    return np.asarray(np.tile(one, (len(uses), len(uses))))


def _sizes(edge: Edge) -> tuple[int, ...]:
    return tuple(n for n in edge.type.shape if isinstance(n, int))


def _joint(space: Space, K: Array) -> Array:
    """Normal numbers with these covariances."""
    values, vectors = np.linalg.eigh(K)
    process = Process(space, moves=[(np.zeros((len(K), 0)), vectors * np.sqrt(np.maximum(values, 0.0)))])
    return process.values(slice(0, len(K)))


def _law(u: Units, old: Signal, read: bool) -> Signal:
    """A tensor's law from its units. The shape of one entry's law is worked out where somebody outside reads it."""
    M = table_of(u)
    total = sum(width for width, _ in u.pieces)
    mean = float(sum(width / total * v.mean() for width, v in u.pieces))
    q = float(M[(1,) * M.ndim])
    if not read and not old.is_constant:
        v = old.variance
        psi = mean + (old.psi - old.mean) * np.sqrt(max(q - mean**2, 0.0) / v)
        return old.changed(M=M, psi=psi, profile=tuple(heights(u)))
    if u.process is not None or q - mean**2 <= 1e-14 * q:
        return make(u.shape, M, bases=old.bases, noise=old.noise, profile=heights(u), mean=mean)
    psi = grid.sorted_quantiles(
        np.concatenate([v.ravel() for _, v in u.pieces]),
        np.concatenate([np.full(v.size, width / total / v.size) for width, v in u.pieces]),
    )
    psi = mean + (psi - grid.mean(psi)) * np.sqrt((q - mean**2) / (grid.square(psi) - grid.mean(psi) ** 2))
    return make(u.shape, M, psi, bases=old.bases, noise=old.noise, profile=heights(u))


def parts_of(found: Analysis) -> list[tuple[int, int]]:
    """Where weights are met again: recurrences, and dense layers from their first use to their last."""
    uses: dict[str, list[int]] = {}
    for i, step in enumerate(found.tape.steps):
        for name, tensor in step.weights.items():
            if name.startswith("weight") and tensor.kind == "param":
                uses.setdefault(tensor.key, []).append(i)
    spans = sorted([*found.tape.turns, *((min(at), max(at) + 1) for at in uses.values() if len(at) > 1)])
    merged: list[tuple[int, int]] = []
    for start, stop in spans:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    drawable = [(start, _extended(found, stop)) for start, stop in merged if can_be_drawn(found, start, stop)]
    joined: list[tuple[int, int]] = []
    for start, stop in drawable:
        if joined and (start < joined[-1][1] or can_be_drawn(found, joined[-1][1], start)):
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((start, stop))
    return joined


def _extended(found: Analysis, stop: int) -> int:
    """Sums and functions of what meets weights again go with it: they hang together as it does."""
    steps = found.tape.steps
    while stop < len(steps) and not steps[stop].weights and can_be_drawn(found, stop, stop + 1):
        stop += 1
    return stop


def can_be_drawn(found: Analysis, start: int, stop: int) -> bool:
    for step in found.tape.steps[start:stop]:
        rule = found.rules.get(id(step))
        if all(e.type.dtype is not DType.FLOAT for e in step.outputs):
            continue
        if rule is None or (type(rule).drawn is Rule.drawn and not isinstance(rule, Cell)):
            return False
    return True


def settled(found: Analysis, laps: Sequence[int]) -> bool:
    """Whether the steps of a recurrence so far can be followed, and the last two are one like the other."""
    names = [[s.name for s in found.tape.steps[a:b]] for a, b in zip(laps[-3:-1], laps[-2:], strict=True)]
    return names[0] == names[1] and can_be_drawn(found, laps[0], laps[-1])


def follow(found: Analysis) -> dict[int, Part]:
    """Go through what meets its weights again; the parts by where they stop."""
    from fanin.signal.analysis import step_forward

    done: dict[int, Part] = {}
    spans = parts_of(found)
    loose = [a for a, b in found.tape.turns if not any(start <= a and b <= stop for start, stop in spans)]
    for step in found.tape.steps[min(loose) :] if loose else ():
        step_forward(found, step)
    for start, stop in spans:
        part = Part(found, start, stop)
        try:
            part.forward()
        except Cannot:
            for step in found.tape.steps[start:]:
                step_forward(found, step)
            continue
        done[stop] = part
        for step in found.tape.steps[stop:]:
            step_forward(found, step)
    for start, stop in found.tape.turns:
        if not any(p.start <= start and stop <= p.stop for p in done.values()):
            _note(found, start, stop)
    return done


def _note(found: Analysis, start: int, stop: int) -> None:
    for step in found.tape.steps[start:stop]:
        for edge in step.outputs:
            signal = found.signals.get(id(edge))
            if isinstance(signal, Signal) and NOTE not in signal.approx:
                found.signals[id(edge)] = replace(signal, approx=(*signal.approx, NOTE))
