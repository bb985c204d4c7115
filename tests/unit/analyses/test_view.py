"""The Python side of a program: its parameters, and the view that networkx takes."""

from __future__ import annotations

from math import prod

import networkx

from tests.unit.analyses.specs import GPT, program


def test_parameters_are_there_once() -> None:
    found = program(GPT, depth=2, vocab=40, width=24).parameters
    keys = [p.key for p in found]
    assert keys[0] == "wte.weight" and "lm_head.weight" not in keys and len(set(keys)) == len(keys)
    assert sum(prod(p.type.shape) for p in found) == 40 * 24 + 1024 * 24 + 2 * (12 * 24 * 24 + 13 * 24) + 48


def test_the_view_has_every_node_and_no_cycle() -> None:
    p = program("""
    model M()(x: [N, 8], y: [N, 8]) -> (a: [N, 8], b: [N, 8]) {
      h = relu(x + y) -> fc: Linear(8)
      return h, h * x
    }
    """)
    made = p.to_networkx()
    assert networkx.is_directed_acyclic_graph(made)
    labels = [data["label"] for _, data in made.nodes(data=True)]
    assert labels == ["x", "y", "add", "relu", "Linear", "mul", "a", "b"]
    assert {d["path"] for _, d in made.nodes(data=True) if d.get("path")} == {"fc"}
    assert networkx.has_path(made, "y", ("result", 1))
