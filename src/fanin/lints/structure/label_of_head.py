"""STR622: the label of a branch stands on its first layer alone.

A label names what stands right behind it: in ``x + (x -> branch: Linear(8) -> relu -> Linear(8))`` the second layer is
``linear1``, beside ``branch``, and not ``branch.1``. Brackets around the branch give all of it the name. It is said where
a residual branch, or one that is joined, has one label, on the first of several layers; a branch whose layers are all
labelled, or none, says what it means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fanin.diagnostics.codes import STR622
from fanin.diagnostics.model import Diagnostic, Label
from fanin.ir.graph import Apply, ModuleRef, Node, Value
from fanin.lints.flow import Flow

_JOINS = ("add", "concat", "mul", "sub")


def check(flow: Flow) -> Iterator[Diagnostic]:
    for node in flow.named(*_JOINS):
        for operand in node.inputs:
            branch = _branch(flow, operand) if isinstance(operand, Value) else []
            if len(branch) < 2:
                continue
            (first, label), *rest = branch
            if _is_given(first) or not all(_is_given(layer) for layer, _ in rest):
                continue
            own = rest[-1][1]
            yield Diagnostic(
                STR622,
                f"`{label}` is the first layer of this branch alone: another is `{own}`",
                first.span,
                f"`{label}` names this",
                (Label(rest[-1][0].span, f"is `{own}`"),),
                helps=(f"put the branch in brackets: `{label}: (… -> …)`",),
            )


def _branch(flow: Flow, operand: Value) -> list[tuple[Apply, str]]:
    """The layers with weights in a row that ends here and that nothing else reads, the first one first."""
    found: list[tuple[Apply, str]] = []
    value: object = operand
    while isinstance(value, Value):
        node = flow.maker(value)
        if node is None or len(flow.readers(node)) != 1 or value.index in flow.graph.names:
            break
        ref: ModuleRef | None = node.module
        if ref is not None and not ref.borrowed and node.op.params(node.attrs, *_types(node)):
            found.append((node, ref.path))
        if sum(isinstance(o, Value) for o in node.inputs) != 1:
            break
        value = node.inputs[0]
    return found[::-1]


def _types(node: Node) -> list[object]:
    return [None if o is None else o.type for o in node.inputs]


def _is_given(node: Apply) -> bool:
    """Whether its name is the module's own, with a number."""
    assert node.module is not None
    return re.fullmatch(rf"{node.op.name.lower()}\d+", node.module.path) is not None
