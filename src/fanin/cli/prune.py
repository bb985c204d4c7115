"""``fanin prune --plan``: what a pruning experiment will remove, before a weight exists."""

from __future__ import annotations

import click

from fanin.cli import exits, options
from fanin.cli.output import out, write_json
from fanin.cli.target import Target
from fanin.cli.values import Value


@click.command("prune", short_help="Say what a pruning experiment will remove.")
@options.target
@options.hyper
@click.option("--plan", "only_plan", is_flag=True, help="Counts, trainings and collapse, from the spec alone.")
@options.as_json
@click.pass_context
def command(ctx: click.Context, target: Target, hyper: dict[str, Value], only_plan: bool, as_json: bool) -> None:
    """Say how much of what is left after each round of a `prune`, without weights or data.

    Exit code 1 where less would be left than a floor.
    """
    from fanin import pipeline
    from fanin.emit.plans import plan_document, plan_table

    if not only_plan:
        raise exits.Failure("experiments cannot be run yet: --plan says what one would remove")
    path, name = target
    found = pipeline.plan_pruning(path, name, hyper)
    if as_json:
        write_json({"file": path} | plan_document(found))
    else:
        out(plan_table(found))
    ctx.exit(exits.ERRORS if found.collapses else exits.OK)
