"""What is found about a spec in a string: by a check, or for some codes by loading or running it."""

from __future__ import annotations

from typing import Any

from fanin.diagnostics.codes import CODES
from fanin.report import Start

# Codes of what a load finds, and whether it has to be allowed to import for that.
AT_LOAD = {"OUT802": False, "OUT803": True}
AT_RUN = {"OUT804"}
AT_EXPORT = {"OUT805", "OUT806"}
AT_START = {id for id in CODES if id.startswith("SIG")}  # what the signal analysis finds
LATER = AT_LOAD.keys() | AT_RUN | AT_EXPORT | AT_START


def findings(text: str, wanted: str) -> list[Any]:
    """The diagnostics of a check, and where ``wanted`` is a code of loading or running, of that."""
    from fanin import pipeline
    from fanin.source import Source

    found = list(pipeline.check_text(text).diagnostics)
    if wanted in AT_START and not found:
        source = Source("<string>", text)
        return list(pipeline.check_source(source, "<string>", None, None, signals=Start(width="width")).diagnostics)
    if wanted in AT_EXPORT and not found:
        source = Source("<string>", text)
        found = list(pipeline.check_source(source, "<string>", None, None, exports=True).diagnostics)
        return [d for d in found if d.code.id == wanted]
    if found or wanted not in AT_LOAD.keys() | AT_RUN:
        return found
    import fanin
    from fanin.report import CheckFailed

    try:
        net = fanin.loads(text, allow_extern=AT_LOAD.get(wanted, True))
    except CheckFailed as failed:
        return list(failed.report.diagnostics)
    return _run(net, wanted, text) if wanted in AT_RUN else []


def _run(net: Any, wanted: str, text: str) -> list[Any]:
    import torch

    from fanin.diagnostics import Diagnostic
    from fanin.source import Source, Span

    try:
        net(torch.full((2, 3), 999))
    except Exception as error:
        if any(wanted in note for note in error.__notes__):
            return [Diagnostic(CODES[wanted], str(error), Span(Source("<string>", text), 0, 0))]
    return []
