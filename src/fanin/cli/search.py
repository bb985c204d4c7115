"""``fanin search``: a system is trained with values drawn for its hyper-parameters."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from fanin.cli import exits, options
from fanin.cli.output import err, out, write_json
from fanin.cli.ranges import ranges
from fanin.cli.target import Target
from fanin.cli.training import data_options, settings_of
from fanin.cli.values import Value

if TYPE_CHECKING:
    from fanin.systems.search import Search, Trial


@click.command("search", short_help="Try values of a system's hyper-parameters.")
@options.target
@options.hyper
@click.option(
    "--range",
    "drawn",
    metavar="NAME=RANGE",
    multiple=True,
    callback=ranges,
    help="What is drawn: 8..64, 1e-4..1e-1:log, [relu, gelu] (any number of times).",
)
@click.option("--trials", type=click.IntRange(min=1), default=20, help="How many draws (20).")
@click.option("--folds", type=click.IntRange(min=2), help="Hold out each of so many parts in turn, for one score.")
@data_options
@click.option("--seed", type=int, default=0, help="What values, folds and splits are drawn from (0).")
@click.option("--monitor", metavar="MEASURE", help="What trials are compared by: the least of it, of held out rows.")
@click.option("--highest", is_flag=True, help="The most of it, instead.")
@click.option(
    "--patience", type=click.IntRange(min=1), help="End a training after so many epochs without a better one."
)
@options.as_json
@click.pass_context
def command(
    ctx: click.Context,
    /,
    target: Target,
    hyper: dict[str, Value],
    drawn: dict[str, Any],
    trials: int,
    folds: int | None,
    seed: int,
    data: str | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Draw values for hyper-parameters of a system at random, train with each, and say which were best.

    Values that break the spec are said and not trained. Prints a table, the best first, and the command that trains
    with them. Exit code 1 where no trial could be trained.
    """
    from fanin import pipeline
    from fanin.systems.problems import RunFailed

    if not drawn:
        raise exits.Failure("it is not said what to draw", "give --range rate=1e-4..1e-1:log, --range width=8..64, …")
    if data is None:
        raise exits.Failure("it is not said on what to train", "give --data digits, a file or a folder")
    path, name = target

    def told(place: int, trial: Trial) -> None:
        if not as_json:
            err(f"{place}/{trials}  {_values(trial.values)}: {_outcome(trial)}\n")

    try:
        found = pipeline.search(
            path, name, data, drawn, trials=trials, seed=seed, folds=folds, hyper=hyper,
            settings=settings_of(given), told=told,
        )  # fmt: skip
    except RunFailed as failed:
        raise exits.Failure(str(failed.args[0]), failed.help) from None
    except ImportError as error:
        raise exits.Failure(f"this needs {error.name}", f"pip install {error.name}") from None
    if as_json:
        write_json({"file": path} | found.document())
    else:
        out(_table(found))
        _advise(found, path, name, hyper)
    ctx.exit(exits.ERRORS if found.document()["best"] is None else exits.OK)


def _table(found: Search) -> str:
    """A row for each trial, the best first and those that were not trained last."""
    from fanin.emit.table import aligned

    names = list(dict.fromkeys(name for trial in found.trials for name in trial.values))
    folds = max((len(trial.scores) for trial in found.trials), default=0) > 1
    refused = any(trial.refused for trial in found.trials)
    head = ["trial", *names, found.monitor, *(["±"] if folds else []), *(["refused"] if refused else [])]
    rows = [head]
    for trial in found.ranked:
        score = "-" if trial.score is None else f"{trial.score:.5g}"
        spread = [f"{trial.spread:.2g}" if trial.scores else ""] if folds else []
        texts = [_text(trial.values.get(name, "")) for name in names]
        rows.append([str(found.number(trial)), *texts, score, *spread, *([trial.refused or ""] if refused else [])])
    lines = aligned(rows, right=range(len(names) + 2 + folds), shrink=(len(head) - 1,) if refused else ())
    return "\n".join([lines[0], "─" * max(map(len, lines)), *lines[1:]]) + "\n"


def _advise(found: Search, path: str, name: str | None, hyper: Mapping[str, Any]) -> None:
    """The command that trains with the best values."""
    try:
        best = found.best
    except LookupError:
        err("no trial was trained\n")
        return
    values = {**hyper, **best.values}
    words = [f"-p {shlex.quote(f'{n}={_exact(v)}')}" for n, v in values.items()]
    err(f"the best: fanin train {shlex.quote(path + (f':{name}' if name else ''))} {' '.join(words)}\n")


def _values(values: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={_text(value)}" for name, value in values.items())


def _outcome(trial: Trial) -> str:
    return f"{trial.score:.5g}" if trial.score is not None else str(trial.refused)


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else _exact(value)


def _exact(value: Any) -> str:
    """As ``-p`` reads it."""
    if isinstance(value, (list, tuple)):
        inner = ", ".join(map(_exact, value))
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' if len(value) == 1 else ''})"
    return {True: "true", False: "false", None: "none"}[value] if isinstance(value, bool | None) else str(value)
