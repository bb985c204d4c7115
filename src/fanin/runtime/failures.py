"""An exception inside an emitted model, told in terms of the spec: the line it is from, the path, the shapes.

The exception stays what it is; what is known about it is added as a note, which Python prints below the traceback.
Nothing is worked out before something fails.
"""

from __future__ import annotations

import linecache
import re
from collections.abc import Callable
from types import FrameType, FunctionType, TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from fanin.diagnostics import Diagnostic
from fanin.diagnostics.codes import OUT804
from fanin.diagnostics.render import render
from fanin.ir.graph import Program


def explained(kind: type[nn.Module], program: Program, filename: str) -> None:
    """Have the calls of a model's class explain what fails inside."""
    plain: Callable[..., Any] = kind.__call__

    def call(self: nn.Module, *args: Any, **keywords: Any) -> Any:
        if torch.compiler.is_compiling():
            return plain(self, *args, **keywords)
        try:
            return plain(self, *args, **keywords)
        except Exception as error:
            note = _note(self, program, filename, error)
            if note and note not in getattr(error, "__notes__", ()):
                error.add_note(note)
            raise

    # A code object of its own: `torch.compile` counts by code how often something had to be compiled again.
    own = FunctionType(call.__code__.replace(), call.__globals__, "__call__", None, call.__closure__)
    kind.__call__ = own  # type: ignore[method-assign]


def _note(model: nn.Module, program: Program, filename: str, error: Exception) -> str:
    """What the spec says of the place; empty where the place is none of it."""
    from fanin.emit.torch.writer import emit_origins

    places = _places(error.__traceback__, filename)
    origins = emit_origins(program) if places else {}
    known = [(frame, line, origins[line]) for frame, line in places if line in origins]
    if not known or places[-1][1] not in origins:
        return ""  # a check on entry, which speaks for itself
    frame, line, origin = known[-1]
    headline = f"{type(error).__name__} {_where(model, program, error.__traceback__)}"
    wanted = f"gives {', '.join(map(str, origin.types))}" if origin.types else ""
    notes = [line for line in str(error).strip().split("\n")[:1] if line]
    notes += [f"what came in: {shapes}"] if (shapes := _shapes(frame, linecache.getline(filename, line))) else []
    return render([Diagnostic(OUT804, headline, origin.span, wanted, notes=tuple(notes))]).rstrip()


def _places(traceback: TracebackType | None, filename: str) -> list[tuple[FrameType, int]]:
    """The frames of the emitted source, outer ones first, and the line each is at."""
    found: list[tuple[FrameType, int]] = []
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == filename:
            found.append((traceback.tb_frame, traceback.tb_lineno))
        traceback = traceback.tb_next
    return found


def _where(model: nn.Module, program: Program, traceback: TracebackType | None) -> str:
    """The path of the innermost module of the model that was running."""
    paths = {id(module): path for path, module in model.named_modules()}
    path = ""
    while traceback is not None:
        own = traceback.tb_frame.f_locals.get("self")
        if isinstance(own, nn.Module) and paths.get(id(own)):
            path = paths[id(own)]
        traceback = traceback.tb_next
    return f"in `{path}` of `{program.name}`" if path else f"in `{program.name}`"


def _shapes(frame: FrameType, line: str) -> str:
    """The tensors of the frame that a line of the emitted source names."""
    names = re.findall(r"[A-Za-z_]\w*", line)
    tensors = {name: value for name in names if isinstance(value := frame.f_locals.get(name), Tensor)}
    shown = [f"{name}: {str(t.dtype).removeprefix('torch.')}{list(t.shape)}" for name, t in tensors.items()]
    return ", ".join(shown)
