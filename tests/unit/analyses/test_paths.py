"""Paths: the keys, their order, and that nothing is walked before it is asked for."""

from __future__ import annotations

from itertools import islice

import pytest

from fanin.analyses import paths
from tests.unit.analyses.specs import GPT, RESNET, VGG, program


def keys(text: str) -> list[str]:
    return [entry.key for entry in paths.entries(program(text))]


def test_own_states_stand_before_what_is_in_it_and_parameters_before_buffers() -> None:
    assert keys("""
    model M()(x: [N, 8]) -> [N, 8] {
      buffer table: [8] = zeros
      h = x -> fc: Linear(8)
      param scale: [8] = ones
      return h * scale + table
    }
    """) == ["scale", "table", "fc.weight", "fc.bias"]


def test_what_shares_a_container_stands_together() -> None:
    assert keys("""
    model M()(x: [N, 8]) -> [N, 8] {
      for i in 0..2 { x = x -> layer: Linear(8, bias=false) -> norm: LayerNorm(bias=false) }
      return x
    }
    """) == ["layer.0.weight", "layer.1.weight", "norm.0.weight", "norm.1.weight"]


def test_a_repetition_is_walked_as_far_as_asked() -> None:
    p = program("""
    block B()(x: [N, D]) -> [N, D] { return x -> fc: Linear(D) }
    model M()(x: [N, 4]) -> [N, 4] { return x -> l: 1_000_000 * B() }
    """)
    assert [e.key for e in islice(paths.entries(p), 3)] == ["l.0.fc.weight", "l.0.fc.bias", "l.1.fc.weight"]


def test_equal_places_fold() -> None:
    p = program("""
    block B(w: int)(x: [N, D]) -> [N, w] { return x -> fc: Linear(w) }
    model M()(x: [N, 4]) -> [N, 8] { return x -> l: 5 * B(8) }
    """)
    folded = [(place.path, place.count) for place in paths.walk(p, fold=True)]
    assert folded == [("l", 1), ("l.0", 1), ("l.0.fc", 1), ("l.1", 4), ("l.1.fc", 1)]


def test_a_tie_names_the_parameter_that_it_is() -> None:
    found = {e.key: e.tied for e in paths.entries(program(GPT, depth=1))}
    assert found["lm_head.weight"] == "wte.weight"
    assert [e.key for e in paths.ties(program(GPT, depth=1))] == ["lm_head.weight"]
    assert "lm_head.weight" not in [e.key for e in paths.parameters(program(GPT, depth=1))]


def test_a_tie_to_a_borrowed_module_is_found_through_the_call() -> None:
    p = program("""
    block Head(table: module)(x: [N, D]) { return x -> out: Linear(20, bias=false, weight=table.weight) }
    model M()(i: int[N]) { table = Embedding(20, 8)
      return table(i) -> head: Head(table) }
    """)
    assert {e.key: e.tied for e in paths.entries(p)} == {"table.weight": None, "head.out.weight": "table.weight"}


def test_resolve_goes_through_repetitions_and_blocks() -> None:
    graph = program(RESNET, "ResNet50").graph
    for path in ("conv1", "layer1", "layer1.2", "layer2.3", "layer2.3.conv2", "layer2.0.downsample.0"):
        assert paths.resolve(graph, path) is not None, path
    for path in ("layer1.3", "layer2.4", "nothing", "conv1.0", "layer1.x"):
        assert paths.resolve(graph, path) is None, path


@pytest.mark.parametrize(("text", "name"), [(RESNET, "ResNet18"), (RESNET, "ResNet50"), (VGG, None), (GPT, None)])
def test_keys_and_shapes_are_those_of_the_emitted_module(text: str, name: str | None) -> None:
    pytest.importorskip("torch")
    import fanin

    hyper = {"depth": 2, "vocab": 40, "width": 48} if text is GPT else {"classes": 3}
    net = fanin.loads(text, name, **hyper)
    wanted = [(key, tuple(tensor.shape)) for key, tensor in net.state_dict().items()]
    assert [(e.key, e.type.shape) for e in paths.entries(program(text, name, **hyper))] == wanted
