"""The name that was probably meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanin.diagnostics.suggest import did_you_mean, nearest

OPS = [
    "Conv1d", "Conv2d", "Conv3d", "ConvTranspose2d", "BatchNorm1d", "BatchNorm2d", "LayerNorm",
    "GroupNorm", "Linear", "ReLU", "relu", "GELU", "gelu", "SiLU", "silu", "MaxPool2d", "max_pool2d",
    "AvgPool2d", "avg_pool2d", "AdaptiveAvgPool2d", "adaptive_avg_pool2d", "Flatten", "flatten",
    "Embedding", "MultiheadAttention", "Dropout", "dropout", "Softmax", "softmax", "log_softmax",
    "concat", "stack", "batch_norm", "layer_norm",
]  # fmt: skip


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("max_pool_2d", "max_pool2d"),
        ("maxpool2d", "max_pool2d"),
        ("Conv2D", "Conv2d"),
        ("conv2d", "Conv2d"),
        ("Covn2d", "Conv2d"),
        ("batchnorm2d", "BatchNorm2d"),
        ("BatchNorm", "BatchNorm1d"),
        ("MaxPool", "MaxPool2d"),
        ("maxpool", "max_pool2d"),
        ("Relu", "ReLU"),
        ("rleu", "relu"),
        ("Linaer", "Linear"),
        ("flaten", "flatten"),
        ("softmx", "softmax"),
        ("adaptive_avgpool_2d", "adaptive_avg_pool2d"),
        ("MultiHeadAttention", "MultiheadAttention"),
        ("frobnicate", None),
        ("h", None),
        ("", None),
        ("___", None),
    ],
)
def test_nearest(written: str, meant: str | None) -> None:
    assert nearest(written, OPS) == meant
    assert nearest(written, reversed(OPS)) == meant


def test_one_letter_names_only_differ_in_case() -> None:
    assert nearest("n", ["N", "C"]) == "N"
    assert nearest("K", ["N", "C"]) is None


def test_the_end_of_a_sentence() -> None:
    assert did_you_mean("widht", ["width", "depth"]) == "; did you mean `width`?"
    assert did_you_mean("zebra", ["width"]) == ""


names = st.text("abcdeA_2", min_size=1, max_size=12)


@given(names, st.lists(names, max_size=8))
def test_a_suggestion_is_another_candidate(name: str, candidates: list[str]) -> None:
    found = nearest(name, candidates)
    assert found is None or (found in candidates and found != name)


@given(st.text("abcdefghij", min_size=6, max_size=12), st.data())
def test_one_mistake_is_forgiven(name: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(name) - 1))
    written = name[:place] + name[place + 1 :]
    assert nearest(written, [name]) == name
