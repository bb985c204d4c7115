"""``fanin prune``: a pruning experiment is run, or what it will remove is said before a weight exists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from fanin.cli import exits, options
from fanin.cli.output import err, out, write_json
from fanin.cli.target import Target
from fanin.cli.training import mapping, rows, share
from fanin.cli.values import Value

if TYPE_CHECKING:
    from fanin.pruning.running import Pruned


@click.command("prune", short_help="Run a pruning experiment, or say what it will remove.")
@options.target
@options.hyper
@click.option("--plan", "only_plan", is_flag=True, help="Counts, trainings and collapse, from the spec alone.")
@click.option("--data", metavar="SOURCE", help="What to train on: a name such as digits, a file, a folder.")
@click.option(
    "--map", "mapping", metavar="INPUT=FIELD", multiple=True, callback=mapping, help="What the data calls it."
)
@click.option("--epochs", type=click.IntRange(min=1), help="How often each training goes through the data.")
@click.option("--steps", type=click.IntRange(min=1), help="For how many steps each trains, instead.")
@click.option("--batch-size", metavar="ROWS", callback=rows, help="Rows of a batch, or `all` (64).")
@click.option("--val", metavar="SHARE", callback=share, help="Rows to hold out for validation: a share, or a number.")
@click.option("--test", metavar="SHARE", callback=share, help="Rows to hold out, on which is measured.")
@click.option("--stratify", metavar="FIELD", help="The input of classes of which each part and batch has its share.")
@click.option("--seed", type=int, help="What the data is split by (0); trainings have those of the experiment.")
@click.option("--device", metavar="NAME", help="cpu, cuda, cuda:1 (a GPU where there is one).")
@click.option("--precision", type=click.Choice(["float32", "float64"]), help="Of the numbers.")
@click.option("--out", "-o", metavar="FOLDER", help="Where what comes out is kept (runs/PRUNE).")
@click.option("--weights", metavar="FILE", help="Of a model that is pruned as it is: its weights (else drawn).")
@click.option("--csv", "as_csv", is_flag=True, help="Print a line for each training, instead of tables.")
@options.as_json
@click.pass_context
def command(
    ctx: click.Context,
    /,
    target: Target,
    hyper: dict[str, Value],
    only_plan: bool,
    data: str | None,
    as_csv: bool,
    as_json: bool,
    weights: str | None,
    **given: Any,
) -> None:
    """Run a `prune` of a spec on data: rounds of training, masking and rewinding, and the runs it is compared to.

    The folder has the report as text, CSV and JSON, and for each seed the weights and the masks of all rounds. With
    `--plan`, only how much is left after each round, without weights or data. A `prune` of a model is carried out on
    its weights as they are, without data. Exit code 1 where an `expect` is broken,
    or less would be left than a floor.
    """
    from fanin import pipeline

    path, name = target
    if only_plan:
        from fanin.emit.plans import plan_document, plan_table

        plan = pipeline.plan_pruning(path, name, hyper)
        if as_json:
            write_json({"file": path} | plan_document(plan))
        else:
            out(plan_table(plan))
        ctx.exit(exits.ERRORS if plan.collapses else exits.OK)
    if data is None:
        _once(path, name, hyper, weights, given)
        return
    found = _run(path, name, data, hyper, given, quiet=as_json or as_csv)
    if as_json:
        write_json({"file": path, "folder": found.folder} | found.results.document())
    else:
        out(found.results.csv() if as_csv else found.results.table())
    err(f"{len(found.results.rows)} trainings; the experiment is in {found.folder}\n")
    ctx.exit(exits.OK if found.holds else exits.ERRORS)


def _once(path: str, name: str | None, hyper: dict[str, Value], weights: str | None, given: dict[str, Any]) -> None:
    from fanin import pipeline
    from fanin.emit.plans import plan_table
    from fanin.pruning.shrinking import WrongWeights
    from fanin.systems.problems import RunFailed

    folder = given["out"] or pipeline.run_folder(path, name)
    try:
        plan, _ = pipeline.prune_weights(path, name, weights=weights, out=folder, seed=given["seed"] or 0, hyper=hyper)
    except RunFailed as failed:
        raise exits.Failure(str(failed.args[0]), failed.help) from None
    except OSError as error:
        raise exits.Failure(f"{weights}: {error.strerror or error}") from None
    except WrongWeights as error:
        raise exits.Failure(str(error)) from None
    out(plan_table(plan))
    err(f"pruned as it is, and nothing trained; what is left is in {folder}\n")


def _run(
    path: str, name: str | None, data: str, hyper: dict[str, Value], given: dict[str, Any], *, quiet: bool
) -> Pruned:
    from fanin import pipeline
    from fanin.systems.problems import RunFailed

    out_ = given.pop("out")
    settings = {key: value for key, value in given.items() if value not in (None, False, {}, ())}
    if settings.get("batch_size") == "all":
        settings["batch_size"] = None
    if out_ is None:
        out_ = pipeline.run_folder(path, name)
    try:
        return pipeline.prune(
            path, name, data, out=out_, hyper=hyper, watch=None if quiet else _told, settings=settings
        )
    except RunFailed as failed:
        raise exits.Failure(str(failed.args[0]), failed.help) from None
    except ImportError as error:
        raise exits.Failure(f"this needs {error.name}", f"pip install {error.name}") from None


def _told(event: str, known: Mapping[str, Any]) -> None:
    """A line for each training, on stderr."""
    row = known["row"]
    values = "  ".join(f"{n} {'never' if v is None else format(v, '.4g')}" for n, v in row.measures.items())
    err(f"{known['done']}/{known['of']}  seed {row.seed}, round {row.round}, {row.run}, {row.density:.2%}: {values}\n")
