"""Facts against brute force: what is proved holds wherever the facts do, and examples are examples."""

from __future__ import annotations

import itertools
from typing import get_args

from dim_strategies import SYMBOLS, H, pairs
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fanin.ir.conditions import AllOf, AnyOf, Compare, Condition, Relation, holds, simplified, symbols_in
from fanin.ir.dims import Dim, Symbol, mod, symbols_of
from fanin.ir.facts import Facts, Verdict, parse_condition, render_condition

D = Symbol("D", H * 2)  # a defined letter goes along
EVERY = [
    dict(zip(SYMBOLS, sizes, strict=True))
    for sizes in itertools.product((1, 2, 3, 4, 5, 6, 8, 12, 24), (1, 2, 3, 4, 6, 9, 12), (1, 2, 3, 5, 8))
]

dims = pairs.map(lambda p: p[0])
symbols = st.sampled_from(SYMBOLS).map(lambda s: s.poly)
relations: st.SearchStrategy[Relation] = st.sampled_from(get_args(Relation))
numbers = st.integers(1, 12)


@st.composite
def usual(draw: st.DrawFn) -> Condition:
    """A condition such as people write."""
    x, y, a, b = draw(symbols), draw(symbols), draw(numbers), draw(numbers)
    options: list[tuple[Relation, Dim, Dim]] = [
        ("==", mod(x, a), b % a),
        ("==", mod(x + y, a), 0),
        ("!=", mod(x, a), 0),
        ("==", a * x, b * y),
        ("==", x, y + a - 4),
        ("==", mod(x, y), 0),
        ("==", x, b),
        (">=", x, a),
        ("<=", x, a),
        (">=", x, y),
        ("<", x + a, 2 * y),
        (">=", x * y, a),
        (">=", (x + a - 6) // b, 1),
        ("==", D * a, x * b),
    ]
    return Compare(*draw(st.sampled_from(options)))


comparisons = usual() | st.builds(Compare, relations, dims, dims | st.integers(-3, 8))
conditions: st.SearchStrategy[Condition] = st.recursive(
    comparisons,
    lambda inner: (
        st.lists(inner, min_size=2, max_size=3).map(tuple).flatmap(lambda cs: st.sampled_from([AnyOf(cs), AllOf(cs)]))
    ),
    max_leaves=3,
)
given_facts = st.lists(usual(), max_size=3) | st.lists(conditions, max_size=2)


def facts_of(cs: list[Condition]) -> Facts:
    facts = Facts()
    for c in cs:
        facts.assume(c)
    return facts


def sizes_of(cs: list[Condition]) -> list[dict[Symbol, int]]:
    return [s for s in EVERY if all(holds(c, s) for c in cs)]


@given(given_facts, conditions | usual())
@settings(max_examples=1000, deadline=None)
def test_a_verdict_agrees_with_the_sizes(known: list[Condition], c: Condition) -> None:
    facts = facts_of(known)
    verdict = facts.verdict(c)
    sizes = sizes_of(known)
    met = [holds(c, s) for s in sizes]
    if verdict is Verdict.PROVED:
        assert all(met)
    elif verdict is Verdict.REFUTED and len(sizes) > 40:
        assert not all(met) or facts.example(c, False) is not None


@given(given_facts, dims, dims)
@settings(max_examples=600, deadline=None)
def test_equal_and_bounds_agree_with_the_sizes(known: list[Condition], a: Dim, b: Dim) -> None:
    facts = facts_of(known)
    sizes = sizes_of(known)
    if facts.equal(a, b):
        assert all(holds(Compare("==", a, b), s) for s in sizes)
    low, high = facts.bounds(a)
    for s in sizes:
        assert low is None or holds(Compare(">=", a, low), s)
        assert high is None or holds(Compare("<=", a, high), s)


@given(given_facts, conditions | usual(), st.booleans())
@settings(max_examples=600, deadline=None)
def test_an_example_meets_the_facts_and_shows_what_was_asked(
    known: list[Condition], c: Condition, wanted: bool
) -> None:
    assume(sizes_of(known))  # what contradicts itself has no examples
    example = facts_of(known).example(c, wanted)
    assume(example is not None)
    assert example is not None
    assert holds(c, example) is wanted
    assert all(n >= 1 for n in example.values())
    for fact in known:
        speaks_of = {r for s in symbols_in(fact) for r in (symbols_of(s.expansion) if s.expansion is not None else {s})}
        if speaks_of <= example.keys():
            assert holds(fact, example)


@given(conditions)
@settings(max_examples=300, deadline=None)
def test_the_text_of_a_condition_means_the_same(c: Condition) -> None:
    names = {s.name: s for s in (*SYMBOLS, D)}
    text = render_condition(c)
    again = parse_condition(text, names)
    assert render_condition(again) == text
    code = compile(render_condition(c, python=True), "<condition>", "eval")
    for s in EVERY[::5]:
        expected = holds(c, s)
        assert holds(again, s) is expected
        assert holds(simplified(c), s) is expected
        assert holds(c.negated(), s) is not expected
        values = {"min": min, "max": max, "D": 2 * s[H], **{x.name: n for x, n in s.items()}}
        assert eval(code, values) is expected
