"""Costs of plans: against networks written by hand, counts by hand, and every way that a ranking can go."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from fanin import pipeline
from fanin.analyses import cost
from fanin.analyses.plan import Plan
from fanin.analyses.plan_costs import Costs
from fanin.cli.app import app

MLP = """model Mlp()(x: [8, 6]) -> [8, 3] {
  return x -> fc1: Linear(12) -> relu -> fc2: Linear(8) -> relu -> fc3: Linear(3)
}
"""
CONVOLUTIONS = """model Net()(image: [1, 3, 8, 8]) -> [1, 4] {
  x = image -> stem: Conv2d(8, 3, padding=1) -> norm: BatchNorm2d() -> relu
  for i in 0..2 { x += x -> layer: (Conv2d(6, 1) -> relu -> Conv2d(8, 3, padding=1)) }
  return x -> mean(axis=(2, 3)) -> head: Linear(4)
}
"""


def planned(tmp_path: Path, clauses: str, net: str = MLP) -> tuple[Plan, Costs]:
    path = tmp_path / "net.arch"
    path.write_text(f"{net}\nprune P of {net.split('(')[0].split()[1]} {{ {clauses} }}\n")
    plan = pipeline.plan_pruning(str(path))
    return plan, pipeline.plan_costs(plan)


def test_a_mask_takes_away_products(tmp_path: Path) -> None:
    _, costs = planned(tmp_path, "scope layer remove 50% each of 2 rounds except fc3")
    whole = 6 * 12 + 12 * 8 + 8 * 3
    for place, gone in enumerate((0, 36 + 48, 54 + 72)):
        found = costs.rounds[place]
        assert found is not None
        assert found.parameters == whole + 12 + 8 + 3 - gone
        assert found.least == found.most == 2 * 8 * (whole - gone)
        assert found.bytes == 4 * found.parameters + (21 if gone else 0)  # a bit for each of 72 + 96 places
    assert not costs.real


def test_a_layer_that_is_used_often_counts_so(tmp_path: Path) -> None:
    _, costs = planned(tmp_path, "scope layer remove 50% at once except stem, head", CONVOLUTIONS)
    before, after = costs.rounds
    assert before is not None and after is not None and before.least is not None and after.least is not None
    assert before.least - after.least == 2 * 64 * 2 * (8 * 6 // 2 + 6 * 8 * 9 // 2)


def test_where_all_weights_do_the_same_it_does_not_hang_on_them(tmp_path: Path) -> None:
    _, costs = planned(tmp_path, "scope global remove 60% at once except head", CONVOLUTIONS)
    before, after = costs.rounds
    assert before is not None and after is not None and before.least is not None
    gone = int(0.6 * (8 * 3 * 9 + 2 * 6 * 8 + 2 * 6 * 8 * 9) + 0.5)
    assert after.least == after.most == before.least - 2 * 64 * gone  # each is used at all 64 places


def test_layers_of_unequal_work_give_a_range(tmp_path: Path) -> None:
    net = (
        "model Net()(x: [1, 1, 4, 4]) -> [1, 5] {\n  return x -> conv: Conv2d(2, 1) -> flatten(1) -> fc: Linear(5)\n}\n"
    )
    _, costs = planned(tmp_path, "scope global remove 50% at once", net)
    found, gone = costs.rounds[1], (2 + 160) // 2
    whole = 2 * 16 * 2 + 2 * 160
    assert found is not None and (found.least, found.most) == (whole - 2 * 16 * 2 - 2 * (gone - 2), whole - 2 * gone)


def test_whole_units_cost_what_the_smaller_network_does(tmp_path: Path) -> None:
    _, costs = planned(tmp_path, "unit neuron scope layer remove 50% each of 2 rounds")
    assert costs.real
    for place, (wide, narrow) in enumerate(((12, 8), (6, 4), (3, 2))):
        small = tmp_path / "small.arch"
        small.write_text(MLP.replace("Linear(12)", f"Linear({wide})").replace("Linear(8)", f"Linear({narrow})"))
        program = pipeline.elaborate(str(small))
        found = costs.rounds[place]
        assert found is not None and found.parameters == cost.parameters(program)
        assert found.least == found.most == cost.flops(program) and found.bytes == 4 * found.parameters


def test_units_that_are_ranked_together_hang_on_the_weights(tmp_path: Path) -> None:
    _, costs = planned(tmp_path, "unit neuron scope global remove 50% at once")
    assert costs.rounds[0] is not None and costs.rounds[1] is None and "hangs on the weights" in costs.why


@pytest.mark.parametrize("clauses", ["scope layer remove 50% at once", "unit channel scope layer remove 50% at once"])
def test_the_command_says_them(tmp_path: Path, clauses: str) -> None:
    plan, costs = planned(tmp_path, clauses, CONVOLUTIONS)
    path = str(tmp_path / "net.arch")
    text = CliRunner().invoke(app, ["prune", path, "--plan"]).stdout
    last = costs.rounds[-1]
    assert last is not None and f"{last.parameters:_}" in text and f"{last.least:_}" in text
    document = json.loads(CliRunner().invoke(app, ["prune", path, "--plan", "--json"]).stdout)
    assert document["costs"]["of"] == ("smaller network" if costs.real else "lower bound")
    assert [r["parameters"] for r in document["costs"]["rounds"]] == [r.parameters for r in costs.rounds if r]
    assert len(document["costs"]["rounds"]) == plan.rounds + 1
