"""Small pictures, and sequences of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from fanin.data.address import parse_address
from fanin.data.sources.bundled import open_bundled
from fanin.data.table import Data
from fanin.data.tasks.registry import Fields, Random, Unfit, task


def _digits() -> tuple[Any, Any]:
    data = open_bundled(parse_address("digits"))
    return data["image"], data["label"]


@task("a dot that moves and bounces: video [n, frames, 1, size, size], frame (what comes next)")
def moving_dot(random: Random, n: int = 500, frames: int = 4, size: int = 16, width: float = 1.0) -> Fields:
    if size < 4:
        raise Unfit("size", "`size` is 4 or more")
    start, speed = random.uniform(1, size - 2, (n, 1, 2)), random.uniform(-2, 2, (n, 1, 2))
    free = start + speed * np.arange(frames + 1)[None, :, None]
    span = size - 1.0
    place = span - np.abs(np.mod(free, 2 * span) - span)  # mirrored at the walls
    grid = np.arange(size)
    across = np.exp(-((grid - place[:, :, :1]) ** 2) / (2 * max(width, 0.1) ** 2))
    down = np.exp(-((grid - place[:, :, 1:]) ** 2) / (2 * max(width, 0.1) ** 2))
    film = (down[:, :, :, None] * across[:, :, None, :])[:, :, None]
    return {"video": film[:, :frames], "frame": film[:, frames]}


@task("unpaired: points that go around a circle (a [n, frames, 2]) and around an ellipse (b [m, frames, 2])")
def orbits(random: Random, n: int = 500, m: int = 500, frames: int = 6, speed: float = 0.5) -> Fields:
    turns = speed * np.arange(frames)
    first = 2 * np.pi * random.random_sample((n, 1)) + turns
    second = 2 * np.pi * random.random_sample((m, 1)) + turns
    a = np.stack([np.cos(first), np.sin(first)], axis=2)
    b = np.stack([3 + 2 * np.cos(second), np.sin(second)], axis=2)
    return {"a": a, "b": b}


@task("a digit in one quarter of an empty picture: image [n, 1, 16, 16], label, corner")
def quadrant(random: Random, n: int = 1797) -> Data:
    image, label = _digits()
    at, corner = random.randint(len(image), size=n), random.randint(4, size=n)
    scene = np.zeros((n, 1, 16, 16))
    for row, (i, c) in enumerate(zip(at.tolist(), corner.tolist(), strict=True)):
        top, left = 8 * (c // 2), 8 * (c % 2)
        scene[row, :, top : top + 8, left : left + 8] = image[i]
    return Data({"image": scene, "label": label[at], "corner": corner}, "quadrant")


@task("pairs of digits, half of them of one class: left, right [n, 1, 8, 8], same bool[n]")
def digit_pairs(random: Random, n: int = 4000) -> Data:
    image, label = _digits()
    left, same = random.randint(len(image), size=n), np.arange(n) % 2 == 0
    right = np.empty(n, dtype=np.int64)
    for row, (i, alike) in enumerate(zip(left.tolist(), same.tolist(), strict=True)):
        choice = np.flatnonzero((label == label[i]) == alike)
        right[row] = choice[random.randint(len(choice))]
    return Data({"left": image[left], "right": image[right], "same": same}, "digit_pairs")


@task("digits as they are and turned by 90, 180 and 270 degrees: image [4 * n, 1, 8, 8], turn, label")
def turned_digits(random: Random, n: int = 1797) -> Data:
    image, label = _digits()
    at = np.arange(n) % len(image) if n <= len(image) else random.randint(len(image), size=n)
    turn = np.tile(np.arange(4), n)
    turned = np.stack([np.rot90(image[at], k, axes=(2, 3)) for k in range(4)], axis=1).reshape(4 * n, 1, 8, 8)
    return Data({"image": turned, "turn": turn, "label": np.repeat(label[at], 4)}, "turned_digits")


@task("digits and what they are called: image [n, 1, 8, 8], token int[n, 5] (letters, from 1), label")
def captions(random: Random, n: int = 1797) -> Data:
    image, label = _digits()
    words = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    table = np.array([[ord(c) - 96 for c in word] + [0] * (5 - len(word)) for word in words])
    at = np.arange(n) % len(image) if n <= len(image) else random.randint(len(image), size=n)
    return Data({"image": image[at], "token": table[label[at]], "label": label[at]}, "captions", {"label": words})


@task("pictures of up to three parts, a square, a bar and a disc: image [n, 1, size, size], part bool[n, 3]")
def parts(random: Random, n: int = 1000, size: int = 16) -> Fields:
    if size < 12:
        raise Unfit("size", "`size` is 12 or more")
    there = random.random_sample((n, 3)) < 0.7
    row, column = np.mgrid[:size, :size]
    third = size / 3
    image = np.zeros((n, 1, size, size))
    middle = third / 2 + third * np.arange(3) + random.uniform(-1, 1, (n, 3))
    height = random.uniform(third, size - third, (n, 3))
    for i in range(n):
        shapes = (
            np.maximum(abs(row - height[i, 0]), abs(column - middle[i, 0])) <= third / 3,
            (abs(row - height[i, 1]) <= third / 2) & (abs(column - middle[i, 1]) <= 1),
            (row - height[i, 2]) ** 2 + (column - middle[i, 2]) ** 2 <= (third / 2.5) ** 2,
        )
        for shape, shown in zip(shapes, there[i], strict=True):
            image[i, 0] += shape * shown
    return {"image": np.minimum(image, 1.0), "part": there}
