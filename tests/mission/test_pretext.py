"""Objectives whose targets are made of the input: masked tokens, turned pictures, and pictures changed at random.

Rows S028, S075, S105.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sklearn.datasets import load_digits
from torch.nn import functional as F

from fanin.data import Batches, open_data
from tests.mission.specs import column, same, snapshot, trained
from tests.parity.conftest import torchvision_models  # noqa: F401
from tests.unit.systems.runs import training_of, twin

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
    assert abs((plain - found).item()) > 1e-3


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


# ---------------------------------------------------------------------------------------------------- turned pictures

TURNED = """
@init(conv=he_normal)
block Encoder(width: int = 32)(image: [N, 1, H, W]) -> [N, F] {
  return image
    -> conv1: Conv2d(width, 3, padding=1) -> relu -> conv2: Conv2d(width, 3, padding=1) -> relu -> max_pool2d(2)
    -> conv3: Conv2d(width, 3, padding=1) -> relu -> max_pool2d(2) -> flatten(1)
}

## Pictures as they are and turned by 90, 180 and 270 degrees, in this order.
fn turned(x: [N, 1, S, S]) -> [4 * N, 1, S, S] {
  across = transpose(x, 2, 3)
  return concat(x, flip(across, 2), flip(flip(x, 2), 3), flip(across, 3))
}

## Which way up? The labels come of the pictures themselves.
system Turns()(image: [N, 1, 8, 8]) {
  encoder = Encoder()
  head = Linear(4)
  logits = image -> turned -> encoder -> head
  way = repeat_interleave(arange(4), N)
  loss ce = cross_entropy(logits, way)
  metric accuracy = mean(float(argmax(logits, axis=1) == way))
  train encoder, head on ce with adam(lr=1e-3)
}

## A linear map of what the encoder gives, and of nothing else, is trained on the labels.
system Probe()(image: [N, 1, 8, 8], label: int[N]) {
  encoder = Encoder()
  head = Linear(10)
  logits = image -> encoder -> head
  loss ce = cross_entropy(logits, label)
  metric accuracy = mean(float(argmax(logits, axis=1) == label))
  train head on ce with adam(lr=3e-3)
}
"""


def test_s075_the_labels_are_the_turns() -> None:
    training = training_of(TURNED, "Turns", steps=1)
    image = torch.rand(5, 1, 8, 8, dtype=torch.float64)
    net = twin(training)
    told = training(image)
    pictures = torch.cat([torch.rot90(image, k, (2, 3)) for k in range(4)])
    logits = net.head(net.encoder(pictures))
    wanted = F.cross_entropy(logits, torch.tensor([k for k in range(4) for _ in range(5)]))
    torch.testing.assert_close(told["ce"], wanted.detach(), rtol=0, atol=1e-12)


@pytest.mark.slow
def test_s075_telling_which_way_up_helps_to_tell_what_it_is(tmp_path: Path) -> None:
    """A linear probe on an encoder that never saw a label, against one on the random encoder that it began as."""
    data = load_digits()
    order = np.random.default_rng(0).permutation(1797)
    image = (data.images[order, None] / 16).astype(np.float32)
    label = data.target[order]
    found: dict[str, list[float]] = {"random": [], "turns": []}
    for seed in range(3):
        pretext = trained(TURNED, "Turns", {"image": image[:1437]}, epochs=25, seed=seed, log_every=1000)
        file = tmp_path / f"{seed}.safetensors"
        save_file(pretext.system.state_dict(), file)
        for name, weights in (("random", {}), ("turns", {"encoder": f"{file}:encoder"})):
            own = {"image": image[:1437], "label": label[:1437]}
            run = trained(TURNED, "Probe", own, epochs=60, seed=seed, weights=weights, log_every=1000)
            held = run.measure(open_data({"image": image[1437:], "label": label[1437:]}))
            found[name].append(held["accuracy"])
    assert np.mean(found["turns"]) >= np.mean(found["random"]) + 0.01


# ----------------------------------------------------------------------------------------- pictures changed at random

FEW = """
system Few()(image: [N, 1, 8, 8], label: int[N]) {
  body = Conv2d(32, 3, padding=1) -> relu -> Conv2d(32, 3, padding=1) -> relu -> MaxPool2d(2)
  head = Linear(10)
  logits = image -> body -> flatten(1) -> head
  loss ce = cross_entropy(logits, label)
  metric accuracy = mean(float(argmax(logits, axis=1) == label))
  metric ink = mean(image)
  train body, head on ce with adam(lr=1e-3)
}
"""


def test_s105_changes_follow_from_the_seed_and_spare_what_is_held_out() -> None:
    settings: dict[str, Any] = {"epochs": 2, "val": 200, "batch_size": 50}
    plain = trained(FEW, "Few", "digits:400", **settings)
    runs = [trained(FEW, "Few", "digits:augment=shift1+rotate10:400", seed=s, **settings) for s in (0, 0, 1)]
    assert column(runs[0], "ink") == column(runs[1], "ink") != column(runs[2], "ink")
    assert same(snapshot(runs[0].system), snapshot(runs[1].system))
    assert column(runs[0], "ink")[:4] != column(runs[0], "ink")[4:]
    np.testing.assert_array_less(column(runs[0], "ink"), column(plain, "ink"))  # ink is pushed over the edges
    for one, other in zip(runs[0].validation, plain.validation, strict=True):
        assert one["ink"] == other["ink"]


def test_s105_a_turned_picture_is_torchvisions(torchvision_models: Any) -> None:  # noqa: F811
    """Each picture of a batch is torchvision's rotation of itself by an angle of the range, found by trying."""
    from torchvision.transforms.functional import InterpolationMode, rotate

    data = open_data("digits:augment=rotate15:20")
    changed = next(iter(Batches(data, 20, shuffle=False)))["image"]
    plain = torch.tensor(open_data("digits:20")["image"])
    angles = np.linspace(-15, 15, 601)
    tried = torch.stack([rotate(plain, float(a), InterpolationMode.BILINEAR) for a in angles])
    off = (tried - changed).abs().amax((2, 3, 4))
    assert off.min(0).values.max() < 0.01  # half a step of the grid
    best = angles[off.argmin(0).numpy()]
    assert best.min() < -5 and best.max() > 5
    assert (plain - changed).abs().amax((1, 2, 3)).median() > 0.1


@pytest.mark.slow
def test_s105_shifts_and_turns_help_where_labels_are_few() -> None:
    """100 labels, ten of each digit, and 1,697 pictures held out: five splits."""
    found: dict[str, list[float]] = {}
    for source in ("digits", "digits:augment=shift1+rotate10"):
        for seed in range(5):
            settings = {"test": 1697, "stratify": "label", "epochs": 200, "batch_size": 50, "log_every": 1000}
            run = trained(FEW, "Few", source, seed=seed, **settings)
            found.setdefault(source, []).append(run.test["accuracy"])
    without, with_ = found.values()
    assert np.mean(with_) >= np.mean(without) + 0.01
