"""What poolings over moving windows have in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from fanin.ir.dims import Dim
from fanin.ir.types import TensorType
from fanin.ops.attributes import spread
from fanin.ops.code import Call, Code, Input, Sequence
from fanin.ops.contract import A, Complaint, Inferred, Need, Op, Result
from fanin.ops.sees import Sees, Use, windows
from fanin.ops.spelling import spell_fields
from fanin.ops.ties import Ties, passing
from fanin.ops.windows import check_spatial, need_room, slide


class WindowPool(Op[A]):
    """Reduces every window to one number, each channel for itself."""

    spatial: ClassVar[int]
    places: ClassVar[int] = 1
    """How many arguments a careful writer gives by place: ``F.max_pool2d(x, 3, stride=2)``."""

    @abstractmethod
    def window(self, a: A) -> Window:
        """Its windows. Raises Complaint where they are none."""

    def infer(self, a: A, *types: TensorType) -> Result:
        (x,) = types
        check_spatial(self.name, x, self.spatial)
        w = self.window(a)
        return Inferred((x.with_shape(*x.shape[: -self.spatial], *w.sizes(x)),), w.needs(x))

    def construct(self, a: A, *types: TensorType) -> Call:
        args, keywords = self.arguments(a)
        return Call(f"nn.{self.module}", args, keywords)

    def torch(self, a: A, *types: TensorType) -> Code:
        args, keywords = self.arguments(a)
        return Call(f"F.{self.name}", (Input(0), *args), keywords)

    def arguments(self, a: A) -> tuple[tuple[Code, ...], tuple[tuple[str, Code], ...]]:
        """Those of PyTorch's function and module; with one axis a number stands for a tuple of one."""
        args, keywords = spell_fields(a, self.places)
        if self.spatial > 1:
            return args, keywords
        return tuple(map(alone, args)), tuple((name, alone(value)) for name, value in keywords)

    def sees(self, a: A, use: Use) -> Sees:
        w, x = self.window(a), use.x
        spans = [(d * (k - 1) + 1, s, p) for k, s, p, d in zip(w.kernel, w.stride, w.padding, w.dilation, strict=True)]
        return Sees(((tuple(windows(x, use.out, spans, x.rank - self.spatial)),),))

    def couplings(self, a: A, *types: TensorType) -> Ties:
        x, outer = types[0], types[0].rank - self.spatial
        y = x.with_shape(*x.shape[:outer], *self.window(a).sizes(x))
        return passing(x, y, {i: i for i in range(outer)}, f"`{self.name}` runs along it")


def alone(value: Code) -> Code:
    """The item of a tuple of one."""
    return value.items[0] if isinstance(value, Sequence) and len(value.items) == 1 else value


class Window:
    """Kernel, stride, padding and dilation along each spatial axis; a stride left out is the kernel."""

    def __init__(
        self,
        n: int,
        kernel: int | tuple[int, ...],
        stride: int | tuple[int, ...] | None,
        padding: int | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
        ceil_mode: bool = False,
        whole: bool = False,
    ) -> None:
        self.kernel = spread(kernel, n, "kernel_size")
        self.stride = self.kernel if stride is None else spread(stride, n, "stride")
        self.padding = spread(padding, n, "padding")
        self.dilation = spread(dilation, n, "dilation")
        self.ceil_mode = ceil_mode
        self.whole = whole  # the kernel has to fit into the input alone, without its padding
        for p, k in zip(self.padding, self.kernel, strict=True):
            most = k // 2  # whatever the dilation
            if p > most:
                message = f"a padding of {p} is more than half of the kernel of {k}"
                raise Complaint(message, "padding", help=f"padding={most}")

    def sizes(self, x: TensorType) -> tuple[Dim, ...]:
        spans = zip(x.shape[-len(self.kernel) :], self.kernel, self.stride, self.padding, self.dilation, strict=True)
        return tuple(slide(size, k, s, p, d, self.ceil_mode) for size, k, s, p, d in spans)

    def needs(self, x: TensorType) -> tuple[Need, ...]:
        n = len(self.kernel)
        found: tuple[Need, ...] = ()
        for i, (k, s, p, d) in enumerate(zip(self.kernel, self.stride, self.padding, self.dilation, strict=True)):
            slack = s - 1 if self.ceil_mode else 0
            found += need_room(x.shape[i - n], i - n, k, *((0, d) if self.whole else (p, d, slack)))
        return found
