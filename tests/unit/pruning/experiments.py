"""Small pruning experiments on data that is drawn, as text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fanin import pipeline
from fanin.pruning.running import Pruned

NET = """\
model Net()(x: [N, 6]) -> [N, 3] {
  return x -> fc1: Linear(16) -> norm: BatchNorm1d() -> relu -> fc2: Linear(8) -> relu -> fc3: Linear(3)
}

system Fit()(x: [N, 6], y: int[N]) {
  net = Net()
  logits = net(x)
  loss ce = cross_entropy(logits, y)
  metric accuracy = mean(float(argmax(logits, axis=1) == y))
  train net on ce with RULE
}

prune Ticket of Fit {
  CLAUSES
}
"""


def spec(tmp_path: Path, clauses: str, rule: str = "adam(lr=0.01)", net: str = NET) -> str:
    path = tmp_path / "net.arch"
    path.write_text(net.replace("RULE", rule).replace("CLAUSES", clauses))
    return str(path)


def points(rows: int = 120, seed: int = 0) -> dict[str, Any]:
    """Three classes of points around centres of their own."""
    draw = np.random.default_rng(seed)
    y = draw.integers(0, 3, rows)
    centres = draw.normal(size=(3, 6)) * 1.5
    return {"x": (centres[y] + draw.normal(size=(rows, 6))).astype(np.float32), "y": y.astype(np.int64)}


def prune(path: str, *, out: str | None = None, hyper: dict[str, Any] | None = None, **settings: Any) -> Pruned:
    settings = {"epochs": 4, "batch_size": 20, "val": 0.25, "device": "cpu", **settings}
    return pipeline.prune(path, None, points(), out=out, hyper=hyper or {}, watch=None, settings=settings)
