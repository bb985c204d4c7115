"""SIG110, SIG111, SIG112: layers so thin that the start hangs on the draw of the weights.

Over draws, the second moment of a squared length is prod(1 + 5 / n) for relu: what counts is the sum of 1/width (Hanin
2018, theorem 1; Hanin and Nica 2019). Beyond a factor of 2 the standard deviation exceeds the mean (SIG110). A layer
that makes more than half of that sum and is below a quarter of its neighbours is a thin one (SIG111), if it has fewer
than 17 units: there the variance of the logarithm passes 0.4. With n units a relu layer is dead at a draw with
probability 2^-n (SIG112). A norm or a residual connection behind it resets the length, and is let pass; so are heads
(the last layer) and codes (the narrowest of widths that read the same from both sides, as in auto-encoders).
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod, sqrt

from fanin.diagnostics.codes import SIG110, SIG111, SIG112
from fanin.diagnostics.model import Diagnostic
from fanin.lints.signal.along import Layer, Net
from fanin.lints.signal.limits import Limit
from fanin.signal.rules.linear import kurtosis

FACTOR = Limit(
    SIG110,
    2.0,
    "product of 1 + kappa / n over the hidden layers",
    "from 2 on the standard deviation of the squared length exceeds its mean",
    error=11.0,
)
SHARE = Limit(
    SIG111,
    0.5,
    "share of one layer in the noise of the start",
    "it makes more than all others, below 17 units and a quarter of its neighbours",
)
DEAD = Limit(SIG112, 0.01, "share of draws with a relu layer of no unit on", "one start in a hundred is thrown away")
LIMITS = (FACTOR, SHARE, DEAD)
THIN, RATIO = 17, 0.25


def check(net: Net) -> Iterator[Diagnostic]:
    steps = net.steps
    if net.has_norm or any(step.name in ("add", "concat") for step in steps):
        return
    found = [layer for layer in net.layers if layer.step.name == "Linear" and len(layer.y.shape) == 2]
    if len(found) < 3 or len({layer.step.path for layer in found}) != len(found):
        return
    hidden = found[:-1]
    widths = [layer.y.shape[-1] for layer in hidden]
    code = _code(widths)
    noise = [kurtosis(after.x) / n for after, n in zip(found[1:], widths, strict=True)]
    total = prod(1 + v for i, v in enumerate(noise) if i != code)
    relu = [steps[i + 1].name == "relu" for i, s in enumerate(steps[:-1]) if any(s is layer.step for layer in hidden)]
    thin = [i for i in range(len(hidden)) if i != code and _is_thin(i, widths, noise, net.limit(SHARE))]
    for i in thin:
        yield Diagnostic(
            SIG111,
            f"a layer of {widths[i]} units makes {noise[i] / sum(noise):.0%} of the noise of the start",
            hidden[i].step.span,
            f"between {_around(widths, i)}",
            helps=(f"with the same parameters all hidden layers could have {equal_width(found)} units",),
        )
    if total > net.limit(FACTOR) and not thin:
        yield Diagnostic(
            SIG110,
            f"the squared length of the output varies by a factor of {1 + sqrt(total - 1):.2g} between draws of the "
            f"weights: the sum of 1/width is {sum(1 / n for n in widths):.3g}",
            hidden[min(range(len(widths)), key=widths.__getitem__)].step.span,
            "the narrowest",
            helps=(f"wider layers, of {equal_width(found)} units each for the same parameters, a norm, or residuals",),
            level=net.level(FACTOR, total),
        )
    dead = 1 - prod(1 - 0.5**n for n, on in zip(widths, relu, strict=False) if on)
    if dead > net.limit(DEAD):
        yield Diagnostic(
            SIG112,
            f"{dead:.1%} of draws give a network whose output is one number: a relu layer with no unit on",
            hidden[min(range(len(widths)), key=widths.__getitem__)].step.span,
            f"{min(widths)} units",
            helps=("more units, or `leaky_relu`",),
        )


def _code(widths: list[int]) -> int | None:
    """The narrowest layer of a row that is the same from both sides."""
    inner = widths
    if len(inner) > 2 and inner == inner[::-1]:
        return min(range(len(inner)), key=inner.__getitem__)
    return None


def _is_thin(i: int, widths: list[int], noise: list[float], share: float) -> bool:
    near = [widths[j] for j in (i - 1, i + 1) if 0 <= j < len(widths)]
    typical = prod(near) ** (1 / len(near)) if near else widths[i]
    return widths[i] < THIN and noise[i] > share * sum(noise) and widths[i] < RATIO * typical


def _around(widths: list[int], i: int) -> str:
    return " and ".join(str(widths[j]) for j in (i - 1, i + 1) if 0 <= j < len(widths))


def equal_width(found: list[Layer]) -> int:
    """The width that all hidden layers have for the same number of parameters, rounded down."""
    first, last, count = found[0].x.shape[-1], found[-1].y.shape[-1], len(found) - 1
    budget = sum(layer.x.shape[-1] * layer.y.shape[-1] + layer.y.shape[-1] for layer in found)
    linear = first + last + count
    if count == 1:
        return int((budget - last) / linear)
    square = linear**2 - 4 * (count - 1) * (last - budget)
    return int((-linear + sqrt(square)) / (2 * (count - 1)))
