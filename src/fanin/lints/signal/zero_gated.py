"""SIG151: weights that start at zero on the only way, so that nothing in front of them moves at first.

The gradient of what stands in front goes through them, and is exactly 0 until they have moved: the first step trains
what is behind alone, and the layers in front start with what the second step leaves. Branches of a residual sum that
start closed (ReZero, SkipInit, Fixup, a zero gamma, the second factor of LoRA, couplings of a flow) are meant to, and
the layer that gives the output may start at 0 as well: both are let pass. Sources: Zhang et al. 2019, section 4;
Bachlechner et al. 2020.
"""

from __future__ import annotations

from collections.abc import Iterator

from fanin.diagnostics.codes import SIG151
from fanin.diagnostics.model import Diagnostic, Label
from fanin.lints.signal.along import Net
from fanin.signal.analysis import weights_of
from fanin.signal.tape import Edge, Step

MOST_LAYERS = 8
"""Of a branch behind the zeros, up to its sum."""


def check(net: Net) -> Iterator[Diagnostic]:
    still = [layer for layer in net.once if layer.g is not None and layer.g.q == 0 and layer.y.q > 0]
    if not still:
        return
    for step in net.steps:
        if not _is_zero(net, step) or _joins(net, step.outputs[0]):
            continue
        in_front = _in_front(net, step)
        caught = [layer for layer in still if id(layer.step) in in_front]
        if caught:
            first = caught[0]
            yield Diagnostic(
                SIG151,
                f"these weights start at 0, and {len(caught)} layer{'s' if len(caught) > 1 else ''} in front of them "
                "get no gradient at the first step",
                step.span,
                "0, and the only way",
                (Label(first.step.span, "does not move at first"),) if first.step.span != step.span else (),
                helps=("start them small, such as `normal(std=0.02)`, or put them on a branch beside a skip",),
            )


def _is_zero(net: Net, step: Step) -> bool:
    """Whether a step multiplies by weights that all start at 0."""
    laws = weights_of(step)
    if "weight" in laws:
        return laws.mean("weight") == 0 and laws.var("weight") == 0
    given = [e for e in step.inputs if e is not None and e.state is not None and e.state.kind == "param"]
    scales = [net.signal(e) for e in given] if step.name == "mul" else []
    return any(s is not None and s.is_constant and s.q == 0 for s in scales)


def _joins(net: Net, edge: Edge, weighted: int = 0) -> bool:
    """Whether a tensor goes into sums with something that is not 0, scales that by 1, or is an output with no layer
    between, and goes nowhere else."""
    readers = net.reads(edge)
    own = net.signal(edge)
    for step in readers:
        others = [e for e in step.inputs if e is not None and e is not edge and e.number is None and e.state is None]
        signals = [net.signal(e) for e in others]
        goes_on = any(signal is None or signal.q > 0 for signal in signals)
        if goes_on and (step.name in ("add", "sub") or (step.name == "mul" and own is not None and own.q > 0)):
            continue
        if others and step.name not in ("add", "sub", "mul"):
            return False
        deeper = weighted + bool(step.weights and not net.is_norm(step))
        if deeper > MOST_LAYERS or not all(_joins(net, e, deeper) for e in step.outputs):
            return False
    return bool(readers) or (net.is_output(edge) and not weighted)


def _in_front(net: Net, step: Step) -> set[int]:
    todo, found = [step], set()
    while todo:
        at = todo.pop()
        for edge in at.inputs:
            made = net.maker(edge)
            if made is not None and id(made) not in found:
                found.add(id(made))
                todo.append(made)
    return found
