"""``update``: new values of buffers at the end of a body. Whatever reads one in that body reads the value before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from fanin.emit.torch.control import inline
from fanin.emit.torch.expressions import Tree
from fanin.emit.torch.statements import Assign, Do, If, Statement
from fanin.ir.graph import Node, Read, StateRef, Update, every_node
from fanin.ops import code as ops
from fanin.ops.code import Name

if TYPE_CHECKING:
    from fanin.emit.torch.forward import Forward


class Updates:
    """The updates of one body, in their order."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.nodes = [node for node in nodes if isinstance(node, Update)]
        self.waiting: list[Statement] = []

    def emit(self, writer: Forward, node: Update) -> list[Statement]:
        """In training, a new value. The old tensor stays as it is for whoever has to go back through it."""
        later = self.nodes[self.nodes.index(node) + 1 :]
        target = writer.modules.state(node.state)
        out = held(writer, node.state)
        if any(reads(other, node.state) for other in later):
            new = writer.scope.names.fresh(f"new_{node.state.name}")
            self.waiting.append(Assign((target,), Name(new)))
            target = new

        learned = any(s.kind == "param" and s.name == node.state.name for s in writer.graph.states)

        def finish(found: list[Tree]) -> list[Statement]:
            if learned and node.state.module is None:
                return [Do(ops.Method(Name(f"{target}.data"), "copy_", (found[0],)))]
            return [Assign((target,), ops.Method(found[0], "detach", ()))]

        body = inline(writer, node.graph, [writer.tree(operand) for operand in node.inputs], finish)
        if not later:
            body += self.waiting
        return [*out, If(writer.name(Name("self.training")), tuple(body))]


def held(writer: Forward, state: StateRef) -> list[Statement]:
    """A name for a buffer's value, where the results still want it once the buffer has a new one."""
    out: list[Statement] = []
    for index, read in list(writer.reads.items()):
        if read == state and writer.usage.last.get(index, 0) > writer.position:
            name = writer.scope.names.fresh(f"old_{state.name}")
            out.append(Assign((name,), Name(writer.modules.state(state))))
            writer.vars[index] = Name(name)
            del writer.reads[index]
    return out


def reads(update: Update, state: StateRef) -> bool:
    return any(isinstance(node, Read) and node.state == state for node in every_node(update.graph.nodes))
