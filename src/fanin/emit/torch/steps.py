"""A training step as a method that stops wherever weights are moved: what was measured is yielded there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fanin.emit.torch.expressions import Mapping
from fanin.emit.torch.names import identifier
from fanin.emit.torch.statements import Assign, Do, Lines, Statement, Yield
from fanin.emit.torch.uses import EmitError
from fanin.ir.graph import Draws, Move, Node
from fanin.ops import code as ops
from fanin.ops.code import Function, Name

if TYPE_CHECKING:
    from fanin.emit.torch.forward import Forward

RANDOM_STATE = Function(
    "random_state",
    '''\
def random_state(like: Tensor) -> list[Tensor]:
    """Where the random numbers stand, on the CPU and on the device of a tensor."""
    states = [torch.get_rng_state()]
    return states if like.device.type == "cpu" else [*states, torch.cuda.get_rng_state(like.device)]
''',
)
DRAW_FROM = Function(
    "draw_from",
    '''\
def draw_from(states: list[Tensor], like: Tensor) -> None:
    """Draw random numbers from where they stood."""
    torch.set_rng_state(states[0])
    if len(states) > 1:
        torch.cuda.set_rng_state(states[1], like.device)
''',
)


def emit(writer: Forward, node: Node) -> list[Statement]:
    """The statements of a node that acts in a training step."""
    match node:
        case Move():
            measured = tuple(
                (name, writer.tree(value)) for name, value in zip(node.measures, node.inputs, strict=True)
            )
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
    state = writer.scope.helper(RANDOM_STATE)
    kept, later = identifier(f"draws{node.number}"), identifier(f"later{node.number}")
    now = ops.Call(state, (like,))
    if node.kind == "keep":
        return [Assign((kept,), now)]
    draw = writer.scope.helper(DRAW_FROM)
    if node.kind == "again":
        return [Assign((later,), now), Do(ops.Call(draw, (Name(kept), like)))]
    return [Do(ops.Call(draw, (Name(later), like)))]
