"""Syntax tree → typed graph IR: the program of a model, the stages of a system, the plan of a ``prune``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fanin.collection import uncollected
from fanin.diagnostics.model import Diagnostic
from fanin.elaborate.files import Loader, Unit
from fanin.ir.graph import Program
from fanin.pipeline.files import declaration, in_order, load, models, require_name
from fanin.report import CheckFailed, Hyper, NoSuchName, Report, read_source
from fanin.source import Source
from fanin.syntax import tree

if TYPE_CHECKING:
    from fanin.analyses.kept import Kept
    from fanin.analyses.plan import Plan
    from fanin.ir.recipe import Phase, System


def elaborate(
    path: str, name: str | None = None, hyper: Hyper | None = None, *, skip_optional: bool = False
) -> Program:
    """The typed graph of a model or block. Without a name, of the only model.

    Raises Unreadable, NoSuchName, and CheckFailed where the spec has errors.
    """
    return elaborate_source(read_source(path), path, name, hyper, skip_optional=skip_optional)


@uncollected()
def elaborate_source(
    source: Source, path: str, name: str | None, hyper: Hyper | None, *, skip_optional: bool = False
) -> Program:
    loader = load(source, path)
    unit = loader.units[0]
    if loader.diagnostics:
        raise CheckFailed(Report(tuple(in_order(loader.diagnostics)), sources(loader)))
    if name is None:
        known = models(unit)
        if len(known) != 1:
            raise NoSuchName(None, known, path)
        (name,) = known
    require_name(unit, name, path)
    if isinstance(declaration(unit, name.split(".")[0]), tree.System):
        program, problems = _system_program(unit, name, path, hyper)
    else:
        program, problems, _ = build(unit, name, hyper, skip_optional)
    if program is None:
        raise CheckFailed(Report(tuple(in_order(problems)), sources(loader)))
    return program


def build(
    unit: Unit, name: str, hyper: Hyper | None, skip_optional: bool = False
) -> tuple[Program | None, list[Diagnostic], set[int]]:
    """An elaborated program, with numbers where its laws hang on the signal in it."""
    from fanin.elaborate.program import elaborate as elaborated
    from fanin.rewrites.auto_init import settle_auto

    program, problems, reached = elaborated(unit, name, hyper, skip_optional)
    return (program if program is None else settle_auto(program)), problems, reached


def _system_program(unit: Unit, name: str, path: str, hyper: Hyper | None) -> tuple[Program | None, list[Diagnostic]]:
    """What computes the measures of a system, or (``Gan.sample``) one value that it binds."""
    from fanin.elaborate.program import elaborate_system
    from fanin.rewrites.auto_init import settle_system
    from fanin.rewrites.part import asked, names_of

    base, _, value = name.partition(".")
    system, problems, _ = elaborate_system(unit, base, hyper)
    system = None if system is None else settle_system(system)
    if system is None or not value:
        return (None if system is None else system.program), problems
    program = asked(system, value)
    if program is None:
        raise NoSuchName(name, [base, *(f"{base}.{v}" for v in names_of(system))], path)
    return program, problems


def recipe(path: str, name: str | None, hyper: Hyper | None = None) -> System | None:
    """The system of that name, as it is at first; None where the name is not a system's.

    Raises Unreadable, and CheckFailed where the spec has errors.
    """
    loader = load(read_source(path), path)
    if name is None or not isinstance(declaration(loader.units[0], name), tree.System):
        return None
    return _stages(loader, name, hyper)[0]


def training(path: str, name: str | None = None, hyper: Hyper | None = None) -> tuple[Phase, ...]:
    """How a system is trained, stage by stage; without a name, the only system of a file.

    Raises Unreadable, NoSuchName, and CheckFailed where the spec has errors.
    """
    return training_of(load(read_source(path), path), path, name, hyper)


def training_of(loader: Loader, path: str, name: str | None, hyper: Hyper | None) -> tuple[Phase, ...]:
    """The same of a file that is read."""
    from fanin.rewrites.auto_init import settle_system
    from fanin.rewrites.training_plan import training_plan

    with uncollected():
        systems = _stages(loader, _declared(loader, tree.System, name, path), hyper)
        settled = {id(system): settle_system(system) for system in systems}
        return training_plan([settled[id(system)] for system in systems])


def _stages(loader: Loader, name: str, hyper: Hyper | None) -> tuple[System, ...]:
    """A system, as it is in each of its stages."""
    from fanin.elaborate.program import elaborate_stages

    systems, problems, _ = elaborate_stages(loader.units[0], name, hyper)
    if not systems:
        raise CheckFailed(Report(tuple(in_order(problems)), sources(loader)))
    return tuple(systems)


def plan_pruning(path: str, name: str | None = None, hyper: Hyper | None = None) -> Plan:
    """What a ``prune`` of a file will remove, round by round. Without a name, the only one.

    Raises Unreadable, NoSuchName, and CheckFailed where the spec has errors.
    """
    return pruning_of(load(read_source(path), path), path, name, hyper)


def pruning_of(loader: Loader, path: str, name: str | None, hyper: Hyper | None) -> Plan:
    """The same of a file that is read."""
    from fanin.analyses.plan import plan
    from fanin.elaborate.program import elaborate_experiment

    with uncollected():
        found = _declared(loader, tree.Prune, name, path)
        experiment, problems, _ = elaborate_experiment(loader.units[0], found, hyper)
        if experiment is None:
            raise CheckFailed(Report(tuple(in_order(problems)), sources(loader)))
        return plan(experiment)


def thinned(
    path: str, name: str | None, hyper: Hyper | None = None, *, masks: str | None = None, round: int | None = None
) -> tuple[Program, Mapping[str, Kept | None]]:
    """A network, and what stays of its weights after a round (the last one): by the ``masks`` in the folder of an
    experiment, or by the plan of the ``prune`` of that name.

    Raises Unreadable, NoSuchName, CheckFailed, and ValueError for a folder or a round that is not there.
    """
    read = read_source(path)
    loader = load(read, path)
    plain = name is None or not isinstance(declaration(loader.units[0], name), tree.Prune)
    if masks is not None:
        from fanin.pruning.kept import kept_in

        program = elaborate_source(read, path, name, hyper) if plain else pruning_of(loader, path, name, hyper).program
        return program, kept_in(masks, round)
    from fanin.analyses.kept import planned

    plan = pruning_of(loader, path, name, hyper)
    if round is not None and round > plan.rounds:
        raise ValueError(f"`{plan.experiment.name}` has {plan.rounds} rounds, and no round {round}")
    return plan.program, planned(plan, round)


def _declared(loader: Loader, kind: type[tree.System | tree.Prune], name: str | None, path: str) -> str:
    """The name of a declaration of that kind; without one given, of the only one there is."""
    if loader.diagnostics:
        raise CheckFailed(Report(tuple(in_order(loader.diagnostics)), sources(loader)))
    known = [n for n, d in loader.units[0].declarations.items() if isinstance(d, kind)]
    if name is None and len(known) == 1:
        return known[0]
    if name is None or name not in known:
        raise NoSuchName(name, known, path)
    return name


def sources(loader: Loader) -> tuple[Source, ...]:
    """The files that were read: first the one that was asked for."""
    return tuple(u.source for u in loader.units)
