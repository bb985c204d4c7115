"""Sequences of symbols, bits and numbers."""

from __future__ import annotations

import numpy as np

from fanin.data.table import Data
from fanin.data.tasks.registry import Fields, Random, Unfit, task


@task("translate a sequence into its reverse: source, target (begins with 0), next int[n, length]; symbols from 1")
def reverse(random: Random, n: int = 2000, length: int = 10, symbols: int = 10) -> Fields:
    source = random.randint(1, symbols + 1, size=(n, length))
    wanted = source[:, ::-1].copy()
    begin = np.zeros((n, 1), dtype=wanted.dtype)
    return {"source": source, "target": np.concatenate([begin, wanted[:, :-1]], axis=1), "next": wanted}


@task("sequences that read the same from both ends: token int[n, length]")
def palindromes(random: Random, n: int = 2000, length: int = 12, symbols: int = 16) -> Fields:
    half = random.randint(symbols, size=(n, (length + 1) // 2))
    return {"token": np.concatenate([half, half[:, ::-1][:, length % 2 :]], axis=1)}


@task("symbols at the start, to be said after many blanks: token, target int[n, 2 * length + blanks]")
def memory(random: Random, n: int = 1000, length: int = 10, blanks: int = 50, symbols: int = 8) -> Fields:
    """Symbols are from 1; 0 is the blank, ``symbols + 1`` says that it is time to answer."""
    said = random.randint(1, symbols + 1, size=(n, length))
    token = np.zeros((n, 2 * length + blanks), dtype=np.int64)
    target = token.copy()
    token[:, :length], token[:, length + blanks - 1], target[:, length + blanks :] = said, symbols + 1, said
    return {"token": token, "target": target}


@task("add the two numbers that are marked: x [n, length, 2] (numbers, marks), y [n, 1]")
def adding(random: Random, n: int = 1000, length: int = 50) -> Fields:
    if length < 2:
        raise Unfit("length", "`length` is 2 or more: two numbers are added")
    numbers, marks = random.random_sample((n, length)), np.zeros((n, length))
    first = random.randint(length // 2, size=n)
    second = length // 2 + random.randint(length - length // 2, size=n)
    rows = np.arange(n)
    marks[rows, first] = marks[rows, second] = 1
    return {"x": np.stack([numbers, marks], axis=2), "y": (numbers * marks).sum(axis=1, keepdims=True)}


# -------------------------------------------------- what a machine with a memory learns (Graves et al. 2014, section 4)


@task("copy rows of bits after a mark: x [n, T, bits + 1], target [n, T, bits], mask bool[n, T]; T = 2 * length + 1")
def copy(random: Random, n: int = 1000, length: int = 8, bits: int = 8, shortest: int = 0) -> Fields:
    """The last channel of x is the mark. With ``shortest`` the lengths are drawn, and what is left over is 0."""
    if shortest > length:
        raise Unfit("shortest", f"`shortest` is `length` = {length} at most")
    lengths = random.randint(shortest or length, length + 1, size=n)
    return _said(random, lengths, length, bits, 1)


@task("copy them several times: as `copy`, with 1 / repeats beside the mark; T = (repeats + 1) * length + 1")
def repeat_copy(random: Random, n: int = 1000, length: int = 4, repeats: int = 3, bits: int = 6) -> Fields:
    return _said(random, np.full(n, length), length, bits, repeats)


def _said(random: Random, lengths: np.ndarray, longest: int, bits: int, repeats: int) -> Fields:
    n, total = len(lengths), (repeats + 1) * longest + 1
    shown = random.randint(2, size=(n, longest, bits)) * (np.arange(longest) < lengths[:, None])[:, :, None]
    x = np.zeros((n, total, bits + 1))
    target, mask = np.zeros((n, total, bits)), np.zeros((n, total), dtype=bool)
    x[:, :longest, :bits] = shown
    for row, size in enumerate(lengths.tolist()):
        x[row, size, bits] = 1 / repeats
        end = size + 1 + repeats * size
        target[row, size + 1 : end] = np.tile(shown[row, :size], (repeats, 1))
        mask[row, size + 1 : end] = True
    return {"x": x, "target": target, "mask": mask}


@task("say the item after the one that is asked for: x [n, T, bits + 2], target [n, T, bits], mask bool[n, T]")
def recall(random: Random, n: int = 1000, items: int = 4, rows: int = 2, bits: int = 6) -> Fields:
    """Each item is a mark (channel ``bits``) and ``rows`` rows of bits; the question stands between two others
    (channel ``bits + 1``). T = items * (rows + 1) + 2 * rows + 2."""
    if items < 2:
        raise Unfit("items", "`items` is 2 or more: one is asked for, another follows")
    total = items * (rows + 1) + 2 * rows + 2
    shown = random.randint(2, size=(n, items, rows, bits))
    x, target, mask = np.zeros((n, total, bits + 2)), np.zeros((n, total, bits)), np.zeros((n, total), dtype=bool)
    for i in range(items):
        at = i * (rows + 1)
        x[:, at, bits] = 1
        x[:, at + 1 : at + 1 + rows, :bits] = shown[:, i]
    asked = random.randint(items - 1, size=n)
    at = items * (rows + 1)
    x[:, at, bits + 1] = x[:, at + rows + 1, bits + 1] = 1
    x[:, at + 1 : at + 1 + rows, :bits] = shown[np.arange(n), asked]
    target[:, -rows:], mask[:, -rows:] = shown[np.arange(n), asked + 1], True
    return {"x": x, "target": target, "mask": mask}


@task("say the rows of highest priority, in order: x [n, T, bits + 2], target [n, T, bits], mask bool[n, T]")
def priority_sort(random: Random, n: int = 1000, length: int = 8, top: int = 6, bits: int = 6) -> Fields:
    """Channel ``bits`` is the priority, from -1 to 1, and ``bits + 1`` the mark; T = length + 1 + top."""
    if top > length:
        raise Unfit("top", f"`top` is `length` = {length} at most")
    total = length + 1 + top
    shown, priority = random.randint(2, size=(n, length, bits)), random.uniform(-1, 1, (n, length))
    x, target, mask = np.zeros((n, total, bits + 2)), np.zeros((n, total, bits)), np.zeros((n, total), dtype=bool)
    x[:, :length, :bits], x[:, :length, bits], x[:, length, bits + 1] = shown, priority, 1
    order = np.argsort(-priority, axis=1, kind="stable")[:, :top]
    target[:, length + 1 :], mask[:, length + 1 :] = np.take_along_axis(shown, order[:, :, None], axis=1), True
    return {"x": x, "target": target, "mask": mask}


# ------------------------------------------------------------------------------------------------- a small language

_WORDS = {
    "det": ("a", "the", "one"),
    "adj": ("old", "small", "red", "quick"),
    "noun": ("cat", "dog", "bird", "fish", "fox"),
    "verb": ("sees", "likes", "follows", "finds"),
}
LETTERS = " .abcdefghijklmnopqrstuvwxyz"


@task("letters of sentences like `the old cat sees a bird.`: token, next int[n, length], 28 letters")
def chars(random: Random, n: int = 1000, length: int = 32) -> Data:
    def noun_phrase() -> list[str]:
        middle = [_one(random, "adj")] if random.random_sample() < 0.5 else []
        return [_one(random, "det"), *middle, _one(random, "noun")]

    text = ""
    while len(text) < n + length + 1:
        text += " ".join([*noun_phrase(), _one(random, "verb"), *noun_phrase()]) + ". "
    letters = np.array([LETTERS.index(c) for c in text], dtype=np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(letters, length + 1)[:n].copy()
    names = tuple(LETTERS)
    fields = {"token": windows[:, :-1].copy(), "next": windows[:, 1:].copy()}
    return Data(fields, "chars", {"token": names, "next": names})


def _one(random: Random, kind: str) -> str:
    words = _WORDS[kind]
    return words[int(random.randint(len(words)))]
