"""Where the replicas of an experiment run: in processes here, in those of a torchrun, or as jobs of a cluster.

All meet in the folder of the experiment: what one has trained is there for the others, and for the report.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from fanin.record import field, record

if TYPE_CHECKING:
    from fanin.pruning.report import Row
    from fanin.pruning.running import Experiment
    from fanin.systems.training import Watch

_LOOK = 0.2  # seconds between looks at what others have finished
_A_DAY = 24 * 60  # minutes that a job of a cluster has, where nothing else is said


@record
class Spread:
    """Over how many processes, or jobs at a time, replicas are spread; by ``cluster`` as submitit calls it: slurm, or
    local to try it. ``options`` are those of its jobs: ``timeout_min``, ``slurm_partition``, …"""

    processes: int = 1
    cluster: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def beyond(self) -> bool:
        """Whether replicas run in other processes than this one."""
        return self.processes > 1 or self.cluster is not None


class Running(Protocol):
    """A share of the replicas that runs elsewhere."""

    def done(self) -> bool: ...
    def result(self) -> Any: ...
    def cancel(self) -> Any: ...


Submit = Callable[[tuple[int, ...], tuple[str, ...]], Running]
"""Begins runs of seeds."""


def spread(experiment: Experiment, data: Any, over: Spread, tell: Watch) -> None:
    """Run the replicas elsewhere: the tickets of a share of the seeds, and then their controls.

    Where there are more processes than seeds, each control is run by itself. Raises RunFailed, as one of them did.
    """
    from fanin.systems.problems import RunFailed

    assert experiment.folder is not None
    done, most = len(experiment.results().rows), over.processes
    seeds, (first, *controls) = experiment.plan.experiment.seeds, experiment.plan.experiment.runs
    shares = [tuple(seeds[r::most]) for r in range(min(most, len(seeds)))]
    apart = [(run,) for run in controls] if len(shares) < most else [tuple(controls)] if controls else []
    waiting: deque[tuple[tuple[int, ...], tuple[str, ...]]] = deque((share, (first,)) for share in shares)
    given = experiment.folder.path, data, experiment.settings.document()
    with _processes(most, *given) if over.cluster is None else _cluster(over, *given) as submit:
        running: dict[Running, tuple[tuple[int, ...], tuple[str, ...]]] = {}
        try:
            while waiting or running:
                while waiting and len(running) < most:
                    asked = waiting.popleft()
                    running[submit(*asked)] = asked
                ended = [job for job in running if job.done()]
                for job in ended:
                    rows = job.result()
                    if isinstance(rows, RunFailed):
                        raise rows
                    for row in rows:
                        done += 1
                        tell("trained", {"done": done, "of": experiment.plan.trainings, "row": row})
                    share, runs = running.pop(job)
                    if runs == (first,):  # what the controls of these seeds start from is there
                        waiting.extend((share, more) for more in apart)
                if not ended:
                    time.sleep(_LOOK)
        except BaseException:
            for job in running:
                job.cancel()
            raise


# ------------------------------------------------------------------------------------------------ processes of this one


@contextmanager
def _processes(count: int, folder: str, data: Any, settings: Mapping[str, Any]) -> Iterator[Submit]:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    given = folder, data, settings
    with ProcessPoolExecutor(count, get_context("spawn"), initializer=_enter, initargs=given) as pool:
        yield lambda seeds, runs: pool.submit(_share_here, seeds, runs)


_here: list[Experiment] = []
"""The experiment that this process has a share of."""


def _enter(folder: str, data: Any, settings: Mapping[str, Any]) -> None:
    """Begin a process that runs replicas; it ends with the one that began it."""
    import multiprocessing
    from multiprocessing.connection import wait
    from threading import Thread

    parent = multiprocessing.parent_process()
    if parent is not None:
        sentinel = parent.sentinel
        Thread(target=lambda: wait([sentinel]) and os._exit(1), daemon=True).start()
    _here[:] = [_experiment_of(folder, data, settings)]


def _share_here(seeds: tuple[int, ...], runs: tuple[str, ...]) -> list[Row]:
    return _share_of(_here[0], seeds, runs)


# ------------------------------------------------------------------------------------------------------- jobs elsewhere


@contextmanager
def _cluster(over: Spread, folder: str, data: Any, settings: Mapping[str, Any]) -> Iterator[Submit]:
    """Jobs by submitit, whose logs are in a folder of the experiment. Raises RunFailed for what it refuses."""
    import submitit
    from submitit.core.utils import FailedJobError, UncompletedJobError

    from fanin.systems.problems import RunFailed

    try:
        executor = submitit.AutoExecutor(os.path.join(os.path.abspath(folder), "cluster"), cluster=over.cluster)
        executor.update_parameters(**{"timeout_min": _A_DAY, **over.options})
    except (RuntimeError, ValueError, NameError, TypeError) as error:
        raise RunFailed(f"the cluster `{over.cluster}`: {error}") from error
    try:
        yield lambda seeds, runs: executor.submit(_job, os.path.abspath(folder), data, settings, seeds, runs)
    except (FailedJobError, UncompletedJobError) as error:
        said = [line for line in str(error).splitlines() if line.strip()]
        raise RunFailed(f"a job ended without what it was to train: {said[-1].strip() if said else error}") from error


def _job(
    folder: str, data: Any, settings: Mapping[str, Any], seeds: tuple[int, ...], runs: tuple[str, ...]
) -> list[Row] | Exception:
    """A share of the replicas; what stops a training is given back, not raised."""
    from fanin.systems.problems import RunFailed

    try:
        return _share_of(_experiment_of(folder, data, settings), seeds, runs)
    except RunFailed as failed:
        return failed


# -------------------------------------------------------------------------------------------------------- of a torchrun


def share(experiment: Experiment, rank: int, size: int, tell: Watch) -> None:
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


def wait_until(there: Callable[[], bool]) -> None:
    """Until another process has done something."""
    while not there():
        time.sleep(_LOOK)


def _wait_for(experiment: Experiment, replicas: Iterable[tuple[int, str]]) -> None:
    """Until other processes have run them."""
    wanted = list(replicas)
    wait_until(lambda: all(experiment.ended(seed, run) for seed, run in wanted))


# -------------------------------------------------------------------------------------------------------------- a share


def _experiment_of(folder: str, data: Any, settings: Mapping[str, Any]) -> Experiment:
    from fanin.pipeline.experiments import opened
    from fanin.systems.folder import Folder

    return opened(Folder(folder), data, settings)[0]


def _share_of(experiment: Experiment, seeds: tuple[int, ...], runs: tuple[str, ...]) -> list[Row]:
    """Train what has not been trained of some runs of some seeds; gives the rows that are new."""
    found: list[Row] = []
    experiment.go(seeds, runs, found.append)
    return found
