"""Names of PyTorch's that no op has: what is offered instead is there."""

from __future__ import annotations

import pytest

from fanin import pipeline
from fanin.elaborate.foreign import EXPLAINED
from fanin.ops.registry import find_op, names
from fanin.ops.torch_names import INSTEAD, RENAMED


@pytest.mark.parametrize("name", RENAMED)
def test_a_renamed_function_is_there(name: str) -> None:
    assert find_op(RENAMED[name]) is not None
    assert find_op(name) is None


def test_nothing_is_explained_that_is_there() -> None:
    assert not set(INSTEAD) & set(names())
    assert all(text.strip() for text in EXPLAINED.values())


def test_the_checker_offers_them() -> None:
    (renamed,) = pipeline.check_text("model N()(x: [N, 4]) { return clip(x, 0.0, 1.0) }").diagnostics
    assert renamed.fix is not None and renamed.fix.edits[0].text == "clamp"
    found = pipeline.check_text("model N()(x: [N, T, 4]) { return x -> LSTM(8) }").diagnostics
    assert any("LSTMCell" in text for d in found for text in d.helps)
