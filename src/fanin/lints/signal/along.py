"""The weighted layers of a network in the order in which they run, with what is known there."""

from __future__ import annotations

from dataclasses import dataclass

from fanin.signal.analysis import Analysis, known
from fanin.signal.state import Gradient, Signal
from fanin.signal.tape import Step

WEIGHTED = frozenset(
    (
        "Linear", "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d",
    )
)  # fmt: skip
NORMS = frozenset(
    (
        "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "LayerNorm",
        "GroupNorm", "RMSNorm", "layer_norm", "rms_norm", "normalize",
    )
)  # fmt: skip


@dataclass(frozen=True)
class Layer:
    """A weighted layer: what comes in, what goes out, and the gradient there."""

    step: Step
    x: Signal
    y: Signal
    g: Gradient | None


def layers(analysis: Analysis) -> list[Layer]:
    """Those of which something is known. A place that is gone through several times is there as often."""
    found = []
    for step in analysis.tape.steps:
        if step.name in WEIGHTED and step.weights:
            x, y = known(analysis, step.inputs[0]), known(analysis, step.outputs[0])
            if isinstance(x, Signal) and isinstance(y, Signal):
                found.append(Layer(step, x, y, analysis.gradient(step.outputs[0])))
    return found


def once(analysis: Analysis) -> list[Layer]:
    """Those layers, the steps of a recurrence left out but the first."""
    seen: set[str] = set()
    out = []
    for layer in layers(analysis):
        if layer.step.path not in seen:
            seen.add(layer.step.path)
            out.append(layer)
    return out


def has_norm(analysis: Analysis) -> bool:
    return any(step.name in NORMS for step in analysis.tape.steps)


def factor(x: float) -> str:
    return f"{x:.3g}"
