"""Several axes as one."""

from __future__ import annotations

from math import prod
from typing import Any, TypeVar, cast, final

from fanin.ir.dims import Dim
from fanin.ir.types import TensorType
from fanin.ir.unknown import Unknown
from fanin.ops.attributes import Axis
from fanin.ops.code import OMIT, Call, Code, Input, Invoke, Module, call, method
from fanin.ops.contract import ANY, Complaint, Op, OpAttrs, Port, Result, inferred, normal_axis
from fanin.ops.keeping import Lies, packed
from fanin.ops.sees import Sees, Use, moved, reshaped
from fanin.ops.ties import Ties, regroup
from fanin.record import record


@record
class FlattenAttrs(OpAttrs):
    start_axis: Axis = 0
    end_axis: Axis = -1


@record
class FlattenModuleAttrs(OpAttrs):
    start_axis: Axis = 1
    end_axis: Axis = -1


def flattened(x: TensorType, start_axis: int, end_axis: int) -> TensorType:
    """The type with the axes from one to another as one. Raises Complaint where they are in the wrong order."""
    if not x.rank:
        normal_axis(start_axis, 1, "start_axis")
        return x.with_shape(1)
    start = normal_axis(start_axis, x.rank, "start_axis")
    end = normal_axis(end_axis, x.rank, "end_axis")
    if start > end:
        raise Complaint(f"the first axis, {start}, stands behind the last, {end}", "start_axis")
    together = cast(Dim, prod(x.shape[start : end + 1]))
    return x.with_shape(*x.shape[:start], together, *x.shape[end + 1 :])


A = TypeVar("A", FlattenAttrs, FlattenModuleAttrs)


class Flattening(Op[A]):
    """Some axes of x as one."""

    inputs = (Port("x", ANY),)
    kept = ()

    def infer(self, a: A, *types: TensorType) -> Result:
        return flattened(types[0], a.start_axis, a.end_axis)

    def sees(self, a: A, use: Use) -> Sees:
        return moved(reshaped(use.x, use.out))

    def lies(self, a: A, *types: TensorType) -> Lies:
        return packed(types[0])

    def signal(self, a: A, *types: TensorType) -> Any:
        from fanin.signal.rules.shape import Reshape

        return Reshape()

    def couplings(self, a: A, *types: TensorType) -> Ties | Unknown:
        (x,) = types
        (y,) = inferred(self.infer(a, x)).types
        found = regroup(x.shape, y.shape)
        if found is None:
            return Unknown(f"`{self.name}` cuts across the axes of {x}")
        return Ties((found[0],), (found[1],))


@final
class Flatten(Flattening[FlattenAttrs]):
    """The axes from ``start_axis`` to ``end_axis`` as one, in their order.

    Shape: ``[N, C, H, W] -> [N, C * H * W]`` for ``flatten(1)``
    """

    name = "flatten"
    attrs = FlattenAttrs
    example = "y = x -> flatten(1)"
    example_inputs = {"x": "[N, 3, 8, 8]"}

    def torch(self, a: FlattenAttrs, *types: TensorType) -> Code:
        if a.end_axis != -1:
            return method(Input(0), "flatten", a.start_axis, a.end_axis)
        return method(Input(0), "flatten", *((a.start_axis,) if a.start_axis else ()))


@final
class FlattenModule(Flattening[FlattenModuleAttrs]):
    """The axes from ``start_axis`` to ``end_axis`` as one; all but the first where nothing is said.

    Shape: ``[N, C, H, W] -> [N, C * H * W]``
    """

    name = "Flatten"
    module = "Flatten"
    attrs = FlattenModuleAttrs
    example = "y = x -> Flatten()"
    example_inputs = {"x": "[N, 3, 8, 8]"}

    def construct(self, a: FlattenModuleAttrs, *types: TensorType) -> Call:
        end = OMIT if a.end_axis == -1 else a.end_axis
        return call("nn.Flatten", *(() if a.start_axis == 1 else (a.start_axis,)), end_dim=end)

    def torch(self, a: FlattenModuleAttrs, *types: TensorType) -> Code:
        return Invoke(Module(), (Input(0),))
