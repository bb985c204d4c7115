"""A ``prune`` and data → an experiment: run, gone on with, spread over processes."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fanin.pipeline.artefacts import training_source
from fanin.pipeline.files import load
from fanin.pipeline.graphs import pruning_of
from fanin.pipeline.runs import given_again, keep
from fanin.pipeline.shrinking import write_smaller
from fanin.report import Hyper, read_source

if TYPE_CHECKING:
    from fanin.elaborate.files import Loader
    from fanin.pruning.report import Row
    from fanin.pruning.running import Experiment, Pruned
    from fanin.systems.folder import Folder
    from fanin.systems.settings import Settings
    from fanin.systems.training import Watch

_LOOK = 0.2  # seconds between looks at what other processes have finished


def prune(
    path: str,
    name: str | None,
    data: Any,
    *,
    out: str | None,
    hyper: Hyper,
    watch: Watch | None,
    settings: Mapping[str, Any],
    processes: int = 1,
) -> Pruned:
    """Run a pruning experiment; with ``out``, what came out of it is kept in that folder.

    What a folder has of the same experiment is not done again. Raises Unreadable, NoSuchName, CheckFailed, DataFailed
    and RunFailed.
    """
    from fanin.systems.folder import Folder
    from fanin.systems.machine import rank, size
    from fanin.systems.problems import RunFailed
    from fanin.systems.settings import settings_of

    if out is None and processes > 1:
        with tempfile.TemporaryDirectory() as home:
            inside = os.path.join(home, "run")
            found = prune(
                path, name, data, out=inside, hyper=hyper, watch=watch, settings=settings, processes=processes
            )
            found.folder = None
            return found
    if out is None and size() > 1:
        raise RunFailed("several processes meet in a folder, and none was named", help="give `--out runs/prune`")
    chosen = settings_of(settings)
    loader = load(read_source(path), path)
    folder = None if out is None else Folder(out)
    experiment, program = _experiment(loader, path, name, hyper, data, chosen, folder)
    if folder is not None and rank() > 0:
        while not folder.begun:  # the first process makes it
            time.sleep(_LOOK)
    if folder is not None and folder.begun:
        _same(folder, experiment)
    if folder is not None and rank() == 0:
        what = {"prune": experiment.plan.experiment.name, "identity": experiment.identity.document()}
        keep(folder, loader, program, what, hyper, data, chosen)
    return _run(experiment, data, processes, watch)


def is_pruning(folder: str) -> bool:
    """Whether a folder is of a pruning experiment, and not of a training. Raises RunFailed where it is of neither."""
    from fanin.systems.folder import Folder

    return "prune" in Folder(folder).document()


def resume_pruning(
    folder: str, data: Any, *, watch: Watch | None, settings: Mapping[str, Any], processes: int = 1
) -> Pruned:
    """Go on with an experiment. Raises RunFailed, where its spec or its data are others by now too."""
    from fanin.systems.folder import Folder
    from fanin.systems.problems import RunFailed

    home = Folder(folder)
    if not is_pruning(folder):
        raise RunFailed(f"{folder} is of a training", help=f"go on with `fanin train --resume {folder}`")
    experiment, given = _opened(home, data, settings)
    _same(home, experiment)
    return _run(experiment, given, processes, watch)


def _opened(home: Folder, data: Any, settings: Mapping[str, Any]) -> tuple[Experiment, Any]:
    """The experiment of a folder, and its data."""
    document = home.document()
    path, given, chosen = given_again(home, data, settings)
    loader = load(read_source(path), path)
    return _experiment(loader, path, document["prune"], document["hyper"], given, chosen, home)[0], given


def _experiment(
    loader: Loader, path: str, name: str | None, hyper: Hyper, data: Any, chosen: Settings, folder: Folder | None
) -> tuple[Experiment, str]:
    """An experiment, ready to be run, and the program of its first training."""
    from fanin.ir.recipe import System
    from fanin.pruning import running
    from fanin.pruning.identity import identity
    from fanin.pruning.retraining import retrained
    from fanin.rewrites.auto_init import settle_system
    from fanin.rewrites.training_plan import training_plan
    from fanin.systems import run
    from fanin.systems.problems import RunFailed

    found = pruning_of(loader, path, name, hyper)
    experiment = found.experiment
    if not isinstance(experiment.of, System):
        raise RunFailed(
            f"`{experiment.of.name}` is a model, and nothing says how it is trained",
            help=f"write a system with it, and `prune {experiment.name} of` that",
        )
    system = settle_system(experiment.of)
    if any(stage.changes for stage in system.stages):
        raise RunFailed(f"`{system.name}` grows in its stages, and a mask is of one network")
    phases = training_plan([system] * max(1, len(system.stages)))
    program = again = training_source(phases)
    if experiment.retrain is not None:
        again = training_source(retrained(phases, experiment.retrain))
    parts = run.parts_of(phases, data, chosen)
    running.refuse(found, phases, parts, chosen)
    own = identity(experiment, parts, chosen)
    return running.Experiment(found, phases, (program, again), parts, chosen, folder, own), program


def _same(folder: Folder, experiment: Experiment) -> None:
    """Refuse to go on in the folder of another experiment."""
    from fanin.systems.problems import RunFailed

    words = {"spec": "spec or its settings are", "data": "data is", "engine": "engine is"}
    document = folder.document()
    if "identity" not in document:
        raise RunFailed(f"{folder.path} is not empty", help="choose another folder")
    if other := experiment.identity.differences(document["identity"]):
        raise RunFailed(
            f"{folder.path} has another experiment: its {words[other[0]]} not the same", help="choose another folder"
        )


# ------------------------------------------------------------------------------------------------------- processes


def _run(experiment: Experiment, data: Any, processes: int, watch: Watch | None) -> Pruned:
    from fanin.analyses.plan import STRUCTURED
    from fanin.systems.machine import rank, size

    tell = watch or (lambda event, known: None)
    if size() > 1:
        _share(experiment, rank(), size(), tell)
    elif processes > 1:
        _spread(experiment, data, processes, tell)
    if rank() > 0:
        return experiment.pruned()
    experiment.tidy()
    found = experiment.run(tell)
    if experiment.folder is not None and experiment.plan.unit in STRUCTURED:
        for seed, ticket in found.tickets.items():
            home = os.path.join(experiment.folder.path, f"seed-{seed}")
            found.saved[seed] = write_smaller(experiment.plan, ticket.weights, home)
    if experiment.folder is not None:
        found.page(os.path.join(experiment.folder.path, "report.html"))
    return found


def _spread(experiment: Experiment, data: Any, processes: int, tell: Watch) -> None:
    """Run the replicas in processes of their own: the tickets of a share of the seeds, and then their controls.

    Where there are more processes than seeds, each control is run by itself. They meet in the folder. Raises RunFailed,
    as one of them did.
    """
    from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
    from multiprocessing import get_context

    assert experiment.folder is not None
    done = len(experiment.results().rows)
    seeds, (first, *controls) = experiment.plan.experiment.seeds, experiment.plan.experiment.runs
    shares = [tuple(seeds[r::processes]) for r in range(min(processes, len(seeds)))]
    apart = [(run,) for run in controls] if len(shares) < processes else [tuple(controls)] if controls else []
    given = experiment.folder.path, data, experiment.settings.document()
    with ProcessPoolExecutor(processes, get_context("spawn"), initializer=_enter, initargs=given) as pool:
        running: dict[Future[list[Row]], tuple[int, ...]] = {pool.submit(_share_of, s, (first,)): s for s in shares}
        try:
            while running:
                for ended in wait(running, return_when=FIRST_COMPLETED).done:
                    for row in ended.result():
                        done += 1
                        tell("trained", {"done": done, "of": experiment.plan.trainings, "row": row})
                    share = running.pop(ended)
                    if share:  # what the controls of these seeds start from is there
                        running |= {pool.submit(_share_of, share, runs): () for runs in apart}
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


_here: list[Experiment] = []
"""The experiment that this process has a share of."""


def _enter(folder: str, data: Any, settings: Mapping[str, Any]) -> None:
    """Begin a process that runs replicas; it ends with the one that began it."""
    import multiprocessing
    from multiprocessing.connection import wait
    from threading import Thread

    from fanin.systems.folder import Folder

    parent = multiprocessing.parent_process()
    if parent is not None:
        sentinel = parent.sentinel
        Thread(target=lambda: wait([sentinel]) and os._exit(1), daemon=True).start()
    _here[:] = [_opened(Folder(folder), data, settings)[0]]


def _share_of(seeds: tuple[int, ...], runs: tuple[str, ...]) -> list[Row]:
    """Train what has not been trained of some runs of some seeds; gives the rows that are new."""
    found: list[Row] = []
    _here[0].go(seeds, runs, found.append)
    return found


def _share(experiment: Experiment, rank: int, size: int, tell: Watch) -> None:
    """Run the replicas that are those of this process of a torchrun: of n, process r has the seeds r, r + n, ….

    Others are waited for where something of theirs is needed. Raises RunFailed.
    """
    seeds, (first, *controls) = experiment.plan.experiment.seeds, experiment.plan.experiment.runs
    def row(found: Row) -> None:
        done = len(experiment.results().rows)
        tell("trained", {"done": done, "of": experiment.plan.trainings, "row": found})

    own = seeds[rank::size]
    experiment.go(own, (first,), row)
    if len(seeds) >= size:
        experiment.go(own, tuple(controls), row)
    else:  # some processes have no seed
        for r, (seed, run) in enumerate((seed, run) for seed in seeds for run in controls):
            if r % size == rank:
                _wait_for(experiment, [(seed, first)])
                experiment.go([seed], (run,), row)
    _wait_for(experiment, [(seed, run) for seed in seeds for run in (first, *controls)])


def _wait_for(experiment: Experiment, replicas: list[tuple[int, str]]) -> None:
    """Until other processes have run them."""
    while not all(experiment.ended(seed, run) for seed, run in replicas):
        time.sleep(_LOOK)
