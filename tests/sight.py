"""What a compiled module really depends on, and what was said of it: masks over (output, input) to hold together."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, prod

import numpy as np
import torch
from torch import Tensor, nn

from fanin.analyses.dependence import Dependence
from fanin.ir.dims import Dim, Symbol, evaluate
from fanin.ir.places import Span
from fanin.runtime.samples import flat

Mask = np.ndarray


def said(d: Dependence, sizes: Mapping[Symbol, int]) -> Mask:
    """Which entries of the input an entry of the output may depend on: bool [entries of output, entries of input]."""
    out = [at(n, sizes) for n in d.to.shape]
    into = [at(n, sizes) for n in d.of.shape]
    places = np.indices(out).reshape(len(out), prod(out)) if out else np.zeros((0, 1), int)
    found = np.zeros((prod(out), prod(into)), bool)
    for box in d.boxes if found.size else ():
        mask = np.ones((prod(out), 1), bool)
        for span, size in zip(box, into, strict=True):
            seen = along(span, places, size, sizes)
            mask = (mask[:, :, None] & seen[:, None, :]).reshape(prod(out), -1)
        found |= mask
    return found


def at(d: Dim | float, sizes: Mapping[Symbol, int]) -> int:
    return evaluate(d, sizes)  # type: ignore[arg-type]


def along(span: Span, places: Mask, size: int, sizes: Mapping[Symbol, int]) -> Mask:
    """Which of ``size`` positions each place sees."""
    centre = np.zeros(places.shape[1], int)
    for factor, d in span.terms:
        centre = centre + at(factor, sizes) * ((places[d.axis] // at(d.unit, sizes)) % at(d.size, sizes))
    low = -(10**9) if span.low == -inf else at(span.low, sizes)
    high = 10**9 if span.high == inf else at(span.high, sizes)
    i = np.arange(size)[None]
    if span.wraps is None:
        return (i >= (centre + low)[:, None]) & (i <= (centre + high)[:, None])
    assert at(span.wraps, sizes) == size
    return ((i - (centre + low)[:, None]) % size) <= high - low


def really(net: nn.Module, inputs: list[Tensor], which: int, tries: int = 2) -> list[Mask]:
    """Which outputs change with which entries of one input: by the Jacobian for floats, by trying others for the rest.

    One mask for each output tensor."""
    x = inputs[which]
    if x.is_floating_point():
        return by_jacobian(net, inputs, which)
    with torch.no_grad():
        plain = [y.double() for y in flat(net(*inputs))]
        masks = [np.zeros((y.numel(), x.numel()), bool) for y in plain]
        for i in range(x.numel()):
            for step in range(1, tries + 1):
                changed = x.clone().reshape(-1)
                changed[i] = ~changed[i] if x.dtype is torch.bool else (changed[i] + step) % (int(x.max()) + 1)
                other = [*inputs]
                other[which] = changed.reshape(x.shape)
                for mask, y, z in zip(masks, plain, flat(net(*other)), strict=True):
                    mask[:, i] |= ((y - z.double()).abs() > 1e-9).reshape(-1).numpy()
    return masks


def by_jacobian(net: nn.Module, inputs: list[Tensor], which: int) -> list[Mask]:
    x = inputs[which].clone().requires_grad_()
    other = [*inputs]
    other[which] = x
    found = []
    outs = flat(net(*other))
    for y in outs:
        rows = np.zeros((y.numel(), x.numel()), bool)
        if y.requires_grad:
            for i, entry in enumerate(y.reshape(-1)):
                (g,) = torch.autograd.grad(entry, x, retain_graph=True, allow_unused=True)
                if g is not None:
                    rows[i] = (g.abs() > 1e-13).reshape(-1).numpy()
        found.append(rows)
    return found
