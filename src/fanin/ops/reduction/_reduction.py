"""What ops that take axes together have in common."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from math import prod
from typing import ClassVar, TypeVar, cast

from fanin.ir.dims import Dim
from fanin.ir.facts import Compare
from fanin.ir.types import DType, TensorType
from fanin.ops.attributes import Axes, Axis
from fanin.ops.axes import normal_axes, spelled
from fanin.ops.code import OMIT, Code, Input, Sequence, method, unless
from fanin.ops.contract import ANY, FLOATS, Complaint, Inferred, Need, Op, OpAttrs, Port, Result
from fanin.ops.sees import Sees, Use, reducing, same, up_to
from fanin.ops.sizes import at_least
from fanin.ops.ties import SUM, Letter, Ties, letters, tied
from fanin.record import KW_ONLY, record


@record
class ReductionAttrs(OpAttrs):
    axis: Axes = None
    keepdim: bool = False


@record
class SingleAttrs(OpAttrs):
    axis: Axis | None = None
    keepdim: bool = False


@record
class VarianceAttrs(OpAttrs):
    axis: Axes = None
    _: KW_ONLY
    correction: int = 1
    keepdim: bool = False


@record
class AlongAttrs(OpAttrs):
    axis: Axis


def reduced(x: TensorType, axis: int | tuple[int, ...] | None, keepdim: bool) -> TensorType:
    """The type without the axes, or with size 1 there. Raises Complaint for a tuple without any."""
    if axis == ():
        raise Complaint("an empty list of axes takes nothing together", "axis", help="leave `axis` out for all of them")
    axes = normal_axes(axis, x.rank)
    if keepdim:
        return x.with_shape(*(1 if i in axes else size for i, size in enumerate(x.shape)))
    return x.with_shape(*(size for i, size in enumerate(x.shape) if i not in axes))


def need_some(x: TensorType, axis: int | tuple[int, ...] | None, name: str) -> tuple[Need, ...]:
    """That what is taken together holds a number at all."""
    axes = normal_axes(axis, x.rank)
    count = cast(Dim, prod(x.shape[i] for i in axes))
    if at_least(count, 1):
        return ()
    places = tuple(("x", i) for i in axes)
    return (Need(Compare(">=", count, 1), f"`{name}` of {{left}} numbers has no value", places, "too-small"),)


def taken_together(x: TensorType, axis: int | tuple[int, ...] | None, keepdim: bool, end: str) -> Ties:
    """Axes that are used up, in the way that ``end`` says (``ties.Ties.ends``); the others pass."""
    axes, inner = normal_axes(axis, x.rank), letters(x)
    one = tuple(Letter(f"one{i}", 1) if i in axes else letter for i, letter in enumerate(inner))
    out = one if keepdim else tuple(letter for i, letter in enumerate(inner) if i not in axes)
    return Ties((inner,), (out,), ends=tuple((f"{i}", end) for i in axes))


A = TypeVar("A", ReductionAttrs, SingleAttrs, VarianceAttrs)


class Reduction(Op[A]):
    """A number for all numbers along some axes; without an axis, for all there are."""

    inputs = (Port("x", ANY),)
    nonempty: ClassVar[bool] = False
    """Whether there is no value for no numbers."""
    tells_places: ClassVar[bool] = False
    """Whether it tells where a number stands."""

    @abstractmethod
    def kind(self, dtype: DType) -> DType:
        """The kind of number it gives."""

    def infer(self, a: A, *types: TensorType) -> Result:
        x = types[0]
        result = reduced(x, a.axis, a.keepdim).with_dtype(self.kind(x.dtype))
        return Inferred((result,), need_some(x, a.axis, self.name)) if self.nonempty else result

    def sees(self, a: A, use: Use) -> Sees:
        axes = normal_axes(a.axis, use.x.rank)
        told = tuple((0, i) for i in axes) if self.tells_places else ()
        box = reducing(use.x, axes, use.out, a.keepdim)
        return Sees(((box,),), tuple(use.x.shape[i] for i in sorted(axes)), weighted=told)

    changes: ClassVar[str] = "`{name}` of fewer numbers is another"
    """Why taking fewer numbers together changes the result, unless what goes is zero; empty where it does not then."""

    def couplings(self, a: A, *types: TensorType) -> Ties:
        return taken_together(types[0], a.axis, a.keepdim, self.changes.format(name=self.name) or SUM)

    def masked(self, a: A, values: tuple[float | None, ...], own: bool) -> float | None:
        return None


class Folding(Reduction[ReductionAttrs]):
    """A reduction by torch's method of the same name, along any axes."""

    attrs = ReductionAttrs

    def torch(self, a: ReductionAttrs, *types: TensorType) -> Code:
        return method(Input(0), self.name, dim=along(a.axis, types[0], a.keepdim), keepdim=unless(a.keepdim, False))


class Choosing(Reduction[SingleAttrs]):
    """A reduction by torch's method of the same name, along one axis or all."""

    attrs = SingleAttrs
    nonempty = True

    def torch(self, a: SingleAttrs, *types: TensorType) -> Code:
        dim = OMIT if a.axis is None else a.axis
        return method(Input(0), self.name, dim=dim, keepdim=unless(a.keepdim, False))


class Spread(Reduction[VarianceAttrs]):
    """How far the numbers lie apart."""

    attrs = VarianceAttrs
    inputs = (Port("x", FLOATS),)

    def kind(self, dtype: DType) -> DType:
        return real(dtype)

    def torch(self, a: VarianceAttrs, *types: TensorType) -> Code:
        dim, keepdim = along(a.axis, types[0], a.keepdim), unless(a.keepdim, False)
        return method(Input(0), self.name, dim=dim, correction=unless(a.correction, 1), keepdim=keepdim)


class Running(Op[AlongAttrs]):
    """A number for each place of an axis, of what stands up to there."""

    attrs = AlongAttrs
    inputs = (Port("x", ANY),)

    def infer(self, a: AlongAttrs, *types: TensorType) -> Result:
        x = types[0]
        normal_axes(a.axis, x.rank)
        return x.with_dtype(whole(x.dtype))

    def sees(self, a: AlongAttrs, use: Use) -> Sees:
        box = list(same(use.x))
        if box:
            axis = a.axis % use.x.rank
            box[axis] = up_to(axis, use.x.shape[axis])
        return Sees(((tuple(box),),))

    def torch(self, a: AlongAttrs, *types: TensorType) -> Code:
        return method(Input(0), self.name, dim=a.axis)

    def couplings(self, a: AlongAttrs, *types: TensorType) -> Ties:
        axis = a.axis % max(types[0].rank, 1)
        return replace(tied(types[0]), fixed=((f"{axis}", f"`{self.name}` runs along it"),))

    def masked(self, a: AlongAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return 0.0 if values[0] == 0 else None


def along(axis: int | tuple[int, ...] | None, x: TensorType, keepdim: bool = False) -> Code:
    """The value of ``dim=``: left out for all axes, unless they are to be kept, which PyTorch wants to see named."""
    if axis is None:
        return Sequence(tuple(range(x.rank))) if keepdim else OMIT
    return spelled(axis)


def whole(dtype: DType) -> DType:
    """Bools are counted in ints."""
    return DType.INT if dtype is DType.BOOL else dtype


def real(dtype: DType) -> DType:
    """The size of complex numbers is a float."""
    return DType.FLOAT if dtype is DType.COMPLEX else dtype
