"""STR631: a loss that is not the likelihood of the law that is said of an output.

The law of a target, given the output, decides the loss: minus its log-likelihood. A Gaussian of fixed width gives the
squared error, a Bernoulli or categorical law the cross entropy, a Laplace law the absolute error. Source: Bishop 2006,
section 5.2. Which laws a loss belongs to, it says itself (``Op.likelihood``); one that says nothing is let pass.
"""

from __future__ import annotations

from collections.abc import Iterator

from fanin.analyses.reading import reached
from fanin.diagnostics.codes import STR631
from fanin.diagnostics.model import Diagnostic, Edit, Fix, Label
from fanin.ir.graph import Apply, Call, Graph, Node, Program, SaidLaw, Value
from fanin.lints.flow import MOVES
from fanin.source import Span

_LOSSES = {
    "gaussian": "mse_loss",
    "laplace": "l1_loss",
    "bernoulli": "binary_cross_entropy_with_logits",
    "categorical": "cross_entropy",
    "poisson": "poisson_nll_loss",
}


def check(program: Program) -> Iterator[Diagnostic]:
    yield from check_graph(program.graph)


def check_graph(root: Graph) -> Iterator[Diagnostic]:
    """Every loss below a graph, where some law is said."""
    graphs = reached(root)
    if not any(graph.laws for graph in graphs):
        return
    makers = {id(graph): {v.index: node for node in graph.nodes for v in node.outputs} for graph in graphs}
    for graph in graphs:
        for node in graph.nodes:
            if not isinstance(node, Apply) or not node.op.likelihood or not isinstance(node.inputs[0], Value):
                continue
            said = _said(graph, node.inputs[0], makers)
            if said is not None and said.law not in node.op.likelihood:
                before = makers[id(graph)].get(node.inputs[0].index)
                yield _finding(node, said, isinstance(before, Apply) and before.op.name == "sigmoid")


def _said(graph: Graph, value: Value, makers: dict[int, dict[int, Node]]) -> SaidLaw | None:
    """The law that is said of a value, here or in the block that gave it."""
    while True:
        for said in reversed(graph.laws):
            if said.value == value.index:
                return said
        node = makers.get(id(graph), {}).get(value.index)
        if isinstance(node, Apply) and node.op.name in MOVES and isinstance(node.inputs[0], Value):
            value = node.inputs[0]
        elif isinstance(node, Call) and not node.backwards:
            place = node.outputs.index(value)
            inner = node.graph.results[place].value if place < len(node.graph.results) else None
            if not isinstance(inner, Value):
                return None
            graph, value = node.graph, inner
        else:
            return None


def _finding(node: Apply, said: SaidLaw, squashed: bool) -> Diagnostic:
    name = node.op.name
    wanted = "binary_cross_entropy" if squashed and said.law == "bernoulli" else _LOSSES[said.law]
    belongs = " or ".join(node.op.likelihood)
    at, text = node.span, node.span.text
    start = text.find(name)
    edit = Span(at.source, at.start + start, at.start + start + len(name))
    return Diagnostic(
        STR631,
        f"`{name}` is the loss of a {belongs} law, and this output is said to be {said.law}",
        edit if start >= 0 else at,
        f"a {said.law} law has `{wanted}`",
        (Label(said.span, "said here"),),
        fix=Fix(f"use `{wanted}`", (Edit(edit, wanted),)) if start >= 0 else None,
        helps=() if start >= 0 else (f"use `{wanted}`",),
    )
