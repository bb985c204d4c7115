"""The backward pass of a network that was run without numbers: gradients come and go, and what was kept goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fanin.analyses.storage import Cell, Heap, Tensor, bytes_of
from fanin.ir.dims import Dim


@dataclass(eq=False)
class Entry:
    """What the backward pass does for one op: ``again`` are peaks of what it computes once more before."""

    inputs: tuple[Tensor, ...]  # those of which a gradient is asked
    outputs: tuple[Tensor, ...]
    kept: list[Cell]
    same: frozenset[int] = frozenset()  # inputs whose gradient is the memory of that of the output
    summed: frozenset[int] = frozenset()  # inputs that were stretched
    again: tuple[Dim, ...] = ()


def backwards(heap: Heap, tape: Sequence[Entry], results: Sequence[Tensor], width: int, copies: Dim = 1) -> None:
    """Go back from gradients of the results. Those of parameters are counted elsewhere, and are not made here."""
    grads: dict[int, Cell] = {}
    for tensor in results:
        if tensor.needs and id(tensor) not in grads:
            grads[id(tensor)] = heap.new(bytes_of(tensor.type, width) * copies)
    heap.note()
    for entry in reversed(tape):
        come = [grads.pop(id(t)) for t in entry.outputs if id(t) in grads]
        if come:
            for peak in entry.again:
                heap.note(peak)
            for i, tensor in enumerate(entry.inputs):
                if i in entry.summed:  # at the size of the result first
                    heap.note(bytes_of(entry.outputs[0].type, width) * copies)
                if tensor.cell is None:
                    continue
                if i in entry.same and len(come) == 1:
                    cell = come[0]
                    heap.hold(cell)
                else:
                    cell = heap.new(bytes_of(tensor.type, width) * copies)
                    heap.note()
                if id(tensor) in grads:  # it is added to what is there
                    heap.free([cell])
                else:
                    grads[id(tensor)] = cell
        heap.free(come)
        heap.free(entry.kept)
