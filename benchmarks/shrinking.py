"""How long finding couplings takes, and how fast a network of half the width is: ``python benchmarks/shrinking.py``.

Times are CPU times; those of networks are ratios of runs that alternate, with one thread.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import torch

import fanin
from fanin import pipeline

SPECS = Path(__file__).parents[1] / "specs"


def couplings() -> None:
    """Milliseconds for the groups of a network, the best of seven."""
    for file, name in (("resnet", "ResNet18"), ("vit", "ViTBase"), ("gpt2", "Gpt2Small"), ("densenet", "DenseNet121")):
        program = fanin.elaborate(str(SPECS / f"{file}.arch"), name)
        times = []
        for _ in range(7):
            start = time.process_time()
            groups = pipeline.couple(program).groups
            times.append(1e3 * (time.process_time() - start))
        print(f"{name:12} {len(groups):4} groups  {min(times):6.1f} ms")


def half(file: str, name: str, keep: dict[str, float], shape: tuple[int, ...]) -> None:
    """The time of a forward pass over that of half the width, and over that of the same drawn afresh."""
    program = fanin.elaborate(str(SPECS / f"{file}.arch"), name)
    net = fanin.load(str(SPECS / f"{file}.arch"), name).eval()
    small = fanin.shrink(program, keep, net=net)
    child = fanin.loads(small.spec).eval()
    assert small.weights is not None
    child.load_state_dict(small.weights)
    x = torch.randn(shape)
    times: dict[str, list[float]] = {"whole": [], "half": []}
    with torch.no_grad():
        for _ in range(12):
            for label, module in (("whole", net), ("half", child)):
                start = time.process_time()
                module(x)
                times[label].append(time.process_time() - start)
    counts = [sum(p.numel() for p in m.parameters()) for m in (net, child)]
    ratio = statistics.median(times["whole"][2:]) / statistics.median(times["half"][2:])
    print(f"{name:12} {counts[0]:_} to {counts[1]:_} weights, {ratio:.2f} times as fast ({small.grade})")


if __name__ == "__main__":
    torch.set_num_threads(1)
    couplings()
    half("resnet", "ResNet18", {"conv1": 0.5, "layer*": 0.5}, (8, 3, 64, 64))
    half("vit", "ViTSmall", {"patch_embed": 0.5, "blocks": 0.5}, (2, 3, 224, 224))
