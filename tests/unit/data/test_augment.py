"""Random changes of pictures: what each does, that they can be drawn again, and that held out rows are spared."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

from fanin import pipeline
from fanin.data import Batches, Data, DataFailed, bind, open_data
from fanin.data.augment import _MOVES, _sampled, augmented
from fanin.data.changes import AMOUNTS, Change
from fanin.source import Source


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def always(value: float) -> Any:
    return lambda *shape: torch.full((2, *shape), value)


def opened(text: Any, **options: Any) -> Data:
    data = open_data(text, **options)
    assert isinstance(data, Data)
    return data


PICTURES = torch.rand(2, 3, 6, 8, generator=draw())


def moved(name: str, amount: float, value: float, pictures: torch.Tensor = PICTURES) -> torch.Tensor:
    return _sampled(pictures, _MOVES[name](amount, always(value), *pictures.shape[2:]))


def test_what_moves_moves_the_right_way() -> None:
    torch.testing.assert_close(moved("flip", 1.0, 0.0), PICTURES.flip(3))
    torch.testing.assert_close(moved("flip", 0.5, 0.9), PICTURES)
    square = PICTURES[:, :, :, :6]
    assert any(torch.allclose(moved("rotate", 90.0, 1.0, square), square.rot90(k, (2, 3)), atol=1e-5) for k in (1, 3))
    torch.testing.assert_close(moved("rotate", 180.0, 1.0), PICTURES.flip(2, 3), atol=1e-5, rtol=0)
    shifted = torch.zeros_like(PICTURES)
    shifted[:, :, :-2, :-2] = PICTURES[:, :, 2:, 2:]
    torch.testing.assert_close(moved("shift", 2.0, 1.0), shifted, atol=1e-5, rtol=0)
    torch.testing.assert_close(moved("crop", 1.0, 0.3), PICTURES)
    ramp = (torch.arange(8.0) / 7).expand(2, 1, 6, 8)
    window = moved("crop", 0.25, 0.0, ramp)[0, 0, 3]  # half of each side, from the left and the top
    torch.testing.assert_close(window.diff()[1:], torch.full((6,), 0.5 / 7), atol=1e-5, rtol=0)
    middle = moved("zoom", 1.0, 1.0, ramp)[0, 0, 3]  # twice as large
    torch.testing.assert_close(middle.diff(), torch.full((7,), 0.5 / 7), atol=1e-5, rtol=0)


def test_two_moves_are_one_after_the_other() -> None:
    """Turned by 90 degrees and shifted: as if done by hand, whatever comes between."""
    square = PICTURES[:, :, :, :6]
    turned = moved("rotate", 90.0, 1.0, square)
    wanted = torch.zeros_like(turned)
    wanted[:, :, :-2, :-2] = turned[:, :, 2:, 2:]
    first, second = (_MOVES[n](a, always(1.0), 6, 6) for n, a in (("rotate", 90.0), ("shift", 2.0)))
    from fanin.data.augment import _then

    torch.testing.assert_close(_sampled(square, torch.baddbmm(*_then(first, second))), wanted, atol=1e-5, rtol=0)


def test_colours() -> None:
    many = torch.rand(4000, 3, 2, 2, generator=draw(1))
    grey = augmented(many, [Change("grey", 0.2)], draw(2), slice(None), 4000)
    plain = (grey == grey[:, :1]).all(3).all(2).all(1)
    assert plain.float().mean().item() == pytest.approx(0.2, abs=0.02)
    torch.testing.assert_close(grey[~plain], many[~plain])
    torch.testing.assert_close(
        grey[plain, 0], (many[plain] * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1)
    )
    noise = augmented(torch.zeros(4000, 1, 4, 4), [Change("noise", 0.5)], draw(3), slice(None), 4000)
    assert noise.std().item() == pytest.approx(0.5, rel=0.02) and abs(noise.mean().item()) < 0.01
    assert (noise.abs() > 1).float().mean().item() == pytest.approx(0.0455, abs=0.005)  # beyond two deviations
    for name in ("bright", "contrast", "colour"):
        found = augmented(many, [Change(name, 0.4)], draw(4), slice(None), 4000)
        assert found.min() >= 0 and found.max() <= 1 and not torch.equal(found, many)


@pytest.mark.parametrize("name", AMOUNTS)
def test_processes_that_share_a_batch_draw_what_one_would(name: str) -> None:
    data = opened({"image": PICTURES.repeat(4, 1, 1, 1).numpy()})
    data = Data(data.fields, augment={"image": (Change(name, AMOUNTS[name]),)})
    alone = [b["image"] for b in Batches(data, 5, seed=1)]
    parts = [[b["image"] for b in Batches(data, 5, seed=1, share=(rank, 2))] for rank in range(2)]
    for one, halves in zip(alone, zip(*parts, strict=True), strict=True):
        torch.testing.assert_close(torch.cat(halves), one)


def test_changes_are_new_in_each_epoch_and_come_again_on_resuming() -> None:
    pytest.importorskip("sklearn")
    data = opened("digits:augment=shift+rotate:100")
    batches = Batches(data, 32, seed=1, shuffle=False)
    epochs = [torch.cat([b["image"] for b in batches]) for _ in range(2)]
    assert not torch.equal(*epochs)
    batches = Batches(data, 32, seed=1, shuffle=False)
    seen, state = [], None
    for b in batches:
        seen.append(b["image"])
        if len(seen) == 2:
            state = json.loads(json.dumps(batches.state()))
            break
    torch.rand(10)
    batches = Batches(data, 32, seed=1, shuffle=False)
    assert state is not None
    batches.resume(state)
    assert torch.equal(torch.cat([*seen, *(b["image"] for b in batches)]), epochs[0])


def test_held_out_rows_are_spared() -> None:
    pytest.importorskip("sklearn")
    parts = opened("digits:augment=shift+rotate+flip").split(test=0.2, val=0.1)
    for part in ("val", "test"):
        batch = next(iter(Batches(parts[part], 50, shuffle=False)))
        np.testing.assert_allclose(batch["image"], parts[part]["image"][:50], rtol=1e-6)
    batch = next(iter(Batches(parts["train"], 50, shuffle=False)))
    assert not np.allclose(batch["image"], parts["train"]["image"][:50])


def test_two_views_of_each_picture() -> None:
    pytest.importorskip("sklearn")
    text = """system S()(a: [N, 1, 8, 8], b: [N, 1, 8, 8], image: [N, 1, 8, 8], label: int[N]) {
      w = Linear(3)
      loss l = mean(w(flatten(a, 1) + flatten(b, 1)))
      train w on l with sgd(lr=0.1)
    }"""
    program = pipeline.elaborate_source(Source("s.arch", text), "s.arch", "S", {})
    data = opened("digits:views=true:200")
    bound = bind(data, program.inputs, {"a": "one", "b": "two"})
    for part in bound.split(test=0.5).values():
        batch = next(iter(Batches(part, 64, shuffle=False)))
        assert not torch.equal(batch["a"], batch["b"])
        np.testing.assert_allclose(batch["image"], part["image"][:64], rtol=1e-6)
        again = next(iter(Batches(part, 64, shuffle=False)))
        assert torch.equal(batch["a"], again["a"]) and torch.equal(batch["b"], again["b"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("digits:augment=shft", "did you mean `shift`?"),
        ("digits:augment=flip2", "a share, from 0 to 1"),
        ("digits:augment=shift-1", "no change of a picture"),
        ("moons:augment=shift", "no pictures of floats"),
        ("digits:flat=true,views=true", "no pictures of floats"),
    ],
)
def test_changes_that_cannot_be(text: str, said: str) -> None:
    if text.startswith("digits"):
        pytest.importorskip("sklearn")
    with pytest.raises(DataFailed) as caught:
        open_data(text)
    assert said in str(caught.value)
