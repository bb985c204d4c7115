"""Tensors side by side along a new axis."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.places import whole
from fanin.ir.types import TensorType, promote
from fanin.ops.attributes import Axis
from fanin.ops.code import Code, Input, Sequence, call, unless
from fanin.ops.contract import ANY, Complaint, Inferred, Need, Op, OpAttrs, Port, Result, need_equal, normal_axis
from fanin.ops.sees import Sees, Use
from fanin.ops.ties import Letter, Ties, letters
from fanin.record import KW_ONLY, record


@record
class StackAttrs(OpAttrs):
    _: KW_ONLY
    axis: Axis = 0


@final
class Stack(Op[StackAttrs]):
    """Several tensors of one shape along a new axis.

    Shape: ``[N, D], [N, D] -> [2, N, D]``
    """

    name = "stack"
    attrs = StackAttrs
    inputs = (Port("xs", ANY, variadic=True),)
    order = ("*xs",)
    example = "z = stack(x, y, axis=1)"
    example_inputs = {"x": "[N, 8]", "y": "[N, 8]"}
    kept = ()

    def infer(self, a: StackAttrs, *types: TensorType) -> Result:
        if not types:
            raise Complaint("`stack` needs at least one tensor", "xs")
        first = types[0]
        axis = normal_axis(a.axis, first.rank + 1)
        needs: tuple[Need, ...] = ()
        for number, t in enumerate(types):
            if t.rank != first.rank:
                raise Complaint(f"`stack` takes tensors of one shape, not {first} and {t}", "xs")
            for i in range(first.rank):
                message = f"`stack` needs the same size along axis {i}: {{left}} and {{right}}"
                needs += need_equal(first.shape[i], t.shape[i], message, ("xs[0]", i), (f"xs[{number}]", i))
        dtype = promote(*(t.dtype for t in types))
        stacked = TensorType(dtype, (*first.shape[:axis], len(types), *first.shape[axis:]))
        return Inferred((stacked,), needs)

    def sees(self, a: StackAttrs, use: Use) -> Sees:
        axis = a.axis % use.out.rank
        box = tuple(whole(i + (i >= axis), size) for i, size in enumerate(use.x.shape))
        return Sees(((box,),) * len(use.types), own=(axis,))

    def torch(self, a: StackAttrs, *types: TensorType) -> Code:
        return call("torch.stack", Sequence(tuple(Input(i) for i in range(len(types)))), dim=unless(a.axis, 0))

    def signal(self, a: StackAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.stacked import Stacked

        return Stacked(a.axis % (types[0].rank + 1))

    def couplings(self, a: StackAttrs, *types: TensorType) -> Ties:
        axis, layout = a.axis % (types[0].rank + 1), letters(types[0])
        new = Letter("new", len(types))
        out = (*layout[:axis], new, *layout[axis:])
        return Ties((layout,) * len(types), (out,), fixed=(("new", "each of its slices is a tensor of its own"),))
