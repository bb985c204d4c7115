"""What a step of a printed training costs over a loop written by hand: `python benchmarks/training.py`.

Both run in turns on one thread, on batches that are ready; the ratio is of the least CPU times. The printed
training is run alone, and in the loop of `fanin train`, with its journal and its data.
"""

from __future__ import annotations

import copy
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

import fanin

SPEC = """
block Mlp(width: int = 300, classes: int = 10)(x: [N, D]) -> [N, classes] {
  return x -> fc1: Linear(width) -> relu -> fc2: Linear(width) -> relu -> fc3: Linear(classes)
}

block Cnn()(x: [N, 1, H, W]) -> [N, 10] {
  x = x -> conv1: Conv2d(16, 3, padding=1) -> relu -> conv2: Conv2d(32, 3, stride=2, padding=1) -> relu
  return x -> conv3: Conv2d(32, 3, stride=2, padding=1) -> relu -> flatten(1) -> fc: Linear(10)
}

system Classify()(x: [N, 784], label: int[N]) {
  net = Mlp()
  loss ce = cross_entropy(net(x), label)
  train net on ce with adam(lr=1e-3)
}

system Pictures()(x: [N, 1, 28, 28], label: int[N]) {
  net = Cnn()
  loss ce = cross_entropy(net(x), label)
  train net on ce with sgd(lr=1e-2, momentum=0.9)
}

system Gan()(x: [N, 784]) {
  gen = Mlp(300, 784)
  disc = Mlp(300, 1)
  fake = gen(randn(N, 64))
  loss d = mean(softplus(-disc(x))) + mean(softplus(disc(stop_gradient(fake))))
  loss g = mean(softplus(-disc(fake)))
  train disc on d with adam(lr=2e-4, betas=(0.5, 0.999))
  train gen on g with adam(lr=2e-4, betas=(0.5, 0.999))
}
"""

STEPS = 30
TURNS = 12


def classify(system: torch.nn.Module, kind: Callable[..., torch.optim.Optimizer]) -> Callable[..., None]:
    net = system.net
    optimiser = kind(net.parameters())

    def step(x: torch.Tensor, label: torch.Tensor) -> None:
        optimiser.zero_grad()
        F.cross_entropy(net(x), label).backward()
        optimiser.step()

    return step


def adversaries(system: torch.nn.Module) -> Callable[..., None]:
    gen, disc = system.gen, system.disc
    d_opt = torch.optim.Adam(disc.parameters(), lr=2e-4, betas=(0.5, 0.999))
    g_opt = torch.optim.Adam(gen.parameters(), lr=2e-4, betas=(0.5, 0.999))

    def step(x: torch.Tensor) -> None:
        fake = gen(torch.randn(len(x), 64))
        d_opt.zero_grad()
        (F.softplus(-disc(x)).mean() + F.softplus(disc(fake.detach())).mean()).backward()
        d_opt.step()
        disc.requires_grad_(False)
        g_opt.zero_grad()
        F.softplus(-disc(fake)).mean().backward()
        g_opt.step()
        disc.requires_grad_(True)

    return step


def ratios(path: str, name: str, batch: tuple[torch.Tensor, ...], by_hand: Callable[..., Callable[..., None]]) -> None:
    training = fanin.training(path, name, steps=10**9)
    hand = by_hand(copy.deepcopy(training.system).requires_grad_(True))
    best = {"hand": float("inf"), "printed": float("inf")}
    for _ in range(TURNS):
        for what, step in (("hand", hand), ("printed", training)):
            began = time.thread_time()
            for _ in range(STEPS):
                step(*batch)
            best[what] = min(best[what], (time.thread_time() - began) / STEPS)
    rows = {f: np.concatenate([t.numpy()] * STEPS) for f, t in zip(("x", "label"), batch, strict=False)}
    whole = []
    for _ in range(4):
        whole.append(fitted(path, name, rows, len(batch[0])))
    print(
        f"{name:<10} by hand {best['hand'] * 1e3:7.3f} ms   printed {best['printed'] / best['hand']:.3f}"
        f"   fanin train {min(whole) / best['hand']:.3f}"
    )


def fitted(path: str, name: str, rows: dict[str, np.ndarray], size: int) -> float:
    """The least time of a step within a window of a run."""
    times: list[float] = []

    def watch(event: str, known: object) -> None:
        if event == "step":
            times.append(time.thread_time())

    fanin.train(path, name, rows, epochs=4, batch_size=size, watch=watch)
    return min(after - before for before, after in zip(times, times[STEPS:], strict=False)) / STEPS


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "spec.arch")
        Path(path).write_text(SPEC)
        label = torch.randint(10, (64,))
        adam = lambda weights: torch.optim.Adam(weights, lr=1e-3)  # noqa: E731
        sgd = lambda weights: torch.optim.SGD(weights, lr=1e-2, momentum=0.9)  # noqa: E731
        ratios(path, "Classify", (torch.randn(64, 784), label), lambda s: classify(s, adam))
        ratios(path, "Pictures", (torch.randn(64, 1, 28, 28), label), lambda s: classify(s, sgd))
        ratios(path, "Gan", (torch.randn(64, 784),), adversaries)


if __name__ == "__main__":
    main()
