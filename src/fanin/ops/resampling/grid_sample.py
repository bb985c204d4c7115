"""A picture read at any places."""

from __future__ import annotations

from typing import Literal, final

from fanin.ir.places import Span, whole
from fanin.ir.types import TensorType
from fanin.ops.code import Code, Input, call, unless
from fanin.ops.contract import Complaint, Inferred, Op, OpAttrs, Port, Result, need_at_least, need_equal
from fanin.ops.ports import FLOAT
from fanin.ops.sees import Sees, Use
from fanin.record import KW_ONLY, record


@record
class GridSampleAttrs(OpAttrs):
    mode: Literal["bilinear", "nearest", "bicubic"] = "bilinear"
    padding_mode: Literal["zeros", "border", "reflection"] = "zeros"
    _: KW_ONLY
    align_corners: bool = False


@final
class GridSample(Op[GridSampleAttrs]):
    """The picture at the places of a grid: -1 is its left or upper edge, 1 its right or lower one.

    Shape: ``x [N, C, H, W], grid [N, P, Q, 2] -> [N, C, P, Q]``; the grid has (x, y), x along the width
    Gradients go to the picture and to the grid.
    Source: Jaderberg et al. 2015, "Spatial Transformer Networks", section 3.3.
    """

    name = "grid_sample"
    attrs = GridSampleAttrs
    inputs = (Port("x", FLOAT), Port("grid", FLOAT))
    example = "y = grid_sample(x, grid)"
    example_inputs = {"x": "[N, 3, 8, 8]", "grid": "[N, 5, 6, 2]"}
    kept = ("x", "grid")

    def infer(self, a: GridSampleAttrs, *types: TensorType) -> Result:
        x, grid = types
        if x.rank != 4:
            raise Complaint(f"`grid_sample` takes [N, C, H, W], not {x}", "x")
        if grid.rank != 4:
            raise Complaint(f"the grid is [N, P, Q, 2], not {grid}", "grid")
        needs = need_equal(grid.shape[3], 2, "a place has 2 numbers, not {left}", ("grid", 3))
        needs += need_equal(x.shape[0], grid.shape[0], "{left} pictures, and grids for {right}", ("x", 0), ("grid", 0))
        for axis in (2, 3):
            needs += need_at_least(x.shape[axis], 1, "there is no picture to read", ("x", axis))
        return Inferred((x.with_shape(x.shape[0], x.shape[1], grid.shape[1], grid.shape[2]),), needs)

    def torch(self, a: GridSampleAttrs, *types: TensorType) -> Code:
        return call(
            "F.grid_sample", Input(0), Input(1), mode=unless(a.mode, "bilinear"),
            padding_mode=unless(a.padding_mode, "zeros"), align_corners=a.align_corners,
        )  # fmt: skip

    def sees(self, a: GridSampleAttrs, use: Use) -> Sees:
        x, grid = use.types[:2]
        assert x is not None and grid is not None
        out = use.out
        image = (whole(0, out.shape[0]), whole(1, out.shape[1]), *(Span((), 0, size - 1) for size in x.shape[2:]))
        places = (
            whole(0, out.shape[0]),
            *(whole(i, out.shape[i]) for i in range(2, out.rank)),
            Span((), 0, out.rank - 3),
        )
        return Sees(((image,), (places,)))
