"""G12: after a cut the optimiser has the small network's own weights, and a step moves each of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import fanin
from fanin.analyses.couplings import couplings
from fanin.pruning import trainer
from fanin.pruning.shrinking import shrink_moments
from fanin.runtime.load import build
from tests.unit.pruning.experiments import points, prune, spec
from tests.unit.pruning.test_runner import KEYS, of

NEURONS = "unit neuron\n  scope layer\n  remove 25% each of 2 rounds"


@pytest.mark.parametrize("rule", ["adam", "sgd"])
def test_g12_after_a_cut_an_optimiser_moves_every_weight_that_is_left(tmp_path: Path, rule: str) -> None:
    """The moments of the masked network's training are cut with it; nothing of the large one is held any more."""
    from fanin import pipeline

    path = spec(tmp_path, NEURONS)
    ticket = prune(path).tickets[0]
    program = of(path).program
    large = build(program, pipeline.source(program), seed=0)
    large.load_state_dict(ticket.weights, strict=False)
    kinds: dict[str, Any] = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}
    settings = {"lr": 0.01} if rule == "adam" else {"lr": 0.01, "momentum": 0.9}
    rows = points()
    x, y = torch.from_numpy(rows["x"]), torch.from_numpy(rows["y"])

    def step(net: torch.nn.Module, by: torch.optim.Optimizer) -> None:
        by.zero_grad()
        net(x, y)[0].backward()
        by.step()

    first = kinds[rule](large.parameters(), **settings)
    step(large, first)
    large.load_state_dict(ticket.weights, strict=False)
    small = fanin.shrink(program, net=large)
    assert small.weights is not None
    child = build(small.program, pipeline.source(small.program), seed=1)
    child.load_state_dict(small.weights)
    second = kinds[rule](child.parameters(), **settings)
    names = {id(w): name for name, w in large.named_parameters()}
    moments = shrink_moments(small.cut, {names[id(w)]: dict(held) for w, held in first.state.items()})
    for name, weight in child.named_parameters():
        second.state[weight] = moments[name]
    own = {id(w) for w in child.parameters()}
    dead = {id(w) for w in large.parameters()} | {id(t) for held in first.state.values() for t in held.values()}
    assert [id(w) for group in second.param_groups for w in group["params"]] == [id(w) for w in child.parameters()]
    assert {id(w) for w in second.state} == own and not own & dead
    for weight, held in second.state.items():
        for moment in held.values():
            if isinstance(moment, Tensor):
                assert id(moment) not in dead and moment.shape in (weight.shape, ())
    before = {name: w.detach().clone() for name, w in child.named_parameters()}
    assert before["net.fc1.weight"].shape == (9, 6) and before["net.fc2.weight"].shape[1] == 9
    step(child, second)
    for name, weight in child.named_parameters():
        if name == "net.fc1.bias":
            continue  # a norm behind takes it out: its gradient is zero
        assert (weight != before[name]).float().mean() > 0.99, name
    assert couplings(small.program).groups


@pytest.mark.parametrize("rewind", ["rate", "none"])
def test_what_goes_on_with_its_weights_goes_on_with_its_optimiser(
    tmp_path: Path, rewind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first step of a round has the moments that the last one ended with, those of what is masked are +0.0, and
    the data goes on behind where it was."""
    begun: list[tuple[dict[str, dict[str, Tensor]], dict[str, Tensor], tuple[int, int]]] = []
    ends: list[dict[str, dict[str, Tensor]]] = []
    begin, go = trainer.Trainer.begin, trainer.Loop.go

    def moments(loop: Any) -> dict[str, dict[str, Tensor]]:
        state = loop.training.optimisers[0].state
        keys = {id(w): key for key, w in loop.system.named_parameters()}
        return {keys[id(w)]: {k: t.clone() for k, t in held.items()} for w, held in state.items()}

    def watched(self: Any, loop: Any, wanted: Any) -> None:
        begin(self, loop, wanted)
        begun.append((moments(loop), wanted.masks, (loop.batches.epoch, loop.steps)))

    def gone(self: Any) -> None:
        go(self)
        ends.append(moments(self))

    monkeypatch.setattr(trainer.Trainer, "begin", watched)
    monkeypatch.setattr(trainer.Loop, "go", gone)
    prune(spec(tmp_path, f"remove 20% each of 3 rounds\n  rewind {rewind}", "adam(lr=0.01), linear()"))
    assert [place for _, _, place in begun] == [(3, 0), (7, 0), (11, 0)]  # at the end of that epoch
    for (now, masks, _), before in zip(begun, ends, strict=False):
        assert now.keys() == before.keys() >= set(KEYS)
        for key, held in now.items():
            stays = masks.get(key, torch.tensor(True))
            for name in ("exp_avg", "exp_avg_sq"):
                assert torch.equal(held[name], torch.where(stays, before[key][name], 0.0))
                assert not torch.where(stays, torch.zeros(()), held[name]).view(torch.int32).any()
            assert held["step"] == before[key]["step"]


def test_other_rules_begin_with_an_optimiser_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    states: list[Any] = []
    back = trainer.back

    def watched(loop: Any, point: Any, masks: Any) -> None:
        back(loop, point, masks)
        states.append(dict(loop.training.optimisers[0].state))

    monkeypatch.setattr(trainer, "back", watched)
    prune(spec(tmp_path, "remove 20% each of 2 rounds\n  rewind none\n  retrain with sgd(lr=1e-3)"))
    assert states == [{}, {}]
