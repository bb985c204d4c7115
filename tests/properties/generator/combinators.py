"""How the interpreter carries out what takes modules: recurrences, ensembles, gradients, inverses, wrappers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from fanin.ops.contract import Op
from tests.properties.generator.spec import Block, Call, Stage

if TYPE_CHECKING:
    from tests.properties.generator.unchecked import Frame, Instance, Unchecked


@dataclass(eq=False)
class Inverse:
    """The way back through a block, or through a row of them."""

    of: Any


def scan(run: Unchecked, e: Call, frame: Frame) -> Any:
    from tests.properties.generator.unchecked import Failure

    cell = module_of(run, e.args[0][1], frame)
    named = {n: run.evaluate(a, frame) for n, a in e.args[1:] if n is not None}
    axis, reverse, count = named.pop("axis", 1), named.pop("reverse", False), named.pop("steps", None)
    sequences = [run.evaluate(a, frame) for n, a in e.args[1:] if n is None]
    sequences = [one for s in sequences for one in (s if isinstance(s, (tuple, list)) else (s,))]
    try:
        slices = [s.unbind(axis) for s in sequences]
    except Exception as error:
        raise Failure(f"scan: {error}") from error
    steps = len(slices[0]) if slices else count
    if any(len(s) != steps for s in slices):
        raise Failure("sequences of different length")
    names = result_names(run, cell)
    states = {n: wide(v) for n, v in named.items() if n in names}
    constants = {n: wide(v) for n, v in named.items() if n not in names}
    kept: dict[str, list[Tensor]] = {n: [] for n in names if n not in states}
    turns = range(steps)
    for t in reversed(turns) if reverse else turns:
        found = results(run.apply(cell, [*states.items(), *constants.items()], [s[t] for s in slices], frame))
        for name, value in zip(names, found, strict=True):
            if name in states:
                same_type("a state", states[name], value)
            else:
                kept[name].append(value)
        states = {**states, **{n: v for n, v in zip(names, found, strict=True) if n in states}}
    try:
        stacked = [torch.stack(values[::-1] if reverse else values, axis) for values in kept.values()]
    except Exception as error:
        raise Failure(f"scan: {error}") from error
    return (*stacked, *states.values())


def iterate(run: Unchecked, e: Call, frame: Frame) -> Any:
    cell = module_of(run, e.args[0][1], frame)
    named = {n: run.evaluate(a, frame) for n, a in e.args[1:]}
    limit = named.pop("max")
    names = result_names(run, cell)
    states = {n: wide(v) for n, v in named.items() if n in names}
    constants = {n: wide(v) for n, v in named.items() if n not in names}
    done: Tensor | None = None
    for _ in range(limit):
        given = [*states.items(), *constants.items()]
        found = dict(zip(names, results(run.apply(cell, given, [], frame)), strict=True))
        for name, old in states.items():
            same_type("a state", old, found[name])
            states[name] = found[name] if done is None else choose(done, old, found[name])
        done = found["done"] if done is None else done | found["done"]
    return tuple(states.values())


def choose(done: Tensor, old: Tensor, new: Tensor) -> Tensor:
    from tests.properties.generator.unchecked import Failure

    if old.shape[: done.dim()] != done.shape:
        raise Failure("`done` is not the first axes of a state")
    return torch.where(done[(..., *(None for _ in range(old.dim() - done.dim())))], old, new)


def ensemble(run: Unchecked, e: Call, frame: Frame) -> Any:
    """Copies that live at one path: their weights are stacked there."""
    from tests.properties.generator.unchecked import Element, Instance, inside

    count = run.evaluate(e.args[0][1], frame)

    def build() -> Instance:
        made = [module_of(run, e.args[1][1], inside(frame, (id(e), i))) for i in range(count)]
        return Instance("ensemble", elements=[Element(None, one) for one in made])

    return run.make(e, frame, build)


def apply_ensemble(run: Unchecked, group: Instance, flow: list[Any], frame: Frame) -> Any:
    from tests.properties.generator.unchecked import Failure

    copies = [e.value for e in group.elements]
    if any(not isinstance(v, Tensor) or v.dim() == 0 or len(v) != len(copies) for v in flow):
        raise Failure("not as many slices as copies")
    found = [results(run.apply(one, [], [v[i] for v in flow], frame)) for i, one in enumerate(copies)]
    stacked = [torch.stack(list(one)) for one in zip(*found, strict=True)]
    return stacked[0] if len(stacked) == 1 else tuple(stacked)


def grad(run: Unchecked, e: Call, frame: Frame) -> Any:
    from tests.properties.generator.unchecked import Failure

    y, x = (run.evaluate(a, frame) for _, a in e.args)
    try:
        (found,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    except Exception as error:
        raise Failure(f"grad: {error}") from error
    return found


def wrapped(run: Unchecked, e: Call, frame: Frame) -> Any:
    assert not isinstance(e.callee, str)
    made = module_of(run, e.args[0][1], frame)
    name: str = e.callee.name  # type: ignore[union-attr]
    if name != "checkpoint":
        made.norm = name
    return made


def inverse(run: Unchecked, e: Call, frame: Frame) -> Any:
    return Inverse(run.evaluate(e.args[0][1], frame))


def map_(run: Unchecked, e: Call, frame: Frame) -> Any:
    f = module_of(run, e.args[0][1], frame)
    return [run.apply(f, [], [one], frame) for one in run.evaluate(e.args[1][1], frame)]


COMBINATORS: dict[str, Callable[[Unchecked, Call, Frame], Any]] = {
    "scan": scan, "iterate": iterate, "ensemble": ensemble, "grad": grad, "inverse": inverse, "map": map_,
    "checkpoint": wrapped, "weight_norm": wrapped, "spectral_norm": wrapped,
}  # fmt: skip


# ----------------------------------------------------------------------------------------------------------- helpers


def module_of(run: Unchecked, e: Any, frame: Frame) -> Any:
    """A cell or module as an argument, with a label or without."""
    from tests.properties.generator.unchecked import Maker

    if isinstance(e, Stage):
        element = run.element(e, frame)
        if element.label is not None:
            run.label(element.value, element.label, element.exact, frame)
        return element.value
    value = run.stage_value(e, frame)
    return run.make(e, frame, lambda: run.construct(value, [], frame, e)) if isinstance(value, Maker) else value


def result_names(run: Unchecked, cell: Any) -> list[str]:
    target = getattr(cell, "decl", None) or cell.target
    if isinstance(target, Op):
        return list(target.results) or [""]
    if isinstance(target, Block) and target.result is not None:
        return [n for n, _ in target.result]
    return [""]


def results(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def wide(value: Any) -> Any:
    from tests.properties.generator.unchecked import tensor_of

    return tensor_of(value)


def same_type(what: str, old: Tensor, new: Any) -> None:
    from tests.properties.generator.unchecked import Failure

    if not isinstance(new, Tensor) or old.shape != new.shape or old.dtype != new.dtype:
        raise Failure(f"{what} changes its type")
