"""Parts share no row, together have all of them, and keep the shares of the classes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanin.data import Data, DataFailed, open_data
from tests.unit.data.settings import UNTIMED


@UNTIMED
@given(
    rows=st.integers(3, 200),
    val=st.floats(0.0, 0.4),
    test=st.one_of(st.just(1), st.floats(0.0, 0.4)),
    seed=st.integers(0, 2**40),
    stratified=st.booleans(),
)
def test_parts_are_a_partition(rows: int, val: float, test: float, seed: int, stratified: bool) -> None:
    data = Data({"row": np.arange(rows), "label": np.arange(rows) % 4})
    try:
        parts = data.split(val, test, seed=seed, stratify="label" if stratified else None)
    except DataFailed as failed:
        assert failed.report.diagnostics[0].code.id == "DAT007"
        assert round(val * rows) in (0, 1) or round(test * rows) == 0 or val + test > 0.6
        return
    taken = np.concatenate([p["row"] for p in parts.values()])
    assert sorted(taken.tolist()) == list(range(rows))
    for part in parts.values():
        assert [part.place(i) for i in range(len(part))] == part["row"].tolist()


@UNTIMED
@given(labels=st.lists(st.integers(0, 4), min_size=10, max_size=200), share=st.integers(1, 9), seed=st.integers(0, 99))
def test_a_stratified_part_has_its_share_of_each_class(labels: list[int], share: int, seed: int) -> None:
    data = Data({"label": np.array(labels)})
    parts = data.split(test=share, seed=seed, stratify="label")
    wanted = np.bincount(labels, minlength=5) * share / len(labels)
    assert (np.abs(np.bincount(parts["test"]["label"], minlength=5) - wanted) < 1).all()


def test_the_test_rows_do_not_depend_on_the_size_of_val() -> None:
    data = Data({"row": np.arange(100)})
    one, two = data.split(val=0.1, test=0.2, seed=4), data.split(val=0.3, test=0.2, seed=4)
    assert one["test"]["row"].tolist() == two["test"]["row"].tolist()
    assert data.split(test=0.2, seed=5)["test"]["row"].tolist() != one["test"]["row"].tolist()


def test_numbers_of_rows_and_exact_fractions() -> None:
    data = open_data("digits")
    parts = data.split(test=360)
    assert (len(parts["train"]), len(parts["test"])) == (1437, 360)
    assert len(Data({"x": np.zeros(10)}).split(val=0.3)["val"]) == 3  # 0.3 * 10 is below 3 in binary
    assert len(data.split(train=100, test=50)["train"]) == 100


def test_a_part_that_the_source_has_is_left_alone() -> None:
    data = open_data({"x_train": np.arange(8), "x_test": np.arange(3)})
    parts = data.split(val=0.25)
    assert {n: len(p) for n, p in parts.items()} == {"train": 6, "val": 2, "test": 3}
    with pytest.raises(DataFailed, match="has a `test` of its own"):
        data.split(test=0.1)


def test_standardised_fields_are_so_by_what_is_trained_on() -> None:
    parts = open_data("wine:scale=standard").split(test=0.3, seed=1)
    raw = open_data("wine").split(test=0.3, seed=1)
    mean, std = raw["train"]["x"].mean(0), raw["train"]["x"].std(0)
    for part in parts:
        np.testing.assert_allclose(parts[part]["x"], (raw[part]["x"] - mean) / std, atol=1e-9)


@pytest.mark.parametrize("shares", [{"val": 0.7, "test": 0.7}, {"test": -0.1}, {"test": 2.5}, {"train": 99}])
def test_shares_that_cannot_be(shares: dict[str, float]) -> None:
    with pytest.raises(DataFailed) as caught:
        Data({"x": np.zeros(10)}).split(**shares)
    assert [d.code.id for d in caught.value.report.diagnostics] == ["DAT009"]
