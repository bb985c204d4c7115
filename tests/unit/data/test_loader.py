"""An epoch has every row once, in an order that depends on the seed and the epoch alone; any state can be resumed."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fanin.data import Batches, Data, DataFailed
from fanin.data.order import epoch_order
from tests.unit.data.settings import UNTIMED

SIZES = st.integers(1, 60)


def numbered(rows: int) -> Data:
    return Data({"row": np.arange(rows), "x": np.arange(rows * 2.0).reshape(rows, 2)})


@UNTIMED
@given(rows=SIZES, batch=SIZES, seed=st.integers(0, 2**40), epoch=st.integers(0, 50), shuffle=st.booleans())
def test_an_epoch_has_every_row_once(rows: int, batch: int, seed: int, epoch: int, shuffle: bool) -> None:
    order = epoch_order(rows, batch, seed=seed, epoch=epoch, shuffle=shuffle)
    assert sorted(order.tolist()) == list(range(rows))
    assert shuffle or order.tolist() == list(range(rows))


@UNTIMED
@given(classes=st.lists(st.integers(0, 5), min_size=1, max_size=120), batch=SIZES, epoch=st.integers(0, 9))
def test_each_full_batch_has_its_share_of_each_class(classes: list[int], batch: int, epoch: int) -> None:
    labels = np.array(classes)
    order = epoch_order(len(labels), min(batch, len(labels)), seed=3, epoch=epoch, classes=labels)
    assert sorted(order.tolist()) == list(range(len(labels)))
    for start in range(0, len(labels) - batch + 1, batch):
        counts = np.bincount(labels[order[start : start + batch]], minlength=6)
        share = np.bincount(labels, minlength=6) * batch / len(labels)
        assert (np.abs(counts - share) < 1).all()


@settings(UNTIMED, max_examples=60)
@given(
    rows=SIZES,
    batch=st.one_of(st.none(), SIZES),
    drop=st.booleans(),
    stratify=st.booleans(),
    stop=st.integers(0, 150),
    seed=st.integers(0, 2**33),
)
def test_any_state_resumes_to_the_same_batches(
    rows: int, batch: int | None, drop: bool, stratify: bool, stop: int, seed: int
) -> None:
    data = Data({"row": np.arange(rows), "label": np.arange(rows) % 3})
    drop = drop and batch is not None and batch <= rows

    def fresh() -> Batches:
        return Batches(data, batch, seed=seed, drop_last=drop, stratify="label" if stratify else None)

    def run(batches: Batches) -> list[tuple[int, list[int]]]:
        found = []
        while batches.epoch < 3:
            epoch = batches.epoch
            found += [(epoch, b["row"].tolist()) for b in batches]
        return found

    whole = run(fresh())
    first, seen, state = fresh(), [], None
    while state is None:
        epoch = first.epoch
        for b in first:
            seen.append((epoch, b["row"].tolist()))
            if len(seen) > stop or len(seen) == len(whole):
                state = json.loads(json.dumps(first.state()))
                break
    second = fresh()
    second.resume(state)
    assert seen + run(second) == whole


def test_epochs_and_seeds_differ() -> None:
    orders = {tuple(epoch_order(50, 10, seed=s, epoch=e).tolist()) for s in range(5) for e in range(5)}
    assert len(orders) == 25


def test_a_state_of_another_run_is_refused() -> None:
    state = Batches(numbered(10), 3, seed=1).state()
    with pytest.raises(DataFailed, match="had `seed` 1, and here it is 2"):
        Batches(numbered(10), 3, seed=2).resume(state)
    other = Data({"row": np.arange(10), "x": np.ones((10, 2))})
    with pytest.raises(DataFailed, match="had other data"):
        Batches(other, 3, seed=1).resume(state)
    Batches(numbered(10), 3, seed=1).resume(state)


def test_the_parts_of_the_processes_are_the_batch_of_one() -> None:
    data = numbered(23)
    alone = [b["row"].tolist() for b in Batches(data, 8, seed=5)]
    parts = [[b["row"].tolist() for b in Batches(data, 8, seed=5, share=(rank, 3))] for rank in range(3)]
    assert [a + b + c for a, b, c in zip(*parts, strict=True)] == alone


def test_batches_have_the_dtypes_of_a_network() -> None:
    data = Data(
        {"x": np.zeros((4, 2)), "n": np.zeros(4, np.uint8), "yes": np.zeros(4, bool), "z": np.zeros(4, complex)}
    )
    batch = next(iter(Batches(data, 2)))
    assert [t.dtype for t in batch.values()] == [torch.float32, torch.int64, torch.bool, torch.complex64]
    batch = next(iter(Batches(data, 2, dtype=torch.float64)))
    assert [t.dtype for t in batch.values()] == [torch.float64, torch.int64, torch.bool, torch.complex128]


@pytest.mark.parametrize("dtype", [">f8", "<f2", "longdouble", "u4", ">i2", "clongdouble", "u8"])
def test_arrays_of_any_dtype(dtype: str) -> None:
    data = Data({"x": np.arange(6)[::-1].astype(dtype), "y": np.broadcast_to(np.float32(1), (6, 2))})
    (batch,) = Batches(data, None, shuffle=False)
    assert batch["x"].real.tolist() == [5, 4, 3, 2, 1, 0] and batch["y"].shape == (6, 2)
    assert len(Batches(data, 2).state()["data"]) == 16


def test_a_batch_is_no_window_on_the_data() -> None:
    data = numbered(6)
    for shuffle in (False, True):
        next(iter(Batches(data, None, shuffle=shuffle, dtype=torch.float64)))["x"].fill_(7)
    assert data["x"].tolist() == np.arange(12.0).reshape(6, 2).tolist()


def test_streams_are_shuffled_each_for_itself_and_the_short_one_starts_over() -> None:
    data = Data({"a": np.arange(7), "b": np.arange(3)}, streams={"b": 1})
    batches = Batches(data, 2, seed=1)
    found = list(batches)
    assert len(found) == len(batches) == 4
    assert sorted(torch.cat([b["a"] for b in found]).tolist()) == list(range(7))
    b = torch.cat([b["b"] for b in found]).tolist()
    assert sorted(b[:3]) == sorted(b[3:6]) == [0, 1, 2] and len(b) == 7


def test_what_has_no_batch_axis_goes_to_every_batch() -> None:
    data = Data({"x": np.arange(5), "edge": np.array([[0, 1], [1, 2]])}, whole=frozenset({"edge"}))
    assert all(b["edge"].tolist() == [[0, 1], [1, 2]] for b in Batches(data, 2))
    assert len(data) == 5
