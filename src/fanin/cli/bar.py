"""A progress bar, by rich: imported only where there is a terminal to show it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def bar(measures: Callable[[Mapping[str, Any]], str]) -> Iterator[Callable[[str, Mapping[str, Any]], None]]:
    """Yields what takes the events of a run."""
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as shown:
        task = shown.add_task("training", total=None)

        def watch(event: str, known: Mapping[str, Any]) -> None:
            if event == "begin":
                shown.update(task, total=known["steps"], completed=known["done"])
            elif event == "step":
                stage = f"{known['stage']}  " if known["stage"] else ""
                shown.update(task, completed=known["step"], description=f"{stage}{measures(known)}")
            elif event == "validation":
                console.print(f"epoch {known['epoch']:g}  {measures(known)}", soft_wrap=True)
            elif event == "stopped":
                console.print("stopped early: the best weights are back")

        yield watch
