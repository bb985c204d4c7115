"""``fanin diff``: what changed between two models, in terms of the architecture."""

from __future__ import annotations

import click

from fanin.cli import exits, options
from fanin.cli.output import out, write_json
from fanin.cli.target import Target, TargetType
from fanin.cli.values import Value


@click.command("diff", short_help="Say what changed between two models.")
@click.argument("before", metavar="A[:NAME]", type=TargetType())
@click.argument("after", metavar="B[:NAME]", type=TargetType())
@options.hyper
@options.as_json
@click.pass_context
def command(ctx: click.Context, before: Target, after: Target, hyper: dict[str, Value], as_json: bool) -> None:
    """Compare two models: interface, conditions, parameters, cost, modules, and what is computed.

    Exit code 0 if they are the same architecture, 1 if not. Labels count, since they are the keys of a checkpoint;
    comments, layout and the names of blocks' files do not.
    """
    from fanin import pipeline

    programs = [pipeline.elaborate(path, name, hyper) for path, name in (before, after)]
    found = pipeline.compare(*programs)
    if as_json:
        changes = [{"kind": c.kind, "where": c.where, "before": c.before, "after": c.after} for c in found]
        write_json({"before": before.path, "after": after.path, "changes": changes})
    else:
        out("".join(f"{change}\n" for change in found) or "the same architecture\n")
    ctx.exit(exits.ERRORS if found else exits.OK)
