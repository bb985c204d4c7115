"""The pictures of docs/signal.md: ``python docs/plots.py`` writes them into docs/images.

``signal_factors.svg`` and ``signal_widths.svg`` are predicted, and the circles measured; ``signal_trained.svg`` is
trained, on scikit-learn's handwritten digits, three seeds each.
"""

from __future__ import annotations

import tempfile
from math import log
from pathlib import Path

import matplotlib
import torch
from matplotlib.figure import Figure
from torch.nn import functional as F

import fanin
from fanin import pipeline

matplotlib.rcParams["svg.hashsalt"] = "fanin"
IMAGES = Path(__file__).parent / "images"


def rms(text: str, op: str) -> list[float]:
    return [r.rms for r in fanin.signal(pipeline.check_text(text).programs[-1]) if r.op == op and r.rms is not None]


def measured(text: str, path: str) -> float:
    """The root mean square of what a module gives, in float64, over 20 draws of weights and inputs."""
    program = pipeline.check_text(text).programs[-1]
    return pipeline.measure(program, pipeline.signal(program), draws=20).modules[path].rms


def chain(body: str, depth: int, width: int, init: str) -> str:
    return f"@init({init})\nmodel Net()(x: [8, {width}]) {{ return x -> l: {depth} * ({body}) -> h: Linear(8) }}"


def save(figure: Figure, name: str) -> None:
    figure.savefig(IMAGES / name, metadata={"Date": None})
    print(f"wrote docs/images/{name}")


def factors() -> None:
    """A factor at each layer, over 10, 20 and 100 layers; and what initialisations make of relu and tanh."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for gamma, style in ((10.0, "-"), (1.0, "-"), (0.1, "-")):
        for depth in (10, 20, 100):
            text = chain("Linear(64, bias=false)", depth, 64, f"linear=normal(std={gamma / 8})")
            values = rms(text, "Linear")[:-1]
            seen = measured(text, f"l.{depth - 1}")
            print(f"factor {gamma:g}, {depth} layers: predicted {values[-1]:.3g}, measured {seen:.3g} in float64")
            left.plot(range(1, depth + 1), values, style, label=f"{gamma:g}" if depth == 100 else None)
            left.plot([depth], [seen], "ko", markersize=4, fillstyle="none")
    left.set(yscale="log", xlabel="layer", ylabel="rms", title="a factor of 10, 1, 0.1 at each layer")
    left.legend(title="factor")
    laws = {
        "relu, He": ("Linear(256) -> relu", "linear=he_normal, bias=zeros"),
        "relu, Xavier": ("Linear(256) -> relu", "linear=xavier_normal, bias=zeros"),
        "tanh, Xavier": ("Linear(256) -> tanh", "linear=xavier_normal, bias=zeros"),
        "tanh, gain 5/3": ("Linear(256) -> tanh", "linear=lecun_normal(gain=1.6667), bias=zeros"),
    }
    for label, (body, init) in laws.items():
        values = rms(chain(body, 50, 256, init), body.split()[-1])
        right.plot(range(1, 51), values, label=label)
    right.set(yscale="log", xlabel="layer", title="activations of 50 layers")
    right.legend()
    save(figure, "signal_factors.svg")


WIDTHS = [[100] * 5, [77] * 5, [100, 5, 100, 100, 100], [256, 128, 64, 32, 16], [30] * 10, [20] * 10]


def widths() -> None:
    """The spread of ln |x|^2 over draws against the sum of 1/width, predicted and measured over 400 draws."""
    figure = Figure(figsize=(5, 3.4), layout="constrained")
    axis = figure.subplots()
    points = []
    for row in WIDTHS:
        body = " -> ".join(f"l{i}: Linear({n}) -> relu" for i, n in enumerate(row))
        text = f"@init(linear=he_normal, bias=zeros)\nmodel Net()(x: [1, 64]) {{ return x -> {body} -> h: Linear(64) }}"
        program = pipeline.check_text(text).programs[0]
        predicted = fanin.signal(program)[-1].spread
        net = fanin.loads(text)
        logs = []
        for seed in range(400):
            torch.manual_seed(seed)
            for m in net.modules():
                if isinstance(m, torch.nn.Linear):
                    torch.nn.init.kaiming_normal_(m.weight)
            with torch.no_grad():
                length = float(net(torch.randn(1, 64)).square().sum())
            if length > 0:
                logs.append(log(length))
        mean = sum(logs) / len(logs)
        measured = (sum((v - mean) ** 2 for v in logs) / len(logs)) ** 0.5
        points.append((sum(1 / n for n in row), predicted, measured, row))
        print(f"{row}: sum of 1/width {points[-1][0]:.3f}, predicted {predicted:.2f}, measured {measured:.2f}")
    points.sort(key=lambda p: p[0])
    axis.plot([p[0] for p in points], [p[1] for p in points], "-", marker=".", label="predicted")
    axis.plot([p[0] for p in points], [p[2] for p in points], "o", fillstyle="none", label="measured")
    axis.set(xlabel="sum of 1/width", ylabel="sd of ln |output|² over draws")
    axis.legend()
    save(figure, "signal_widths.svg")


PLAIN = """@init(linear=he_normal, bias=zeros)
model Net()(x: [N, 64]) -> [N, 10] {{
  for _ in 0..{depth} {{ x += x -> fc1: Linear(64) -> relu -> fc2: Linear(64) }}
  return x -> head: Linear(10)
}}
"""
KINDS = (("plain", ""), ("residual, 1/sqrt(2L)", "residual"), ("ReZero", "rezero"), ("Fixup", "fixup"))


def trained(depth: int = 64, steps: int = 300) -> None:
    """Residual networks without norms, one and what repairs make of it: the loss over steps, three seeds each."""
    from sklearn.datasets import load_digits

    data = load_digits()
    x = torch.tensor(data.data / 16.0 - 0.3, dtype=torch.float32)
    y = torch.tensor(data.target)
    figure = Figure(figsize=(5, 3.4), layout="constrained")
    axis = figure.subplots()
    for place, (name, kind) in enumerate(KINDS):
        text = PLAIN.format(depth=depth)
        if kind:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "net.arch"
                path.write_text(text, encoding="utf-8")
                text = fanin.repair(str(path), kind).text
        gain = rms(text, "Linear")[-1]
        last = []
        for seed in range(3):
            net = fanin.loads(text, seed=seed)
            optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
            generator = torch.Generator().manual_seed(seed)
            losses = []
            for _ in range(steps):
                batch = torch.randint(len(x), (64,), generator=generator)
                optimiser.zero_grad()
                loss = F.cross_entropy(net(x[batch]), y[batch])
                loss.backward()
                optimiser.step()
                losses.append(float(loss.detach()))
            last.append(sum(losses[-20:]) / 20)
            smooth = [sum(losses[max(0, i - 9) : i + 1]) / (i + 1 - max(0, i - 9)) for i in range(steps)]
            axis.plot(smooth, color=f"C{place}", label=name if seed == 0 else None, linewidth=1)
        told = ", ".join(f"{v:.3g}" for v in last)
        print(f"{name}: predicted rms of the logits {gain:.3g}, loss of the last 20 steps {told}")
    axis.set(yscale="log", xlabel="step", ylabel="loss", title=f"{depth} residual blocks, no norms")
    axis.legend()
    save(figure, "signal_trained.svg")


if __name__ == "__main__":
    factors()
    widths()
    trained()
