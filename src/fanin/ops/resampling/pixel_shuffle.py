"""Channels moved into space."""

from __future__ import annotations

from typing import final

from fanin.ir.dims import floordiv, mod
from fanin.ir.facts import Compare
from fanin.ir.places import Digit, normal
from fanin.ir.types import TensorType
from fanin.ops.attributes import PositiveInt
from fanin.ops.code import Call, Code, Input, call
from fanin.ops.contract import ANY, Complaint, Inferred, Need, Op, OpAttrs, Port, Result
from fanin.ops.sees import Sees, Use, moved, same
from fanin.ops.ties import Letter, Ties, Times, letters
from fanin.record import record


@record
class PixelShuffleAttrs(OpAttrs):
    upscale_factor: PositiveInt


@final
class PixelShuffle(Op[PixelShuffleAttrs]):
    """Makes r × r pixels of every r² channels, with r = ``upscale_factor``.

    Shape: ``[*, C r², H, W] -> [*, C, H r, W r]``
    Signal: the input's: numbers only move.
    Source: Shi et al. 2016, "Real-Time Single Image and Video Super-Resolution", section 2.2.
    """

    name = "pixel_shuffle"
    module = "PixelShuffle"
    attrs = PixelShuffleAttrs
    inputs = (Port("x", ANY),)
    example = "y = x -> pixel_shuffle(2)"
    example_inputs = {"x": "[N, 12, 8, 8]"}
    kept = ()

    def infer(self, a: PixelShuffleAttrs, *types: TensorType) -> Result:
        (x,) = types
        if x.rank < 3:
            raise Complaint(f"`pixel_shuffle` takes [*, C, H, W], not {x}", "x")
        *outer, c, h, w = x.shape
        r = a.upscale_factor
        y = x.with_shape(*outer, floordiv(c, r * r), h * r, w * r)
        left = mod(c, r * r)
        if left == 0:
            return y
        message = f"{c} channels do not divide into {r} × {r} pixels"
        return Inferred((y,), (Need(Compare("==", left, 0), message, (("x", -3),), "indivisible"),))

    def sees(self, a: PixelShuffleAttrs, use: Use) -> Sees:
        x, r = use.x, a.upscale_factor
        c, h, w = x.rank - 3, x.rank - 2, x.rank - 1
        box = list(same(x))
        box[c] = normal([(r * r, Digit(c, 1, use.out.shape[c])), (r, Digit(h, 1, r)), (1, Digit(w, 1, r))], 0, 0)
        box[h], box[w] = (normal([(1, Digit(i, r, x.shape[i]))], 0, 0) for i in (h, w))
        return moved(tuple(box))

    def construct(self, a: PixelShuffleAttrs, *types: TensorType) -> Call:
        return call("nn.PixelShuffle", a.upscale_factor)

    def torch(self, a: PixelShuffleAttrs, *types: TensorType) -> Code:
        return call("F.pixel_shuffle", Input(0), a.upscale_factor)

    def couplings(self, a: PixelShuffleAttrs, *types: TensorType) -> Ties:
        outer, (c, h, w), r = letters(types[0])[:-3], types[0].shape[-3:], a.upscale_factor
        channel, high, wide = Letter("c", floordiv(c, r * r)), Letter("h", h), Letter("w", w)
        down, across = Letter("r", r), Letter("q", r)
        y = (*outer, channel, Times((high, down)), Times((wide, across)))
        fixed = tuple((name, "it becomes space") for name in ("r", "q", "h", "w"))
        return Ties(((*outer, Times((channel, down, across)), high, wide),), (y,), fixed=fixed)
