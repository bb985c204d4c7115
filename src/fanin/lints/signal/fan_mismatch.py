"""SIG121: a law that scales by a fan that the signal does not see.

Three cases. A dense layer whose output is cut in k equal parts (queries, keys, values) counts k times the fan-out of
each: Xavier's std is 0.71 of that of three layers of their own (PyTorch #166378). A transposed convolution of
kernel k and stride s gives each output k / s of its taps along an axis, not k. A convolution of stride s scaled by its
fan-out brings gradients back through k / s of them. More than a fifth off on the standard deviation is said: of three
parts 1.41, of a stride of 2 along two axes 2. PyTorch's own first values are let pass, since they are nobody's choice,
and so is what a norm behind it divides by.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import log, prod, sqrt

from fanin.diagnostics.codes import SIG121
from fanin.diagnostics.model import Diagnostic
from fanin.ir.laws import Scaled
from fanin.lints.signal.along import Net, factor
from fanin.lints.signal.limits import Limit
from fanin.signal.rules.convolution import Convolve
from fanin.signal.tape import Edge, Step

LARGEST = Limit(
    SIG121,
    1.2,
    "standard deviation of weights over that by the fan that is there, or the reverse",
    "the smallest case, two parts by Xavier, is 1.22; padding stays below",
)
LIMITS = (LARGEST,)


def check(net: Net) -> Iterator[Diagnostic]:
    seen: set[int] = set()
    for step in net.steps:
        weight = step.weights.get("weight") or step.weights.get("in_proj_weight")
        if weight is None or weight.spec is None or not isinstance(weight.law, Scaled) or step.span.start in seen:
            continue
        if any(net.is_norm(reader) for reader in net.reads(step.outputs[0])):
            continue
        fans, mode = weight.spec.fans, weight.law.mode
        into, out, why = _true(net, step, fans.fan_in, fans.fan_out)
        there = {"fan_in": into, "fan_out": out, "fan_avg": (into + out) / 2}[mode]
        ratio = sqrt(there / fans.of(mode)) if there > 0 else 1.0
        if abs(log(ratio)) > log(net.limit(LARGEST)):
            seen.add(step.span.start)
            yield Diagnostic(
                SIG121,
                f"`{weight.law}` takes a {mode} of {fans.of(mode):g} for one of {there:g}: {why}",
                step.span,
                f"weights {factor(ratio)} times as large as they are meant",
                helps=(f"give the layer its scale, `init={weight.law}(gain={weight.law.gain / ratio:.3g})`",),
            )


def _true(net: Net, step: Step, into: float, out: float) -> tuple[float, float, str]:
    """The fan-in and fan-out that the signal meets, and why they are others."""
    rule = net.rule(step)
    if isinstance(rule, Convolve):
        strides = prod(window[1] for window in rule.windows)
        if strides > 1 and rule.transposed:
            return into / strides, out, "with a stride, an output meets only a part of the taps"
        if strides > 1:
            return into, out / strides, "with a stride, an input is met by only a part of the taps"
    if "in_proj_weight" in step.weights:
        return into, out / 3, "queries, keys and values lie in one weight"
    if step.name == "Linear" and (parts := _parts(net, step.outputs[0])) > 1:
        return into, out / parts, f"its output is cut into {parts}"
    return into, out, ""


def _parts(net: Net, edge: Edge) -> int:
    """Into how many equal parts the last axis of a tensor is cut by who reads it alone."""
    width = edge.type.shape[-1]
    readers = net.reads(edge)
    while len(readers) == 1 and len(readers[0].outputs) == 1 and net.passes(readers[0]):
        edge = readers[0].outputs[0]
        readers = net.reads(edge)
    if len(readers) != 1 or len(readers[0].outputs) < 2 or len([e for e in readers[0].inputs if e is not None]) != 1:
        return 1
    count = len(readers[0].outputs)
    shapes = {e.type.shape for e in readers[0].outputs}
    return count if len(shapes) == 1 and isinstance(width, int) and width % count == 0 else 1
