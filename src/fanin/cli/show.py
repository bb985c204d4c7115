"""``fanin show``: the elaborated model as text."""

from __future__ import annotations

import click

from fanin.cli import exits, options
from fanin.cli.output import out, write_json
from fanin.cli.target import Target
from fanin.cli.values import Value
from fanin.report import CheckFailed

STAGES = ("parse", "elaborate")


@click.command("show", short_help="Print the elaborated model.")
@options.target
@options.hyper
@click.option("--after", metavar="STAGE", help="What a stage leaves behind: parse, elaborate.")
@click.option("--depth", type=click.IntRange(min=0), metavar="N", help="Levels to open; the rest is summed up.")
@options.as_json
def command(target: Target, hyper: dict[str, Value], after: str | None, depth: int | None, as_json: bool) -> None:
    """Print paths, types, parameters and cost of a model, or of all that FILE has."""
    from fanin import pipeline

    path, name = target
    if after is not None and after not in STAGES:
        raise exits.Failure(f"there is no stage {after}: {', '.join(STAGES)}")
    if name is not None:
        programs = [pipeline.elaborate(path, name, hyper)]
    else:
        report = pipeline.check(path, hyper=hyper)
        if not report.ok:
            raise CheckFailed(report)
        programs = list(report.programs)
    system = None if name is None else pipeline.recipe(path, name, hyper)
    if as_json:
        write_json({"file": path, "models": [pipeline.show_document(program, system) for program in programs]})
    else:
        out("\n".join(pipeline.show(program, after=after, depth=depth).rstrip("\n") + "\n" for program in programs))
        if system is not None and after is None and system.every_line():
            out("\n" + pipeline.show_training(system))
