"""What an op keeps for its backward pass, and where its results lie in memory."""

from __future__ import annotations

from collections.abc import Sequence

from fanin.ir.dims import Dim
from fanin.ir.types import DType, TensorType
from fanin.record import record


@record
class Backprop:
    """One application: its types, of which inputs a gradient is asked for, and whether its own weights learn.

    ``inputs`` are as ``infer`` gets them; ``needs`` goes along with them.
    """

    inputs: tuple[TensorType | None, ...]
    results: tuple[TensorType, ...]
    needs: tuple[bool, ...]
    learns: bool = False
    numbers: tuple[int, ...] = ()  # the places of inputs that are numbers, not tensors

    @property
    def x(self) -> TensorType:
        """The type of the first input."""
        assert self.inputs[0] is not None
        return self.inputs[0]

    def asked(self, i: int) -> bool:
        return i < len(self.needs) and self.needs[i]


@record
class Kept:
    """Tensors that an op took, and that it gave, by place; and ones that it made for this alone."""

    inputs: tuple[int, ...] = ()
    results: tuple[int, ...] = ()
    more: tuple[TensorType, ...] = ()


def crosswise(use: Backprop, left: int = 0, right: int = 1) -> tuple[int, ...]:
    """Of a product, each factor for the gradient of the other."""
    return (left,) * use.asked(right) + (right,) * use.asked(left)


def numbers(*shape: Dim) -> TensorType:
    """Floats that an op makes beside its result."""
    return TensorType(DType.FLOAT, shape)


@record
class Lies:
    """Where results lie: on the memory of the first input where ``view``, else in memory of their own.

    ``axes`` are those of the input, its axes split where they are, in the order that the result has them: a permutation
    of them all, or None where the result leaves some of the memory out or repeats it. ``packed``: they are joined
    afterwards, which takes a copy where they do not lie row-major. Of memory of its own ``axes`` say in which order of
    its axes a result lies; ``alike``: in that of the first input of its shape.
    """

    view: bool = True
    axes: tuple[int, ...] | None = None
    packed: bool = False
    alike: bool = False


NEW = Lies(view=False)
ALIKE = Lies(view=False, alike=True)
PART = Lies()
"""A view that leaves gaps, or repeats: a slice, a stretched axis."""


def permuted(axes: Sequence[int]) -> Lies:
    """A view whose axes are these of the input."""
    return Lies(axes=tuple(axes))


def same(t: TensorType) -> Lies:
    """A view with the axes in their order; some may be split, or be of size 1."""
    return Lies(axes=tuple(range(t.rank)))


def packed(t: TensorType) -> Lies:
    """A view where the input lies row-major, as reshaping gives it, and a copy where it does not."""
    return Lies(axes=tuple(range(t.rank)), packed=True)
