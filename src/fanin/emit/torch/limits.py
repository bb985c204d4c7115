"""What cannot be put into PyTorch, found before anyone asks for the source."""

from __future__ import annotations

from fanin.emit.torch.uses import EmitError
from fanin.emit.torch.walk import reachable, units
from fanin.ir.graph import Program


def emission_error(program: Program) -> EmitError | None:
    """Why a program that uses an instance in several ways has no source; other programs are not tried."""
    if all(len(unit.graphs) == 1 for graph in reachable(program.graph) for unit in units(graph)):
        return None
    from fanin.emit.torch.writer import emit_source

    try:
        emit_source(program)
    except EmitError as error:
        return error
    return None
