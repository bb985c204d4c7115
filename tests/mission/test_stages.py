"""Stages, parts that are trained apart or against each other, and the moment to stop.

Rows S009, S013, S017, S104.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import fanin
from fanin.data import open_data
from fanin.systems.problems import RunFailed
from tests.mission.specs import column, same, snapshot, trained
from tests.unit.systems.runs import largest_difference, training_of, twin

# ------------------------------------------------------------------------------------------------- learning in stages

GROWING = """
## A layer around a skip, behind a gate that is shut at first.
block Gated(width: int)(x: [N, width]) -> [N, width] {
  param gate: [] = FIRST
  return x + gate * (x -> up: Linear(2 * width) -> gelu -> down: Linear(width))
}

block Net(depth: int, width: int)(x: [N, 4]) -> [N, 3] {
  return x -> stem: Linear(width) -> layers: depth * Gated(width) -> head: Linear(3)
}

system Grow(depth: int = 1, width: int = 12)(x: [N, 4], label: int[N]) {
  net = Net(depth, width)
  loss ce = cross_entropy(net(x), label)
  logits = net(x)
  opt = adam(lr=0.01)
  stage first for 12 steps { train net on ce with opt }
  stage new(depth=2) for 8 steps { train net.layers.1 on ce with opt }
  stage all(depth=2) for 8 steps { train net on ce with opt }
  stage deeper(depth=3) for 8 steps { train net.layers.2, net.head on ce with sgd(lr=0.1) }
}
"""
STAGED = GROWING.replace("FIRST", "zeros")
TRAINED = [("net",), ("net.layers.1",), ("net",), ("net.layers.2", "net.head")]


def flowers(steps: int) -> list[tuple[Tensor, Tensor]]:
    data = open_data("iris:scale=standard")
    draw = np.random.default_rng(0)
    rows = [draw.choice(150, 32, replace=False) for _ in range(steps)]
    return [(torch.tensor(data["x"][r]).double(), torch.tensor(data["label"][r])) for r in rows]


def jumps(text: str) -> list[float]:
    """How far the logits of fixed rows move at each of the three boundaries between stages."""
    training = training_of(text, "Grow")
    probe = flowers(1)[0][0]
    found = []
    for x, label in flowers(36):
        stage = training.stage
        before = training.system.net
        watched = snapshot(before)
        training(x, label)
        if training.stage != stage and not training.done:  # the boundary lies behind the update: make it without growth
            with torch.no_grad():
                after = training.system.net(probe)
                shared = [n for n in watched if n in training.system.net.state_dict()]
                assert shared == list(watched)
                old = copy.deepcopy(before).eval()
                old.load_state_dict({n: training.system.net.state_dict()[n] for n in watched})
                found.append(float((after - old(probe)).abs().max()))
    assert training.done
    return found


def test_s009_a_stage_moves_its_own_weights_and_no_bit_of_the_others() -> None:
    training = training_of(STAGED, "Grow")
    for x, label in flowers(36):
        stage, before = training.stage, snapshot(training.system)
        names = {n for n, _ in training.system.named_parameters()}
        inside = {n for n in names if n.startswith(tuple(f"{p}." for p in TRAINED[stage]))}
        system = training.system
        training(x, label)
        after = system.state_dict() if training.system is system else snapshot(training.system)
        assert all(torch.equal(before[n], after[n]) for n in names - inside)
        assert any(not torch.equal(before[n], after[n]) for n in inside)
    assert training.done


def test_s009_what_enters_behind_a_shut_gate_changes_nothing() -> None:
    """The function is the same across each boundary; without the gate it is not."""
    assert max(jumps(STAGED)) <= 1e-6
    assert max(jumps(GROWING.replace("FIRST", "ones"))) > 0.01


def test_s009_the_loop_by_hand() -> None:
    """One Adam whose state goes on for what was there before, and growth by copies: the same weights to 1e-9."""
    training = training_of(STAGED, "Grow")
    systems = {1: twin(training)}
    batches = flowers(36)
    for x, label in batches[:12]:
        training(x, label)
    systems[2] = twin(training)  # only its new layer is used: the rest is copied from the loop by hand
    for x, label in batches[12:28]:
        training(x, label)
    systems[3] = twin(training)
    for x, label in batches[28:]:
        training(x, label)

    def net(w: dict[str, Tensor], depth: int, x: Tensor) -> Tensor:
        h = F.linear(x, w["stem.weight"], w["stem.bias"])
        for i in range(depth):
            up = F.gelu(F.linear(h, w[f"layers.{i}.up.weight"], w[f"layers.{i}.up.bias"]))
            h = h + w[f"layers.{i}.gate"] * F.linear(up, w[f"layers.{i}.down.weight"], w[f"layers.{i}.down.bias"])
        return F.linear(h, w["head.weight"], w["head.bias"])

    weights = {n.removeprefix("net."): p.detach().clone() for n, p in systems[1].named_parameters()}
    means: dict[str, Tensor] = {}
    squares: dict[str, Tensor] = {}
    counts: dict[str, int] = {}
    for step, (x, label) in enumerate(batches):
        depth = 1 if step < 12 else 2 if step < 28 else 3
        if step in (12, 28):
            weights |= {
                n.removeprefix("net."): p.detach().clone()
                for n, p in systems[depth].named_parameters()
                if n.startswith(f"net.layers.{depth - 1}.")
            }
        leaves = {n: w.clone().requires_grad_(True) for n, w in weights.items()}
        F.cross_entropy(net(leaves, depth, x), label).backward()
        for n, w in leaves.items():
            g = w.grad
            assert g is not None
            if step >= 28:
                if n.startswith(("layers.2.", "head.")):
                    weights[n] = w.detach() - 0.1 * g
            elif not 12 <= step < 20 or n.startswith("layers.1."):
                counts[n] = t = counts.get(n, 0) + 1
                means[n] = 0.9 * means.get(n, torch.zeros_like(g)) + 0.1 * g
                squares[n] = 0.999 * squares.get(n, torch.zeros_like(g)) + 0.001 * g**2
                corrected = (squares[n] / (1 - 0.999**t)).sqrt() + 1e-8
                weights[n] = w.detach() - 0.01 * means[n] / (1 - 0.9**t) / corrected
    for n, w in training.system.net.named_parameters():
        torch.testing.assert_close(w.detach(), weights[n], rtol=0, atol=1e-9)


@pytest.mark.parametrize("at", [5, 12, 16, 30])
def test_s009_stopped_in_the_middle_of_a_stage(tmp_path: Path, at: int) -> None:
    """A run that was stopped, at a boundary too, goes on to the bits of one that was not."""
    settings: dict[str, Any] = {"batch_size": 32, "save_every": 1}
    whole = trained(STAGED, "Grow", "iris:scale=standard", out=str(tmp_path / "a"), **settings)

    class Stop(Exception):
        pass

    def stop(event: str, known: Any) -> None:
        if event == "step" and known["step"] == at + 1:
            raise Stop

    with pytest.raises(Stop):
        trained(STAGED, "Grow", "iris:scale=standard", out=str(tmp_path / "b"), watch=stop, **settings)
    again = fanin.resume(str(tmp_path / "b"))
    assert same(snapshot(whole.system), snapshot(again.system))
    assert whole.history == again.history


# ----------------------------------------------------------------------------------------- a network for each component

EXPERT = """
block Expert()(x: [N, 8]) -> [N, 4] { return x -> fc: Linear(4) }
"""
STREAMS = "x0: [A, 8], y0: [A, 4], x1: [B, 8], y1: [B, 4], x2: [C, 8], y2: [C, 4], x3: [D, 8], y3: [D, 4]"
PARTS = {
    "first": ("mse_loss(first(x0), y0)", "adam(lr=0.03)"),
    "second": ("l1_loss(second(x1), y1)", "adam(lr=0.03), cosine()"),
    "third": ("mse_loss(third(x2), y2)", "sgd(lr=0.1)"),
    "fourth": ("huber_loss(fourth(x3), y3)", "rmsprop(lr=0.01)"),
}
ONE = """
system One()(x: [N, 8], y: [N, 4]) {
  net = Linear(32) -> Linear(4)
  loss own = mse_loss(net(x), y)
  train net on own with adam(lr=0.03)
}
"""


def system_of(*names: str) -> str:
    """A system with some of the four networks, on data with a stream for each of the four."""
    lines = [f"  {name} = Expert()" for name in names]
    lines += [f"  loss of_{name} = {PARTS[name][0]}" for name in names]
    lines += [f"  train {name} on of_{name} with {PARTS[name][1]}" for name in names]
    return EXPERT + "\n".join([f"system Parts()({STREAMS}) {{", *lines, "}\n"])


def quarters() -> dict[str, Any]:
    """A stream of its own for each of the four linear maps, of unlike lengths."""
    data = open_data("regions")
    parts: dict[str, Any] = {}
    for k, rows in enumerate((400, 330, 260, 380)):
        own = np.flatnonzero(data["label"] == k)[:rows]
        parts |= {f"x{k}": data["x"][own], f"y{k}": data["y"][own]}
    return parts


@pytest.mark.parametrize("seed", [0, 3])
def test_s013_trained_in_one_run_or_in_a_run_each(seed: int) -> None:
    """Networks with losses, optimisers and shuffled streams of their own: to 1e-6 what seeded runs of each alone give.

    First values hang on the seed and the name of a network, the order of rows on the seed and their stream.
    """
    data = quarters()
    settings: dict[str, Any] = {"epochs": 5, "batch_size": 32, "seed": seed}
    whole = trained(system_of(*PARTS), "Parts", data, **settings)
    for name in PARTS:
        alone = trained(system_of(name), "Parts", data, **settings)
        mine, own = getattr(whole.system, name), getattr(alone.system, name)
        assert largest_difference(mine, own) <= 1e-6
        np.testing.assert_allclose(column(whole, f"of_{name}"), column(alone, f"of_{name}"), rtol=0, atol=1e-6)
        other = trained(system_of(name), "Parts", data, **settings | {"seed": seed + 1})
        assert largest_difference(mine, getattr(other.system, name)) > 1e-4


def test_s013_a_linear_map_for_each_component_fits_what_one_for_all_does_not() -> None:
    data = quarters()
    run = trained(system_of(*PARTS), "Parts", data, epochs=60, batch_size=32)
    apart = max(run.measure(open_data(data))[f"of_{name}"] for name in PARTS)
    x, y = (np.concatenate([data[f"{name}{k}"] for k in range(4)]) for name in "xy")
    one = trained(ONE, "One", {"x": x, "y": y}, epochs=60, batch_size=32).final["own"]
    assert apart < 0.05 * one


# ------------------------------------------------------------------------------------------------ against each other

DUEL = """
block Mlp(out: int)(x: [N, D]) -> [N, out] { return x -> fc1: Linear(16) -> tanh -> fc2: Linear(out) }

system Duel(k: int = 1)(real: [N, 2]) {
  gen = Mlp(2)
  disc = Mlp(1)
  fake = gen(randn(N, 3))
  loss d = mean(softplus(-disc(real))) + mean(softplus(disc(stop_gradient(fake))))
  loss g = mean(softplus(-disc(gen(randn(N, 3)))))
  train disc on d with adam(lr=3e-3, betas=(0.5, 0.999))
  train gen on g with adam(lr=1e-3, betas=(0.5, 0.999)), every(k)
}
"""


@pytest.mark.parametrize("k", [1, 3])
def test_s017_two_networks_and_one_hand(k: int) -> None:
    """50 steps, k of the critic for one of the generator; while one moves, no bit of the other does."""
    training = training_of(DUEL, "Duel", hyper={"k": k}, steps=50)
    own: Any = twin(training)
    plain = training.move
    moves: list[str] = []

    def move(number: int, loss: Tensor) -> None:
        nets = {"disc": training.system.disc, "gen": training.system.gen}
        before = {name: snapshot(net) for name, net in nets.items()}
        plain(number, loss)
        changed = [name for name, net in nets.items() if not same(before[name], snapshot(net))]
        assert len(changed) == 1
        moves.extend(changed)

    training.move = move
    draw = torch.Generator().manual_seed(0)
    batches = [torch.randn(16, 2, dtype=torch.float64, generator=draw) for _ in range(50)]
    torch.manual_seed(7)
    told = [training(real) for real in batches]
    assert moves == [net for step in range(1, 51) for net in ("disc", "gen")[: 2 if step % k == 0 else 1]]
    torch.manual_seed(7)
    d_opt = torch.optim.Adam(own.disc.parameters(), lr=3e-3, betas=(0.5, 0.999))
    g_opt = torch.optim.Adam(own.gen.parameters(), lr=1e-3, betas=(0.5, 0.999))
    for step, (real, seen) in enumerate(zip(batches, told, strict=True), 1):
        noises = [torch.randn(16, 3, dtype=torch.float64) for _ in range(2)] if step % k == 0 else None
        first = noises[0] if noises else torch.randn(16, 3, dtype=torch.float64)
        d_opt.zero_grad()
        with torch.no_grad():
            fake = own.gen(first)
        loss = F.softplus(-own.disc(real)).mean() + F.softplus(own.disc(fake)).mean()
        loss.backward()
        assert abs((loss - seen["d"]).item()) <= 1e-9
        d_opt.step()
        if noises:
            g_opt.zero_grad()
            loss = F.softplus(-own.disc(own.gen(noises[1]))).mean()
            loss.backward()
            assert abs((loss - seen["g"]).item()) <= 1e-9
            g_opt.step()
    assert largest_difference(training.system, own) <= 1e-6


# ------------------------------------------------------------------------------------------------------ early stopping

VALLEY = """
## What is trained goes steadily up; what is held out lies in a valley that it crosses.
system Valley(rate: float = 0.1)(y: [N]) {
  param w: [] = zeros
  loss rising = -w
  metric off = mean((w - y) ** 2)
  train w on rising with sgd(lr=rate)
}
"""


@pytest.mark.parametrize(("patience", "target"), [(1, 0.73), (5, 3.02), (8, 1.0)])
def test_s104_a_run_stops_so_long_after_the_best_and_goes_back_to_it(patience: int, target: float) -> None:
    data = {"y": np.full(20, target, np.float32)}
    run = trained(VALLEY, "Valley", data, epochs=200, batch_size=None, val=10, monitor="off", patience=patience)
    w, path = torch.tensor(0.0), []
    for _ in range(200):
        w = w.add(torch.tensor(-1.0), alpha=-0.1)
        path.append((float((w - torch.tensor(target)) ** 2), w.clone()))
    best = int(np.argmin([off for off, _ in path]))
    assert len(run.validation) == best + 1 + patience
    np.testing.assert_allclose(
        [row["off"] for row in run.validation], [o for o, _ in path[: best + 1 + patience]], rtol=1e-5
    )
    assert torch.equal(run.system.w.detach(), path[best][1])


def test_s104_without_held_out_data_there_is_nothing_to_stop_on() -> None:
    with pytest.raises(RunFailed, match=r"held out.*\n.*val=0.1"):
        trained(VALLEY, "Valley", {"y": np.ones(20, np.float32)}, epochs=5, monitor="off", patience=2)


OVERFIT = """
system Overfit()(x: [N, 8], y: [N, 1]) {
  net = Linear(64) -> tanh -> Linear(1)
  loss mse = mse_loss(net(x), y)
  train net on mse with adam(lr=0.01)
}
"""


def test_s104_what_overfits_is_better_stopped_early() -> None:
    """40 noisy rows for 641 weights: held out data gets worse from some moment on, and the whole run says from when."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(400, 8)).astype(np.float32)
    y = (x[:, :1] + draw.normal(size=(400, 1))).astype(np.float32)
    data = {"x": x, "y": y}
    settings: dict[str, Any] = {"val": 160, "test": 200, "batch_size": None, "epochs": 300, "shuffle": False}
    stopped = trained(OVERFIT, "Overfit", data, monitor="mse", patience=20, **settings)
    whole = trained(OVERFIT, "Overfit", data, **settings)
    curve = [row["mse"] for row in whole.validation]
    best = next(i for i in range(300) if min(curve[i : i + 21]) == curve[i])
    assert len(stopped.validation) == best + 21 < 300
    assert [row["mse"] for row in stopped.validation] == curve[: best + 21]
    at_best = trained(OVERFIT, "Overfit", data, **(settings | {"epochs": best + 1}))
    assert same(snapshot(stopped.system), snapshot(at_best.system))
    assert stopped.test["mse"] < 0.9 * whole.test["mse"]
