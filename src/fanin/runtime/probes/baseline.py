"""How much of a score an architecture has before its body is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from statistics import fmean

from torch import nn

from fanin.record import record


@record
class Baseline:
    """Scores with a random body and a trained head, and with all trained, one for each seed."""

    random: tuple[float, ...]
    trained: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """The mean score with a random body over that with all trained."""
        return fmean(self.random) / fmean(self.trained)

    @property
    def ratios(self) -> tuple[float, ...]:
        return tuple(a / b for a, b in zip(self.random, self.trained, strict=True))


def random_baseline(
    make: Callable[[int], nn.Module],
    train: Callable[[nn.Module], object],
    score: Callable[[nn.Module], float],
    *,
    head: str,
    seeds: Iterable[int] = (0, 1, 2),
) -> Baseline:
    """Train each network twice: once only what is below the path ``head``, once all of it.

    ``make(seed)`` gives a network, ``train`` moves what requires a gradient, ``score`` says how good it is. Both runs
    of a seed start from the same weights. Raises ValueError where the network has nothing below ``head``.
    """
    random: list[float] = []
    trained: list[float] = []
    for seed in seeds:
        for scores, whole in ((random, False), (trained, True)):
            net = make(seed)
            if not whole:
                freeze_all_but(net, head)
            train(net)
            scores.append(float(score(net)))
    return Baseline(tuple(random), tuple(trained))


def freeze_all_but(net: nn.Module, head: str) -> None:
    """Leave only what is below a path to be trained; batch norms elsewhere keep following the data."""
    rest = [(path, p) for path, p in net.named_parameters() if path != head and not path.startswith(f"{head}.")]
    if len(rest) == sum(1 for _ in net.parameters()):
        raise ValueError(f"the network has no weights below `{head}`")
    for _, parameter in rest:
        parameter.requires_grad_(False)
