"""The position table of the Transformer."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.dims import mod
from fanin.ir.facts import Compare
from fanin.ir.types import TensorType, floats
from fanin.ops.attributes import PositiveFloat, Size
from fanin.ops.code import Code, Function, helper, unless
from fanin.ops.contract import Inferred, Need, Op, OpAttrs, Result
from fanin.ops.creation._shaped import DEVICE, DTYPE
from fanin.ops.sizes import need_sizes
from fanin.ops.spelling import spell
from fanin.record import KW_ONLY, record

SINUSOIDAL = Function(
    "sinusoidal",
    '''\
def sinusoidal(
    length: int,
    width: int,
    *,
    interleaved: bool = True,
    base: float = 10000,
    dtype: torch.dtype | None = None,
    device: torch.device | None = None,
) -> Tensor:
    """Sines and cosines of the positions, at wavelengths from 2π to base · 2π: [length, width]."""
    # In double precision: the angles of late positions are large.
    rate = base ** (-torch.arange(0, width, 2, dtype=torch.double, device=device) / width)
    angle = torch.arange(length, dtype=torch.double, device=device)[:, None] * rate
    parts = angle.sin(), angle.cos()
    table = torch.stack(parts, dim=-1).flatten(1) if interleaved else torch.cat(parts, dim=-1)
    return table.to(dtype)
''',
)


@record
class SinusoidalAttrs(OpAttrs):
    length: Size
    width: Size
    _: KW_ONLY
    interleaved: bool = True
    base: PositiveFloat = 10000.0


@final
class Sinusoidal(Op[SinusoidalAttrs]):
    """A sine and a cosine of each position, at ``width / 2`` wavelengths from 2π to ``base`` · 2π.

    Shape: ``-> [length, width]``
    Formula: ``y[t, 2i] = sin(t / base^(2i / width))``, ``y[t, 2i + 1] = cos(…)``; with ``interleaved=false`` the sines
    fill the first half and the cosines the second.
    Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.5.
    """

    name = "sinusoidal"
    attrs = SinusoidalAttrs
    inputs = ()
    example = "y = sinusoidal(10, 8)"
    example_inputs = {}
    kept = ()

    def infer(self, a: SinusoidalAttrs, *types: TensorType) -> Result:
        needs = need_sizes(a.length, a.width)
        odd = mod(a.width, 2)
        if odd != 0:
            message = f"sines and cosines come in pairs, and a width of {a.width} is odd"
            needs += (Need(Compare("==", odd, 0), message, kind="indivisible"),)
        return Inferred((floats(a.length, a.width),), needs)

    def torch(self, a: SinusoidalAttrs, *types: TensorType) -> Code:
        return helper(
            SINUSOIDAL,
            a.length,
            a.width,
            interleaved=unless(a.interleaved, True),
            base=unless(spell(a.base), 10000),
            dtype=DTYPE,
            device=DEVICE,
        )

    def signal(self, a: SinusoidalAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.create import Filled

        return Filled(0.0, 0.5)  # a sine and a cosine of each frequency
