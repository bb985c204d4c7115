"""The front end against ``import torch``: ``python benchmarks/front_end.py``.

Figures of the design: check of ResNet-50, start-up included, ≤ 0.10; parse and check of 1,000 different statements
after start-up ≤ 0.06, of 10,000 ≤ 0.6; 10,000 equal layers no more than ten.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

from ratios import cold, ratio, report

from fanin import pipeline

ROOT = Path(__file__).parents[1]


def statements(n: int) -> str:
    """``n`` different statements: layers, arithmetic, reductions, branches, as people write them."""
    lines = []
    for i in range(n):
        kind = i % 5
        if kind == 0:
            lines.append(f"  x = x -> conv{i}: Conv2d({8 * (1 + i % 7)}, 3, padding=1)")
        elif kind == 1:
            lines.append(f"  y{i} = relu(x)")
        elif kind == 2:
            lines.append(f"  x = x + {1 + i % 9}.5 * y{i - 1}")
        elif kind == 3:
            lines.append(f"  s{i} = x -> mean(axis=(2, 3), keepdim=true) -> sigmoid")
        else:
            lines.append(f"  x = x * s{i - 1}   # statement {i}")
    body = "\n".join(lines)
    return f"model M()(x: [N, 3, H, W]) {{\n{body}\n  return x\n}}\n"


def layers(n: int) -> str:
    return (
        "block Mlp(width: int)(x: [B, D]) -> [B, D] {\n"
        "  return x + (x -> fc1: Linear(width) -> relu -> fc2: Linear(D))\n}\n"
        f"model M()(x: [B, 64]) -> [B, 64] {{ return x -> blocks: {n} * Mlp(256) }}\n"
    )


def seconds(text: str, rounds: int = 5) -> float:
    pipeline.check_text(statements(20))
    found = []
    for _ in range(rounds):
        start = time.process_time()
        checked = pipeline.check_text(text)
        found.append(time.process_time() - start)
        assert checked.ok, checked
        del checked  # freed before the next round, not in it
    return statistics.median(found)


def main() -> None:
    resnet = str(ROOT / "benchmarks" / "resnet50.arch")
    python = sys.executable
    best = cold(
        {
            "torch": [python, "-c", "import torch"],
            "check": [python, "-m", "fanin", "check", resnet],
            "version": [python, "-m", "fanin", "--version"],
            "empty": [python, "-c", "pass"],
        }
    )
    torch = best["torch"]
    print(f"import torch: {torch:.2f} s CPU; a bare interpreter {best['empty'] * 1000:.0f} ms")
    report("fanin --version / import torch", best["version"] / torch, 0.10)
    report("fanin check resnet50.arch, start-up included / import torch", best["check"] / torch, 0.10)
    report("parse and check 1,000 different statements / import torch", seconds(statements(1_000)) / torch, 0.06)
    report("parse and check 10,000 different statements / import torch", seconds(statements(10_000), 3) / torch, 0.6)
    few, many = layers(10), layers(10_000)
    times = ratio(lambda: pipeline.check_text(few), lambda: pipeline.check_text(many), rounds=31)
    report("check 10,000 equal layers / check ten", times, 1.1)


if __name__ == "__main__":
    main()
