"""Pruning and the lottery ticket on real digits. Rows S217 to S220; A1 and A9 to A12 of the acceptance."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import fanin
from fanin.pruning.masks import masked
from fanin.runtime import modes
from fanin.systems.problems import RunFailed

SPEC = """\
model Net()(image: [N, 1, 8, 8]) -> [N, 10] {
  return image -> rearrange("n c h w -> n (c h w)") -> fc1: Linear(300, init=xavier_normal) -> relu
    -> fc2: Linear(100, init=xavier_normal) -> relu -> fc3: Linear(10, init=xavier_normal)
}

system Fit()(image: [N, 1, 8, 8], label: int[N]) {
  net = Net()
  logits = net(image)
  loss ce = cross_entropy(logits, label)
  metric accuracy = mean(float(argmax(logits, axis=1) == label))
  train net on ce with adam(lr=3e-3)
}

prune Ticket of Fit {
  CLAUSES
}
"""
RUN: dict[str, Any] = {"epochs": 12, "batch_size": 60, "val": 400, "test": 897, "device": "cpu"}


FIVE = "scope layer\n  seeds 0..5"
REFERENCE = (
    "scope layer\n  remove 20% each of 15 rounds\n  rate net.fc3: 10%\n  compare reinit, random, once, dense\n"
    "  seeds 0..5\n  measure accuracy, steps_to(accuracy, 0.9)\n"
    "  expect accuracy(round=9) - accuracy(round=9, run=reinit) > 0.02"
)
ROUNDS = f"{FIVE}\n  remove 20% each of 15 rounds\n  rate net.fc3: 10%\n  rewind"
GOING_ON = {
    "rate": f"{ROUNDS} rate",
    "to start": f"{ROUNDS} to start",
    "none": f"{ROUNDS} none\n  retrain with adam(lr=3e-4)",
}
EIGHTEEN = f"{FIVE}\n  remove 20% each of 18 rounds"
OUTPUT = {"half": f"{EIGHTEEN}\n  rate net.fc3: half", "full": EIGHTEEN}
ONE_PERCENT = "remove to 1% in 1 rounds\n  seeds 0..3"
AFTER = "remove 75% at once\n  seeds 0..5\n  rewind none\n  retrain for 1 steps with sgd(lr=1e-12)"
PIECES = {
    "global": "scope global",
    "layer": "scope layer",
    "unit": "scope layer\n  by l2\n  unit neuron",
    "block": "scope layer\n  by l2\n  unit block(5, 4)",  # which fill ten rows, too
    "random": "scope layer\n  by random",
}
DEEP = SPEC.replace("fc3: Linear(10,", "fc3: Linear(100) -> relu\n    -> fc4: Linear(100) -> relu -> fc5: Linear(10,")
DEEP = DEEP.replace("Linear(100) ->", "Linear(100, init=he_normal) ->").replace("xavier_normal", "he_normal")


def run(folder: Path, clauses: str, spec: str = SPEC, **more: Any) -> Any:
    path = folder / "digits.arch"
    path.write_text(spec.replace("CLAUSES", clauses))
    return fanin.prune(str(path), "Ticket", "digits", **(RUN | more))


def percent(pruned: Any, place: int | None = None, run: str = "ticket") -> float:
    return 100 * float(pruned.results.mean("accuracy", place, run))


def paired(results: Any, place: int, run: str) -> tuple[float, float, float]:
    """The mean of ticket - run in points over seeds, its t, and its least."""
    one, other = results.values("accuracy", place), results.values("accuracy", place, run)
    gaps = [100 * (a - b) for a, b in zip(one, other, strict=True)]
    mean = sum(gaps) / len(gaps)
    spread = math.sqrt(sum((g - mean) ** 2 for g in gaps) / (len(gaps) - 1))
    return mean, mean / (spread / math.sqrt(len(gaps))), min(gaps)


@pytest.mark.slow
def test_s218_s219_the_lottery_ticket_on_digits(tmp_path: Path) -> None:
    """The reference experiment: 500 images, 108 steps, 15 rounds, five seeds, 305 trainings."""
    results = run(tmp_path, REFERENCE).results
    mean = {r: [100 * results.mean("accuracy", i, r) for i in range(16)] for r in results.runs}
    dense, ticket = mean["ticket"][0], mean["ticket"]
    assert results.density(9) == pytest.approx(0.139, abs=1e-3)
    assert results.density(15) == pytest.approx(0.0386, abs=1e-4)
    assert 93.5 < dense < 96.5
    assert ticket[9] >= dense - 0.5
    gap, _, least = paired(results, 9, "reinit")
    assert gap >= 2.0 and least > 0
    for place, wanted in ((14, 4.0), (15, 5.0)):
        gap, t, _ = paired(results, place, "reinit")
        assert gap >= wanted and t > 3
    assert ticket[14] - mean["random"][14] >= 10
    assert ticket[15] - mean["once"][15] >= 1.5
    assert abs(ticket[4] - mean["once"][4]) <= 1
    assert results.values("accuracy", 1) == results.values("accuracy", 1, "once")
    assert all(holds for _, holds, _, _ in results.promises())
    steps = "steps_to(accuracy, 0.9)"

    def slowness(place: int, run: str = "ticket") -> float:
        found = [117.0 if v is None else v for v in results.values(steps, place, run)]  # never: after the last look
        return sum(found) / len(found)

    assert slowness(0) / slowness(6) >= 2
    assert slowness(6, "reinit") / slowness(6) >= 3


@pytest.mark.slow
def test_a1_the_whole_network(tmp_path: Path, one_thread: None) -> None:
    """1347 images, 30 epochs of Adam at 1.2e-3, measured on the other 450: three seeds."""
    path = tmp_path / "digits.arch"
    path.write_text(SPEC.replace("CLAUSES", "remove 20% at once").replace("lr=3e-3", "lr=1.2e-3"))
    settings: dict[str, Any] = {"epochs": 30, "batch_size": 64, "test": 450, "device": "cpu"}
    found = [fanin.train(str(path), "Fit", "digits", seed=seed, **settings).test["accuracy"] for seed in range(3)]
    assert 100 * sum(found) / 3 >= 97.3


@pytest.mark.slow
def test_a9_how_rounds_go_on(tmp_path: Path) -> None:
    """At 3.86 %: the learning rate rewound, the weights rewound, or fine-tuned with a tenth of the rate."""
    found = {kind: percent(run(tmp_path, clauses)) for kind, clauses in GOING_ON.items()}
    assert found["rate"] >= found["to start"] - 0.5
    assert found["to start"] >= found["none"] + 2


@pytest.mark.slow
def test_a10_the_output_layer_at_half_the_rate(tmp_path: Path) -> None:
    """Near 2 %, where at the full rate the last layer has too few weights left."""
    half, full = run(tmp_path, OUTPUT["half"]), run(tmp_path, OUTPUT["full"])
    assert half.results.density(18) == pytest.approx(0.0207, abs=2e-4)
    assert full.results.density(18) == pytest.approx(0.018, abs=2e-4)
    assert percent(half) >= percent(full) + 2


@pytest.mark.slow
def test_a11_pruning_before_training(tmp_path: Path) -> None:
    """At 1 % of 300-100-100-100, three seeds: SynFlow in 100 rounds is best and leaves every layer something."""
    found = {
        name: run(tmp_path, f"by {name}\n  {ONE_PERCENT}", DEEP, epochs=40) for name in ("synflow", "snip", "grasp")
    }
    assert percent(found["synflow"]) > max(percent(found["snip"]), percent(found["grasp"])) + 5
    for ticket in found["synflow"].tickets.values():
        assert min(int(mask.sum()) for mask in ticket.masks[0].values()) > 0
    with pytest.raises(RunFailed, match=r"`net\.fc\d\.weight` collapses: in round 1 of seed 0"):
        run(tmp_path, f"by magnitude\n  {ONE_PERCENT}", DEEP.replace("adam(lr=3e-3)", "sgd(lr=1e-12)"))


@pytest.mark.slow
def test_a12_in_what_pieces(tmp_path: Path) -> None:
    """75 % in one go, and no training after it: single weights by one ranking lose least, places by chance most."""
    found = {kind: percent(run(tmp_path, f"{clauses}\n  {AFTER}")) for kind, clauses in PIECES.items()}
    assert 90 < found["global"] > found["layer"] > found["unit"] > found["block"] > found["random"] < 35, found


@pytest.fixture
def one_thread() -> Iterator[None]:
    with modes.one_thread():
        yield


@pytest.mark.slow
def test_s217_one_shot(tmp_path: Path) -> None:
    """One cut to 2.8 %: exactly so many weights, and retraining brings it back from next to chance."""
    pruned = run(tmp_path, "remove to 2.8% in 1 rounds")
    ticket = pruned.tickets[0]
    assert sum(int(mask.sum()) for mask in ticket.masks[0].values()) == round(0.028 * 50_200)
    for key, mask in ticket.masks[0].items():
        assert not ticket.weights[key][~mask].any()
    assert pruned.results.mean("accuracy") >= 0.75


@pytest.mark.slow
def test_s220_late_resetting(tmp_path: Path) -> None:
    """Rounds begin with the weights of the end of the third epoch, where the mask is, and with zeros elsewhere."""
    from fanin.pruning import trainer

    begun = []
    back = trainer.back

    def watched(loop: Any, point: Any, masks: Any) -> None:
        back(loop, point, masks)
        begun.append((point, masks, {k: v.clone() for k, v in loop.system.state_dict().items()}, loop.steps))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer, "back", watched)
        run(tmp_path, "scope layer\n  remove 20% each of 3 rounds\n  rewind to epoch 3")
    path, threads = tmp_path / "digits.arch", torch.get_num_threads()
    torch.set_num_threads(1)  # as an experiment has it
    try:
        alone = fanin.train(str(path), "Fit", "digits", **{**RUN, "epochs": 3})
    finally:
        torch.set_num_threads(threads)
    assert len(begun) == 3
    for point, masks, state, steps in begun:
        assert steps == 27
        for key, tensor in masked(point.weights, masks).items():
            assert torch.equal(state[key], tensor)
            assert torch.equal(point.weights[key], alone.system.state_dict()[key])
