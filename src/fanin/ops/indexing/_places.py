"""Index tensors of the same rank as what they index."""

from __future__ import annotations

from fanin.ir.dims import Dim
from fanin.ir.facts import Compare
from fanin.ir.types import TensorType
from fanin.ops.attributes import Axis
from fanin.ops.code import Code, Input, method
from fanin.ops.contract import Complaint, Inferred, Need, Op, OpAttrs, Result, need_equal, normal_axis
from fanin.ops.sizes import at_least
from fanin.record import record


@record
class AxisAttrs(OpAttrs):
    axis: Axis


class Indexed(Op[AxisAttrs]):
    """An op whose second input names places along an axis of the first."""

    attrs = AxisAttrs

    def choices(self, a: AxisAttrs, *types: TensorType) -> dict[int, Dim]:
        return {1: types[0].shape[a.axis]}


class Scattered(Indexed):
    """The numbers of ``source`` at places of x that ``index`` says along an axis. Subclasses say how they are put."""

    order = ("x", "axis", "index", "source")
    example_inputs = {"x": "[N, 8]", "i": "int[N, 3]", "s": "[N, 3]"}
    kept = ("index",)

    def infer(self, a: AxisAttrs, *types: TensorType) -> Result:
        x, index, source = types
        axis = normal_axis(a.axis, x.rank)
        need_rank(index, x.rank, "index", self.name)
        need_rank(source, x.rank, "source", self.name)
        same_kind(x, source, "source", self.name)
        needs = need_within(("index", index), ("x", x), self.name, axis)
        for i in range(x.rank):
            # PyTorch takes a larger source, but has no gradient for it.
            message = f"the index and the source of `{self.name}` disagree along axis {i}: {{left}} and {{right}}"
            needs += need_equal(index.shape[i], source.shape[i], message, ("index", i), ("source", i))
        return Inferred((x,), needs)

    def torch(self, a: AxisAttrs, *types: TensorType) -> Code:
        return method(Input(0), self.name, a.axis, Input(1), Input(2))


def need_rank(t: TensorType, rank: int, port: str, name: str) -> None:
    """Raises Complaint for another rank."""
    if t.rank != rank:
        axes = f"{rank} axis" if rank == 1 else f"{rank} axes"
        # PyTorch takes a scalar for a vector here and there.
        kind = "shape" if t.rank else "type"
        raise Complaint(f"the {port} of `{name}` has {axes} here, not {t.rank}", port, kind=kind)


def need_within(
    inner: tuple[str, TensorType], outer: tuple[str, TensorType], name: str, besides: int | None
) -> tuple[Need, ...]:
    """That the first is no larger than the second along every axis, or all but one."""
    needs: tuple[Need, ...] = ()
    for i, (small, large) in enumerate(zip(inner[1].shape, outer[1].shape, strict=True)):
        if i != besides and not at_least(large - small, 0):
            message = f"the {inner[0]} of `{name}` is larger than the {outer[0]} along axis {i}: {{left}} and {{right}}"
            where = ((inner[0], i), (outer[0], i))
            needs += (Need(Compare("<=", small, large), message, where, "mismatch"),)
    return needs


def same_kind(x: TensorType, source: TensorType, port: str, name: str) -> None:
    """Raises Complaint for two kinds of number."""
    if x.dtype is not source.dtype:
        message = f"`{name}` puts {source.dtype.value} numbers into a tensor of {x.dtype.value} ones"
        raise Complaint(message, port, kind="type")
