"""Dimensions against brute force: whatever the normal form says, the numbers say too."""

from __future__ import annotations

from dim_strategies import BOX, SYMBOLS, H, K, Pair, W, pairs
from hypothesis import given, settings
from hypothesis import strategies as st

from fanin.ir.bounds import Bounds
from fanin.ir.dims import (
    Symbol,
    evaluate,
    expand,
    floordiv,
    maximum,
    mod,
    parse_dim,
    render,
    substitute,
    symbols_of,
)


@given(pairs)
@settings(max_examples=600, deadline=None)
def test_the_normal_form_keeps_the_value(pair: Pair) -> None:
    d, mean = pair
    for sizes in BOX:
        assert evaluate(d, sizes) == mean(sizes)


@given(pairs)
@settings(max_examples=600, deadline=None)
def test_bounds_hold(pair: Pair) -> None:
    d, mean = pair
    low, high = Bounds().low(d), Bounds().high(d)
    values = [mean(s) for s in BOX]
    assert low is None or low <= min(values)
    assert high is None or high >= max(values)


RANGES = {H: (2, 7), W: (1, 3), K: (2, None)}
RANGED = [s for s in BOX if all(lo <= s[x] and (hi is None or s[x] <= hi) for x, (lo, hi) in RANGES.items())]


@given(pairs)
@settings(max_examples=600, deadline=None)
def test_bounds_hold_within_ranges(pair: Pair) -> None:
    d, mean = pair
    bounds = Bounds(RANGES)
    low, high = bounds.low(d), bounds.high(d)
    values = [mean(s) for s in RANGED]
    assert low is None or low <= min(values)
    assert high is None or high >= max(values)


@given(pairs)
@settings(max_examples=600, deadline=None)
def test_text_round_trips_and_python_text_has_the_value(pair: Pair) -> None:
    d, mean = pair
    assert parse_dim(render(d), {s.name: s for s in SYMBOLS}) == d
    code = compile(render(d, python=True), "<dim>", "eval")
    for sizes in BOX[::7]:
        assert eval(code, {"min": min, "max": max, **{s.name: n for s, n in sizes.items()}}) == mean(sizes)


@given(pairs, pairs)
@settings(max_examples=300, deadline=None)
def test_substitution_keeps_the_value(pair: Pair, inner: Pair) -> None:
    d, mean = pair
    positive = maximum(inner[0], 1)
    replaced = substitute(d, {H: positive})
    letter = Symbol("L", positive)
    lettered = substitute(d, {H: letter})
    for sizes in BOX[::5]:
        expected = mean({**sizes, H: max(inner[1](sizes), 1)})
        assert evaluate(replaced, sizes) == expected
        assert evaluate(lettered, sizes) == expected
        assert evaluate(expand(lettered), sizes) == expected


@given(pairs, pairs, st.integers(1, 6))
@settings(max_examples=300, deadline=None)
def test_whole_multiples_come_out_of_a_floor(pair: Pair, other: Pair, m: int) -> None:
    a, b = pair[0], other[0]
    assert floordiv(a + b * m, m) == floordiv(a, m) + b
    assert mod(a + b * m, m) == mod(a, m)
    assert floordiv(a * 3, m * 3) == floordiv(a, m)
    assert symbols_of(floordiv(a, m)) <= symbols_of(a)
