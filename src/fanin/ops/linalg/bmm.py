"""Products of matrices in a batch."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.dims import Dim
from fanin.ir.places import through, whole
from fanin.ir.types import TensorType
from fanin.ops.code import Code, Input, call
from fanin.ops.contract import FLOATS, Complaint, Inferred, NoAttrs, Op, Port, Result, need_equal
from fanin.ops.keeping import Backprop, Kept, crosswise
from fanin.ops.sees import Sees, Use
from fanin.ops.ties import SUM, Letter, Ties


@final
class Bmm(Op[NoAttrs]):
    """The product of each matrix of x with that of y: ``@`` of two tensors with three axes.

    Shape: ``[N, A, B], [N, B, C] -> [N, A, C]``
    """

    name = "bmm"
    inputs = (Port("x", FLOATS), Port("y", FLOATS))
    example = "z = bmm(x, y)"
    example_inputs = {"x": "[N, 4, 8]", "y": "[N, 8, 3]"}

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        x, y = types
        for port, t in (("x", x), ("y", y)):
            if t.rank != 3:
                raise Complaint(f"`bmm` takes tensors of three axes, not {t}", port, help="x @ y")
        if x.dtype is not y.dtype:
            raise Complaint(f"`bmm` takes two of a kind, not {x.dtype} and {y.dtype} numbers", "y", kind="type")
        batch = "the batches of this `bmm` disagree: {left} and {right}"
        inner = "the inner sizes of this `bmm` disagree: {left} and {right}"
        needs = need_equal(x.shape[0], y.shape[0], batch, ("x", 0), ("y", 0))
        needs += need_equal(x.shape[2], y.shape[1], inner, ("x", 2), ("y", 1))
        return Inferred((x.with_last(y.shape[2]),), needs)

    def sees(self, a: NoAttrs, use: Use) -> Sees:
        x, y = use.types[0], use.types[1]
        assert x is not None and y is not None
        batch, inner = whole(0, x.shape[0]), through(0, x.shape[2])
        first, second = (batch, whole(1, x.shape[1]), inner), (batch, inner, whole(2, y.shape[2]))
        return Sees(((first,), (second,)), (x.shape[2],), void=((0, (0,)), (1, (0,))))

    def flops(self, a: NoAttrs, *types: TensorType) -> Dim:
        return 2 * types[0].numel() * types[1].shape[2]

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return call("torch.bmm", Input(0), Input(1))

    def saved(self, a: NoAttrs, use: Backprop) -> Kept:
        return Kept(crosswise(use))

    def signal(self, a: NoAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.linear import Contract

        return Contract("bsz", "bzt", "bst")

    def couplings(self, a: NoAttrs, *types: TensorType) -> Ties:
        x, y = types
        b, s, z, t = (Letter(n, d) for n, d in zip("bszt", (*x.shape, y.shape[-1]), strict=True))
        return Ties(((b, s, z), (b, z, t)), ((b, s, t),), ends=(("z", SUM),))

    def masked(self, a: NoAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return 0.0 if 0.0 in values else None
