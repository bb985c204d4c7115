"""What an op says it is in PyTorch, run directly: its code is evaluated on tensors, with no writer in between."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F

from fanin.ir.conditions import holds
from fanin.ir.poly import Poly, Symbol
from fanin.ir.substitution import evaluate
from fanin.ir.types import DType, TensorType
from fanin.ops import code as c
from fanin.ops.attributes import bind
from fanin.ops.contract import Complaint, Inferred, Op, inferred
from fanin.ops.registry import find_op

KINDS = {torch.bool: DType.BOOL, torch.int64: DType.INT, torch.float64: DType.FLOAT, torch.complex128: DType.COMPLEX}
DTYPES = {kind: dtype for dtype, kind in KINDS.items()}
INFIX = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod, "**": operator.pow, "@": operator.matmul, "==": operator.eq, "!=": operator.ne,
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "&": operator.and_, "|": operator.or_,
}  # fmt: skip
LIKE = torch.zeros((), dtype=torch.float64)  # not PyTorch's default dtype, so that a rule that forgets it is found


def run(code: Any, inputs: Sequence[Any], sizes: dict[Symbol, int] | None = None) -> Any:
    """The value of an op's code."""

    def value(x: Any) -> Any:
        match x:
            case c.Input(index=index):
                return inputs[index]
            case c.Like():
                return LIKE
            case c.Name(text="..."):
                return ...
            case c.Name(text=text):
                return eval(text, {"torch": torch, "F": F, "math": math})
            case c.Call(target=target, args=args, keywords=keywords):
                function = eval(target, {"torch": torch, "F": F, "math": math, "float": float, "int": int})
                return function(*map(value, args), **{k: value(v) for k, v in keywords})
            case c.Method(receiver=receiver, name=name, args=args, keywords=keywords):
                return getattr(value(receiver), name)(*map(value, args), **{k: value(v) for k, v in keywords})
            case c.Infix(op=op, left=left, right=right):
                return INFIX[op](value(left), value(right))
            case c.Prefix(op=op, operand=operand):
                return -value(operand) if op == "-" else ~value(operand)
            case c.Attribute(value=owner, name=name):
                return getattr(value(owner), name)
            case c.Cut(start=start, stop=stop, step=step):
                return slice(value(start), value(stop), value(step))
            case c.Subscript(value=owner, items=items):
                return value(owner)[value(items[0]) if len(items) == 1 else tuple(map(value, items))]
            case c.Sequence(items=items, brackets=brackets):
                return (list if brackets == "[]" else tuple)(map(value, items))
            case c.IfNumber(index=index, number=number, tensor=tensor):
                return value(tensor if isinstance(inputs[index], torch.Tensor) else number)
            case c.Helper(function=function, args=args, keywords=keywords):
                names: dict[str, Any] = {"torch": torch, "F": F, "math": math, "Tensor": torch.Tensor}
                exec(function.source, names)
                return names[function.name](*map(value, args), **{k: value(v) for k, v in keywords})
            case Poly():
                return evaluate(x, sizes or {})
            case _:
                return x

    return value(code)


def op(name: str) -> Op[Any]:
    found = find_op(name)
    assert found is not None, name
    return found


def type_of(x: Any) -> TensorType:
    """The type of a tensor, or of a number where one may stand."""
    if isinstance(x, torch.Tensor):
        return TensorType(KINDS[x.dtype], tuple(x.shape))
    if isinstance(x, bool):
        return TensorType(DType.BOOL, ())
    return TensorType(DType.FLOAT if isinstance(x, float) else DType.INT, ())


def check(name: str, attrs: dict[str, Any], *inputs: Any) -> Inferred:
    """What the op infers, every need met. Raises Complaint where it refuses."""
    kind = op(name)
    a = bind(kind.attrs, attrs)
    types = [type_of(x) if x is not None else None for x in inputs]
    ports = list(kind.inputs)
    if ports and ports[-1].variadic:
        ports += [ports[-1]] * (len(inputs) - len(ports))
    for port, t, x in zip(ports, types, inputs, strict=False):
        if t is None:
            continue
        if not port.accepts(t.dtype):
            raise Complaint(f"no {t.dtype} here", port.name)
        if not isinstance(x, torch.Tensor) and not port.number:
            raise Complaint("no number here", port.name)
    numbers = [x if isinstance(x, (bool, int, float)) else None for x in inputs]
    kind.check_numbers(a, types, numbers)
    found = inferred(kind.infer(a, *types))
    for need in found.needs:
        if not holds(need.condition, {}):
            raise Complaint(need.message, need.places[0][0] if need.places else "")
    return found


def compute(name: str, attrs: dict[str, Any], *inputs: Any) -> Any:
    """The op's result, by the code it emits."""
    kind = op(name)
    types = [type_of(x) if x is not None else None for x in inputs]
    return run(kind.torch(bind(kind.attrs, attrs), *types), inputs)


def results(value: Any) -> tuple[torch.Tensor, ...]:
    return (value,) if isinstance(value, torch.Tensor) else tuple(value)


def agrees(name: str, attrs: dict[str, Any], *inputs: Any, closed: bool = False) -> tuple[torch.Tensor, ...]:
    """Asserts that what the op infers is what its code gives: with sizes known and, unless ``closed``, open."""
    found = check(name, attrs, *inputs)
    got = results(compute(name, attrs, *inputs))
    assert [type_of(t) for t in got] == list(found.types), (name, attrs, inputs)
    if not closed:
        _agrees_open(name, attrs, inputs, got)
    return got


def _agrees_open(name: str, attrs: dict[str, Any], inputs: tuple[Any, ...], got: tuple[torch.Tensor, ...]) -> None:
    kind = op(name)
    a = bind(kind.attrs, attrs)
    sizes: dict[Symbol, int] = {}
    types: list[TensorType | None] = []
    for x in inputs:
        shape: list[Any] = []
        for size in x.shape if isinstance(x, torch.Tensor) else ():
            if size < 2:
                shape.append(size)  # a size of 1 stretches, and a symbol is at least 1
                continue
            symbol = Symbol(f"D{len(sizes)}")
            sizes[symbol] = size
            shape.append(symbol.poly)
        types.append(None if x is None else TensorType(type_of(x).dtype, tuple(shape)))
    found = inferred(kind.infer(a, *types))
    for need in found.needs:
        assert holds(need.condition, sizes), (name, attrs, need)
    actual = [TensorType(t.dtype, tuple(evaluate(d, sizes) for d in t.shape)) for t in found.types]
    assert actual == [type_of(t) for t in got], (name, attrs, found.types)
    again = results(run(kind.torch(a, *types), inputs, sizes))
    if kind.keeps:
        for t, u in zip(got, again, strict=True):
            assert torch.equal(t.nan_to_num(), u.nan_to_num())


def refuses(name: str, attrs: dict[str, Any], *inputs: Any) -> bool:
    """Whether the op refuses these inputs, of known sizes, or these attributes."""
    try:
        check(name, attrs, *inputs)
    except Complaint:
        return True
    return False


def sample(kind: DType, shape: tuple[int, ...] = (2, 3)) -> torch.Tensor:
    """A tensor without zeros, so that no value is at fault where a kind is refused."""
    n = math.prod(shape)
    numbers = torch.arange(1, n + 1, dtype=torch.float64).reshape(shape) / (n + 1)
    if kind is DType.BOOL:
        return numbers < 2
    return (numbers * (n + 1)).to(torch.int64) if kind is DType.INT else numbers.to(DTYPES[kind])


def operands(numbers: bool = True) -> Iterator[tuple[str, Any]]:
    """A tensor, a scalar tensor and a number of every kind."""
    for kind in DType:
        yield f"{kind}[2, 3]", sample(kind)
        yield f"{kind}[]", sample(kind, ())
    if numbers:
        yield from (("3", 3), ("0.5", 0.5))


def pairs() -> list[tuple[Any, Any]]:
    """Pairs of operands of which one is a tensor."""
    both = itertools.product(operands(), repeat=2)
    return [(x, y) for (_, x), (_, y) in both if isinstance(x, torch.Tensor) or isinstance(y, torch.Tensor)]
