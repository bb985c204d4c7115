"""What follows from what is known of open dimensions, and what can be a condition of a model."""

from __future__ import annotations

import pytest

from fanin.ir.conditions import holds
from fanin.ir.dims import Symbol, ceildiv, dim
from fanin.ir.facts import AnyOf, Compare, Facts, Verdict, parse_condition, render_condition, simplified

NAMES = {name: Symbol(name) for name in ("B", "D", "H", "K", "S", "T", "W", "heads")}
H, W, T, S = (NAMES[name] for name in "HWTS")


def given(*texts: str) -> Facts:
    facts = Facts()
    for text in texts:
        facts.assume(parse_condition(text, NAMES))
    return facts


def verdict(text: str, *known: str) -> Verdict:
    return given(*known).verdict(parse_condition(text, NAMES))


@pytest.mark.parametrize(
    "text",
    [
        "ceildiv(H, 2) >= 1",
        "H - H // 2 >= 0",
        "H // 2 + ceildiv(H, 2) == H",
        "2 * H != 2 * W + 1",
        "H * H - H >= 0",
        "H * (H + 1) % 2 == 0",
        "max(H, W) == H + W - min(H, W)",
        "min(H, W) <= H",
        "H % 4 <= 3",
        "H <= 4 or H >= 5",
        "(H * W) // W == H",
        "H * W >= H",
    ],
)
def test_algebra_is_proved(text: str) -> None:
    assert verdict(text) is Verdict.PROVED


@pytest.mark.parametrize(
    "text",
    [
        "H % 8 == 0",
        "2 * (H // 2) == H",
        "H >= 5",
        "T <= 1024",
        "H <= 4",
        "D % heads == 0",
        "(H + W) % 2 == 0",
        "H % 4096 == 0",
        "min(H, 32) == 32",
        "min(H, W) == H",
        "H >= W",
        "H != 32",
        "H != W",
        "(H - 3) // 2 + 1 >= 1",
        "H % 32 == 0 and W % 32 == 0",
        "(H * W) % K == 0",
    ],
)
def test_a_residue_class_and_an_inequality_are_conditions(text: str) -> None:
    assert verdict(text) is Verdict.OPEN
    c = parse_condition(text, NAMES)
    for wanted in (True, False):
        example = Facts().example(c, wanted)
        assert example is not None
        assert holds(c, example) is wanted
        if wanted:
            assert max(example.values()) <= 64 or "4096" in text


@pytest.mark.parametrize(
    "text",
    [
        "H == W",
        "H == 32",
        "H == ceildiv(H, 2)",
        "H < 1",
        "2 * H == 2 * W + 1",
        "H // W == W",
        "H % 4 == 5",
        "H % 2 == 0 and H % 2 == 1",
        "H == W or H == 1",
        "H * W == 64",
        "4 * (H // 4) == 4 * (W // 4)",
        "T == S - 3",
    ],
)
def test_an_accident_is_refuted(text: str) -> None:
    assert verdict(text) is Verdict.REFUTED
    c = parse_condition(text, NAMES)
    example = Facts().example(c, False)
    assert example is not None
    assert not holds(c, example)


@pytest.mark.parametrize(
    ("known", "text"),
    [
        (["H % 8 == 0"], "H % 4 == 0"),
        (["8 * (H // 8) == H"], "H // 2 * 2 == H"),
        (["3 * H % 8 == 0"], "H % 8 == 0"),
        (["H % 4 == 2"], "H % 2 == 0"),
        (["H % 2 == 0", "H % 3 == 0"], "H % 6 == 0"),
        (["H % 8 == 0"], "H >= 8"),
        (["D % heads == 0"], "D // heads * heads == D"),
        (["D % heads == 0"], "D >= heads"),
        (["T == S"], "T // 2 == S // 2"),
        (["T == S - 3"], "S >= 4"),
        (["2 * T == 3 * S"], "T % 3 == 0"),
        (["H >= 5", "H <= 8"], "(H - 1) // 8 == 0"),
        (["H // 2 >= 3"], "H >= 6"),
        (["min(H, W) >= 4"], "W >= 4"),
        (["H >= W", "W >= D"], "H >= D"),
        (["H >= W", "W >= D"], "2 * H >= W + D"),
        (["H * W >= 100"], "2 * H * W >= 200"),
        (["(H + W) % 2 == 0"], "(H + W) // 2 * 2 == H + W"),
        (["H == 1 or H == W"], "W == H or H == 1"),
        (["H != 1"], "H >= 2"),
        (["H >= 3 and H <= 3"], "H == 3"),
        (["(H * W) % K == 0"], "K * (H * W // K) == H * W"),
    ],
)
def test_facts_are_used(known: list[str], text: str) -> None:
    assert verdict(text) is not Verdict.PROVED
    assert verdict(text, *known) is Verdict.PROVED


@pytest.mark.parametrize(
    ("known", "text"),
    [
        (["H % 4 == 2"], "H % 4 == 0"),
        (["H >= 5", "H <= 8"], "H % 16 == 0"),
        (["(H + W) % 2 == 0"], "(H + W) % 2 == 1"),
        (["H >= 5"], "H <= 4"),
        (["2 * T == 3 * S"], "T == S"),
    ],
)
def test_facts_exclude(known: list[str], text: str) -> None:
    assert verdict(text, *known) is Verdict.REFUTED


def test_a_local_letter_is_looked_into() -> None:
    facts = given("H % 4 == 0")
    half = Symbol("H", ceildiv(H, 2))
    assert facts.equal(half * 2, dim(H))
    assert facts.verdict(Compare("==", half % 2, 0)) is Verdict.PROVED
    assert facts.bounds(dim(half)) == (2, None)


def test_bounds_use_facts() -> None:
    facts = given("H >= 7", "H <= 20", "W >= H")
    assert facts.bounds(H // 2 + 1) == (4, 11)
    assert facts.bounds(dim(W))[0] == 7
    assert facts.bounds(5) == (5, 5)


def test_an_example_has_the_roots_that_facts_tie_in() -> None:
    example = given("T == S", "S % 4 == 0").example(parse_condition("T >= 10", NAMES), True)
    assert example is not None
    assert set(example) == {T, S}
    assert example[T] == example[S] >= 10


def test_a_copy_goes_on_separately() -> None:
    facts = given("H % 2 == 0")
    other = facts.copy()
    other.assume(parse_condition("W % 2 == 0", NAMES))
    even = parse_condition("W % 2 == 0", NAMES)
    assert (facts.verdict(even), other.verdict(even)) == (Verdict.OPEN, Verdict.PROVED)


def test_contradictions_do_not_raise() -> None:
    facts = given("H == W", "K == H // (W - 1) + 2", "W <= 1", "H >= 3", "H < 2")
    facts.verdict(parse_condition("K // (W - 1) == 3", NAMES))
    given("H < 0").verdict(parse_condition("H * H >= 2", NAMES))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2 * (H // 2) == H", "H % 2 == 0"),
        ("H // 32 * 32 == H", "H % 32 == 0"),
        ("(H - 3) // 2 + 1 >= 1", "H >= 3"),
        ("H + 2 >= 2 * H + W", "H + W <= 2"),
        ("H - 1 == W - 1", "H == W"),
        ("H == 1 or W > 2", "H == 1 or W >= 3"),
        ("(H >= 2 or W >= 2) and H % 2 == 0", "(H >= 2 or W >= 2) and H % 2 == 0"),
    ],
)
def test_a_condition_is_put_simply(text: str, written: str) -> None:
    assert str(simplified(parse_condition(text, NAMES))) == written


def test_conditions_as_python() -> None:
    c = AnyOf((Compare("==", H % 2, 0), Compare("<", ceildiv(W, 2), 3)))
    assert render_condition(c, python=True) == "H % 2 == 0 or (W + 1) // 2 < 3"
