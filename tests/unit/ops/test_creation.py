"""Tensors made of shapes and numbers, with the module's own dtype, and conversions."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from fanin.ir.poly import Symbol
from fanin.ir.substitution import evaluate
from fanin.ir.types import DType
from fanin.ops.attributes import bind
from fanin.ops.contract import Complaint, inferred
from ops.running import agrees, check, op, refuses, results, run, sample, type_of

CASES: list[tuple[str, dict[str, Any]]] = [
    *((name, {"shape": shape}) for name in ("zeros", "ones", "randn", "rand") for shape in ((), (3,), (2, 0))),
    ("full", {"shape": (2, 3), "fill_value": 0.5}),
    ("full", {"shape": 4, "fill_value": -math.inf}),
    ("eye", {"n": 3}),
    ("eye", {"n": 3, "m": 4}),
    ("arange", {"start": 5}),
    ("arange", {"end": 5}),
    ("arange", {"start": 2, "end": 9, "step": 3}),
    ("arange", {"start": 9, "end": 2, "step": -3}),
    ("arange", {"start": 2, "end": 2}),
    ("arange", {"start": 2.5}),
    ("arange", {"start": 0, "end": 1, "step": 0.1}),
    ("linspace", {"start": 0, "end": 1, "steps": 5}),
    ("linspace", {"start": 1e-4, "end": 0.02, "steps": 1}),
    ("randint", {"low": 0, "high": 10, "shape": (2, 3)}),
    ("randint", {"low": -3, "high": -2, "shape": ()}),
    ("randperm", {"n": 4}),
    ("sinusoidal", {"length": 5, "width": 8}),
]


@pytest.mark.parametrize(("name", "attrs"), CASES)
def test_types_are_those_of_torch(name: str, attrs: dict[str, Any]) -> None:
    agrees(name, attrs)


@pytest.mark.parametrize(
    ("name", "attrs"),
    [
        ("arange", {}),
        ("arange", {"start": 5, "end": 2}),
        ("arange", {"start": 5, "end": 2, "step": 0}),
        ("arange", {"start": 0.5, "end": 0.0}),
        ("randint", {"low": 3, "high": 3, "shape": ()}),
        ("sinusoidal", {"length": 5, "width": 7}),
        ("zeros", {"shape": (-1,)}),
    ],
)
def test_impossible_ones_are_refused(name: str, attrs: dict[str, Any]) -> None:
    assert refuses(name, attrs)


def test_an_open_range_is_as_long_as_it_says() -> None:
    n = Symbol("N")
    for start, end, step in ((0, n.poly, 3), (1, 2 * n.poly, 2), (n.poly, 0, -1), (2, n.poly, 1)):
        kind = op("arange")
        a = bind(kind.attrs, {"start": start, "end": end, "step": step})
        found = inferred(kind.infer(a))
        (got,) = results(run(kind.torch(a), [], {n: 7}))
        assert evaluate(found.types[0].shape[0], {n: 7}) == got.shape[0]


@pytest.mark.parametrize("name", ["zeros_like", "ones_like"])
@pytest.mark.parametrize("kind", list(DType))
def test_alike_has_the_same_type(name: str, kind: DType) -> None:
    agrees(name, {}, sample(kind))
    agrees("randn_like", {}, sample(DType.FLOAT))
    agrees("rand_like", {}, sample(DType.COMPLEX))
    agrees("full_like", {"fill_value": True}, sample(kind))


def test_a_number_that_does_not_fit_is_refused() -> None:
    assert refuses("full_like", {"fill_value": 0.5}, sample(DType.INT))
    agrees("full_like", {"fill_value": 1}, sample(DType.COMPLEX))


def test_the_table_is_the_one_of_the_paper() -> None:
    (table,) = agrees("sinusoidal", {"length": 50, "width": 8})
    for t in (0, 1, 49):
        for i in range(4):
            angle = t / 10000 ** (2 * i / 8)
            assert table[t, 2 * i].item() == pytest.approx(math.sin(angle), abs=1e-12)
            assert table[t, 2 * i + 1].item() == pytest.approx(math.cos(angle), abs=1e-12)
    (halves,) = agrees("sinusoidal", {"length": 50, "width": 8, "interleaved": False})
    assert torch.equal(torch.cat((table[:, ::2], table[:, 1::2]), dim=1), halves)


@pytest.mark.parametrize("name", ["float", "int", "bool", "stop_gradient"])
@pytest.mark.parametrize("kind", [DType.BOOL, DType.INT, DType.FLOAT])
def test_conversions_keep_the_shape(name: str, kind: DType) -> None:
    agrees(name, {}, sample(kind))


def test_numbers_are_converted_at_compile_time() -> None:
    nothing = op("int").attrs()
    assert op("int").fold(nothing, -2.7) == -2
    assert op("float").fold(nothing, 3) == 3.0
    assert op("bool").fold(nothing, 0.5) is True
    n = Symbol("N").poly
    assert op("int").fold(nothing, n) is n
    assert op("float").fold(nothing, n) is None
    with pytest.raises(Complaint):
        op("int").fold(nothing, math.inf)
    assert refuses("float", {}, sample(DType.COMPLEX))


def test_an_open_dimension_becomes_a_scalar_tensor() -> None:
    (got,) = results(run(op("float").torch(op("float").attrs(), type_of(3)), [7]))
    assert got.dtype is torch.float64 and got.item() == 7.0


def test_draws_are_without_replacement_only_where_there_are_enough() -> None:
    p = sample(DType.FLOAT)
    agrees("multinomial", {"num_samples": 3}, p)
    agrees("multinomial", {"num_samples": 9, "replacement": True}, p[0])
    assert refuses("multinomial", {"num_samples": 4}, p)
    agrees("bernoulli", {}, p)
    check("bernoulli", {}, p)
