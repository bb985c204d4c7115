"""Random dimensions, each with what it means: a function from sizes to its number."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from hypothesis import strategies as st

from fanin.ir.dims import Dim, Symbol, ceildiv, floordiv, maximum, minimum, mod

H, W, K = SYMBOLS = (Symbol("H"), Symbol("W"), Symbol("K"))
BOX = [
    dict(zip(SYMBOLS, sizes, strict=True))
    for sizes in itertools.product((1, 2, 3, 4, 5, 7, 12), (1, 2, 3, 6), (1, 2, 5))
]

Meaning = Callable[[dict[Symbol, int]], int]
Pair = tuple[Dim, Meaning]


def _binary(build: Callable[[Dim, Dim], Dim], mean: Callable[[int, int], int]) -> Callable[[Pair, Pair], Pair]:
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
