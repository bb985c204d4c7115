"""Overlap of masks: counted by hand, and chance as drawn masks have it."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import pytest
import torch

from fanin.pruning.overlap import between, chosen_units, total
from fanin.pruning.ranking import shuffled
from tests.unit.pruning.experiments import prune, spec


def test_what_two_masks_share() -> None:
    one = {"a": torch.tensor([1, 1, 1, 0, 0, 0], dtype=torch.bool), "b": torch.tensor([1, 0], dtype=torch.bool)}
    other = {"a": torch.tensor([0, 1, 1, 1, 1, 0], dtype=torch.bool), "b": torch.tensor([0, 1], dtype=torch.bool)}
    pair = between(one, other)
    a, b = pair["a"], pair["b"]
    assert (a.first, a.second, a.both, a.chance) == (3, 4, 2, 2.0)
    assert (a.kept, a.jaccard) == (4 / 7, 2 / 5) and (b.kept, b.jaccard, b.chance) == (0.0, 0.0, 0.5)
    both = total(pair)
    assert (both.both, both.first, both.second, both.chance) == (2, 4, 5, 2.5)
    assert total(between(one, one)).jaccard == 1.0


def test_chance_is_what_drawn_masks_share() -> None:
    draw = torch.Generator().manual_seed(3)
    one = {"a": torch.zeros(500, dtype=torch.bool), "b": torch.zeros(200, dtype=torch.bool)}
    one["a"][:100], one["b"][:150] = True, True
    pairs = [total(between(one, shuffled(one, draw))) for _ in range(400)]
    expected = pairs[0].chance
    assert expected == 100 * 100 / 500 + 150 * 150 / 200
    variance = 100 * 0.2 * 0.8 * 400 / 499 + 150 * 0.75 * 0.25 * 50 / 199  # of the hypergeometric distribution
    assert abs(sum(p.both for p in pairs) / 400 - expected) < 4 * (variance / 400) ** 0.5
    assert sum(p.jaccard for p in pairs) / 400 == pytest.approx(pairs[0].jaccard_by_chance, abs=0.003)


@pytest.mark.parametrize("unit", ["weight", "nm(1, 2)", "block(2, 2)", "neuron"])
def test_units_are_found_again_in_masks(tmp_path: Path, unit: str) -> None:
    removed = "remove 50% at once" if unit.startswith("nm") else "remove 30% each of 2 rounds"
    found = prune(spec(tmp_path, f"unit {unit} except net.fc3 {removed}"), epochs=1)
    rows = [r for r in found.results.rows if r.run == "ticket" and r.round]
    for row, stays in zip(rows, chosen_units(found.plan, found.tickets[0].masks), strict=True):
        assert {name: int(kept.sum()) for name, kept in stays.items()} == row.parts


def test_an_experiment_compares_its_masks(tmp_path: Path) -> None:
    clauses = "remove 40% each of 2 rounds compare once, random, reinit seeds 0..3"
    found = prune(spec(tmp_path, clauses), out=str(tmp_path / "kept"))
    by = {(o.kind, o.round): o for o in found.results.overlaps}
    assert set(by) == {(kind, place) for kind in ("seeds", "once", "random") for place in (1, 2)}
    assert by["once", 1].mean("jaccard") == 1.0  # a first round is a prune in one go
    assert 0 < by["once", 2].mean("jaccard_by_chance") < by["once", 2].mean("jaccard") < 1
    assert len(by["seeds", 2].pairs) == 3 and len(by["once", 2].pairs) == 3
    masks = [ticket.masks[1] for ticket in found.tickets.values()]
    alike = []
    for one, other in combinations(masks, 2):
        both = sum(int((one[k] & other[k]).sum()) for k in one)
        alike.append(both / sum(int((one[k] | other[k]).sum()) for k in one))
    assert by["seeds", 2].mean("jaccard") == pytest.approx(sum(alike) / 3)
    document = json.loads((tmp_path / "kept" / "report.json").read_text())
    (told,) = [o for o in document["overlap"] if (o["between"], o["round"]) == ("seeds", 2)]
    assert told["jaccard"] == by["seeds", 2].mean("jaccard") and set(told["parts"]) == set(masks[0])
    assert "ticket, once" in found.results.table() and "(what it would be by chance)" in str(found)
