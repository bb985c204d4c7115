"""What replicas gain side by side: `python benchmarks/replicas.py [REPLICAS]`.

A masked step of each, one after another, against one step of all, in turns on one thread, on batches that are ready;
both with the update of Adam in one kernel. The figure is the median of the rounds' ratios of CPU times.
"""

from __future__ import annotations

import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from fanin import pipeline
from fanin.pruning import stacked
from fanin.pruning.masks import Holder
from fanin.runtime.load import execute
from fanin.systems import run
from fanin.systems.machine import Machine
from fanin.systems.settings import settings_of
from fanin.systems.training import Loop

SPEC = """
block Mlp(a: int, b: int)(x: [N, 1, 8, 8]) -> [N, 10] {
  return x -> flatten(1) -> fc1: Linear(a) -> relu -> fc2: Linear(b) -> relu -> fc3: Linear(10)
}

block Cnn()(x: [N, 1, 8, 8]) -> [N, 10] {
  x = x -> conv1: Conv2d(16, 3, padding=1) -> relu -> conv2: Conv2d(32, 3, padding=1) -> relu -> max_pool2d(2)
  return x -> flatten(1) -> fc1: Linear(64) -> relu -> fc2: Linear(10)
}

system Fit()(image: [N, 1, 8, 8], label: int[N]) {
  net = NET
  loss ce = cross_entropy(net(image), label)
  train net on ce with adam(lr=1.2e-3)
}
"""
NETS = (
    ("MLP 64-300-100-10", "Mlp(300, 100)", 1.8),
    ("MLP 64-64-32-10", "Mlp(64, 32)", 4.0),
    ("CNN 16-32", "Cnn()", 1.1),
)
TURNS, STEPS = 25, 12


def loops(path: str, count: int, *, masked: bool = True) -> list[Loop]:
    """Trainings of as many seeds, each with a mask of its own that keeps a fifth."""
    phases = pipeline.training(path, None, {})
    settings = settings_of({"epochs": 10_000, "batch_size": 60, "device": "cpu", "log_every": 1 << 30})
    parts = run.parts_of(phases, "digits", settings)
    module = execute("Fit", pipeline.training_source(phases))
    made = []
    for seed in range(count):
        own = replace(settings, seed=seed)
        loop = Loop(module, phases, parts["train"], None, own, Machine(own), None, lambda *_: None)
        draw = torch.Generator().manual_seed(seed)
        weights = {key: w for key, w in loop.system.named_parameters() if w.ndim > 1}
        masks = {key: torch.rand(w.shape, generator=draw) < 0.2 for key, w in weights.items()}
        if masked:
            Holder(loop.system, masks).attach(loop.training)
        made.append(loop)
    return made


def gain(path: str, count: int) -> tuple[float, float]:
    """Microseconds of a step of one replica together, and how many times faster that is than alone."""
    alone, together = loops(path, count), loops(path, count)
    batches = [[next(iter(loop.batches))[name] for name in loop.inputs] for loop in alone]
    stack = stacked.Stack(together)
    batch = [torch.stack(list(tensors)) for tensors in zip(*batches, strict=True)]

    def one_by_one() -> None:
        for loop, own in zip(alone, batches, strict=True):
            loop.training(*own)

    def at_once() -> None:
        stack.step(batch)

    def timed(step: Callable[[], None]) -> float:
        began = time.thread_time()
        for _ in range(STEPS):
            step()
        return (time.thread_time() - began) / STEPS / count * 1e6

    for _ in range(stacked.OFTEN + 1):  # then the joint graph is there
        one_by_one(), at_once()
    found = []
    gc.collect()
    gc.disable()
    for turn in range(TURNS):
        pair = (one_by_one, at_once) if turn % 2 else (at_once, one_by_one)
        times = {step: timed(step) for step in pair}
        found.append((times[at_once], times[one_by_one] / times[at_once]))
    gc.enable()
    same = all(
        torch.equal(a, b)
        for one, other in zip(alone, together, strict=True)
        for a, b in zip(one.system.parameters(), other.system.parameters(), strict=True)
    )
    if not same:
        raise SystemExit("the replicas have other weights together than alone")
    return min(t for t, _ in found), statistics.median(r for _, r in found)


def main() -> None:
    torch.set_num_threads(1)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    with tempfile.TemporaryDirectory() as folder:
        for name, net, goal in NETS:
            path = Path(folder) / "spec.arch"
            path.write_text(SPEC.replace("NET", net))
            took, ratio = gain(str(path), count)
            verdict = "ok" if ratio >= goal else "MISSED"
            print(f"{name:<20} R = {count}  {took:7.0f} µs a replica and step, {ratio:.2f} × (goal ≥ {goal}) {verdict}")


if __name__ == "__main__":
    main()
