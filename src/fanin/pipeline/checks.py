"""Typed graph IR → findings: all that can be built in a file, elaborated and held to its promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fanin.collection import uncollected
from fanin.diagnostics.model import Diagnostic, Severity
from fanin.elaborate.files import Unit
from fanin.ir.graph import Graph, Program
from fanin.pipeline.artefacts import not_emitted, signal
from fanin.pipeline.files import declaration, entries, in_order, is_model, load, require_name
from fanin.pipeline.graphs import build
from fanin.report import Hyper, Report, Start, read_source
from fanin.source import Source
from fanin.syntax import tree

if TYPE_CHECKING:
    from fanin.analyses.exports import Loss
    from fanin.ir.recipe import System


def check(
    path: str,
    names: Sequence[str] | None = None,
    hyper: Hyper | None = None,
    exports: bool = False,
    signals: bool | Start = False,
) -> Report:
    """Everything that can be built in a file (or what is named), elaborated and held to its promises.

    With ``exports`` it also says what an export to `.pt2` or `.onnx` would not keep, with ``signals`` how the networks
    behave when their weights are drawn, or by the limits of a ``Start``.

    Raises Unreadable for a file that cannot be read, NoSuchName for a name that it does not have.
    """
    return check_source(read_source(path), path, names, hyper, exports, signals)


def check_text(text: str, name: str = "<string>", hyper: Hyper | None = None) -> Report:
    """The same for a spec in a string; imports of files are relative to the current folder."""
    return check_source(Source(name, text), name, None, hyper)


@uncollected()
def check_source(
    source: Source,
    path: str,
    names: Sequence[str] | None,
    hyper: Hyper | None,
    exports: bool = False,
    signals: bool | Start = False,
) -> Report:
    from fanin.analyses.promises import broken_promises
    from fanin.elaborate import survey
    from fanin.elaborate.suppression import apply_allows
    from fanin.emit.torch.limits import emission_error
    from fanin.lints.structure import check_structure

    loader = load(source, path)
    unit = loader.units[0]
    found = list(loader.diagnostics)
    readable = not found
    surveys = [survey.Survey(u) for u in loader.units]
    for surveyed in surveys:
        found += surveyed.unbound()
    if names is not None:
        for name in names:
            require_name(unit, name, path)
    programs: list[Program] = []
    built: list[str] = []  # their names
    looked_at: set[Graph] = set()
    used: set[int] = set()
    chosen = list(names) if names is not None else entries(unit)
    for name in chosen:
        if isinstance(declaration(unit, name.split(".")[0]), tree.System):
            continue  # below, with the recipes
        if name in unit.broken:  # it could not be read, and those that use it go on with what it declares
            continue
        lone = names is None and not is_model(unit, name)
        if lone and id(declaration(unit, name)) in used:
            continue
        program, problems, reached = build(unit, name, _meant(unit, name, chosen, hyper or {}))
        used |= reached
        if lone:
            problems = survey.own_problems(declaration(unit, name), problems)
        found += problems
        if program is not None:
            programs.append(program)
            built.append(name)
            found += broken_promises(program)
            found += check_structure(program, looked_at)
            error = emission_error(program)
            found += [not_emitted(program, error)] if error is not None else []
    for name, declared in unit.declarations.items():
        wanted = names is None or name in {n.split(".")[0] for n in names}
        if wanted and name not in unit.broken and isinstance(declared, (tree.System, tree.Prune)):
            problems, reached = _check_recipe(unit, name, declared, _meant(unit, name, [*chosen, name], hyper or {}))
            found += problems
            used |= reached
    if readable:
        found += surveys[0].notices()
    if signals:
        start = signals if isinstance(signals, Start) else Start()
        found += _at_initialisation(unit, dict(zip(built, programs, strict=True)), hyper or {}, start)
    if exports:
        from fanin.analyses.exports import losses

        found += [_lost(loss) for program in programs for loss in losses(program)]
    unchecked = frozenset() if signals else frozenset({"SIG", "CST906"})
    kept = apply_allows(loader.units, survey.without_repeats(in_order(found)), unchecked)
    return Report(tuple(kept), tuple(u.source for u in loader.units), tuple(programs))


def _check_recipe(
    unit: Unit, name: str, declared: tree.System | tree.Prune, hyper: Hyper
) -> tuple[list[Diagnostic], set[int]]:
    """What is wrong with a system or a ``prune``, and the declarations that it uses."""
    from fanin.elaborate.program import elaborate_experiment, elaborate_stages

    if isinstance(declared, tree.System):
        systems, problems, reached = elaborate_stages(unit, name, hyper)
        if systems:
            from fanin.analyses.promises import broken_promises
            from fanin.lints.recipes import check_recipe

            grown = {id(system): system for system in systems}.values()
            problems = [*problems, *(d for system in grown for d in broken_promises(system.program))]
            problems += check_recipe(systems)
            if not any(d.severity is Severity.ERROR for d in problems):
                problems += _training_not_emitted(systems)
        return problems, reached
    experiment, problems, reached = elaborate_experiment(unit, name)
    if experiment is not None:
        from fanin.lints.experiments import check_experiment

        problems = [*problems, *check_experiment(experiment)]
    return problems, reached


def _training_not_emitted(systems: Sequence[System]) -> list[Diagnostic]:
    """What of a training cannot be put into PyTorch, found before anyone trains."""
    from fanin.emit.torch.limits import emission_error, is_plain, training_error
    from fanin.rewrites.training_plan import training_plan

    if all(is_plain(system.graph) for system in systems):
        return []
    found = [(system, emission_error(system.program)) for system in dict.fromkeys(systems)]
    problems = [not_emitted(system.program, error) for system, error in found if error is not None]
    trains = bool(systems[0].every_line() or systems[0].updates())
    if not problems and trains and (error := training_error(training_plan(systems))) is not None:
        problems = [not_emitted(systems[0].program, error)]
    return problems


def _at_initialisation(unit: Unit, programs: Mapping[str, Program], hyper: Hyper, start: Start) -> list[Diagnostic]:
    """What the signal analysis finds; where no sizes are known, nothing."""
    from fanin.lints.signal import check_signal

    found: list[Diagnostic] = []
    looked_at: set[Graph] = set()
    for name, program in programs.items():
        try:
            analysis = signal(program)
            wider = _wider(unit, name, program, _meant(unit, name, list(programs), hyper), start.width)
            more = None if wider is None else (wider, signal(wider))
        except ValueError:
            continue
        found += check_signal(program, analysis, looked_at, start.limits, more)
    return found


def _wider(unit: Unit, name: str, program: Program, hyper: Hyper, width: str) -> Program | None:
    """The program at several times its width; None where it has no hyper-parameter of that name, or cannot be that."""
    from fanin.lints.signal.width_scaling import TIMES

    own = dict(program.graph.hypers).get(width)
    if not width or not isinstance(own, int):
        return None
    wider, problems, _ = build(unit, name, {**hyper, width: TIMES * own})
    return None if any(d.severity is Severity.ERROR for d in problems) else wider


def _lost(loss: Loss) -> Diagnostic:
    from fanin.diagnostics.codes import OUT805, OUT806

    label = "not exported" if loss.fatal else "changed by an export"
    return Diagnostic(
        OUT805 if loss.fatal else OUT806, loss.text, loss.span, label, helps=(loss.help,) if loss.help else ()
    )


def _meant(unit: Unit, entry: str, entries: Sequence[str], hyper: Hyper) -> Hyper:
    """Of the values that were given, those for this entry: one that another entry knows is not this one's mistake."""
    from fanin.elaborate.program import takes

    return {k: v for k, v in hyper.items() if takes(unit, entry, k) or not any(takes(unit, e, k) for e in entries)}
