"""Arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from fanin.cli.exits import AS_JSON
from fanin.cli.target import TargetType
from fanin.cli.values import Value, parse_assignment

F = TypeVar("F", bound=Callable[..., Any])


def assignments(ctx: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, Value]:
    """``NAME=VALUE``, any number of times."""
    values: dict[str, Value] = {}
    for text in given:
        try:
            name, value = parse_assignment(text)
        except ValueError as error:
            raise click.BadParameter(str(error), ctx, parameter) from None
        if name in values:
            raise click.BadParameter(f"`{name}` is given twice", ctx, parameter)
        values[name] = value
    return values


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
