"""Norms: what they need, own and emit."""

from __future__ import annotations

import pytest

from fanin.ir.laws import ONES, ZEROS
from fanin.ir.types import DType
from fanin.ops.code import Attribute, Cut, Input, Sequence, Subscript, call
from ops.asking import ask, emitted, gives, made, params, refusal


def test_batch_norm_needs_two_values_in_training_alone() -> None:
    (need,) = ask("BatchNorm2d", {}, "[N, 8, 1, 1]").needs
    assert need.training and str(need.condition) == "N >= 2"
    (always,) = ask("BatchNorm2d", {"track_running_stats": False}, "[N, 8, 1, 1]").needs
    assert not always.training


def test_batch_norm_of_an_image_needs_nothing() -> None:
    assert ask("BatchNorm2d", {}, "[1, 8, 2, 2]").needs == ()


def test_batch_norm_owns_what_pytorch_saves_in_its_order() -> None:
    specs = params("BatchNorm2d", {}, "[N, 8, 4, 4]")
    assert [(s.name, s.kind, s.shape) for s in specs] == [
        ("weight", "param", (8,)),
        ("bias", "param", (8,)),
        ("running_mean", "buffer", (8,)),
        ("running_var", "buffer", (8,)),
        ("num_batches_tracked", "buffer", ()),
    ]
    assert [s.fallback for s in specs] == [ONES, ZEROS, ZEROS, ONES, ZEROS]
    assert specs[-1].dtype is DType.INT


@pytest.mark.parametrize(
    ("name", "attrs", "types", "headline"),
    [
        ("GroupNorm", {"num_groups": 3}, ("[N, 8, 4, 4]",), "8 channels do not divide into 3 groups"),
        ("BatchNorm2d", {}, ("[N, 8]",), "`BatchNorm2d` takes [N, C, H, W], not [N, 8]"),
        (
            "InstanceNorm2d",
            {},
            ("[N, 8, 1, 1]",),
            "`InstanceNorm2d` needs more than one place in each channel to find a variance, and [N, 8, 1, 1] has 1",
        ),
        ("LayerNorm", {}, ("[]",), "`LayerNorm` normalises the last axis, and [] has 0"),
        ("layer_norm", {}, ("[N, 8]", "[4]"), "`weight` has 4 numbers for an axis of 8"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(
    name: str, attrs: dict[str, object], types: tuple[str, ...], headline: str
) -> None:
    assert refusal(name, attrs, *types) == headline


def test_layer_norm_of_several_axes_is_given_their_sizes() -> None:
    assert made("LayerNorm", {"axes": 2}, "[N, 4, 8]") == call("nn.LayerNorm", Sequence((4, 8)))
    assert made("LayerNorm", {"eps": 1e-6}, "[N, 4, 8]") == call("nn.LayerNorm", 8, eps=1e-6)
    assert gives("LayerNorm", {"axes": 2}, "[N, 4, 8]") == "[N, 4, 8]"


def test_a_function_reads_open_sizes_from_its_input() -> None:
    shape = Subscript(Attribute(Input(0), "shape"), (Cut(start=-1),))
    assert emitted("layer_norm", {}, "[N, D]") == call("F.layer_norm", Input(0), shape)
    assert emitted("layer_norm", {}, "[N, 8]", None, "[8]") == call(
        "F.layer_norm", Input(0), Sequence((8,)), bias=Input(2)
    )
