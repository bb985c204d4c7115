"""Uses of ops: which, with which settings and on what, is made from the registry alone."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from fanin.ops.attributes import attribute_types
from fanin.ops.contract import Op, argument_order
from fanin.ops.registry import all_ops
from tests.contracts.cases import Case, example, vary
from tests.properties.generator.spec import Call, Const, Expr, Infix, ListOf, Name, Prefix, Shape
from tests.properties.generator.unchecked import OPERATORS

SIGNS = {name: sign for sign, name in OPERATORS.items()}

Disguise = Callable[[int], Expr]


def wanted(op: Op[Any]) -> bool:
    """Whether its results can be told: nothing is drawn at random, and no index is read off an object."""
    return op.name != "index"


OPS = tuple(op for op in all_ops() if wanted(op))
UNARY = tuple(op for op in OPS if op.inputs and not op.inputs[0].variadic and all(p.optional for p in op.inputs[1:]))


def random_case(op: Op[Any], rng: Random) -> Case:
    case = example(op, rng)
    return case if rng.random() < 0.5 else vary(op, case, rng)


def settings(op: Op[Any], case: Case, disguise: Disguise, rng: Random) -> dict[str, Expr]:
    """Attributes as the text gives them. Where a size may be left open, it may be said in letters."""
    hints = attribute_types(op.attrs)
    found: dict[str, Expr] = {}
    for name, value in case.given.items():
        if name == op.keywords:
            for key, size in value:
                found[key] = disguise(size) if rng.random() < 0.5 else Const(size)
            continue
        found[name] = setting(value, "Poly" in str(hints.get(name)), disguise)
    return found


def setting(value: Any, size: bool, disguise: Disguise) -> Expr:
    if isinstance(value, (list, tuple)):
        return Shape([setting(v, size, disguise) for v in value])
    if size and isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return disguise(value)
    return Const(value)


def function_call(op: Op[Any], given: dict[str, Expr], operands: list[Expr | list[Expr] | None], rng: Random) -> Expr:
    """``f(x, y, axis=1)``, or ``x + y``."""
    plain = [o for o in operands if o is not None and not isinstance(o, list)]
    if op.name in SIGNS and len(plain) == 2 and not given and rng.random() < 0.7:
        return Infix(SIGNS[op.name], plain[0], plain[1])
    if op.name in ("neg", "logical_not") and len(plain) == 1 and rng.random() < 0.5:
        return Prefix("-" if op.name == "neg" else "not", plain[0])
    order = argument_order(type(op))
    ports = {p.name: (p, o) for p, o in zip(op.inputs, operands, strict=True)}
    args: list[tuple[str | None, Any]] = []
    left = dict(given)
    by_place = True
    for entry in order:
        name = entry.lstrip("*")
        if name in ports:
            _, operand = ports.pop(name)
            if operand is None:
                by_place = False
            elif isinstance(operand, list):
                if by_place and entry.startswith("*") and len(operand) > 1 and rng.random() < 0.6:
                    args += [(None, o) for o in operand]
                else:
                    args.append((None if by_place else name, ListOf(operand)))
            else:
                args.append((None if by_place else name, operand))
        elif name in left:
            value = left[name]
            if entry.startswith("*") and isinstance(value, Shape) and value.items and by_place and rng.random() < 0.7:
                args += [(None, v) for v in value.items]
                del left[name]
                by_place = False
            elif by_place and not entry.startswith("*") and rng.random() < 0.3:
                args.append((None, left.pop(name)))
            else:
                by_place = False
        else:
            by_place = False
    for name, (_, operand) in ports.items():
        if operand is not None:
            args.append((name, ListOf(operand) if isinstance(operand, list) else operand))
    return Call(Name(op.name), [*args, *left.items()])


def maker_call(op: Op[Any], given: dict[str, Expr], rng: Random) -> Call:
    """``Conv2d(8, 3, padding=1)``"""
    assert op.module is not None
    ports = {p.name for p in op.inputs}
    left = dict(given)
    args: list[tuple[str | None, Any]] = []
    for entry in argument_order(type(op)):
        name = entry.lstrip("*")
        if name in ports:
            continue
        if name not in left or entry.startswith("*") or rng.random() < 0.2:
            break
        args.append((None, left.pop(name)))
    return Call(Name(op.module), [*args, *left.items()])
