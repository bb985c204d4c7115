"""What the convolutions of one, two and three spatial axes have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod, sqrt
from typing import Any, ClassVar, Literal, TypeAlias, cast

from fanin.ir.dims import Dim, floordiv, mod
from fanin.ir.facts import Compare
from fanin.ir.laws import Uniform
from fanin.ir.places import Box, Digit, Span, normal, through, whole
from fanin.ir.types import TensorType
from fanin.ir.unknown import Unknown
from fanin.ops.attributes import Kernel, Padding, PositiveInt, spread
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
from fanin.ops.sees import Sees, Use
from fanin.ops.spelling import optional, optional_input, spell, spell_unless
from fanin.ops.ties import PARAM, SUM, Expr, Layout, Letter, Measure, Ties, held, times
from fanin.ops.windows import batch, channels, check_spatial, need_room, slide
from fanin.record import KW_ONLY, record

PaddingMode: TypeAlias = Literal["zeros", "reflect", "replicate", "circular"]


@record
class ConvAttrs(OpAttrs):
    out_channels: PositiveInt
    kernel_size: Kernel
    _: KW_ONLY
    stride: Kernel = 1
    padding: Padding | Literal["same", "valid"] = 0
    dilation: Kernel = 1
    groups: PositiveInt = 1
    bias: bool = True
    padding_mode: PaddingMode = "zeros"


@record
class Geometry:
    """Kernel, stride, dilation and padding along each spatial axis. ``same`` keeps the size, whatever the kernel."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: tuple[int, ...]
    same: bool = False

    def sizes(self, x: TensorType) -> tuple[Dim, ...]:
        n = len(self.kernel)
        if self.same:
            return x.shape[-n:]
        windows = zip(x.shape[-n:], self.kernel, self.stride, self.padding, self.dilation, strict=True)
        return tuple(slide(size, k, s, p, d) for size, k, s, p, d in windows)

    def needs(self, x: TensorType) -> tuple[Need, ...]:
        n = len(self.kernel)
        if self.same:
            return ()
        found: tuple[Need, ...] = ()
        for i, (k, p, d) in enumerate(zip(self.kernel, self.padding, self.dilation, strict=True)):
            found += need_room(x.shape[i - n], i - n, k, p, d)
        return found


def geometry(n: int, kernel: Kernel, stride: Kernel, padding: Padding | str, dilation: Kernel) -> Geometry:
    """Raises Complaint for tuples of another length than ``n``, and for "same" with a stride."""
    strides = spread(stride, n, "stride")
    sizes = spread(kernel, n, "kernel_size")
    dilations = spread(dilation, n, "dilation")
    if isinstance(padding, str):
        if padding == "same" and any(s != 1 for s in strides):
            raise Complaint(
                'padding="same" keeps the size, and a stride does not',
                "padding",
                help=f"padding={max(sizes) // 2}",
            )
        return Geometry(sizes, strides, dilations, (0,) * n, padding == "same")
    return Geometry(sizes, strides, dilations, spread(padding, n, "padding"))


def need_groups(count: Dim, groups: int, axis: int) -> tuple[Need, ...]:
    """The channels that come in divide into groups."""
    left = mod(count, groups)
    if left == 0 and isinstance(count, int):
        return need_at_least(count, 1, "there are no channels to convolve", ("x", axis))
    if left == 0:
        return ()
    message = f"the {count} channels that come in do not divide into {groups} groups"
    return (
        Need(
            Compare("==", left, 0),
            message,
            (("x", axis),),
            "indivisible",
            "give `groups` a divisor of the channels",
        ),
    )


def check_out(out: int, groups: int) -> None:
    """Raises Complaint where the channels that go out do not divide into groups."""
    if out % groups:
        raise Complaint(
            f"the {out} channels that go out do not divide into {groups} groups", "groups", kind="indivisible"
        )


class Convolution(Weighted[ConvAttrs]):
    """A convolution (a cross-correlation, strictly) with a learned kernel."""

    attrs = ConvAttrs
    inputs = X
    spatial: ClassVar[int]

    def geometry(self, a: ConvAttrs) -> Geometry:
        return geometry(self.spatial, a.kernel_size, a.stride, a.padding, a.dilation)

    def infer(self, a: ConvAttrs, *types: TensorType) -> Result:
        (x,) = types
        n, g = self.spatial, self.geometry(a)
        check_spatial(self.name, x, n)
        check_out(a.out_channels, a.groups)
        y = x.with_shape(*x.shape[: -n - 1], a.out_channels, *g.sizes(x))
        needs = need_groups(channels(x, n), a.groups, -n - 1)
        return Inferred((y,), needs + g.needs(x) + self.need_filling(a, g, x))

    def need_filling(self, a: ConvAttrs, g: Geometry, x: TensorType) -> tuple[Need, ...]:
        """What the padding is taken from has to be there: reflection leaves the edge out, wrapping goes round once."""
        found: tuple[Need, ...] = ()
        if a.padding_mode in ("zeros", "replicate"):
            return found
        for i in range(-self.spatial, 0):
            wide = -(-g.dilation[i] * (g.kernel[i] - 1) // 2) if g.same else g.padding[i]
            least = wide + (a.padding_mode == "reflect")
            if wide:
                message = (
                    f'padding_mode="{a.padding_mode}" by {wide} needs an axis of {least} or more, and this is {{left}}'
                )
                found += need_at_least(x.shape[i], least, message, ("x", i))
        return found

    def params(self, a: ConvAttrs, *types: TensorType) -> tuple[ParamSpec, ...]:
        n = self.spatial
        kernel = spread(a.kernel_size, n, "kernel_size")
        within = cast(int, channels(types[0], n)) // a.groups
        bound = 1 / sqrt(within * prod(kernel))
        law = Uniform(-bound, bound)
        out = Axis("out", a.out_channels)
        axes = (out, Axis("in", within), *(Axis("kernel", k) for k in kernel))
        weight = ParamSpec("weight", axes, law, "conv", groups=a.groups)
        return (weight, ParamSpec("bias", (out,), law, "bias")) if a.bias else (weight,)

    def construct(self, a: ConvAttrs, *types: TensorType) -> Call:
        return call(
            f"nn.{self.module}",
            channels(types[0], self.spatial),
            a.out_channels,
            spell(a.kernel_size),
            stride=spell_unless(a.stride, 1),
            padding=spell_unless(a.padding, 0),
            dilation=spell_unless(a.dilation, 1),
            groups=unless(a.groups, 1),
            bias=unless(a.bias, True),
            padding_mode=unless(a.padding_mode, "zeros"),
        )

    def flops(self, a: ConvAttrs, *types: TensorType) -> Dim:
        (x,) = types
        n, g = self.spatial, self.geometry(a)
        within = cast(int, channels(x, n)) // a.groups
        return 2 * batch(x, n) * cast(Dim, prod(g.sizes(x))) * a.out_channels * within * prod(g.kernel)

    def saved(self, a: ConvAttrs, use: Backprop) -> Kept:
        if a.padding_mode == "zeros":
            return Kept((0,))
        n, g = self.spatial, self.geometry(a)
        wide = [d * (k - 1) if g.same else 2 * p for d, k, p in zip(g.dilation, g.kernel, g.padding, strict=True)]
        padded = (size + more for size, more in zip(use.x.shape[-n:], wide, strict=True))
        return Kept((0,) if a.padding_mode != "circular" else (), more=(numbers(*use.x.shape[:-n], *padded),))

    def sees(self, a: ConvAttrs, use: Use) -> Sees:
        x, c = use.x, use.x.rank - self.spatial - 1
        box = window_box(x, use.out, self.geometry(a), a.groups, a.padding_mode)
        told = tuple((0, axis) for axis in range(c, x.rank))
        return Sees(((box,),), (floordiv(x.shape[c], a.groups),), own=(c,), weighted=told)

    def signal(self, a: ConvAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.convolution import Convolve

        g = self.geometry(a)
        pads = tuple(d * (k - 1) // 2 for k, d in zip(g.kernel, g.dilation, strict=True)) if g.same else g.padding
        return Convolve(list(zip(g.kernel, g.stride, pads, g.dilation, strict=True)), a.groups, mode=a.padding_mode)

    def couplings(self, a: ConvAttrs, *types: TensorType) -> Ties:
        (x,) = types
        n, kernel = self.spatial, spread(a.kernel_size, self.spatial, "kernel_size")
        g, i, o = group_letters(cast(int, channels(x, n)), a.out_channels, a.groups)
        into, out = (times(g, i), times(g, o)) if a.groups > 1 else (times(i), times(o))
        weight = (out, i, *(Letter(f"k{k}", size) for k, size in enumerate(kernel)))
        params = (("weight", weight), *((("bias", (out,)),) if a.bias else ()))
        return slid(
            x,
            self.geometry(a).sizes(x),
            (into, out),
            params,
            PARAM,
            lambda size: replace(a, out_channels=size(out), groups=size(g) if a.groups > 1 else 1),
        )

    def folds(self, a: ConvAttrs) -> bool:
        plain = a.padding in (0, "valid") or (isinstance(a.padding, tuple) and not any(a.padding))
        return a.bias and a.groups == 1 and (plain or a.padding_mode != "zeros")


def group_letters(into: int, out: int, groups: int) -> tuple[Letter, Letter, Letter]:
    """The groups, and the channels of one group that come in and that go out."""
    return Letter("g", groups), Letter("i", into // groups), Letter("o", out // groups)


def slid(
    x: TensorType,
    sizes: tuple[Dim, ...],
    channel: tuple[Expr, Expr],
    params: tuple[tuple[str, Layout], ...],
    end: str,
    resize: Callable[[Measure], ConvAttrs] | None,
) -> Ties:
    """Samples pass, places and kernels cannot be cut, and channels in and out are tied as ``channel`` says."""
    n = len(sizes)
    outer = tuple(Letter(f"n{i}", s) for i, s in enumerate(x.shape[: -n - 1]))
    before = tuple(Letter(f"s{i}", s) for i, s in enumerate(x.shape[-n:]))
    after = tuple(Letter(f"t{i}", s) for i, s in enumerate(sizes))
    kernels = [layout[2:] for _, layout in params if len(layout) > 2]
    fixed = held((before, after, *kernels), "a convolution runs along it")
    used = (("i", end),)
    return Ties(((*outer, channel[0], *before),), ((*outer, channel[1], *after),), params, fixed, used, resize)


def window_box(x: TensorType, out: TensorType, g: Geometry, groups: int, mode: str = "zeros") -> Box:
    """What a position sees: a window along each spatial axis, and the channels of its group."""
    n = len(g.kernel)
    c = x.rank - n - 1
    box = [whole(i, size) for i, size in enumerate(x.shape[:c])]
    box.append(group_of(c, x.shape[c], out.shape[c], groups))
    for axis, k, s, d, p in zip(range(c + 1, x.rank), g.kernel, g.stride, g.dilation, g.padding, strict=True):
        extent = d * (k - 1) + 1
        before = (extent - 1) // 2 if g.same else p
        low, high = -before, extent - 1 - before
        if mode == "reflect" or (mode == "replicate" and high < 0):  # mirrored at an edge, it may reach further back
            wide = max(before, high)
            low, high = min(low, -3 * wide), max(high, 3 * wide) if 2 * before > extent - 1 else high
            low = low if 2 * before > extent - 1 else -before
        wraps = x.shape[axis] if mode == "circular" and extent > 1 else None
        box.append(normal([(s, Digit(axis, 1, out.shape[axis]))], low, high, wraps))
    return tuple(box)


def group_of(axis: int, channels: Dim, outs: Dim, groups: int) -> Span:
    """The channels that one of those that go out sees; the places of its group are gone through."""
    within, share = floordiv(channels, groups), floordiv(outs, groups)
    if groups == 1:
        return through(0, channels)
    group = (within, Digit(axis, share, groups))
    return normal([group, *through(0, within).terms], 0, 0)


# ------------------------------------------------------------------------------------------------- as a function


@record
class ConvFunctionAttrs(OpAttrs):
    stride: Kernel = 1
    padding: Padding | Literal["same", "valid"] = 0
    dilation: Kernel = 1
    groups: PositiveInt = 1


class ConvolutionFunction(Op[ConvFunctionAttrs]):
    """A convolution with a kernel that is a tensor."""

    attrs = ConvFunctionAttrs
    inputs = (Port("x", FLOAT), Port("weight", FLOAT), Port("bias", FLOAT, optional=True))
    kept = ("x", "weight")
    spatial: ClassVar[int]

    def geometry(self, a: ConvFunctionAttrs, weight: TensorType) -> Geometry:
        kernel = number_kernel(self.name, weight, self.spatial)
        return geometry(self.spatial, kernel, a.stride, a.padding, a.dilation)

    def infer(self, a: ConvFunctionAttrs, *types: TensorType) -> Result:
        x, weight = types[0], types[1]
        n = self.spatial
        check_spatial(self.name, x, n)
        g = self.geometry(a, weight)
        out = weight.shape[0]
        needs = need_groups(channels(x, n), a.groups, -n - 1)
        message = "the weight is for {right} channels, and {left} come in"
        needs += need_equal(channels(x, n), a.groups * weight.shape[1], message, ("x", -n - 1), ("weight", 1))
        if mod(out, a.groups) != 0:
            message = f"the {out} channels that go out do not divide into {a.groups} groups"
            needs += (Need(Compare("==", mod(out, a.groups), 0), message, (("weight", 0),), "indivisible"),)
        needs += need_bias(optional(types, 2), out)
        return Inferred((x.with_shape(*x.shape[: -n - 1], out, *g.sizes(x)),), needs + g.needs(x))

    def torch(self, a: ConvFunctionAttrs, *types: TensorType) -> Code:
        return call(
            f"F.{self.name}",
            Input(0),
            Input(1),
            bias=optional_input(types, 2),
            stride=spell_unless(a.stride, 1),
            padding=spell_unless(a.padding, 0),
            dilation=spell_unless(a.dilation, 1),
            groups=unless(a.groups, 1),
        )

    def flops(self, a: ConvFunctionAttrs, *types: TensorType) -> Dim:
        x, weight = types[0], types[1]
        g = self.geometry(a, weight)
        return 2 * batch(x, self.spatial) * cast(Dim, prod(g.sizes(x))) * weight.numel()

    def sees(self, a: ConvFunctionAttrs, use: Use) -> Sees:
        x, c, weight = use.x, use.x.rank - self.spatial - 1, use.types[1]
        assert weight is not None
        within = floordiv(x.shape[c], a.groups)
        box = window_box(x, use.out, self.geometry(a, weight), a.groups)
        kernel = (whole(c, use.out.shape[c]), through(0, within), *(Span((), 0, k - 1) for k in weight.shape[2:]))
        more = (((whole(c, use.out.shape[c]),),),) if len(use.types) > 2 and use.types[2] is not None else ()
        told = tuple((0, axis) for axis in range(c + 1, x.rank)) + tuple((1, axis) for axis in range(2, weight.rank))
        return Sees(((box,), (kernel,), *more), (within,), weighted=told)

    def couplings(self, a: ConvFunctionAttrs, *types: TensorType) -> Ties | Unknown:
        x, weight, *bias = types
        n = self.spatial
        sizes = (channels(x, n), *weight.shape[:2])
        if a.groups > 1 and not all(isinstance(s, int) for s in sizes):
            return Unknown("the channels of a grouped convolution are open")
        g, i = Letter("g", a.groups), Letter("i", weight.shape[1])
        o = Letter("o", cast(int, weight.shape[0]) // a.groups if a.groups > 1 else weight.shape[0])
        into, out = times(*((g, i) if a.groups > 1 else (i,))), times(*((g, o) if a.groups > 1 else (o,)))
        kernel = (out, i, *(Letter(f"k{k}", size) for k, size in enumerate(weight.shape[2:])))
        found = slid(x, self.geometry(a, weight).sizes(x), (into, out), (("weight", kernel),), SUM, None)
        resize = (lambda size: replace(a, groups=size(g))) if a.groups > 1 else None
        return replace(found, inputs=(*found.inputs, kernel, *((out,) for _ in bias)), params=(), resize=resize)

    def masked(self, a: ConvFunctionAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return 0.0 if values[1] == 0 and all(v == 0 for v in values[2:]) else None


def number_kernel(name: str, weight: TensorType, n: int) -> tuple[int, ...]:
    """The spatial sizes of a weight. Raises Complaint where they are open or it has another rank."""
    if weight.rank != n + 2:
        raise Complaint(f"the weight of `{name}` has {n + 2} axes, not {weight.rank}: {weight}", "weight")
    kernel = weight.shape[2:]
    if not all(isinstance(k, int) for k in kernel):
        message = f"the kernel of `{name}` has to be given in numbers, and the weight is {weight}"
        raise Complaint(message, "weight", kind="open")
    return cast("tuple[int, ...]", kernel)


def need_bias(bias: TensorType | None, out: Dim) -> tuple[Need, ...]:
    """A bias, where there is one, has a number for each channel that goes out. Raises Complaint for another rank."""
    if bias is None:
        return ()
    if bias.rank != 1:
        raise Complaint(f"the bias has one axis, not {bias.rank}", "bias")
    return need_equal(
        bias.shape[0], out, "the bias has {left} numbers for {right} channels", ("bias", 0), ("weight", 0)
    )
