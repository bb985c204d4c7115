"""What ``show`` and ``draw`` say of training, held to the printed program; what a run warns of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import fanin
from fanin.cli.app import app

SPEC = """
block Net(out: int)(x: [N, D]) -> [N, out] { return x -> fc1: Linear(8) -> relu -> fc2: Linear(out) }

system Gan()(x: [N, 4]) {
  gen = Net(4)
  critic = Net(1)
  spare = Linear(4, frozen=true)
  shown = ema(gen, decay=0.9)
  fake = gen(randn(N, 3))
  loss d = mean(softplus(-critic(x))) + mean(softplus(critic(stop_gradient(fake))))
  loss g = mean(softplus(-critic(spare(fake))))
  loss apart = mean((shown(randn(N, 3)) - fake) ** 2)
  train critic on d with adam(lr=1e-3)
  train gen.fc2 on g with sgd(lr=0.1), every(2)
}

system Stages()(x: [N, 4], y: [N]) {
  param w: [4] = zeros
  encoder = Linear(4)
  loss l = mean((encoder(x) @ w - y) ** 2)
  stage one for 3 steps { train encoder on l with OPTIMISER }
  g = grad(l, w)
  update w = w - 0.1 * g
}
"""


def written(folder: Path, rule: str = "sgd(lr=0.1)") -> str:
    path = folder / "net.arch"
    path.write_text(SPEC.replace("OPTIMISER", rule))
    return str(path)


def run(*args: str) -> str:
    found = CliRunner().invoke(app, list(args))
    assert found.exit_code == 0, found.output
    return found.output


def training_of(path: str, name: str) -> list[dict[str, Any]]:
    return list(json.loads(run("show", f"{path}:{name}", "--json"))["models"][0]["training"])


def test_show_says_which_loss_trains_what(tmp_path: Path) -> None:
    shown = run("show", written(tmp_path) + ":Gan").splitlines()
    table = shown[next(i for i, line in enumerate(shown) if line.startswith("loss")) :]
    assert [line.split() for line in table[2:]] == [
        ["d", "adam(lr=1e-3)", "critic", "49"],
        ["g", "sgd(lr=0.1),", "every(2)", "gen.fc2", "36", "spare,", "critic"],
        ["apart", "-"],
    ]


def test_what_is_said_to_move_is_what_moves(tmp_path: Path) -> None:
    path = written(tmp_path)
    for name, batch in (("Gan", [torch.randn(6, 4)]), ("Stages", [torch.randn(6, 4), torch.randn(6)])):
        training = fanin.training(path, name, **({"steps": 4} if name == "Gan" else {}))
        before = {k: v.clone() for k, v in training.system.named_parameters()}
        training(*batch)
        training(*batch)
        moved = {k for k, v in training.system.named_parameters() if not torch.equal(v, before[k])}
        followed = {k for k in moved if k.startswith("shown.")}
        told = training_of(path, name)
        assert moved - followed == {key for row in told for key in row["moves"]}
        assert all(row["weights"] == sum(before[key].numel() for key in row["moves"]) for row in told)


def test_updates_by_hand_and_stages_are_told(tmp_path: Path) -> None:
    one, hand = training_of(written(tmp_path), "Stages")
    assert (one["stage"], one["loss"], one["moves"]) == ("one", "l", ["encoder.weight", "encoder.bias"])
    assert (hand["loss"], hand["moves"], hand["weights"]) == (None, ["w"], 4)


def test_a_system_is_painted_by_what_trains_it(tmp_path: Path) -> None:
    path = written(tmp_path)
    text = run("draw", f"{path}:Gan", "--color", "loss", "--format", "dot", "-o", "-")
    assert all(words in text for words in ("trained by", "follows another", "not trained"))
    assert all(words in text for words in ("trained by d", "trained by g"))
    found = CliRunner().invoke(app, ["draw", f"{path}:Net", "--color", "loss", "-D", "out=2", "-o", "-"])
    assert found.exit_code != 0


@pytest.mark.parametrize(
    ("rule", "rows", "said"), [("rprop()", 8, True), ("rprop()", None, False), ("sgd(lr=0.1)", 8, False)]
)
def test_optimisers_for_whole_sets_are_warned_of(tmp_path: Path, rule: str, rows: int | None, said: bool) -> None:
    told: list[str] = []
    data = {"x": np.random.default_rng(0).normal(size=(32, 4)), "y": np.zeros(32)}

    def watch(event: str, known: Any) -> None:
        if event == "warning":
            told.append(known["text"])

    fanin.train(written(tmp_path, rule), "Stages", data, batch_size=rows, watch=watch)
    assert bool(told) is said and all("8 rows of 32" in text for text in told)
