"""``[tool.fanin]`` in ``pyproject.toml``: what a project wants of ``fanin check`` besides what it is told."""

from __future__ import annotations

import os

from fanin.cli.exits import Failure
from fanin.diagnostics.suggest import nearest
from fanin.record import record

_TABLE = "[tool.fanin]"


@record
class Settings:
    """``select`` and ``ignore`` as on the command line, and ``strict``; ``path`` is the file they are from."""

    strict: bool = False
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    path: str = ""


def find_settings(folder: str = ".") -> Settings:
    """Those of the nearest ``pyproject.toml`` that has the table, from a folder upwards. Raises Failure."""
    here = os.path.abspath(folder)
    while True:
        path = os.path.join(here, "pyproject.toml")
        text = _text(path)
        if text is not None and _TABLE in text:
            return _settings(path, text)
        above = os.path.dirname(here)
        if above == here:
            return Settings()
        here = above


def _text(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError):
        return None


def _settings(path: str, text: str) -> Settings:
    import tomllib  # only where there is something to read

    try:
        table = tomllib.loads(text)["tool"]["fanin"]
    except tomllib.TOMLDecodeError as error:
        raise Failure(f"{path} is no TOML: {error}") from None
    known = {"strict": bool, "select": list, "ignore": list}
    for name, value in table.items():
        kind = known.get(name)
        if kind is None:
            near = nearest(name, list(known))
            hint = f"did you mean `{near}`?" if near else f"there are {', '.join(known)}"
            raise Failure(f"{path}: {_TABLE} has no setting `{name}`", hint)
        if not isinstance(value, kind) or (isinstance(value, list) and not all(isinstance(v, str) for v in value)):
            wanted = "true or false" if kind is bool else 'a list of codes, such as `["SHP3", "thin-layer"]`'
            raise Failure(f"{path}: `{name}` in {_TABLE} is {wanted}")
    return Settings(table.get("strict", False), tuple(table.get("select", ())), tuple(table.get("ignore", ())), path)
