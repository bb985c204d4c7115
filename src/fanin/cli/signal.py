"""``fanin signal``: how activations and gradients behave when the weights are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fanin.cli import exits, files, options
from fanin.cli.output import err, out, write_json
from fanin.cli.target import Target
from fanin.cli.values import Value, parse_value

if TYPE_CHECKING:
    from fanin.signal.measured import Measurement
    from fanin.signal.rows import Row


REPAIRS = "auto, deepnorm, fixup, forget_bias, gain, gpt, mup, orthogonal, residual, rezero, skipinit, widths"


def _laws(ctx: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for text in given:
        name, colon, rest = text.partition(":")
        law: dict[str, float] = {}
        for part in rest.split(",") if colon else []:
            key, equals, value = part.partition("=")
            try:
                number = parse_value(value) if equals else None
            except ValueError as error:
                raise click.BadParameter(str(error), ctx, parameter) from None
            if key.strip() not in ("mean", "variance", "correlation") or not isinstance(number, int | float):
                raise click.BadParameter(
                    f"`{text}` is not of the form input:mean=0,variance=1,correlation=0", ctx, parameter
                )
            law[key.strip()] = float(number)
        if not law:
            raise click.BadParameter(f"`{text}` is not of the form input:mean=0,variance=1", ctx, parameter)
        found[name.strip()] = law
    return found


@click.command("signal", short_help="Predict activations and gradients at initialisation.")
@options.target
@options.hyper
@click.option(
    "--input",
    "laws",
    metavar="NAME:KEY=VALUE,…",
    multiple=True,
    callback=_laws,
    help="The law of an input: mean, variance, correlation between positions (0, 1, 0).",
)
@click.option("--eval", "evaluation", is_flag=True, help="As in evaluation: no dropout, no batch statistics.")
@click.option("--all", "everything", is_flag=True, help="A row for every op, not for modules and sums alone.")
@click.option(
    "--verify",
    is_flag=False,
    flag_value="8",
    type=click.IntRange(min=2),
    metavar="DRAWS",
    help="Measure the compiled model beside it, over so many draws (8).",
)
@click.option(
    "--probe",
    metavar="DATA.npz",
    help="Measure the compiled model on a real batch, an array for each input by its name; the prediction is for it.",
)
@click.option("--plot", metavar="FILE", help="Draw std, gradient and spread along the depth (.svg, .png, .pdf).")
@click.option("--roles", is_flag=True, help="What each part with a @role does: the start without it.")
@click.option(
    "--repair",
    "kind",
    metavar="NAME",
    help=f"Give the network a better start, and show before and after: {REPAIRS}.",
)
@click.option(
    "--base",
    metavar="NAME=VALUE",
    multiple=True,
    callback=options.assignments,
    help="For --repair mup: a hyper-parameter of the network whose scales are carried over.",
)
@click.option("--write", is_flag=True, help="For --repair: change the file.")
@options.output("For --repair: write the spec there. `-` prints it.")
@options.as_json
def command(
    target: Target,
    hyper: dict[str, Value],
    laws: dict[str, dict[str, float]],
    evaluation: bool,
    everything: bool,
    verify: int | None,
    probe: str | None,
    plot: str | None,
    roles: bool,
    kind: str | None,
    base: dict[str, Value],
    write: bool,
    output: str | None,
    as_json: bool,
) -> None:
    """Say how activations, gradients and the Jacobian of a model grow before a weight exists.

    Nothing is drawn and no weight is made: the laws of tensors go through the ops, forwards and back. Sizes that the
    model leaves open can be given with -p.
    """
    from fanin import pipeline
    from fanin.signal.rows import rows

    if kind is not None:
        from fanin.cli.repairing import repair

        repair(target, kind, hyper, base, laws, output, write, as_json)
        return
    if roles:
        from fanin.cli.repairing import show_roles

        show_roles(target, hyper, laws, as_json)
        return
    if write or output is not None or base:
        raise click.UsageError("--write, -o and --base go with --repair")
    path, name = target
    program = pipeline.elaborate(path, name, hyper)
    try:
        batch = pipeline.batch(program, probe) if probe is not None else None
        declared = laws if batch is None else {**batch.laws, **laws}
        sizes = batch.sizes if batch is not None else None
        analysis = pipeline.signal(program, declared, sizes, training=not evaluation)
    except ValueError as error:
        raise exits.Failure(str(error)) from None
    found = rows(analysis)
    measured: Measurement | None = None
    if verify or batch is not None:
        arrays = batch.arrays if batch is not None else None
        measured = pipeline.measure(program, analysis, draws=verify or 8, batch=arrays)
    if plot is not None:
        _plot(found, measured, plot, program.name)
    if as_json:
        write_json({"file": path, "model": program.name, "rows": [_document(row, measured) for row in found]})
        return
    from fanin.emit.signals import table

    out(table(program, analysis, found, measured, everything=everything))
    if plot is not None:
        err(f"wrote {plot}\n")


def _plot(found: list[Row], measured: Measurement | None, path: str, title: str) -> None:
    try:
        from fanin.emit.plots import signal_plot
    except ImportError:
        raise exits.Failure("--plot needs matplotlib", "pip install 'fanin[plot]'") from None
    with files.replacing(path) as temporary:
        signal_plot(found, measured, temporary, title)


def _document(row: Row, measured: Measurement | None) -> dict[str, Any]:
    from dataclasses import asdict

    document = asdict(row) | {"weights": dict(row.weights)}
    seen = None if measured is None else measured.of(row)
    if seen is not None:
        document["measured"] = asdict(seen)
    return document
