"""``fanin data``: what is in a source, and whether a system can be trained on it."""

from __future__ import annotations

import click

from fanin.cli import exits, options, training
from fanin.cli.output import err, out, write_json
from fanin.cli.target import Target, TargetType
from fanin.cli.values import Value


@click.command("data", short_help="Show what is in a data set, or list those that have names.")
@click.argument("source", required=False)
@click.option("--for", "target", metavar="FILE:SYSTEM", type=TargetType(), help="Check that it fits this system.")
@click.option(
    "--map",
    "mapping",
    metavar="INPUT=FIELD",
    multiple=True,
    callback=training.mapping,
    help="What the data calls an input.",
)
@options.hyper
@options.as_json
def command(
    source: str | None, target: Target | None, mapping: dict[str, str], hyper: dict[str, Value], as_json: bool
) -> None:
    """Show the fields of SOURCE: shapes, dtypes, ranges, classes. Without one, list the sets and tasks with names.

    SOURCE is a name (digits, moons:noise=0.2), a .npz, .csv or .parquet file, a folder of images, or
    package.module:callable. A number behind a colon takes the first rows (digits:500).
    """
    from fanin.data.describing import document, listing, names_table, table

    if source is None:
        if target is not None:
            raise exits.Failure("which data is to fit it?", "fanin data digits --for net.arch:Fit")
        if as_json:
            write_json(listing())
        else:
            out(names_table())
        return
    from fanin.data import bind, open_data

    data = open_data(source)
    if target is not None:
        from fanin import pipeline

        program = pipeline.elaborate(target.path, target.name, hyper)
        data = bind(data, program.inputs, mapping, program.requirements)
    if as_json:
        write_json(document(data) | ({} if target is None else {"fits": program.name}))
        return
    out(table(data))
    if target is not None:
        err(f"fits `{program.name}`\n")
