"""A ``prune`` and data → an experiment: run, gone on with, reported."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fanin.pipeline.artefacts import training_source
from fanin.pipeline.files import load
from fanin.pipeline.graphs import pruning_of
from fanin.pipeline.runs import given_again, keep
from fanin.pipeline.shrinking import write_smaller
from fanin.pipeline.spreading import Spread, share, spread, wait_until
from fanin.report import Hyper, read_source

if TYPE_CHECKING:
    from fanin.elaborate.files import Loader
    from fanin.pruning.running import Experiment, Pruned
    from fanin.systems.folder import Folder
    from fanin.systems.settings import Settings
    from fanin.systems.training import Watch


HERE = Spread()


def prune(
    path: str,
    name: str | None,
    data: Any,
    *,
    out: str | None,
    hyper: Hyper,
    watch: Watch | None,
    settings: Mapping[str, Any],
    over: Spread = HERE,
) -> Pruned:
    """Run a pruning experiment; with ``out``, what came out of it is kept in that folder.

    What a folder has of the same experiment is not done again. Raises Unreadable, NoSuchName, CheckFailed, DataFailed
    and RunFailed.
    """
    from fanin.systems.folder import Folder
    from fanin.systems.machine import rank, size
    from fanin.systems.problems import RunFailed
    from fanin.systems.settings import settings_of

    if out is None and over.cluster is not None:
        raise RunFailed("the jobs of a cluster meet in a folder, and none was named", help="give `--out runs/prune`")
    if out is None and over.beyond:
        with tempfile.TemporaryDirectory() as home:
            inside = os.path.join(home, "run")
            found = prune(path, name, data, out=inside, hyper=hyper, watch=watch, settings=settings, over=over)
            found.folder = None
            return found
    if out is None and size() > 1:
        raise RunFailed("several processes meet in a folder, and none was named", help="give `--out runs/prune`")
    chosen = settings_of(settings)
    loader = load(read_source(path), path)
    folder = None if out is None else Folder(out)
    experiment, program = _experiment(loader, path, name, hyper, data, chosen, folder)
    if folder is not None and rank() > 0:
        wait_until(lambda: folder.begun)  # the first process makes it
    if folder is not None and folder.begun:
        _same(folder, experiment)
    if folder is not None and rank() == 0:
        what = {"prune": experiment.plan.experiment.name, "identity": experiment.identity.document()}
        keep(folder, loader, program, what, hyper, data, chosen)
    return _run(experiment, data, over, watch)


def is_pruning(folder: str) -> bool:
    """Whether a folder is of a pruning experiment, and not of a training. Raises RunFailed where it is of neither."""
    from fanin.systems.folder import Folder

    return "prune" in Folder(folder).document()


def resume_pruning(
    folder: str, data: Any, *, watch: Watch | None, settings: Mapping[str, Any], over: Spread = HERE
) -> Pruned:
    """Go on with an experiment. Raises RunFailed, where its spec or its data are others by now too."""
    from fanin.systems.folder import Folder
    from fanin.systems.problems import RunFailed

    home = Folder(folder)
    if not is_pruning(folder):
        raise RunFailed(f"{folder} is of a training", help=f"go on with `fanin train --resume {folder}`")
    experiment, given = opened(home, data, settings)
    _same(home, experiment)
    return _run(experiment, given, over, watch)


def opened(home: Folder, data: Any, settings: Mapping[str, Any]) -> tuple[Experiment, Any]:
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


def _run(experiment: Experiment, data: Any, over: Spread, watch: Watch | None) -> Pruned:
    from fanin.analyses.plan import STRUCTURED
    from fanin.systems.machine import rank, size

    tell = watch or (lambda event, known: None)
    if size() > 1:
        share(experiment, rank(), size(), tell)
    elif over.beyond:
        spread(experiment, data, over, tell)
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
