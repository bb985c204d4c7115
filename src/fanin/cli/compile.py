"""``fanin compile``: a model as standalone PyTorch source, or as a file for other programs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from fanin.cli import exits, files, options
from fanin.cli.output import err, out, write_json
from fanin.cli.target import Target
from fanin.cli.values import Value

if TYPE_CHECKING:
    from fanin.ir.graph import Program


KINDS = (".py", ".pt2", ".onnx")


@click.command("compile", short_help="Write the model as PyTorch source, .pt2 or .onnx.")
@options.target
@options.hyper
@options.output("Where to write: a .py, .pt2 or .onnx file. Without it, the source is printed.")
@click.option(
    "--seed", type=int, default=0, show_default=True, help="What the weights of .pt2 and .onnx are drawn from."
)
@click.option("--allow-extern", is_flag=True, help="Import the packages that `extern` blocks name (.pt2 and .onnx).")
@options.as_json
def command(
    target: Target, hyper: dict[str, Value], output: str | None, seed: int, allow_extern: bool, as_json: bool
) -> None:
    """Write a model, or a system and how it is trained, as a Python module that needs PyTorch, and nothing of fanin.

    A .pt2 or .onnx file holds the model with freshly drawn weights; sizes that it leaves open stay open. `fanin check
    --export` says what such a file does not keep.
    """
    from fanin import pipeline

    kind = os.path.splitext(str(output))[1]
    if output not in (None, "-") and kind not in KINDS:
        raise exits.Failure(f"{output} ends with none of {', '.join(KINDS)}")
    path, name = target
    if output not in (None, "-") and kind != ".py":
        _export(pipeline.elaborate(path, name, hyper), str(output), seed, allow_extern, as_json)
        return
    source = pipeline.compiled(path, name, hyper)
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


def _export(program: Program, output: str, seed: int, allow_extern: bool, as_json: bool) -> None:
    from fanin import pipeline

    with files.replacing(output) as temporary:
        try:
            made = pipeline.export(program, temporary, seed=seed, allow_extern=allow_extern)
        except ImportError as error:
            raise exits.Failure(f"this needs {error.name}", f"pip install {error.name}") from None
    sizes = ", ".join(f"{name} = {size}" for name, size in made.sizes)
    if as_json:
        write_json({"output": output, "sizes": dict(made.sizes), "difference": made.difference})
    else:
        off = "it draws random numbers" if made.difference is None else f"off by {made.difference:.1e} at most"
        err(f"wrote {output}; compared with the model{f' at {sizes}' if sizes else ''}: {off}\n")
