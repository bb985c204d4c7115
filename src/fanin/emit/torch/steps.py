"""A training step as a method that stops wherever weights are moved: what was measured is yielded there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fanin.emit.torch.expressions import Mapping
from fanin.emit.torch.names import identifier
from fanin.emit.torch.statements import Assign, Do, Lines, Statement, Yield
from fanin.emit.torch.training import program
from fanin.emit.torch.uses import EmitError
from fanin.ir.graph import Draws, Move, Node
from fanin.ops import code as ops
from fanin.ops.code import Function, Name

if TYPE_CHECKING:
    from fanin.emit.torch.forward import Forward


def emit(writer: Forward, node: Node) -> list[Statement]:
    """The statements of a node that acts in a training step."""
    match node:
        case Move():
            measured = tuple((name, writer.tree(value)) for name, value in zip(node.measures, node.inputs, strict=True))
            return [Lines((f"# {_line(node.text)}",)), Yield(Mapping(measured))]
        case Draws():
            return _draws(writer, node)
    raise EmitError(f"`{type(node).__name__.lower()}` is not emitted yet")


def _line(text: str) -> str:
    short = " ".join(text.split())
    short = "".join(c for c in short if c.isprintable())
    return short if len(short) <= 90 else f"{short[:87]}..."


def _draws(writer: Forward, node: Draws) -> list[Statement]:
    like = writer.scope.like()
    state = _helper(writer, "random_state")
    kept, later = identifier(f"draws{node.number}"), identifier(f"later{node.number}")
    now = ops.Call(state, (like,))
    if node.kind == "keep":
        return [Assign((kept,), now)]
    draw = _helper(writer, "draw_from")
    if node.kind == "again":
        return [Assign((later,), now), Do(ops.Call(draw, (Name(kept), like)))]
    return [Do(ops.Call(draw, (Name(later), like)))]


def _helper(writer: Forward, name: str) -> str:
    return writer.scope.helper(Function(name, program(frozenset())[name]))
