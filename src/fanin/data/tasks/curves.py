"""Numbers to predict."""

from __future__ import annotations

import numpy as np

from fanin.data.tasks.registry import Fields, Random, Unfit, task


@task("a sine with noise: x [n, 1] from -pi to pi, y [n, 1]")
def sine(random: Random, n: int = 500, noise: float = 0.1) -> Fields:
    x = random.uniform(-np.pi, np.pi, (n, 1))
    return {"x": x, "y": np.sin(x) + noise * random.standard_normal((n, 1))}


@task("a sum of sines of the frequencies k, for what is learned first: x [n, 1] in a grid from 0 to 1, y [n, 1]")
def waves(random: Random, n: int = 256, k: tuple[int, ...] = (1, 4, 10)) -> Fields:
    x = (np.arange(n) / n)[:, None]
    return {"x": x, "y": sum((np.sin(2 * np.pi * f * x) for f in k), np.zeros_like(x))}


@task("a linear map with noise: x [n, dims], y [n, outputs]; its weights come from the seed")
def linear(random: Random, n: int = 500, dims: int = 5, outputs: int = 1, noise: float = 0.1) -> Fields:
    weight, bias = random.standard_normal((dims, outputs)), random.standard_normal(outputs)
    x = random.standard_normal((n, dims))
    return {"x": x, "y": x @ weight + bias + noise * random.standard_normal((n, outputs))}


@task("a linear map of which few weights are not 0: x [n, dims], y [n, 1]")
def sparse(random: Random, n: int = 200, dims: int = 40, active: int = 5, noise: float = 0.1) -> Fields:
    weight = _few(random, dims, active)
    x = random.standard_normal((n, dims))
    return {"x": x, "y": (x @ weight)[:, None] + noise * random.standard_normal((n, 1))}


@task("the same with orthonormal columns, where the lasso is a soft threshold: x [n, dims], y [n, 1]")
def orthonormal(random: Random, n: int = 64, dims: int = 16, active: int = 5, noise: float = 0.1) -> Fields:
    if dims > n:
        raise Unfit("dims", "`dims` is `n` at most, since the columns are orthonormal")
    weight = _few(random, dims, active)
    x = np.linalg.qr(random.standard_normal((n, dims)))[0]
    return {"x": x, "y": (x @ weight)[:, None] + noise * random.standard_normal((n, 1))}


def _few(random: Random, dims: int, active: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Weights from 1 to 3 with either sign in some places, and 0 elsewhere."""
    if active > dims:
        raise Unfit("active", f"`active` is `dims` = {dims} at most")
    weight = np.zeros(dims)
    at = np.argsort(random.random_sample(dims))[:active]
    weight[at] = random.uniform(1, 3, active) * random.choice([-1.0, 1.0], active)
    return weight


@task("what a network of one tanh layer gives: x [n, dims], y [n, outputs]; its weights come from the seed")
def teacher(
    random: Random, n: int = 1000, dims: int = 10, hidden: int = 16, outputs: int = 1, noise: float = 0.0
) -> Fields:
    first = random.standard_normal((dims, hidden)) / np.sqrt(dims)
    second = random.standard_normal((hidden, outputs)) / np.sqrt(hidden)
    x = random.standard_normal((n, dims))
    return {"x": x, "y": np.tanh(x @ first) @ second + noise * random.standard_normal((n, outputs))}


@task("four linear maps, one for each quarter of the plane of x[0] and x[1]: x [n, dims], y [n, outputs], label")
def regions(random: Random, n: int = 2000, dims: int = 8, outputs: int = 4, noise: float = 0.0) -> Fields:
    if dims < 2:
        raise Unfit("dims", "`dims` is 2 or more: two of them say the region")
    maps = random.standard_normal((4, dims, outputs))
    x = random.standard_normal((n, dims))
    label = (x[:, 0] > 0) * 2 + (x[:, 1] > 0) * 1
    y = np.einsum("nd,ndo->no", x, maps[label]) + noise * random.standard_normal((n, outputs))
    return {"x": x, "y": y, "label": label}
