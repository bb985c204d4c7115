"""``fanin compile``: a model as standalone PyTorch source."""

from __future__ import annotations

import os

import click

from fanin.cli import exits, files, options
from fanin.cli.output import err, out, write_json
from fanin.cli.target import Target
from fanin.cli.values import Value


@click.command("compile", short_help="Write the model as PyTorch source.")
@options.target
@options.hyper
@options.output("Where to write: a .py file. Without it, the source is printed.")
@options.as_json
def command(target: Target, hyper: dict[str, Value], output: str | None, as_json: bool) -> None:
    """Write a model as a Python module that needs PyTorch, and nothing of fanin."""
    from fanin import pipeline

    if output not in (None, "-") and os.path.splitext(str(output))[1] != ".py":
        raise exits.Failure(f"{output} does not end with .py")
    path, name = target
    source = pipeline.source(pipeline.elaborate(path, name, hyper))
    if output is None or output == "-":
        if as_json:
            write_json({"file": path, "output": None, "source": source})
        else:
            out(source)
        return
    files.write_text(output, source)
    if as_json:
        write_json({"file": path, "output": output})
    else:
        err(f"wrote {output}\n")
