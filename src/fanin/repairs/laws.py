"""Laws as they are written in a spec."""

from __future__ import annotations

from math import isclose, sqrt

from fanin.ir.laws import Constant, Law, Normal, Orthogonal, Scaled, TruncNormal, Uniform
from fanin.ops.contract import ParamSpec
from fanin.repairs.case import Refused


def number(value: float) -> str:
    """A number with six digits, as the language writes it."""
    text = f"{value:.6g}"
    return text if "e" in text or "." in text else f"{text}.0"


def gained(gain: float) -> str:
    """A normal law that multiplies second moments by ``gain²``: He's, LeCun's, or LeCun's with a gain."""
    if isclose(gain, 1.0, rel_tol=1e-5):
        return "lecun_normal"
    return "he_normal" if isclose(gain, sqrt(2), rel_tol=1e-5) else f"lecun_normal(gain={number(gain)})"


def times(law: Law, spec: ParamSpec, factor: str) -> str:
    """The text of a law whose standard deviation is multiplied: ``factor`` is ``/ sqrt(24)``, say."""
    match law:
        case Constant(value=0.0):
            return "zeros"
        case Normal(mean=0.0, std=std):
            return f"normal(std={std!r} {factor})"
        case TruncNormal(mean=0.0, std=std, low=low, high=high):
            return f"trunc_normal(std={std!r} {factor}, low={low!r} {factor}, high={high!r} {factor})"
        case Orthogonal(gain=gain):
            return f"orthogonal(gain={gain!r} {factor})"
        case Scaled(family=family, mode=mode, gain=gain):
            usual = "fan_avg" if family == "xavier" else "fan_in"
            told = f'mode="{mode}", ' if mode != usual else ""
            return f"{law}({told}gain={gain!r} {factor})"
        case Uniform(low=low, high=high) if low == -high:
            if law == spec.fallback and isclose(high**2 * spec.fans.fan_in, 1.0, rel_tol=1e-9):
                return f"lecun_uniform(gain=1 / sqrt(3) {factor})"  # PyTorch's own: a variance of 1 / (3 fan_in)
            return f"uniform({low!r} {factor}, {high!r} {factor})"
    raise Refused(f"the law `{law}` of `{spec.name}` is not one that can be multiplied")
