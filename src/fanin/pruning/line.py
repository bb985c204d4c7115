"""How much worse a network is between two others: numbers of a measure at places of the straight line between them."""

from __future__ import annotations

from collections.abc import Sequence

POINTS = 11
"""Places on a line, the ends among them."""


def instability(values: Sequence[float], kind: str) -> float:
    """How much worse a measure is at the worst place of a line than at its ends, on average.

    ``kind`` "loss" is better where it is less, anything else where it is more. Below 0.02 of accuracy, two trainings
    are held to be connected.

    Formula: ``max_α E(α W₁ + (1 - α) W₂) - (E(W₁) + E(W₂)) / 2``, the error barrier height.
    Source: Frankle et al. 2020, "Linear Mode Connectivity and the Lottery Ticket Hypothesis", section 2.
    """
    worse = _errors(values, kind)
    return max(worse) - (worse[0] + worse[-1]) / 2


def barrier(values: Sequence[float], kind: str) -> float:
    """How far a measure is above the chord between the ends of a line at most, inside it: never for a convex loss.

    Formula: ``max_α E(α W₁ + (1 - α) W₂) - α E(W₁) - (1 - α) E(W₂)``.
    Source: Entezari et al. 2022, "The Role of Permutation Invariance in Linear Mode Connectivity", section 2.
    """
    worse = _errors(values, kind)
    last = len(worse) - 1
    chord = [(worse[0] * (last - i) + worse[-1] * i) / last for i in range(last + 1)]
    return max(worse[i] - chord[i] for i in range(1, last))


def _errors(values: Sequence[float], kind: str) -> list[float]:
    return [value if kind == "loss" else -value for value in values]
