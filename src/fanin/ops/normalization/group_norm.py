"""Group normalisation."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any, cast, final

from fanin.ir.dims import Dim, floordiv, mod
from fanin.ir.facts import Compare
from fanin.ir.laws import ONES, ZEROS
from fanin.ir.places import Digit, normal, through, whole
from fanin.ir.types import TensorType
from fanin.ops.attributes import NonNegativeFloat, PositiveInt
from fanin.ops.code import Call, Code, Input, call, unless
from fanin.ops.contract import (
    Axis,
    Complaint,
    Inferred,
    Need,
    Op,
    OpAttrs,
    ParamSpec,
    Port,
    Result,
    Weighted,
    need_at_least,
    need_equal,
)
from fanin.ops.keeping import Backprop, Kept, numbers
from fanin.ops.ports import FLOAT, X
from fanin.ops.sees import Sees, Use, same
from fanin.ops.sizes import divisors_near
from fanin.ops.spelling import optional, optional_input
from fanin.ops.ties import NORM, Expr, Letter, Ties, letters, times
from fanin.record import KW_ONLY, record


@record
class GroupNormAttrs(OpAttrs):
    num_groups: PositiveInt
    _: KW_ONLY
    eps: NonNegativeFloat = 1e-5
    affine: bool = True


def infer_groups(name: str, groups: int, x: TensorType) -> tuple[Need, ...]:
    """Channels divide into groups, and a group has more than one value. Raises Complaint without a channel axis."""
    if x.rank < 2:
        raise Complaint(f"`{name}` takes [N, C, *], not {x}", "x", kind="rank")
    needs: tuple[Need, ...] = ()
    left = mod(x.shape[1], groups)
    if left != 0:
        message = f"{x.shape[1]} channels do not divide into {groups} groups"
        help = divisors_near(x.shape[1], groups)
        needs += (Need(Compare("==", left, 0), message, (("x", 1),), "indivisible", help),)
    # PyTorch counts the values over the batch as well, and complains of one alone.
    count = floordiv(cast(Dim, prod(x.shape)), groups)
    message = f"`{name}` needs more than one value for each group to find a variance, and {x} has {{left}}"
    return needs + need_at_least(count, 2, message, ("x", 0))


def groups_together(x: TensorType, groups: int, own: tuple[int, ...] = ()) -> Sees:
    """An entry sees its group of channels, at all places."""
    within = floordiv(x.shape[1], groups)
    group = normal([(within, Digit(1, within, groups)), *through(0, within).terms], 0, 0)
    places = tuple(through(n, size) for n, size in enumerate(x.shape[2:], 1))
    box = (whole(0, x.shape[0]), through(0, within) if groups == 1 else group, *places)
    return Sees(((same(x), box),), (within, *x.shape[2:]), own=own)


def grouped(a: GroupNormAttrs | GroupNormFunctionAttrs, x: TensorType, params: tuple[str, ...]) -> Ties:
    """Whole groups can go; within a group, what goes takes its share of the statistics along."""
    outer = letters(x)
    g, c = Letter("g", a.num_groups), Letter("c", floordiv(x.shape[1], a.num_groups))
    channel: Expr = times(g, c)
    layout = (outer[0], channel, *outer[2:])
    tied = tuple((name, (channel,)) for name in params)
    fixed = tuple((str(i), "statistics are taken over it") for i in range(2, x.rank))
    ends = (("c", NORM),)
    return Ties((layout,), (layout,), tied, fixed, ends, lambda n: replace(a, num_groups=n(g)))


@final
class GroupNorm(Weighted[GroupNormAttrs]):
    """Brings each group of channels of each sample to mean 0 and variance 1, then scales and shifts each channel.

    Shape: ``[N, C, *] -> [N, C, *]``
    Params: ``weight [C]``, ``bias [C]``; none without ``affine``
    Signal: ``E[y] = bias``, ``E[y²] = weight² Var[x] / (Var[x] + eps) + bias²``.
    Source: Wu and He 2018, "Group Normalization", eq. 7.
    """

    name = "GroupNorm"
    module = "GroupNorm"
    attrs = GroupNormAttrs
    inputs = X
    example = "y = x -> GroupNorm(4)"
    example_inputs = {"x": "[N, 8, 16, 16]"}

    def infer(self, a: GroupNormAttrs, *types: TensorType) -> Result:
        return Inferred((types[0],), infer_groups(self.name, a.num_groups, types[0]))

    def params(self, a: GroupNormAttrs, *types: TensorType) -> tuple[ParamSpec, ...]:
        axes = (Axis("feature", cast(int, types[0].shape[1])),)
        both = ParamSpec("weight", axes, ONES, "norm"), ParamSpec("bias", axes, ZEROS, "norm")
        return both if a.affine else ()

    def construct(self, a: GroupNormAttrs, *types: TensorType) -> Call:
        eps, affine = unless(a.eps, 1e-5), unless(a.affine, True)
        return call("nn.GroupNorm", a.num_groups, types[0].shape[1], eps=eps, affine=affine)

    def saved(self, a: GroupNormAttrs, use: Backprop) -> Kept:
        statistics = numbers(use.x.shape[0], a.num_groups)
        return Kept((0,), more=(statistics, statistics))

    def sees(self, a: GroupNormAttrs, use: Use) -> Sees:
        return groups_together(use.x, a.num_groups, own=(1,) if a.affine else ())

    def signal(self, a: GroupNormAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.normalise import Normalise

        return Normalise((), a.eps, groups=a.num_groups)

    def couplings(self, a: GroupNormAttrs, *types: TensorType) -> Ties:
        return grouped(a, types[0], ("weight", "bias") if a.affine else ())


@record
class GroupNormFunctionAttrs(OpAttrs):
    num_groups: PositiveInt
    eps: NonNegativeFloat = 1e-5


@final
class GroupNormFunction(Op[GroupNormFunctionAttrs]):
    """Brings each group of channels of each sample to mean 0 and variance 1; scale and shift are tensors, where given.

    Shape: ``x [N, C, *], weight [C]?, bias [C]? -> [N, C, *]``
    Source: Wu and He 2018, "Group Normalization", eq. 7.
    """

    name = "group_norm"
    attrs = GroupNormFunctionAttrs
    inputs = (Port("x", FLOAT), Port("weight", FLOAT, optional=True), Port("bias", FLOAT, optional=True))
    order = ("x", "num_groups", "weight", "bias", "eps")
    example = "y = x -> group_norm(4)"

    def infer(self, a: GroupNormFunctionAttrs, *types: TensorType) -> Result:
        x = types[0]
        needs = infer_groups(self.name, a.num_groups, x)
        if optional(types, 2) is not None and optional(types, 1) is None:
            raise Complaint("`group_norm` has no gradient for a bias without a weight", "bias", kind="type")
        for i, port in enumerate(("weight", "bias"), 1):
            given = optional(types, i)
            if given is not None:
                needs += need_channels(port, given, x)
        return Inferred((x,), needs)

    def torch(self, a: GroupNormFunctionAttrs, *types: TensorType) -> Code:
        return call(
            "F.group_norm",
            Input(0),
            a.num_groups,
            weight=optional_input(types, 1),
            bias=optional_input(types, 2),
            eps=unless(a.eps, 1e-5),
        )

    def sees(self, a: GroupNormFunctionAttrs, use: Use) -> Sees:
        found = groups_together(use.x, a.num_groups)
        more = tuple(() if t is None else ((whole(1, t.shape[0]),),) for t in use.types[1:])
        return replace(found, reads=(*found.reads, *more))

    def saved(self, a: GroupNormFunctionAttrs, use: Backprop) -> Kept:
        statistics = numbers(use.x.shape[0], a.num_groups)
        return Kept((0, 1)[: len(use.inputs)], more=(statistics, statistics))

    def couplings(self, a: GroupNormFunctionAttrs, *types: TensorType) -> Ties:
        found = grouped(a, types[0], ())
        channel = found.inputs[0][1]
        return replace(found, inputs=(*found.inputs, *(() if t is None else (channel,) for t in types[1:])))

    def masked(self, a: GroupNormFunctionAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return 0.0 if len(values) > 1 and all(v == 0 for v in values[1:]) else None


def need_channels(port: str, given: TensorType, x: TensorType) -> tuple[Need, ...]:
    """A number for each channel. Raises Complaint for another rank than 1."""
    if given.rank != 1:
        raise Complaint(f"`{port}` has one axis, not {given.rank}", port, kind="type")
    message = f"`{port}` has {{left}} numbers for {{right}} channels"
    return need_equal(given.shape[0], x.shape[1], message, (port, 0), ("x", 1))
