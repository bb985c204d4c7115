"""``fanin train``: a system is trained on data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fanin.cli import exits, options
from fanin.cli.output import err, out, write_json
from fanin.cli.target import Target, TargetType
from fanin.cli.training import data_options, mapping, settings_of, share
from fanin.cli.values import Value

if TYPE_CHECKING:
    from fanin.systems.run import Run


@click.command("train", short_help="Train a system on data.")
@click.argument("target", metavar="FILE[:SYSTEM]", type=TargetType(), required=False)
@options.hyper
@data_options
@click.option(
    "--weights",
    metavar="PATH=FILE",
    multiple=True,
    callback=mapping,
    help="Start a part with weights from a .safetensors file; FILE:PREFIX takes what is below a path there.",
)
@click.option("--test", metavar="SHARE", callback=share, help="Rows to hold out for the very end.")
@click.option("--no-shuffle", is_flag=True, help="Go through the data in its order.")
@click.option("--drop-last", is_flag=True, help="Leave out a last batch that is not full.")
@click.option("--seed", type=int, help="What weights, splits, order and noise are drawn from (0).")
@click.option("--monitor", metavar="MEASURE", help="Keep the weights with the least of it on validation data.")
@click.option("--highest", is_flag=True, help="The most of it, instead.")
@click.option("--patience", type=click.IntRange(min=1), help="End a stage after so many epochs without a better one.")
@click.option("--compile", "compiled", is_flag=True, help="Compile the networks with torch.compile.")
@click.option("--shard", is_flag=True, help="Under torchrun: each process holds a part of the weights (FSDP2).")
@click.option("--log-every", type=click.IntRange(min=1), help="Steps of a row in the log (1).")
@click.option(
    "--save-every", type=click.IntRange(min=1), help="Steps between checkpoints (ends of epochs, seconds apart)."
)
@click.option("--tensorboard", is_flag=True, help="Log for TensorBoard as well.")
@click.option("--out", "-o", metavar="FOLDER", help="Where the run is kept (runs/SYSTEM).")
@click.option("--resume", metavar="FOLDER", help="Go on with a run that was stopped.")
@click.option("--smoke", is_flag=True, help="Take two steps of each stage on random numbers, and keep nothing.")
@click.option("--overfit", metavar="N", type=click.IntRange(min=1), help="Train on N batches alone, and keep nothing.")
@options.as_json
def command(target: Target | None, hyper: dict[str, Value], as_json: bool, **given: Any) -> None:
    """Train a system of a spec on data, and keep all of it in a folder.

    The folder has the program that trained it (system.py), the weights, a log as CSV and JSON lines, curves, and
    checkpoints from which `--resume` goes on to the same bits.
    """
    from fanin import pipeline
    from fanin.systems.problems import RunFailed

    try:
        run = _run(pipeline, target, hyper, given, as_json)
    except RunFailed as failed:
        raise exits.Failure(str(failed.args[0]), failed.help) from None
    except ImportError as error:
        raise exits.Failure(f"this needs {error.name}", f"pip install {error.name}") from None
    _tell(run, as_json)


def _run(pipeline: Any, target: Target | None, hyper: dict[str, Value], given: dict[str, Any], quiet: bool) -> Run:
    from fanin.cli.progress import progress

    resumed, smoke, overfit = given.pop("resume"), given.pop("smoke"), given.pop("overfit")
    data, out_ = given.pop("data"), given.pop("out")
    settings = settings_of(given)
    if settings.pop("no_shuffle", False):
        settings["shuffle"] = False
    if settings.pop("compiled", False):
        settings["compile"] = True
    with progress(quiet) as watch:
        if resumed is not None:
            if target is not None or hyper:
                raise exits.Failure("a run that is resumed has its spec and its values", "leave out all but --resume")
            return pipeline.resume(resumed, data, watch=watch, settings=settings)  # type: ignore[no-any-return]
        if target is None:
            raise click.UsageError("Missing argument 'FILE[:SYSTEM]'.")
        path, name = target
        if smoke:
            return pipeline.smoke(path, name, hyper, watch=watch, settings=settings)  # type: ignore[no-any-return]
        if data is None:
            raise exits.Failure("it is not said on what to train", "give --data digits, a file, a folder; or --smoke")
        if overfit is not None:
            out_ = None
            settings["overfit"] = overfit
        elif out_ is None:
            out_ = pipeline.run_folder(path, name)
        return pipeline.train(path, name, data, out=out_, hyper=hyper, watch=watch, settings=settings)  # type: ignore[no-any-return]


def _tell(run: Run, as_json: bool) -> None:
    if as_json:
        write_json(
            {
                "folder": run.folder,
                "steps": run.steps,
                "first": run.first,
                "measures": run.final,
                "test": run.test,
                "validated": bool(run.validation),
            }
        )
        return
    for title, measures in (("validation" if run.validation else "training", run.final), ("test", run.test)):
        for name, value in measures.items():
            before = run.first.get(name) if title == "training" else None
            out(
                f"{title:<10}  {name:<16} {value:.6g}" + (f"  (from {before:.6g})" if before is not None else "") + "\n"
            )
    if run.folder is not None:
        err(f"{run.steps} steps; the run is in {run.folder}\n")
    else:
        err(f"{run.steps} steps; nothing is kept\n")
