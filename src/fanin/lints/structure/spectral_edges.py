"""STR632: the spectrum of a graph whose edges are not plain: free-valued, directed or negative.

The eigenvectors of a graph's Laplacian are its Fourier basis where that matrix is symmetric and no weight is below 0:
then its eigenvalues are real, at least 0, and order the basis by frequency. Edges that are there or not, and edges with
a length, are so. What edges are, ``@edges`` says: of an input, or of a binding, which ends what was said before. It is
followed through ops and blocks up to an op on the spectrum (``Op.spectral``), or an input of a block that is said to
have plain edges, as that of std.graph's ``ChebyshevConv`` is. What makes them plain ends it: a sum, product or maximum
with the transpose of directed ones, an op that gives nothing below 0 of signed ones, a distance of free ones. Source:
Shuman et al. 2013, "The emerging field of signal processing on graphs", section II; Defferrard et al. 2016, section 2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from fanin.analyses.reading import called
from fanin.diagnostics.codes import STR632
from fanin.diagnostics.model import Diagnostic, Label
from fanin.ir.graph import Apply, Call, Graph, Node, Repeat, SaidEdges, Value
from fanin.ir.rules import EDGES
from fanin.lints.flow import NEVER_BELOW, written
from fanin.source import Span

Said: TypeAlias = "SaidEdges | None"

_TURNED = frozenset(("transpose", "permute", "rearrange"))
_WITH_TRANSPOSE = frozenset(("add", "mul", "maximum", "minimum", "matmul"))
_HELPS = {
    "directed": "make them the same both ways, `(a + transpose(a, 0, 1)) / 2`, or take a layer that knows a direction",
    "signed": "take their `abs`, or the spectrum of edges above and below 0 apart",
    "free": "make a distance of them and say so, `@edges(distance)`, or take a layer that learns from their features",
}


def check(root: Graph, graphs: Sequence[Graph]) -> Iterator[Diagnostic]:
    """All that the root reaches; ``graphs`` are those."""
    if any(not EDGES[said.kind] for graph in graphs for said in graph.edges):
        run = _Run()
        run.graph(root, (None,) * len(root.ports))
        yield from run.found.values()


class _Run:
    """Kinds of edges that go through graphs; each graph once for what it is given."""

    def __init__(self) -> None:
        self.found: dict[tuple[Span, str], Diagnostic] = {}
        self._known: dict[tuple[Graph, tuple[Said, ...]], tuple[Said, ...]] = {}

    def graph(self, graph: Graph, given: tuple[Said, ...], at: Node | None = None) -> tuple[Said, ...]:
        """What is said of the results; ``at`` is the use of the graph."""
        key = (graph, given)
        if key in self._known and at is None:
            return self._known[key]
        own = {said.value: said for said in graph.edges}
        kinds: dict[int, SaidEdges] = {}
        values = [port.value for port in graph.ports if port.value is not None]
        for value, said in zip(values, given, strict=False):
            declared = own.get(value.index)
            if declared is not None and said is not None and at is not None and EDGES[declared.kind]:
                self._say(at.span, f"an input of `{graph.name}`", said, Label(declared.span, "said to be plain here"))
            _put(kinds, value, declared or said)
        if key not in self._known:
            makers = {v.index: node for node in graph.nodes for v in node.outputs}
            for node in graph.nodes:
                for value, said in zip(node.outputs, self._node(node, kinds, makers), strict=False):
                    _put(kinds, value, own.get(value.index, said))
            results = (r.value for r in graph.results)
            self._known[key] = tuple(kinds.get(v.index) if isinstance(v, Value) else None for v in results)
        return self._known[key]

    def _node(self, node: Node, kinds: dict[int, SaidEdges], makers: dict[int, Node]) -> tuple[Said, ...]:
        inputs = tuple(kinds.get(o.index) if isinstance(o, Value) else None for o in node.inputs)
        first = next((said for said in inputs if said is not None), None)
        if isinstance(node, Call):
            given = tuple(said for said, o in zip(inputs, node.inputs, strict=True) if o is not None)
            return self.graph(node.graph, given, node)
        if isinstance(node, Repeat):
            for run in node.runs:
                if isinstance(run.call, Call):
                    self.graph(run.call.graph, inputs, run.call)
        elif isinstance(node, Apply):
            if node.op.spectral and inputs[0] is not None:
                self._say(node.span, f"`{written(node)}`", inputs[0], Label(inputs[0].span, "said here"))
            elif first is not None and _is_plain(node, first, makers):
                first = None
        else:
            for region, _ in called(node, ()):
                self.graph(region, inputs)
        return (first,) * len(node.outputs)

    def _say(self, span: Span, what: str, said: SaidEdges, label: Label) -> None:
        self.found.setdefault(
            (span, said.kind),
            Diagnostic(
                STR632,
                f"{what} is about the spectrum of a graph, and its edges are said to be {said.kind}",
                span,
                f"{said.kind} edges have no Laplacian with a real spectrum from 0 on",
                (label,),
                helps=(_HELPS[said.kind],),
            ),
        )


def _put(kinds: dict[int, SaidEdges], value: Value, said: Said) -> None:
    """Plain edges need no more to be said of them."""
    if said is not None and not EDGES[said.kind]:
        kinds[value.index] = said


def _is_plain(node: Apply, said: SaidEdges, makers: dict[int, Node]) -> bool:
    """Whether an op makes plain edges of such."""
    name = node.op.name
    if said.kind == "directed":
        return name in _WITH_TRANSPOSE and len(node.inputs) == 2 and _turned(node, makers)
    if said.kind == "signed":
        return name in NEVER_BELOW or node.outputs[0].type.dtype.value == "bool"
    return name == "norm" or type(node.op).__module__.startswith("fanin.ops.distance.")


def _turned(node: Apply, makers: dict[int, Node]) -> bool:
    """Whether one of two inputs is the other with its axes turned round."""
    for one, other in (node.inputs, node.inputs[::-1]):
        maker = makers.get(one.index) if isinstance(one, Value) else None
        if isinstance(maker, Apply) and maker.op.name in _TURNED and maker.inputs[0] == other:
            return True
    return False
