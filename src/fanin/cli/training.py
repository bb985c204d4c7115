"""Options that say what a training gets, as click calls their callbacks."""

from __future__ import annotations

import click


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
