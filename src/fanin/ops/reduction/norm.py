"""The length of vectors."""

from __future__ import annotations

from math import isinf
from typing import Any, final

from fanin.ir.types import TensorType
from fanin.ir.unknown import Unknown
from fanin.ops.attributes import Axes
from fanin.ops.axes import normal_axes
from fanin.ops.code import OMIT, Code, Input, call, unless
from fanin.ops.contract import FLOATS, Inferred, Op, OpAttrs, Port, Result, inferred
from fanin.ops.reduction._reduction import along, need_some, real, reduced, taken_together
from fanin.ops.sees import Sees, Use, reducing
from fanin.ops.spelling import spell
from fanin.ops.ties import SUM, Ties
from fanin.record import record


@record
class NormAttrs(OpAttrs):
    ord: float = 2.0
    axis: Axes = None
    keepdim: bool = False


@final
class Norm(Op[NormAttrs]):
    """``(Σ |x|^ord)^(1 / ord)`` along some axes, or of all numbers; ``ord`` may be ``inf``, for the largest.

    Shape: ``[N, D] -> [N]`` for ``norm(x, axis=1)``
    For ``ord`` 0, how many numbers are not 0. Matrices have no other norm here: the axes are taken as one vector.
    """

    name = "norm"
    attrs = NormAttrs
    inputs = (Port("x", FLOATS),)
    example = "y = norm(x, axis=1)"
    kept = ("x", "result")

    def infer(self, a: NormAttrs, *types: TensorType) -> Result:
        x = types[0]
        result = reduced(x, a.axis, a.keepdim).with_dtype(real(x.dtype))
        needs = need_some(x, a.axis, self.name) if a.ord < 0 or isinf(a.ord) else ()
        return Inferred((result,), needs)

    def sees(self, a: NormAttrs, use: Use) -> Sees:
        axes = normal_axes(a.axis, use.x.rank)
        box = reducing(use.x, axes, use.out, a.keepdim)
        return Sees(((box,),), tuple(use.x.shape[i] for i in sorted(axes)))

    def torch(self, a: NormAttrs, *types: TensorType) -> Code:
        order = OMIT if a.ord == 2 else spell(a.ord)
        dim, keepdim = along(a.axis, types[0], a.keepdim), unless(a.keepdim, False)
        return call("torch.linalg.vector_norm", Input(0), ord=order, dim=dim, keepdim=keepdim)

    def signal(self, a: NormAttrs, *types: TensorType) -> Any:
        import numpy as np

        from fanin.signal.rules.chain import Chain
        from fanin.signal.rules.pointwise import Curve
        from fanin.signal.rules.reduce import Mean

        if a.ord != 2:
            return Unknown(f"nothing is known behind `norm` with ord={a.ord}")
        x = tuple(n for n in types[0].shape if isinstance(n, int))
        y = tuple(n for n in inferred(self.infer(a, *types)).types[0].shape if isinstance(n, int))
        root = Curve(lambda v: np.sqrt(np.maximum(v, 0.0)))
        return Chain([(Curve(np.square), x), (Mean(normal_axes(a.axis, types[0].rank), total=True), y), (root, y)])

    def couplings(self, a: NormAttrs, *types: TensorType) -> Ties:
        return taken_together(types[0], a.axis, a.keepdim, SUM)

    def masked(self, a: NormAttrs, values: tuple[float | None, ...], own: bool) -> float | None:
        return 0.0 if values[0] == 0 else None
