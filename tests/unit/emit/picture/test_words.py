"""Ops, sizes and numbers in words."""

from __future__ import annotations

import pytest

from fanin.emit.picture.labels import Sizes, range_text, short, value_text
from fanin.ir.dims import Symbol, ceildiv
from tests.unit.emit.picture.programs import drawing, words


@pytest.mark.parametrize(
    ("op", "text"),
    [
        ("Conv2d(16, 3, padding=1)", "Conv 3×3, 16"),
        ("Conv2d(16, (3, 1), stride=2)", "Conv 3×1, 16, stride 2"),
        ("Conv2d(8, 3, groups=8)", "Conv 3×3, 8, depthwise"),
        ("Conv2d(16, 3, groups=4, dilation=2)", "Conv 3×3, 16, groups 4, dilation 2"),
        ("MaxPool2d(2)", "MaxPool 2×2"),
        ("max_pool2d(3, stride=2)", "max pool 3×3, stride 2"),
        ("GroupNorm(4)", "GroupNorm groups 4"),
        ("dropout(0.1)", "dropout 0.1"),
        ("leaky_relu(0.2)", "leaky relu 0.2"),
        ("softmax(axis=1)", "softmax axis 1"),
        ("flatten(1)", "flatten"),
        ('rearrange("n c h w -> n (c h w)")', "rearrange n c h w → n (c h w)"),
    ],
)
def test_an_op_reads_as_people_say_it(op: str, text: str) -> None:
    found = drawing(f"model Net()(x: [N, 8, 16, 16]) {{ return x -> {op} }}")
    assert words(found)[1] == text


@pytest.mark.parametrize(
    ("expression", "text"), [("x * 0.5", "× 0.5"), ("1 - x", "1 − x"), ("x / 8", "÷ 8"), ("x[:, 1:]", "[:, 1:]")]
)
def test_arithmetic_reads_as_it_is_written(expression: str, text: str) -> None:
    assert words(drawing(f"model Net()(x: [N, 8]) {{ return {expression} }}"))[1] == text


def test_a_linear_layer_shows_both_its_widths() -> None:
    assert words(drawing("model Net()(x: [N, 768]) { return x -> Linear(3072) }"))[1] == "Linear 768 → 3072"


def test_sizes_are_in_mathematical_signs() -> None:
    h = Symbol("H")
    sizes = Sizes()
    assert [sizes.text(d) for d in (2 * h, ceildiv(h, 2), h // 2, h * h + 1, 7)] == [
        "2H",
        "⌈H/2⌉",
        "⌊H/2⌋",
        "H·H + 1",
        "7",
    ]
    w = Symbol("W")
    assert sizes.text(2 * (h // 4)) == "2⌊H/4⌋"
    assert sizes.text(3 * h // 4) == "⌊3H/4⌋"
    assert sizes.text(h // 2 * w // 5) == "⌊(W·⌊H/2⌋)/5⌋"
    assert sizes.text((h + 4) // 6) == "⌊(H + 4)/6⌋"


def test_costs_are_short_or_left_out() -> None:
    h, w = Symbol("H"), Symbol("W")
    sizes = Sizes()
    assert sizes.flops(0) == ""
    assert sizes.flops(8_190_000_000) == "8.19 GFLOP"
    assert sizes.flops(2000 * h * h) == "2K·H² FLOP"
    assert sizes.flops(h * h + w * w + h * w) == ""
    assert sizes.cost(9408, 0, each=True) == "9.41K params each"


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (999, "999"), (1000, "1K"), (9408, "9.41K"), (999_999, "1M"), (25_557_032, "25.6M")]
)
def test_numbers_keep_three_digits(value: int, text: str) -> None:
    assert short(value) == text


def test_values_are_plain() -> None:
    shown = [value_text(v) for v in (2.0, -0.5, float("-inf"), True, None, (1, 2))]
    assert shown == ["2", "−0.5", "−∞", "true", "none", "(1, 2)"]


@pytest.mark.parametrize(
    ("paths", "text"),
    [
        (["a.0", "a.1", "a.2"], "a.0–2"),
        (["a.0.fc", "a.1.fc"], "a.0–1.fc"),
        (["f.0", "f.2"], "f.0, 2"),
        (["f.24", "f.26", "f.28"], "f.24 … 28"),
        (["fc1", "fc2"], "fc1 … fc2"),
        (["f", "f"], "f"),
    ],
)
def test_paths_of_turns_are_one_range(paths: list[str], text: str) -> None:
    assert range_text(paths) == text
