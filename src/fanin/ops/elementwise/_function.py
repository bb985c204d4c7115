"""What functions of one number have in common: how they fold, and the kind of number they give."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from fanin.ir.dims import Poly
from fanin.ir.types import DType, TensorType
from fanin.ops.code import Code, Input, call
from fanin.ops.contract import ANY, Complaint, Elementwise, NoAttrs, Pointwise, Port, Result
from fanin.ops.dtypes import own_float, to_float


def folded(name: str, compute: Callable[..., Any], *numbers: Any) -> Any:
    """The value of a function at numbers known when the spec is compiled. Raises Complaint where it has none."""
    opened = next((n for n in numbers if isinstance(n, Poly)), None)
    if opened is not None:
        raise Complaint(
            f"the open dimension {opened} is no number when the spec is compiled",
            "x",
            kind="type",
            help=f"{name}(float({opened}))",
        )
    given = ", ".join(f"{n:g}" if isinstance(n, float) else str(n) for n in numbers)
    try:
        value = compute(*numbers)
    except (ValueError, ZeroDivisionError):
        raise Complaint(f"`{name}({given})` is not a number", "x", kind="type") from None
    except OverflowError:
        raise Complaint(f"`{name}({given})` is too large for a number", "x", kind="type") from None
    if isinstance(value, complex):
        raise Complaint(f"`{name}({given})` is not a real number", "x", kind="type")
    return value


def along(number: Callable[[float], Any], x: Any) -> Any:
    """A function of numbers at every number of an array; nan where it has no value."""
    import numpy as np

    def safe(v: float) -> float:
        try:
            return float(number(v))
        except (ValueError, OverflowError, ZeroDivisionError):
            return float("nan")

    return np.frompyfunc(safe, 1, 1)(x).astype(float)


class FloatFunction(Pointwise[NoAttrs]):
    """A smooth function: ints and bools give floats. Subclasses say what it is for a number."""

    inputs = (Port("x", ANY),)

    @abstractmethod
    def number(self, x: float) -> float:
        """The function at a real number, as Python computes it; may raise ValueError or OverflowError."""

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        return types[0].with_dtype(to_float(types[0].dtype))

    def fold(self, a: NoAttrs, *numbers: Any) -> Any:
        return folded(self.name, self.number, *numbers)

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return own_float(call(f"torch.{self.name}", Input(0)), *types)

    def curve(self, a: NoAttrs, x: Any) -> Any:
        import numpy as np

        own = getattr(np, self.name, None)  # the same function of whole arrays, where NumPy has it
        return own(x) if isinstance(own, np.ufunc) else along(self.number, x)


class StepFunction(Elementwise[NoAttrs]):
    """A function that keeps the kind of number. Subclasses say what it is for a number."""

    differentiable = False
    kept = ()

    @abstractmethod
    def number(self, x: Any) -> Any:
        """The function at a real number, of the same kind."""

    def fold(self, a: NoAttrs, *numbers: Any) -> Any:
        return folded(self.name, self.number, *numbers)

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return call(f"torch.{self.name}", Input(0))

    def curve(self, a: NoAttrs, x: Any) -> Any:
        return along(self.number, x)


class Question(Pointwise[NoAttrs]):
    """True or false of every number. Subclasses say which for a number."""

    kept = ()
    inputs = (Port("x", ANY),)

    @abstractmethod
    def number(self, x: float) -> bool:
        """The answer for a real number."""

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        return types[0].with_dtype(DType.BOOL)

    def fold(self, a: NoAttrs, *numbers: Any) -> Any:
        return folded(self.name, self.number, *numbers)

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return call(f"torch.{self.name}", Input(0))
