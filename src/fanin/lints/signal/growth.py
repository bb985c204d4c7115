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
from fanin.diagnostics.model import Diagnostic, Label
from fanin.lints.signal.along import Layer, factor, once
from fanin.signal.analysis import Analysis

LARGEST, LARGEST_GRADIENT, LEAST_LAYERS = 10.0, 1000.0, 4


def check(analysis: Analysis) -> Iterator[Diagnostic]:
    every = once(analysis)
    found = every[:-1] if len(every) > 2 else every
    if len(found) < LEAST_LAYERS or any(layer.y.q <= 0 for layer in (found[0], found[-1])):
        return
    ratio = sqrt(found[-1].y.q / found[0].y.q)
    if abs(log(ratio)) > log(LARGEST):
        yield _said(
            SIG101,
            found,
            ratio,
            "activations",
            f"of rms {factor(sqrt(found[0].y.q))} here",
            "a gain for the activation",
        )
    source = every[-1].step.inputs[0]
    start = analysis.gradient(source) if source is not None else None
    first = found[0]
    if start is None or first.g is None or min(start.q, first.g.q) <= 0:
        return
    # Gradients of tensors of different sizes are compared by their length.
    back = sqrt(first.g.q * prod(first.y.shape) / (start.q * prod(every[-1].x.shape)))
    if abs(log(back)) > log(LARGEST_GRADIENT):
        yield _said(SIG103, found[::-1], back, "gradients", "go back from here", "a norm, or residual connections")


def _said(code: object, found: list[Layer], ratio: float, what: str, label: str, help_: str) -> Diagnostic:
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
    )
