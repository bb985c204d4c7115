"""Repairs: changes of a spec's text that give its network a better start. Each file is one repair, named as it is."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fanin.repairs.case import Repair

_HELPERS = {
    "__init__",
    "attributes",
    "branches",
    "case",
    "chosen",
    "copied",
    "laws",
    "places",
    "roles",
    "run",
    "scale_branches",
}


def names() -> tuple[str, ...]:
    """The repairs that there are."""
    files = os.listdir(os.path.dirname(__file__))
    return tuple(sorted(f[:-3] for f in files if f.endswith(".py") and f[:-3] not in _HELPERS))


def find(name: str) -> Repair | None:
    """The repair of a name."""
    if name not in names():
        return None
    found: Repair = importlib.import_module(f"fanin.repairs.{name}").repair
    return found
