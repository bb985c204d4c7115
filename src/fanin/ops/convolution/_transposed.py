"""What the transposed convolutions of one, two and three spatial axes have in common."""

from __future__ import annotations

from dataclasses import replace
from math import prod, sqrt
from typing import Any, ClassVar, cast

from fanin.ir.dims import Dim, ceildiv, floordiv
from fanin.ir.laws import Uniform
from fanin.ir.places import Digit, normal, whole
from fanin.ir.types import TensorType
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
from fanin.ops.convolution._convolution import (
    check_out,
    group_letters,
    group_of,
    need_bias,
    need_groups,
    number_kernel,
    slid,
)
from fanin.ops.ports import FLOAT, X
from fanin.ops.sees import Sees, Use
from fanin.ops.spelling import optional, optional_input, spell, spell_unless
from fanin.ops.ties import PARAM, Letter, Ties, times
from fanin.ops.windows import batch, channels, check_spatial
from fanin.record import KW_ONLY, record


@record
class TransposedAttrs(OpAttrs):
    out_channels: PositiveInt
    kernel_size: Kernel
    _: KW_ONLY
    stride: Kernel = 1
    padding: Padding = 0
    output_padding: Padding = 0
    groups: PositiveInt = 1
    bias: bool = True
    dilation: Kernel = 1


@record
class Spread:
    """How far the input is spread along each spatial axis: ``(size - 1) stride - 2 padding + …``."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    output_padding: tuple[int, ...]
    dilation: tuple[int, ...]

    def sizes(self, x: TensorType) -> tuple[Dim, ...]:
        n = len(self.kernel)
        return tuple(
            (x.shape[i - n] - 1) * self.stride[i]
            - 2 * self.padding[i]
            + self.dilation[i] * (self.kernel[i] - 1)
            + self.output_padding[i]
            + 1
            for i in range(n)
        )

    def needs(self, x: TensorType) -> tuple[Need, ...]:
        n = len(self.kernel)
        found: tuple[Need, ...] = ()
        for i, size in enumerate(self.sizes(x)):
            message = f"a padding of {self.padding[i]} leaves {{left}} of the output"
            found += need_at_least(size, 1, message, ("x", i - n))
        return found


def spread_out(
    n: int, kernel: Kernel, stride: Kernel, padding: Padding, output_padding: Padding, dilation: Kernel
) -> Spread:
    """Raises Complaint for tuples of another length than ``n``, and for an output padding that is too large."""
    s = Spread(
        spread(kernel, n, "kernel_size"),
        spread(stride, n, "stride"),
        spread(padding, n, "padding"),
        spread(output_padding, n, "output_padding"),
        spread(dilation, n, "dilation"),
    )
    for extra, step, gap in zip(s.output_padding, s.stride, s.dilation, strict=True):
        if extra >= max(step, gap):
            most = max(step, gap) - 1
            message = f"`output_padding` of {extra} is more than {most}: it has to be below the stride or the dilation"
            raise Complaint(message, "output_padding", help=f"output_padding={most}")
    return s


def transposed_sees(use: Use, s: Spread, groups: int) -> Sees:
    """What a position sees: the inputs whose spread kernel reaches it, and the channels of its group."""
    x, c = use.x, use.x.rank - len(s.kernel) - 1
    box = [whole(i, size) for i, size in enumerate(x.shape[:c])]
    box.append(group_of(c, x.shape[c], use.out.shape[c], groups))
    for axis, k, step, d, p in zip(range(c + 1, x.rank), s.kernel, s.stride, s.dilation, s.padding, strict=True):
        digit = Digit(axis, step, ceildiv(use.out.shape[axis], step))
        box.append(normal([(1, digit)], -((d * (k - 1) - p) // step), (p + step - 1) // step))
    told = tuple((0, axis) for axis in range(c, x.rank))
    return Sees(((tuple(box),),), (floordiv(x.shape[c], groups),), own=(c,), weighted=told)


class Transposed(Weighted[TransposedAttrs]):
    """A transposed convolution with a learned kernel."""

    attrs = TransposedAttrs
    inputs = X
    kept = ("x",)
    spatial: ClassVar[int]

    def spread(self, a: TransposedAttrs) -> Spread:
        return spread_out(self.spatial, a.kernel_size, a.stride, a.padding, a.output_padding, a.dilation)

    def infer(self, a: TransposedAttrs, *types: TensorType) -> Result:
        (x,) = types
        n, s = self.spatial, self.spread(a)
        check_spatial(self.name, x, n)
        check_out(a.out_channels, a.groups)
        y = x.with_shape(*x.shape[: -n - 1], a.out_channels, *s.sizes(x))
        return Inferred((y,), need_groups(channels(x, n), a.groups, -n - 1) + s.needs(x))

    def sees(self, a: TransposedAttrs, use: Use) -> Sees:
        return transposed_sees(use, self.spread(a), a.groups)

    def params(self, a: TransposedAttrs, *types: TensorType) -> tuple[ParamSpec, ...]:
        n = self.spatial
        kernel = spread(a.kernel_size, n, "kernel_size")
        into = cast(int, channels(types[0], n))
        within = a.out_channels // a.groups
        # PyTorch takes the second axis for the fan-in, here that of the channels that go out.
        bound = 1 / sqrt(within * prod(kernel))
        law = Uniform(-bound, bound)
        axes = (Axis("in", into), Axis("out", within), *(Axis("kernel", k) for k in kernel))
        weight = ParamSpec("weight", axes, law, "conv", groups=a.groups)
        return (weight, ParamSpec("bias", (Axis("out", a.out_channels),), law, "bias")) if a.bias else (weight,)

    def construct(self, a: TransposedAttrs, *types: TensorType) -> Call:
        return call(
            f"nn.{self.module}",
            channels(types[0], self.spatial),
            a.out_channels,
            spell(a.kernel_size),
            stride=spell_unless(a.stride, 1),
            padding=spell_unless(a.padding, 0),
            output_padding=spell_unless(a.output_padding, 0),
            groups=unless(a.groups, 1),
            bias=unless(a.bias, True),
            dilation=spell_unless(a.dilation, 1),
        )

    def flops(self, a: TransposedAttrs, *types: TensorType) -> Dim:
        (x,) = types
        kernel = spread(a.kernel_size, self.spatial, "kernel_size")
        return 2 * x.numel() * (a.out_channels // a.groups) * prod(kernel)

    def signal(self, a: TransposedAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.convolution import Convolve

        g = self.spread(a)
        return Convolve(list(zip(g.kernel, g.stride, g.padding, g.dilation, strict=True)), a.groups, transposed=True)

    def couplings(self, a: TransposedAttrs, *types: TensorType) -> Ties:
        (x,) = types
        n, kernel = self.spatial, spread(a.kernel_size, self.spatial, "kernel_size")
        g, i, o = group_letters(cast(int, channels(x, n)), a.out_channels, a.groups)
        into, out = (times(g, i), times(g, o)) if a.groups > 1 else (times(i), times(o))
        weight = (into, o, *(Letter(f"k{k}", size) for k, size in enumerate(kernel)))
        params = (("weight", weight), *((("bias", (out,)),) if a.bias else ()))
        sizes = self.spread(a).sizes(x)
        found = slid(x, sizes, (into, out), params, PARAM, None)
        return replace(
            found, resize=lambda size: replace(a, out_channels=size(out), groups=size(g) if a.groups > 1 else 1)
        )


# ------------------------------------------------------------------------------------------------- as a function


@record
class TransposedFunctionAttrs(OpAttrs):
    stride: Kernel = 1
    padding: Padding = 0
    output_padding: Padding = 0
    groups: PositiveInt = 1
    dilation: Kernel = 1


class TransposedFunction(Op[TransposedFunctionAttrs]):
    """A transposed convolution with a kernel that is a tensor."""

    attrs = TransposedFunctionAttrs
    inputs = (Port("x", FLOAT), Port("weight", FLOAT), Port("bias", FLOAT, optional=True))
    kept = ("x", "weight")
    spatial: ClassVar[int]

    def infer(self, a: TransposedFunctionAttrs, *types: TensorType) -> Result:
        x, weight = types[0], types[1]
        n = self.spatial
        check_spatial(self.name, x, n)
        kernel = number_kernel(self.name, weight, n)
        s = spread_out(n, kernel, a.stride, a.padding, a.output_padding, a.dilation)
        out = a.groups * weight.shape[1]
        message = "the weight is for {right} channels, and {left} come in"
        needs = need_groups(channels(x, n), a.groups, -n - 1)
        needs += need_equal(channels(x, n), weight.shape[0], message, ("x", -n - 1), ("weight", 0))
        needs += need_bias(optional(types, 2), out)
        return Inferred((x.with_shape(*x.shape[: -n - 1], out, *s.sizes(x)),), needs + s.needs(x))

    def torch(self, a: TransposedFunctionAttrs, *types: TensorType) -> Code:
        return call(
            f"F.{self.name}",
            Input(0),
            Input(1),
            bias=optional_input(types, 2),
            stride=spell_unless(a.stride, 1),
            padding=spell_unless(a.padding, 0),
            output_padding=spell_unless(a.output_padding, 0),
            groups=unless(a.groups, 1),
            dilation=spell_unless(a.dilation, 1),
        )

    def flops(self, a: TransposedFunctionAttrs, *types: TensorType) -> Dim:
        x, weight = types[0], types[1]
        n = self.spatial
        return 2 * batch(x, n) * cast(Dim, prod(x.shape[-n:])) * weight.numel()
