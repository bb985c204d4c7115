"""Plans of pruning experiments: exact counts, what is ranked together, and what collapses for certain."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from fanin import pipeline
from fanin.analyses.plan import Plan
from fanin.cli.app import App

NET = """
model Mlp()(x: [N, 64]) -> [N, 10] {
  return x -> fc1: Linear(300) -> relu -> fc2: Linear(100) -> relu -> fc3: Linear(10)
}
"""


def plan_of(tmp_path: Path, clauses: str, net: str = NET, of: str = "Mlp") -> Plan:
    path = tmp_path / "net.arch"
    path.write_text(f"{net}\nprune P of {of} {{\n{clauses}\n}}\n", encoding="utf-8")
    return pipeline.plan_pruning(str(path))


def test_the_reference_experiment_has_its_densities(tmp_path: Path) -> None:
    """20 % of each layer in each round, half of it in the last: 41.4, 13.9, 3.86 % at rounds 4, 9, 15 [PRUNING 4]."""
    plan = plan_of(
        tmp_path,
        "scope layer\nremove 20% each of 15 rounds\nrate fc3: half\ncompare reinit, random, once, dense\nseeds 0..5",
    )
    assert plan.left[0] == 50_200
    shares = [round(100 * count / plan.left[0], 2) for count in plan.left]
    assert shares[1] == pytest.approx(80.2, abs=0.05)
    assert shares[4] == pytest.approx(41.4, abs=0.06)
    assert shares[9] == pytest.approx(13.9, abs=0.05)
    assert shares[15] == pytest.approx(3.86, abs=0.005)
    assert plan.trainings == 305
    assert plan.skipped == ("fc1.bias", "fc2.bias", "fc3.bias")


def test_counts_are_exact_and_halves_go_up(tmp_path: Path) -> None:
    """By hand, for ⌊rate · left + ½⌋ of 30 weights: 15 go, then 7.5 is 8, then 3.5 is 4."""
    net = "model Mlp()(x: [N, 5]) -> [N, 6] { return x -> a: Linear(6, bias=false) }"
    plan = plan_of(tmp_path, "remove 50% each of 3 rounds", net)
    assert plan.left == (30, 15, 7, 3)


def test_one_ranking_and_a_rate_of_its_own(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "remove 90% at once\nrate fc1: 50%\nexcept fc3")
    assert [([p.name for p in r.parts], r.left) for r in plan.rankings] == [
        (["fc1.weight"], (19_200, 9_600)),
        (["fc2.weight"], (30_000, 3_000)),
    ]
    assert set(plan.skipped) == {"fc1.bias", "fc2.bias", "fc3.weight", "fc3.bias"}
    plan = plan_of(tmp_path, 'scope each("fc1", "fc2")\nremove 90% at once')
    assert [r.total for r in plan.rankings] == [19_200, 30_000]
    plan = plan_of(tmp_path, "remove 90% at once\nrate fc1.bias: 10%")
    assert ("fc1.bias",) in [tuple(p.name for p in r.parts) for r in plan.rankings]


def test_down_to_a_share(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "remove to 5% in 12 rounds")
    assert plan.left[12] == round(0.05 * 50_200)
    ratios = [b / a for a, b in zip(plan.left, plan.left[1:], strict=False)]
    assert max(ratios) - min(ratios) < 1e-3


def test_gradually_along_a_cubic(tmp_path: Path) -> None:
    """Zhu and Gupta 2017, formula 1, from no sparsity: s_t = s - s (1 - t/n)³."""
    plan = plan_of(tmp_path, "remove gradually to 5% in 12 rounds")
    assert plan.left == tuple(int(50_200 * (1 - (0.95 - 0.95 * (1 - t / 12) ** 3)) + 0.5) for t in range(13))
    gone = [a - b for a, b in zip(plan.left, plan.left[1:], strict=False)]
    assert gone == sorted(gone, reverse=True) and plan.left[12] == 2_510
    own = plan_of(tmp_path, "remove gradually to 5% in 12 rounds\nrate fc1: half, fc2: 10%").rankings
    left = {r.parts[0].name: r.left for r in own}
    shares = [1 - b / a for a, b in zip(plan.left, plan.left[1:], strict=False)]
    for name, rates in (("fc1.weight", [s / 2 for s in shares]), ("fc2.weight", [0.1] * 12)):
        found = [1 - b / a for a, b in zip(left[name], left[name][1:], strict=False)]
        assert found == pytest.approx(rates, abs=1e-3)


def test_units_and_channels(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "unit neuron\nscope layer\nremove 50% at once")
    assert [(r.parts[0].name, r.parts[0].size, r.left) for r in plan.rankings] == [
        ("fc1", 64 + 1 + 100, (300, 150)),
        ("fc2", 300 + 1 + 10, (100, 50)),
    ]
    net = (
        "model Mlp()(x: [B, T, 12]) -> [B, T, 4] {\n"
        "q, k, v = x -> qkv: Linear(48) -> chunk(3, axis=-1) -> map(rearrange(..., 'b t (h d) -> b h t d', h=4))\n"
        "y = scaled_dot_product_attention(q, k, v)\nreturn rearrange(y, 'b h t d -> b t (h d)') -> o: Linear(4)\n}"
    ).replace("'", '"')
    plan = plan_of(tmp_path, "unit head\nremove 25% at once", net)
    assert [(r.parts[0].units, r.left) for r in plan.rankings] == [(4, (4, 3))]


def test_a_collapse_is_known_before_any_training(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "scope layer\nremove 80% each of 5 rounds\nfloor 1%")
    assert {(c.name, c.round) for c in plan.collapses} == {("fc1.weight", 3), ("fc2.weight", 3), ("fc3.weight", 3)}
    assert not plan_of(tmp_path, "scope layer\nremove 80% each of 2 rounds\nfloor 1%").collapses


def test_the_command(tmp_path: Path) -> None:
    path = tmp_path / "net.arch"
    path.write_text(NET + "prune P of Mlp { scope layer remove 80% each of 5 rounds floor 1% }\n", encoding="utf-8")
    found = CliRunner().invoke(App(name="fanin"), ["prune", "--plan", str(path)])
    assert found.exit_code == 1
    assert "collapse: `fc1.weight` has 154 left after round 3, and the floor is 192" in found.output
    found = CliRunner().invoke(App(name="fanin"), ["prune", "--plan", str(path), "--json"])
    assert json.loads(found.output)["left"][:2] == [50_200, 10_040]
    assert CliRunner().invoke(App(name="fanin"), ["prune", str(path)]).exit_code == 2
