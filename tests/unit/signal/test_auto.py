"""`@init(auto)`: every layer gives a second moment of 1 where it stands, by prediction and in the compiled module."""

from __future__ import annotations

import pytest

import fanin
from fanin import pipeline

SPEC = """
@init(auto)
model Net()(x: [8, 3, 16, 16]) {
  x = x -> a: Conv2d(64, 3, padding=1) -> gelu -> max_pool2d(2)
  x = x -> b: Conv2d(64, 3, stride=2, padding=1) -> softplus
  return x -> flatten(1) -> c: Linear(128) -> relu -> head: Linear(10)
}
"""


def test_every_layer_gives_one() -> None:
    program = pipeline.check_text(SPEC).programs[0]
    analysis = pipeline.signal(program)
    found = {r.path: r for r in fanin.signal(program) if r.weights}
    assert list(found) == ["a", "b", "c", "head"]
    assert all(r.rms == pytest.approx(1, rel=1e-4) for r in found.values())
    measured = pipeline.measure(program, analysis, draws=12).modules
    assert all(measured[path].rms == pytest.approx(1, abs=0.1) for path in found)
    net = fanin.loads(SPEC)
    assert not net.get_parameter("a.bias").any()


def test_a_block_that_stands_several_times_has_one_law() -> None:
    spec = """
@init(auto)
model Net()(x: [4, 64]) { return x -> row: 5 * (Linear(64) -> tanh) -> head: Linear(4) }
"""
    found = [r.rms for r in fanin.signal(pipeline.check_text(spec).programs[0]) if r.op == "Linear"]
    assert found[-1] == pytest.approx(1, rel=1e-4)
    # The first of the row sees an input of variance 1, the others what a tanh gave.
    assert all(0.7 < v < 1.5 for v in found[:-1] if v is not None)


def test_a_single_layer_and_what_is_said_nearer_wins() -> None:
    spec = """
@init(auto)
model Net()(x: [4, 64]) {
  return x -> a: Linear(64, init=normal(std=0.01)) -> relu -> b: Linear(64) -> c: Linear(4, init=auto)
}
"""
    rows = {r.path: r.rms for r in fanin.signal(pipeline.check_text(spec).programs[0]) if r.op == "Linear"}
    assert rows["a"] == pytest.approx(0.08) and rows["b"] == pytest.approx(1) and rows["c"] == pytest.approx(1)


def test_behind_what_is_not_known_lecuns_law_stands_in() -> None:
    spec = "@init(auto)\nmodel Net()(x: [4, 8, 8]) { return x -> inv -> a: Linear(16) }"
    program = pipeline.check_text(spec).programs[0]
    law = next(p for p in program.parameters if p.key == "a.weight").start
    assert str(law) == "lecun_normal"
    assert fanin.loads(spec).get_parameter("a.weight").std().item() == pytest.approx(8**-0.5, rel=0.3)


def test_a_parameter_states_its_own_law() -> None:
    spec = "model Net()(x: [N, 4]) { param p: [4] = auto return x + p }"
    assert [d.code.id for d in pipeline.check_text(spec).diagnostics] == ["TYP412"]
