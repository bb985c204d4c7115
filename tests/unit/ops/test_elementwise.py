"""Arithmetic and functions of one number: kinds, shapes and values are PyTorch's."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from fanin.ir.types import DType
from fanin.ops.contract import Complaint
from fanin.ops.elementwise._function import FloatFunction, Question, StepFunction
from fanin.ops.elementwise.binary import Binary
from fanin.ops.registry import all_ops
from ops.running import INFIX, KINDS, agrees, check, compute, op, pairs, refuses, sample, type_of

UNARY = sorted(o.name for o in all_ops() if isinstance(o, (FloatFunction, StepFunction, Question)))
UNARY += ["abs", "neg", "square", "digamma", "nan_to_num"]
BINARY = sorted(o.name for o in all_ops() if isinstance(o, Binary) and not o.name.startswith("logical"))
OWN = {"add": "+", "sub": "-", "mul": "*", "div": "/", "floordiv": "//", "mod": "%", "pow": "**"} | {
    "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="
}  # fmt: skip


WHOLE = ("floordiv", "floor_divide", "mod", "remainder")
# Kinds that torch takes as long as no gradient is asked for: which is not known here.
STRICTER = {"atan2": {DType.BOOL}, "xlogy": {DType.BOOL}, "logaddexp": {DType.BOOL, DType.COMPLEX}, "pow": {DType.BOOL}}


def reference(name: str, x: Any, y: Any) -> torch.Tensor:
    if name in OWN:
        return INFIX[OWN[name]](x, y)
    if name in ("maximum", "minimum", "atan2", "hypot", "logaddexp"):
        # torch's own takes no number, so the kinds are those of tensors
        x, y = (v if isinstance(v, torch.Tensor) else torch.tensor(v) for v in (x, y))
    return getattr(torch, name)(x, y)


def with_gradient(x: torch.Tensor) -> torch.Tensor:
    return x.clone().requires_grad_(x.dtype.is_floating_point or x.dtype.is_complex)


def forward_and_back(compute: Any, *inputs: Any) -> torch.Tensor:
    """A result, after a backward pass through it. Raises RuntimeError or TypeError where there is neither."""
    result = compute(*(with_gradient(x) if isinstance(x, torch.Tensor) else x for x in inputs))
    if result.requires_grad:
        (result.abs().sum() if result.is_complex() else result.sum()).backward()
    return result.detach()


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("kind", list(DType))
def test_a_function_of_one_number_takes_and_gives_the_kinds_that_torch_does(name: str, kind: DType) -> None:
    x = sample(kind)
    try:
        expected = forward_and_back(getattr(torch, name), x)
    except RuntimeError:
        with pytest.raises(Complaint):
            check(name, {}, x)
        return
    (got,) = agrees(name, {}, x)
    assert got.dtype == (torch.float64 if expected.dtype is torch.float32 else expected.dtype)
    if expected.dtype is torch.float32:  # what is made of whole numbers is worked out in the module's dtype
        expected = forward_and_back(getattr(torch, name), x.double())
    assert torch.allclose(got.to(torch.complex128), expected.to(torch.complex128), equal_nan=True)


@pytest.mark.parametrize("name", BINARY)
def test_a_function_of_two_numbers_takes_and_gives_the_kinds_that_torch_does(name: str) -> None:
    for x, y in pairs():
        try:
            expected = forward_and_back(lambda x, y: reference(name, x, y), x, y)
        except (RuntimeError, TypeError):
            kinds = {type_of(x).dtype, type_of(y).dtype}
            if name in WHOLE and DType.FLOAT in kinds and DType.COMPLEX not in kinds:
                forward_and_back(lambda x, y: compute(name, {}, x, y), x, y)  # by other code than the operator's
            else:
                assert refuses(name, {}, x, y), (name, x, y)
            continue
        if name in STRICTER and refuses(name, {}, x, y):
            assert {type_of(x).dtype, type_of(y).dtype} & STRICTER[name]
            continue
        (got,) = agrees(name, {}, x, y)
        kind = DType.FLOAT if expected.dtype is torch.float32 else KINDS[expected.dtype]
        assert KINDS[got.dtype] is kind, (name, x, y)
        assert torch.allclose(got.to(torch.complex128), expected.to(torch.complex128)), (name, x, y)


@pytest.mark.parametrize("name", UNARY + BINARY)
def test_a_function_folds_on_numbers_as_it_computes_on_tensors(name: str) -> None:
    kind = op(name)
    numbers = (1.5 if name == "acosh" else 0.5,) if len(kind.inputs) == 1 else (0.75, 2.0)
    value = kind.fold(kind.attrs(), *numbers)
    if value is None:
        assert name in ("digamma", "nan_to_num")
        return
    (got,) = agrees(name, {}, *(torch.tensor(n, dtype=torch.float64) for n in numbers))
    assert got.item() == pytest.approx(value)


def test_whole_numbers_stay_whole_where_they_divide() -> None:
    assert op("div").fold(op("div").attrs(), 512, 8) == 64
    with pytest.raises(Complaint, match="8 does not divide 500"):
        op("div").fold(op("div").attrs(), 500, 8)
    assert op("sqrt").fold(op("sqrt").attrs(), 64) == 8.0
    with pytest.raises(Complaint, match=r"`log\(-1\)` is not a number"):
        op("log").fold(op("log").attrs(), -1)


def test_elaboration_ends_however_large_the_power() -> None:
    with pytest.raises(Complaint, match="too large"):
        op("pow").fold(op("pow").attrs(), 10, 10**9)


def test_an_int_tensor_has_no_negative_power() -> None:
    with pytest.raises(Complaint, match="no power of -1"):
        check("pow", {}, torch.tensor([1, 2]), -1)
    with pytest.raises(RuntimeError):
        torch.tensor([1, 2]) ** -1
    agrees("pow", {}, torch.tensor([1.0, 2.0], dtype=torch.float64), -1)


@pytest.mark.parametrize("shapes", [((2, 3), (3,)), ((2, 1), (1, 3)), ((), (4,)), ((2, 3), (2, 1)), ((0, 3), (3,))])
def test_two_shapes_broadcast(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    x, y = (torch.ones(s, dtype=torch.float64) for s in shapes)
    agrees("add", {}, x, y)
    agrees("maximum", {}, x, y)
    agrees("where", {}, x > 0, x, y)
    agrees("lerp", {}, x, y, 0.5)


def test_shapes_that_do_not_broadcast_are_refused() -> None:
    x, y = torch.ones(2, 3, dtype=torch.float64), torch.ones(2, dtype=torch.float64)
    with pytest.raises(Complaint, match=r"the two sides of `\+` disagree"):
        check("add", {}, x, y)


def test_where_takes_any_two_kinds() -> None:
    mask = sample(DType.BOOL)
    for x, y in pairs():
        (got,) = agrees("where", {}, mask, x, y)
        expected = torch.where(mask, x, y).dtype
        assert got.dtype == (torch.float64 if expected is torch.float32 else expected)
    agrees("where", {}, mask, 1.0, 0)
    agrees("where", {}, mask, 1, 0)


def test_masked_fill_keeps_the_kind_and_refuses_what_does_not_fit() -> None:
    mask = sample(DType.BOOL)
    agrees("masked_fill", {}, sample(DType.FLOAT), mask, -math.inf)
    agrees("masked_fill", {}, sample(DType.FLOAT, (3,)), mask, 0)
    with pytest.raises(Complaint, match="float numbers do not fit into this int tensor"):
        check("masked_fill", {}, sample(DType.INT), mask, -math.inf)
    with pytest.raises(RuntimeError):
        sample(DType.INT).masked_fill(mask, -math.inf)


@pytest.mark.parametrize("kind", [DType.BOOL, DType.INT, DType.FLOAT])
@pytest.mark.parametrize("bounds", [{"min": 0}, {"max": 1}, {"min": 0.5}, {"min": 0, "max": 0.5}])
def test_clamp_promotes_to_its_bounds(kind: DType, bounds: dict[str, Any]) -> None:
    agrees("clamp", bounds, sample(kind))


def test_clamp_needs_a_bound() -> None:
    with pytest.raises(Complaint, match="needs a bound"):
        check("clamp", {}, sample(DType.FLOAT))
