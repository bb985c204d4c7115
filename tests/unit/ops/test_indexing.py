"""Indexing is NumPy's, whatever PyTorch makes of the same brackets; and what picks and adds by places."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from fanin.ir.conditions import holds
from fanin.ir.poly import Symbol
from fanin.ir.substitution import evaluate
from fanin.ir.types import DType, floats
from fanin.ops.attributes import bind
from fanin.ops.contract import Complaint, inferred
from fanin.ops.indexing.index import At, Dots, IndexAttrs, NewAxis, Pick, Range
from ops.running import agrees, check, op, refuses, results, run, sample

SIZES = (3, 4, 5)


def x(*shape: int) -> torch.Tensor:
    return sample(DType.FLOAT, shape)


def ints(*shape: int) -> torch.Tensor:
    count = int(np.prod(shape))
    return (torch.arange(count) % 3).reshape(shape)


def numpy_item(item: Any, picks: list[torch.Tensor]) -> Any:
    match item:
        case At():
            return item.place
        case Range():
            return slice(item.start, item.stop, item.step)
        case NewAxis():
            return None
        case Dots():
            return ...
        case _:
            return picks.pop(0).numpy()


CHOICES: list[Any] = [
    At(0), At(-1), Range(), Range(1, None), Range(None, -1), Range(-2, None), Range(0, 9, 2), Range(2, 1),
    NewAxis(), Pick(),
]  # fmt: skip


@pytest.mark.parametrize("count", [1, 2, 3])
def test_an_index_gives_what_numpy_gives(count: int) -> None:
    t = x(*SIZES)
    for items in itertools.product(CHOICES, repeat=count):
        for picks in ([ints(2), ints(2), ints(2)], [ints(2, 1), ints(3), ints()]):
            used = picks[: sum(isinstance(item, Pick) for item in items)]
            expected = t.numpy()[tuple(numpy_item(item, list_) for list_ in [list(used)] for item in items)]
            (got,) = agrees("index", {"items": items}, t, *used)
            assert np.array_equal(got.numpy(), expected), items
            if not used:
                break


def test_dots_stand_for_what_is_left() -> None:
    t = x(*SIZES)
    several: list[Any] = [(Dots(), At(0)), (At(0), Dots(), Range(1, 3)), (Dots(), NewAxis())]
    several += [(Dots(), Pick()), (At(0), Dots(), Pick())]
    for items in several:
        picks = [ints(2)] if Pick() in items else []
        expected = t.numpy()[tuple(numpy_item(item, list_) for list_ in [list(picks)] for item in items)]
        (got,) = agrees("index", {"items": items}, t, *picks)
        assert np.array_equal(got.numpy(), expected), items


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ((At(3),), "place 3 is past the end of an axis of"),
        ((At(-4),), "place -4 is before the start of an axis of"),
        ((At(0),) * 4, "there are 4 indices for the 3 axes"),
        ((Dots(), Dots()), "`...` stands twice"),
        ((Range(None, None, -1),), "the step of a slice is above 0"),
    ],
)
def test_a_wrong_index_is_refused(items: Any, message: str) -> None:
    with pytest.raises(Complaint) as caught:
        check("index", {"items": items}, x(*SIZES))
    assert message in caught.value.message


def test_open_ends_are_cut_as_they_will_be() -> None:
    d, k = Symbol("D"), Symbol("K")
    kind = op("index")
    for item in (
        Range(None, d.poly // 2), Range(d.poly // 2, None), Range(None, k.poly), Range(k.poly, None),
        Range(-k.poly, None), Range(None, -k.poly), Range(1, None), Range(None, -1), Range(k.poly, 2 * k.poly),
        Range(k.poly - 2, None), At(k.poly), At(-k.poly), At(k.poly - 1), Range(0, None, 2), Range(None, 4),
    ):  # fmt: skip
        a = IndexAttrs((item,))
        found = inferred(kind.infer(a, floats(d.poly)))
        for sizes in ({d: i, k: j} for i in range(1, 8) for j in range(1, 8)):
            if not all(holds(need.condition, sizes) for need in found.needs):
                continue
            (got,) = results(run(kind.torch(a, floats(d.poly)), [x(sizes[d])], sizes))
            assert tuple(got.shape) == tuple(evaluate(s, sizes) for s in found.types[0].shape), (item, sizes)


def test_the_lengths_of_slices_are_in_normal_form() -> None:
    t = Symbol("T").poly
    kind = op("index")

    def length(item: Range, size: Any) -> Any:
        found = inferred(kind.infer(IndexAttrs((item,)), floats(size)))
        assert not found.needs
        return found.types[0].shape[0]

    assert length(Range(None, -1), t) == t - 1
    assert length(Range(1, None), t) == t - 1
    assert length(Range(None, t), 2 * t) == t
    assert length(Range(t, None), 2 * t) == t
    assert length(Range(None, t // 2), t) == t // 2


@pytest.mark.parametrize("kind", list(DType))
def test_numbers_are_picked_and_put(kind: DType) -> None:
    t = sample(kind, (3, 4))
    agrees("gather", {"axis": 1}, t, ints(3, 7))
    agrees("gather", {"axis": 0}, t, ints(7, 2))
    agrees("take_along_axis", {"axis": 1}, t, ints(1, 2))
    agrees("take_along_axis", {"axis": 0}, sample(kind, (3, 1)), ints(2, 5))
    agrees("index_select", {"axis": -1}, t, ints(6))
    agrees("scatter", {"axis": 1}, t, ints(2, 3), sample(kind, (2, 3)))
    if kind is not DType.BOOL:
        agrees("scatter_add", {"axis": 1}, t, ints(2, 3), sample(kind, (2, 3)))
        agrees("index_add", {"axis": 1}, t, ints(2), sample(kind, (3, 2)))


def test_places_that_do_not_fit_are_refused() -> None:
    t = x(3, 4)
    assert refuses("gather", {"axis": 1}, t, ints(4, 2))
    assert refuses("gather", {"axis": 1}, t, ints(4))
    assert refuses("gather", {"axis": 1}, t, x(3, 2))
    assert refuses("take_along_axis", {"axis": 1}, t, ints(2, 2))
    assert refuses("index_select", {"axis": 1}, t, ints(2, 2))
    assert refuses("index_add", {"axis": 1}, t, ints(2), x(3, 3))
    assert refuses("index_add", {"axis": 1}, t, ints(2), ints(3, 2))
    assert refuses("scatter_add", {"axis": 1}, t, ints(3, 4), x(3, 3))


def by_segment(t: torch.Tensor, index: torch.Tensor, size: int, name: str) -> torch.Tensor:
    rows = []
    for j in range(size):
        mine = t[index == j]
        if name == "segment_softmax":
            rows.append(mine.softmax(dim=0))
        elif not len(mine):
            rows.append(torch.zeros_like(t[0]))
        else:
            rows.append({"segment_sum": mine.sum(0), "segment_mean": mine.mean(0), "segment_max": mine.amax(0)}[name])
    if name != "segment_softmax":
        return torch.stack(rows)
    result = torch.zeros_like(t)
    for j in range(size):
        result[index == j] = rows[j]
    return result


@pytest.mark.parametrize("name", ["segment_sum", "segment_mean", "segment_max", "segment_softmax"])
@pytest.mark.parametrize("shape", [(6,), (6, 2), (6, 2, 3)])
def test_a_segment_is_computed_as_if_it_were_alone(name: str, shape: tuple[int, ...]) -> None:
    index = torch.tensor([3, 0, 3, 1, 0, 3])
    t = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 100
    (got,) = agrees(name, {"size": 5}, t, index)
    assert torch.allclose(got, by_segment(t, index, 5, name))

    def apply(leaf: torch.Tensor) -> torch.Tensor:
        return run(op(name).torch(bind(op(name).attrs, {"size": 5}), floats(*shape)), [leaf, index])

    assert torch.autograd.gradcheck(apply, (t.div(100).requires_grad_(),))


def test_segments_need_a_number_for_each_row() -> None:
    with pytest.raises(Complaint, match=r"rows and .* numbers of segments"):
        check("segment_sum", {"size": 5}, x(6, 2), ints(5))
    assert refuses("segment_sum", {"size": 5}, x(6, 2), x(6))
    assert refuses("segment_sum", {"size": 5}, x(6, 2), ints(6, 1))
    agrees("segment_sum", {"size": 5}, sample(DType.INT, (6, 2)), ints(6))
    agrees("segment_max", {"size": 5}, sample(DType.INT, (6, 2)), ints(6))
