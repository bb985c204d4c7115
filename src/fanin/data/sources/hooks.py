"""``package.module:callable``: Python of the user's own, run because the text asks for it."""

from __future__ import annotations

import importlib
import os
import re
import sys
from typing import Any

from fanin.data.address import Address
from fanin.data.problems import DataFailed, failure, raised
from fanin.diagnostics.codes import DAT001
from fanin.diagnostics.suggest import nearest

CALLABLE = re.compile(r"(?P<module>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)")
_LITERALS = {"true": True, "false": False, "none": None}


def call_hook(address: Address) -> Any:
    """What the callable gives, called with the options: numbers, true, false, none, and texts."""
    found = CALLABLE.fullmatch(address.head)
    assert found
    arguments = {o.key: _literal(o.text) for o in address.options.values()}
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.append(os.getcwd())  # as `python -m` has it
    try:
        value: Any = importlib.import_module(found["module"])
    except ModuleNotFoundError as error:
        if error.name and (found["module"] + ".").startswith(error.name + "."):
            text = f"there is no module `{error.name}`"
            raise failure(DAT001, text, address.span, "not found from this folder") from None
        raise raised(address.head, error, address.span) from error
    except Exception as error:
        raise raised(address.head, error, address.span) from error
    for part in found["name"].split("."):
        if not hasattr(value, part):
            near = nearest(part, [n for n in dir(value) if not n.startswith("_")])
            helps = [f"did you mean `{near}`?"] if near else []
            raise failure(DAT001, f"`{found['module']}` has no `{part}`", address.span, "not in it", helps=helps)
        value = getattr(value, part)
    if not callable(value):
        return value
    try:
        return value(**arguments)
    except DataFailed:
        raise
    except Exception as error:
        raise raised(address.head, error, address.span) from error


def _literal(text: str) -> Any:
    if text in _LITERALS:
        return _LITERALS[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
