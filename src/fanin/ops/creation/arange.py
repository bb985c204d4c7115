"""Numbers at equal steps."""

from __future__ import annotations

from math import ceil, isfinite
from typing import Any, TypeAlias, final

from fanin.ir.dims import Dim, Poly, ceildiv
from fanin.ir.facts import Compare
from fanin.ir.numbers import Known, everywhere, place
from fanin.ir.types import DType, TensorType
from fanin.ops.code import Code, call
from fanin.ops.contract import Complaint, Inferred, Need, Op, OpAttrs, Result
from fanin.ops.creation._shaped import DEVICE, DTYPE
from fanin.ops.sees import Use
from fanin.ops.sizes import at_least
from fanin.record import record

Number: TypeAlias = int | float | Poly


@record
class ArangeAttrs(OpAttrs):
    start: Number = 0
    end: Number | None = None
    step: Number = 1


@final
class Arange(Op[ArangeAttrs]):
    """The numbers from ``start`` (0 where only one is given) to ``end``, which is left out, at steps of ``step``.

    Shape: ``-> int[ceildiv(end - start, step)]``; floats where one of the three is a float
    """

    name = "arange"
    attrs = ArangeAttrs
    inputs = ()
    example = "y = arange(10)"
    example_inputs = {}
    kept = ()

    def infer(self, a: ArangeAttrs, *types: TensorType) -> Result:
        start, end = _ends(a)
        if any(isinstance(n, float) for n in (start, end, a.step)):
            return TensorType(DType.FLOAT, (_length(start, end, a.step),))
        assert not isinstance(start, float) and not isinstance(end, float) and not isinstance(a.step, float)
        length, step = end - start, a.step
        if step == 0:
            raise Complaint("a step of 0 never ends", "step", kind="type")
        if isinstance(step, int) and step < 0:
            length, step = -length, -step
        needs: tuple[Need, ...] = ()
        if not at_least(step, 1):
            needs += (Need(Compare(">=", step, 1), "the step of `arange` is {left}, and not above 0"),)
        if not at_least(length, 0):
            message = f"`arange` cannot go from {start} to {end} in steps of {a.step}"
            needs += (Need(Compare(">=", length, 0), message, kind="too-small"),)
        return Inferred((TensorType(DType.INT, (ceildiv(length, step),)),), needs)

    def known(self, a: ArangeAttrs, use: Use, *inputs: Known) -> Known:
        start, _ = _ends(a)
        if isinstance(start, float) or isinstance(a.step, float):
            return ()
        return everywhere(place(0, use.out.shape[0]) * a.step + start)

    def torch(self, a: ArangeAttrs, *types: TensorType) -> Code:
        start, end = _ends(a)
        numbers = (start, end) if a.step == 1 and start != 0 else (end,) if a.step == 1 else (start, end, a.step)
        if any(isinstance(n, float) for n in (start, end, a.step)):
            return call("torch.arange", *numbers, dtype=DTYPE, device=DEVICE)
        return call("torch.arange", *numbers, device=DEVICE)

    def signal(self, a: ArangeAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.create import Spread

        start, end = (0, a.start) if a.end is None else (a.start, a.end)
        return Spread(float(start), float(end))  # type: ignore[arg-type]


def _ends(a: ArangeAttrs) -> tuple[Number, Number]:
    """Where it starts and ends. Raises Complaint where nothing is given."""
    if a.end is not None:
        return a.start, a.end
    if a == ArangeAttrs():
        raise Complaint("`arange` needs to know where it ends", "end", kind="missing", help="arange(10)")
    return 0, a.start


def _length(start: Number, end: Number, step: Number) -> Dim:
    """How many floats there are, as PyTorch works it out. Raises Complaint for open or endless ends."""
    if isinstance(start, Poly) or isinstance(end, Poly) or isinstance(step, Poly):
        raise Complaint("`arange` in floats needs known numbers", "end", kind="type")
    if not (isfinite(start) and isfinite(end) and isfinite(step)) or step == 0 or (end - start) / step < 0:
        raise Complaint(f"`arange` cannot go from {start} to {end} in steps of {step}", "end")
    return ceil((float(end) - float(start)) / float(step))
