"""What a batch costs: against indexing by hand, and against PyTorch's ``DataLoader``.

    python benchmarks/data.py

Batches of 64 images of 1 x 28 x 28 and their labels, 60,000 rows, shuffled, on one thread; the least of several epochs,
as a ratio to indexing by hand.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from fanin.data import Batches, Data

ROWS, BATCH, EPOCHS = 60_000, 64, 5


def main() -> None:
    torch.set_num_threads(1)
    draw = np.random.default_rng(0)
    image, label = draw.random((ROWS, 1, 28, 28), dtype=np.float32), draw.integers(0, 10, ROWS)
    batches = Batches(Data({"image": image, "label": label}), BATCH)
    stratified = Batches(Data({"image": image, "label": label}), BATCH, stratify="label")
    x, y = torch.from_numpy(image), torch.from_numpy(label)
    plain = DataLoader(TensorDataset(x, y), BATCH, shuffle=True)

    def by_hand() -> None:
        order = torch.randperm(ROWS)
        for start in range(0, ROWS, BATCH):
            rows = order[start : start + BATCH]
            _ = x[rows], y[rows]

    ways: dict[str, Callable[[], object]] = {
        "by hand": by_hand,
        "Batches": lambda: [None for _ in batches],
        "Batches, stratified": lambda: [None for _ in stratified],
        "DataLoader": lambda: [None for _ in plain],
    }
    least = dict.fromkeys(ways, float("inf"))
    for _ in range(EPOCHS):  # in turns, so that a slow moment meets all of them
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            least[name] = min(least[name], time.perf_counter() - start)
    for name, seconds in least.items():
        micro = seconds / -(-ROWS // BATCH) * 1e6
        print(f"{name:<20} {seconds / least['by hand']:6.2f}   ({micro:.0f} us a batch)")


if __name__ == "__main__":
    main()
