"""Options that say what a training gets, as click calls their callbacks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--data", metavar="SOURCE", help="What to train on: a name such as digits, a file, a folder, module:callable."
    ),
    click.option(
        "--map",
        "mapping",
        metavar="INPUT=FIELD",
        multiple=True,
        callback=lambda ctx, parameter, given: mapping(ctx, parameter, given),
        help="What the data calls an input.",
    ),
    click.option("--epochs", type=click.IntRange(min=1), help="How often to go through the data."),
    click.option("--steps", type=click.IntRange(min=1), help="For how many steps to train, instead."),
    click.option(
        "--batch-size",
        metavar="ROWS",
        callback=lambda ctx, parameter, given: rows(ctx, parameter, given),
        help="Rows of a batch, or `all` (64).",
    ),
    click.option(
        "--val",
        metavar="SHARE",
        callback=lambda ctx, parameter, given: share(ctx, parameter, given),
        help="Rows to hold out for validation: a share, or a number.",
    ),
    click.option(
        "--stratify", metavar="FIELD", help="The input of classes of which each part and batch has its share."
    ),
    click.option("--device", metavar="NAME", help="cpu, cuda, cuda:1 (a GPU where there is one)."),
    click.option(
        "--precision",
        type=click.Choice(["float32", "float64", "bfloat16", "float16"]),
        help="Of the numbers; the last two mixed with float32 weights.",
    ),
)


def data_options(command: F) -> F:
    """What a training gets from the data to the precision, in this order."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def settings_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that were given, by their names in Python."""
    settings = {name: value for name, value in given.items() if value not in (None, False, {}, ())}
    if settings.get("batch_size") == "all":
        settings["batch_size"] = None
    return settings


def mapping(ctx: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given:
        name, equals, field = text.partition("=")
        if not equals or not name.strip() or not field.strip():
            raise click.BadParameter(f"`{text}` is not of the form input=field", ctx, parameter)
        found[name.strip()] = field.strip()
    return found


def rows(ctx: click.Context, parameter: click.Parameter, given: str | None) -> str | int | None:
    if given is None or given == "all":
        return given
    if not given.isdecimal() or int(given) < 1:
        raise click.BadParameter(f"`{given}` is neither a number of rows nor `all`", ctx, parameter)
    return int(given)


def share(ctx: click.Context, parameter: click.Parameter, given: str | None) -> float | int | None:
    if given is None:
        return None
    try:
        value = float(given)
    except ValueError:
        raise click.BadParameter(f"`{given}` is no number", ctx, parameter) from None
    if value < 0 or value != value or (value >= 1 and value != int(value)):
        raise click.BadParameter(f"`{given}` is neither a share below 1 nor a number of rows", ctx, parameter)
    return int(value) if value >= 1 else value
