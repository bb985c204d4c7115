"""What batch and instance normalisation have in common: statistics of each channel, kept in training."""

from __future__ import annotations

from math import prod
from typing import Any, ClassVar, cast

from fanin.ir.dims import Dim
from fanin.ir.facts import Compare
from fanin.ir.laws import ONES, ZEROS
from fanin.ir.types import DType, TensorType
from fanin.ops.attributes import NonNegativeFloat, PositiveFloat
from fanin.ops.code import Call, Code, call
from fanin.ops.contract import (
    Axis,
    Complaint,
    Inferred,
    Need,
    OpAttrs,
    ParamSpec,
    Result,
    Weighted,
    need_at_least,
)
from fanin.ops.keeping import Backprop, Kept, numbers
from fanin.ops.ports import X
from fanin.ops.sees import Sees, Use, mixing, pointwise
from fanin.ops.spelling import spell_unless
from fanin.ops.ties import Ties, letters
from fanin.ops.windows import check_spatial
from fanin.record import KW_ONLY, record


@record
class BatchNormAttrs(OpAttrs):
    _: KW_ONLY
    eps: PositiveFloat = 1e-5
    momentum: float | None = 0.1
    affine: bool = True
    track_running_stats: bool = True


@record
class InstanceNormAttrs(OpAttrs):
    _: KW_ONLY
    eps: NonNegativeFloat = 1e-5
    momentum: float | None = 0.1
    affine: bool = False
    track_running_stats: bool = False


def running_params(count: Dim, affine: bool, tracked: bool) -> tuple[ParamSpec, ...]:
    """Scale and shift, then the running statistics, as in PyTorch's ``state_dict``."""
    axes = (Axis("feature", cast(int, count)),)
    found: tuple[ParamSpec, ...] = ()
    if affine:
        found += ParamSpec("weight", axes, ONES, "norm"), ParamSpec("bias", axes, ZEROS, "norm")
    if tracked:
        found += (
            ParamSpec("running_mean", axes, ZEROS, kind="buffer"),
            ParamSpec("running_var", axes, ONES, kind="buffer"),
            ParamSpec("num_batches_tracked", (), ZEROS, kind="buffer", dtype=DType.INT),
        )
    return found


def channelwise(x: TensorType, axis: int, affine: bool, tracked: bool) -> Ties:
    """A channel goes with its scale, its shift and its statistics; the other axes pass."""
    names = ("weight", "bias") * affine + ("running_mean", "running_var") * tracked
    layout = letters(x)
    params = tuple((name, (layout[axis],)) for name in names)
    fixed = tuple((str(i), "statistics are taken over it") for i in range(x.rank) if i not in (0, axis))
    return Ties((layout,), (layout,), params, fixed)


class BatchNorm(Weighted[BatchNormAttrs]):
    """Brings each channel to mean 0 and variance 1 over the batch, then scales and shifts it."""

    attrs = BatchNormAttrs
    inputs = X
    ranks: ClassVar[tuple[int, ...]]
    layout: ClassVar[str]

    def infer(self, a: BatchNormAttrs, *types: TensorType) -> Result:
        (x,) = types
        if x.rank not in self.ranks:
            raise Complaint(f"`{self.name}` takes {self.layout}, not {x}", "x", kind="rank")
        count = cast(Dim, prod((x.shape[0], *x.shape[2:])))
        message = f"`{self.name}` needs more than one value for each channel to find a variance, and {x} has {{left}}"
        if not a.track_running_stats:
            return Inferred((x,), need_at_least(count, 2, message, ("x", 0)))
        if isinstance(count, int) and count > 1:
            return x
        need = Need(Compare(">=", count, 2), f"{message} in training", (("x", 0),), "too-small", training=True)
        return Inferred((x,), (need,))

    def params(self, a: BatchNormAttrs, *types: TensorType) -> tuple[ParamSpec, ...]:
        return running_params(types[0].shape[1], a.affine, a.track_running_stats)

    def construct(self, a: BatchNormAttrs, *types: TensorType) -> Call:
        return construct_running(f"nn.{self.module}", types[0].shape[1], a, affine=True, tracked=True)

    def saved(self, a: BatchNormAttrs, use: Backprop) -> Kept:
        statistics = numbers(use.x.shape[1])
        return Kept((0,), more=(statistics, statistics))

    def sees(self, a: BatchNormAttrs, use: Use) -> Sees:
        own = (1,) if a.affine or a.track_running_stats else ()
        if a.track_running_stats and not use.training:
            return pointwise(use.types, use.out, own=own)
        return mixing(use.x, [i for i in range(use.x.rank) if i != 1], own=own)

    def signal(self, a: BatchNormAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.normalise import Normalise

        return Normalise([0, *range(2, types[0].rank)], a.eps)

    def couplings(self, a: BatchNormAttrs, *types: TensorType) -> Ties:
        return channelwise(types[0], 1, a.affine, a.track_running_stats)

    def masked(self, a: BatchNormAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        # Without scale and shift the running mean makes another number of it.
        return 0.0 if own and a.affine else None


class InstanceNorm(Weighted[InstanceNormAttrs]):
    """Brings each channel of each sample to mean 0 and variance 1 over its places."""

    attrs = InstanceNormAttrs
    inputs = X
    spatial: ClassVar[int]

    def infer(self, a: InstanceNormAttrs, *types: TensorType) -> Result:
        (x,) = types
        check_spatial(self.name, x, self.spatial)
        count = cast(Dim, prod(x.shape[-self.spatial :]))
        message = f"`{self.name}` needs more than one place in each channel to find a variance, and {x} has {{left}}"
        if not a.track_running_stats:
            return Inferred((x,), need_at_least(count, 2, message, ("x", -1)))
        if isinstance(count, int) and count > 1:
            return x
        need = Need(Compare(">=", count, 2), f"{message} in training", (("x", -1),), "too-small", training=True)
        return Inferred((x,), (need,))

    def params(self, a: InstanceNormAttrs, *types: TensorType) -> tuple[ParamSpec, ...]:
        return running_params(types[0].shape[-self.spatial - 1], a.affine, a.track_running_stats)

    def construct(self, a: InstanceNormAttrs, *types: TensorType) -> Call:
        size = types[0].shape[-self.spatial - 1]
        return construct_running(f"nn.{self.module}", size, a, affine=False, tracked=False)

    def saved(self, a: InstanceNormAttrs, use: Backprop) -> Kept:
        # as a batch norm of one sample with so many channels: what is per channel is repeated for it
        statistics = numbers(cast(Dim, prod(use.x.shape[: -self.spatial])))
        return Kept((0,), more=(statistics,) * (2 + 2 * a.track_running_stats + a.affine))

    def sees(self, a: InstanceNormAttrs, use: Use) -> Sees:
        first = use.x.rank - self.spatial
        own = (first - 1,) if a.affine or a.track_running_stats else ()
        if a.track_running_stats and not use.training:
            return pointwise(use.types, use.out, own=own)
        return mixing(use.x, range(first, use.x.rank), own=own)

    def signal(self, a: InstanceNormAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.normalise import Normalise

        return Normalise(range(2, types[0].rank), a.eps)

    def couplings(self, a: InstanceNormAttrs, *types: TensorType) -> Ties:
        return channelwise(types[0], types[0].rank - self.spatial - 1, a.affine, a.track_running_stats)

    def masked(self, a: InstanceNormAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        if own and a.affine:
            return 0.0
        return 0.0 if values[0] is not None and not a.track_running_stats else None


def construct_running(
    target: str, size: Dim, a: BatchNormAttrs | InstanceNormAttrs, *, affine: bool, tracked: bool
) -> Call:
    """The module, with what differs from its defaults."""
    more: dict[str, Code] = {
        "eps": spell_unless(a.eps, 1e-5),
        "momentum": spell_unless(a.momentum, 0.1),
        "affine": spell_unless(a.affine, affine),
        "track_running_stats": spell_unless(a.track_running_stats, tracked),
    }
    return call(target, size, **more)
