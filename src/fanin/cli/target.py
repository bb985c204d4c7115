"""``FILE[:NAME]``, the argument of most commands."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import click

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")


class Target(NamedTuple):
    """A path, and the name of what is meant in it, if one was given."""

    path: str
    name: str | None = None


def parse_target(text: str) -> Target:
    """Splits at the last colon, unless that belongs to the path: a drive letter's, or one in a file name."""
    path, colon, name = text.rpartition(":")
    if not colon or not path or os.path.exists(text):
        return Target(text)
    drive = len(path) == 1 and path.isalpha()
    if drive and (os.name == "nt" or not _NAME.fullmatch(name)):
        return Target(text)
    # What follows `.arch:` is meant as a name even where it cannot be one.
    if _NAME.fullmatch(name) or (path.endswith(".arch") and "/" not in name and "\\" not in name):
        return Target(path, name)
    return Target(text)


if TYPE_CHECKING:
    _Type = click.ParamType[Target]
else:
    _Type = click.ParamType  # click 8.2 has no type parameter there


class TargetType(_Type):
    """Lets click parse and complete a target."""

    name = "file[:name]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Target:
        if isinstance(value, Target):
            return value
        target = parse_target(value)
        if target.name == "":
            self.fail(f"{value!r} has no name behind the colon", param, ctx)
        return target

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        return [CompletionItem(incomplete, type="file")]
