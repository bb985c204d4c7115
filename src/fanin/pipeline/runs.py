"""A system and data → a run: trained, searched, pruned, resumed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fanin.pipeline.artefacts import source, training_source
from fanin.pipeline.checks import check
from fanin.pipeline.files import load, standard_library
from fanin.pipeline.graphs import pruning_of, sources, training, training_of
from fanin.report import CheckFailed, Hyper, NoSuchName, read_source

if TYPE_CHECKING:
    from torch import nn

    from fanin.analyses.plan import Plan
    from fanin.elaborate.files import Loader
    from fanin.ir.recipe import Phase
    from fanin.pruning.running import Pruned
    from fanin.systems.folder import Folder
    from fanin.systems.run import Run, Values
    from fanin.systems.search import Search
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
    from fanin.systems.settings import settings_of

    loader = load(read_source(path), path)
    phases = training_of(loader, path, name, hyper)
    chosen = run.settled(phases, settings_of(settings))
    program = training_source(phases)
    parts = run.parts_of(phases, data, chosen)
    run.check(phases[0].system, parts, chosen)
    folder = None if out is None else Folder(out)
    if folder is not None and machine.rank() == 0:
        _keep(folder, loader, program, {"system": phases[0].system.name}, hyper, data, chosen)
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
) -> Search:
    """Values drawn for hyper-parameters of a system; those that the spec takes are trained with.

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

    return searched(ranges, trials, seed, monitor, bool(settings.get("highest")), checked, scores)


def stepper(path: str, name: str | None, hyper: Hyper, seed: int, length: int | None) -> Any:
    """The printed training of a system, to be taken step by step."""
    from fanin.systems.run import made

    phases = training(path, name, hyper)
    return made(phases, training_source(phases), seed=seed, length=length, values=_values(phases))


def _values(phases: Sequence[Phase]) -> Values:
    """From the name of a value of a system to the value, computed with the weights of a module."""

    def value(name: str, module: nn.Module) -> Value:
        from fanin.elaborate.systems import value_program
        from fanin.systems.values import Value

        system = phases[-1].system
        program = value_program(system, name)
        if program is None:
            raise NoSuchName(name, [v for v, _ in system.values], system.name)
        return Value(program, source(program), module)

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
    from fanin.systems.settings import settings_of

    home = Folder(folder)
    document = home.document()
    before = settings_of(document["settings"])
    chosen = settings_of({**document["settings"], **settings})
    if changed := before.differences(chosen):
        raise RunFailed(f"`{changed[0]}` of a run that is resumed stays what it was", help="begin another run")
    path = os.path.join(folder, "spec", document["spec"])
    phases = training(path, document["system"], document["hyper"])
    given = document["data"] if data is None else data
    if given is None:
        raise RunFailed("the data of this run had no name", help="give it again: `fanin.resume(folder, data)`")
    parts = run.parts_of(phases, given, chosen)
    return run.start(
        phases, home.program(), parts, chosen, folder=home, resumed=True, watch=watch, values=_values(phases)
    )


def prune(
    path: str,
    name: str | None,
    data: Any,
    *,
    out: str | None,
    hyper: Hyper,
    watch: Watch | None,
    settings: Mapping[str, Any],
) -> Pruned:
    """Run a pruning experiment; with ``out``, what came out of it is kept in that folder.

    Raises Unreadable, NoSuchName, CheckFailed, DataFailed and RunFailed.
    """
    from fanin.analyses.plan import STRUCTURED
    from fanin.ir.recipe import System
    from fanin.pruning import running
    from fanin.pruning.retraining import retrained
    from fanin.rewrites.auto_init import settle_system
    from fanin.rewrites.training_plan import training_plan
    from fanin.systems import run
    from fanin.systems.folder import Folder
    from fanin.systems.problems import RunFailed
    from fanin.systems.settings import settings_of

    chosen = settings_of(settings)
    loader = load(read_source(path), path)
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
    folder = None if out is None else Folder(out)
    if folder is not None:
        _keep(folder, loader, program, {"prune": experiment.name}, hyper, data, chosen)
    done = running.run(found, phases, (program, again), parts, chosen, folder, watch or (lambda event, known: None))
    if folder is not None and found.unit in STRUCTURED:
        for seed, ticket in done.tickets.items():
            _smaller(found, ticket.weights, os.path.join(folder.path, f"seed-{seed}"))
    return done


def prune_weights(
    path: str, name: str | None, *, weights: str | None, out: str, seed: int, hyper: Hyper
) -> tuple[Plan, dict[str, Any]]:
    """Prune a model as it is, without training: the plan, and the weights with their masks, kept in ``out``.

    ``weights`` is a file of them; without one they are drawn by ``seed``. Raises Unreadable, NoSuchName, CheckFailed,
    RunFailed, and WrongWeights for weights of another network.
    """
    from fanin.analyses.plan import STRUCTURED
    from fanin.ir.recipe import System
    from fanin.pruning import once
    from fanin.pruning.masks import packed
    from fanin.pruning.shrinking import WrongWeights, read_weights, write_weights
    from fanin.runtime.load import build
    from fanin.systems.problems import RunFailed

    plan = pruning_of(load(read_source(path), path), path, name, hyper)
    if isinstance(plan.experiment.of, System):
        raise RunFailed("it is not said on what to train", help="give --data digits, a file, a folder; or --plan")
    once.refuse_what_trains(plan)
    module = build(plan.program, source(plan.program), seed=seed)
    if weights is not None:
        try:
            module.load_state_dict(read_weights(weights))
        except RuntimeError as error:
            raise WrongWeights(f"{weights}: {str(error).splitlines()[-1].strip()}") from None
    masks, state = once.prune_weights(plan, module, seed)
    os.makedirs(out, exist_ok=True)
    write_weights(os.path.join(out, "weights.safetensors"), state)
    write_weights(os.path.join(out, "masks.safetensors"), {key: packed(mask) for key, mask in masks.items()})
    if plan.unit in STRUCTURED:
        _smaller(plan, state, out)
    return plan, state


def _smaller(plan: Plan, state: Mapping[str, Any], home: str) -> None:
    """What is left where whole units went: ``smaller.arch`` and ``smaller.safetensors``, or why there is none."""
    from fanin.analyses.couplings.cut import Cut
    from fanin.emit.arch import CannotWrite
    from fanin.pipeline.shrinking import couple, shrink
    from fanin.pruning.shrinking import WrongWeights, alive, shrink_state, write_weights

    coupled = couple(plan.program)
    try:
        cut = Cut(coupled, alive(coupled, state))
        header = f"# {plan.program.name} after {plan.experiment.name}; its results are {cut.grade}.\n\n"
        small, weights = shrink(cut, header), shrink_state(cut, state)
    except (CannotWrite, WrongWeights) as error:
        with open(os.path.join(home, "smaller.txt"), "w", encoding="utf-8") as file:
            file.write(f"there is no smaller spec: {error}\n")
        return
    with open(os.path.join(home, "smaller.arch"), "w", encoding="utf-8") as file:
        file.write(small.spec)
    write_weights(os.path.join(home, "smaller.safetensors"), weights)


def _keep(
    folder: Folder,
    loader: Loader,
    program: str,
    what: Mapping[str, str],
    hyper: Hyper,
    data: Any,
    settings: Settings,
) -> None:
    """Make the folder of a run: ``what`` of the spec is run, by which program, on what."""
    from fanin.systems import run

    specs, main = run.spec_files(sources(loader), standard_library())
    given = data if isinstance(data, str) else None
    folder.create(
        {"spec": main, **what, "hyper": hyper, "data": given, "settings": settings.document()}, program, specs
    )
