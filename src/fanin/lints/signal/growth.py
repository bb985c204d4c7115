"""SIG101, SIG103: activations or gradients that grow or shrink from one end to the other.

A factor of ten between the first and the last hidden layer makes one learning rate move one of them a hundred times as
fast in the loss; a thousandth cannot be mended by a rate at all. Depth matters: the threshold is on the whole, and the
message tells the factor of a layer. The output layer is left out, since its scale is a choice. Gradients are held to a
factor of 1000, since optimisers with a step size of their own (Adam) forgive less. Sources: Glorot and Bengio 2010; He
et al. 2015; Schoenholz et al. 2017.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import log, prod, sqrt

from fanin.diagnostics.codes import SIG101, SIG103
from fanin.diagnostics.model import Diagnostic, Label, Severity
from fanin.lints.signal.along import Layer, Net, factor
from fanin.lints.signal.limits import Limit

LARGEST = Limit(
    SIG101,
    10.0,
    "rms of the last hidden layer over that of the first, or the reverse",
    "one rate moves one of them a hundred times as fast; a thousandth no rate can mend",
    error=1000.0,
)
LARGEST_GRADIENT = Limit(
    SIG103,
    1000.0,
    "length of the gradient at the first layer over that at the last, or the reverse",
    "Adam divides by it, but not beyond 1e-8; 6e-8 is the smallest number of float16",
    error=1.6e7,
)
LIMITS = (LARGEST, LARGEST_GRADIENT)
LEAST_LAYERS = 4


def check(net: Net) -> Iterator[Diagnostic]:
    every = net.once
    found = every[:-1] if len(every) > 2 else every
    if len(found) < LEAST_LAYERS or any(layer.y.q <= 0 for layer in (found[0], found[-1])):
        return
    ratio = sqrt(found[-1].y.q / found[0].y.q)
    if abs(log(ratio)) > log(net.limit(LARGEST)):
        yield _said(
            SIG101,
            found,
            ratio,
            "activations",
            f"of rms {factor(sqrt(found[0].y.q))} here",
            "a gain for the activation",
            net.level(LARGEST, max(ratio, 1 / ratio)),
        )
    source = every[-1].step.inputs[0]
    start = net.gradient(source)
    first = found[0]
    if start is None or first.g is None or min(start.q, first.g.q) <= 0:
        return
    # Gradients of tensors of different sizes are compared by their length.
    back = sqrt(first.g.q * prod(first.y.shape) / (start.q * prod(every[-1].x.shape)))
    if abs(log(back)) > log(net.limit(LARGEST_GRADIENT)):
        level = net.level(LARGEST_GRADIENT, max(back, 1 / back))
        yield _said(
            SIG103, found[::-1], back, "gradients", "go back from here", "a norm, or residual connections", level
        )


def _said(
    code: object, found: list[Layer], ratio: float, what: str, label: str, help_: str, level: Severity | None
) -> Diagnostic:
    first, last = found[0], found[-1]
    each = ratio ** (1 / (len(found) - 1))
    word = "grow" if ratio > 1 else "shrink"
    return Diagnostic(
        code,  # type: ignore[arg-type]
        f"{what} {word} {factor(ratio if ratio > 1 else 1 / ratio)} times over {len(found)} layers, "
        f"{factor(each)} at each",
        last.step.span,
        f"{factor(ratio)} times as large at `{last.step.path}`",
        (Label(first.step.span, label),) if first.step.span != last.step.span else (),
        helps=(f"an initialisation that holds the variance, such as `@init(linear=he_normal)`, {help_}",),
        level=level,
    )
