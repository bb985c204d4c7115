"""Dropout: what is dropped, and when."""

from __future__ import annotations

import pytest
import torch

from fanin.ops.code import TRAINING, Input, call
from ops.asking import ask, emitted, op, refusal


@pytest.mark.parametrize("name", ["dropout", "dropout2d", "alpha_dropout", "feature_alpha_dropout"])
def test_dropout_follows_the_flag_of_the_module_around(name: str) -> None:
    assert emitted(name, {"p": 0.1}, "[N, 8, 4, 4]") == call(f"F.{name}", Input(0), 0.1, training=TRAINING)
    assert not op(name).keeps


def test_stochastic_depth_drops_whole_samples_and_keeps_the_mean() -> None:
    # The formula that the op emits, with the names of its parts filled in.
    x = torch.ones(4000, 3, 2)
    code = emitted("stochastic_depth", {"p": 0.25}, "[4000, 3, 2]")
    assert str(code.right.target) == "F.dropout" and code.right.args[0].args == (4000, 1, 1)
    torch.manual_seed(0)
    y = x * torch.nn.functional.dropout(x.new_ones(4000, 1, 1), 0.25, training=True)
    kinds = {round(float(v), 4) for v in y.flatten()}
    assert kinds == {0.0, round(1 / 0.75, 4)} and bool((y == y[:, :1, :1]).all())
    assert abs(float(y.mean()) - 1) < 0.05


def test_what_pytorch_only_warns_of_gets_a_note() -> None:
    assert ask("dropout2d", {}, "[N, 8, 4]").notes == ("`dropout2d` is made for 4 axes, and [N, 8, 4] has 3",)
    assert refusal("dropout1d", {}, "[N, 8, 4, 4]") == "`dropout1d` takes 2 or 3 axes, and [N, 8, 4, 4] has 4"
