"""Arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from fanin.cli.exits import AS_JSON
from fanin.cli.target import TargetType
from fanin.cli.values import parse_assignment

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


def by_name(
    parse: Callable[[str], tuple[str, T]],
) -> Callable[[click.Context, click.Parameter, tuple[str, ...]], dict[str, T]]:
    """What reads an option that is given any number of times, each for a name of its own."""

    def read(ctx: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, T]:
        values: dict[str, T] = {}
        for text in given:
            try:
                name, value = parse(text)
            except ValueError as error:
                raise click.BadParameter(str(error), ctx, parameter) from None
            if name in values:
                raise click.BadParameter(f"`{name}` is given twice", ctx, parameter)
            values[name] = value
        return values

    return read


assignments = by_name(parse_assignment)
"""``NAME=VALUE``"""


def _remember(ctx: click.Context, parameter: click.Parameter, given: bool) -> bool:
    ctx.meta[AS_JSON] = given
    return given


def target(command: F) -> F:
    """The argument ``FILE[:NAME]``."""
    return click.argument("target", metavar="FILE[:NAME]", type=TargetType())(command)


def targets(command: F) -> F:
    """One or more of them."""
    return click.argument("targets", metavar="FILE[:NAME]...", type=TargetType(), nargs=-1, required=True)(command)


def hyper(command: F) -> F:
    """``-p name=value``, any number of times."""
    return click.option(
        "-p",
        "--param",
        "hyper",
        metavar="NAME=VALUE",
        multiple=True,
        callback=assignments,
        help="Give a hyper-parameter or size a value (any number of times).",
    )(command)


def as_json(command: F) -> F:
    """``--json``. Eager, so that a failure is a document too."""
    return click.option(
        "--json", "as_json", is_flag=True, is_eager=True, callback=_remember, help="Print a JSON document."
    )(command)


def output(text: str) -> Callable[[F], F]:
    """``-o FILE``."""
    return click.option("-o", "--output", metavar="FILE", help=text)
