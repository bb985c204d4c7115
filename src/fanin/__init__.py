"""fanin: a small language for neural-network architectures, and the compiler behind it.

Importing the package imports nothing but names; each function imports what it needs.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fanin import passes as passes
    from fanin import probe as probe
    from fanin.api import (
        check,
        couplings,
        draw,
        elaborate,
        export,
        load,
        loads,
        prune,
        repair,
        resume,
        search,
        shrink,
        signal,
        source,
        train,
        training,
    )
    from fanin.report import CheckFailed, NoSuchName, Report, Unreadable

__version__ = "0.1.0"

__all__ = [
    "CheckFailed",
    "NoSuchName",
    "Report",
    "Unreadable",
    "__version__",
    "check",
    "couplings",
    "draw",
    "elaborate",
    "export",
    "load",
    "loads",
    "prune",
    "repair",
    "resume",
    "search",
    "shrink",
    "signal",
    "source",
    "train",
    "training",
]

_PACKAGES = frozenset({"data", "passes", "probe"})
_REPORT = frozenset({"CheckFailed", "NoSuchName", "Report", "Unreadable"})
_API = frozenset(__all__) - _REPORT - {"__version__"}


class _Package(ModuleType):
    """The package as a module whose functions stay functions.

    Importing ``fanin.elaborate`` or ``fanin.source`` would put the module in the place of the function of that name.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _API and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name in _API:
        from fanin import api

        return getattr(api, name)
    if name in _REPORT:
        from fanin import report

        return getattr(report, name)
    if name in _PACKAGES:
        from importlib import import_module

        return import_module(f"fanin.{name}")
    raise AttributeError(f"module 'fanin' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
