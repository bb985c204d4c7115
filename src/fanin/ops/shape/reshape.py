"""The same numbers in another shape."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Annotated, Any, TypeAlias, cast, final

from fanin.ir.dims import Dim, Poly
from fanin.ir.types import TensorType
from fanin.ir.unknown import Unknown
from fanin.ops.attributes import Range
from fanin.ops.code import Code, Input, Sequence, method
from fanin.ops.contract import ANY, Complaint, Inferred, Need, Op, OpAttrs, Port, Result, inferred, need_equal
from fanin.ops.keeping import Lies, packed
from fanin.ops.sees import Sees, Use, moved, reshaped
from fanin.ops.sizes import need_quotient, need_sizes
from fanin.ops.ties import Layout, Measure, Ties, regroup
from fanin.record import record

SizeOrRest: TypeAlias = Annotated[int | Poly, Range(-1)]


@record
class ReshapeAttrs(OpAttrs):
    shape: tuple[SizeOrRest, ...]


def filled(
    shape: tuple[Dim, ...], whole: Dim, about: str, *places: tuple[str, int]
) -> tuple[tuple[Dim, ...], tuple[Need, ...]]:
    """The shape with its -1 worked out so that it holds ``whole`` numbers, and what must hold for that.

    Raises Complaint for a second -1.
    """
    if sum(size == -1 for size in shape) > 1:
        raise Complaint("one size can be left to work out with -1, not two", about)
    known = cast(Dim, prod(size for size in shape if size != -1))
    needs = need_sizes(*(size for size in shape if size != -1))
    if -1 not in shape:
        message = f"{{left}} numbers do not fit into [{', '.join(map(str, shape))}], which holds {{right}}"
        return shape, (*needs, *need_equal(whole, known, message, *places))
    if known == 0:
        raise Complaint("-1 cannot be worked out beside a size of 0", about)
    rest, more = need_quotient(whole, known, f"{whole} numbers are not a multiple of {known}", *places, about=about)
    return tuple(rest if size == -1 else size for size in shape), (*needs, *more)


def printed(shape: tuple[Dim, ...]) -> tuple[Code, ...]:
    """The shape with -1 for its one open size, which PyTorch can work out as well."""
    numbers = [size for size in shape if isinstance(size, int)]
    if len(numbers) == len(shape) - 1 and all(size > 0 for size in numbers):
        return tuple(size if isinstance(size, int) else -1 for size in shape)
    return shape


def resized(shape: tuple[Dim, ...], axes: Layout, n: Measure) -> tuple[Dim, ...]:
    """The sizes of a shape after a cut; open ones and -1 stay."""
    return tuple(n(axis) if isinstance(s, int) and s != -1 else s for s, axis in zip(shape, axes, strict=True))


@final
class Reshape(Op[ReshapeAttrs]):
    """The numbers of x, in their order, in another shape; one size may be -1, for what is left.

    Shape: ``[*S] -> [*shape]``
    """

    name = "reshape"
    attrs = ReshapeAttrs
    inputs = (Port("x", ANY),)
    order = ("x", "*shape")
    example = "y = reshape(x, -1, 4)"
    kept = ()

    def infer(self, a: ReshapeAttrs, *types: TensorType) -> Result:
        x = types[0]
        shape, needs = filled(a.shape, x.numel(), "shape", *(("x", i) for i in range(x.rank)))
        return Inferred((x.with_shape(*shape),), needs)

    def sees(self, a: ReshapeAttrs, use: Use) -> Sees:
        return moved(reshaped(use.x, use.out))

    def torch(self, a: ReshapeAttrs, *types: TensorType) -> Code:
        return method(Input(0), "reshape", *printed(a.shape)) if a.shape else method(Input(0), "reshape", Sequence(()))

    def lies(self, a: ReshapeAttrs, *types: TensorType) -> Lies:
        return packed(types[0])

    def signal(self, a: ReshapeAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.shape import Reshape

        return Reshape()

    def couplings(self, a: ReshapeAttrs, *types: TensorType) -> Ties | Unknown:
        (x,) = types
        (y,) = inferred(self.infer(a, x)).types
        found = regroup(x.shape, y.shape)
        if found is None:
            return Unknown(f"`{self.name}` cuts across the axes of {x}")
        return Ties((found[0],), (found[1],), resize=lambda n: replace(a, shape=resized(a.shape, found[1], n)))
