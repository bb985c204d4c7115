"""How activations and gradients of a network behave when its weights are drawn: forwards, then back.

Nothing is drawn and no weight exists: laws of tensors go through the ops one by one. What an op does to them is said by
the op, ``Op.signal``.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from fanin.ir.dims import Symbol
from fanin.ir.graph import Program
from fanin.ir.laws import DEFAULT
from fanin.ir.types import DType
from fanin.ir.unknown import Unknown
from fanin.ops.contract import Axis, ParamSpec
from fanin.signal import table
from fanin.signal.choices import places_named
from fanin.signal.laws import moments
from fanin.signal.resolved import AVERAGED
from fanin.signal.rules.base import Cannot, Rule, Weights
from fanin.signal.state import Gradient, Signal, add_gradients, gradient, make, new_root, number
from fanin.signal.table import AGREE
from fanin.signal.tape import Edge, Step, Tape, Tensor, record

if TYPE_CHECKING:
    from fanin.signal.recurrence import Part

SETTLED = 3
"""Steps of a recurrence behind which the next ones are taken to be alike, before they are followed."""

Known: TypeAlias = "Signal | Unknown | None"


@dataclass(frozen=True)
class Input:
    """The law of an input: its mean and variance, and how alike two positions of one sample are."""

    mean: float = 0.0
    variance: float = 1.0
    correlation: float = 0.0


@dataclass
class Analysis:
    """A program gone through: for every edge its law and the gradient there."""

    tape: Tape
    sizes: Mapping[Symbol, int]
    inputs: Mapping[str, Input]
    training: bool
    signals: dict[int, Known] = field(default_factory=dict)
    gradients: dict[int, Gradient] = field(default_factory=dict)
    rules: dict[int, Rule] = field(default_factory=dict)
    weight_norms: dict[str, float] = field(default_factory=dict)
    chosen: dict[str, float] = field(default_factory=dict)  # variances in the place of ``auto``, while it is settled

    def signal(self, edge: Edge) -> Known:
        return self.signals.get(id(edge))

    def gradient(self, edge: Edge) -> Gradient | None:
        return self.gradients.get(id(edge))

    def numbers(self) -> dict[str, int]:
        """How many different numbers an input of ints may hold: the rows of the table that it names."""
        return places_named(self.tape, self.sizes)


def analyse(
    program: Program,
    sizes: Mapping[Symbol, int],
    inputs: Mapping[str, Input] | None = None,
    *,
    training: bool = True,
) -> Analysis:
    """Go through a program at these sizes of its open dimensions; inputs are white of variance 1 unless they are said
    to be otherwise."""
    found = start_of(program, sizes, inputs, training=training)
    from fanin.signal.recurrence import follow, settled

    steps, at = found.tape.steps, 0
    laps = {lap[SETTLED]: lap for lap in found.tape.laps if len(lap) > SETTLED + 1}
    while at < len(steps):
        if at in laps and settled(found, laps[at][: SETTLED + 1]):
            for i in range(at, laps[at][-1]):
                step_as_before(found, steps[i], steps[i - (at - laps[at][SETTLED - 1])])
            at = laps[at][-1]
            continue
        step_forward(found, steps[at])
        at += 1
    _backward(found, follow(found))
    return found


def start_of(
    program: Program,
    sizes: Mapping[Symbol, int],
    inputs: Mapping[str, Input] | None = None,
    *,
    training: bool = True,
) -> Analysis:
    """The tape of a program, of which the inputs alone are known."""
    given = inputs or {}
    found = Analysis(record(program, sizes, training=training), sizes, given, training)
    for name, edge in found.tape.inputs.items():
        if edge.type.dtype is DType.FLOAT:
            found.signals[id(edge)] = _source(_shape(edge), given.get(name, Input()))
    return found


def _shape(edge: Edge) -> tuple[int, ...]:
    return tuple(n for n in edge.type.shape if isinstance(n, int))


def _source(shape: tuple[int, ...], law: Input) -> Signal:
    """Entries of one sample and channel share ``correlation`` between positions; everything else is independent."""
    m2 = law.mean**2
    M = table.white(shape, m2 + law.variance, law.mean)
    if law.correlation and len(shape) > 2:
        index = tuple(AGREE if axis < 2 else slice(None) for axis in range(len(shape)))
        inner = M[index]
        M[index] = np.where(inner < m2 + law.variance, m2 + law.correlation * law.variance, inner)
    return make(shape, table.tidy(M, shape), mean=law.mean)


def known(found: Analysis, edge: Edge | None) -> Known:
    """What is known of what comes in: a number, a parameter, or what was found before."""
    if edge is None:
        return None
    if edge.number is not None:
        return number(edge.number)
    if edge.state is not None and id(edge) not in found.signals:
        found.signals[id(edge)] = _parameter(edge.state, _shape(edge), edge)
    return found.signals.get(id(edge))


def _parameter(tensor: Tensor, shape: tuple[int, ...], edge: Edge) -> Known:
    if edge.type.dtype is not DType.FLOAT:
        return None
    if tensor.law is None:
        return Unknown(f"`{tensor.key}` starts with values that are computed")
    try:
        m, v = moments(tensor.law, tensor.spec or _spec_of(shape), shape)
    except ValueError as error:
        return Unknown(str(error))
    return make(shape, table.white(shape, m * m + v, m), mean=m, learned=True)


def _spec_of(shape: tuple[int, ...]) -> ParamSpec:
    """A ``param`` of the spec as a weight: outputs first, as in PyTorch."""
    axes = tuple(Axis("out" if i == 0 else "in", n) for i, n in enumerate(shape))
    return ParamSpec("param", axes, DEFAULT)


def weights_of(step: Step, chosen: Mapping[str, float] | None = None) -> Weights:
    """The laws of a step's parameters; ``chosen`` are variances in the place of ``auto``."""
    laws: dict[str, tuple[float, float]] = {}
    sizes: dict[str, int] = {}
    for name, tensor in step.weights.items():
        if tensor.kind != "param" or tensor.law is None:
            continue
        own = (chosen or {}).get(tensor.key)
        laws[name] = moments(tensor.law, tensor.spec, tensor.shape) if own is None else (0.0, own)
        sizes[name] = prod(tensor.shape)
    return Weights(laws, sizes)


def step_forward(found: Analysis, step: Step) -> None:
    """Find the laws of what a step gives."""
    xs = [known(found, e) for e in step.inputs]
    if all(e.type.dtype is not DType.FLOAT for e in step.outputs) and not _counts(step, xs):
        return
    answer: list[Any]
    missing = next((x for x in xs if isinstance(x, Unknown)), None)
    try:
        if step.reason:
            raise Cannot(step.reason)
        if missing is not None:
            answer = [missing for _ in step.outputs]
        else:
            rule = _rule(step)
            if not rule.takes_whole and any(x is None and e is not None for x, e in zip(xs, step.inputs, strict=True)):
                raise Cannot("nothing is known of a mask, or of whole numbers, that come in")
            if step.norm:
                raise Cannot(f"the weight of `{step.path}` is normalised")
            found.rules[id(step)] = rule
            answer = list(rule.forward(xs, weights_of(step, found.chosen), [_shape(e) for e in step.outputs]))  # type: ignore[arg-type]
    except Cannot as why:
        answer = [Unknown(f"{why}: `{step.path or step.name}`") for _ in step.outputs]
    for edge, signal in zip(step.outputs, answer, strict=True):
        if isinstance(signal, Signal) and signal.along is None and any(_by_position(x) for x in xs):
            signal = signal.changed(approx=tuple(dict.fromkeys((*signal.approx, AVERAGED))))
        if edge.type.dtype is DType.FLOAT or isinstance(signal, Signal):
            found.signals[id(edge)] = signal


def step_as_before(found: Analysis, step: Step, model: Step) -> None:
    """Take a step of a recurrence to be what the last one was, until it is followed with units that are drawn."""
    rule = copy(found.rules[id(model)]) if step.attrs == model.attrs else _rule(step)
    rule.norms = {}
    found.rules[id(step)] = rule
    if type(rule).drawn is Rule.drawn:
        step_forward(found, step)
        return
    for edge, old in zip(step.outputs, model.outputs, strict=True):
        signal = found.signals.get(id(old))
        if isinstance(signal, Signal):
            found.signals[id(edge)] = signal.changed(root=new_root())


def _by_position(x: Known) -> bool:
    return isinstance(x, Signal) and x.along is not None


def _counts(step: Step, xs: list[Known]) -> bool:
    """Whether whole numbers or bools come out of which something is known: positions, what is made of them, and floats
    that were compared."""
    signals = [e for e, x in zip(step.inputs, xs, strict=True) if isinstance(x, Signal) and e is not None]
    if all(e.type.dtype is DType.BOOL for e in step.outputs):
        tensors = [e for e in signals if e.number is None]
        return bool(tensors) and all(e.type.dtype is DType.FLOAT for e in tensors)
    ints = all(e.type.dtype is DType.INT for e in step.outputs)
    return ints and (step.name == "arange" or bool(signals))


def _through(part: Part, parts: dict[int, list[Gradient]]) -> bool:
    try:
        part.backward(parts)
    except Cannot:
        return False
    return True


def _rule(step: Step) -> Rule:
    if isinstance(step.op, str):
        from fanin.signal.rules.shape import Part
        from fanin.signal.rules.stacked import Copies, Stacked

        rank = step.outputs[0].type.rank
        if step.op == "slice":
            axis, place = step.attrs
            axis %= rank + 1
            return Part([i for i in range(rank + 1) if i != axis], {} if place is None else {axis: place})
        if step.op == "stack":
            return Stacked(step.attrs % rank)
        return Copies()
    answer = step.op.signal(step.attrs, *step.types)
    if isinstance(answer, Unknown):
        raise Cannot(answer.why)
    assert isinstance(answer, Rule)
    return answer


def _backward(found: Analysis, followed: Mapping[int, Part]) -> None:
    """A random cotangent of mean square 1 at every output, brought back to every edge and parameter."""
    parts: dict[int, list[Gradient]] = {}
    for edge in found.tape.outputs.values():
        signal = known(found, edge)
        if isinstance(signal, Signal):
            parts.setdefault(id(edge), []).append(gradient(table.white(signal.shape, 1.0)))
    states: dict[int, Edge] = {}
    at = len(found.tape.steps)
    while at > 0:
        part = followed.get(at)
        if part is not None and _through(part, parts):
            states |= {name: edge for name, edge in part.outside.items() if edge.state is not None}
            at = part.start
            continue
        at -= 1
        step = found.tape.steps[at]
        gs: list[Gradient | None] = []
        for edge in step.outputs:
            gathered = parts.get(id(edge))
            signal = found.signals.get(id(edge))
            if gathered and isinstance(signal, Signal):
                total = add_gradients(signal, gathered)
                found.gradients[id(edge)] = total
                gs.append(total)
            else:
                gs.append(None)
        rule = found.rules.get(id(step))
        if rule is None or all(g is None for g in gs):
            continue
        xs = [known(found, e) for e in step.inputs]
        ys = [found.signals.get(id(e)) for e in step.outputs]
        back = rule.backward(xs, ys, gs, weights_of(step))  # type: ignore[arg-type]
        for name, value in rule.norms.items():
            if name in step.weights:
                weight = step.weights[name]
                learned = (1 - weight.held) * value
                found.weight_norms[weight.key] = found.weight_norms.get(weight.key, 0.0) + learned
        for source, g in zip(step.inputs, back, strict=False):
            if source is not None and g is not None and source.number is None:
                parts.setdefault(id(source), []).append(g)
                if source.state is not None:
                    states[id(source)] = source
    for edge in (*found.tape.inputs.values(), *states.values()):
        gathered, signal = parts.get(id(edge)), found.signals.get(id(edge))
        if gathered and isinstance(signal, Signal):
            found.gradients[id(edge)] = add_gradients(signal, gathered)
    for edge in states.values():
        if edge.state is not None and edge.state.kind == "param" and id(edge) in found.gradients:
            key = edge.state.key
            q = found.gradients[id(edge)].q * prod(_shape(edge)) * (1 - edge.state.held)
            found.weight_norms[key] = found.weight_norms.get(key, 0.0) + q
