"""Objectives whose targets are made of the input: masked tokens, turned pictures, and pictures changed at random.

Rows S028, S075, S105.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch.nn import functional as F

from fanin.data import open_data
from tests.mission.specs import column, trained
from tests.unit.systems.runs import training_of

# ------------------------------------------------------------------------------------------------------ masked tokens

MASKED = """
from std.transformer import PreNorm

## Which symbol stands at each place, with `symbols` for a mask.
model Reader(symbols: int, causal: bool = false, width: int = 64, depth: int = 2, length: int = 12)(token: int[B, T])
    -> [B, T, symbols] {
  x = (token -> words: Embedding(symbols + 1, width)) + (arange(T) -> places: Embedding(length, width))
  return x -> layers: depth * PreNorm(4, causal) -> norm: LayerNorm() -> head: Linear(symbols)
}

## 15 of 100 tokens are masked, and only they are asked for.
system Masked(symbols: int = 16, causal: bool = false, share: float = 0.15, width: int = 64)(token: int[B, T]) {
  net = Reader(symbols, causal, width)
  hidden = rand(B, T) < share
  logits = net(where(hidden, symbols, token))
  asked = where(hidden, token, -100)
  loss ce = cross_entropy(transpose(logits, 1, 2), asked, ignore_index=-100)
  right = argmax(logits, axis=-1) == token
  readable = hidden and not flip(hidden, 1)  # its mirror image is seen
  metric accuracy = sum(float(readable and right)) / sum(float(readable))
  metric of_all = sum(float(hidden and right)) / sum(float(hidden))
  train net on ce with adam(lr=1e-3), cosine(warmup=50)
}
"""


def test_s028_only_masked_tokens_count() -> None:
    """The loss is the mean over the masked ones alone, of a network that does not see them."""
    training = training_of(MASKED, "Masked", hyper={"width": 8}, steps=5)
    net = training.system.net
    token = torch.randint(16, (7, 12), generator=torch.Generator().manual_seed(0))
    torch.manual_seed(4)
    found = next(training.system.step_ce(token))["ce"]
    torch.manual_seed(4)
    hidden = torch.rand(7, 12, dtype=torch.float64) < 0.15
    assert 0 < hidden.sum() < 84
    logits = net(token.masked_fill(hidden, 16))
    wanted = -logits.log_softmax(-1)[hidden].gather(1, token[hidden][:, None]).mean()
    torch.testing.assert_close(found, wanted)
    plain = F.cross_entropy(logits.flatten(0, 1), token.flatten())  # what counting all of them would be: a leak
    assert abs(float(plain - found)) > 1e-3


@pytest.mark.slow
def test_s028_both_sides_of_a_mask_say_what_it_hides() -> None:
    """Palindromes: the other half has the answer, and what looks only back can't read it for the first half.

    A causal network can say the second half, which is half of the tokens, and guesses the first.
    """
    found = {}
    for causal in (False, True):
        settings = {"hyper": {"causal": causal}, "steps": 1200, "val": 2000, "log_every": 100}
        found[causal] = trained(MASKED, "Masked", "palindromes:n=20000", **settings).final
    assert found[False]["accuracy"] >= 0.99
    assert found[True]["accuracy"] <= 0.60
    # of the tokens whose mirror image is masked too, which is 15 of 100, even the best can only guess
    assert found[False]["of_all"] == pytest.approx(0.85 + 0.15 / 16, abs=0.02)
