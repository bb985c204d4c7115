"""What the kinds of dropout have in common."""

from __future__ import annotations

from typing import Any, ClassVar

from fanin.ir.numbers import OPEN, Known, combined, is_number
from fanin.ir.types import DType, TensorType
from fanin.ops.attributes import Probability
from fanin.ops.code import TRAINING, Call, Code, Input
from fanin.ops.contract import Complaint, Inferred, Op, OpAttrs, Result
from fanin.ops.keeping import ALIKE, Backprop, Kept, Lies, numbers, same
from fanin.ops.ports import X
from fanin.ops.sees import Sees, Use, pointwise
from fanin.ops.spelling import spell_fields
from fanin.ops.ties import Ties, tied
from fanin.record import record


@record
class DropoutAttrs(OpAttrs):
    p: Probability = 0.5


class AnyDropout(Op[DropoutAttrs]):
    """Throws numbers away at random in training, and does nothing otherwise."""

    attrs = DropoutAttrs
    inputs = X
    keeps = False
    ranks: ClassVar[tuple[int, ...]] = ()
    """The only ranks that PyTorch takes, where it is strict."""
    least: ClassVar[int] = 0
    """The least rank that it takes."""
    meant: ClassVar[tuple[int, ...]] = ()
    """Those it is made for, where it warns of others."""

    def infer(self, a: DropoutAttrs, *types: TensorType) -> Result:
        (x,) = types
        few = x.rank < self.least and 0 < a.p < 1  # it does not look where nothing, or everything, goes
        if few or (self.ranks and x.rank not in self.ranks):
            some = " or ".join(map(str, self.ranks)) if self.ranks else f"at least {self.least}"
            raise Complaint(f"`{self.name}` takes {some} axes, and {x} has {x.rank}", "x")
        if self.meant and x.rank not in self.meant:
            made = " or ".join(map(str, self.meant))
            return Inferred((x,), notes=(f"`{self.name}` is made for {made} axes, and {x} has {x.rank}",))
        return x

    def construct(self, a: DropoutAttrs, *types: TensorType) -> Call:
        args, keywords = spell_fields(a, 1)
        return Call(f"nn.{self.module}", args, keywords)

    def torch(self, a: DropoutAttrs, *types: TensorType) -> Code:
        args, keywords = spell_fields(a, 1)
        return Call(f"F.{self.name}", (Input(0), *args), (*keywords, ("training", TRAINING)))

    def sees(self, a: DropoutAttrs, use: Use) -> Sees:
        return pointwise(use.types, use.out)

    def known(self, a: DropoutAttrs, use: Use, *inputs: Known) -> Known:
        if "alpha" in self.name:
            return ()
        return combined(lambda x: 0.0 if is_number(x) and x == 0 else OPEN, *inputs)

    def saved(self, a: DropoutAttrs, use: Backprop) -> Kept:
        if not 0 < a.p < 1:
            return Kept()
        if self.name == "dropout":  # as on an accelerator; the kernel of the CPU keeps factors instead of a mask
            return Kept(more=(use.x.with_dtype(DType.BOOL),))
        x = use.x
        if (self.name == "dropout1d" and x.rank == 2) or (self.name == "dropout3d" and x.rank != 5):  # no batch
            return Kept(more=(numbers(x.shape[0]),))
        return Kept(more=(x if self.name == "alpha_dropout" else numbers(*x.shape[:2], *(1,) * (x.rank - 2)),))

    def lies(self, a: DropoutAttrs, *types: TensorType) -> Lies:
        return same(types[0]) if a.p == 0 else ALIKE

    def signal(self, a: DropoutAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.noise import AlphaDrop, Drop

        whole = range(2, types[0].rank) if self.name not in ("dropout", "alpha_dropout") else ()
        return (AlphaDrop if "alpha" in self.name else Drop)(a.p, whole)

    def couplings(self, a: DropoutAttrs, *types: TensorType) -> Ties:
        return tied(types[0])

    def masked(self, a: DropoutAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return 0.0 if values[0] == 0 and "alpha" not in self.name else None
