"""What a smaller network saves: numbers, bytes, and the time of a forward pass, next to the network it comes from."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from fanin.ir.dims import Symbol
from fanin.ir.graph import Program
from fanin.record import record
from fanin.runtime.load import build
from fanin.runtime.modes import one_thread
from fanin.runtime.samples import random_of

_TURNS, _LEAST = 15, 2e-3  # measurements, and the seconds that one takes at least


@record
class Saved:
    """Of a network and of what is left of it: ``parameters``, ``bytes`` of their files, ``milliseconds`` of a forward
    pass in evaluation on one thread, on inputs of these ``shapes``."""

    parameters: tuple[int, int]
    bytes: tuple[int, int]
    milliseconds: tuple[float, float]
    shapes: tuple[tuple[int, ...], ...]

    @property
    def speedup(self) -> float:
        """How many times as fast what is left is."""
        return self.milliseconds[0] / self.milliseconds[1]

    @property
    def told(self) -> tuple[str, str, str, str]:
        """What is left of parameters, kB and milliseconds, and how many times as fast it is, as text."""
        (before, after), (large, small), (slow, fast) = self.parameters, self.bytes, self.milliseconds
        return (
            f"{after:,} of {before:,}",
            f"{small / 1e3:,.1f} of {large / 1e3:,.1f}",
            f"{fast:.3g} of {slow:.3g}",
            f"{self.speedup:.2f}",
        )

    def __str__(self) -> str:
        parameters, size, times, speedup = self.told
        return f"{parameters} parameters, {size} kB, {times} ms ({speedup} times as fast)"


def saved(
    programs: Sequence[tuple[Program, str]],
    states: Sequence[Mapping[str, Tensor]],
    files: Sequence[str],
    sizes: Mapping[Symbol, int],
) -> Saved:
    """Measure a whole and a smaller network, as programs with their sources, with weights and the files those are in,
    at these sizes of open dimensions."""
    modules = []
    for (program, source), state in zip(programs, states, strict=True):
        module = build(program, source).eval()
        module.load_state_dict(dict(state))
        modules.append(module)
    draw = torch.Generator().manual_seed(0)
    inputs = [random_of(p.value.type, sizes, draw) for p in programs[0][0].inputs if p.value is not None]
    before, after = (sum(p.numel() for p in module.parameters()) for module in modules)
    large, little = map(os.path.getsize, files)
    shapes = tuple(tuple(t.shape) for t in inputs)
    return Saved((before, after), (large, little), _times(modules, inputs), shapes)


def _times(modules: Sequence[nn.Module], inputs: Sequence[Tensor]) -> tuple[float, float]:
    """The median milliseconds of a forward pass of both, in turns."""
    found: list[list[float]] = [[], []]
    with one_thread(), torch.no_grad():
        began = time.thread_time()
        for module in modules:
            module(*inputs)
        often = max(1, int(_LEAST / max(time.thread_time() - began, 1e-6)))
        for _ in range(_TURNS):
            for module, times in zip(modules, found, strict=True):
                began = time.thread_time()
                for _ in range(often):
                    module(*inputs)
                times.append(1e3 * (time.thread_time() - began) / often)
    slow, fast = map(statistics.median, found)
    return slow, fast
