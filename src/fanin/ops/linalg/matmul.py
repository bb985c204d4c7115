"""The matrix product."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.dims import Dim
from fanin.ir.places import through, whole
from fanin.ir.types import TensorType
from fanin.ir.unknown import Unknown
from fanin.ops.broadcasting import broadcast
from fanin.ops.code import Code, Infix, Input
from fanin.ops.contract import FLOATS, Complaint, Inferred, NoAttrs, Op, Port, Result, need_equal
from fanin.ops.keeping import Backprop, Kept, crosswise
from fanin.ops.sees import Sees, Use, aligned
from fanin.ops.ties import SUM, Letter, Ties, stretch


@final
class Matmul(Op[NoAttrs]):
    """``x @ y``: the last two axes are matrices, those before them broadcast; a tensor of one axis is a vector.

    Shape: ``[*S, A, B], [*S, B, C] -> [*S, A, C]``; ``[A, B], [B] -> [A]``; ``[B], [B] -> []``
    Signal: ``E[z²] = B · E[x²] · E[y²]`` where the two are independent and one has mean zero.
    """

    name = "matmul"
    inputs = (Port("x", FLOATS), Port("y", FLOATS))
    example = "z = x @ y"
    example_inputs = {"x": "[N, 8]", "y": "[8, 4]"}

    def infer(self, a: NoAttrs, *types: TensorType) -> Result:
        x, y = types
        for port, t in (("x", x), ("y", y)):
            if not t.rank:
                raise Complaint("`@` multiplies matrices and vectors; `*` takes scalars", port, help="x * y")
        if x.dtype is not y.dtype:
            raise Complaint(f"`@` takes two of a kind, not {x.dtype} and {y.dtype} numbers", "y", kind="type")
        inner = ("y", 0) if y.rank == 1 else ("y", -2)
        message = "the inner sizes of this `@` disagree: {left} and {right}"
        needs = need_equal(x.shape[-1], y.shape[inner[1]], message, ("x", -1), inner)
        batches = x.with_shape(*x.shape[:-2]), y.with_shape(*y.shape[:-2])
        batch, more = broadcast(("x", batches[0]), ("y", batches[1]), what="the batches of this `@`")
        rows = x.shape[-2:-1] if x.rank > 1 else ()
        columns = y.shape[-1:] if y.rank > 1 else ()
        return Inferred((x.with_shape(*batch, *rows, *columns),), (*needs, *more))

    def sees(self, a: NoAttrs, use: Use) -> Sees:
        x, y = use.types[0], use.types[1]
        assert x is not None and y is not None
        inner, out = x.shape[-1], use.out
        column = whole(out.rank - 1, out.shape[-1]) if y.rank > 1 else None
        row = whole(out.rank - 1 - (y.rank > 1), x.shape[-2]) if x.rank > 1 else None
        more = out.with_shape(*out.shape[: out.rank - (x.rank > 1) - (y.rank > 1)])
        left = aligned(x.with_shape(*x.shape[:-2]), more) if x.rank > 1 else ()
        right = aligned(y.with_shape(*y.shape[:-2]), more) if y.rank > 1 else ()
        first = (*left, *((row,) if row is not None else ()), through(0, inner))
        second = (*right, through(0, inner), *((column,) if column is not None else ()))
        return Sees(((first,), (second,)), (inner,), void=((0, (0,)), (1, (0,))))

    def flops(self, a: NoAttrs, *types: TensorType) -> Dim:
        x, y = types
        if y.rank == 1:
            return 0  # PyTorch's counter does not see a product with a vector
        batch, _ = broadcast(("x", x.with_shape(*x.shape[:-2])), ("y", y.with_shape(*y.shape[:-2])), what="")
        rows = x.shape[-2:-1] if x.rank > 1 else ()
        return 2 * x.with_shape(*batch, *rows, x.shape[-1], y.shape[-1]).numel()

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return Infix("@", Input(0), Input(1))

    def saved(self, a: NoAttrs, use: Backprop) -> Kept:
        left, right = use.x, use.inputs[1]
        if right is not None and left.rank < right.rank > 2:  # the right one is laid out anew
            return Kept((0,) * use.asked(1), more=(right,) * use.asked(0))
        return Kept(crosswise(use))

    def signal(self, a: NoAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.linear import Contract

        x, y = types
        if min(x.rank, y.rank) < 2:
            return Unknown("nothing is known behind a product with a vector")
        more = "abcdef"[: max(x.rank, y.rank) - 2]
        left, right = more[len(more) - x.rank + 2 :], more[len(more) - y.rank + 2 :]
        return Contract(left + "sz", right + "zt", more + "st")

    def couplings(self, a: NoAttrs, *types: TensorType) -> Ties:
        x, y = types
        outer = [t.with_shape(*t.shape[:-2]) for t in types]
        batch, out = stretch(outer, max(t.rank for t in outer), "b")
        z = Letter("z", x.shape[-1])
        rows = (Letter("s", x.shape[-2]),) if x.rank > 1 else ()
        columns = (Letter("t", y.shape[-1]),) if y.rank > 1 else ()
        return Ties(((*batch[0], *rows, z), (*batch[1], z, *columns)), ((*out, *rows, *columns),), ends=(("z", SUM),))

    def masked(self, a: NoAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return 0.0 if 0.0 in values else None
