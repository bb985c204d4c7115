"""``fanin probe``: what a model does with the weights that it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fanin.cli import exits, options
from fanin.cli.output import out, write_json
from fanin.cli.target import Target
from fanin.cli.values import Value

if TYPE_CHECKING:
    from fanin.runtime.probes.reports import Answer

REPORTS = ("adversarial", "curvature", "features", "gradients", "jacobian", "prior", "usage")


def _sizes(ctx: click.Context, parameter: click.Parameter, given: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in given.split(","))
    except ValueError:
        raise click.BadParameter(f"`{given}` is no list of numbers such as 0.01,0.1", ctx, parameter) from None


@click.command("probe", short_help="Measure a model with its weights.")
@click.argument("report", type=click.Choice(REPORTS), metavar="REPORT")
@options.target
@options.hyper
@click.option("--weights", metavar="FILE", help="A state_dict, as torch.save writes it. Without it, weights are drawn.")
@click.option("--data", metavar="FILE", help="Inputs by their names, .npz or .pt. Without it, they are drawn.")
@click.option("--epsilon", "epsilons", default="0,0.01,0.03,0.1", callback=_sizes, help="Steps of `adversarial`.")
@click.option(
    "--draws", type=click.IntRange(min=2), default=100, show_default=True, help="Of the weights, for `prior`."
)
@click.option("--seed", type=int, default=0, show_default=True, help="What weights and inputs are drawn from.")
@click.option("--allow-extern", is_flag=True, help="Import the packages that `extern` blocks name.")
@options.as_json
def command(
    report: str,
    target: Target,
    hyper: dict[str, Value],
    weights: str | None,
    data: str | None,
    epsilons: tuple[float, ...],
    draws: int,
    seed: int,
    allow_extern: bool,
    as_json: bool,
) -> None:
    """Run the compiled model, and say what it does with the weights that it has.

    \b
    adversarial  accuracy on inputs moved along the sign of their gradient
    curvature    the Hessian of a loss: its condition, and whether this is a saddle
    features     effective rank of what each module gives, dead and equal channels
    gradients    what comes back, held to differences
    jacobian     singular values of the derivative of the outputs in the input
    prior        how alike outputs are over draws of the weights
    usage        entropy of attention, routers and gates
    """
    from fanin import pipeline

    path, name = target
    program = pipeline.elaborate(path, name, hyper)
    try:
        from fanin.runtime.externs import check_externs

        check_externs(program, allow_extern)
        analysis = pipeline.signal(program)
        found = pipeline.probe(
            program,
            report,
            sizes=analysis.sizes,
            numbers=analysis.numbers(),
            weights=weights,
            data=data,
            epsilons=epsilons,
            draws=draws,
            seed=seed,
        )
    except ValueError as error:
        raise exits.Failure(str(error)) from None
    if as_json:
        write_json({"file": path, "model": program.name, **found.document})
    else:
        out(_table(found))


def _table(found: Answer) -> str:
    lines = [found.head, *found.rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(found.head))]
    left = [all(not _is_number(row[i]) for row in found.rows) for i in range(len(found.head))]
    text = [found.title, ""]
    for line in lines:
        cells = [
            c.ljust(n) if i == 0 or left[i] else c.rjust(n) for i, (c, n) in enumerate(zip(line, widths, strict=True))
        ]
        text.append("  ".join(cells).rstrip())
    return "\n".join([*text, *(["", *found.notes] if found.notes else [])]) + "\n"


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
