"""Embeddings, cells, resampling, distances, losses, and what is left of linear layers."""

from __future__ import annotations

import pytest

from fanin.ops.code import Attribute, IfNumber, Input, Method, call
from fanin.ops.contract import Complaint
from ops.asking import ask, emitted, gives, op, params, refusal


@pytest.mark.parametrize(
    ("name", "attrs", "types", "result"),
    [
        ("Embedding", {"num_embeddings": 100, "embedding_dim": 8}, ("int[B, T]",), "[B, T, 8]"),
        ("embedding", {}, ("int[B, T]", "[100, 8]"), "[B, T, 8]"),
        ("one_hot", {"num_classes": 10}, ("int[N]",), "int[N, 10]"),
        ("identity", {}, ("bool[N, 8]",), "bool[N, 8]"),
        ("Bilinear", {"out_features": 10}, ("[N, T, 8]", "[N, T, 4]"), "[N, T, 10]"),
        ("cosine_similarity", {"axis": -1}, ("[N, 1, 8]", "[M, 8]"), "[N, M]"),
        ("pairwise_distance", {"keepdim": True}, ("[N, 8]", "[N, 8]"), "[N, 1]"),
        ("interpolate", {"scale_factor": 2}, ("[N, 3, H, W]",), "[N, 3, 2 * H, 2 * W]"),
        ("interpolate", {"scale_factor": 0.5, "mode": "bilinear"}, ("[N, 3, H, W]",), "[N, 3, H // 2, W // 2]"),
        ("interpolate", {"size": (7, 9)}, ("[N, 3, H, W]",), "[N, 3, 7, 9]"),
        ("Upsample", {"scale_factor": 2}, ("[N, 3, L]",), "[N, 3, 2 * L]"),
        ("pixel_shuffle", {"upscale_factor": 2}, ("[N, 12, H, W]",), "[N, 3, 2 * H, 2 * W]"),
        ("pixel_unshuffle", {"downscale_factor": 2}, ("[N, 3, 8, 8]",), "[N, 12, 4, 4]"),
        ("channel_shuffle", {"groups": 3}, ("[N, 6, H, W]",), "[N, 6, H, W]"),
        ("pad", {"pad": (1, 2, 3, 4)}, ("[N, H, W]",), "[N, H + 7, W + 3]"),
        ("pad", {"pad": (-1, 0)}, ("[N, 8]",), "[N, 7]"),
        ("ReflectionPad2d", {"padding": 3}, ("[N, 3, 8, 8]",), "[N, 3, 14, 14]"),
        ("ZeroPad2d", {"padding": (1, 2, 3, 4)}, ("[N, 3, 8, 8]",), "[N, 3, 15, 11]"),
        ("unfold", {"kernel_size": 3, "padding": 1}, ("[N, 3, 8, 8]",), "[N, 27, 64]"),
        ("fold", {"output_size": 4, "kernel_size": 2, "stride": 2}, ("[N, 12, 4]",), "[N, 3, 4, 4]"),
        ("cross_entropy", {}, ("[N, 10]", "int[N]"), "[]"),
        ("cross_entropy", {"reduction": "none"}, ("[N, 10, H, W]", "int[N, H, W]"), "[N, H, W]"),
        ("cross_entropy", {"reduction": "none"}, ("[N, 10]", "[N, 10]"), "[N]"),
        ("nll_loss", {"reduction": "sum"}, ("[N, 10]", "int[N]"), "[]"),
        ("mse_loss", {"reduction": "none"}, ("[N, 8]", "[8]"), "[N, 8]"),
        ("triplet_margin_loss", {"reduction": "none"}, ("[N, 8]", "[N, 8]", "[N, 8]"), "[N]"),
    ],
)
def test_an_op_gives_this_type(name: str, attrs: dict[str, object], types: tuple[str, ...], result: str) -> None:
    assert gives(name, attrs, *types) == result


@pytest.mark.parametrize(
    ("name", "attrs", "types", "headline"),
    [
        (
            "Bilinear",
            {"out_features": 10},
            ("[5, 8]", "[4, 8]"),
            "the inputs of `Bilinear` disagree in axis 0: 5 and 4",
        ),
        ("interpolate", {}, ("[N, 3, 8]",), "`interpolate` takes a `size` or a `scale_factor`, and neither is given"),
        ("interpolate", {"scale_factor": 0.1}, ("[N, 3, 8]",), "`interpolate` of axis 2 gives a size of 0"),
        (
            "interpolate",
            {"scale_factor": 0.1},
            ("[N, 3, L]",),
            "a scale of 0.1 is no binary fraction, so what it makes of L hangs on rounding",
        ),
        (
            "interpolate",
            {"scale_factor": 2, "mode": "bilinear"},
            ("[N, 3, 8]",),
            'mode "bilinear" takes 4 axes, and [N, 3, 8] has 3',
        ),
        ("pixel_shuffle", {"upscale_factor": 2}, ("[N, 6, 8, 8]",), "6 channels do not divide into 2 × 2 pixels"),
        (
            "pad",
            {"pad": (1, 2, 3)},
            ("[N, 8]",),
            "`pad` takes two widths for each axis, from the last axis on, each axis "
            "before and after: (left, right, top, bottom), not 3",
        ),
        (
            "ReflectionPad1d",
            {"padding": 8},
            ("[3, 8]",),
            'mode "reflect" by 8 needs an axis of 9 or more, and axis 1 has 8',
        ),
        ("pad", {"pad": (-5, 0)}, ("[N, 4]",), "widths of -5 and 0 take away more than the 4 of axis 1"),
        (
            "fold",
            {"output_size": 4, "kernel_size": 2},
            ("[12, 8]",),
            "an image of this size has 9 windows, and there are 8 columns",
        ),
        ("cross_entropy", {}, ("[4, 10]", "int[5]"), "axis 0 of the target is 5, and x has 4"),
        (
            "cross_entropy",
            {},
            ("[4, 10]", "int[4, 1]"),
            "the target of `cross_entropy` has an index in place of the classes: it is int[4, 1], and x is [4, 10]",
        ),
        ("cross_entropy", {}, ("[4, 10]", "int[4]", "[9]"), "`weight` has 9 numbers for 10 classes"),
        ("binary_cross_entropy", {}, ("[4, 1]", "[4]"), "the target has as many axes as x: it is [4], and x is [4, 1]"),
        ("mse_loss", {}, ("[4]", "int[4]"), "the target of `mse_loss` is float, not int[4]"),
        (
            "LSTMCell",
            {"hidden_size": 16},
            ("[4, 8]", "[4, 12]", "[4, 16]"),
            "the state `h` has 12 numbers, and the cell 16",
        ),
        (
            "GRUCell",
            {"hidden_size": 16},
            ("[4, 5, 8]", "[4, 16]"),
            "`GRUCell` takes [B, in] or [in], not [4, 5, 8]: `scan` goes over a sequence",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_words(
    name: str, attrs: dict[str, object], types: tuple[str, ...], headline: str
) -> None:
    assert refusal(name, attrs, *types) == headline


@pytest.mark.parametrize(("name", "gates", "results"), [("RNNCell", 1, 2), ("GRUCell", 3, 2), ("LSTMCell", 4, 3)])
def test_a_cell_gives_its_state_twice_and_packs_its_gates(name: str, gates: int, results: int) -> None:
    types = ("[B, 8]", *["[B, 16]"] * (results - 1))
    found = ask(name, {"hidden_size": 16}, *types)
    assert [str(t) for t in found.types] == ["[B, 16]"] * results and len(op(name).results) == results
    shapes = {spec.name: spec.shape for spec in params(name, {"hidden_size": 16}, *types)}
    rows = 16 * gates
    assert shapes == {"weight_ih": (rows, 8), "weight_hh": (rows, 16), "bias_ih": (rows,), "bias_hh": (rows,)}


def test_a_number_becomes_a_target_of_xs_shape() -> None:
    full = call("torch.full_like", Input(0), Input(1))
    own = Method(Input(1), "to", (Attribute(Input(0), "dtype"),))
    assert emitted("mse_loss", {}, "[N]", "int[]").args == (Input(0), IfNumber(1, full, own))


def test_a_target_of_another_shape_is_stretched_with_a_note() -> None:
    (note,) = ask("mse_loss", {}, "[4, 1]", "[4]").notes
    assert note == "`mse_loss` stretches [4, 1] and [4] to a common shape"


def test_a_probability_is_between_0_and_1() -> None:
    kind = op("binary_cross_entropy")
    with pytest.raises(Complaint, match="the target is a probability, between 0 and 1, and not 3"):
        kind.check_numbers(kind.attrs(), [], [None, 3])
