"""Channels taken from groups in turn."""

from __future__ import annotations

from dataclasses import replace
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
class ChannelShuffleAttrs(OpAttrs):
    groups: PositiveInt


@final
class ChannelShuffle(Op[ChannelShuffleAttrs]):
    """Takes the channels from ``groups`` in turn: (g, c) becomes (c, g).

    Shape: ``[N, C, *] -> [N, C, *]``, with at least one axis after the channels
    Signal: the input's: numbers only move.
    Source: Zhang et al. 2018, "ShuffleNet", section 3.1.
    """

    name = "channel_shuffle"
    module = "ChannelShuffle"
    attrs = ChannelShuffleAttrs
    inputs = (Port("x", ANY),)
    example = "y = x -> channel_shuffle(2)"
    example_inputs = {"x": "[N, 6, 8, 8]"}
    kept = ()

    def infer(self, a: ChannelShuffleAttrs, *types: TensorType) -> Result:
        (x,) = types
        if x.rank < 3:
            raise Complaint(f"`channel_shuffle` takes [N, C, *], of three axes or more, not {x}", "x")
        left = mod(x.shape[1], a.groups)
        if left == 0:
            return x
        message = f"{x.shape[1]} channels do not divide into {a.groups} groups"
        return Inferred((x,), (Need(Compare("==", left, 0), message, (("x", 1),), "indivisible"),))

    def construct(self, a: ChannelShuffleAttrs, *types: TensorType) -> Call:
        return call("nn.ChannelShuffle", a.groups)

    def torch(self, a: ChannelShuffleAttrs, *types: TensorType) -> Code:
        return call("F.channel_shuffle", Input(0), a.groups)

    def sees(self, a: ChannelShuffleAttrs, use: Use) -> Sees:
        groups, size = a.groups, use.x.shape[1]
        each = floordiv(size, groups)  # from (group, place) to (place, group)
        box = list(same(use.x))
        box[1] = normal([(each, Digit(1, 1, groups)), (1, Digit(1, groups, each))], 0, 0)
        return moved(tuple(box))

    def couplings(self, a: ChannelShuffleAttrs, *types: TensorType) -> Ties:
        outer = letters(types[0])
        g, c = Letter("g", a.groups), Letter("c", floordiv(types[0].shape[1], a.groups))
        x, y = (outer[0], Times((g, c)), *outer[2:]), (outer[0], Times((c, g)), *outer[2:])
        return Ties((x,), (y,), resize=lambda n: replace(a, groups=n(g)))
