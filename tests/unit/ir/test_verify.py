"""The verifier finds what breaks a law of the IR."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from fanin.ir.graph import Graph, ModuleRef, Result, Value
from fanin.ir.types import floats
from fanin.ir.verify import BrokenIR, verify_graph
from tests.unit.analyses.specs import program

SPEC = """
block B(w: int)(x: [N, D]) -> [N, w] { return x -> fc: Linear(w) }
model M()(x: [N, 4]) -> [N, 8] { return x -> a: Linear(6) -> relu -> l: 3 * B(8) }
"""


def swap(graph: Graph, number: int, **changed: Any) -> Graph:
    nodes = list(graph.nodes)
    nodes[number] = replace(nodes[number], **changed)
    return replace(graph, nodes=tuple(nodes))


def other(value: Value) -> Value:
    return Value(value.index, floats(3, 3))


BROKEN: dict[str, tuple[Callable[[Graph], Graph], str]] = {
    "order": (lambda g: replace(g, nodes=g.nodes[::-1]), "used before it is defined"),
    "twice": (lambda g: replace(g, nodes=(*g.nodes, g.nodes[0])), "defined twice"),
    "types": (lambda g: swap(g, 1, outputs=(other(g.nodes[1].outputs[0]),)), "should be [N, 6]"),
    "module": (lambda g: swap(g, 0, module=ModuleRef("b")), "no module `b`"),
    "borrowed": (lambda g: swap(g, 0, module=ModuleRef("a", True)), "borrowed from nobody"),
    "runs": (lambda g: swap(g, 2, count=4), "runs of a repetition of 4"),
    "result": (lambda g: replace(g, results=(Result("", Value(99, floats(1))),)), "%99 is used before"),
    "path": (lambda g: replace(g, children=(*g.children, g.children[0])), "two children"),
    "place": (lambda g: replace(g, places=("z",)), "nothing stands at the place"),
    "name": (lambda g: replace(g, names={77: "h"}), "%77 has a name"),
    "use": (
        lambda g: swap(g, 1, inputs=(other(g.nodes[0].outputs[0]),)),
        "is [N, 6], and used as [3, 3]",
    ),
}


def test_a_good_graph_passes() -> None:
    verify_graph(program(SPEC).graph)


@pytest.mark.parametrize("law", BROKEN)
def test_a_broken_law_is_found(law: str) -> None:
    change, words = BROKEN[law]
    with pytest.raises(BrokenIR) as found:
        verify_graph(change(program(SPEC).graph))
    assert words in str(found.value)
