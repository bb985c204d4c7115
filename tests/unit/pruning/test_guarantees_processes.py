"""G4: one process or several, the same bits and the same report."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fanin import pipeline
from fanin.systems.problems import RunFailed
from tests.unit.pruning.experiments import points, spec
from tests.unit.pruning.test_guarantees_resume import outcome

CLAUSES = (
    "remove 30% each of 2 rounds\n  compare reinit, random, once\n  seeds SEEDS\n  measure accuracy, steps_to(ce, 0.9)"
)
SETTINGS: dict[str, Any] = {"epochs": 4, "batch_size": 20, "val": 0.25, "device": "cpu"}


def run(path: str, data: Any, out: str | None, processes: int, told: list[Any] | None = None, **more: Any) -> Any:
    def watch(event: str, known: Any) -> None:
        if told is not None:
            told.append((known["done"], known["of"], known["row"].seed, known["row"].run, known["row"].round))

    over = pipeline.Spread(processes, **more)
    return pipeline.prune(path, None, data, out=out, hyper={}, watch=watch, settings=SETTINGS, over=over)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", ["0..3", "0..1", "2"])
def test_g4_one_process_or_several(tmp_path: Path, seeds: str) -> None:
    path = spec(tmp_path, CLAUSES.replace("SEEDS", seeds), "adam(lr=0.01), cosine(warmup=3)")
    told: list[Any] = []
    one = run(path, points(), str(tmp_path / "one"), 1)
    two = run(path, points(), str(tmp_path / "two"), 2, told)
    assert one.results.rows == two.results.rows
    assert outcome(tmp_path / "one") == outcome(tmp_path / "two")
    assert [done for done, *_ in told] == list(range(1, len(one.results.rows) + 1))
    assert {(s, r, p) for _, _, s, r, p in told} == {(r.seed, r.run, r.round) for r in one.results.rows}
    inside = run(path, points(), None, 2)
    assert inside.results.rows == one.results.rows and inside.folder is None


@pytest.mark.slow
def test_what_stops_a_process_stops_the_experiment_and_it_goes_on(tmp_path: Path) -> None:
    path = spec(tmp_path, "remove 60% each of 2 rounds\n  floor 15%\n  seeds 0..2")
    with pytest.raises(RunFailed, match=r"collapses: in round \d of seed \d") as failed:
        run(path, points(), str(tmp_path / "run"), 2)
    assert "prune less" in failed.value.help


class Dying(dict):  # type: ignore[type-arg]
    """Data that end the process which reads them."""

    def __reduce__(self) -> Any:
        return os._exit, (3,)


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [2, 3])
def test_g4_as_jobs_of_a_cluster(tmp_path: Path, jobs: int) -> None:
    """submitit's own way to run jobs on this machine: each in a process of its own, which finds all in the folder."""
    pytest.importorskip("submitit")
    path = spec(tmp_path, CLAUSES.replace("SEEDS", "0..2"))
    told: list[Any] = []
    one = run(path, points(), str(tmp_path / "one"), 1)
    two = run(path, points(), str(tmp_path / "two"), jobs, told, cluster="local", options={"timeout_min": 5})
    assert one.results.rows == two.results.rows
    assert outcome(tmp_path / "one") == outcome(tmp_path / "two")
    assert [done for done, *_ in told] == list(range(1, len(one.results.rows) + 1))
    assert len(list((tmp_path / "two" / "cluster").glob("*_result.pkl"))) == {2: 4, 3: 8}[jobs]


@pytest.mark.slow
def test_what_stops_a_job_stops_the_experiment(tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    path = spec(tmp_path, "remove 60% each of 2 rounds\n  floor 15%\n  seeds 0..1")
    with pytest.raises(RunFailed, match=r"collapses: in round \d of seed \d") as failed:
        run(path, points(), str(tmp_path / "run"), 2, cluster="local")
    assert "prune less" in failed.value.help
    path = spec(tmp_path, CLAUSES.replace("SEEDS", "0..1"))
    with pytest.raises(RunFailed, match=r"a job ended without what it was to train: .+"):
        run(path, Dying(points()), str(tmp_path / "other"), 2, cluster="local")


@pytest.mark.parametrize(
    "cluster, options, why",
    [
        ("cloud9", {}, "the cluster `cloud9`: AutoExecutor doesn't know any executor named cloud9"),
        ("slurm", {}, 'the cluster `slurm`: Could not detect "srun"'),
        ("local", {"partitoin": "gpu"}, r"the cluster `local`: .*partitoin"),
    ],
)
def test_a_cluster_that_is_none_is_said(tmp_path: Path, cluster: str, options: dict[str, Any], why: str) -> None:
    pytest.importorskip("submitit")
    path = spec(tmp_path, CLAUSES.replace("SEEDS", "0..1"))
    with pytest.raises(RunFailed, match=why):
        run(path, points(), str(tmp_path / "run"), 2, cluster=cluster, options=options)
    with pytest.raises(RunFailed, match="meet in a folder"):
        run(path, points(), None, 2, cluster="local")


@pytest.mark.slow
def test_g4_under_torchrun(tmp_path: Path) -> None:
    path = spec(tmp_path, CLAUSES.replace("SEEDS", "0..3"), "adam(lr=0.01)", NET_OF_IRIS)
    command = ["-m", "fanin", "prune", f"{path}:Ticket", "--data", "iris", "--epochs", "4", "--batch-size", "20"]
    command += ["--val", "0.25", "--device", "cpu"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for launch, out in (([], "one"), (["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"], "two")):
        whole = [sys.executable, *launch, *command, "--out", str(tmp_path / out)]
        ended = subprocess.run(whole, env=environment, timeout=300, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.count("identity: spec") == 1
    assert outcome(tmp_path / "one") == outcome(tmp_path / "two")


NET_OF_IRIS = """\
model Net()(x: [N, 4]) -> [N, 3] {
  return x -> fc1: Linear(16) -> relu -> fc2: Linear(3)
}

system Fit()(x: [N, 4], label: int[N]) {
  net = Net()
  logits = net(x)
  loss ce = cross_entropy(logits, label)
  metric accuracy = mean(float(argmax(logits, axis=1) == label))
  train net on ce with RULE
}

prune Ticket of Fit {
  CLAUSES
}
"""
