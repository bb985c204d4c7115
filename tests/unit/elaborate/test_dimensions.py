"""Section 4: dimensions bind, unify, stay symbolic, and are compared in a normal form."""

from __future__ import annotations

import pytest
import torch

from tests.models import codes, conditions, load, results


def one(body: str, inputs: str = "x: [N, C, H, W]", result: str = "") -> str:
    return f"model M()({inputs}){' -> ' + result if result else ''} {{\n{body}\n}}\n"


@pytest.mark.parametrize(
    ("body", "result"),
    [
        ("return reshape(x, N, C * H * W)", "[N, C * H * W]"),
        ("return reshape(x, N * C, H, W)", "[C * N, H, W]"),
        ("return concat(x, x, axis=1)", "[N, 2 * C, H, W]"),
        ("return max_pool2d(x, 3, stride=2, padding=1)", "[N, C, ceildiv(H, 2), ceildiv(W, 2)]"),
        ('return interpolate(x, scale_factor=2, mode="nearest")', "[N, C, 2 * H, 2 * W]"),
        ("return x[:, none, 0]", "[N, 1, H, W]"),
        ("return x[..., : W // 2]", "[N, C, H, W // 2]"),
        ("return x[:, :, ::2]", "[N, C, ceildiv(H, 2), W]"),
        ("return sum(x, axis=(2, 3))", "[N, C]"),
        ("return sum(x)", "[]"),
        ("return zeros(H, W) + ones(W)", "[H, W]"),
        ("return arange(H)", "int[H]"),
        ("return x > 0", "bool[N, C, H, W]"),
        ('return rearrange(x, "n c h w -> n (h w) c")', "[N, H * W, C]"),
    ],
)
def test_arithmetic_is_seen_in_the_result(body: str, result: str) -> None:
    assert results(one(body)) == [result]


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("2 * (H + 1)", "2 * H + 2"),
        ("((H - 1) // 2) + 1", "ceildiv(H, 2)"),
        ("H + H", "2 * H"),
        ("H * W - W * H + 3", "3"),
        ("min(H, H + 2)", "H"),
        ("max(H, H + 2)", "H + 2"),
        ("(4 * H) / 2", "2 * H"),
        ("(4 * H + 3) // 2", "2 * H + 1"),
        ("(6 * H) % 3 + 1", "1"),
    ],
)
def test_dimensions_have_a_normal_form(written: str, found: str) -> None:
    assert results(one(f"return zeros({written})")) == [f"[{found}]"]


def test_equal_forms_are_equal_types() -> None:
    text = one("return zeros(2 * (H + 1)) + ones(2 * H + 2) + sum(x)")
    assert codes(text) == []
    assert conditions(text) == []


def test_two_strides_of_two_are_one_of_four() -> None:
    body = "a = x -> a: Conv2d(4, 3, stride=2, padding=1) -> b: Conv2d(4, 3, stride=2, padding=1)\n"
    body += "return a + (x -> c: Conv2d(4, 1, stride=4))"
    text = one(body, "x: [N, 3, H, W]")
    assert codes(text) == []
    assert conditions(text) == []


# ------------------------------------------------------------------------------------------------------------ letters


def test_a_letter_met_again_must_be_equal() -> None:
    block = "block B()(x: [N, D], y: [N, D]) { return x + y }\n"
    assert codes(block + "model M()(x: [N, 3], y: [N, 4]) { return b: B()(x, y) }") == ["SHP301"]
    assert codes(block + "model M()(x: [N, 3], y: [N, 3]) { return b: B()(x, y) }") == []


def test_two_letters_are_equal_only_where_the_author_says_so() -> None:
    assert codes("model M()(x: [N, H], y: [N, W]) { return x + y }") == ["SHP301"]
    text = "model M()(x: [N, H], y: [N, W]) {\nassert H == W\nreturn x + y }"
    assert codes(text) == []
    assert conditions(text) == ["H == W"]


def test_a_letter_is_a_number_in_the_body() -> None:
    assert results("model M()(x: [N, 3]) { return x -> fc: Linear(4) }\n") == ["[N, 4]"]
    block = "block B()(x: [*, D]) { return x -> fc: Linear(4 * D) }\n"
    assert results(block + "model M()(x: [N, 3]) { return x -> b: B() }") == ["[N, 12]"]


def test_a_composition_may_read_a_letter_of_the_block_around_it() -> None:
    text = "model M()(x: [Q, 8], y: [8]) { return x + (y -> net: (broadcast_to(Q, 8) -> relu)) }"
    assert load(text)(torch.ones(3, 8), torch.ones(8)).shape == (3, 8)


def test_a_hyper_parameter_wins_over_a_letter() -> None:
    block = "block B(D: int)(x: [N, D]) -> [N, 2 * D] { return x -> fc: Linear(2 * D) }\n"
    assert results(block + "model M()(x: [N, 3]) { return x -> b: B(3) }") == ["[N, 6]"]
    assert codes(block + "model M()(x: [N, 3]) { return x -> b: B(4) }") == ["SHP301"]


def test_a_constant_wins_over_a_letter() -> None:
    assert results("const D = 5\nmodel M()(x: [N, D]) { return x }") == ["[N, 5]"]


def test_a_star_stands_for_any_axes() -> None:
    block = "block B()(x: [*S, D]) -> [*S, 2] { return x -> fc: Linear(2) }\n"
    assert results(block + "model M()(x: [N, H, W, 3]) { return x -> b: B() }") == ["[N, H, W, 2]"]
    assert results(block + "model M()(x: [3]) { return x -> b: B() }") == ["[2]"]
    assert codes(block + "model M()(x: []) { return x -> b: B() }") == ["SHP306"]


def test_a_named_star_met_again_must_be_the_same() -> None:
    fn = "fn add(x: [*S], y: [*S]) -> [*S] { return x + y }\n"
    assert codes(fn + "model M()(x: [N, 3], y: [N, 3]) { return add(x, y) }") == []
    assert codes(fn + "model M()(x: [N, 3], y: [3]) { return add(x, y) }") == ["SHP306"]


def test_a_dimension_first_met_in_a_result_is_what_the_body_gives() -> None:
    assert results("model M()(x: [N, 8]) -> [N, K] { return x -> fc: Linear(5) }") == ["[N, 5]"]


def test_arithmetic_on_an_unbound_letter_is_an_error() -> None:
    assert "SHP307" in codes("model M()(x: [2 * H]) { return x }")


def test_an_open_dimension_sizes_no_weight_and_decides_nothing() -> None:
    assert codes("model M()(x: [N, D]) { return x -> fc: Linear(3) }") == ["SHP305"]
    assert codes("model M()(x: [N, 3]) {\nif N == 2 { x = relu(x) }\nreturn x }") == ["SHP305"]
    assert codes("model M()(x: [N, 3]) {\nfor i in 0..N { x = relu(x) }\nreturn x }") == ["SHP305"]
    assert codes("model M()(x: [N, 3]) { return x -> N * Linear(3) }") == ["SHP305"]
    assert codes("model M()(x: [N, C, 9]) { return x -> Conv1d(8, 3, groups=2) }") == ["SHP305"]
    assert codes("model M()(x: [N, 3]) {\nparam p: [N] = ones\nreturn x + p[:, none] }") == ["SHP305"]


def test_a_size_may_be_given_with_the_hyper_parameters() -> None:
    text = "model M()(x: [N, D]) { return x -> fc: Linear(3) }"
    assert codes(text, D=7) == []
    assert results(text, D=7) == ["[N, 3]"]
    assert list(load(text, D=7).state_dict()["fc.weight"].shape) == [3, 7]


# --------------------------------------------------------------------------------------------------------- conditions


def test_what_is_not_known_is_a_condition_and_checked_on_entry() -> None:
    text = "model M()(x: [N, H]) -> [N, H / 8, 8] { return reshape(x, N, H / 8, 8) }"
    assert conditions(text) == ["H % 8 == 0"]
    net = load(text)
    assert net(torch.ones(2, 16)).shape == (2, 2, 8)
    with pytest.raises(ValueError, match="multiple of 8"):
        net(torch.ones(2, 12))


def test_an_assert_is_a_condition_with_its_words() -> None:
    text = 'model M()(x: [N, T]) {\nassert T <= 16, "there are sixteen places"\nreturn x }'
    assert conditions(text) == ["T <= 16"]
    with pytest.raises(ValueError, match="sixteen places"):
        load(text)(torch.ones(1, 17))


def test_an_assert_is_decided_at_once_where_it_is_known() -> None:
    assert codes("model M(k: int = 3)(x: [N, 4]) {\nassert k % 2 == 1\nreturn x }") == []
    assert codes("model M(k: int = 4)(x: [N, 4]) {\nassert k % 2 == 1\nreturn x }") == ["EXP502"]
    assert codes("model M()(x: [N, H]) {\nassert H < 0\nreturn x }") == ["EXP502"]


def test_a_fact_that_was_asserted_is_used() -> None:
    text = "model M()(x: [N, H]) -> [N, H] {\nassert H % 2 == 0\nreturn reshape(x, N, H // 2, 2) -> flatten(1) }"
    assert conditions(text) == ["H % 2 == 0"]


def test_exact_division_of_numbers_is_an_error_where_it_does_not_divide() -> None:
    assert codes("model M(k: int = 3)(x: [N, 7]) { return reshape(x, N, 7 / k, k) }") != []
    assert results("model M(k: int = 7)(x: [N, 7]) { return reshape(x, N, 7 / k, k) }") == ["[N, 1, 7]"]


# ------------------------------------------------------------------------------------------------------ typed bindings


def test_a_typed_binding_checks_and_binds() -> None:
    text = "model M()(x: [N, 3, H, W]) {\n"
    text += 'y: [N, T, 3] = rearrange(x, "n c h w -> n (h w) c")\nreturn y + zeros(T, 1) }'
    assert results(text) == ["[N, H * W, 3]"]
    assert codes("model M()(x: [N, 3]) {\ny: [N, 4] = relu(x)\nreturn y }") == ["SHP301"]
    assert codes("model M()(x: [N, 3]) {\ny: [N] = relu(x)\nreturn y }") == ["SHP306"]
    assert codes("model M()(x: [N, 3]) {\ny: int[N, 3] = relu(x)\nreturn y }") == ["TYP408"]


def test_a_declared_result_is_held_to() -> None:
    assert codes("model M()(x: [N, 3]) -> [N, 4] { return relu(x) }") == ["SHP301"]
    assert codes("model M()(x: [N, 3]) -> [N] { return relu(x) }") == ["SHP306"]
    assert codes("model M()(x: [N, 3]) -> int[N, 3] { return relu(x) }") == ["TYP408"]
