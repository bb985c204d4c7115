"""What of its input a value keeps: a linear map back, fitted on some samples and judged on others."""

from __future__ import annotations

import torch
from torch import Tensor

RIDGE = 1e-3  # of the mean variance of a feature


def reconstruction(
    value: Tensor, target: Tensor, held_value: Tensor, held_target: Tensor, *, ridge: float = RIDGE
) -> float:
    """R² of the best linear read-out of ``target`` from ``value`` (both ``[N, *]``), on held-out samples.

    1: all of it can be read off; 0: no better than the mean. Ridge regression with the penalty ``ridge`` times the mean
    variance of a feature; R² is over all numbers of the target together.
    """
    x, y = value.detach().double().flatten(1), target.detach().double().flatten(1)
    centre, mean = x.mean(dim=0), y.mean(dim=0)
    x = x - centre
    gram = x.T @ x
    penalty = ridge * float(gram.diagonal().mean()) + 1e-30
    weights = torch.linalg.solve(gram + penalty * torch.eye(len(gram), dtype=x.dtype), x.T @ (y - mean))
    held, truth = held_value.detach().double().flatten(1), held_target.detach().double().flatten(1)
    left = (truth - mean - (held - centre) @ weights).square().sum()
    whole = (truth - truth.mean(dim=0)).square().sum()
    return float(1 - left / whole)
