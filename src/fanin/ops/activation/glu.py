"""The gated linear unit."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.dims import floordiv, mod
from fanin.ir.facts import Compare
from fanin.ir.places import whole
from fanin.ir.types import TensorType
from fanin.ops.code import Call, Code, Input
from fanin.ops.contract import Complaint, Inferred, Need, Op, OpAttrs, Result, normal_axis
from fanin.ops.ports import X
from fanin.ops.sees import Sees, Use, same
from fanin.ops.spelling import spell_fields
from fanin.ops.ties import Letter, Ties, Times, letters
from fanin.record import record


@record
class GluAttrs(OpAttrs):
    axis: int = -1


@final
class Glu(Op[GluAttrs]):
    """``a · sigmoid(b)`` for the two halves of x along an axis.

    Shape: ``[*, 2 n] -> [*, n]``
    Source: Dauphin et al. 2016, "Language Modeling with Gated Convolutional Networks", eq. 1.
    """

    name = "glu"
    module = "GLU"
    attrs = GluAttrs
    inputs = X
    example = "y = x -> glu"
    kept = ("x",)

    def infer(self, a: GluAttrs, *types: TensorType) -> Result:
        (x,) = types
        if x.rank == 0:
            raise Complaint("`glu` halves an axis, and a scalar has none", "x")
        axis = normal_axis(a.axis, x.rank)
        size = x.shape[axis]
        out = x.with_axis(axis, floordiv(size, 2))
        odd = mod(size, 2)
        if odd == 0:
            return out
        message = f"`glu` halves axis {a.axis}, and its size of {size} is odd"
        return Inferred((out,), (Need(Compare("==", odd, 0), message, (("x", axis),), "indivisible"),))

    def sees(self, a: GluAttrs, use: Use) -> Sees:
        axis = a.axis % use.x.rank
        half = list(same(use.out))
        first = tuple(half)
        half[axis] = whole(axis, use.out.shape[axis], use.out.shape[axis])
        return Sees(((first, tuple(half)),), own=())

    def construct(self, a: GluAttrs, *types: TensorType) -> Call:
        args, keywords = spell_fields(a)
        return Call("nn.GLU", args, keywords)

    def torch(self, a: GluAttrs, *types: TensorType) -> Code:
        args, keywords = spell_fields(a)
        return Call("F.glu", (Input(0), *args), keywords)

    def signal(self, a: GluAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.gated import Gated

        return Gated(a.axis % types[0].rank)

    def couplings(self, a: GluAttrs, *types: TensorType) -> Ties:
        layout = list(letters(types[0]))
        axis = a.axis % types[0].rank
        half = Letter("h", floordiv(types[0].shape[axis], 2))
        before, after = [*layout], [*layout]
        before[axis], after[axis] = Times((Letter("two", 2), half)), half
        return Ties((tuple(before),), (tuple(after),), fixed=(("two", "one half gates the other"),))

    def masked(self, a: GluAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return 0.0 if values[0] == 0 else None
