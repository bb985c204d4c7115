"""How many different numbers an input of whole numbers may hold: the rows of the tables, the nodes that it names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fanin.ir.dims import Symbol, evaluate
from fanin.ir.types import DType
from fanin.ops.sees import Use
from fanin.signal.tape import Edge, Step, Tape

JOINED = ("concat", "stack")
"""Ops whose result holds the numbers of all inputs as they are."""


def places_named(tape: Tape, sizes: Mapping[Symbol, int]) -> dict[str, int]:
    """For inputs of ints that name places, also behind ops that only move numbers, of how many they name one."""
    below: dict[int, int] = {}

    def meet(edge: object, count: int) -> None:
        below[id(edge)] = min(below.get(id(edge), count), count)

    for step in reversed(tape.steps):
        if step.op is None:
            continue
        types = [t for t in step.types if t is not None]
        if not any(t.dtype is DType.INT for t in types):
            continue
        if not isinstance(step.op, str):
            for port, count in step.op.choices(step.attrs, *types).items():
                meet(step.inputs[port], count if isinstance(count, int) else evaluate(count, sizes))
        least = min((below[id(out)] for out in step.outputs if id(out) in below), default=None)
        if least is not None:
            for edge in _carried(step):
                meet(edge, least)
    return {name: below[id(edge)] for name, edge in tape.inputs.items() if id(edge) in below}


def _carried(step: Step) -> Sequence[Edge | None]:
    """The inputs whose numbers are in the results as they are: of a recurrence's own steps all."""
    if isinstance(step.op, str) or step.name in JOINED:
        return step.inputs
    return step.inputs[:1] if _moves(step) else ()


def _moves(step: Step) -> bool:
    seen = step.op.sees(step.attrs, Use(step.types, tuple(edge.type for edge in step.outputs)))
    return all(s.moves for s in (seen if isinstance(seen, tuple) else (seen,)))
