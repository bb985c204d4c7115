"""Code values turned into live calls of torch, without going through text."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from fanin.ir.dims import Symbol, evaluate
from fanin.ir.poly import Poly
from fanin.ops import code as ops

_NAMES: dict[str, Any] = {"torch": torch, "nn": nn, "F": F, "math": math, "None": None, "...": ...}

_INFIX: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "@": operator.matmul,
    "**": operator.pow,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "in": lambda a, b: a in b,
    "not in": lambda a, b: a not in b,
    "and": lambda a, b: a and b,
    "or": lambda a, b: a or b,
    "is": operator.is_,
    "is not": operator.is_not,
}

_PREFIX: dict[str, Callable[[Any], Any]] = {
    "-": operator.neg,
    "~": operator.invert,
    "+": operator.pos,
    "not": operator.not_,
}


@dataclass(frozen=True)
class Evaluator:
    """What the open places of an op's code stand for in one call."""

    inputs: Sequence[Any] = ()
    module: nn.Module | None = None
    training: bool = False
    sizes: Mapping[Symbol, int] | None = None

    def __call__(self, code: Any) -> Any:
        match code:
            case ops.Input():
                return self.inputs[code.index]
            case ops.Module():
                assert self.module is not None, "the code applies a module, and the op constructs none"
                return self.module
            case ops.Like():
                return torch.zeros((), dtype=torch.float64, device=self.device())
            case ops.Name():
                return self.name(code.text)
            case ops.Call():
                return self.name(code.target)(*map(self, code.args), **self.keywords(code.keywords))
            case ops.Method():
                receiver = self(code.receiver)
                return getattr(receiver, code.name)(*map(self, code.args), **self.keywords(code.keywords))
            case ops.Invoke():
                return self(code.callee)(*map(self, code.args), **self.keywords(code.keywords))
            case ops.Infix():
                return _INFIX[code.op](self(code.left), self(code.right))
            case ops.Prefix():
                return _PREFIX[code.op](self(code.operand))
            case ops.Attribute():
                return getattr(self(code.value), code.name)
            case ops.Subscript():
                items = tuple(self.item(item) for item in code.items)
                return self(code.value)[items[0] if len(items) == 1 else items]
            case ops.Sequence():
                values = [self(item) for item in code.items]
                return values if code.brackets == "[]" else tuple(values)
            case ops.IfNumber():
                is_tensor = code.index < len(self.inputs) and isinstance(self.inputs[code.index], torch.Tensor)
                return self(code.tensor if is_tensor else code.number)
            case ops.Helper():
                space = {"torch": torch, "math": math, "F": F}
                exec(code.function.source, space)
                return space[code.function.name](*map(self, code.args), **self.keywords(code.keywords))
            case Poly():
                assert self.sizes is not None, f"{code} stands open"
                return evaluate(code, self.sizes)
            case None | bool() | int() | float() | str():
                return code
            case _:
                raise AssertionError(f"no code: {code!r}")

    def device(self) -> torch.device:
        return next((i.device for i in self.inputs if isinstance(i, torch.Tensor)), torch.device("cpu"))

    def name(self, text: str) -> Any:
        if text == ops.TRAINING.text:
            return self.training
        if text.startswith("-"):
            return -self.name(text[1:])
        first, *rest = text.split(".")
        if first in _NAMES:
            return reduce(getattr, rest, _NAMES[first])
        import builtins

        return getattr(builtins, text)

    def keywords(self, pairs: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
        return {name: self(value) for name, value in pairs if value is not ops.OMIT}

    def item(self, item: Any) -> Any:
        if isinstance(item, ops.Cut):
            return slice(*(None if part is None else self(part) for part in (item.start, item.stop, item.step)))
        return self(item)
