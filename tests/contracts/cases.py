"""Ways to use an op, made from its example and the types of its attributes alone."""

from __future__ import annotations

import ast
import re
import types
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from random import Random
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import torch

from fanin.ir.types import DType, TensorType
from fanin.ops.attributes import Range, attribute_types
from fanin.ops.contract import Op, Port, argument_order

NUMBERS = (0, 1, 2, 3, -1, 0.5, 2.0)
TORCH = {
    DType.FLOAT: torch.float64,
    DType.INT: torch.int64,
    DType.BOOL: torch.bool,
    DType.COMPLEX: torch.complex128,
}


@dataclass(frozen=True)
class Case:
    """Attributes as a spec would give them, and what goes into each port: types, a number, None for nothing."""

    given: dict[str, Any]
    operands: tuple[tuple[TensorType | int | float, ...] | None, ...]

    @property
    def flat(self) -> tuple[TensorType | int | float | None, ...]:
        """The operands in a row, without what is left out at the end."""
        row: list[TensorType | int | float | None] = []
        for operand in self.operands:
            row.extend((None,) if operand is None else operand)
        while row and row[-1] is None:
            row.pop()
        return tuple(row)

    @property
    def types(self) -> tuple[TensorType, ...]:
        """What ``infer`` gets."""
        return tuple(type_of(operand) for operand in self.flat)  # type: ignore[misc]


def type_of(operand: TensorType | int | float | None) -> TensorType | None:
    if operand is None or isinstance(operand, TensorType):
        return operand
    return TensorType(DType.FLOAT if isinstance(operand, float) else DType.INT, ())


def accepted(op: Op[Any], case: Case) -> bool:
    """Whether every operand is of a kind that its port takes, as the caller of ``infer`` checks it."""
    for port, operand in zip(op.inputs, case.operands, strict=True):
        for one in operand or ():
            if isinstance(one, TensorType) and not port.accepts(one.dtype):
                return False
    return True


# ------------------------------------------------------------------------------------------------------ the example


def example(op: Op[Any], rng: Random) -> Case:
    """The op's example, at random sizes."""
    sizes: dict[str, int] = {}
    inputs = {name: parse_type(text, sizes, rng) for name, text in op.example_inputs.items()}
    args, made, keywords = call_of(op, inputs)
    order = argument_order(type(op))
    starred = next((i for i, name in enumerate(order) if name.startswith("*")), None)
    bound: dict[str, Any] = {}
    for i, value in enumerate(args):
        if starred is not None and i >= starred:
            bound.setdefault(order[starred][1:], []).append(value)
        else:
            assert i < len(order), f"the example gives `{op.name}` more by place than it takes"
            bound[order[i]] = value
    bound |= dict(zip(by_place(op), made, strict=False)) | keywords
    operands = tuple(operand_of(port, bound.pop(port.name, None), inputs) for port in op.inputs)
    given = {}
    for name, value in bound.items():
        if isinstance(value, list) and len(value) == 1 and isinstance(value[0], (list, tuple)):
            value = value[0]  # a list where a shape goes by place
        given[name] = value
    if op.keywords:  # sizes by any name
        known = attribute_types(op.attrs)
        pairs = [(name, given.pop(name)) for name in tuple(given) if name not in known]
        given[op.keywords] = pairs
    return Case(given, operands)


def by_place(op: Op[Any]) -> list[str]:
    """The attributes that a constructor takes by place."""
    return [f.name for f in fields(op.attrs) if not f.kw_only]


def operand_of(port: Port, value: Any, inputs: dict[str, TensorType]) -> tuple[Any, ...] | None:
    if value is None:
        return None
    values = value if isinstance(value, (list, tuple)) else [value]
    if len(values) == 1 and isinstance(values[0], list):
        values = values[0]
    return tuple(inputs[v.text] if isinstance(v, Reference) else v for v in values)


@dataclass(frozen=True)
class Reference:
    """A name in an example."""

    text: str


def call_of(op: Op[Any], inputs: dict[str, TensorType]) -> tuple[list[Any], list[Any], dict[str, Any]]:
    """The arguments of the op in its example: by place, tensors included; to its constructor by place; by name."""
    text = op.example.split("\n")[-1]
    for name in (op.module, op.name):
        found = re.search(rf"(->\s*)?(?<![\w.]){name}(?!\w)", text) if name else None
        if found is not None:
            break
    else:  # an operator
        return [Reference(name) for name in inputs], [], {}
    args: list[Any] = [Reference(next(iter(inputs)))] if found.group(1) and op.inputs else []
    calls = arguments(text[found.end() :])
    made: list[Any] = []
    keywords: dict[str, Any] = {}
    if name == op.module and calls:
        made, keywords = calls.pop(0)
    for positional, named in calls:
        if ... in positional:
            positional[positional.index(...)] = args.pop()
        args += positional
        keywords |= named
    return args, made, keywords


def arguments(text: str) -> list[tuple[list[Any], dict[str, Any]]]:
    """What stands in the brackets that a text begins with: ``(1, p=2)(x)``."""
    found = []
    while text.startswith("("):
        depth = 0
        for end, letter in enumerate(text):  # noqa: B007 - where the brackets close
            depth += (letter in "([") - (letter in ")]")
            if depth == 0:
                break
        node = ast.parse(f"f{text[: end + 1]}", mode="eval").body
        assert isinstance(node, ast.Call)
        found.append(([literal(a) for a in node.args], {str(k.arg): literal(k.value) for k in node.keywords}))
        text = text[end + 1 :]
    return found


def literal(node: ast.expr) -> Any:
    match node:
        case ast.Name(id="true" | "false"):
            return node.id == "true"
        case ast.Name(id="none"):
            return None
        case ast.Name(id="inf"):
            return float("inf")
        case ast.Name():
            return Reference(node.id)
        case ast.List() | ast.Tuple():
            return [literal(e) for e in node.elts]
        case ast.UnaryOp(op=ast.USub()):
            return -literal(node.operand)
        case ast.Constant():
            return node.value
        case _:
            return Reference(ast.unparse(node))


def parse_type(text: str, sizes: dict[str, int], rng: Random) -> TensorType:
    """``int[B, T]`` at random sizes; the letters of one example are shared."""
    found = re.fullmatch(r"(\w*)\[(.*)\]", text.strip())
    assert found, f"no tensor type: {text}"
    dtype = DType(found.group(1) or "float")
    shape = []
    for part in filter(None, (p.strip() for p in found.group(2).split(","))):
        for letter in re.findall(r"[A-Z]\w*", part):
            sizes.setdefault(letter, rng.randint(1, 6))
        shape.append(int(eval(part, {}, sizes)))
    return TensorType(dtype, tuple(shape))


# ---------------------------------------------------------------------------------------------------------- variants


def cases(op: Op[Any], count: int) -> Iterator[Case]:
    """The example, and so many variants of it: the same for every run."""
    rng = Random(op.name)
    for i in range(count):
        case = example(op, rng)
        varied = case if i < 3 else vary(op, case, rng)
        # What is all numbers is computed when the spec is compiled.
        if not op.inputs or any(isinstance(operand, TensorType) for operand in varied.flat):
            yield varied


def vary(op: Op[Any], case: Case, rng: Random) -> Case:
    hints = attribute_types(op.attrs)
    given = dict(case.given)
    for name, hint in hints.items():
        if rng.random() < 0.3:
            value = random_value(hint, rng)
            if value is not KEEP:
                given[name] = value
    operands = [vary_operand(port, o, case, rng) for port, o in zip(op.inputs, case.operands, strict=True)]
    if rng.random() < 0.1:  # all of one more or one less axis
        operands = [o and tuple(reranked(t, 0, rng) if isinstance(t, TensorType) else t for t in o) for o in operands]
    return replace(case, given=given, operands=tuple(operands))


def vary_operand(port: Port, operand: Any, case: Case, rng: Random) -> Any:
    if operand is None:
        if port.optional and rng.random() < 0.5:
            return (borrowed(port, case, rng),)
        return None
    if port.optional and rng.random() < 0.3:
        return None
    return tuple(vary_one(port, one, rng) for one in operand)


def borrowed(port: Port, case: Case, rng: Random) -> TensorType:
    """A tensor with some sizes of another operand: optional inputs mostly fit to one."""
    shapes = [t.shape for t in case.types if t is not None]
    shape = rng.choice(shapes) if shapes else (2,)
    start, stop = sorted((rng.randint(0, len(shape)), rng.randint(0, len(shape))))
    return TensorType(rng.choice(port.dtypes), shape[start:stop])


def vary_one(port: Port, one: Any, rng: Random) -> Any:
    if not isinstance(one, TensorType):
        return rng.choice(NUMBERS)
    if port.number and rng.random() < 0.15:
        return rng.choice(NUMBERS)
    if rng.random() < 0.08:
        one = one.with_dtype(rng.choice(tuple(DType)))
    if one.rank and rng.random() < 0.25:
        axis = rng.randrange(one.rank)
        one = one.with_axis(axis, rng.randint(1, 9))
    if rng.random() < 0.1:
        one = reranked(one, rng.randint(0, one.rank), rng)
    return one


def reranked(t: TensorType, at: int, rng: Random) -> TensorType:
    if rng.random() < 0.5 and t.rank:
        at = min(at, t.rank - 1)
        return t.with_shape(*t.shape[:at], *t.shape[at + 1 :])
    return t.with_shape(*t.shape[:at], rng.randint(1, 3), *t.shape[at:])


KEEP = object()


def random_value(hint: Any, rng: Random, low: float = -4, high: float = 4) -> Any:
    """A value of an attribute's type, small where it is a number; KEEP where there is no telling."""
    origin = get_origin(hint)
    if origin is Annotated:
        base, *marks = get_args(hint)
        for mark in marks:
            if isinstance(mark, Range):
                low = mark.low if mark.low is not None else low
                high = min(mark.high if mark.high is not None else low + 4, low + 6)
        return random_value(base, rng, low, high)
    if origin in (Union, types.UnionType):
        return random_value(rng.choice(get_args(hint)), rng, low, high)
    if origin is Literal:
        return rng.choice(get_args(hint))
    if origin is tuple:
        args = get_args(hint)
        wanted = [args[0]] * rng.randint(1, 3) if len(args) == 2 and args[1] is Ellipsis else args
        items = [random_value(a, rng, low, high) for a in wanted]
        return KEEP if any(i is KEEP for i in items) else items
    if hint is bool:
        return rng.random() < 0.5
    if hint is int:
        return rng.randint(int(low), int(high))
    if hint is float:
        return rng.choice([x for x in (low, 0.0, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, high) if low <= x <= high])
    if hint is type(None):
        return None
    return KEEP


# ------------------------------------------------------------------------------------------------------------ tensors


def tensors(case: Case, *, grad: bool = False, ints: int = 0) -> list[Any]:
    """Tensors of these types: floats in (0, 1); ``ints`` for ints, since 0 is an index of any table.

    Bools are at random, all true where ``ints`` is not 0.
    """
    generator = torch.Generator().manual_seed(0)
    found: list[Any] = []
    for operand in case.flat:
        if isinstance(operand, TensorType):
            dtype = TORCH[operand.dtype]
            if operand.dtype in (DType.FLOAT, DType.COMPLEX):
                found.append(torch.rand(operand.shape, dtype=dtype, generator=generator).requires_grad_(grad))
            elif operand.dtype is DType.INT:
                found.append(torch.full(operand.shape, ints, dtype=dtype))
            else:
                found.append((torch.rand(operand.shape, generator=generator) < 0.5) | bool(ints))
        else:
            found.append(operand)
    return found
