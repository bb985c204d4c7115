"""The law that a parameter's first value is drawn from."""

from __future__ import annotations

from math import sqrt
from typing import ClassVar

from fanin.record import record


@record
class Fans:
    """Fan-in and fan-out of one weight, computed from the roles of its axes."""

    fan_in: int
    fan_out: int

    def of(self, mode: str) -> float:
        """``fan_in``, ``fan_out`` or ``fan_avg`` (their mean)."""
        if mode == "fan_avg":
            return (self.fan_in + self.fan_out) / 2
        return self.fan_out if mode == "fan_out" else self.fan_in


@record
class Law:
    """A distribution that a parameter starts from. Subclasses are frozen values that print as they are written."""

    name: ClassVar[str]


@record
class Constant(Law):
    """Every number is ``value``; ``zeros`` and ``ones`` are such laws."""

    value: float
    name: ClassVar[str] = "constant"

    def __str__(self) -> str:
        return {0.0: "zeros", 1.0: "ones"}.get(self.value, f"constant({self.value!r})")


@record
class Normal(Law):
    """Independent normal numbers."""

    mean: float = 0.0
    std: float = 1.0
    name: ClassVar[str] = "normal"

    def __str__(self) -> str:
        return f"normal(std={self.std!r})" if self.mean == 0 else f"normal(mean={self.mean!r}, std={self.std!r})"


@record
class TruncNormal(Law):
    """A normal law cut to [low, high], as ``torch.nn.init.trunc_normal_``: the cut is not rescaled by std."""

    mean: float = 0.0
    std: float = 1.0
    low: float = -2.0
    high: float = 2.0
    name: ClassVar[str] = "trunc_normal"

    def __str__(self) -> str:
        return f"trunc_normal(std={self.std!r})"


@record
class Uniform(Law):
    """Independent numbers, uniform on [low, high)."""

    low: float = 0.0
    high: float = 1.0
    name: ClassVar[str] = "uniform"

    def __str__(self) -> str:
        return f"uniform({self.low!r}, {self.high!r})"


@record
class Scaled(Law):
    """Zero mean and a variance of ``gain² · scale / fan``.

    Formula: he: scale 2, xavier: fan_avg and scale 1, lecun: fan_in and scale 1.
    Source: He et al. 2015, section 2.2; Glorot and Bengio 2010, eq. 12 and 16; LeCun et al. 1998, section 4.6.
    """

    family: str  # "he" | "xavier" | "lecun"
    uniform: bool
    mode: str = "fan_in"  # "fan_in" | "fan_out" | "fan_avg"
    gain: float = 1.0  # multiplies the standard deviation
    name: ClassVar[str] = "scaled"

    def std(self, fans: Fans) -> float:
        return self.gain * sqrt((2.0 if self.family == "he" else 1.0) / max(fans.of(self.mode), 1))

    def resolve(self, fans: Fans) -> Normal | Uniform:
        """The same law as numbers: a normal, or a uniform one of equal variance (bound = √3 · std)."""
        std = self.std(fans)
        return Uniform(-sqrt(3) * std, sqrt(3) * std) if self.uniform else Normal(0.0, std)

    def __str__(self) -> str:
        return f"{self.family}_{'uniform' if self.uniform else 'normal'}"


@record
class Orthogonal(Law):
    """A random (semi-)orthogonal matrix times ``gain``. Source: Saxe et al. 2013."""

    gain: float = 1.0
    name: ClassVar[str] = "orthogonal"

    def __str__(self) -> str:
        return "orthogonal" if self.gain == 1 else f"orthogonal(gain={self.gain!r})"


@record
class TorchDefault(Law):
    """Whatever PyTorch's own module does; the op's ParamSpec says what that is, as ``fallback``."""

    name: ClassVar[str] = "default"

    def __str__(self) -> str:
        return "default"


@record
class Fixup(Law):
    """Stands for a law that depends on the whole network, until that is elaborated: see ``elaborate/fixup.py``."""

    name: ClassVar[str] = "fixup"

    def __str__(self) -> str:
        return "fixup"


@record
class Auto(Law):
    """Stands for the law that a layer's place in the network needs, until that is known: ``rewrites/auto_init.py``."""

    name: ClassVar[str] = "auto"

    def __str__(self) -> str:
        return "auto"


AUTO = Auto()
ZEROS = Constant(0.0)
ONES = Constant(1.0)
DEFAULT = TorchDefault()
