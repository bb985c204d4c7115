"""Ops that move numbers: shapes, with sizes known and open, are those that torch gives."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch

from fanin.ir.poly import Symbol
from fanin.ir.types import DType, floats
from fanin.ops.attributes import bind
from fanin.ops.contract import Complaint, inferred
from ops.running import agrees, check, op, refuses, run, sample


def x(*shape: int) -> torch.Tensor:
    return sample(DType.FLOAT, shape)


CASES: list[tuple[str, dict[str, Any], tuple[int, ...]]] = [
    ("reshape", {"shape": (3, 2)}, (2, 3)),
    ("reshape", {"shape": (-1,)}, (2, 3)),
    ("reshape", {"shape": (4, -1)}, (2, 6)),
    ("reshape", {"shape": ()}, (1, 1)),
    ("flatten", {}, (2, 3, 4)),
    ("flatten", {"start_axis": 1}, (2, 3, 4)),
    ("flatten", {"start_axis": -3, "end_axis": -2}, (2, 3, 4)),
    ("flatten", {"start_axis": 1, "end_axis": 1}, (2, 3, 4)),
    ("flatten", {}, ()),
    ("unflatten", {"axis": -1, "sizes": (2, -1)}, (3, 4)),
    ("unflatten", {"axis": 0, "sizes": (3, 2)}, (6, 4)),
    ("transpose", {"axis0": 0, "axis1": -1}, (2, 3, 4)),
    ("permute", {"axes": (2, 0, -2)}, (2, 3, 4)),
    ("permute", {"axes": ()}, ()),
    ("squeeze", {"axis": 1}, (2, 1)),
    ("squeeze", {"axis": (0, -1)}, (1, 3, 1)),
    ("unsqueeze", {"axis": -1}, (2, 3)),
    ("unsqueeze", {"axis": 0}, ()),
    ("broadcast_to", {"shape": (5, 2, 3)}, (2, 1)),
    ("broadcast_to", {"shape": (2, 3)}, ()),
    ("broadcast_to", {"shape": ()}, ()),
    ("expand", {"shape": (5, -1, 3)}, (2, 1)),
    ("movedim", {"source": 0, "destination": -1}, (2, 3, 4)),
    ("movedim", {"source": (0, 1), "destination": (2, 0)}, (2, 3, 4)),
    ("movedim", {"source": (0,), "destination": 2}, (2, 3, 4)),
    ("flip", {"axis": 1}, (2, 3)),
    ("flip", {"axis": (0, -1)}, (2, 3)),
    ("roll", {"shifts": 1, "axis": 1}, (2, 3)),
    ("roll", {"shifts": (1, -2), "axis": (0, 1)}, (2, 3)),
    ("roll", {"shifts": 2}, (2, 3)),
    ("tile", {"repeats": (2,)}, (2, 3)),
    ("tile", {"repeats": (2, 1, 3)}, (2, 3)),
    ("repeat_interleave", {"repeats": 2}, (2, 3)),
    ("repeat_interleave", {"repeats": 2, "axis": 0}, (2, 3)),
    ("tril", {}, (2, 3, 4)),
    ("triu", {"diagonal": 1}, (3, 4)),
    *(("diagonal", {"offset": i}, (3, 5)) for i in range(-4, 7)),
    ("diagonal", {"offset": 1, "axis1": -1, "axis2": 0}, (3, 2, 4)),
    *(("diag", {"diagonal": i}, (3, 5)) for i in (-1, 0, 2)),
    *(("diag", {"diagonal": i}, (3,)) for i in (-1, 0, 2)),
    ("diag_embed", {}, (2, 3)),
    ("diag_embed", {"offset": -2, "axis1": 0, "axis2": 2}, (2, 3)),
    ("narrow", {"axis": 1, "start": 1, "length": 3}, (2, 4)),
    ("chunk", {"chunks": 3, "axis": -1}, (2, 6)),
    ("chunk", {"chunks": 1}, (2, 6)),
    ("split", {"sizes": (1, 5), "axis": 1}, (2, 6)),
    ("split", {"sizes": (6,), "axis": 1}, (2, 6)),
]


@pytest.mark.parametrize(("name", "attrs", "shape"), CASES)
@pytest.mark.parametrize("kind", [DType.FLOAT, DType.BOOL, DType.INT])
def test_shapes_are_those_of_torch(name: str, attrs: dict[str, Any], shape: tuple[int, ...], kind: DType) -> None:
    agrees(name, attrs, sample(kind, shape))


def test_the_slices_of_an_axis_need_a_known_size() -> None:
    for axis in (0, 1, -1):
        agrees("unbind", {"axis": axis}, x(1, 2, 3), closed=True)
    agrees("split", {"sizes": 4, "axis": 1}, x(2, 6), closed=True)
    agrees("split", {"sizes": 4, "axis": 1}, x(2, 3), closed=True)
    with pytest.raises(Complaint, match="is not known"):
        op("unbind").infer(bind(op("unbind").attrs, {}), floats(Symbol("N").poly, 3))


@pytest.mark.parametrize(
    ("name", "attrs", "shape"),
    [
        ("reshape", {"shape": (4, 2)}, (2, 3)),
        ("reshape", {"shape": (-1, -1)}, (2, 3)),
        ("reshape", {"shape": (4, -1)}, (2, 3)),
        ("reshape", {"shape": (0, -1)}, (0, 3)),
        ("flatten", {"start_axis": 2, "end_axis": 1}, (2, 3, 4)),
        ("unflatten", {"axis": 1, "sizes": (2, -1)}, (2, 3)),
        ("transpose", {"axis0": 0, "axis1": 2}, (2, 3)),
        ("permute", {"axes": (0, 0)}, (2, 3)),
        ("permute", {"axes": (0,)}, (2, 3)),
        ("broadcast_to", {"shape": (4, 3)}, (2, 3)),
        ("broadcast_to", {"shape": (3,)}, (2, 3)),
        ("roll", {"shifts": (1, 2), "axis": 0}, (2, 3)),
        ("flip", {"axis": (0, 0)}, (2, 3)),
        ("tril", {}, (3,)),
        ("diagonal", {"axis1": 1}, (2, 3)),
        ("diag", {}, (2, 3, 4)),
        ("narrow", {"axis": 0, "start": 1, "length": 2}, (2, 3)),
        ("split", {"sizes": (1, 1)}, (3, 2)),
        ("movedim", {"source": (0, 1), "destination": 0}, (2, 3)),
    ],
)
def test_what_torch_refuses_is_refused(name: str, attrs: dict[str, Any], shape: tuple[int, ...]) -> None:
    assert refuses(name, attrs, x(*shape))
    kind = op(name)
    code = kind.torch(bind(kind.attrs, attrs), floats(*shape))
    with pytest.raises((RuntimeError, IndexError, ValueError)):
        run(code, [x(*shape)])


def test_chunks_are_equal_or_an_error() -> None:
    with pytest.raises(Complaint, match="a size of 7 does not split into 3 equal chunks"):
        check("chunk", {"chunks": 3, "axis": 1}, x(2, 7))
    with pytest.raises(Complaint, match="leaves out axis 1, of size"):
        check("squeeze", {"axis": 1}, x(2, 7))


def test_an_open_size_divides_under_a_condition() -> None:
    d = Symbol("D").poly
    found = inferred(op("chunk").infer(bind(op("chunk").attrs, {"chunks": 3}), floats(3 * d)))
    assert found.types == (floats(d),) * 3 and not found.needs
    found = inferred(op("chunk").infer(bind(op("chunk").attrs, {"chunks": 3}), floats(d)))
    assert [need.kind for need in found.needs] == ["indivisible"]


KINDS_OF_TWO = list(itertools.product(DType, repeat=2))


@pytest.mark.parametrize(("first", "second"), KINDS_OF_TWO)
def test_joined_tensors_promote(first: DType, second: DType) -> None:
    agrees("concat", {"axis": -1}, sample(first), sample(second, (2, 5)))
    agrees("stack", {"axis": -1}, sample(first), sample(second))


def test_joined_tensors_agree_elsewhere() -> None:
    agrees("concat", {}, x(2, 3))
    agrees("concat", {}, x(0, 3), x(2, 3))
    agrees("stack", {}, x(), x())
    assert refuses("expand", {"shape": (-1, 2, 3)}, x(2, 3))
    assert refuses("concat", {}, x(2, 3), x(2, 4))
    assert refuses("concat", {}, x(2, 3), x(2))
    assert refuses("concat", {}, x(), x())
    assert refuses("stack", {}, x(2), x(3))
    assert refuses("concat", {})


def test_flatten_the_module_keeps_the_first_axis() -> None:
    kind = op("Flatten")
    found = inferred(kind.infer(kind.attrs(), floats(2, 3, 4)))
    assert found.types == (floats(2, 12),)


@pytest.mark.parametrize(
    ("name", "attrs"),
    [
        ("transpose", {"axis0": 0, "axis1": 2}),
        ("permute", {"axes": (2, 0, 1)}),
        ("permute", {"axes": (1, -1, 0)}),
        ("movedim", {"source": (0, 1), "destination": (2, 0)}),
        ("flip", {"axis": 1}),
        ("roll", {"shifts": (1, 2), "axis": (0, 1)}),
        ("roll", {"shifts": 2}),
    ],
)
def test_the_inverse_undoes_it(name: str, attrs: dict[str, Any]) -> None:
    kind = op(name)
    a = bind(kind.attrs, attrs)
    back = kind.inverse(a)
    assert back is not None
    start = x(2, 3, 4)
    there = run(kind.torch(a, floats(2, 3, 4)), [start])
    again = run(op(back[0]).torch(back[1], floats(*there.shape)), [there])
    assert torch.equal(again, start)
