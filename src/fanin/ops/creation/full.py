"""One number everywhere."""

from __future__ import annotations

from dataclasses import replace
from typing import final

from fanin.ir.dims import Poly
from fanin.ir.numbers import Known, everywhere
from fanin.ir.types import TensorType, floats
from fanin.ops.attributes import Size, Sizes
from fanin.ops.code import Code, Sequence, call
from fanin.ops.contract import Inferred, Op, OpAttrs, Result
from fanin.ops.creation._shaped import DEVICE, DTYPE
from fanin.ops.sees import Sees, Use
from fanin.ops.sizes import need_sizes
from fanin.ops.spelling import spell
from fanin.ops.ties import Letter, Measure, Ties
from fanin.record import record


@record
class FullAttrs(OpAttrs):
    shape: Size | Sizes
    fill_value: int | float | Poly


@final
class Full(Op[FullAttrs]):
    """A shape, given as a list or tuple, filled with one number, in the module's own float dtype.

    Shape: ``-> [*shape]``
    """

    name = "full"
    attrs = FullAttrs
    inputs = ()
    example = "y = full((2, 3), 0.5)"
    example_inputs = {}
    kept = ()

    def infer(self, a: FullAttrs, *types: TensorType) -> Result:
        shape = a.shape if isinstance(a.shape, tuple) else (a.shape,)
        return Inferred((floats(*shape),), need_sizes(*shape))

    def sees(self, a: FullAttrs, use: Use) -> Sees:
        return Sees(())

    def known(self, a: FullAttrs, use: Use, *inputs: Known) -> Known:
        return everywhere(a.fill_value)

    def torch(self, a: FullAttrs, *types: TensorType) -> Code:
        shape = a.shape if isinstance(a.shape, tuple) else (a.shape,)
        return call("torch.full", Sequence(shape), spell(a.fill_value), dtype=DTYPE, device=DEVICE)

    def couplings(self, a: FullAttrs, *types: TensorType) -> Ties:
        shape = a.shape if isinstance(a.shape, tuple) else (a.shape,)
        out = tuple(Letter(f"{i}", s) for i, s in enumerate(shape))

        def resize(n: Measure) -> FullAttrs:
            return replace(a, shape=tuple(n(e) if isinstance(e.size, int) else e.size for e in out))

        return Ties((), (out,), resize=resize)

    def masked(self, a: FullAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return float(a.fill_value) if isinstance(a.fill_value, (int, float)) else None
