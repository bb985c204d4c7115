"""The same numbers in another shape."""

from __future__ import annotations

from math import prod
from typing import Annotated, Any, TypeAlias, cast, final

from fanin.ir.dims import Dim, Poly
from fanin.ir.types import TensorType
from fanin.ops.attributes import Range
from fanin.ops.code import Code, Input, Sequence, method
from fanin.ops.contract import ANY, Complaint, Inferred, Need, Op, OpAttrs, Port, Result, need_equal
from fanin.ops.keeping import Lies, packed
from fanin.ops.sees import Sees, Use, moved, reshaped
from fanin.ops.sizes import need_quotient, need_sizes
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
