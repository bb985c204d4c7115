"""Tensors one behind the other."""

from __future__ import annotations

from typing import Any, final

from fanin.ir.dims import Dim
from fanin.ir.places import Box, whole
from fanin.ir.types import TensorType, promote
from fanin.ops.attributes import Axis
from fanin.ops.code import Code, Input, Sequence, call
from fanin.ops.contract import ANY, Complaint, Inferred, Need, Op, OpAttrs, Port, Result, need_equal, normal_axis
from fanin.ops.sees import Sees, Use, same
from fanin.ops.ties import Letter, Plus, Ties, letters
from fanin.record import KW_ONLY, record


@record
class ConcatAttrs(OpAttrs):
    _: KW_ONLY
    axis: Axis = 0


@final
class Concat(Op[ConcatAttrs]):
    """Several tensors one behind the other along an axis; their other sizes are equal.

    Shape: ``[N, A], [N, B] -> [N, A + B]`` for ``concat(x, y, axis=1)``
    Signal: second moments are averaged by size.
    """

    name = "concat"
    attrs = ConcatAttrs
    inputs = (Port("xs", ANY, variadic=True),)
    order = ("*xs",)
    example = "z = concat(x, y, axis=1)"
    example_inputs = {"x": "[N, 8]", "y": "[N, 4]"}
    kept = ()

    def infer(self, a: ConcatAttrs, *types: TensorType) -> Result:
        if not types:
            raise Complaint("`concat` needs at least one tensor", "xs")
        first = types[0]
        if not first.rank:
            raise Complaint("a scalar has no axis to join along", "xs", help="stack(x, y)")
        axis = normal_axis(a.axis, first.rank)
        length: Dim = 0
        needs: tuple[Need, ...] = ()
        for number, t in enumerate(types):
            if t.rank != first.rank:
                raise Complaint(f"`concat` takes tensors of one rank, not {first} and {t}", "xs", kind="rank")
            length = length + t.shape[axis]
            for i in range(first.rank):
                if i != axis:
                    message = f"`concat` along axis {axis} needs the same size along axis {i}: {{left}} and {{right}}"
                    needs += need_equal(first.shape[i], t.shape[i], message, ("xs[0]", i), (f"xs[{number}]", i))
        joined = first.with_dtype(promote(*(t.dtype for t in types))).with_axis(axis, length)
        return Inferred((joined,), needs)

    def sees(self, a: ConcatAttrs, use: Use) -> Sees:
        axis = a.axis % use.x.rank
        start: Dim = 0
        boxes: list[Box] = []
        for t in use.types:
            assert t is not None
            box = list(same(use.out))
            box[axis] = whole(axis, use.out.shape[axis], -start)
            boxes.append(tuple(box))
            start = start + t.shape[axis]
        return Sees(tuple((box,) for box in boxes), own=(axis,) if len(boxes) > 1 else ())

    def torch(self, a: ConcatAttrs, *types: TensorType) -> Code:
        return call("torch.cat", Sequence(tuple(Input(i) for i in range(len(types)))), dim=a.axis)

    def signal(self, a: ConcatAttrs, *types: TensorType) -> Any:
        from fanin.signal.rules.shape import Join

        return Join(a.axis % types[0].rank)

    def couplings(self, a: ConcatAttrs, *types: TensorType) -> Ties:
        axis = a.axis % types[0].rank
        outer = letters(types[0])
        parts = tuple(Letter(f"part{n}", t.shape[axis]) for n, t in enumerate(types))
        inner = tuple((*outer[:axis], part, *outer[axis + 1 :]) for part in parts)
        return Ties(inner, ((*outer[:axis], Plus(parts), *outer[axis + 1 :]),))
