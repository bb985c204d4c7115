"""What school algebra proves of dimensions, the normal form proves."""

from __future__ import annotations

import copy

import pytest

from fanin.ir.dims import (
    Dim,
    Poly,
    Symbol,
    ceildiv,
    dim,
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

H, W, K, D = (Symbol(name) for name in "HWKD")
NAMES = {s.name: s for s in (H, W, K, D)}


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("2 * (H + 1)", "2 * H + 2"),
        ("(H + W) * (H - W)", "H * H - W * W"),
        ("(H - 1) // 2 + 1", "ceildiv(H, 2)"),
        ("(4 * H + 6) // 2", "2 * H + 3"),
        ("(H + 5) // 2", "(H + 1) // 2 + 2"),
        ("H // 2 // 3", "H // 6"),
        ("(H // 2 + 1) // 3", "(H + 2) // 6"),
        ("ceildiv(ceildiv(H, 2), 2)", "ceildiv(H, 4)"),
        ("(6 * H + 3) // 9", "(2 * H + 1) // 3"),
        ("(H * W) // W", "H"),
        ("(H * W + W - 1) // W", "H"),
        ("(H * W + W - 1) // (W * K)", "H // K"),
        ("(2 * H * W) // (4 * W)", "H // 2"),
        ("(H - 1) // H", "0"),
        ("(H * H - 1) // (H + 1)", "H - 1"),
        ("ceildiv(H * W, W)", "H"),
        ("H // W // K", "H // (W * K)"),
        ("H % 1", "0"),
        ("(H + 4) % 4", "H % 4"),
        ("(H * W) % W", "0"),
        ("(2 * H) % 4", "2 * (H % 2)"),
        ("H - 4 * (H // 4)", "H % 4"),
        ("min(H, H + 3)", "H"),
        ("max(H, 1)", "H"),
        ("min(H, min(W, K))", "min(K, W, H, H)"),
        ("min(H + 1, W + 3)", "min(H, W + 2) + 1"),
        ("min(2 * H, 2 * W)", "2 * min(H, W)"),
        ("min(H * K, W * K)", "K * min(H, W)"),
        ("min(H, 5 + min(W, 3))", "min(H, W + 5, 8)"),
        ("min(H, W) // 2", "min(H // 2, W // 2)"),
        ("min(7, 3, 5)", "3"),
    ],
)
def test_equal_dimensions_have_one_form(left: str, right: str) -> None:
    assert parse_dim(left, NAMES) == parse_dim(right, NAMES)
    assert hash(parse_dim(left, NAMES)) == hash(parse_dim(right, NAMES))


@pytest.mark.parametrize(
    "text",
    [
        "ceildiv(H, 2)",
        "H // 2",
        "H // 2 + 1",
        "4 * D",
        "H % 4",
        "5 - H % 4",
        "W * (H % 4)",
        "D % K",
        "ceildiv(D, K)",
        "K * (D // K)",
        "64 * ceildiv(H, 2) * ceildiv(W, 2)",
        "H * W - H - W + 1",
        "3 - 2 * H",
        "-H",
        "(H - 3) // 2",
        "(H + 1) // 4",
        "2 * H // 3",
        "(10 - H) // 3",
        "H // (2 * W)",
        "H // (W + 1)",
        "min(H, 32)",
        "min(H + 1, W + 3)",
        "-max(H, W)",
        "ceildiv(H, 2) + 2",
        "H * H",
    ],
)
def test_a_dimension_is_printed_as_a_person_writes_it(text: str) -> None:
    assert str(parse_dim(text, NAMES)) == text


def test_names_and_python_are_asked_for() -> None:
    assert render(H // 2, lambda s: f"x.size({s.name!r})") == "x.size('H') // 2"
    assert render(ceildiv(H, 2), python=True) == "(H + 1) // 2"
    assert render(3) == "3"


def test_constants_are_numbers() -> None:
    assert type(H - H) is int
    assert type(floordiv(7, 2)) is int and floordiv(7, 2) == 3
    assert (ceildiv(7, 2), mod(7, 4), minimum(3, 4), maximum(3, 4)) == (4, 3, 3, 4)
    assert H // H == 1
    assert dim(H) is Poly.of(H)


def test_a_symbol_is_itself_whatever_its_name() -> None:
    other = Symbol("H")
    assert other != H
    assert dim(other) != dim(H)
    assert str(other + H) == "H + H"


@pytest.mark.parametrize("divisor", [0, -2])
def test_a_divisor_below_one_is_refused(divisor: int) -> None:
    for function in (floordiv, ceildiv, mod):
        with pytest.raises(ZeroDivisionError):
            function(dim(H), divisor)


def test_a_definition_is_put_in() -> None:
    local = Symbol("H", ceildiv(H, 2))
    inner = Symbol("H", ceildiv(local, 2))
    assert expand(inner * W) == ceildiv(H, 4) * W
    assert evaluate(dim(inner), {H: 9}) == 3
    assert evaluate(dim(inner), {inner: 7}) == 7
    assert symbols_of(dim(inner)) == {inner}


def test_substitution_is_at_once() -> None:
    assert substitute(H - W, {H: dim(W), W: dim(H)}) == W - H
    assert substitute(H // 2, {H: W * 2}) == dim(W)


def test_a_long_chain_of_strides_stays_small() -> None:
    d: Dim = dim(H)
    for _ in range(50):
        d = (d + 2 - 3) // 2 + 1
        d = ceildiv(d, 2)
    assert str(d) == f"ceildiv(H, {2**100})"


def test_a_long_chain_of_definitions_is_no_deep_recursion() -> None:
    d: Dim = dim(H)
    for i in range(3000):
        d = dim(Symbol(f"H{i}", d * 3 + 1))
    assert evaluate(d, {H: 1}) > 0


def test_copies_keep_identity() -> None:
    d = H // 2 + W
    assert copy.deepcopy(d) is d
    assert copy.deepcopy(H) is H


@pytest.mark.parametrize("text", ["", "H +", "Q", "H 2", "ceildiv(H)", "(H", "H ? 2", "2 ** 3"])
def test_other_text_is_no_dimension(text: str) -> None:
    with pytest.raises(ValueError):
        parse_dim(text, NAMES)
