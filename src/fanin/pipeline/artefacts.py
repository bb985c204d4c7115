"""Typed graph IR → artefact: tables, pictures, signals, PyTorch source, exports, smaller specs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fanin.diagnostics.model import Diagnostic
from fanin.ir.graph import Program
from fanin.pipeline.files import declaration, load
from fanin.pipeline.graphs import elaborate_source, training_of
from fanin.report import CheckFailed, Hyper, Report, read_source
from fanin.syntax import tree

if TYPE_CHECKING:
    from fanin.analyses.kept import Kept
    from fanin.emit.comparison import Change
    from fanin.emit.picture.paint import Paint
    from fanin.emit.torch.uses import EmitError
    from fanin.ir.recipe import Phase, System
    from fanin.runtime.export import Exported
    from fanin.runtime.probe import Batch
    from fanin.runtime.probes.reports import Answer
    from fanin.signal.analysis import Analysis
    from fanin.signal.measured import Measurement


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


def compare(before: Program, after: Program) -> list[Change]:
    """What changed from one program to another, in terms of the architecture."""
    from fanin.emit.comparison import differences

    return differences(before, after)


def compiled(path: str, name: str | None, hyper: Hyper | None = None, *, optimize: int = 1) -> str:
    """A model as a standalone PyTorch module; of a system, with how it is trained.

    Raises Unreadable, NoSuchName and CheckFailed.
    """
    read = read_source(path)
    if name is not None and "." not in name:
        loader = load(read, path)
        if isinstance(declaration(loader.units[0], name), tree.System):
            phases = training_of(loader, path, name, hyper)
            if phases[0].steps:
                return training_source(phases)
    return source(elaborate_source(read, path, name, hyper), optimize=optimize)


def source(program: Program, *, optimize: int = 1) -> str:
    """The model as a standalone PyTorch module. Raises CheckFailed where there is no PyTorch for it."""
    from fanin.emit.torch.writer import EmitError, emit_source

    try:
        return emit_source(program, optimize=optimize)
    except EmitError as error:
        problem = not_emitted(program, error)
        raise CheckFailed(Report((problem,), (problem.span.source,))) from error


def training_source(phases: Sequence[Phase]) -> str:
    """The training of a system as a standalone PyTorch program. Raises CheckFailed where there is no PyTorch for it."""
    from fanin.emit.torch.writer import EmitError, emit_training

    try:
        return emit_training(phases)
    except EmitError as error:
        problem = not_emitted(phases[0].system.program, error)
        raise CheckFailed(Report((problem,), (problem.span.source,))) from error


def not_emitted(program: Program, error: EmitError) -> Diagnostic:
    """What the writer could not put into PyTorch, at the text it is about or at the head of the model."""
    from fanin.diagnostics.codes import OUT801
    from fanin.source import Span

    span = program.graph.span
    head = Span(span.source, span.start, span.start + len(span.text.split("{")[0].rstrip()))
    return Diagnostic(OUT801, error.message, error.span or head, "not in PyTorch")


def draw(
    program: Program,
    path: str,
    *,
    depth: int | None = None,
    expand: Sequence[str] = (),
    format: str | None = None,
    color: str | None = None,
    system: System | None = None,
    kept: Mapping[str, Kept | None] | None = None,
) -> None:
    """The picture of a model, written to a file: svg, pdf, png or dot; ``color`` is as ``paint`` takes it."""
    from fanin.emit.picture.drawing import draw as draw_picture

    draw_picture(program, path, depth=depth, expand=expand, format=format, paint=paint(program, color, system, kept))


def paint(
    program: Program,
    color: str | None,
    system: System | None = None,
    kept: Mapping[str, Kept | None] | None = None,
) -> Paint | None:
    """What paints a picture: its ``cost`` (share of FLOPs), ``parameters``, or ``signal`` (predicted sizes).

    That of a ``system`` can be painted by ``loss``: by what trains each part; and where is known what is ``kept`` of
    the weights, by ``sparsity``.

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
    if color == "sparsity":
        if kept is None:
            raise ValueError(
                "it is not said what is pruned: `fanin draw FILE:PRUNE --color sparsity`, or --masks FOLDER"
            )
        from fanin.emit.picture.by_sparsity import SparsityPaint

        return SparsityPaint(program, kept)
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
