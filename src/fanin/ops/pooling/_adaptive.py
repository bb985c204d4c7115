"""What the poolings to a given size have in common."""

from __future__ import annotations

from typing import Any, ClassVar

from fanin.ir.dims import Dim
from fanin.ir.division import exact_quotient
from fanin.ir.places import ALL, Digit, normal, through
from fanin.ir.types import DType, TensorType
from fanin.ir.unknown import Unknown
from fanin.ops.attributes import PositiveInt
from fanin.ops.code import Call, Code, Input, call
from fanin.ops.contract import Complaint, Inferred, Need, Op, OpAttrs, Result, inferred, need_at_least
from fanin.ops.keeping import Backprop, Kept
from fanin.ops.ports import X
from fanin.ops.sees import Sees, Use, same
from fanin.ops.spelling import spell
from fanin.ops.ties import Ties, passing
from fanin.ops.windows import check_spatial
from fanin.record import record


@record
class AdaptiveAttrs(OpAttrs):
    output_size: PositiveInt | tuple[PositiveInt | None, ...] | None


class AdaptivePool(Op[AdaptiveAttrs]):
    """Cuts each spatial axis into so many windows, as equal as can be; window i is from ⌊i L / n⌋ to ⌈(i + 1) L /
    n⌉."""

    attrs = AdaptiveAttrs
    inputs = X
    spatial: ClassVar[int]

    def infer(self, a: AdaptiveAttrs, *types: TensorType) -> Result:
        (x,) = types
        n = self.spatial
        check_spatial(self.name, x, n, kind="type")  # PyTorch lets more axes pass where all sizes are 1
        wanted = self.wanted(a)
        if len(wanted) != n:
            raise Complaint(f"`output_size` takes one number, or {n}, not {len(wanted)}", "output_size", kind="type")
        if n == 1 and None in wanted:
            raise Complaint(f"`{self.name}` needs a number for its output size", "output_size", kind="type")
        sizes: list[Dim] = []
        needs: tuple[Need, ...] = ()
        for i, size in enumerate(wanted):
            here = x.shape[i - n]
            sizes.append(here if size is None else size)
            needs += need_at_least(here, 1, f"`{self.name}` has nothing to pool: the axis is empty", ("x", i - n))
        return Inferred((x.with_shape(*x.shape[:-n], *sizes),), needs)

    def sees(self, a: AdaptiveAttrs, use: Use) -> Sees:
        x, first = use.x, use.x.rank - self.spatial
        box = list(same(x))
        sizes: list[Dim] = []
        for axis in range(first, x.rank):
            size, count = x.shape[axis], use.out.shape[axis]
            if count == 1:
                box[axis] = through(len(sizes), size)
                sizes.append(size)
            elif count != size:
                width = exact_quotient(size, count)
                box[axis] = ALL if width is None else normal([(width, Digit(axis, 1, count))], 0, width - 1)
        return Sees(((tuple(box),),), tuple(sizes))

    def wanted(self, a: AdaptiveAttrs) -> tuple[int | None, ...]:
        return a.output_size if isinstance(a.output_size, tuple) else (a.output_size,) * self.spatial

    def construct(self, a: AdaptiveAttrs, *types: TensorType) -> Call:
        return call(f"nn.{self.module}", spell(self.wanted(a) if a.output_size is None else a.output_size))

    def torch(self, a: AdaptiveAttrs, *types: TensorType) -> Code:
        return call(f"F.{self.name}", Input(0), spell(self.wanted(a) if a.output_size is None else a.output_size))

    def saved(self, a: AdaptiveAttrs, use: Backprop) -> Kept:
        if "max" in self.name:
            return Kept((0,), more=(use.results[0].with_dtype(DType.INT),))
        whole = self.spatial > 1 and all(size == 1 for size in self.wanted(a))
        return Kept() if whole else Kept((0,))  # a mean of all needs nothing

    def signal(self, a: AdaptiveAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.convolution import LargestWindow, MeanWindow

        sizes = [n for n in types[0].shape if isinstance(n, int)][-self.spatial :]
        counts = [n if wanted is None else wanted for n, wanted in zip(sizes, self.wanted(a), strict=True)]
        if "max" not in self.name:
            return MeanWindow([("adaptive", 0, 0, 1)] * self.spatial)
        if any(n % count for n, count in zip(sizes, counts, strict=True)):
            return Unknown(f"the windows of `{self.name}` differ in size")
        windows = [(n // count, n // count, 0, 1) for n, count in zip(sizes, counts, strict=True)]
        return LargestWindow(windows)

    def couplings(self, a: AdaptiveAttrs, *types: TensorType) -> Ties:
        x, outer = types[0], types[0].rank - self.spatial
        (y,) = inferred(self.infer(a, x)).types
        return passing(x, y, {i: i for i in range(outer)}, f"`{self.name}` runs along it")
