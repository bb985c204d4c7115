"""Where in a spec an exception in a printed training is from."""

from __future__ import annotations

from types import ModuleType

from fanin.diagnostics import Diagnostic
from fanin.diagnostics.codes import OUT804
from fanin.diagnostics.render import render
from fanin.ir.recipe import Phase


def line_of(error: BaseException, module: ModuleType, phases: tuple[Phase, ...]) -> str:
    """The excerpt of the spec for the innermost line of the program that was running; empty where there is none."""
    from fanin.emit.torch.writer import emit_origins

    at, traceback = 0, error.__traceback__
    origins = None
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == module.__file__:
            origins = origins or emit_origins(phases[0].system.program, phases)
            at = traceback.tb_lineno if traceback.tb_lineno in origins else at
        traceback = traceback.tb_next
    if not at or origins is None:
        return ""
    origin = origins[at]
    label = f"gives {', '.join(map(str, origin.types))}" if origin.types else "here"
    text = render([Diagnostic(OUT804, type(error).__name__, origin.span, label)])
    return "\n".join(line for line in text.rstrip().split("\n")[1:])
