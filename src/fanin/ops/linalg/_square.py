"""Square matrices."""

from __future__ import annotations

from fanin.ir.types import TensorType
from fanin.ops.code import Code, Input, call
from fanin.ops.contract import FLOATS, Complaint, Need, NoAttrs, Op, Port, need_equal


def need_square(x: TensorType, name: str, port: str = "x") -> tuple[Need, ...]:
    """That the last two axes are a square matrix. Raises Complaint where there are none."""
    if x.rank < 2:
        raise Complaint(f"`{name}` takes square matrices, not {x}", port)
    message = f"`{name}` takes square matrices, not {{left}} by {{right}}"
    return need_equal(x.shape[-2], x.shape[-1], message, (port, -2), (port, -1))


class OfSquare(Op[NoAttrs]):
    """A function of square matrices, torch.linalg's of the same name."""

    inputs = (Port("x", FLOATS),)
    example_inputs = {"x": "[N, 4, 4]"}

    def torch(self, a: NoAttrs, *types: TensorType) -> Code:
        return call(f"torch.linalg.{self.name}", Input(0))
