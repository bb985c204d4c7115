"""Ops that take axes together, and that sort: kinds, shapes and values are torch's."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from fanin.ir.types import DType
from fanin.ops.contract import Complaint
from ops.running import KINDS, agrees, check, op, refuses, sample

NAMES = [
    "sum", "mean", "prod", "amax", "amin", "std", "var", "all", "any", "argmax", "argmin", "count_nonzero",
    "cumsum", "cumprod", "cummax", "cummin", "logcumsumexp", "logsumexp", "norm", "sort", "argsort", "topk",
]  # fmt: skip
MANY = {"sum", "mean", "amax", "amin", "std", "var", "all", "any", "count_nonzero", "logsumexp", "norm"}
ALONG = {"cumsum", "cumprod", "cummax", "cummin", "logcumsumexp", "sort", "argsort", "topk"}
KEEPS = set(NAMES) - ALONG - {"count_nonzero"}


def reference(name: str, x: torch.Tensor, **given: Any) -> torch.Tensor:
    if "axis" in given:
        given["dim"] = given.pop("axis")
    function = torch.linalg.vector_norm if name == "norm" else getattr(torch, name)
    found = function(x, 2, **given) if name == "topk" else function(x, **given)
    return found if isinstance(found, torch.Tensor) else found[0]


def attributes(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{"axis": 1}, {"axis": -2}]
    if name not in ("cumsum", "cumprod", "cummax", "cummin", "logcumsumexp", "logsumexp", "sort", "argsort", "topk"):
        found.append({})
    if name in MANY:
        found.append({"axis": (0, 2)})
    if name in KEEPS:
        found += [given | {"keepdim": True} for given in found if given or name in ("argmax", "argmin")]
    return found


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", list(DType))
def test_kinds_and_shapes_are_those_of_torch(name: str, kind: DType) -> None:
    x = sample(kind, (2, 3, 4))
    for attrs in attributes(name):
        try:
            expected = reference(name, x, **attrs)
        except RuntimeError:
            assert refuses(name, attrs | ({"k": 2} if name == "topk" else {}), x), (name, attrs)
            continue
        if name == "logcumsumexp" and kind is DType.COMPLEX:
            continue
        got = agrees(name, attrs | ({"k": 2} if name == "topk" else {}), x)[0]
        assert KINDS.get(got.dtype) is KINDS.get(expected.dtype, DType.FLOAT), (name, attrs)
        assert torch.allclose(got.to(torch.complex128), expected.to(torch.complex128), equal_nan=True)


@pytest.mark.parametrize("name", ["amax", "amin", "argmax", "argmin"])
def test_nothing_has_no_largest(name: str) -> None:
    x = sample(DType.FLOAT, (3, 0))
    with pytest.raises((RuntimeError, IndexError)):
        getattr(torch, name)(x, dim=1)
    with pytest.raises(Complaint, match=r"of .* numbers has no value"):
        check(name, {"axis": 1}, x)
    agrees(name, {"axis": 0}, sample(DType.FLOAT, (3, 2)))


def test_axes_are_named_once_and_exist() -> None:
    x = sample(DType.FLOAT)
    for axis in ((0, 0), (0, -2), 2, -3, ()):
        assert refuses("sum", {"axis": axis}, x)


@pytest.mark.parametrize("ord", [0, 1, 2, 3, -1, math.inf, -math.inf])
def test_norms_are_those_of_torch(ord: float) -> None:
    agrees("norm", {"ord": ord, "axis": 1}, sample(DType.FLOAT))
    agrees("norm", {"ord": ord}, sample(DType.COMPLEX))


def test_variance_takes_a_correction() -> None:
    for correction in (0, 1, 2):
        (got,) = agrees("var", {"axis": 1, "correction": correction}, sample(DType.FLOAT))
        assert torch.allclose(got, sample(DType.FLOAT).var(dim=1, correction=correction))


def test_several_tensors_are_added_one_by_one() -> None:
    x, y, z = sample(DType.FLOAT), sample(DType.FLOAT, (3,)), sample(DType.INT)
    (got,) = agrees("sum", {}, x, y, z)
    assert torch.equal(got, x + y + z)
    (got,) = agrees("mean", {}, x, y)
    assert torch.equal(got, (x + y) / 2)
    (got,) = agrees("sum", {}, sample(DType.BOOL), sample(DType.BOOL), sample(DType.BOOL))
    assert got.dtype is torch.int64 and got.unique().tolist() == [3]
    agrees("sum", {}, sample(DType.INT), 0.5)
    assert refuses("sum", {"axis": 0}, x, y)
    assert refuses("mean", {}, z, z)
    assert refuses("sum", {})
    assert op("sum").fold(op("sum").attrs(), 1, 2.5) == 3.5


def test_the_k_largest_are_there() -> None:
    agrees("topk", {"k": 3, "axis": 1, "largest": False}, sample(DType.FLOAT))
    with pytest.raises(Complaint, match=r"the {left} largest cannot be chosen from {right}"):
        check("topk", {"k": 4}, sample(DType.FLOAT))
    agrees("sort", {"axis": 0, "descending": True, "stable": True}, sample(DType.FLOAT))
