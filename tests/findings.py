"""What is found about a spec in a string, for codes that `check` gives and for those that only loading gives."""

from __future__ import annotations

from typing import Any

# Codes of what a load finds, and whether it has to be allowed to import for that.
AT_LOAD = {"OUT802": False, "OUT803": True}


def findings(text: str, wanted: str) -> list[Any]:
    """The diagnostics of a check, and where ``wanted`` is a code of loading, of a load."""
    from fanin import pipeline

    found = list(pipeline.check_text(text).diagnostics)
    if wanted in AT_LOAD and not found:
        import fanin
        from fanin.report import CheckFailed

        try:
            fanin.loads(text, allow_extern=AT_LOAD[wanted])
        except CheckFailed as failed:
            found += failed.report.diagnostics
    return found
