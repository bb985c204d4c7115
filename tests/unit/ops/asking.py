"""What an op answers about types written as in the language: ``ask("Conv2d", {...}, "[N, 3, H, W]")``."""

from __future__ import annotations

import contextlib
import re
from typing import Any

from fanin.ir.conditions import holds
from fanin.ir.dims import Dim, Symbol
from fanin.ir.types import DType, TensorType
from fanin.ops.attributes import bind
from fanin.ops.contract import Complaint, Inferred, Need, Op, ParamSpec, inferred
from fanin.ops.registry import find_op


def op(name: str) -> Op[Any]:
    found = find_op(name)
    assert found is not None, f"there is no op {name}"
    return found


def read(*texts: str | None) -> tuple[Any, ...]:
    """Types from their text; equal letters are the same open size."""
    letters: dict[str, Symbol] = {}
    return tuple(None if text is None else _read(text, letters) for text in texts)


def _read(text: str, letters: dict[str, Symbol]) -> TensorType:
    found = re.fullmatch(r"(\w*)\[(.*)\]", text)
    assert found, text
    shape: list[Dim] = []
    for part in filter(None, (p.strip() for p in found.group(2).split(","))):
        shape.append(int(part) if part.isdigit() else letters.setdefault(part, Symbol(part)).poly)
    return TensorType(DType(found.group(1) or "float"), tuple(shape))


def ask(name: str, attrs: dict[str, Any], *types: str | None) -> Inferred:
    kind = op(name)
    return inferred(kind.infer(bind(kind.attrs, attrs), *read(*types)))


def gives(name: str, attrs: dict[str, Any], *types: str | None) -> str:
    """The type of the only result, as the language writes it."""
    (result,) = ask(name, attrs, *types).types
    return str(result)


def broken(name: str, attrs: dict[str, Any], *types: str | None) -> list[Need]:
    """What does not hold, of the needs that hang on no open size."""
    found = []
    for need in ask(name, attrs, *types).needs:
        with contextlib.suppress(KeyError):
            if not holds(need.condition, {}):
                found.append(need)
    return found


def refusal(name: str, attrs: dict[str, Any], *types: str | None) -> str:
    """The headline of the first mistake."""
    try:
        needs = broken(name, attrs, *types)
    except Complaint as complaint:
        return complaint.message
    assert needs, f"`{name}` takes {types} with {attrs}"
    condition: Any = needs[0].condition
    return needs[0].message.format(left=condition.left, right=condition.right)


def params(name: str, attrs: dict[str, Any], *types: str) -> tuple[ParamSpec, ...]:
    kind = op(name)
    return kind.params(bind(kind.attrs, attrs), *read(*types))


def emitted(name: str, attrs: dict[str, Any], *types: str | None) -> Any:
    """The code of an application."""
    kind = op(name)
    return kind.torch(bind(kind.attrs, attrs), *read(*types))


def made(name: str, attrs: dict[str, Any], *types: str | None) -> Any:
    """The code of its constructor."""
    kind = op(name)
    return kind.construct(bind(kind.attrs, attrs), *read(*types))
