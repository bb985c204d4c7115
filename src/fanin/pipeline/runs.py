"""A system and data → a run: trained, searched, resumed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fanin.pipeline.artefacts import source, training_source
from fanin.pipeline.checks import check
from fanin.pipeline.files import load, standard_library
from fanin.pipeline.graphs import sources, training, training_of
from fanin.report import CheckFailed, Hyper, NoSuchName, read_source

if TYPE_CHECKING:
    from fanin.elaborate.files import Loader
    from fanin.ir.recipe import Phase
    from fanin.systems.folder import Folder
    from fanin.systems.run import Run, Values
    from fanin.systems.search import Search, Trial
    from fanin.systems.settings import Settings
    from fanin.systems.training import Watch
    from fanin.systems.values import Value


def train(
    path: str,
    name: str | None,
    data: Any,
    *,
    out: str | None,
    hyper: Hyper,
    watch: Watch | None,
    settings: Mapping[str, Any],
) -> Run:
    """Train a system; with ``out``, all of it is kept in that folder.

    Raises Unreadable, NoSuchName, CheckFailed, DataFailed and RunFailed.
    """
    from fanin.systems import machine, run
    from fanin.systems.folder import Folder
    from fanin.systems.problems import RunFailed
    from fanin.systems.settings import settings_of

    loader = load(read_source(path), path)
    phases = training_of(loader, path, name, hyper)
    chosen = run.settled(phases, settings_of(settings))
    program = training_source(phases)
    parts = run.parts_of(phases, data, chosen)
    run.check(phases[0].system, parts, chosen)
    for name in ("stability", "one_by_one"):
        if getattr(chosen, name):
            raise RunFailed(f"`{name}` is a setting of `prune`", help="leave it out")
    folder = None if out is None else Folder(out)
    if folder is not None and machine.rank() == 0:
        keep(folder, loader, program, {"system": phases[0].system.name}, hyper, data, chosen)
    return run.start(phases, program, parts, chosen, folder=folder, watch=watch, values=_values(phases))


def smoke(path: str, name: str | None, hyper: Hyper, *, watch: Watch | None, settings: Mapping[str, Any]) -> Run:
    """Two steps of each stage of a system on random numbers, and nothing kept."""
    from fanin.systems import run
    from fanin.systems.settings import settings_of

    phases = training(path, name, hyper)
    chosen = settings_of({"steps": None, **settings, "smoke": True})
    return run.start(
        phases, training_source(phases), run.random_parts(phases, chosen), chosen, watch=watch, values=_values(phases)
    )


def search(
    path: str,
    name: str | None,
    data: Any,
    ranges: Mapping[str, Any],
    *,
    trials: int,
    seed: int,
    folds: int | None,
    hyper: Hyper,
    settings: Mapping[str, Any],
    told: Callable[[int, Trial], None] | None = None,
) -> Search:
    """Values drawn for hyper-parameters of a system; those that the spec takes are trained with.

    ``told`` hears of each trial as it ends.

    Raises Unreadable, NoSuchName, DataFailed and RunFailed.
    """
    from fanin.data.opening import open_data
    from fanin.data.table import Data
    from fanin.systems.problems import RunFailed
    from fanin.systems.search import folds_of, searched
    from fanin.systems.settings import settings_of

    monitor = settings_of(settings).monitor
    if monitor is None:
        raise RunFailed("it is not said what to compare trials by", help='give `monitor="accuracy", highest=True`')
    if folds is not None and settings.get("val"):
        raise RunFailed("each fold is held out in its turn, and `val` beside them", help="leave out one of them")
    opened = open_data(data)
    if folds is not None and not isinstance(opened, Data):
        raise RunFailed(f"{opened.name} has no length, so it is not cut into folds")
    parts = [opened] if folds is None or not isinstance(opened, Data) else list(folds_of(opened, folds, seed))
    if folds is None and not (settings.get("val") or (isinstance(opened, Data) and "val" in opened.parts)):
        raise RunFailed("trials are compared on held out data, and there is none", help="give `val=0.2` or `folds=5`")

    def checked(values: Hyper) -> None:
        report = check(path, [name] if name else None, {**hyper, **values})
        if not report.ok:
            raise CheckFailed(report)

    def scores(values: Hyper) -> tuple[float, ...]:
        found = []
        for part in parts:
            run = train(path, name, part, out=None, hyper={**hyper, **values}, watch=None, settings=settings)
            told = [row[monitor] for row in run.validation]
            found.append(max(told) if settings.get("highest") else min(told))
        return tuple(found)

    return searched(ranges, trials, seed, monitor, bool(settings.get("highest")), checked, scores, told)


def stepper(path: str, name: str | None, hyper: Hyper, seed: int, length: int | None) -> Any:
    """The printed training of a system, to be taken step by step."""
    from fanin.systems.run import made

    phases = training(path, name, hyper)
    return made(phases, training_source(phases), seed=seed, length=length, values=_values(phases))


def _values(phases: Sequence[Phase]) -> Values:
    """From a name that a system binds to the value, computed with the weights of a training."""

    def value(name: str, training: Any) -> Value:
        from fanin.rewrites.part import asked, names_of
        from fanin.systems.training import ramps_of
        from fanin.systems.values import Value

        system = phases[-1].system
        program = asked(system, name)
        if program is None:
            raise NoSuchName(name, names_of(system), system.name)
        ramps = [ramp.port for ramp in system.ramps]
        return Value(
            program, source(program), training.system, lambda: dict(zip(ramps, ramps_of(training), strict=False))
        )

    return value


def run_folder(path: str, name: str | None) -> str:
    """Where a run of a system is kept if nobody says: a folder of ``runs`` that is not there yet."""
    from fanin.systems.folder import unused

    called = name or os.path.splitext(os.path.basename(path))[0]
    return unused(os.path.join("runs", called.lower()))


def resume(folder: str, data: Any, *, watch: Watch | None, settings: Mapping[str, Any]) -> Run:
    """Go on with a run. Raises RunFailed."""
    from fanin.systems import run
    from fanin.systems.folder import Folder
    from fanin.systems.problems import RunFailed

    home = Folder(folder)
    document = home.document()
    if "prune" in document:
        raise RunFailed(f"{folder} is of a pruning experiment", help=f"go on with `fanin prune --resume {folder}`")
    path, given, chosen = given_again(home, data, settings)
    phases = training(path, document["system"], document["hyper"])
    parts = run.parts_of(phases, given, chosen)
    return run.start(
        phases, home.program(), parts, chosen, folder=home, resumed=True, watch=watch, values=_values(phases)
    )


def keep(
    folder: Folder,
    loader: Loader,
    program: str,
    what: Mapping[str, Any],
    hyper: Hyper,
    data: Any,
    settings: Settings,
) -> None:
    """Make the folder of a run: ``what`` of the spec is run, by which program, on what."""
    from fanin.systems import run

    specs, main = run.spec_files(sources(loader), standard_library())
    given = data if isinstance(data, str) else None
    document = {"spec": main, **what, "hyper": hyper, "data": given, "settings": settings.document()}
    (folder.renew if folder.begun else folder.create)(document, program, specs)


def given_again(home: Folder, data: Any, settings: Mapping[str, Any]) -> tuple[str, Any, Settings]:
    """Of a run that goes on: the path of its spec, its data, and its settings. Raises RunFailed."""
    from fanin.systems.problems import RunFailed
    from fanin.systems.settings import settings_of

    document = home.document()
    chosen = settings_of({**document["settings"], **settings})
    if changed := settings_of(document["settings"]).differences(chosen):
        raise RunFailed(f"`{changed[0]}` of a run that is resumed stays what it was", help="begin another run")
    found = document["data"] if data is None else data
    if found is None:
        raise RunFailed("the data of this run had no name", help="give it again: `fanin.resume(folder, data)`")
    return os.path.join(home.path, "spec", document["spec"]), found, chosen
