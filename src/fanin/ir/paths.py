"""Paths of modules and weights as specs write them: ``net.*.norm``, in which a ``*`` is one level."""

from __future__ import annotations


def covers(pattern: str, path: str) -> bool:
    """Whether a path is what the pattern says, or below it."""
    mine, other = pattern.split("."), path.split(".")
    return len(mine) <= len(other) and _agree(mine, other)


def meets(one: str, other: str) -> bool:
    """Whether one is the other, or above or below it; either may be a pattern."""
    return _agree(one.split("."), other.split("."))


def _agree(one: list[str], other: list[str]) -> bool:
    """As far as the shorter one goes."""
    return all(a == b or "*" in (a, b) for a, b in zip(one, other, strict=False))
