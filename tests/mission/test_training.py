"""Training as such: two views of a picture, and depth without limit. Rows S207, S228."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import fanin
from fanin.data import Batches, Data, open_data
from tests.mission.specs import spec_file
from tests.mission.systems import begun
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

model Deep(depth: int, width: int = 32)(x: [N, 64]) -> [N, 10] {
  return x -> first: Linear(width) -> layers: depth * ReZero(Linear(width) -> relu) -> head: Linear(10)
}

system Fit(depth: int)(x: [N, 64], label: int[N]) {
  net = Deep(depth)
  loss ce = cross_entropy(net(x), label)
  train net on ce with sgd(lr=0.01, momentum=0.9)
}
"""


def test_s228_is_the_loop_by_hand() -> None:
    """Ten steps of x + a relu(W x + b), a from 0, over the weights of a training."""
    training = begun(DEEP, "Fit", steps=10, depth=32)
    weights = {name: w.detach().clone().requires_grad_(True) for name, w in training.system.net.named_parameters()}
    gates = [name for name, w in weights.items() if w.ndim == 0 or w.numel() == 1]
    maps = [name.removesuffix(".weight") for name in weights if name.startswith("layers.") and name.endswith(".weight")]
    assert len(gates) == len(maps) == 32 and all(float(weights[gate].detach()) == 0 for gate in gates)
    optimiser = torch.optim.SGD(list(weights.values()), lr=0.01, momentum=0.9)
    x, y = digits()
    draw = torch.Generator().manual_seed(0)
    for _ in range(10):
        rows = torch.randint(1437, (64,), generator=draw)
        told = training(x[rows].double(), y[rows])
        h = F.linear(x[rows].double(), weights["first.weight"], weights["first.bias"])
        for gate, layer in zip(gates, maps, strict=True):
            h = h + weights[gate] * F.relu(F.linear(h, weights[f"{layer}.weight"], weights[f"{layer}.bias"]))
        loss = F.cross_entropy(F.linear(h, weights["head.weight"], weights["head.bias"]), y[rows])
        assert float(told["ce"]) == pytest.approx(float(loss.detach()), rel=1e-9)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    for name, w in training.system.net.named_parameters():
        torch.testing.assert_close(w, weights[name], rtol=0, atol=1e-9)


@pytest.mark.slow
def test_s228_depth_without_limit() -> None:
    """The loss after 300 steps is no higher at 128 layers than at 32, with one optimiser and one rate."""
    x, y = digits()
    losses: dict[int, list[float]] = {32: [], 128: []}
    for depth, seed in product(losses, range(3)):
        training = fanin.training(spec_file(DEEP), "Fit", steps=300, seed=seed, depth=depth)
        draw = torch.Generator().manual_seed(seed)
        for _ in range(300):
            rows = torch.randint(1437, (64,), generator=draw)
            training(x[rows], y[rows])
        with torch.no_grad():
            scores = training.system.net(x)
        known, held = slice(1437), slice(1437, None)
        losses[depth].append(float(F.cross_entropy(scores[known], y[known])))
        right = float((scores[held].argmax(1) == y[held]).double().mean())
        print(
            f"S228: {depth} layers, seed {seed}: {losses[depth][-1]:.4f} here, "
            f"{float(F.cross_entropy(scores[held], y[held])):.4f} and {right:.3f} right of what is held out"
        )
        assert right >= (0.93 if depth == 128 else 0.9)
    shallow, deep = (sum(found) / len(found) for found in losses.values())
    assert deep <= 1.2 * shallow
    assert shallow < 0.15
