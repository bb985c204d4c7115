"""G5: killed at any moment, an experiment goes on to the same bits and the same report."""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import fanin
from fanin.pruning.levels import Levels
from fanin.pruning.report import Row
from fanin.runtime import modes
from fanin.systems.problems import RunFailed
from tests.killing import killed, lasting, started
from tests.unit.pruning.experiments import points, prune, spec

CLAUSES = "remove 30% each of 3 rounds\n  compare once\n  measure accuracy, steps_to(ce, 0.9)"
MORE = CLAUSES.replace("compare once", "compare reinit, random, once\n  seeds 0..2")
REWINDS = ("to step 7", "to start", "rate", "none")
RULE = "adam(lr=0.01), cosine(warmup=3)"


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with modes.one_thread():
        yield


def begun(path: str, out: str) -> None:
    """Begin an experiment, or go on with it where there is one to go on with."""
    if os.path.exists(os.path.join(out, "run.json")):
        fanin.resume(out, points())
    else:
        shutil.rmtree(out, ignore_errors=True)
        prune(path, out=out, save_every=6)


def outcome(folder: Path | str) -> dict[str, bytes]:
    """What an experiment leaves, byte for byte."""
    names = ["report.txt", "report.json", "rows.csv"]
    names += [str(path.relative_to(folder)) for path in sorted(Path(folder).glob("seed-*/*.safetensors"))]
    assert len(names) >= 6
    return {name: Path(folder, name).read_bytes() for name in names}


def killed_at_random(tmp_path: Path, kills: int, clauses: str, seed: int) -> int:
    """Kill an experiment at random moments until it was killed so often; gives in how many runs that was."""
    path = spec(tmp_path, clauses, RULE)
    begun(path, str(tmp_path / "whole"))
    lasted = lasting(begun, path, str(tmp_path / "again"))
    wanted, draw, done, runs = outcome(tmp_path / "whole"), random.Random(seed), 0, 0
    while done < kills:
        out, runs = str(tmp_path / f"run{runs}"), runs + 1
        while True:
            child = started(begun, path, out)
            if done < kills and killed(child, draw.uniform(0, lasted / 2)):
                done += 1
                continue
            child.join()
            break
        assert outcome(out) == wanted, (clauses, runs)
    return runs


def test_g5_killed_at_random_moments(tmp_path: Path) -> None:
    assert killed_at_random(tmp_path, 3, f"{CLAUSES}\n  rewind to step 7", seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("rewind", REWINDS)
def test_g5_killed_a_hundred_times(tmp_path: Path, rewind: str) -> None:
    """Twenty-five times for each way to rewind."""
    assert killed_at_random(tmp_path, 25, f"{MORE}\n  rewind {rewind}", seed=1)


# ----------------------------------------------------------------------------------------------------- while it writes


def killed_writing(path: str, out: str, at: int) -> bool:
    """Kill an experiment while it writes for the ``at``-th time, with half of a file there; False where it ended."""
    child = started(cut_off, path, out, at)
    child.join()
    return child.exitcode == -signal.SIGKILL


def cut_off(path: str, out: str, at: int) -> None:
    """An experiment that kills itself as it writes."""
    count, settle = 0, os.fsync

    def cut(handle: int) -> None:
        nonlocal count
        count += 1
        if count == at:
            if os.path.isfile(f"/proc/self/fd/{handle}"):
                os.truncate(f"/proc/self/fd/{handle}", os.fstat(handle).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        settle(handle)

    os.fsync = cut
    begun(path, out)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="a file that is written is found by its number")
@pytest.mark.parametrize("step", [27, pytest.param(5, marks=pytest.mark.slow)])
def test_g5_killed_in_the_middle_of_writing(tmp_path: Path, step: int) -> None:
    """Half a file is there when it is killed: again and again, always a few writes further on."""
    path = spec(tmp_path, f"{CLAUSES}\n  rewind to step 7", RULE)
    begun(path, str(tmp_path / "whole"))
    out, kills = str(tmp_path / "run"), 0
    while killed_writing(path, out, step + kills % 3):
        kills += 1
        assert kills < 300, "it gets no further"
    assert kills >= 3
    assert outcome(out) == outcome(tmp_path / "whole")
    assert not [path for path in Path(out).rglob("*") if path.name.endswith((".new", ".old"))]


def stopped_on_the_way(path: str, out: str) -> None:
    """An experiment that kills itself after 16 steps of its first round."""
    from fanin.systems.training import Loop

    taken, epoch = 0, Loop._epoch

    def counted(self: Loop) -> None:
        before = self.after

        def after() -> None:
            nonlocal taken
            taken += 1
            if before is not None:
                before()
            if taken == 20 + 16:  # the dense network, and 16 steps of the first round
                os.kill(os.getpid(), signal.SIGKILL)

        self.after = after
        epoch(self)
        self.after = before

    Loop._epoch = counted  # type: ignore[method-assign]
    begun(path, out)


def test_g5_it_does_not_begin_a_training_again_that_it_has_taken_half_way(tmp_path: Path) -> None:
    """Of a training that was killed after step 15, with a checkpoint each 6, the steps from 12 on are taken."""
    from fanin.systems.training import Loop

    path = spec(tmp_path, "remove 30% each of 2 rounds", RULE)
    out = str(tmp_path / "run")

    started(stopped_on_the_way, path, out).join()
    assert os.listdir(os.path.join(out, "seed-0", "levels", "ticket-001.running"))
    begins: list[int] = []

    def watched(self: Loop, go: Any = Loop.go) -> None:
        begins.append(self.steps)
        go(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Loop, "go", watched)
        fanin.resume(out, points())
    assert begins == [12, 0]
    assert not [name for name in os.listdir(os.path.join(out, "seed-0", "levels")) if name.endswith(".running")]


# ------------------------------------------------------------------------------------------------------- what is kept


def test_t12_a_level_is_the_bits_of_its_masks(tmp_path: Path) -> None:
    """300-100 on 64 inputs: 50,200 weights are 6.3 kB of bits in a round, and one snapshot for all of them."""
    from fanin.pruning.rewinding import Point

    draw = torch.Generator().manual_seed(0)
    sizes = {"net.fc1.weight": 19200, "net.fc2.weight": 30000, "net.fc3.weight": 1000}
    stays = {name: torch.rand(size, generator=draw) < 0.5 for name, size in sizes.items()}
    levels = Levels(str(tmp_path))
    levels.put_units("ticket", 3, stays)
    assert 50_200 / 8 <= (tmp_path / "levels" / "ticket-003.masks").stat().st_size < 50_200 / 8 + 300
    again = Levels(str(tmp_path)).units("ticket", 3, sizes)
    assert again is not None and all(torch.equal(again[name], kept) for name, kept in stays.items())
    weights = {name: torch.randn(size, generator=draw) for name, size in sizes.items()}
    point = Point(weights, 0, 27, 27, {"epoch": 2, "position": 9}, [{"cpu": torch.get_rng_state()}])
    levels.put_point("rewind", point)
    kept = sum(file.stat().st_size for file in (tmp_path / "levels" / "rewind.point").iterdir())
    assert 4 * 50_200 <= kept < 4 * 50_200 + 8_000  # with where the random numbers stand
    found = Levels(str(tmp_path)).point("rewind")
    assert found is not None and all(torch.equal(found.weights[k], w) for k, w in weights.items())
    assert (found.stage, found.step, found.steps, found.data) == (0, 27, 27, point.data)


def test_rows_are_kept_to_the_bit(tmp_path: Path) -> None:
    row = Row("reinit", 2, 7, 11, 12, {"a.weight": 11}, {"ce": 0.1 + 0.2, "steps_to(ce, 0.9)": None, "z": float("inf")})
    levels = Levels(str(tmp_path))
    levels.put_row(row)
    assert Levels(str(tmp_path)).row("reinit", 2) == row
    path = tmp_path / "levels" / "reinit-002.json"
    path.write_bytes(path.read_bytes()[:20])
    assert Levels(str(tmp_path)).row("reinit", 2) is None  # what cannot be read is trained again


def test_a_folder_that_is_of_a_training_is_not_taken_for_an_experiment(tmp_path: Path) -> None:
    from fanin import pipeline

    path = spec(tmp_path, "remove 30% at once")
    fanin.train(path, "Fit", points(), out=str(tmp_path / "run"), epochs=1, device="cpu")
    with pytest.raises(RunFailed, match="is of a training"):
        pipeline.resume_pruning(str(tmp_path / "run"), points(), watch=None, settings={})
    prune(path, out=str(tmp_path / "other"), epochs=1)
    with pytest.raises(RunFailed, match="is of a pruning experiment"):
        pipeline.resume(str(tmp_path / "other"), points(), watch=None, settings={})
    with pytest.raises(RunFailed, match="is no folder of a run"):
        fanin.resume(str(tmp_path))
