"""Train a compiled digits network on scikit-learn's handwritten digits: ``python demo/train_digits.py MODEL.py``.

The model is the file that ``fanin compile`` wrote: nothing of fanin is imported here.
"""

from __future__ import annotations

import importlib.util
import sys
import time

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

EPOCHS, BATCH, GOAL = 8, 64, 0.97


def load_model(path: str) -> nn.Module:
    spec = importlib.util.spec_from_file_location("digits_cnn", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.DigitsCnn(seed=0)


def main(path: str) -> int:
    torch.manual_seed(0)
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    labels = torch.tensor(digits.target)
    train, test = train_test_split(range(len(labels)), test_size=0.25, stratify=digits.target, random_state=0)
    model = load_model(path)
    size = sum(p.numel() for p in model.parameters())
    print(f"{len(train)} digits to train on, {len(test)} to test on; {size:,} parameters")

    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)
    steps = EPOCHS * -(-len(train) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    start = time.perf_counter()
    for epoch in range(1, EPOCHS + 1):
        model.train()
        total = 0.0
        for batch in torch.tensor(train)[torch.randperm(len(train))].split(BATCH):
            loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item() * len(batch)
        right = accuracy(model, images, labels, test)
        print(f"epoch {epoch:2}  loss {total / len(train):.4f}  test accuracy {right:.2%}")
    reached = accuracy(model, images, labels, test)
    print(f"test accuracy {reached:.2%} after {time.perf_counter() - start:.0f} s")
    if reached < GOAL:
        print(f"that is below the goal of {GOAL:.0%}", file=sys.stderr)
        return 1
    return 0


def accuracy(model: nn.Module, images: torch.Tensor, labels: torch.Tensor, which: list[int]) -> float:
    model.eval()
    with torch.no_grad():
        return (model(images[which]).argmax(1) == labels[which]).float().mean().item()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
