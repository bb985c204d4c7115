"""``--range name=…`` of a search: what is drawn for a hyper-parameter."""

from __future__ import annotations

from typing import Any

from fanin.cli.options import by_name
from fanin.cli.values import parse_assignment, parse_value

_USAGE = "write rate=1e-4..1e-1:log, width=8..64 or act=[relu, gelu]"


def parse_range(text: str) -> tuple[str, Any]:
    """A name, and a list, a Python ``range`` (both ends of a range of whole numbers are in it) or a ``Uniform``.

    Raises ValueError, whose message is for the user.
    """
    name, equals, values = text.partition("=")
    low, dots, high = values.partition("..")
    if not dots:
        name, found = parse_assignment(text)
        if not isinstance(found, list):
            raise ValueError(f"`{text}` is no range: {_USAGE}")
        if not found:
            raise ValueError(f"`{name}` has no values to choose from")
        return name, found
    name, _ = parse_assignment(f"{name}{equals}0")
    high, colon, word = high.partition(":")
    if colon and word.strip() != "log":
        raise ValueError(f"`{text}` is no range: {_USAGE}")
    return name, _between(name, parse_value(low), parse_value(high), log=bool(colon))


def _between(name: str, low: Any, high: Any, *, log: bool) -> Any:
    from fanin.systems.problems import RunFailed
    from fanin.systems.search import Uniform

    if any(isinstance(end, bool) or not isinstance(end, (int, float)) for end in (low, high)):
        raise ValueError(f"a range of `{name}` goes from a number to a number")
    whole = isinstance(low, int) and isinstance(high, int)
    if whole and not log and low < high:
        return range(low, high + 1)
    try:
        return Uniform(low, high, log=log, whole=whole)
    except RunFailed as failed:
        raise ValueError(f"`{name}`: {failed}") from None


ranges = by_name(parse_range)
"""``NAME=LOW..HIGH``, with ``:log`` behind it or not, and ``NAME=[A, B]``."""
