"""What cannot be put into PyTorch, found before anyone asks for the source."""

from __future__ import annotations

from collections.abc import Sequence

from fanin.emit.torch.uses import EmitError
from fanin.emit.torch.walk import reachable, units
from fanin.ir.graph import Graph, Program
from fanin.ir.recipe import Phase


def emission_error(program: Program) -> EmitError | None:
    """Why a program that uses an instance in several ways has no source; other programs are not tried."""
    if is_plain(program.graph):
        return None
    from fanin.emit.torch.writer import emit_source

    try:
        emit_source(program)
    except EmitError as error:
        return error
    return None


def training_error(phases: Sequence[Phase]) -> EmitError | None:
    """The same for the training of a system."""
    from fanin.emit.torch.writer import emit_training

    try:
        emit_training(phases)
    except EmitError as error:
        return error
    return None


def is_plain(root: Graph) -> bool:
    """Whether each instance is used in one way."""
    return all(len(unit.graphs) == 1 for graph in reachable(root) for unit in units(graph))
