"""What activations have in common: PyTorch has each as a function and as a module of the same arguments."""

from __future__ import annotations

from typing import ClassVar

from fanin.ir.types import TensorType
from fanin.ops.code import Call, Code, Input
from fanin.ops.contract import A, Pointwise, Result
from fanin.ops.ports import X
from fanin.ops.spelling import spell_fields


class Activation(Pointwise[A]):
    """A function of each number alone, of floats, that keeps their kind."""

    inputs = X
    places: ClassVar[int] = 1
    """How many arguments a careful writer gives by place."""

    def check(self, a: A) -> None:
        """Raises Complaint where the attributes do not go together. A hook: none by default."""

    def infer(self, a: A, *types: TensorType) -> Result:
        self.check(a)
        return types[0]

    def construct(self, a: A, *types: TensorType) -> Call | None:
        args, keywords = spell_fields(a, self.places)
        return Call(f"nn.{self.module}", args, keywords)

    def torch(self, a: A, *types: TensorType) -> Code:
        args, keywords = spell_fields(a, self.places)
        return Call(f"F.{self.name}", (Input(0), *args), keywords)
