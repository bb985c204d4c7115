"""Emitted models against hand-written ones: ``python benchmarks/models.py [--compile]``.

Figures of the design: building at most the time of the peer; forward, and forward with backward, at most 1.02 of it;
emission of a 100-layer model under 0.1 s.
"""

from __future__ import annotations

import copy
import sys
import time
from collections.abc import Callable
from pathlib import Path

import peers
import torch
from ratios import ratio, report
from torch import Tensor, nn

import fanin
from fanin import pipeline

HERE = Path(__file__).parent
RESNET = str(HERE / "resnet50.arch")
GPT = str(HERE / "gpt.arch")
SMALL = {"vocab": 256, "length": 128, "width": 128, "depth": 4, "heads": 4, "p": 0.0}


def builder(path: str, **hyper: object) -> Callable[[], nn.Module]:
    """Build the emitted class again and again, as a user of the emitted file would."""
    return type(fanin.load(path, **hyper))


def forward(model: nn.Module, x: Tensor) -> Callable[[], object]:
    model.eval()

    def run() -> object:
        with torch.no_grad():
            return model(x)

    return run


def training(model: nn.Module, x: Tensor) -> Callable[[], object]:
    model.train()

    def run() -> None:
        model.zero_grad()
        model(x).sum().backward()

    return run


def same(mine: nn.Module, peer: nn.Module, x: Tensor) -> None:
    """The two compute the same thing: the peer's weights, by name."""
    mine.load_state_dict(peer.state_dict())
    with torch.no_grad():
        assert torch.allclose(mine.eval()(x), peer.eval()(x), atol=1e-4), "the peer is another network"


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    image, token = torch.randn(2, 3, 64, 64), torch.randint(256, (4, 64))
    few = torch.randint(256, (1, 16))

    report("emission of a 100-layer model", emission(), 0.1, "s")
    report("build ResNet-50 / peer", ratio(peers.ResNet50, builder(RESNET), rounds=9), 1.0)
    small = lambda: peers.Gpt(256, 128, 128, 4, 4, p=0.0)  # noqa: E731
    report("build a small GPT / peer", ratio(small, builder(GPT, **SMALL), rounds=31), 1.0)
    big = lambda: peers.Gpt(50_257, 1024, 768, 12, 12)  # noqa: E731
    report("build GPT-2 small / peer", ratio(big, builder(GPT), rounds=5, warm=1), 1.0)

    pairs = [("ResNet-50, 64 px, batch 2", fanin.load(RESNET), peers.ResNet50(), image)]
    for n, x in (("T64 b4", token), ("T16 b1", few)):
        pairs.append((f"GPT d128 L4, {n}", fanin.load(GPT, **SMALL), small(), x))
    for name, mine, peer, x in pairs:
        same(mine, peer, x)
        report(f"{name}: forward / peer", ratio(forward(peer, x), forward(mine, x), rounds=41), 1.02)
        twin, other = copy.deepcopy(peer), copy.deepcopy(mine)
        report(f"{name}: forward and backward / peer", ratio(training(twin, x), training(other, x), rounds=41), 1.02)
        if "--compile" in sys.argv:
            compiled = [torch.compile(m, fullgraph=True) for m in (peer, mine)]
            report(f"{name}: forward, compiled / peer", ratio(*(forward(m, x) for m in compiled), rounds=41), 1.02)


def emission() -> float:
    text = (HERE / "gpt.arch").read_text()
    program = pipeline.elaborate_source(fanin_source(text), "gpt.arch", "Gpt", {"depth": 100})
    pipeline.source(program)
    start = time.process_time()
    pipeline.source(program)
    return time.process_time() - start


def fanin_source(text: str) -> object:
    from fanin.source import Source

    return Source("gpt.arch", text)


if __name__ == "__main__":
    main()
