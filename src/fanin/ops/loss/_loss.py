"""What losses have in common: a number for each element, and their mean, their sum or all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, TypeAlias

from fanin.ir.dims import Dim
from fanin.ir.types import DType, TensorType
from fanin.ir.unknown import Unknown
from fanin.ops.broadcasting import broadcast
from fanin.ops.code import Attribute, Call, Code, IfNumber, Input, call, method
from fanin.ops.contract import REALS, A, Complaint, Inferred, Need, Op, OpAttrs, Port, Result, need_equal
from fanin.ops.keeping import Backprop, Kept
from fanin.ops.ports import FLOAT
from fanin.ops.spelling import optional, spell_fields
from fanin.record import record

Reduction: TypeAlias = Literal["mean", "sum", "none"]

X = Port("x", FLOAT)
TARGET = Port("target", REALS, number=True)  # ints as numbers only
WEIGHT = Port("weight", FLOAT, optional=True)


@record
class LossAttrs(OpAttrs):
    reduction: Reduction = "mean"


def reduced(x: TensorType, shape: Sequence[Dim], reduction: str) -> TensorType:
    """The losses of that shape, or one number."""
    return x.with_shape(*(shape if reduction == "none" else ()))


class Loss(Op[A]):
    """A function with the arguments of PyTorch's."""

    constants: ClassVar[tuple[str, ...]] = ()
    """Inputs that PyTorch gives no gradient: it refuses to train through them."""

    def torch(self, a: A, *types: TensorType) -> Code:
        _, keywords = spell_fields(a)
        given = tuple(
            (port.name, Input(i)) for i, port in enumerate(self.inputs[2:], 2) if optional(types, i) is not None
        )
        return Call(f"F.{self.name}", (Input(0), self.target(*types)), (*given, *keywords))

    def target(self, *types: TensorType) -> Code:
        """The second argument. A hook: a number becomes a tensor like x."""
        if not self.inputs[1].number or types[1].rank:
            return Input(1)
        return number_like_x(types[1].dtype, Input(1))


def number_like_x(dtype: DType, scalar: Code) -> Code:
    """A number as a tensor of x's shape; a scalar tensor as it is, but for its kind."""
    own = scalar if dtype is DType.FLOAT else method(scalar, "to", Attribute(Input(0), "dtype"))
    return IfNumber(1, call("torch.full_like", Input(0), Input(1)), own)


def filled(use: Backprop) -> tuple[TensorType, ...]:
    """A number as the target is one for every x."""
    target = use.inputs[1]
    return () if target is None or 1 not in use.numbers or not use.x.rank else (use.x,)


def stretched(use: Backprop) -> Unknown | None:
    """The reason where two inputs are not of one shape."""
    if use.inputs[1] is not None and use.x.shape == use.inputs[1].shape:
        return None
    return Unknown("nothing is said of what is kept of tensors that are stretched")


def check_target(name: str, target: TensorType) -> None:
    """Raises Complaint for a tensor of ints: a number may be one."""
    if target.rank and target.dtype is not DType.FLOAT:
        raise Complaint(f"the target of `{name}` is float, not {target}", "target", kind="type", help="float(target)")


class Distance(Loss[A]):
    """A function of the difference of two tensors, broadcast."""

    inputs = (X, TARGET)

    def saved(self, a: A, use: Backprop) -> Kept | Unknown:
        return Kept((0, 1), more=filled(use))

    def distance(self, a: Any, *types: TensorType) -> Result:
        x, target = types
        check_target(self.name, target)
        if not target.rank:
            return reduced(x, x.shape, a.reduction)
        shape, needs = broadcast(("x", x), ("target", target), what=f"the two sides of `{self.name}`")
        stretched = () if x.shape == target.shape else (f"`{self.name}` stretches {x} and {target} to a common shape",)
        return Inferred((reduced(x, shape, a.reduction),), needs, stretched)


class Binary(Loss[A]):
    """A function of probabilities and targets of one shape."""

    def target(self, *types: TensorType) -> Code:
        if types[1].rank:
            return Input(1)
        stretched = method(Input(1), "expand_as", Input(0)) if types[0].rank else Input(1)
        return number_like_x(types[1].dtype, stretched)

    def binary(self, a: Any, *types: TensorType) -> Result:
        x, target = types[:2]
        check_target(self.name, target)
        if target.rank and target.rank != x.rank:
            raise Complaint(f"the target has as many axes as x: it is {target}, and x is {x}", "target")
        needs: tuple[Need, ...] = ()
        for axis in range(target.rank):
            message = f"axis {axis} of the target is {{left}}, and that of x is {{right}}"
            needs += need_equal(target.shape[axis], x.shape[axis], message, ("target", axis), ("x", axis))
        for i, port in enumerate(self.inputs[2:], 2):
            given = optional(types, i)
            if given is not None:
                needs += need_within(port.name, given, x)
        return Inferred((reduced(x, x.shape, a.reduction),), needs)


def need_within(port: str, given: TensorType, x: TensorType) -> tuple[Need, ...]:
    """A weight that stretches to x, and does not stretch it. Raises Complaint for more axes."""
    if given.rank > x.rank:
        raise Complaint(f"`{port}` has no more axes than x: it is {given}, and x is {x}", port)
    needs: tuple[Need, ...] = ()
    for axis in range(-given.rank, 0):
        if given.shape[axis] != 1:
            message = f"axis {axis} of `{port}` is {{left}}, and that of x is {{right}}"
            needs += need_equal(given.shape[axis], x.shape[axis], message, (port, axis), ("x", axis))
    return needs


def classified(name: str, x: TensorType, target: TensorType) -> tuple[int, tuple[Dim, ...], tuple[Need, ...]]:
    """The axis of the classes, the shape of a number for each decision, and what makes the target fit to x.

    Raises Complaint for ranks that do not go together.
    """
    if x.rank == 0:
        raise Complaint(f"`{name}` needs an axis of classes, and a scalar has none", "x")
    axis = 0 if x.rank == 1 else 1
    outer = (*x.shape[:axis], *x.shape[axis + 1 :])
    soft = target.dtype is DType.FLOAT
    wanted = x.shape if soft else outer
    if target.rank != len(wanted):
        what = "a probability for every class" if soft else "an index in place of the classes"
        raise Complaint(f"the target of `{name}` has {what}: it is {target}, and x is {x}", "target")
    needs: tuple[Need, ...] = ()
    for i, size in enumerate(wanted):
        message = f"axis {i} of the target is {{left}}, and x has {{right}}"
        place = i if soft or i < axis else i + 1
        needs += need_equal(target.shape[i], size, message, ("target", i), ("x", place))
    return axis, outer, needs


def need_classes(given: TensorType | None, x: TensorType, axis: int) -> tuple[Need, ...]:
    """A weight for each class. Raises Complaint for another rank."""
    if given is None:
        return ()
    if given.rank != 1:
        raise Complaint(f"`weight` has a number for each class, one axis, and it is {given}", "weight")
    message = "`weight` has {left} numbers for {right} classes"
    return need_equal(given.shape[0], x.shape[axis], message, ("weight", 0), ("x", axis))
