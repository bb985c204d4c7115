"""``[tool.fanin]`` in ``pyproject.toml``: what a project wants of ``fanin check`` besides what it is told."""

from __future__ import annotations

import os

from fanin.cli.exits import Failure
from fanin.diagnostics.suggest import nearest
from fanin.record import record

_TABLE = "[tool.fanin]"
_LISTS = 'a list of codes, such as `["SHP3", "thin-layer"]`'
_WANTED = {
    "strict": (bool, "true or false"),
    "select": (list, _LISTS),
    "ignore": (list, _LISTS),
    "limits": (dict, "a table of numbers by code, such as `{SIG101 = 20.0}`"),
    "width": (str, "the name of the hyper-parameter that is the width of models"),
}


@record
class Settings:
    """``select`` and ``ignore`` as on the command line, and ``strict``; ``path`` is the file they are from.

    ``limits`` are numbers in the place of those that rules on the start go by, by the ids of their codes; ``width`` is
    the hyper-parameter that a start is not to hang on.
    """

    strict: bool = False
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    path: str = ""
    limits: tuple[tuple[str, float], ...] = ()
    width: str = ""

    def known_limits(self) -> dict[str, float]:
        """The limits, held to what has one. Raises Failure."""
        if not self.limits:
            return {}
        from fanin.lints.signal import limits

        known = limits()
        for id, _ in self.limits:
            if id not in known:
                raise Failure(f"{self.path}: {id} in {_TABLE} has no limit to set", f"there are {', '.join(known)}")
        return dict(self.limits)


def find_settings(folder: str = ".") -> Settings:
    """Those of the nearest ``pyproject.toml`` that has the table, from a folder upwards. Raises Failure."""
    here = os.path.abspath(folder)
    while True:
        path = os.path.join(here, "pyproject.toml")
        text = _text(path)
        if text is not None and _TABLE[:-1] in text:
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
        table = tomllib.loads(text).get("tool", {}).get("fanin", {})
    except tomllib.TOMLDecodeError as error:
        raise Failure(f"{path} is no TOML: {error}") from None
    for name, value in table.items():
        kind, wanted = _WANTED.get(name, (None, ""))
        if kind is None:
            near = nearest(name, list(_WANTED))
            hint = f"did you mean `{near}`?" if near else f"there are {', '.join(_WANTED)}"
            raise Failure(f"{path}: {_TABLE} has no setting `{name}`", hint)
        if not isinstance(value, kind) or (isinstance(value, list) and not all(isinstance(v, str) for v in value)):
            raise Failure(f"{path}: `{name}` in {_TABLE} is {wanted}")
    return Settings(
        table.get("strict", False),
        tuple(table.get("select", ())),
        tuple(table.get("ignore", ())),
        path,
        tuple(_limit(path, *item) for item in table.get("limits", {}).items()),
        table.get("width", ""),
    )


def _limit(path: str, name: str, value: object) -> tuple[str, float]:
    """The id of a code, which may be named too, and its number."""
    from fanin.diagnostics.codes import find_code, nearest_code

    code = find_code(name)
    if code is None:
        near = nearest_code(name)
        hint = f"did you mean `{near.id}` ({near.name})?" if near else "`fanin explain` lists the codes"
        raise Failure(f"{path}: `limits` in {_TABLE} names no code with `{name}`", hint)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise Failure(f"{path}: the limit of {code.id} in {_TABLE} is a number above 0, not {value!r}")
    if not code.id.startswith(("SIG", "CST906")):
        raise Failure(f"{path}: {code.id} in {_TABLE} has no limit to set", "rules on the start have one: SIG…")
    return code.id, float(value)
