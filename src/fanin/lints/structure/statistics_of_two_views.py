"""STR614: one batch norm that is applied to several batches in turn, each with statistics of its own.

Where one network is applied to two views of a batch (siamese networks, SimCLR, BYOL) or to real and made samples, a
batch norm in it normalises each by itself: what tells the two batches apart in mean and variance is taken away, the
running statistics follow both by turns, so that evaluation uses statistics that no batch had, and within a view the
samples know of one another, which a contrastive loss can be cheated by. Sources: He et al. 2020, "Momentum contrast",
section 3.3 (shuffling batch norm); Wu and Johnson 2021, "Rethinking 'batch' in BatchNorm", sections 3 and 6. The
views as one batch have one mean and variance. A use that takes what another gave (layers applied again and again) is
another thing, and let pass.
"""

from __future__ import annotations

from collections.abc import Iterator

from fanin.analyses.reading import called, reached
from fanin.diagnostics.codes import STR614
from fanin.diagnostics.model import Diagnostic, Label
from fanin.ir.graph import Apply, Call, Graph, Node, Repeat, Value
from fanin.lints.flow import BATCH_NORMS, Flow


def check(flow: Flow, still: frozenset[str] = frozenset()) -> Iterator[Diagnostic]:
    """``still`` are instances whose statistics nobody trains by, such as a copy that follows another."""
    rows = {n.module.path for n in flow.nodes if isinstance(n, Repeat)}
    uses: dict[str, list[Node]] = {}
    for node in flow.nodes:
        module = getattr(node, "module", None)
        if not isinstance(node, Apply | Call | Repeat) or module is None or module.borrowed or module.path in still:
            continue
        if not (isinstance(node, Call) and node.backwards):
            uses.setdefault(next((r for r in rows if module.path.startswith(f"{r}.")), module.path), []).append(node)
    for nodes in uses.values():
        first, seen = nodes[0], {_given(flow, nodes[0])}
        others: list[Node] = []
        for node in nodes[1:]:
            given = _given(flow, node)
            if given not in seen and not _follows(flow, node, nodes):
                seen.add(given)
                others.append(node)
        norm = _batch_norm(first) if others else None
        if norm is not None:
            yield Diagnostic(
                STR614,
                f"a batch norm sees {len(others) + 1} batches one at a time, each with statistics of its own",
                others[0].span,
                "once more, on another batch",
                (Label(first.span, "the first"), Label(norm.span, "normalises each by itself")),
                helps=("give the network all of them as one batch, `concat(a, b, axis=0)`, and split what comes out, "
                       "or use `GroupNorm(8)`",),
            )  # fmt: skip


def _given(flow: Flow, node: Node) -> tuple[object, ...]:
    """What a use takes; a tensor and what stops its gradient are one batch."""
    found = []
    for operand in node.inputs:
        made = flow.made(operand)
        while isinstance(made, Apply) and made.op.name == "stop_gradient":
            operand = made.inputs[0]
            made = flow.made(operand)
        found.append(operand.index if isinstance(operand, Value) else operand)
    return tuple(found)


def _follows(flow: Flow, node: Node, others: list[Node]) -> bool:
    """Whether a use takes what another use gave: one stack of tied layers, which STR605 and SIG122 speak of."""
    indices = {id(n) for n in others}
    todo, seen = list(node.inputs), set()
    while todo:
        operand = todo.pop()
        if not isinstance(operand, Value) or operand.index in seen:
            continue
        seen.add(operand.index)
        made = flow.made(operand)
        if made is None:
            continue
        if id(made) in indices:
            return True
        todo += made.inputs
    return False


def _batch_norm(node: Node) -> Apply | None:
    """A norm with statistics of a batch in what a node runs."""
    if isinstance(node, Apply):
        return node if node.op.name in BATCH_NORMS else None
    graphs: list[Graph] = [inner for graph, _ in called(node, ()) for inner in reached(graph)]
    ops = [n for graph in graphs for n in graph.nodes if isinstance(n, Apply)]
    if isinstance(node, Repeat):
        ops += [run.call for run in node.runs if isinstance(run.call, Apply)]
        ops += [
            r.call
            for g in graphs
            for n in g.nodes
            if isinstance(n, Repeat)
            for r in n.runs
            if isinstance(r.call, Apply)
        ]
    return next((n for n in ops if n.op.name in BATCH_NORMS), None)
