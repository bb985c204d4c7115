"""What the recurrent cells have in common: a step from an input and a state to the next state."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from typing import ClassVar, cast

from fanin.ir.dims import Dim
from fanin.ir.laws import Uniform
from fanin.ir.places import Span
from fanin.ir.types import TensorType
from fanin.ops.attributes import PositiveInt
from fanin.ops.code import Function
from fanin.ops.contract import (
    A,
    Axis,
    Complaint,
    Inferred,
    Need,
    OpAttrs,
    ParamSpec,
    Port,
    Weighted,
    need_equal,
)
from fanin.ops.ports import FLOAT
from fanin.ops.sees import Sees, Use, same
from fanin.ops.ties import PARAM, Expr, Layout, Letter, Ties, Times
from fanin.record import KW_ONLY, record

X, H, C = Port("x", FLOAT), Port("h", FLOAT), Port("c", FLOAT)


@record
class CellAttrs(OpAttrs):
    hidden_size: PositiveInt
    _: KW_ONLY
    bias: bool = True


STEP = Function(
    "step",
    '''def step(cell, x, h):
    """One step of a cell: the new state is what it gives as well."""
    h = cell(x, h)
    return h, h
''',
)

LSTM_STEP = Function(
    "lstm_step",
    '''def lstm_step(cell, x, h, c):
    """One step of an LSTM cell: the new state is what it gives as well."""
    h, c = cell(x, (h, c))
    return h, h, c
''',
)


class Cell(Weighted[A]):
    """``gates`` blocks of ``hidden_size`` rows, one above the other in each weight, as PyTorch packs them."""

    gates: ClassVar[int]

    def states(self, hidden: int, *types: TensorType) -> Inferred:
        """The result and the next states. Raises Complaint for ranks that do not go together."""
        x, *states = types
        if x.rank not in (1, 2):
            raise Complaint(
                f"`{self.name}` takes [B, in] or [in], not {x}: `scan` goes over a sequence", "x", kind="rank"
            )
        needs: tuple[Need, ...] = ()
        for name, state in zip(("h", "c"), states, strict=False):
            if state.rank != x.rank:
                raise Complaint(f"the state `{name}` has as many axes as `x`: it is {state}, and `x` is {x}", name)
            message = f"the state `{name}` has {{left}} numbers, and the cell {{right}}"
            needs += need_equal(state.shape[-1], hidden, message, (name, -1))
            if x.rank == 2:
                message = f"the batches of `x` and `{name}` disagree: {{left}} and {{right}}"
                needs += need_equal(x.shape[0], state.shape[0], message, ("x", 0), (name, 0))
        after = x.with_last(hidden)
        return Inferred((after,) * (1 + len(states)), needs)

    def weights(self, hidden: int, bias: bool, x: TensorType) -> tuple[ParamSpec, ...]:
        law = Uniform(-1 / sqrt(hidden), 1 / sqrt(hidden))
        rows = Axis("gate" if self.gates > 1 else "out", self.gates * hidden)
        found: tuple[ParamSpec, ...] = (
            ParamSpec("weight_ih", (rows, Axis("in", cast(int, x.shape[-1]))), law, "recurrent"),
            ParamSpec("weight_hh", (rows, Axis("in", hidden)), law, "recurrent"),
        )
        if bias:
            found += ParamSpec("bias_ih", (rows,), law, "bias"), ParamSpec("bias_hh", (rows,), law, "bias")
        return found

    def sees(self, a: A, use: Use) -> Sees:
        reads = []
        for number, t in enumerate(use.types):
            assert t is not None
            cell = number == 2  # what an LSTM keeps, it keeps number by number
            reads.append((same(t) if cell else (*same(t)[:-1], Span((), 0, t.shape[-1] - 1)),))
        return Sees(tuple(reads), own=(use.x.rank - 1,))

    def products(self, hidden: int, x: TensorType) -> Dim:
        """Flops of the two matrix products."""
        count: Dim = x.shape[0] if x.rank == 2 else 1
        return 2 * count * self.gates * hidden * (x.shape[-1] + hidden)

    def couplings(self, a: A, *types: TensorType) -> Ties:
        x, *states = types
        size: int = a.hidden_size  # type: ignore[attr-defined]
        h, i = Letter("h", size), Letter("i", x.shape[-1])
        outer: Layout = (Letter("b", x.shape[0]),) if x.rank == 2 else ()
        rows: Expr = Times((Letter("gates", self.gates), h)) if self.gates > 1 else h
        params: tuple[tuple[str, Layout], ...] = (("weight_ih", (rows, i)), ("weight_hh", (rows, h)))
        if a.bias:  # type: ignore[attr-defined]
            params += (("bias_ih", (rows,)), ("bias_hh", (rows,)))
        layout = (*outer, h)
        return Ties(
            ((*outer, i), *((layout,) * len(states))),
            (layout,) * (1 + len(states)),
            params,
            (("gates", "a cell has its gates"),),
            (("i", PARAM),),
            lambda n: replace(a, hidden_size=n(h)),  # type: ignore[call-arg]
        )

    def masked(self, a: A, values: tuple[float | None, ...], own: bool) -> float | None:
        # With every gate at its middle and no candidate, a state that is zero stays so.
        return 0.0 if own and all(v == 0 for v in values[1:]) else None
