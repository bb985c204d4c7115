"""STR622: the label of a branch stands on its first layer alone.

A label names what stands right behind it: in ``x + (x -> branch: Linear(8) -> relu -> Linear(8))`` the second layer is
``linear1``, beside ``branch``, and not ``branch.1``. Brackets around the branch give all of it the name. It is said
where a branch that is added or joined has one label, on the first of several layers; a branch whose layers are all
labelled, or none, says what it means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fanin.analyses.paths import resolve
from fanin.diagnostics.codes import STR622
from fanin.diagnostics.model import Diagnostic, Label
from fanin.ir.graph import Apply, Leaf, ModuleRef, Value
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
        if ref is not None and not ref.borrowed and _has_weights(flow, ref):
            found.append((node, ref.path))
        if sum(isinstance(o, Value) for o in node.inputs) != 1:
            break
        value = node.inputs[0]
    return found[::-1]


def _has_weights(flow: Flow, ref: ModuleRef) -> bool:
    made = resolve(flow.graph, ref.path)
    return isinstance(made, Leaf) and bool(made.weights)


def _is_given(node: Apply) -> bool:
    """Whether its name is the module's own, with a number."""
    assert node.module is not None
    name = node.module.path.split(".")[0]  # in a loop, the turn stands behind it
    return re.fullmatch(rf"{node.op.name.lower()}\d+", name) is not None
