"""What is shown while a system is trained: a bar on a terminal, a line for each validation elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from fanin.cli.output import err, wants_colour

Watch = Callable[[str, Mapping[str, Any]], None]
_PLACE = ("step", "epoch", "stage")


@contextmanager
def progress(quiet: bool) -> Iterator[Watch]:
    """What tells a user of the events of a run, on stderr."""
    if quiet:
        yield _warned(lambda event, known: None)
    elif wants_colour(sys.stderr):
        from fanin.cli.bar import bar

        with bar(measures) as watch:
            yield _warned(watch)
    else:
        yield _warned(_line)


def _warned(watch: Watch) -> Watch:
    """Whatever else is shown, a warning is."""

    def told(event: str, known: Mapping[str, Any]) -> None:
        if event == "warning":
            err(f"warning: {known['text']}\n")
        else:
            watch(event, known)

    return told


def measures(known: Mapping[str, Any]) -> str:
    """``ce 0.123  accuracy 0.98``."""
    return "  ".join(f"{name} {value:.4g}" for name, value in known.items() if name not in _PLACE)


def _line(event: str, known: Mapping[str, Any]) -> None:
    if event == "begin" and known["done"]:
        err(f"goes on from step {known['done']} of {known['steps']}\n")
    elif event == "validation":
        stage = f" {known['stage']}" if known["stage"] else ""
        err(f"epoch {known['epoch']:g}{stage}, step {known['step']}: {measures(known)}\n")
    elif event == "stopped":
        err(f"stopped early at step {known['steps']}: the best weights are back\n")
