"""Mean and variance of one number drawn from a law."""

from __future__ import annotations

from math import erf, exp, pi, prod, sqrt

from fanin.ir.laws import Auto, Constant, Law, Normal, Orthogonal, Scaled, TorchDefault, TruncNormal, Uniform
from fanin.ops.contract import ParamSpec


def moments(law: Law, spec: ParamSpec | None = None, shape: tuple[int, ...] = ()) -> tuple[float, float]:
    """Mean and variance. ``spec`` tells the fans of what hangs on them, ``shape`` the size of an orthogonal matrix."""
    match law:
        case Constant(value=value):
            return value, 0.0
        case Normal(mean=mean, std=std):
            return mean, std**2
        case Uniform(low=low, high=high):
            return (low + high) / 2, (high - low) ** 2 / 12
        case TruncNormal(mean=mean, std=std, low=low, high=high):
            return _truncated(mean, std, low, high)
        case Orthogonal(gain=gain):
            sizes = spec.shape if spec is not None else shape
            rows = sizes[0] if sizes else 1
            columns = prod(sizes[1:]) or 1
            return 0.0, gain**2 / max(rows, columns)
        case Scaled() if spec is not None:
            return 0.0, law.std(spec.fans) ** 2
        case Auto() if spec is not None:
            return 0.0, 1 / max(spec.fans.fan_in, 1)
        case TorchDefault() if spec is not None:
            return moments(spec.fallback, spec, shape)
        case _:
            raise ValueError(f"no moments of {law}")


def _truncated(mean: float, std: float, low: float, high: float) -> tuple[float, float]:
    """Of a normal law cut to [low, high]. Source: Johnson, Kotz and Balakrishnan 1994, section 13.10.1."""
    a, b = (low - mean) / std, (high - mean) / std
    density = [exp(-0.5 * x * x) / sqrt(2 * pi) if abs(x) < 40 else 0.0 for x in (a, b)]
    mass = 0.5 * (erf(b / sqrt(2)) - erf(a / sqrt(2)))
    shift = (density[0] - density[1]) / mass
    edges = (max(a, -40) * density[0] - min(b, 40) * density[1]) / mass
    return mean + std * shift, std**2 * (1 + edges - shift**2)
