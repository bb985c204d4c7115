"""Runs: what they keep, how they go on after a kill, and how they end when something is wrong."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import fanin
from fanin.report import CheckFailed
from fanin.runtime import modes
from fanin.systems.problems import RunFailed
from tests.killing import killed, lasting, started

SPEC = """
block Net(classes: int = 3, p: float = 0.1)(x: [N, 4]) -> [N, classes] {
  return x -> fc1: Linear(16) -> bn: BatchNorm1d() -> relu -> dropout(p) -> fc2: Linear(classes)
}

system Fit(rate: float = 0.01)(x: [N, 4], label: int[N]) {
  net = Net()
  shown = ema(net, decay=0.9)
  logits = net(x + 0.1 * randn_like(x))
  loss ce = cross_entropy(logits, label)
  metric accuracy = mean(float(argmax(logits, axis=1) == label))
  guess = argmax(shown(x), axis=1)
  train net on ce with adam(lr=rate), cosine(warmup=5), clip(1.0), accumulate(2)
}

system Staged()(x: [N, 4], label: int[N]) {
  net = Net(p=0.0)
  loss ce = cross_entropy(net(x), label)
  stage first for 2 epochs { train net.fc2 on ce with sgd(lr=0.1) }
  stage second for 10 steps { train net on ce with adam(lr=0.01) }
}
"""


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    with modes.one_thread():
        yield


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "spec.arch"
    path.write_text(SPEC)
    return str(path)


def same(one: Any, other: Any) -> bool:
    mine, theirs = one.state_dict(), other.state_dict()
    return mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_a_run_keeps_what_it_needs(spec: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    run = fanin.train(spec, "Fit", "iris:scale=standard", epochs=30, val=0.2, test=30, out=str(out))
    assert run.final["accuracy"] > 0.85
    assert run.test.keys() == {"ce", "accuracy"}
    assert run.steps == 30 * 2 == len(run.history)
    assert len(run.validation) == 30
    assert (out / "spec" / "spec.arch").read_text() == SPEC
    rows = (out / "train.csv").read_text().splitlines()
    assert rows[0] == "step,epoch,stage,ce,accuracy"
    assert len(rows) == 61
    document = json.loads((out / "run.json").read_text())
    assert (document["system"], document["data"]) == ("Fit", "iris:scale=standard")
    from safetensors.torch import load_file

    saved = load_file(out / "weights.safetensors")
    assert saved.keys() == run.system.state_dict().keys()
    source = (out / "system.py").read_text()
    assert source == fanin.source(spec, "Fit")
    guess = run.value("guess")
    assert guess(x=torch.zeros(5, 4)).shape == (5,)


def test_stages_count_epochs_and_steps(spec: str) -> None:
    run = fanin.train(spec, "Staged", "iris", batch_size=40)
    assert run.steps == 2 * 4 + 10
    assert [row["stage"] for row in run.history] == ["first"] * 8 + ["second"] * 10


@pytest.mark.parametrize("at", [1, 7, 20, 33])
def test_a_run_that_was_stopped_goes_on_to_the_same_bits(spec: str, tmp_path: Path, at: int) -> None:
    settings: dict[str, Any] = {"steps": 40, "val": 0.2, "save_every": 6}
    whole = fanin.train(spec, "Fit", "iris", out=str(tmp_path / "a"), **settings)

    class Stop(Exception):
        pass

    def stop(event: str, known: Any) -> None:
        if event == "step" and known["step"] == at:
            raise Stop

    with pytest.raises(Stop):
        fanin.train(spec, "Fit", "iris", out=str(tmp_path / "b"), watch=stop, **settings)
    torch.manual_seed(12345)  # whatever was drawn in between
    again = fanin.resume(str(tmp_path / "b"))
    assert same(whole.system, again.system)
    assert whole.history == again.history
    assert whole.validation == again.validation
    for name in ("train.csv", "validation.csv", "metrics.jsonl", "weights.safetensors"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


RUN: dict[str, Any] = {"steps": 60, "val": 0.2, "save_every": 3}


def taken_on(spec: str, out: str) -> None:
    """Begin a run, or go on with it where there is one to go on with."""
    if os.path.exists(os.path.join(out, "run.json")):
        fanin.resume(out)
    else:
        shutil.rmtree(out, ignore_errors=True)
        fanin.train(spec, "Fit", "iris", out=out, **RUN)


def killed_runs(spec: str, folder: Path, kills: int, seed: int) -> int:
    """Kill a run at random moments, go on with it until it ends, and compare; gives the number of kills."""
    whole = fanin.train(spec, "Fit", "iris", out=str(folder / "whole"), **RUN)
    lasted = lasting(taken_on, spec, str(folder / "again"))
    draw = random.Random(seed)
    done = runs = 0
    while done < kills:
        out = str(folder / f"run{runs}")
        runs += 1
        while True:
            child = started(taken_on, spec, out)
            if done < kills and killed(child, draw.uniform(0, lasted)):
                done += 1
                continue
            child.join()
            break
        for name in ("train.csv", "validation.csv", "metrics.jsonl", "weights.safetensors"):
            assert (folder / "whole" / name).read_bytes() == Path(out, name).read_bytes(), (name, runs)
    assert whole.steps == 60
    return done


def test_killed_at_random_moments(spec: str, tmp_path: Path) -> None:
    assert killed_runs(spec, tmp_path, 6, seed=0) >= 6


@pytest.mark.slow
def test_killed_a_hundred_times(spec: str, tmp_path: Path) -> None:
    assert killed_runs(spec, tmp_path, 100, seed=1) >= 100


def test_early_stopping_restores_the_best_weights(spec: str, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    label = np.random.default_rng(1).integers(0, 3, 60)  # nothing to learn: held out data gets worse soon
    seen: list[float] = []

    def watch(event: str, known: Any) -> None:
        if event == "validation":
            seen.append(known["ce"])

    data = {"x": x, "label": label}
    settings: dict[str, Any] = {"val": 20, "hyper": {"rate": 0.05}, "epochs": 200}
    run = fanin.train(spec, "Fit", data, monitor="ce", patience=4, watch=watch, **settings)
    best = int(np.argmin(seen))
    assert len(seen) == best + 1 + 4

    class Stop(Exception):
        pass

    count = 0

    def at_the_best(event: str, known: Any) -> None:
        nonlocal count
        count += event == "validation"
        if count == best + 1:
            raise Stop

    with pytest.raises(Stop):
        fanin.train(spec, "Fit", data, out=str(tmp_path / "run"), save_every=1, watch=at_the_best, **settings)
    from fanin.systems import checkpoint

    kept = checkpoint.load(str(checkpoint.last(str(tmp_path / "run" / "checkpoints"))))["training"]["system"]
    assert all(torch.equal(kept[name], tensor) for name, tensor in run.system.state_dict().items())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "for how long"),
        ({"epochs": 1, "steps": 1}, "both given"),
        ({"epochs": 0}, "1 or more"),
        ({"epochs": 1, "epoch": 2}, "did you mean `epochs`"),
        ({"epochs": 1, "monitor": "acc", "val": 0.1}, "no measure"),
        ({"epochs": 1, "monitor": "ce"}, "held out"),
        ({"epochs": 1, "patience": 3}, "monitor"),
        ({"epochs": 1, "precision": "half"}, "float32"),
        ({"epochs": 1, "weights": {"nett": "x.safetensors"}}, "no file"),
    ],
)
def test_settings_that_cannot_be_meant(spec: str, tmp_path: Path, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(RunFailed, match=said):
        fanin.train(spec, "Fit", "iris", out=str(tmp_path / "run"), **settings)
    if "weights" not in settings:
        assert not (tmp_path / "run").exists()


def test_data_that_does_not_fit(spec: str, tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match="DAT"):
        fanin.train(spec, "Fit", {"x": np.zeros((5, 4), np.float32)}, epochs=1, out=str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_not_finite_ends_the_run(spec: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(RunFailed, match="`ce` is nan"):
        fanin.train(spec, "Fit", "iris", out=str(out), epochs=50, hyper={"rate": 1e30})
    assert "nan" in (out / "train.csv").read_text()


def test_a_full_disk_keeps_the_checkpoint_before(spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fanin.systems import checkpoint

    plain = checkpoint.write
    count = 0

    def full(final: str, state: Any) -> None:
        nonlocal count
        count += 1
        if count == 3:
            raise OSError(28, "No space left on device")
        plain(final, state)

    monkeypatch.setattr(checkpoint, "write", full)
    out = tmp_path / "run"
    with pytest.raises(RunFailed, match=r"No space left on device.*\n.*step 10 is kept"):
        fanin.train(spec, "Fit", "iris", out=str(out), steps=40, save_every=5)
    monkeypatch.undo()
    again = fanin.resume(str(out))
    whole = fanin.train(spec, "Fit", "iris", steps=40)
    assert same(again.system, whole.system)


def test_a_folder_that_has_something_is_left_alone(spec: str, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("mine")
    with pytest.raises(RunFailed, match="not empty"):
        fanin.train(spec, "Fit", "iris", epochs=1, out=str(tmp_path))
    with pytest.raises(RunFailed, match="no folder of a run"):
        fanin.resume(str(tmp_path))


def test_a_resumed_run_stays_what_it_was(spec: str, tmp_path: Path) -> None:
    out = str(tmp_path / "run")
    fanin.train(spec, "Fit", "iris", epochs=1, out=out)
    with pytest.raises(RunFailed, match="batch_size"):
        fanin.resume(out, batch_size=7)


def test_parts_start_with_weights_from_a_file(spec: str, tmp_path: Path) -> None:
    first = fanin.train(spec, "Fit", "iris", epochs=3, out=str(tmp_path / "a"))
    file = str(tmp_path / "a" / "weights.safetensors")
    run = fanin.train(spec, "Staged", "iris", weights={"net": f"{file}:net"})
    before = first.system.state_dict()
    after = run.system.state_dict()
    assert not torch.equal(before["net.fc2.weight"], after["net.fc2.weight"])
    with pytest.raises(RunFailed, match=r"no `fc1\.weight`"):
        fanin.train(spec, "Staged", "iris", weights={"net": file})


def test_weights_that_decay() -> None:
    from tests.unit.systems.runs import training_of

    text = SPEC.replace(
        "train net on ce with adam(lr=0.01) }",
        'train net on ce with adamw(lr=0.01, weight_decay=0.5), decay("net.*.weight") }',
    )
    training = training_of(text, "Staged", epoch=1)
    named = {id(p): n for n, p in training.system.named_parameters()}
    (adam,) = [o for o in training.optimisers.values() if isinstance(o, torch.optim.AdamW)]
    groups = {g["weight_decay"]: [named[id(p)] for p in g["params"]] for g in adam.param_groups}
    assert groups == {
        0.5: ["net.fc1.weight", "net.bn.weight", "net.fc2.weight"],
        0.0: ["net.fc1.bias", "net.bn.bias", "net.fc2.bias"],
    }
