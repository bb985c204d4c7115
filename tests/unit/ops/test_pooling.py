"""Pooling: sizes, needs and what is emitted."""

from __future__ import annotations

import pytest

from fanin.ops.code import Input, Sequence, call
from ops.asking import emitted, gives, refusal


@pytest.mark.parametrize(
    ("name", "attrs", "x", "y"),
    [
        ("max_pool2d", {"kernel_size": 2}, "[N, 8, H, W]", "[N, 8, H // 2, W // 2]"),
        ("max_pool2d", {"kernel_size": 3, "stride": 2, "padding": 1}, "[N, 8, 112, 112]", "[N, 8, 56, 56]"),
        ("max_pool2d", {"kernel_size": 3, "stride": 2}, "[N, 8, 112, 112]", "[N, 8, 55, 55]"),
        ("max_pool2d", {"kernel_size": 3, "stride": 2, "ceil_mode": True}, "[N, 8, 112, 112]", "[N, 8, 56, 56]"),
        # the last window would start in the padding on the right: PyTorch leaves it out
        ("max_pool1d", {"kernel_size": 2, "stride": 3, "padding": 1, "ceil_mode": True}, "[8, 5]", "[8, 2]"),
        ("avg_pool1d", {"kernel_size": 4, "stride": 2}, "[8, 10]", "[8, 4]"),
        ("avg_pool3d", {"kernel_size": (1, 2, 2)}, "[8, 5, 6, 6]", "[8, 5, 3, 3]"),
        ("adaptive_avg_pool2d", {"output_size": 1}, "[N, 8, H, W]", "[N, 8, 1, 1]"),
        ("adaptive_max_pool2d", {"output_size": (None, 7)}, "[N, 8, H, W]", "[N, 8, H, 7]"),
        ("lp_pool2d", {"norm_type": 2, "kernel_size": 2}, "[N, 8, 9, 9]", "[N, 8, 4, 4]"),
    ],
)
def test_a_pool_gives_so_many_windows(name: str, attrs: dict[str, object], x: str, y: str) -> None:
    assert gives(name, attrs, x) == y


@pytest.mark.parametrize(
    ("name", "attrs", "x", "headline"),
    [
        ("max_pool2d", {"kernel_size": 3}, "[N, 8, 2, 9]", "a window of 3 does not fit into an axis of 2"),
        (
            "max_pool2d",
            {"kernel_size": 3, "padding": 2},
            "[N, 8, 9, 9]",
            "a padding of 2 is more than half of the kernel of 3",
        ),
        ("avg_pool1d", {"kernel_size": 3}, "[8, 9, 9, 9]", "`avg_pool1d` takes [N, C, L] or [C, L], not [8, 9, 9, 9]"),
        # PyTorch's average of volumes does not look at the padding here
        (
            "avg_pool3d",
            {"kernel_size": 2, "padding": 1},
            "[8, 1, 4, 4]",
            "a window of 2 does not fit into an axis of 1",
        ),
        (
            "adaptive_avg_pool1d",
            {"output_size": None},
            "[8, 9]",
            "`adaptive_avg_pool1d` needs a number for its output size",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_words(name: str, attrs: dict[str, object], x: str, headline: str) -> None:
    assert refusal(name, attrs, x) == headline


def test_a_call_is_what_one_would_write() -> None:
    x = "[N, 8, 9, 9]"
    assert emitted("max_pool2d", {"kernel_size": 2}, x) == call("F.max_pool2d", Input(0), 2)
    attrs = {"kernel_size": 3, "stride": 2, "padding": 1}
    assert emitted("max_pool2d", attrs, x) == call("F.max_pool2d", Input(0), 3, stride=2, padding=1)
    assert emitted("adaptive_avg_pool2d", {"output_size": (None, 7)}, x) == call(
        "F.adaptive_avg_pool2d", Input(0), Sequence((None, 7))
    )
