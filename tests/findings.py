"""What is found about a spec in a string: by a check, or for some codes by loading or running it."""

from __future__ import annotations

from typing import Any

from fanin.diagnostics.codes import CODES
from fanin.report import Start

# Codes of what a load finds, and whether it has to be allowed to import for that.
AT_LOAD = {"OUT802": False, "OUT803": True}
AT_RUN = {"OUT804"}
AT_EXPORT = {"OUT805", "OUT806"}
AT_START = {id for id in CODES if id.startswith("SIG")} | {"CST906"}  # what the signal analysis finds
AT_DATA = {id for id in CODES if id.startswith("DAT")}  # what binding data to a system finds
LATER = AT_LOAD.keys() | AT_RUN | AT_EXPORT | AT_START | AT_DATA


def findings(text: str, wanted: str) -> list[Any]:
    """The diagnostics of a check, and where ``wanted`` is a code of loading or running, of that."""
    from fanin import pipeline
    from fanin.source import Source

    found = list(pipeline.check_text(text).diagnostics)
    if wanted in AT_DATA and all(d.severity == "advice" for d in found):
        return _bind(text, wanted)
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


def _bind(text: str, wanted: str) -> list[Any]:
    """What a system says of the data that the first line of its spec names, as for the command line."""
    import shlex
    from unittest.mock import patch

    from fanin import pipeline
    from fanin.data import DataFailed, bind, open_data
    from fanin.source import Source

    words = shlex.split(text.partition("\n")[0].removeprefix("#"))
    assert words[0] == "--data", "a spec of a DAT page begins with `# --data SOURCE`"
    mapping = dict(word.split("=") for flag, word in zip(words[2::2], words[3::2], strict=True) if flag == "--map")
    program = pipeline.elaborate_source(Source("<string>", text), "<string>", "Fit", None)
    missing: dict[str, Any] = {"sklearn": None} if wanted == "DAT010" else {}
    try:
        with patch.dict("sys.modules", missing):
            bind(open_data(words[1]), program.inputs, mapping, program.requirements)
    except DataFailed as failed:
        return list(failed.report.diagnostics)
    return []


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
