"""Memory of a step, in bytes, in the open dimensions: what parameters take, and activations at their peak.

Activations are what is alive while the emitted code runs: the inputs, what names hold, and in training what ops keep
for the backward pass (``Op.saved``) and the gradients on their way back. Kernels' own workspaces are not in it.
"""

from __future__ import annotations

from collections import Counter
from typing import TypeAlias

from fanin.analyses.backwards import backwards
from fanin.analyses.lifetimes import Lifetimes, TooLong
from fanin.analyses.records import Records
from fanin.analyses.weights import weights_of
from fanin.ir.dims import Dim, expand
from fanin.ir.graph import Graph
from fanin.ir.unknown import Unknown
from fanin.record import field, record
from fanin.source import Span

STATES = {
    "sgd": 0, "momentum": 1, "adagrad": 1, "rmsprop": 1, "lion": 1, "lars": 1,
    "adam": 2, "adamw": 2, "nadam": 2, "radam": 2, "adamax": 2, "adadelta": 2, "lamb": 2,
}  # fmt: skip
"""How many numbers optimisers keep for each that learns; ``momentum`` is SGD with it."""


Peaks: TypeAlias = "tuple[Dim, ...]"
"""Amounts of which none is the largest at all sizes; the largest of them counts."""


@record
class Kept:
    """Of the tensors of one size that the backward pass needs, the first: its bytes, and what it was made by.

    With ``times`` above 1 it stands for so many in a repetition, and ``bytes`` are those of all of them.
    """

    bytes: Dim
    times: Dim
    span: Span = field(compare=False, repr=False)


@record
class Memory:
    """Bytes. ``inference`` and ``training`` are the activations at their peak, inputs and results among them.

    In training come ``gradients`` (of the parameters that learn) and so many times as much for the optimiser as it
    keeps numbers for each of them (``STATES``). ``saved`` is what ops have kept when the backward pass begins, and
    ``kept`` the tensors in it that are neither inputs nor results, those of one size once.
    """

    parameters: int
    buffers: int
    gradients: int
    inference: Peaks | Unknown
    training: Peaks | Unknown
    saved: Dim | Unknown
    kept: tuple[Kept, ...] = ()

    def held(self, training: bool, states: int = 0) -> int:
        """What is there besides activations: parameters, buffers, and in training gradients and the optimiser's."""
        return self.parameters + self.buffers + (1 + states) * self.gradients * training


@record(frozen=False)
class _Record:
    memory: dict[int, Memory] = field(default_factory=dict)


_records = Records(_Record)


def memory_of(graph: Graph, width: int = 4) -> Memory:
    """The memory of a graph that is run alone, where a float takes ``width`` bytes."""
    known = _records[graph].memory
    if width not in known:
        weights = weights_of(graph)
        inference = _pass(graph, width, training=False)[0]
        training = _pass(graph, width, training=True)
        known[width] = Memory(
            weights.parameters * width, weights.buffers * width, weights.trainable * width, inference, *training
        )
    return known[width]


def _pass(graph: Graph, width: int, training: bool) -> tuple[Peaks | Unknown, Dim | Unknown, tuple[Kept, ...]]:
    """The peaks of activations, what is kept between the passes, and the tensors that it is made of."""
    if graph.borrows:
        reason = Unknown("modules are lent to this block, and it does not run alone")
        return reason, reason, ()
    run = Lifetimes(training, width)
    inputs = []
    for port in graph.ports:
        if port.value is not None:
            t = port.value.type
            t = t.with_shape(*(expand(d) for d in t.shape))
            inputs.append(run.new(t, False))
    run.heap.note()
    try:
        results = run.run(graph, inputs, {}, {})
    except TooLong:
        reason = Unknown("more ops run than are gone through")
        return reason, reason, ()
    ours = Counter(t.cell for t in (*inputs, *results) if t.cell is not None)
    saved = run.heap.alive
    for cell, count in ours.items():
        if cell.held == count:  # for us alone
            saved = saved - cell.bytes
    kept: dict[tuple[Dim, Dim], Kept] = {}
    for cell in run.heap.made:
        if cell.held and cell not in ours and cell.maker is not None:
            kept.setdefault((cell.bytes, cell.times), Kept(cell.bytes, cell.times, cell.maker.span))
    if training:
        backwards(run.heap, run.tape, results, width)
    if run.unknown is not None:
        return run.unknown, run.unknown, ()
    return tuple(run.heap.peaks), saved, tuple(kept.values())
