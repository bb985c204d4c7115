"""``fanin draw``: the picture of a model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from fanin.cli import exits, files, options
from fanin.cli.output import err, out, write_json
from fanin.cli.target import Target
from fanin.cli.values import Value

if TYPE_CHECKING:
    from fanin.analyses.kept import Kept
    from fanin.ir.graph import Program
    from fanin.ir.recipe import System

FORMATS = ("svg", "pdf", "png", "dot")
COLORS = ("cost", "parameters", "signal", "loss", "sparsity")


@click.command("draw", short_help="Draw the model.")
@options.target
@options.hyper
@options.output("Where to draw; its ending chooses svg, pdf, png or dot. `-` prints it.")
@click.option("--format", type=click.Choice(FORMATS), help="Instead of by the ending.")
@click.option("--depth", type=click.IntRange(min=0), metavar="N", help="Levels to open; deeper ones stay closed.")
@click.option("--expand", metavar="PATH", multiple=True, help="Open this part whatever the depth.")
@click.option(
    "--color",
    type=click.Choice(COLORS),
    help="Paint by share of FLOPs (cost) or of parameters, by predicted size (signal), by what trains (loss), or by "
    "what a pruning leaves (sparsity).",
)
@click.option(
    "--masks", metavar="FOLDER", help="Of `fanin prune`, for `--color sparsity`; else it is that of the plan."
)
@click.option("--round", type=click.IntRange(min=0), metavar="N", help="After which round of it (the last one).")
@options.as_json
def command(
    target: Target,
    hyper: dict[str, Value],
    output: str | None,
    format: str | None,
    depth: int | None,
    expand: tuple[str, ...],
    color: str | None,
    masks: str | None,
    round: int | None,
    as_json: bool,
) -> None:
    """Draw a model: repetitions folded, blocks as boxes, types on the arrows.

    `--color sparsity` needs NAME to be a `prune`, or the folder of one. Without -o, the picture goes to NAME.svg in
    this folder, or to FILE.svg where no NAME is given.
    """
    from fanin import pipeline
    from fanin.emit.picture.render import CannotRender

    path, name = target
    stem = name or os.path.splitext(os.path.basename(path))[0]
    output = output or f"{stem}.{format or 'svg'}"
    format = format or ("svg" if output == "-" else os.path.splitext(output)[1][1:].lower())
    if format not in FORMATS:
        raise exits.Failure(f"{output} does not end with {', '.join(f'.{known}' for known in FORMATS)}")
    if color != "sparsity" and (masks is not None or round is not None):
        raise exits.Failure("what masks leave is painted by sparsity", "add --color sparsity")
    try:
        if color == "sparsity":
            program, kept = pipeline.thinned(path, name, hyper, masks=masks, round=round)
        else:
            program, kept = pipeline.elaborate(path, name, hyper), None
        system = pipeline.recipe(path, name, hyper) if color == "loss" else None
        write(program, output, format, depth, expand, color, system, kept)
    except (CannotRender, ValueError) as error:
        raise exits.Failure(str(error)) from None
    if output != "-":
        if as_json:
            write_json({"file": path, "output": output, "format": format})
        else:
            err(f"drew {output}\n")


def write(
    program: Program,
    output: str,
    format: str,
    depth: int | None,
    expand: tuple[str, ...],
    color: str | None = None,
    system: System | None = None,
    kept: Mapping[str, Kept | None] | None = None,
) -> None:
    """The picture into a file, or printed where it is text."""
    from fanin import pipeline

    asked: dict[str, Any] = {
        "depth": depth, "expand": expand, "format": format, "color": color, "system": system, "kept": kept
    }  # fmt: skip
    if output == "-":
        if format not in ("svg", "dot"):
            raise exits.Failure(f"{format} is not text: give a file with -o")
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            place = os.path.join(folder, f"picture.{format}")
            pipeline.draw(program, place, **asked)
            with open(place, encoding="utf-8") as file:
                out(file.read())
        return
    with files.replacing(output) as temporary:
        pipeline.draw(program, temporary, **asked)
