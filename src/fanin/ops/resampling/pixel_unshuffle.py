"""Space moved into channels."""

from __future__ import annotations

from typing import final

from fanin.ir.dims import floordiv, mod
from fanin.ir.facts import Compare
from fanin.ir.places import Digit, normal
from fanin.ir.types import TensorType
from fanin.ir.unknown import Unknown
from fanin.ops.attributes import PositiveInt
from fanin.ops.code import Call, Code, Input, call
from fanin.ops.contract import ANY, Complaint, Inferred, Need, Op, OpAttrs, Port, Result
from fanin.ops.sees import Sees, Use, moved, same
from fanin.ops.ties import Letter, Ties, Times, letters
from fanin.record import record


@record
class PixelUnshuffleAttrs(OpAttrs):
    downscale_factor: PositiveInt


@final
class PixelUnshuffle(Op[PixelUnshuffleAttrs]):
    """Makes r² channels of every r × r pixels, with r = ``downscale_factor``.

    Shape: ``[*, C, H r, W r] -> [*, C r², H, W]``
    Signal: the input's: numbers only move.
    Source: Shi et al. 2016, "Real-Time Single Image and Video Super-Resolution", section 2.2, the other way round.
    """

    name = "pixel_unshuffle"
    module = "PixelUnshuffle"
    attrs = PixelUnshuffleAttrs
    inputs = (Port("x", ANY),)
    example = "y = x -> pixel_unshuffle(2)"
    example_inputs = {"x": "[N, 3, 8, 8]"}
    kept = ()

    def infer(self, a: PixelUnshuffleAttrs, *types: TensorType) -> Result:
        (x,) = types
        if x.rank < 3:
            raise Complaint(f"`pixel_unshuffle` takes [*, C, H, W], not {x}", "x")
        *outer, c, h, w = x.shape
        r = a.downscale_factor
        needs: tuple[Need, ...] = ()
        for axis, size in ((-2, h), (-1, w)):
            left = mod(size, r)
            if left != 0:
                message = f"an axis of {size} does not divide into steps of {r} pixels"
                needs += (Need(Compare("==", left, 0), message, (("x", axis),), "indivisible"),)
        return Inferred((x.with_shape(*outer, c * r * r, floordiv(h, r), floordiv(w, r)),), needs)

    def sees(self, a: PixelUnshuffleAttrs, use: Use) -> Sees:
        x, r, out = use.x, a.downscale_factor, use.out
        c, h, w = x.rank - 3, x.rank - 2, x.rank - 1
        box = list(same(x))
        box[c] = normal([(1, Digit(c, r * r, x.shape[c]))], 0, 0)
        box[h] = normal([(r, Digit(h, 1, out.shape[h])), (1, Digit(c, r, r))], 0, 0)
        box[w] = normal([(r, Digit(w, 1, out.shape[w])), (1, Digit(c, 1, r))], 0, 0)
        return moved(tuple(box))

    def construct(self, a: PixelUnshuffleAttrs, *types: TensorType) -> Call:
        return call("nn.PixelUnshuffle", a.downscale_factor)

    def torch(self, a: PixelUnshuffleAttrs, *types: TensorType) -> Code:
        return call("F.pixel_unshuffle", Input(0), a.downscale_factor)

    def couplings(self, a: PixelUnshuffleAttrs, *types: TensorType) -> Ties | Unknown:
        outer, (c, h, w), r = letters(types[0])[:-3], types[0].shape[-3:], a.downscale_factor
        channel, high, wide = Letter("c", c), Letter("h", floordiv(h, r)), Letter("w", floordiv(w, r))
        down, across = Letter("r", r), Letter("q", r)
        x = (*outer, channel, Times((high, down)), Times((wide, across)))
        fixed = tuple((name, "it comes of space") for name in ("r", "q", "h", "w"))
        return Ties((x,), ((*outer, Times((channel, down, across)), high, wide),), fixed=fixed)
