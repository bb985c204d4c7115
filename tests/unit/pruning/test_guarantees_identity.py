"""G6: what an experiment is, as a hash of what its bits follow from."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fanin import pipeline
from fanin.data.table import Data
from fanin.ir import experiment, rules
from fanin.pruning import identity as identities
from fanin.pruning.identity import data_hash, spec_hash
from fanin.systems.problems import RunFailed
from fanin.systems.settings import Settings, settings_of
from tests.unit.pruning.experiments import NET, points, prune, spec
from tests.unit.pruning.test_runner import same

CONV = """\
model Net()(image: [N, 1, 8, 8]) -> [N, 10] {
  return image -> conv: Conv2d(8, 3, padding=1) -> norm: BatchNorm2d() -> relu
    -> rearrange("n c h w -> n (c h w)") -> fc: Linear(10, init=xavier_normal)
}

system Fit()(image: [N, 1, 8, 8], label: int[N]) {
  net = Net()
  slow = ema(net, decay=0.99)
  logits = net(image)
  loss ce = cross_entropy(logits, label)
  metric accuracy = mean(float(argmax(slow(image), axis=1) == label))
  train net on ce with RULE
}

prune Ticket of Fit {
  CLAUSES
}
"""
GOLDEN = {
    ("plain", NET, "adam(lr=0.01)", "remove 20% each of 3 rounds"): "63efb2ee2103f0e2",
    (
        "rules",
        NET,
        "sgd(lr=0.1, momentum=0.9), cosine(warmup=3), clip(1.0)",
        "remove to 5% in 4 rounds",
    ): "644d1aff883d80d4",
    (
        "clauses",
        CONV,
        "adamw()",
        "by snip(samples=64)\n  unit channel\n  scope layer\n  remove 50% at once",
    ): "956a45a80855abb8",
    (
        "more",
        CONV,
        "adam(lr=3e-3)",
        "scope layer\n  remove 20% each of 9 rounds\n  rate net.fc: half\n  except net.conv\n  floor 1%\n"
        "  rewind to epoch 3\n  retrain for 2 epochs with sgd(lr=1e-3)",
    ): "6fbe917854f30fd6",
}


def hashed(tmp_path: Path, clauses: str, rule: str = "adam(lr=0.01)", net: str = NET, **settings: Any) -> str:
    plan = pipeline.plan_pruning(spec(tmp_path, clauses, rule, net))
    return spec_hash(plan.experiment, settings_of({"epochs": 4, **settings}))


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case[0])
def test_g6_hashes_of_specs_stay(tmp_path: Path, case: tuple[str, str, str, str]) -> None:
    """These stay whatever is added to the language. Where the bits of an experiment change, ENGINE is raised."""
    _, net, rule, clauses = case
    assert hashed(tmp_path, clauses, rule, net) == GOLDEN[case]


def test_g6_hashes_of_data_stay() -> None:
    rows = {"x": np.arange(12, dtype=np.float32).reshape(4, 3), "y": np.array([0, 1, 2, 1])}
    train, val = Data(rows, "rows").take({0: np.arange(3)}), Data(rows, "rows").take({0: np.array([3])})
    assert data_hash({"train": train, "val": val}) == "645fd19e76e236d8"
    other = {**rows, "x": rows["x"] + np.float32(1e-6)}
    assert data_hash({"train": Data(other, "rows").take({0: np.arange(3)}), "val": val}) != data_hash(
        {"train": train, "val": val}
    )


BASE = "remove 20% each of 3 rounds"


@pytest.mark.parametrize(
    "clauses",
    [
        "# why\n  remove 20% each of 3 rounds   # so many",
        "remove 20% each of 3 rounds\n\n  by magnitude\n  unit weight\n  scope global\n  rewind to start",
        "remove 20% each of 3 rounds\n  seeds 0..5\n  compare reinit, dense\n  measure ce\n  expect accuracy > 0.5",
    ],
)
def test_g6_comments_layout_defaults_and_what_is_asked_besides_change_nothing(tmp_path: Path, clauses: str) -> None:
    wanted = hashed(tmp_path, BASE)
    assert hashed(tmp_path, clauses) == wanted
    net = NET.replace("  net = Net()", "  # the network\n\n  net   = Net()").replace(
        "system Fit", "# it learns\nsystem Fit"
    )
    assert hashed(tmp_path, BASE, "adam(lr=0.01, betas=(0.9, 0.999))", net) == wanted
    assert hashed(tmp_path, BASE, batch_size=64, device="cpu", save_every=3) == wanted


@pytest.mark.parametrize(
    ("change", "rule", "clauses", "settings"),
    [
        (("Linear(8)", "Linear(9)"), "adam(lr=0.01)", BASE, {}),
        (("-> relu -> fc3", "-> tanh -> fc3"), "adam(lr=0.01)", BASE, {}),
        (("", ""), "adam(lr=0.02)", BASE, {}),
        (("", ""), "adam(lr=0.01), clip(1.0)", BASE, {}),
        (("", ""), "adam(lr=0.01)", BASE.replace("20", "21"), {}),
        (("", ""), "adam(lr=0.01)", f"{BASE}\n  scope layer", {}),
        (("", ""), "adam(lr=0.01)", f"{BASE}\n  rewind to epoch 1", {}),
        (("", ""), "adam(lr=0.01)", f"{BASE}\n  rewind rate", {}),
        (("", ""), "adam(lr=0.01)", f"{BASE}\n  by l2", {}),
        (("", ""), "adam(lr=0.01)", f"{BASE}\n  except net.fc1", {}),
        (("", ""), "adam(lr=0.01)", BASE, {"batch_size": None}),
        (("", ""), "adam(lr=0.01)", BASE, {"shuffle": False}),
        (("", ""), "adam(lr=0.01)", BASE, {"epochs": 5}),
    ],
)
def test_g6_what_changes_the_bits_changes_the_hash(
    tmp_path: Path, change: tuple[str, str], rule: str, clauses: str, settings: dict[str, Any]
) -> None:
    net = NET.replace(*change) if change[0] else NET
    assert hashed(tmp_path, clauses, rule, net, **settings) != hashed(tmp_path, BASE)


def test_g6_an_option_that_is_added_later_changes_no_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = [hashed(tmp_path, BASE), hashed(tmp_path, f"by snip(samples=64)\n  {BASE}", "sgd(lr=0.1), cosine()")]
    monkeypatch.setitem(rules.OPTIMISERS, "adam", {**rules.OPTIMISERS["adam"], "decoupled": False})
    monkeypatch.setitem(rules.OPTIMISERS, "sgd", {**rules.OPTIMISERS["sgd"], "maximise": False})
    monkeypatch.setitem(rules.SCHEDULES, "cosine", {**rules.SCHEDULES["cosine"], "cycles": 1})
    monkeypatch.setitem(experiment.CRITERIA, "magnitude", {"power": 1})
    monkeypatch.setitem(experiment.CRITERIA, "snip", {**experiment.CRITERIA["snip"], "signed": False})
    after = [hashed(tmp_path, BASE), hashed(tmp_path, f"by snip(samples=64)\n  {BASE}", "sgd(lr=0.1), cosine()")]
    assert after == before
    plan = pipeline.plan_pruning(spec(tmp_path, f"by snip(samples=64)\n  {BASE}", "adam(lr=0.01)"))
    assert dict(plan.experiment.criterion.args)["signed"] is False  # it is there, and not what is hashed
    assert spec_hash(plan.experiment, Settings(epochs=4)) != before[0]


# ------------------------------------------------------------------------------------------------------ what it is for


def test_g6_it_is_in_the_report_and_hangs_on_seed_and_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = prune(spec(tmp_path, f"{BASE}\n  seeds 0..2"), out=str(tmp_path / "run"), epochs=1)
    own = found.results.identity
    assert own is not None and str(own) in found.results.table()
    written = json.loads((tmp_path / "run" / "report.json").read_text())["identity"]
    assert written["spec"] == own.spec and written["data"] == own.data and written["engine"] == identities.ENGINE
    assert written["replicas"] == {"0": own.replica(0), "1": own.replica(1)} and own.replica(0) != own.replica(1)
    assert identities.Identity(own.spec, own.data, own.engine + 1).replica(0) != own.replica(0)


def test_g6_another_experiment_is_refused(tmp_path: Path) -> None:
    import fanin

    path, out = spec(tmp_path, f"{BASE}\n  seeds 0..2"), str(tmp_path / "run")
    prune(path, out=out, epochs=1)
    other = points(seed=1)
    with pytest.raises(RunFailed, match="its data is not the same"):
        fanin.resume(out, other)
    for changed in (BASE.replace("20", "30"), f"{BASE}\n  rewind none"):
        with pytest.raises(RunFailed, match="its spec or its settings are not the same"):
            prune(spec(tmp_path, changed), out=out, epochs=1)
    with pytest.raises(RunFailed, match="`epochs` of a run that is resumed stays"):
        fanin.resume(out, points(), epochs=2)
    inside = tmp_path / "run" / "spec" / "net.arch"
    inside.write_text(inside.read_text().replace("Linear(8)", "Linear(9)"))
    with pytest.raises(RunFailed, match="its spec or its settings are not the same"):
        fanin.resume(out, points())
    fanin.train(path, "Fit", points(), out=str(tmp_path / "trained"), epochs=1, device="cpu")
    with pytest.raises(RunFailed, match="is not empty"):
        prune(path, out=str(tmp_path / "trained"), epochs=1)


def test_g6_replicas_that_a_folder_has_are_used_again(tmp_path: Path) -> None:
    out, told = str(tmp_path / "run"), []
    settings: dict[str, Any] = {"epochs": 1, "batch_size": 20, "val": 0.25, "device": "cpu"}

    def run(clauses: str, folder: str | None) -> Any:
        told.clear()
        return pipeline.prune(
            spec(tmp_path, clauses),
            None,
            points(),
            out=folder,
            hyper={},
            watch=lambda event, known: told.append((known["row"].seed, known["row"].run, known["done"])),
            settings=settings,
        )

    first = run(f"{BASE}\n  seeds 0..1", out)
    assert len(told) == 4
    first_again = run(f"{BASE}\n  seeds 0..1", out)
    assert not told and first_again.results.rows == first.results.rows
    more = run(f"{BASE}\n  seeds 0..2\n  compare reinit", out)
    assert [done for _, _, done in told] == list(range(5, 15))
    assert Counter(who[:2] for who in told) == {(0, "reinit"): 3, (1, "ticket"): 4, (1, "reinit"): 3}
    alone = run(f"{BASE}\n  seeds 0..2\n  compare reinit", None)
    assert alone.results.rows == more.results.rows
    assert all(same(alone.tickets[seed].weights, more.tickets[seed].weights) for seed in (0, 1))
    once = run(f"{BASE}\n  seeds 0..1\n  compare once", out)  # asked for later: what it starts from is made again
    assert [row.run for row in once.results.rows if row.round == 1] == ["ticket", "once"]
    assert once.results.values("ce", 1) == once.results.values("ce", 1, "once")
    measured = run(f"{BASE}\n  seeds 0..1\n  measure steps_to(ce, 5.0)", out)
    assert measured.results.values("steps_to(ce, 5)", 3) == [5.0]
    assert os.path.exists(os.path.join(out, "seed-1", "weights.safetensors"))
