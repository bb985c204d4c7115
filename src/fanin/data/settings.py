"""Settings of batches that make no sense, and states of other runs."""

from __future__ import annotations

from typing import Any

from fanin.data.problems import failure, whole
from fanin.diagnostics.codes import DAT009


def bad_size(size: int, name: str) -> Exception:
    """For a batch of no rows."""
    return failure(DAT009, f"a batch has 1 row or more, not {size}", whole("data", name), "")


def same(state: dict[str, Any], own: dict[str, Any], name: str) -> None:
    """The settings of a state are those of the run that goes on. Raises DataFailed."""
    for key, value in own.items():
        if state.get(key, value) == value:
            continue
        text = f"the run that goes on had `{key}` {state[key]}, and here it is {value}"
        if key == "data":
            text = f"the run that goes on had other data than {name} has now"
        helps = ["go on with what it began with, or begin a new run"]
        raise failure(DAT009, text, whole("resume", name), "not the same", helps=helps)
