"""The story: source text → syntax tree → typed graph IR → facts → artefact.

Every command and every function of the package goes through here. Nothing up to drawing needs torch.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fanin.collection import uncollected
from fanin.diagnostics.model import Diagnostic, Severity
from fanin.elaborate.files import Loader, Unit
from fanin.ir.graph import Graph, Program
from fanin.report import CheckFailed, NoSuchName, Report, Start, Unreadable, read_source
from fanin.source import Source
from fanin.syntax import tree
from fanin.syntax.parser import parse as parse_source

if TYPE_CHECKING:
    from torch import nn

    from fanin.analyses.couplings import Coupled
    from fanin.analyses.couplings.cut import Cut
    from fanin.analyses.exports import Loss
    from fanin.analyses.plan import Plan
    from fanin.emit.comparison import Change
    from fanin.emit.picture.paint import Paint
    from fanin.emit.torch.uses import EmitError
    from fanin.ir.recipe import Phase, System
    from fanin.pruning.running import Pruned
    from fanin.repairs.roles import Behaviour, Effect
    from fanin.repairs.run import Repaired
    from fanin.runtime.export import Exported
    from fanin.runtime.probe import Batch
    from fanin.runtime.probes.reports import Answer
    from fanin.signal.analysis import Analysis
    from fanin.signal.measured import Measurement
    from fanin.systems.run import Run, Values
    from fanin.systems.search import Search
    from fanin.systems.training import Watch
    from fanin.systems.values import Value

Hyper = dict[str, Any]

# ------------------------------------------------------------------------------------------- text → syntax tree


def load(source: Source, path: str) -> Loader:
    """A file and all that it imports, parsed."""
    loader = Loader(_read, parse_source, standard_library())
    loader.load(source, os.path.normpath(path))
    return loader


def _read(path: str) -> Source | str:
    try:
        return read_source(path)
    except Unreadable as error:
        return str(error)


def standard_library() -> str:
    """The folder of ``std``: the library that is written in the language itself."""
    return os.path.join(os.path.dirname(__file__), "std")


def format_text(source: Source) -> tuple[str | None, list[Diagnostic]]:
    """The one layout of a file, or None and what keeps it from being read."""
    from fanin.syntax.format import format_file

    file, problems = parse_source(source)
    return (None if problems else format_file(file)), problems


# ------------------------------------------------------------------------------------- syntax tree → typed graph IR


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


def check_source(
    source: Source,
    path: str,
    names: Sequence[str] | None,
    hyper: Hyper | None,
    exports: bool = False,
    signals: bool | Start = False,
) -> Report:
    with uncollected():
        return _check(source, path, names, hyper, exports, signals)


def _check(
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
        program, problems, reached = _built(unit, name, _meant(unit, name, chosen, hyper or {}))
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
            found += [_not_emitted(program, error)] if error is not None else []
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


def _built(
    unit: Unit, name: str, hyper: Hyper | None, skip_optional: bool = False
) -> tuple[Program | None, list[Diagnostic], set[int]]:
    """An elaborated program, with numbers where its laws hang on the signal in it."""
    from fanin.elaborate.program import elaborate as build
    from fanin.rewrites.auto_init import settle_auto

    program, problems, reached = build(unit, name, hyper, skip_optional)
    return (program if program is None else settle_auto(program)), problems, reached


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
    problems = [_not_emitted(system.program, error) for system, error in found if error is not None]
    trains = bool(systems[0].every_line() or systems[0].updates())
    if not problems and trains and (error := training_error(training_plan(systems))) is not None:
        problems = [_not_emitted(systems[0].program, error)]
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
    built, problems, _ = _built(unit, name, {**hyper, width: TIMES * own})
    return None if any(d.severity is Severity.ERROR for d in problems) else built


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


def in_order(found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Each message once, in the order of the text."""
    kept: dict[tuple[Any, ...], Diagnostic] = {}
    for d in found:
        kept.setdefault((d.code.id, d.span.source.name, d.span.start, d.span.end, d.headline), d)
    return sorted(kept.values(), key=lambda d: (d.span.source.name, d.span.start))


def declaration(unit: Unit, name: str) -> tree.Declaration | None:
    found = unit.lookup(name)
    return found[1] if found else None


def is_model(unit: Unit, name: str) -> bool:
    found = declaration(unit, name)
    return isinstance(found, (tree.Block, tree.BlockAlias)) and found.is_model


def entries(unit: Unit) -> list[str]:
    """What can be built in a file: its models, then its blocks."""
    named = [
        n
        for n, d in unit.declarations.items()
        if isinstance(d, tree.Block) or (isinstance(d, tree.BlockAlias) and d.is_model)
    ]
    return sorted(named, key=lambda n: not is_model(unit, n))


def models(unit: Unit) -> list[str]:
    return [n for n in unit.declarations if is_model(unit, n)]


def require_name(unit: Unit, name: str, path: str) -> None:
    """Raises NoSuchName for what a file does not declare; a value of a system is asked for as ``Gan.sample``."""
    base, dot, _ = name.partition(".")
    kinds = (tree.System,) if dot else (tree.Block, tree.BlockAlias, tree.System)
    if name not in entries(unit) and not isinstance(declaration(unit, base), kinds):
        systems = [n for n, d in unit.declarations.items() if isinstance(d, tree.System)]
        raise NoSuchName(name, [*entries(unit), *systems], path)


def elaborate(
    path: str, name: str | None = None, hyper: Hyper | None = None, *, skip_optional: bool = False
) -> Program:
    """The typed graph of a model or block. Without a name, of the only model.

    Raises Unreadable, NoSuchName, and CheckFailed where the spec has errors.
    """
    return elaborate_source(read_source(path), path, name, hyper, skip_optional=skip_optional)


def elaborate_source(
    source: Source, path: str, name: str | None, hyper: Hyper | None, *, skip_optional: bool = False
) -> Program:
    with uncollected():
        return _elaborate(source, path, name, hyper, skip_optional)


def _elaborate(source: Source, path: str, name: str | None, hyper: Hyper | None, skip_optional: bool) -> Program:
    loader = load(source, path)
    unit = loader.units[0]
    if loader.diagnostics:
        raise CheckFailed(Report(tuple(in_order(loader.diagnostics)), tuple(u.source for u in loader.units)))
    if name is None:
        known = models(unit)
        if len(known) != 1:
            raise NoSuchName(None, known, path)
        (name,) = known
    require_name(unit, name, path)
    if isinstance(declaration(unit, name.split(".")[0]), tree.System):
        program, problems = _system_program(unit, name, path, hyper)
    else:
        program, problems, _ = _built(unit, name, hyper, skip_optional)
    if program is None:
        raise CheckFailed(Report(tuple(in_order(problems)), tuple(u.source for u in loader.units)))
    return program


def _system_program(unit: Unit, name: str, path: str, hyper: Hyper | None) -> tuple[Program | None, list[Diagnostic]]:
    """What computes the measures of a system, or (``Gan.sample``) one value that it binds."""
    from fanin.elaborate.program import elaborate_system
    from fanin.elaborate.systems import value_program
    from fanin.rewrites.auto_init import settle_system

    base, _, value = name.partition(".")
    system, problems, _ = elaborate_system(unit, base, hyper)
    system = None if system is None else settle_system(system)
    if system is None or not value:
        return (None if system is None else system.program), problems
    program = value_program(system, value)
    if program is None:
        raise NoSuchName(name, [base, *(f"{base}.{v}" for v, _ in system.values)], path)
    return program, problems


# ------------------------------------------------------------------------------------------ typed graph IR → artefact


def show(program: Program, after: str | None = None, depth: int | None = None) -> str:
    """The table of paths, types, parameters and cost; with ``after``, the IR as a stage left it."""
    from fanin.emit.table import dump, table

    return table(program, depth) if after is None else dump(program, after)


def show_document(program: Program, system: System | None = None) -> dict[str, Any]:
    """A program for JSON, and with a system what its losses train."""
    from fanin.emit.document import document

    if system is None:
        return document(program)
    from fanin.emit.effects import documents

    return {**document(program), "training": documents(system)}


def show_training(system: System) -> str:
    """The table of which loss trains what."""
    from fanin.emit.effects import table

    return table(system)


def recipe(path: str, name: str | None, hyper: Hyper | None = None) -> System | None:
    """The system of that name, as it is at first; None where the name is not a system's.

    Raises Unreadable, and CheckFailed where the spec has errors.
    """
    source = read_source(path)
    if name is None or not isinstance(declaration(load(source, path).units[0], name), tree.System):
        return None
    from fanin.elaborate.program import elaborate_stages

    unit = load(source, path).units[0]
    systems, problems, _ = elaborate_stages(unit, name, hyper)
    if not systems:
        raise CheckFailed(Report(tuple(in_order(problems)), (source,)))
    return systems[0]


def signal(
    program: Program,
    inputs: Mapping[str, Any] | None = None,
    sizes: Mapping[str, int] | None = None,
    *,
    training: bool = True,
) -> Analysis:
    """How activations and gradients behave at initialisation. Raises ValueError where no sizes meet the conditions."""
    from fanin.signal.analysis import Input, analyse
    from fanin.signal.sizes import sizes_for

    found = sizes_for(program, sizes)
    if found is None:
        raise ValueError(f"no sizes were found at which `{program.name}` runs: give them by their letters")
    known = {port.name for port in program.inputs}
    unknown = next((name for name in inputs or {} if name not in known), None)
    if unknown is not None:
        raise ValueError(f"`{program.name}` has no input `{unknown}`: {', '.join(sorted(known))}")
    laws = {name: law if isinstance(law, Input) else Input(**law) for name, law in (inputs or {}).items()}
    return analyse(program, found, laws, training=training)


def batch(program: Program, path: str) -> Batch:
    """A real batch from an ``.npz`` that names the inputs. Raises ValueError where it does not fit."""
    from fanin.runtime.probe import read_batch

    return read_batch(path, program)


def measure(program: Program, analysis: Analysis, *, draws: int, batch: Mapping[str, Any] | None = None) -> Measurement:
    """The same in the compiled module, over draws of its weights and inputs; with a ``batch``, of weights alone."""
    from fanin.runtime.measure import measure as run

    return run(
        program,
        source(program),
        analysis.sizes,
        analysis.inputs,
        draws=draws,
        training=analysis.training,
        numbers=analysis.numbers(),
        batch=batch,
    )


def probe(program: Program, report: str, **options: Any) -> Answer:
    """A report on the compiled module. Raises ValueError where the model, or what was given, does not do for it."""
    from fanin.runtime.probes.reports import answer

    return answer(program, source(program), report, **options)


def repair(
    path: str,
    kind: str,
    name: str | None = None,
    hyper: Hyper | None = None,
    *,
    base: Hyper | None = None,
    inputs: Mapping[str, Any] | None = None,
) -> Repaired:
    """The text of a file after a repair of the start of one of its networks, and that network before and after.

    ``base`` are the hyper-parameters of the small network that ``mup`` carries scales over from. Raises Refused (a
    ValueError) where the repair does not fit, and CheckFailed where what comes out breaks a promise of the spec.
    """
    from fanin.repairs.case import Case
    from fanin.repairs.run import repaired

    source = read_source(path)
    entry = elaborate_source(source, path, name, hyper).name

    def case_of(changed: Source) -> Case:
        program = elaborate_source(changed, path, entry, hyper)
        file, _ = parse_source(changed)
        return Case(
            program,
            signal(program, inputs),
            file,
            hyper or {},
            base or {},
            lambda given: elaborate_source(changed, path, entry, dict(given)),
        )

    def build(changed: Source, held: bool) -> Program:
        if not held:
            return elaborate_source(changed, path, entry, hyper)
        report = check_source(changed, path, [entry], hyper)
        if not report.ok:
            raise CheckFailed(report)
        made: Program = report.programs[0]
        return made

    return repaired(kind, source, case_of, build, lambda program: signal(program, inputs))


def roles(
    path: str, name: str | None = None, hyper: Hyper | None = None, inputs: Mapping[str, Any] | None = None
) -> tuple[Behaviour, list[Effect]]:
    """How a network starts and what it sees, and so without each part of the file that has a ``@role``."""
    from fanin.repairs.roles import behaviour, effects

    source = read_source(path)
    entry = elaborate_source(source, path, name, hyper).name

    def analyse(changed: Source) -> tuple[Program, Analysis]:
        try:
            program = elaborate_source(changed, path, entry, hyper)
            return program, signal(program, inputs)
        except CheckFailed as error:
            raise ValueError(error.report.diagnostics[0].headline) from None

    return behaviour(*analyse(source)), effects(parse_source(source)[0], analyse)


def compare(before: Program, after: Program) -> list[Change]:
    """What changed from one program to another, in terms of the architecture."""
    from fanin.emit.comparison import differences

    return differences(before, after)


def compiled(path: str, name: str | None, hyper: Hyper | None = None, *, optimize: int = 1) -> str:
    """A model as a standalone PyTorch module; of a system, with how it is trained.

    Raises Unreadable, NoSuchName and CheckFailed.
    """
    if name is not None and "." not in name:
        read = read_source(path)
        if isinstance(declaration(load(read, path).units[0], name), tree.System):
            phases, _ = _training(read, path, name, hyper)
            if phases[0].steps:
                return training_source(phases)
    return source(elaborate(path, name, hyper), optimize=optimize)


def source(program: Program, *, optimize: int = 1) -> str:
    """The model as a standalone PyTorch module. Raises CheckFailed where there is no PyTorch for it."""
    from fanin.emit.torch.writer import EmitError, emit_source

    try:
        return emit_source(program, optimize=optimize)
    except EmitError as error:
        problem = _not_emitted(program, error)
        raise CheckFailed(Report((problem,), (problem.span.source,))) from error


def training(path: str, name: str | None = None, hyper: Hyper | None = None) -> tuple[Phase, ...]:
    """How a system is trained, stage by stage; without a name, the only system of a file.

    Raises Unreadable, NoSuchName, and CheckFailed where the spec has errors.
    """
    phases, _ = _training(read_source(path), path, name, hyper)
    return phases


def _training(
    source: Source, path: str, name: str | None, hyper: Hyper | None
) -> tuple[tuple[Phase, ...], tuple[Source, ...]]:
    """The same, and the files that it is from."""
    from fanin.elaborate.program import elaborate_stages
    from fanin.rewrites.auto_init import settle_system
    from fanin.rewrites.training_plan import training_plan

    with uncollected():
        loader = load(source, path)
        unit = loader.units[0]
        sources = tuple(u.source for u in loader.units)
        if loader.diagnostics:
            raise CheckFailed(Report(tuple(in_order(loader.diagnostics)), sources))
        known = [n for n, d in unit.declarations.items() if isinstance(d, tree.System)]
        if name is None and len(known) == 1:
            (name,) = known
        if name is None or name not in known:
            raise NoSuchName(name, known, path)
        systems, problems, _ = elaborate_stages(unit, name, hyper)
        if not systems:
            raise CheckFailed(Report(tuple(in_order(problems)), sources))
        settled = {id(system): settle_system(system) for system in systems}
        return training_plan([settled[id(system)] for system in systems]), sources


def training_source(phases: Sequence[Phase]) -> str:
    """The training of a system as a standalone PyTorch program. Raises CheckFailed where there is no PyTorch for it."""
    from fanin.emit.torch.writer import EmitError, emit_training

    try:
        return emit_training(phases)
    except EmitError as error:
        problem = _not_emitted(phases[0].system.program, error)
        raise CheckFailed(Report((problem,), (problem.span.source,))) from error


def _not_emitted(program: Program, error: EmitError) -> Diagnostic:
    """What the writer could not put into PyTorch, at the text it is about or at the head of the model."""
    from fanin.diagnostics.codes import OUT801
    from fanin.source import Span

    span = program.graph.span
    head = Span(span.source, span.start, span.start + len(span.text.split("{")[0].rstrip()))
    return Diagnostic(OUT801, error.message, error.span or head, "not in PyTorch")


def plan_pruning(path: str, name: str | None = None, hyper: Hyper | None = None) -> Plan:
    """What a ``prune`` of a file will remove, round by round. Without a name, the only one.

    Raises Unreadable, NoSuchName, and CheckFailed where the spec has errors.
    """
    return _planned(path, name, hyper)[0]


def _planned(path: str, name: str | None, hyper: Hyper | None) -> tuple[Plan, tuple[Source, ...]]:
    """The same, and the files that it is from."""
    from fanin.analyses.plan import plan
    from fanin.elaborate.program import elaborate_experiment

    with uncollected():
        loader = load(read_source(path), path)
        unit = loader.units[0]
        sources = tuple(u.source for u in loader.units)
        if loader.diagnostics:
            raise CheckFailed(Report(tuple(in_order(loader.diagnostics)), sources))
        known = [n for n, d in unit.declarations.items() if isinstance(d, tree.Prune)]
        if name is None and len(known) == 1:
            (name,) = known
        if name is None or name not in known:
            raise NoSuchName(name, known, path)
        experiment, problems, _ = elaborate_experiment(unit, name, hyper)
        if experiment is None:
            raise CheckFailed(Report(tuple(in_order(problems)), sources))
        return plan(experiment), sources


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
    found, sources = _planned(path, name, hyper)
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
        specs, main = run.spec_files(sources, standard_library())
        document = {
            "spec": main,
            "prune": experiment.name,
            "hyper": hyper,
            "data": data if isinstance(data, str) else None,
            "settings": chosen.document(),
        }
        folder.create(document, program, specs)
    return running.run(found, phases, (program, again), parts, chosen, folder, watch or (lambda event, known: None))


def couple(program: Program, *, uniform: bool = False) -> Coupled:
    """Which entries of the network's axes can only be cut together. ``uniform``: a repetition stays one."""
    from fanin.analyses.couplings import couplings

    return couplings(program, uniform)


def smaller_spec(cut: Cut, header: str = "") -> str:
    """What a cut leaves, as a spec of its own. Raises CannotWrite where something has no form as text yet."""
    from fanin.emit.arch import CannotWrite, write_spec

    text = write_spec(cut.coupled.program, cut, header)
    written, problems = format_text(Source("smaller.arch", text))
    if written is None:
        raise CannotWrite(f"`{cut.coupled.program.name}` ({problems[0].headline})")
    return written


def shrink(cut: Cut, header: str = "") -> tuple[str, Program]:
    """The smaller spec, and its network, which holds just the weights that the cut leaves. Raises CannotWrite."""
    from fanin.analyses.couplings.cut import difference
    from fanin.emit.arch import CannotWrite

    text = smaller_spec(cut, header)
    try:
        small = elaborate_source(Source("smaller.arch", text), "smaller.arch", cut.coupled.program.name, None)
    except CheckFailed as error:
        raise CannotWrite(f"`{cut.coupled.program.name}` ({error.report.diagnostics[0].headline})") from None
    wrong = difference(cut, small)
    if wrong:
        raise CannotWrite(f"`{cut.coupled.program.name}` ({wrong})")
    return text, small


def draw(
    program: Program,
    path: str,
    *,
    depth: int | None = None,
    expand: Sequence[str] = (),
    format: str | None = None,
    color: str | None = None,
    system: System | None = None,
) -> None:
    """The picture of a model, written to a file: svg, pdf, png or dot; ``color`` is as ``paint`` takes it."""
    from fanin.emit.picture.drawing import draw as draw_picture

    draw_picture(program, path, depth=depth, expand=expand, format=format, paint=paint(program, color, system))


def paint(program: Program, color: str | None, system: System | None = None) -> Paint | None:
    """What paints a picture: its ``cost`` (share of FLOPs), ``parameters``, or ``signal`` (predicted sizes).

    That of a ``system`` can be painted by ``loss``: by what trains each part.

    Raises ValueError where there is no such paint, or it cannot be told for this program.
    """
    if color is None:
        return None
    if color in ("cost", "parameters"):
        from fanin.emit.picture.by_cost import CostPaint

        return CostPaint(program, color)
    if color == "signal":
        from fanin.emit.picture.by_signal import SignalPaint
        from fanin.signal.rows import rows

        return SignalPaint(rows(signal(program)))
    if color == "loss":
        if system is None:
            raise ValueError("only the picture of a system is painted by loss: `fanin draw FILE:SYSTEM --color loss`")
        from fanin.emit.picture.by_loss import LossPaint

        return LossPaint(system)
    raise ValueError(f"a picture is painted by cost, parameters or signal, not by `{color}`")


def export(
    program: Program, path: str, *, seed: int = 0, net: Any = None, allow_extern: bool | Collection[str] = False
) -> Exported:
    """The model as a `.pt2` or `.onnx` file, compared with the model at sizes it was not made at.

    Raises CheckFailed where something in the model cannot be exported.
    """
    from fanin.runtime.export import export as write
    from fanin.runtime.externs import check_externs

    check_externs(program, allow_extern)
    return write(program, source(program), path, seed=seed, net=net)


# --------------------------------------------------------------------------------------------------- running systems


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
    from fanin.systems import run
    from fanin.systems.folder import Folder
    from fanin.systems.settings import settings_of

    chosen = settings_of(settings)
    phases, sources = _training(read_source(path), path, name, hyper)
    program = training_source(phases)
    parts = run.parts_of(phases, data, chosen)
    run.check(phases[0].system, parts, chosen)
    folder = None if out is None else Folder(out)
    if folder is not None and run.leads():
        specs, main = run.spec_files(sources, standard_library())
        document = {
            "spec": main,
            "system": phases[0].system.name,
            "hyper": hyper,
            "data": data if isinstance(data, str) else None,
            "settings": chosen.document(),
        }
        folder.create(document, program, specs)
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


def is_unstaged(path: str, name: str | None, hyper: Hyper) -> bool:
    """Whether a system leaves it open for how long it is trained."""
    return not training(path, name, hyper)[0].system.stages


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
    phases, _ = _training(read_source(path), path, document["system"], document["hyper"])
    given = document["data"] if data is None else data
    if given is None:
        raise RunFailed("the data of this run had no name", help="give it again: `fanin.resume(folder, data)`")
    parts = run.parts_of(phases, given, chosen)
    return run.start(
        phases, home.program(), parts, chosen, folder=home, resumed=True, watch=watch, values=_values(phases)
    )
