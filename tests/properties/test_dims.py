"""Dimensions against brute force: whatever the normal form says, the numbers say too."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from fanin.ir.bounds import Bounds
from fanin.ir.dims import (
    Dim,
    Symbol,
    ceildiv,
    evaluate,
    expand,
    floordiv,
    maximum,
    minimum,
    mod,
    parse_dim,
    render,
    substitute,
    symbols_of,
)

H, W, K = SYMBOLS = (Symbol("H"), Symbol("W"), Symbol("K"))
BOX = [
    dict(zip(SYMBOLS, sizes, strict=True))
    for sizes in itertools.product((1, 2, 3, 4, 5, 7, 12), (1, 2, 3, 6), (1, 2, 5))
]

Meaning = Callable[[dict[Symbol, int]], int]
Pair = tuple[Dim, Meaning]


def _binary(
    build: Callable[[Dim, Dim], Dim], mean: Callable[[int, int], int]
) -> Callable[[Pair, Pair], Pair]:
    def both(a: Pair, b: Pair) -> Pair:
        return build(a[0], b[0]), lambda s: mean(a[1](s), b[1](s))

    return both


ADD = _binary(lambda a, b: a + b, lambda a, b: a + b)
SUB = _binary(lambda a, b: a - b, lambda a, b: a - b)
MUL = _binary(lambda a, b: a * b, lambda a, b: a * b)
FLOOR = _binary(floordiv, lambda a, b: a // b)
CEIL = _binary(ceildiv, lambda a, b: -(-a // b))
MOD = _binary(mod, lambda a, b: a % b)
MIN = _binary(minimum, min)
MAX = _binary(maximum, max)


def _leaf(symbol: Symbol) -> Pair:
    return symbol.poly, lambda s: s[symbol]


def _number(n: int) -> Pair:
    return n, lambda s: n


leaves = st.sampled_from(SYMBOLS).map(_leaf) | st.integers(-7, 7).map(_number)
divisors = (
    st.integers(1, 6).map(_number)
    | st.sampled_from(SYMBOLS).map(_leaf)
    | st.sampled_from(
        [
            MUL(_leaf(H), _leaf(W)),
            MUL(_number(2), _leaf(K)),
            ADD(_leaf(W), _number(1)),
            ADD(_leaf(H), _leaf(K)),
        ]
    )
)


def _grow(inner: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    return (
        st.builds(ADD, inner, inner)
        | st.builds(SUB, inner, inner)
        | st.builds(MUL, inner, leaves)
        | st.builds(FLOOR, inner, divisors)
        | st.builds(CEIL, inner, divisors)
        | st.builds(MOD, inner, divisors)
        | st.builds(MIN, inner, inner)
        | st.builds(MAX, inner, inner)
    )


pairs = st.recursive(leaves, _grow, max_leaves=8)


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
    assert expand(lettered) == replaced
    for sizes in BOX[::5]:
        expected = mean({**sizes, H: max(inner[1](sizes), 1)})
        assert evaluate(replaced, sizes) == expected
        assert evaluate(lettered, sizes) == expected


@given(pairs, pairs, st.integers(1, 6))
@settings(max_examples=300, deadline=None)
def test_whole_multiples_come_out_of_a_floor(pair: Pair, other: Pair, m: int) -> None:
    a, b = pair[0], other[0]
    assert floordiv(a + b * m, m) == floordiv(a, m) + b
    assert mod(a + b * m, m) == mod(a, m)
    assert floordiv(a * 3, m * 3) == floordiv(a, m)
    assert symbols_of(floordiv(a, m)) <= symbols_of(a)
