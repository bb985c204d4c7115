"""Matrix products and linear algebra: shapes and flops are torch's."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from fanin.ir.types import DType, floats
from fanin.ops.contract import Complaint
from ops.running import agrees, check, op, refuses, sample


def x(*shape: int) -> torch.Tensor:
    return sample(DType.FLOAT, shape)


SHAPES = [(3,), (4,), (2, 3), (3, 4), (4, 3), (5, 2, 3), (5, 3, 4), (1, 3, 4), (6, 5, 2, 3), (), (2, 1, 3, 4)]


@pytest.mark.parametrize(("first", "second"), list(itertools.product(SHAPES, repeat=2)))
def test_a_product_is_what_torch_makes_of_it(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    try:
        with FlopCounterMode(display=False) as counter:
            _ = x(*first) @ x(*second)
    except RuntimeError:
        assert refuses("matmul", {}, x(*first), x(*second))
        return
    agrees("matmul", {}, x(*first), x(*second))
    kind = op("matmul")
    assert kind.flops(kind.attrs(), floats(*first), floats(*second)) == counter.get_total_flops()


def test_a_product_takes_two_of_a_kind() -> None:
    agrees("matmul", {}, sample(DType.COMPLEX, (2, 3)), sample(DType.COMPLEX, (3, 2)))
    assert refuses("matmul", {}, x(2, 3), sample(DType.COMPLEX, (3, 2)))
    assert refuses("matmul", {}, sample(DType.INT, (2, 3)), sample(DType.INT, (3, 2)))
    with pytest.raises(Complaint, match="the inner sizes of this `@` disagree"):
        check("matmul", {}, x(2, 3), x(2, 3))


def test_the_smaller_ones() -> None:
    agrees("bmm", {}, x(2, 3, 4), x(2, 4, 5))
    assert refuses("bmm", {}, x(2, 3, 4), x(1, 4, 5))
    assert refuses("bmm", {}, x(3, 4), x(4, 5))
    agrees("outer", {}, x(2), sample(DType.INT, (3,)))
    agrees("dot", {}, x(3), x(3))
    assert refuses("dot", {}, x(3), x(4))
    for kind in (DType.INT, DType.FLOAT, DType.COMPLEX):
        agrees("trace", {}, sample(kind, (2, 3)))


@pytest.mark.parametrize("name", ["inv", "det", "slogdet"])
@pytest.mark.parametrize("kind", [DType.FLOAT, DType.COMPLEX])
def test_square_matrices(name: str, kind: DType) -> None:
    t = sample(kind, (2, 3, 3)) + torch.eye(3, dtype=torch.float64)
    agrees(name, {}, t)
    agrees(name, {}, t[0])
    assert refuses(name, {}, x(2, 3))
    assert refuses(name, {}, x(3))


def test_values_of_matrices() -> None:
    square = x(2, 3, 3) + torch.eye(3, dtype=torch.float64)
    agrees("eigh", {}, square)
    agrees("matrix_exp", {}, square)
    agrees("cholesky", {}, square @ square.mT + torch.eye(3, dtype=torch.float64))
    agrees("svdvals", {}, x(2, 3, 5))
    for name in ("eigh", "matrix_exp", "cholesky"):
        assert refuses(name, {}, x(2, 3))
    assert refuses("svdvals", {}, x(3))


def test_equations() -> None:
    square = x(2, 3, 3) + torch.eye(3, dtype=torch.float64)
    agrees("solve", {}, square, x(2, 3, 4))
    agrees("solve", {}, square[0], x(2, 3, 4))
    assert refuses("solve", {}, square, x(2, 4, 4))
    assert refuses("solve", {}, square, x(2, 3))
