"""The slices of a tensor along an axis."""

from __future__ import annotations

from typing import Any, cast, final

from fanin.ir.places import at
from fanin.ir.types import TensorType
from fanin.ops.attributes import Axis
from fanin.ops.code import Code, Input, Subscript, method
from fanin.ops.contract import ANY, Complaint, Inferred, Op, OpAttrs, Port, Result, normal_axis
from fanin.ops.keeping import PART, Lies
from fanin.ops.sees import Sees, Use, moved, same
from fanin.ops.ties import Ties, letters
from fanin.record import record


@record
class UnbindAttrs(OpAttrs):
    axis: Axis = 0


@final
class Unbind(Op[UnbindAttrs]):
    """A list of the slices along an axis, which has a known size.

    Shape: ``[3, N, D] -> [N, D], [N, D], [N, D]``
    """

    name = "unbind"
    attrs = UnbindAttrs
    inputs = (Port("x", ANY),)
    listed = True
    example = "a, b = unbind(x)"
    example_inputs = {"x": "[2, N]"}
    kept = ()

    def infer(self, a: UnbindAttrs, *types: TensorType) -> Result:
        x = types[0]
        axis = normal_axis(a.axis, x.rank)
        size = x.shape[axis]
        if not isinstance(size, int):
            raise Complaint(f"how many slices there are along an axis of size {size} is not known", "x", kind="open")
        if not size:
            raise Complaint("an axis of size 0 has no slices", "x")
        return Inferred((x.with_shape(*x.shape[:axis], *x.shape[axis + 1 :]),) * size)

    def sees(self, a: UnbindAttrs, use: Use) -> tuple[Sees, ...]:
        axis, boxes = a.axis % use.x.rank, same(use.out)
        return tuple(moved((*boxes[:axis], at(i), *boxes[axis:])) for i in range(len(use.outs)))

    def torch(self, a: UnbindAttrs, *types: TensorType) -> Code:
        slices = method(Input(0), "unbind", *((a.axis,) if a.axis else ()))
        return slices if types[0].shape[a.axis] != 1 else Subscript(slices, (0,))

    def lies(self, a: UnbindAttrs, *types: TensorType) -> Lies:
        return PART

    def signal(self, a: UnbindAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.shape import Part

        rank = types[0].rank
        return Part([i for i in range(rank) if i != a.axis % rank])

    def couplings(self, a: UnbindAttrs, *types: TensorType) -> Ties:
        (x,) = types
        axis, layout = a.axis % x.rank, letters(x)
        out = (*layout[:axis], *layout[axis + 1 :])
        return Ties(
            (layout,), (out,) * cast(int, x.shape[axis]), fixed=((f"{axis}", "each of its slices is a result"),)
        )
