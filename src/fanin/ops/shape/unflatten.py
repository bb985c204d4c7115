"""One axis as several."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, final

from fanin.ir.types import TensorType
from fanin.ir.unknown import Unknown
from fanin.ops.attributes import Axis
from fanin.ops.code import Call, Code, Input, Sequence, call, method
from fanin.ops.contract import ANY, Complaint, Inferred, Op, OpAttrs, Port, Result, inferred, normal_axis
from fanin.ops.keeping import Lies, same
from fanin.ops.sees import Sees, Use, moved, reshaped
from fanin.ops.shape.reshape import SizeOrRest, filled, printed, resized
from fanin.ops.ties import Ties, regroup
from fanin.record import record


@record
class UnflattenAttrs(OpAttrs):
    axis: Axis
    sizes: tuple[SizeOrRest, ...]


@final
class Unflatten(Op[UnflattenAttrs]):
    """One axis as several of the given sizes, one of which may be -1, for what is left.

    Shape: ``[N, C * H * W] -> [N, C, H, W]`` for ``unflatten(1, (C, H, W))``
    """

    name = "unflatten"
    module = "Unflatten"
    attrs = UnflattenAttrs
    inputs = (Port("x", ANY),)
    example = "y = unflatten(x, 1, (2, -1))"
    kept = ()

    def infer(self, a: UnflattenAttrs, *types: TensorType) -> Result:
        x = types[0]
        if not a.sizes:
            raise Complaint("`unflatten` needs at least one size", "sizes")
        axis = normal_axis(a.axis, x.rank)
        sizes, needs = filled(a.sizes, x.shape[axis], "sizes", ("x", axis))
        return Inferred((x.with_shape(*x.shape[:axis], *sizes, *x.shape[axis + 1 :]),), needs)

    def sees(self, a: UnflattenAttrs, use: Use) -> Sees:
        return moved(reshaped(use.x, use.out))

    def construct(self, a: UnflattenAttrs, *types: TensorType) -> Call | None:
        sizes = printed(a.sizes)
        if not all(isinstance(size, int) for size in sizes):
            return None
        return call("nn.Unflatten", a.axis, Sequence(sizes))

    def torch(self, a: UnflattenAttrs, *types: TensorType) -> Code:
        return method(Input(0), "unflatten", a.axis, Sequence(printed(a.sizes)))

    def lies(self, a: UnflattenAttrs, *types: TensorType) -> Lies:
        return same(types[0])

    def signal(self, a: UnflattenAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.shape import Reshape

        return Reshape()

    def couplings(self, a: UnflattenAttrs, *types: TensorType) -> Ties | Unknown:
        (x,) = types
        (y,) = inferred(self.infer(a, x)).types
        found = regroup(x.shape, y.shape)
        if found is None:
            return Unknown(f"`{self.name}` cuts across the axes of {x}")
        return Ties(
            (found[0],),
            (found[1],),
            resize=lambda n: replace(a, sizes=resized(a.sizes, found[1][a.axis % x.rank :][: len(a.sizes)], n)),
        )
