"""Adversarial inputs: what a small step along the sign of the input's gradient does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fanin.record import record
from fanin.runtime.probes.modes import evaluating


@record
class Attack:
    """A step of size ``epsilon``: the share that is still right, and the mean margin.

    The margin is the logit of the true class above the best other; of a single logit, the logit with the sign of the
    target. An input is right where it is above 0.
    """

    epsilon: float
    accuracy: float
    margin: float


def adversarial(
    net: nn.Module,
    x: Tensor,
    y: Tensor,
    epsilons: Sequence[float],
    *,
    low: float | None = None,
    high: float | None = None,
) -> list[Attack]:
    """The fast gradient sign method at several sizes: inputs ``x``, classes ``y`` (0 or 1 for a single logit).

    ``low`` and ``high`` are what inputs are cut to. A network that gives several tensors is asked for its first.
    Source: Goodfellow et al. 2015, section 4.
    """
    if y.shape != x.shape[:1]:
        raise ValueError(f"there are {len(x)} samples, and classes of shape {list(y.shape)}")
    with evaluating(net):
        direction = sign_of_gradient(net, x, y)
        found = []
        for epsilon in epsilons:
            moved = x + epsilon * direction
            if low is not None or high is not None:
                moved = moved.clamp(low, high)
            with torch.no_grad():
                margin = margins(_logits(net(moved)), y)
            found.append(Attack(float(epsilon), float((margin > 0).double().mean()), float(margin.double().mean())))
    return found


def sign_of_gradient(net: Callable[[Tensor], object], x: Tensor, y: Tensor) -> Tensor:
    """The direction in which every number of the input is moved: +1, -1, or 0 where the loss does not hang on it."""
    start = x.detach().clone().requires_grad_()
    logits = _logits(net(start))
    if not 0 <= int(y.min()) <= int(y.max()) < max(logits.shape[1], 2):
        raise ValueError(
            f"classes are 0 to {max(logits.shape[1], 2) - 1}, and there are {int(y.min())} to {int(y.max())}"
        )
    if logits.shape[1] == 1:
        loss = F.binary_cross_entropy_with_logits(logits[:, 0].double(), y.double(), reduction="sum")
    else:
        loss = F.cross_entropy(logits.double(), y, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, start)
    return gradient.sign()


def margins(logits: Tensor, y: Tensor) -> Tensor:
    """``[N]``: how far each sample is on its side."""
    if logits.shape[1] == 1:
        return torch.where(y > 0, logits[:, 0], -logits[:, 0])
    own = logits.gather(1, y[:, None])[:, 0]
    return own - logits.scatter(1, y[:, None], float("-inf")).amax(dim=1)


def _logits(found: object) -> Tensor:
    first = found if isinstance(found, Tensor) else found[0]  # type: ignore[index]
    if not isinstance(first, Tensor) or first.dim() not in (1, 2):
        raise ValueError("adversarial inputs are for classifiers: logits [N, classes], or [N]")
    return first if first.dim() == 2 else first[:, None]
