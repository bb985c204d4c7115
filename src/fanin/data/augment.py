"""Random changes of pictures that keep what they show, drawn anew for each row of each batch.

What is drawn follows from (seed, epoch, number of the batch, field), so a resumed run draws the same. Pictures are
[n, C, H, W], from 0 to 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from fanin.data.changes import Change

_GREY = (0.299, 0.587, 0.114)  # the luma of ITU-R BT.601


def augmented(pictures: Tensor, changes: Sequence[Change], draw: torch.Generator, rows: slice, count: int) -> Tensor:
    """The pictures, which are these ``rows`` of a batch of ``count``, changed in the order of the changes.

    Numbers are drawn for the whole batch, so that processes that share it draw what one would.
    """
    n, _, high, wide = pictures.shape
    move = torch.eye(2, 3).repeat(n, 1, 1)
    moved = False

    def uniform(*shape: int) -> Tensor:
        return torch.rand((count, *shape), generator=draw)[rows]

    for change in changes:
        if change.name in _MOVES:
            move, moved = torch.baddbmm(*_then(move, _MOVES[change.name](change.amount, uniform, high, wide))), True
            continue
        if moved:
            pictures, move, moved = _sampled(pictures, move), torch.eye(2, 3).repeat(n, 1, 1), False
        pictures = _COLOURS[change.name](pictures, change.amount, uniform)
    return _sampled(pictures, move) if moved else pictures


Uniform = Callable[..., Tensor]


def _shift(amount: float, uniform: Uniform, high: int, wide: int) -> Tensor:
    """By up to so many pixels each way."""
    by = (2 * uniform(2) - 1) * amount * 2 / torch.tensor([float(wide), float(high)])
    one = torch.ones(len(by))
    return _affine(one, 0 * one, 0 * one, one, by)


def _rotate(amount: float, uniform: Uniform, high: int, wide: int) -> Tensor:
    """By up to so many degrees each way."""
    angle = (2 * uniform() - 1) * math.radians(amount)
    cos, sin = angle.cos(), angle.sin()
    return _affine(cos, -sin * high / wide, sin * wide / high, cos, torch.zeros(len(angle), 2))


def _zoom(amount: float, uniform: Uniform, high: int, wide: int) -> Tensor:
    """Larger or smaller by up to this fraction."""
    by = 1 / (1 + (2 * uniform() - 1) * amount)
    return _affine(by, 0 * by, 0 * by, by, torch.zeros(len(by), 2))


def _stretch(amount: float, uniform: Uniform, high: int, wide: int) -> Tensor:
    """Another ratio of width to height, by up to this fraction."""
    by = torch.exp((2 * uniform() - 1) * math.log1p(amount) / 2)
    return _affine(by, 0 * by, 0 * by, 1 / by, torch.zeros(len(by), 2))


def _flip(amount: float, uniform: Uniform, high: int, wide: int) -> Tensor:
    """Left and right exchanged, with this probability."""
    sign = 1 - 2 * (uniform() < amount).float()
    one = torch.ones(len(sign))
    return _affine(sign, 0 * one, 0 * one, one, torch.zeros(len(sign), 2))


def _crop(amount: float, uniform: Uniform, high: int, wide: int) -> Tensor:
    """A window of at least this fraction of the area, brought to the size of the whole."""
    side = (amount + (1 - amount) * uniform()).sqrt()
    by = (2 * uniform(2) - 1) * (1 - side)[:, None]
    return _affine(side, 0 * side, 0 * side, side, by)


def _affine(a: Tensor, b: Tensor, c: Tensor, d: Tensor, by: Tensor) -> Tensor:
    return torch.stack([torch.stack([a, b, by[:, 0]], 1), torch.stack([c, d, by[:, 1]], 1)], 1)


def _then(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What ``baddbmm`` makes of two maps: where a place of the picture came from, through both."""
    shift = torch.cat([torch.zeros(len(first), 2, 2), first[:, :, 2:]], 2)
    return shift, first[:, :, :2], second


def _sampled(pictures: Tensor, move: Tensor) -> Tensor:
    grid = torch.nn.functional.affine_grid(move.to(pictures.dtype), list(pictures.shape), align_corners=False)
    return torch.nn.functional.grid_sample(pictures, grid, padding_mode="zeros", align_corners=False)


def _bright(x: Tensor, amount: float, uniform: Uniform) -> Tensor:
    """Times up to this much more or less."""
    return (x * (1 + (2 * uniform(1, 1, 1) - 1) * amount).to(x.dtype)).clamp(0, 1)


def _contrast(x: Tensor, amount: float, uniform: Uniform) -> Tensor:
    """Further from the mean, or nearer to it, by up to this much."""
    mean = x.mean((1, 2, 3), keepdim=True)
    return (mean + (x - mean) * (1 + (2 * uniform(1, 1, 1) - 1) * amount).to(x.dtype)).clamp(0, 1)


def _colour(x: Tensor, amount: float, uniform: Uniform) -> Tensor:
    """Each channel times up to this much more or less."""
    return (x * (1 + (2 * uniform(x.shape[1], 1, 1) - 1) * amount).to(x.dtype)).clamp(0, 1)


def _grey(x: Tensor, amount: float, uniform: Uniform) -> Tensor:
    """Without colour, with this probability."""
    if x.shape[1] != 3:
        return x
    flat = (x * torch.tensor(_GREY, dtype=x.dtype)[:, None, None]).sum(1, keepdim=True).expand_as(x)
    return torch.where(uniform(1, 1, 1) < amount, flat, x)


def _noise(x: Tensor, amount: float, uniform: Uniform) -> Tensor:
    """Normal noise of this deviation (Box and Muller 1958, from uniform numbers)."""
    radius = (-2 * torch.log1p(-uniform(*x.shape[1:]))).sqrt()
    return x + amount * (radius * torch.cos(2 * math.pi * uniform(*x.shape[1:]))).to(x.dtype)


_MOVES: dict[str, Callable[[float, Uniform, int, int], Tensor]] = {
    "shift": _shift,
    "rotate": _rotate,
    "zoom": _zoom,
    "stretch": _stretch,
    "flip": _flip,
    "crop": _crop,
}
_COLOURS: dict[str, Callable[[Tensor, float, Uniform], Tensor]] = {
    "bright": _bright,
    "contrast": _contrast,
    "colour": _colour,
    "grey": _grey,
    "noise": _noise,
}
