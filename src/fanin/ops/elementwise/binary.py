"""What the arithmetic of two tensors has in common."""

from __future__ import annotations

from fanin.ir.types import DType, TensorType, promote
from fanin.ops.broadcasting import broadcast
from fanin.ops.contract import ANY, A, Coupling, Inferred, Op, Port, Reach, Result, couple
from fanin.ir.unknown import Unknown


class Arithmetic(Op[A]):
    """An infix operation on two tensors, or a tensor and a number: shapes broadcast, dtypes promote."""

    inputs = (Port("x", ANY, number=True), Port("y", ANY, number=True))
    result: DType | None = None  # where it does not depend on the operands

    def infer(self, a: A, *types: TensorType) -> Result:
        x, y = types
        dtype = self.result or promote(x.dtype, y.dtype)
        if x.shape == y.shape:
            return TensorType(dtype, x.shape)
        shape, needs = broadcast(("x", x), ("y", y), what=f"the two sides of this {self.name}")
        return Inferred((TensorType(dtype, shape),), needs)

    def couplings(self, a: A, *types: TensorType) -> tuple[Coupling, ...] | Unknown:
        x, y = types
        rank = max(x.rank, y.rank)
        tied = []
        for i in range(-rank, 0):
            members = [f"{p}[{i}]" for p, t in (("x", x), ("y", y)) if -i <= t.rank and t.shape[i] != 1]
            tied.append(couple(*members, f"z[{i}]"))
        return tuple(tied)

    def reach(self, a: A, *types: TensorType) -> Reach:
        return Reach()
