"""How a command ends: exit codes, and what is said when it could not do its work."""

from __future__ import annotations

import sys
from typing import Any

from fanin.cli.output import err, write_json
from fanin.report import CheckFailed, NoSuchName, Unreadable

OK, ERRORS, USAGE, BUG = 0, 1, 2, 3
INTERRUPTED, PIPE_CLOSED = 130, 141  # as a shell reports the signals of both
AS_JSON = "fanin.json"  # where click's `meta` keeps whether `--json` was given


class Failure(Exception):
    """Ends the command with exit code 2: what was asked for cannot be done. The message is for the user."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def conclude(error: Exception, *, as_json: bool) -> int:
    """Say what ended the command, and give its exit code."""
    if isinstance(error, CheckFailed):
        from fanin.cli.messages import say

        say(error.report, "json" if as_json else "full", to_stdout=as_json)
        return ERRORS
    if isinstance(error, (Failure, Unreadable, NoSuchName)):
        hint = getattr(error, "hint", "")
        found: dict[str, Any] = {"kind": "usage", "message": str(error), "hint": hint or None}
        if isinstance(error, NoSuchName):
            found |= {"name": error.name, "names": list(error.names)}
        err(f"error: {error}\n" + (f"help: {hint}\n" if hint else ""))
        code = USAGE
    else:
        kept = _keep(error)
        what = f"{type(error).__name__}: {error}".split("\n", 1)[0]
        found = {"kind": "bug", "message": what, "traceback": kept}
        err(f"fanin has a bug: {what}\nYour spec is not to blame. ")
        err(f"Please report it with {kept}, which has the traceback.\n" if kept else "Please report it.\n")
        code = BUG
    if as_json:
        write_json({"ok": False, "error": found})
    return code


def _keep(error: Exception) -> str | None:
    """Write the traceback to a file in the folder for temporary files; None where even that fails."""
    import platform
    import tempfile
    import traceback

    from fanin.cli.version import version

    lines = [
        f"fanin {version()}, Python {platform.python_version()}, {platform.platform()}",
        f"arguments: {sys.argv[1:]!r}",
        "",
        *traceback.format_exception(error),
    ]
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="fanin-bug-", suffix=".txt", delete=False, encoding="utf-8", errors="backslashreplace"
        ) as file:
            file.write("\n".join(lines))
        return file.name
    except OSError:
        return None
