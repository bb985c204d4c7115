"""What functions of two tensors have in common: they broadcast, and their kinds of number promote."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from math import inf
from typing import Any, ClassVar

from fanin.ir.dims import Poly
from fanin.ir.numbers import OPEN, Form, Known, combined, compared, is_number
from fanin.ir.types import DType, TensorType, promote
from fanin.ops.broadcasting import broadcast
from fanin.ops.code import Code, IfNumber, Infix, Input, as_tensor, call
from fanin.ops.contract import ANY, BOOLS, Complaint, Inferred, NoAttrs, Op, Port, Result
from fanin.ops.dtypes import own_float
from fanin.ops.elementwise._function import folded
from fanin.ops.keeping import ALIKE, Backprop, Kept, Lies
from fanin.ops.sees import Sees, Use, pointwise
from fanin.ops.ties import Ties, stretch


class Binary(Op[NoAttrs]):
    """A function of two numbers: two tensors that broadcast, or a tensor and a number."""

    inputs = (Port("x", ANY, number=True), Port("y", ANY, number=True))
    title: ClassVar[str]
    """How messages call it: ``+``."""

    @abstractmethod
    def kind(self, x: DType, y: DType) -> DType:
        """The kind of number it gives. Raises Complaint for kinds that PyTorch refuses."""

    @abstractmethod
    def number(self, x: Any, y: Any) -> Any:
        """The function at two numbers; may raise ValueError, ZeroDivisionError or OverflowError."""

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        x, y = types
        dtype = self.kind(x.dtype, y.dtype)
        if x.shape == y.shape:
            return TensorType(dtype, x.shape)
        first, second = (port.name for port in self.inputs)
        shape, needs = broadcast((first, x), (second, y), what=f"the two sides of `{self.title}`")
        return Inferred((TensorType(dtype, shape),), needs)

    def fold(self, a: NoAttrs, *numbers: Any) -> Any:
        opened = next((n for n in numbers if isinstance(n, Poly)), None)
        if opened is not None and all(isinstance(n, (int, Poly)) for n in numbers):
            value = self.dimension(*numbers)
            if value is not None:
                return value
        return folded(self.title if self.title.isidentifier() else self.name, self.number, *numbers)

    def dimension(self, x: Any, y: Any) -> Any:
        """Hook: the value at two whole numbers of which one is an open dimension; None where that is no dimension."""
        return None

    def settled(self, code: Code, *types: TensorType) -> Code:
        """``code``, in the module's float dtype where it gives floats."""
        x, y = types
        return own_float(code, x, y) if self.kind(x.dtype, y.dtype) is DType.FLOAT else code

    def sees(self, a: NoAttrs, use: Use) -> Sees:
        return pointwise(use.types, use.out)

    def known(self, a: NoAttrs, use: Use, *inputs: Known) -> Known:
        return combined(self.at_place, *inputs)

    def at_place(self, x: Any, y: Any) -> Any:
        """The function at two numbers that are known at a place, of which one may be OPEN or a form. A hook."""
        if not (is_number(x) and is_number(y)):
            return OPEN
        try:
            found = self.number(x, y)
        except (ValueError, OverflowError, ZeroDivisionError, TypeError):
            return OPEN
        return found if is_number(found) else OPEN

    def lies(self, a: NoAttrs, *types: TensorType) -> Lies:
        return ALIKE

    def signal(self, a: NoAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.pointwise import Joint

        return Joint(self.arrays)

    def arrays(self, x: Any, y: Any) -> Any:
        """The function of each two numbers of arrays; no number where it has no value."""
        import numpy as np

        def safe(v: float, w: float) -> float:
            try:
                return float(self.number(v, w))
            except (ValueError, OverflowError, ZeroDivisionError, TypeError):
                return float("nan")

        return np.frompyfunc(safe, 2, 1)(x, y).astype(float)

    def couplings(self, a: NoAttrs, *types: TensorType) -> Ties:
        inner, outer = stretch(types, max(t.rank for t in types))
        return Ties(inner, (outer,))

    def masked(self, a: NoAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        x, y = values
        if x is None or y is None:
            return None
        try:
            return float(self.number(x, y))
        except (ValueError, OverflowError, ZeroDivisionError, TypeError):
            return inf


class Arithmetic(Binary):
    """An infix operator of Python's that gives numbers."""

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return self.settled(Infix(self.title, Input(0), Input(1)), *types)


class WholeDivision(Binary):
    """A quotient or remainder in whole numbers."""

    def kind(self, x: DType, y: DType) -> DType:
        if x is y is DType.BOOL:
            message = f"`{self.title}` is not defined for two bool tensors"
            raise Complaint(message, "x", kind="type", help="int(mask)")
        return ordered_kind(x, y, self.title)

    def check_numbers(self, a: NoAttrs, types: Sequence[TensorType], numbers: Sequence[int | float | None]) -> None:
        whole = promote(types[0].dtype, types[1].dtype) is not DType.FLOAT
        if whole and numbers[1] is not None and not numbers[1]:
            raise Complaint(f"the number to the right of `{self.title}` is zero", "y", kind="type")


class FloorDivision(WholeDivision):
    """A quotient, rounded down. Its gradient is 0."""

    differentiable = False

    def number(self, x: Any, y: Any) -> Any:
        return x // y

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        if self.kind(types[0].dtype, types[1].dtype) is not DType.FLOAT:
            return Infix("//", Input(0), Input(1))
        # The operator has no gradient for floats; this has one, of 0.
        return self.settled(call("torch.div", as_tensor(0), Input(1), rounding_mode="floor"), *types)

    def saved(self, a: NoAttrs, use: Backprop) -> Kept:
        return Kept((0, 1) if use.asked(1) else (1,))


class RemainderOfY(WholeDivision):
    """What a quotient that is rounded down leaves: it has the sign of y. ``spelled`` is how PyTorch writes it."""

    spelled: ClassVar[Code]

    def number(self, x: Any, y: Any) -> Any:
        return x % y

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        if self.kind(types[0].dtype, types[1].dtype) is not DType.FLOAT:
            return Infix("%", Input(0), Input(1))
        # A number to the left of the operator leaves what stands right without a gradient.
        number = call("torch.remainder", as_tensor(0), Input(1))
        return self.settled(IfNumber(0, number, self.spelled), *types)

    def saved(self, a: NoAttrs, use: Backprop) -> Kept:
        return Kept((0, 1) if use.asked(1) else ())


class Comparison(Binary):
    """An infix operator that gives true or false; ``sign`` is how Python writes it."""

    kept = ()
    sign: ClassVar[str]

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return Infix(self.sign, Input(0), Input(1))

    def signal(self, a: NoAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.compared import Compared

        return Compared(self.arrays)

    def at_place(self, x: Any, y: Any) -> Any:
        if isinstance(x, Form) or isinstance(y, Form):
            return OPEN if x is OPEN or y is OPEN else compared(self.sign, x, y)
        return super().at_place(x, y)


class Logical(Comparison):
    """An operator of the language's own on true and false; one side may be such a value, but no number."""

    inputs = (Port("x", BOOLS, number=True), Port("y", BOOLS, number=True))

    def kind(self, x: DType, y: DType) -> DType:
        for port, dtype in (("x", x), ("y", y)):
            if dtype is not DType.BOOL:  # a number
                raise Complaint(f"`{self.title}` takes true and false, not a number", port, kind="type")
        return DType.BOOL


def ordered_kind(x: DType, y: DType, title: str) -> DType:
    """The kind that holds both, where numbers have an order. Raises Complaint for complex ones."""
    for port, dtype in (("x", x), ("y", y)):
        if dtype is DType.COMPLEX:
            raise Complaint(f"`{title}` is not defined for complex numbers", port, kind="type")
    return promote(x, y)
