"""Rows that share a number are a segment."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated

from fanin.ir.dims import Dim, Poly
from fanin.ir.facts import Compare
from fanin.ir.places import through
from fanin.ir.types import DType, TensorType
from fanin.ops.attributes import Range
from fanin.ops.code import Code, Function, Input, helper
from fanin.ops.contract import INTS, Complaint, Inferred, Need, Op, OpAttrs, Port, Result, need_equal
from fanin.ops.sees import Sees, Use, same
from fanin.ops.sizes import at_least
from fanin.record import record


@record
class SegmentAttrs(OpAttrs):
    size: Annotated[int | Poly, Range(1)]


class Segment(Op[SegmentAttrs]):
    """An op on rows of x, row i being in segment ``index[i]`` of ``size`` ones."""

    attrs = SegmentAttrs
    inputs = (Port("x", (DType.FLOAT,)), Port("index", INTS))
    example_inputs = {"x": "[E, 8]", "i": "int[E]"}

    @abstractmethod
    def rows(self, a: SegmentAttrs, x: TensorType) -> TensorType:
        """The type of the result."""

    def infer(self, a: SegmentAttrs, *types: TensorType) -> Result:
        x, index = types
        if not x.rank:
            raise Complaint(f"`{self.name}` takes rows, and a scalar has none", "x")
        if index.rank != 1:
            raise Complaint(f"`{self.name}` takes one number for each row, not {index}", "index", kind="type")
        message = f"`{self.name}` has {{left}} rows and {{right}} numbers of segments"
        needs = need_equal(x.shape[0], index.shape[0], message, ("x", 0), ("index", 0))
        if not at_least(a.size, 1):
            message = "there is no segment to sum into: there are {left}"
            needs += (Need(Compare(">=", a.size, 1), message, kind="too-small"),)
        return Inferred((self.rows(a, x),), needs)

    def choices(self, a: SegmentAttrs, *types: TensorType) -> dict[int, Dim]:
        return {1: a.size}

    def sees(self, a: SegmentAttrs, use: Use) -> Sees:
        rows = use.x.shape[0]
        return Sees((((through(0, rows), *same(use.x)[1:]),), ((through(0, rows),),)), (rows,))


class PerSegment(Segment):
    """A row for each segment."""

    def rows(self, a: SegmentAttrs, x: TensorType) -> TensorType:
        return x.with_axis(0, a.size)


def printed(function: Function, a: SegmentAttrs) -> Code:
    """The call of a printed function on x, the index and the size."""
    return helper(function, Input(0), Input(1), a.size)
