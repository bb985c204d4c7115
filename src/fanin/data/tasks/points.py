"""Points in classes."""

from __future__ import annotations

import numpy as np

from fanin.data.tasks.registry import Fields, Random, Unfit, task


@task("two half circles that reach into each other: x [n, 2], label 0 or 1")
def moons(random: Random, n: int = 1000, noise: float = 0.1) -> Fields:
    label = np.arange(n) % 2
    angle = np.pi * random.random_sample(n)
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    x[label == 1] = np.array([1.0, 0.5]) - x[label == 1]
    return {"x": x + noise * random.standard_normal((n, 2)), "label": label}


@task("a circle in a circle: x [n, 2], label 0 (outside) or 1")
def circles(random: Random, n: int = 1000, noise: float = 0.05, inner: float = 0.5) -> Fields:
    label = np.arange(n) % 2
    angle = 2 * np.pi * random.random_sample(n)
    radius = np.where(label == 1, inner, 1.0)[:, None]
    x = radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return {"x": x + noise * random.standard_normal((n, 2)), "label": label}


@task("arms that wind around each other: x [n, 2], label")
def spirals(random: Random, n: int = 1000, classes: int = 2, turns: float = 1.5, noise: float = 0.02) -> Fields:
    label = np.arange(n) % classes
    along = np.sqrt(random.random_sample(n))
    angle = 2 * np.pi * (turns * along + label / classes)
    x = along[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return {"x": x + noise * random.standard_normal((n, 2)), "label": label}


@task("a Gaussian for each class, around centres drawn in a cube of side 10: x [n, dims], label")
def blobs(random: Random, n: int = 1000, classes: int = 3, dims: int = 2, std: float = 1.0) -> Fields:
    centres = random.uniform(-5, 5, (classes, dims))
    label = np.arange(n) % classes
    return {"x": centres[label] + std * random.standard_normal((n, dims)), "label": label}


@task("Gaussians on a circle, what a generator drops modes of: x [n, 2], label (the mode)")
def ring(random: Random, n: int = 1000, modes: int = 8, radius: float = 2.0, std: float = 0.05) -> Fields:
    label = random.randint(modes, size=n)
    angle = 2 * np.pi * label / modes
    centre = radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return {"x": centre + std * random.standard_normal((n, 2)), "label": label}


@task("unpaired: three Gaussians at the corners of a triangle (a [n, 2]) and of another (b [m, 2])")
def mixtures(random: Random, n: int = 1000, m: int = 1000, std: float = 0.1) -> Fields:
    angle = 2 * np.pi * np.arange(3) / 3
    corners = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    first, second = random.randint(3, size=n), random.randint(3, size=m)
    a = corners[first] + std * random.standard_normal((n, 2))
    b = np.array([4.0, 0.0]) - 1.5 * corners[second] + std * random.standard_normal((m, 2))
    return {"a": a, "b": b}


@task("exclusive or: x [n, 2] of the four corners in turn, label and y [n, 1]")
def xor(random: Random, n: int = 4, noise: float = 0.0) -> Fields:
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])[np.arange(n) % 4]
    label = corners[:, 0] ^ corners[:, 1]
    x = corners + noise * random.standard_normal((n, 2))
    return {"x": x, "label": label, "y": label[:, None].astype(np.float64)}


@task("whether the number of ones is odd: x [n, bits] of 0 and 1, label; all 2**bits rows with n=0")
def parity(random: Random, n: int = 0, bits: int = 8) -> Fields:
    if not n and bits > 20:
        raise Unfit("bits", "all rows of `parity` are of 20 bits at most")
    if n:
        x = random.randint(2, size=(n, bits))
    else:
        x = np.arange(2**bits)[:, None] >> np.arange(bits)[::-1] & 1
    label = x.sum(axis=1) % 2
    return {"x": x.astype(np.float64), "label": label, "y": label[:, None].astype(np.float64)}


@task("two classes that a plane divides, no point nearer to it than margin: x [n, dims] in the unit ball, label")
def separable(random: Random, n: int = 200, dims: int = 2, margin: float = 0.1) -> Fields:
    if margin > 0.5:
        raise Unfit("margin", "`margin` is 0.5 at most")
    normal = random.standard_normal(dims)
    normal /= np.linalg.norm(normal)
    kept = np.empty((0, dims))
    while len(kept) < n:
        direction = random.standard_normal((4 * n, dims))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        x = direction * random.random_sample((4 * n, 1)) ** (1 / dims)
        kept = np.concatenate([kept, x[np.abs(x @ normal) >= margin]])
    label = (kept[:n] @ normal > 0).astype(np.int64)
    return {"x": kept[:n], "label": label, "y": label.astype(np.float64)}


@task("normal numbers with labels that have nothing to do with them: x [n, dims], label")
def random_labels(random: Random, n: int = 1000, dims: int = 32, classes: int = 10) -> Fields:
    return {"x": random.standard_normal((n, dims)), "label": random.randint(classes, size=n)}
