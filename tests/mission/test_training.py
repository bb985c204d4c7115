"""Training as such: two views of a picture, and depth without limit. Rows S207, S228."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import fanin
from fanin.data import Batches, Data, open_data
from tests.mission.test_learning import digits

# ---------------------------------------------------------------------------------------------------- two views


def views(folder: Path, augment: str, n: int = 64, seed: int = 0) -> dict[str, torch.Tensor]:
    """The first batch of pictures in two changed copies."""
    pictures = np.random.default_rng(0).random((n, 3, 8, 8), dtype=np.float32)
    np.savez(folder / "pictures.npz", image=pictures)
    data = open_data(str(folder / "pictures.npz"), augment=augment, views=True)
    assert isinstance(data, Data)
    return next(iter(Batches(data, n, seed=seed)))


def test_s207_two_views_differ_and_a_seed_fixes_them(tmp_path: Path) -> None:
    composed = "crop+stretch+colour+grey"
    first, again, other = views(tmp_path, composed), views(tmp_path, composed), views(tmp_path, composed, seed=1)
    one, two = first["one"], first["two"]
    assert one.shape == two.shape == (64, 3, 8, 8)
    assert all(not torch.allclose(a, b, atol=1e-3) for a, b in zip(one, two, strict=True))
    assert torch.equal(one, again["one"]) and torch.equal(two, again["two"])
    assert not torch.equal(one, other["one"])


@pytest.mark.parametrize("p", [0.2, 0.5])
def test_s207_grey_with_a_probability(p: float, tmp_path: Path) -> None:
    """Of 10,000 pictures in each view; both decide for themselves."""
    found = views(tmp_path, f"grey{p}", 10_000)
    grey = [(found[name].std(1).flatten(1).amax(1) < 1e-6).double() for name in ("one", "two")]
    for each in grey:
        assert abs(float(each.mean()) - p) <= 0.02
    assert abs(float((grey[0] * grey[1]).mean()) - p * p) <= 0.02


# -------------------------------------------------------------------------------------------------------- depth

DEEP = """
from std.residual import ReZero

model Deep(depth: int, width: int = 64)(x: [N, 64]) -> [N, 10] {
  return x -> first: Linear(width) -> layers: depth * ReZero(Linear(width) -> relu) -> head: Linear(10)
}

system Fit(depth: int)(x: [N, 64], label: int[N]) {
  net = Deep(depth)
  loss ce = cross_entropy(net(x), label)
  train net on ce with adagrad(lr=0.01)
}
"""


@pytest.mark.slow
def test_s228_depth_without_limit(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The loss after 300 steps is no higher at 128 layers than at 32, with one optimiser and one rate."""
    path = tmp_path_factory.mktemp("deep") / "deep.arch"
    path.write_text(DEEP)
    x, y = digits()
    losses = {}
    for depth in (32, 128):
        training = fanin.training(str(path), "Fit", steps=300, depth=depth)
        draw = torch.Generator().manual_seed(0)
        for _ in range(300):
            rows = torch.randint(1437, (128,), generator=draw)
            training(x[rows], y[rows])
        with torch.no_grad():
            losses[depth] = float(F.cross_entropy(training.system.net(x[:1437]), y[:1437]))
    print(f"S228: {losses}")
    assert losses[128] <= 1.2 * losses[32]
    assert losses[32] < 0.05
