"""Channels of a value: how many there are in effect, which are dead, which are the same."""

from __future__ import annotations

import torch
from torch import Tensor

from fanin.record import record

SAME = 1e-5  # how far from 1 the correlation of two channels may be that count as one
DEAD = 1e-10  # the share of the largest variance below which a channel does not vary


@record(eq=False)
class Features:
    """``covariance`` ``[C, C]`` of channels over samples and positions, and what it says.

    ``rank`` is the exponential of the entropy of its eigenvalues as shares: C for uncorrelated channels of one
    variance, 1 where all are multiples of one. ``dead`` channels are constant; ``duplicates`` are groups whose
    correlation is 1 or -1.
    """

    covariance: Tensor
    rank: float
    dead: tuple[int, ...]
    duplicates: tuple[tuple[int, ...], ...]

    @property
    def channels(self) -> int:
        return self.covariance.shape[0]


def features(value: Tensor, *, axis: int = 1) -> Features:
    """Look at the channels (``axis``) of a value over all its other axes.

    Source: Roy and Vetterli 2007, "The effective rank".
    """
    rows = value.detach().double().movedim(axis, -1).flatten(0, -2)
    if rows.shape[0] < 2:
        raise ValueError("a covariance takes two samples or more")
    centred = rows - rows.mean(dim=0)
    covariance = centred.T @ centred / (rows.shape[0] - 1)
    variance = covariance.diagonal()
    top = float(variance.max())
    still = variance <= max(DEAD * top, torch.finfo(torch.double).tiny)
    shares = torch.linalg.eigvalsh(covariance).clamp_min(0)
    shares = shares / shares.sum() if top > 0 else shares
    rank = float(torch.special.entr(shares).sum().exp()) if top > 0 else 0.0
    dead = tuple(int(i) for i in still.nonzero().flatten())
    return Features(covariance, rank, dead, tuple(_same(covariance, still)))


def _same(covariance: Tensor, still: Tensor) -> list[tuple[int, ...]]:
    scale = covariance.diagonal().clamp_min(torch.finfo(torch.double).tiny).sqrt()
    alike = (covariance / (scale[:, None] * scale[None])).abs() > 1 - SAME
    alike &= ~still[:, None] & ~still[None]
    groups: list[tuple[int, ...]] = []
    seen: set[int] = set()
    for i in range(len(scale)):
        if i not in seen and not bool(still[i]):
            group = tuple(int(j) for j in alike[i].nonzero().flatten() if int(j) not in seen)
            seen |= set(group)
            groups += [group] if len(group) > 1 else []
    return groups


def decorrelation(value: Tensor, *, axis: int = 1) -> Tensor:
    """A penalty with a gradient: the mean square of the correlations between different channels.

    0 for uncorrelated channels, 1 where all are multiples of one. As Cogswell et al. 2016 (DeCov), on correlations in
    place of covariances, so that shrinking the channels does not help.
    """
    rows = value.movedim(axis, -1).flatten(0, -2)
    centred = rows - rows.mean(dim=0)
    unit = centred / (centred.norm(dim=0) + 1e-8)
    alike = unit.T @ unit
    count = alike.shape[0]
    off = alike - torch.diag(alike.diagonal())
    return torch.as_tensor(off.square().sum() / max(count * (count - 1), 1))
