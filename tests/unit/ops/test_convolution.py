"""Convolutions: sizes, needs, weights and what is emitted."""

from __future__ import annotations

from math import prod, sqrt

import pytest

from fanin.ir.dims import ceildiv
from fanin.ir.laws import Uniform
from fanin.ops.attributes import bind
from fanin.ops.code import Sequence, call
from fanin.ops.contract import inferred
from ops.asking import ask, gives, made, op, params, read, refusal


@pytest.mark.parametrize(
    ("attrs", "x", "y"),
    [
        # AlexNet's first layer, ResNet's stem, DCGAN's down step, a dilated one, a rectangular one
        ({"out_channels": 96, "kernel_size": 11, "stride": 4}, "[N, 3, 227, 227]", "[N, 96, 55, 55]"),
        ({"out_channels": 64, "kernel_size": 7, "stride": 2, "padding": 3}, "[N, 3, 224, 224]", "[N, 64, 112, 112]"),
        ({"out_channels": 64, "kernel_size": 4, "stride": 2, "padding": 1}, "[1, 28, 28]", "[64, 14, 14]"),
        ({"out_channels": 8, "kernel_size": 3, "dilation": 2}, "[N, 3, 10, 12]", "[N, 8, 6, 8]"),
        ({"out_channels": 8, "kernel_size": (1, 3)}, "[N, 3, 10, 12]", "[N, 8, 10, 10]"),
        ({"out_channels": 8, "kernel_size": 5, "padding": "same"}, "[N, 3, H, W]", "[N, 8, H, W]"),
        ({"out_channels": 8, "kernel_size": 3, "padding": 1}, "[N, 3, H, W]", "[N, 8, H, W]"),
    ],
)
def test_a_convolution_gives_the_sizes_of_its_papers(attrs: dict[str, object], x: str, y: str) -> None:
    assert gives("Conv2d", attrs, x) == y


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_a_padded_3x3_convolution_with_a_stride_gives_ceildiv(stride: int) -> None:
    (x,) = read("[N, 3, H, W]")
    kind = op("Conv2d")
    found = inferred(
        kind.infer(bind(kind.attrs, {"out_channels": 8, "kernel_size": 3, "stride": stride, "padding": 1}), x)
    )
    assert found.types[0].shape[2] == ceildiv(x.shape[2], stride)


def test_a_transposed_convolution_undoes_the_halving() -> None:
    attrs = {"out_channels": 4, "kernel_size": 2, "stride": 2}
    assert gives("ConvTranspose2d", attrs, "[N, 8, H, W]") == "[N, 4, 2 * H, 2 * W]"
    attrs = {"out_channels": 4, "kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1}
    assert gives("ConvTranspose2d", attrs, "[N, 8, 7, 7]") == "[N, 4, 14, 14]"


@pytest.mark.parametrize(
    ("name", "attrs", "x", "headline"),
    [
        (
            "Conv2d",
            {"out_channels": 8, "kernel_size": 5},
            "[N, 3, 4, 9]",
            "a window of 5 does not fit into an axis of 4",
        ),
        (
            "Conv1d",
            {"out_channels": 8, "kernel_size": 3, "dilation": 4, "padding": 1},
            "[N, 3, 6]",
            "a window of 9 (3 dilated by 4) does not fit into an axis of 6, padded to 8",
        ),
        (
            "Conv2d",
            {"out_channels": 8, "kernel_size": 3, "groups": 4},
            "[N, 6, 8, 8]",
            "the 6 channels that come in do not divide into 4 groups",
        ),
        (
            "Conv2d",
            {"out_channels": 9, "kernel_size": 3, "groups": 2},
            "[N, 6, 8, 8]",
            "the 9 channels that go out do not divide into 2 groups",
        ),
        (
            "Conv2d",
            {"out_channels": 8, "kernel_size": 3},
            "[8, 8]",
            "`Conv2d` takes [N, C, H, W] or [C, H, W], not [8, 8]",
        ),
        (
            "Conv2d",
            {"out_channels": 8, "kernel_size": 3, "padding": "same", "stride": 2},
            "[N, 3, 8, 8]",
            'padding="same" keeps the size, and a stride does not',
        ),
        (
            "Conv2d",
            {"out_channels": 8, "kernel_size": (3, 3, 3)},
            "[N, 3, 8, 8]",
            "`kernel_size` takes one number, or 2: one for each spatial axis, not 3",
        ),
        (
            "Conv2d",
            {"out_channels": 8, "kernel_size": 7, "padding": 3, "padding_mode": "reflect"},
            "[N, 3, 3, 8]",
            'padding_mode="reflect" by 3 needs an axis of 4 or more, and this is 3',
        ),
        (
            "ConvTranspose1d",
            {"out_channels": 8, "kernel_size": 2, "padding": 3},
            "[N, 3, 4]",
            "a padding of 3 leaves -1 of the output",
        ),
        (
            "ConvTranspose1d",
            {"out_channels": 8, "kernel_size": 3, "output_padding": 1},
            "[N, 3, 4]",
            "`output_padding` of 1 is more than 0: it has to be below the stride or the dilation",
        ),
        ("conv1d", {}, "[N, 3, 8]", "the weight is for 4 channels, and 3 come in"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(name: str, attrs: dict[str, object], x: str, headline: str) -> None:
    weight = ("[8, 4, 3]",) if name == "conv1d" else ()
    assert refusal(name, attrs, x, *weight) == headline


def test_an_open_size_leaves_the_fit_of_the_kernel_to_prove() -> None:
    (tall, wide) = ask("Conv2d", {"out_channels": 8, "kernel_size": 5}, "[N, 3, H, W]").needs
    assert (str(tall.condition), tall.places, tall.kind) == ("H >= 5", (("x", -2),), "too-small")
    assert str(wide.condition) == "W >= 5"


def test_fans_of_a_grouped_convolution_come_from_roles() -> None:
    weight, bias = params("Conv2d", {"out_channels": 8, "kernel_size": 3, "groups": 2}, "[N, 6, 9, 9]")
    assert [(axis.role, axis.size) for axis in weight.axes] == [("out", 8), ("in", 3), ("kernel", 3), ("kernel", 3)]
    assert weight.groups == 2 and weight.family == "conv" and bias.family == "bias"
    assert weight.fallback == bias.fallback == Uniform(-1 / sqrt(27), 1 / sqrt(27))


def test_a_transposed_weight_begins_with_what_comes_in() -> None:
    weight, _ = params("ConvTranspose2d", {"out_channels": 4, "kernel_size": 2, "groups": 2}, "[N, 6, 9, 9]")
    assert [axis.role for axis in weight.axes] == ["in", "out", "kernel", "kernel"]
    assert weight.shape == (6, 2, 2, 2)


def test_vgg_16_has_the_parameters_of_its_paper() -> None:
    widths = (3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
    attrs = [{"out_channels": w, "kernel_size": 3, "padding": 1} for w in widths[1:]]
    total = sum(
        prod(spec.shape)
        for into, a in zip(widths, attrs, strict=False)
        for spec in params("Conv2d", a, f"[N, {into}, 32, 32]")
    )
    assert total == 14_714_688


def test_a_constructor_is_what_one_would_write() -> None:
    attrs = {"out_channels": 128, "kernel_size": 3, "stride": 2, "padding": 1, "bias": False}
    assert made("Conv2d", attrs, "[N, 64, 8, 8]") == call("nn.Conv2d", 64, 128, 3, stride=2, padding=1, bias=False)
    assert made("Conv2d", {"out_channels": 8, "kernel_size": (1, 3)}, "[N, 3, 8, 8]") == call(
        "nn.Conv2d", 3, 8, Sequence((1, 3))
    )
