"""``fanin prune``: a pruning experiment is run, or what it will remove is said before a weight exists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from fanin.cli import exits, options
from fanin.cli.output import err, out, write_json
from fanin.cli.target import Target, TargetType
from fanin.cli.training import mapping, rows, settings_of, share
from fanin.cli.values import Value

if TYPE_CHECKING:
    from fanin.pruning.running import Pruned


def cluster_option(text: str) -> tuple[str, int | str]:
    """NAME=VALUE, where a VALUE of digits is a number. Raises ValueError."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise ValueError(f"`{text}` is not of the form NAME=VALUE")
    return name, int(value) if value.isdecimal() else value


@click.command("prune", short_help="Run a pruning experiment, or say what it will remove.")
@click.argument("target", metavar="FILE[:NAME]", type=TargetType(), required=False)
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
@click.option("--one-by-one", is_flag=True, help="Train seeds and controls one after another: the same, slower.")
@click.option("--stability", is_flag=True, help="Train each network twice, and measure on the line between the two.")
@click.option("--processes", type=click.IntRange(min=1), default=1, help="Spread seeds and control runs over so many.")
@click.option("--cluster", metavar="NAME", help="Spread them over jobs of a cluster: slurm, or local to try it.")
@click.option(
    "--cluster-option",
    metavar="NAME=VALUE",
    multiple=True,
    callback=options.by_name(cluster_option),
    help="What its jobs ask for, such as timeout_min=60 or slurm_partition=gpu.",
)
@click.option("--save-every", type=click.IntRange(min=1), help="Steps between checkpoints in a training (seconds).")
@click.option("--out", "-o", metavar="FOLDER", help="Where what comes out is kept (runs/PRUNE).")
@click.option("--resume", metavar="FOLDER", help="Go on with an experiment that was stopped.")
@click.option("--weights", metavar="FILE", help="Of a model that is pruned as it is: its weights (else drawn).")
@click.option("--csv", "as_csv", is_flag=True, help="Print a line for each training, instead of tables.")
@options.as_json
@click.pass_context
def command(
    ctx: click.Context,
    /,
    target: Target | None,
    hyper: dict[str, Value],
    only_plan: bool,
    as_csv: bool,
    as_json: bool,
    weights: str | None,
    **given: Any,
) -> None:
    """Run a `prune` of a spec on data: rounds of training, masking and rewinding, and the runs it is compared to.

    The folder has the report as text, CSV and JSON, and for each seed the weights and the masks of all rounds. An
    experiment that was stopped goes on with `--resume`, to the same bits; with `--out` of a folder that has the same
    experiment, what it has is not done again. With `--plan`, only how much is left after each round, without weights or
    data. A `prune` of a model is carried out on its weights as they are, without data. Exit code 1 where an `expect` is
    broken, or less would be left than a floor.
    """
    from fanin import pipeline

    if target is None and (given["resume"] is None or only_plan):
        raise click.UsageError("Missing argument 'FILE[:NAME]'.")
    if only_plan and target is not None:
        from fanin.emit.plans import plan_document, plan_table

        plan = pipeline.plan_pruning(target.path, target.name, hyper)
        if as_json:
            write_json({"file": target.path} | plan_document(plan, pipeline.plan_costs(plan)))
        else:
            out(plan_table(plan, pipeline.plan_costs(plan)))
        ctx.exit(exits.ERRORS if plan.collapses else exits.OK)
    if target is not None and given["data"] is None and given["resume"] is None:
        _once(target.path, target.name, hyper, weights, given)
        return
    from fanin.systems.machine import rank

    found = _run(target, hyper, given, quiet=as_json or as_csv)
    if rank() == 0:  # of several processes one reports
        if as_json:
            file = {} if target is None else {"file": target.path}
            saved = {seed: None if s is None else asdict(s) for seed, s in found.saved.items()}
            more = {"folder": found.folder} | ({"saved": saved} if saved else {})
            write_json(file | more | found.results.document())
        else:
            out(found.results.csv() if as_csv else found.results.table())
        for seed, one in found.saved.items():
            err(f"seed {seed}, smaller: {one or 'none, and smaller.txt says why'}\n")
        err(f"{len(found.results.rows)} trainings; the experiment is in {found.folder}\n")
    ctx.exit(exits.OK if found.holds else exits.ERRORS)


def _once(path: str, name: str | None, hyper: dict[str, Value], weights: str | None, given: dict[str, Any]) -> None:
    from fanin import pipeline
    from fanin.emit.plans import plan_table
    from fanin.pruning.shrinking import WrongWeights
    from fanin.systems.problems import RunFailed

    folder = given["out"] or pipeline.run_folder(path, name)
    try:
        seed = given["seed"] or 0
        plan, saved = pipeline.prune_weights(path, name, weights=weights, out=folder, seed=seed, hyper=hyper)
    except RunFailed as failed:
        raise exits.Failure(str(failed.args[0]), failed.help) from None
    except OSError as error:
        raise exits.Failure(f"{weights}: {error.strerror or error}") from None
    except WrongWeights as error:
        raise exits.Failure(str(error)) from None
    out(plan_table(plan, pipeline.plan_costs(plan)))
    if saved is not None:
        err(f"smaller: {saved}\n")
    err(f"pruned as it is, and nothing trained; what is left is in {folder}\n")


def _run(target: Target | None, hyper: dict[str, Value], given: dict[str, Any], *, quiet: bool) -> Pruned:
    from fanin import pipeline
    from fanin.systems.machine import size
    from fanin.systems.problems import RunFailed

    data, out_, resumed = (given.pop(name) for name in ("data", "out", "resume"))
    over = pipeline.Spread(given.pop("processes"), given.pop("cluster"), given.pop("cluster_option"))
    watch = None if quiet else _told
    how: dict[str, Any] = {"watch": watch, "settings": settings_of(given), "over": over}
    try:
        if resumed is not None:
            if target is not None or hyper:
                raise exits.Failure(
                    "an experiment that is resumed has its spec and its values", "leave out all but --resume"
                )
            return pipeline.resume_pruning(resumed, data, **how)
        assert target is not None
        if out_ is None and size() == 1:
            out_ = pipeline.run_folder(*target)
        return pipeline.prune(target.path, target.name, data, out=out_, hyper=hyper, **how)
    except RunFailed as failed:
        raise exits.Failure(str(failed.args[0]), failed.help) from None
    except ImportError as error:
        raise exits.Failure(f"this needs {error.name}", f"pip install {error.name}") from None


def _told(event: str, known: Mapping[str, Any]) -> None:
    """A line for each training, on stderr."""
    row = known["row"]
    values = "  ".join(f"{n} {'never' if v is None else format(v, '.4g')}" for n, v in row.measures.items())
    err(f"{known['done']}/{known['of']}  seed {row.seed}, round {row.round}, {row.run}, {row.density:.2%}: {values}\n")
