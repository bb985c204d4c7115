"""The places that an affine map sends a picture's places to."""

from __future__ import annotations

from typing import final

from fanin.ir.types import TensorType
from fanin.ops.attributes import PositiveInt
from fanin.ops.code import Attribute, Code, Input, Sequence, Subscript, call
from fanin.ops.contract import Complaint, Inferred, Op, OpAttrs, Port, Result, need_equal
from fanin.ops.ports import FLOAT
from fanin.ops.sees import Sees, Use, all_of
from fanin.record import KW_ONLY, record


@record
class AffineGridAttrs(OpAttrs):
    height: PositiveInt
    width: PositiveInt
    _: KW_ONLY
    align_corners: bool = False


@final
class AffineGrid(Op[AffineGridAttrs]):
    """A grid for ``grid_sample``: the places of a picture of that size, each multiplied by a 2 x 3 matrix.

    Shape: ``theta [N, 2, 3] -> [N, height, width, 2]``
    Source: Jaderberg et al. 2015, "Spatial Transformer Networks", eq. 1.
    """

    name = "affine_grid"
    attrs = AffineGridAttrs
    inputs = (Port("theta", FLOAT),)
    example = "y = affine_grid(theta, 5, 6)"
    example_inputs = {"theta": "[N, 2, 3]"}
    kept = ()

    def infer(self, a: AffineGridAttrs, *types: TensorType) -> Result:
        (theta,) = types
        if theta.rank != 3:
            raise Complaint(f"`affine_grid` takes matrices [N, 2, 3], not {theta}", "theta")
        needs = need_equal(theta.shape[1], 2, "an affine map of a picture has 2 rows, not {left}", ("theta", 1))
        needs += need_equal(theta.shape[2], 3, "an affine map of a picture has 3 columns, not {left}", ("theta", 2))
        return Inferred((theta.with_shape(theta.shape[0], a.height, a.width, 2),), needs)

    def torch(self, a: AffineGridAttrs, *types: TensorType) -> Code:
        count = Subscript(Attribute(Input(0), "shape"), (0,))
        size = Sequence((count, 1, a.height, a.width), "[]")
        return call("F.affine_grid", Input(0), size, align_corners=a.align_corners)

    def sees(self, a: AffineGridAttrs, use: Use) -> Sees:
        return all_of(use.types, use.out)
