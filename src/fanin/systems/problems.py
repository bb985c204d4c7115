"""What can go wrong while a system is trained, in words for whoever trains it."""

from __future__ import annotations


class RunFailed(Exception):
    """A run that cannot begin or go on; its message is for the user, ``help`` what can be done."""

    def __init__(self, message: str, *, help: str = "") -> None:
        super().__init__(message)
        self.help = help

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text}\nhelp: {self.help}" if self.help else text


class StepFailed(RunFailed):
    """A step that could not be taken, or gave what is no number: other settings may do better."""
