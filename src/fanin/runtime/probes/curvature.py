"""The Hessian of a loss in the weights: how ill-conditioned a landscape is, and whether a point is a saddle."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from fanin.record import record

DENSE = 512  # up to so many weights all eigenvalues are computed
NOISE = 100  # times the accuracy of the numbers and the largest: what counts as zero


@record
class Curvature:
    """The ends of the spectrum of the Hessian, and what kind of point it is at.

    ``condition`` is the largest eigenvalue over the smallest by size, infinite where that is not told from 0. Where
    ``exact`` is false both ends are Ritz values, off by ``error`` at most; the smallest by size is then known only
    where all eigenvalues have one sign.
    """

    smallest: float
    largest: float
    condition: float
    gradient: float  # its length
    kind: str  # "minimum" | "maximum" | "saddle" | "flat" | "slope"
    exact: bool
    error: float

    @property
    def saddle(self) -> bool:
        return self.kind == "saddle"


def curvature(
    net: nn.Module, loss: Callable[[], Tensor], *, steps: int = 200, tolerance: float = 1e-6, dense: int = DENSE
) -> Curvature:
    """The curvature of ``loss()`` in the trainable weights of a network, where they are now.

    For up to ``dense`` weights from the whole Hessian; beyond that by Lanczos' method with full orthogonalisation, in
    at most ``steps`` products, until both ends are known to ``tolerance`` of the largest. A point is stationary where
    the length of the gradient is below 1e-4 of the largest eigenvalue (a Newton step would be shorter than that).
    Source: Pearlmutter 1994 (products); Golub and Van Loan 2013, section 10.1 (Lanczos).
    """
    weights = [p for p in net.parameters() if p.requires_grad]
    if not weights:
        raise ValueError("the network has no weights to train")
    product, slope = hessian_product(loss, weights)
    count = slope.numel()
    if count <= dense:
        rows = torch.stack([product(unit) for unit in torch.eye(count, dtype=slope.dtype, device=slope.device)])
        values, error, exact = torch.linalg.eigvalsh((rows + rows.T) / 2), 0.0, True
    else:
        values, error = _lanczos(product, slope, steps, tolerance)
        exact = False
    low, high = float(values[0]), float(values[-1])
    size = max(abs(low), abs(high))
    least = float(values.abs().min()) if exact or low * high > 0 else 0.0
    zero = max(NOISE * max(torch.finfo(w.dtype).eps for w in weights) * size, error)
    condition = size / least if least > zero else float("inf")
    length = float(slope.norm())
    return Curvature(low, high, condition, length, _kind(values, length, zero), exact, error)


def _kind(values: Tensor, length: float, zero: float) -> str:
    """What kind of point it is, by eigenvalues or Ritz values, which lie between the outer ones."""
    size = float(values.abs().max())
    if length > 1e-4 * size or (size == 0 and length > 0):
        return "slope"
    up, down = bool((values > zero).any()), bool((values < -zero).any())
    if up and down:
        return "saddle"
    if bool((values.abs() <= zero).any()):
        return "flat"
    return "minimum" if up else "maximum"


def hessian_product(loss: Callable[[], Tensor], weights: Sequence[Tensor]) -> tuple[Callable[[Tensor], Tensor], Tensor]:
    """``v ↦ H v`` for vectors as long as all weights in a row, in float64, and the gradient as such a vector."""
    with torch.random.fork_rng(devices=[]), sdpa_kernel(SDPBackend.MATH):
        value = loss()
        grads = torch.autograd.grad(value, weights, create_graph=True, materialize_grads=True)

    def row(parts: Sequence[Tensor]) -> Tensor:
        return torch.cat([p.detach().double().flatten() for p in parts])

    curved = [(g, w) for g, w in zip(grads, weights, strict=True) if g.requires_grad]

    def product(vector: Tensor) -> Tensor:
        pieces = torch.split(vector, [w.numel() for w in weights])
        given = [v.view_as(g).to(g) for v, g in zip(pieces, grads, strict=True) if g.requires_grad]
        if not curved:
            return torch.zeros_like(vector)
        with sdpa_kernel(SDPBackend.MATH):
            found = torch.autograd.grad(
                [g for g, _ in curved], weights, given, retain_graph=True, materialize_grads=True
            )
        return row(found)

    return product, row(grads)


def _lanczos(product: Callable[[Tensor], Tensor], like: Tensor, steps: int, tolerance: float) -> tuple[Tensor, float]:
    """Ritz values in order, and by how much the outer two are off at most."""
    generator = torch.Generator(device=like.device).manual_seed(0)
    v = torch.randn(like.shape, generator=generator, dtype=like.dtype, device=like.device)
    basis, alpha, beta = [v / v.norm()], [], []
    values, error = torch.zeros(1), 0.0
    for step in range(min(steps, like.numel())):
        w = product(basis[-1])
        alpha.append(float(w @ basis[-1]))
        for _ in range(2):  # twice is enough (Parlett 1998, section 6.9)
            w = w - torch.stack(basis).T @ (torch.stack(basis) @ w)
        beta.append(float(w.norm()))
        if step % 10 == 9 or beta[-1] <= 1e-12 * max(map(abs, alpha)) or step + 1 == min(steps, like.numel()):
            whole = torch.diag(torch.tensor(alpha)) + torch.diag(torch.tensor(beta[:-1]), 1)
            values, vectors = torch.linalg.eigh((whole + whole.T - torch.diag(torch.tensor(alpha))).double())
            error = beta[-1] * float(vectors[-1, [0, -1]].abs().max())
            if error <= tolerance * float(values.abs().max()):
                break
        basis.append(w / beta[-1])
    return values, error
