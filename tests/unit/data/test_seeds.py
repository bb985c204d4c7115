"""One seed gives streams that know nothing of each other, the same on every day."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fanin.data import Batches, Data
from fanin.data.seeds import STREAMS, bits, legacy, number, permutation
from tests.unit.data.settings import UNTIMED

SEEDS = st.integers(-(2**70), 2**70)
PLACES = st.tuples(SEEDS, st.sampled_from(sorted(STREAMS)), st.lists(st.integers(0, 2**32 - 1), max_size=3))


@UNTIMED
@given(one=PLACES, two=PLACES)
def test_no_two_streams_are_alike(one: tuple[int, str, list[int]], two: tuple[int, str, list[int]]) -> None:
    first, second = bits(one[0], one[1], *one[2]), bits(two[0], two[1], *two[2])
    assert (first.random_raw(4).tolist() == second.random_raw(4).tolist()) == (one == two)
    assert (number(one[0], one[1], *one[2]) == number(two[0], two[1], *two[2])) == (one == two)


@UNTIMED
@given(seed=SEEDS, count=st.integers(0, 50))
def test_orders_are_permutations(seed: int, count: int) -> None:
    assert sorted(permutation(count, bits(seed, "shuffle")).tolist()) == list(range(count))


def test_each_order_is_as_likely_as_another() -> None:
    counts: dict[tuple[int, ...], int] = {}
    for epoch in range(6000):
        order = tuple(permutation(3, bits(0, "shuffle", epoch)).tolist())
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 6
    assert sum((n - 1000) ** 2 / 1000 for n in counts.values()) < 20.5  # chi squared with 5 degrees, one in a thousand


def test_the_numbers_of_a_seed_stay_what_they_are() -> None:
    assert permutation(8, bits(1, "shuffle", 2)).tolist() == [0, 3, 1, 6, 7, 4, 2, 5]
    assert number(1, "noise", 3) == 7143367149267229861
    assert round(float(legacy(1, "task").standard_normal()), 9) == 0.501940093


@UNTIMED
@given(seed=st.integers(0, 999), batch=st.integers(1, 30), test=st.integers(1, 10), epochs=st.integers(0, 3))
def test_one_stream_moves_no_other(seed: int, batch: int, test: int, epochs: int) -> None:
    """Splits don't hang on batches, nor the order of an epoch on how many there were before."""
    data = Data({"row": np.arange(40)})
    first = data.split(test=test, seed=seed)
    batches = Batches(first["train"], batch, seed=seed)
    for _ in range(epochs):
        list(batches)
    assert batches.orders(7)[0].tolist() == Batches(first["train"], 5, seed=seed).orders(7)[0].tolist()
    again = data.split(test=test, seed=seed)
    assert again["test"]["row"].tolist() == first["test"]["row"].tolist()
