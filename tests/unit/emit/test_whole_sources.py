"""Emitted sources run: loops rolled up, sizes handed on, and the dtype of what is made of whole numbers."""

from __future__ import annotations

import math

import pytest
import torch

import fanin
from fanin import pipeline
from tests.models import program_of
from tests.unit.elaborate.test_training import load


def test_loops_in_loops_over_one_row_are_one_loop() -> None:
    spec = """
        block Layer(w: int)(x: [N, D]) -> [N, w] { return (x + tanh(x)) -> fc: Linear(w) }
        model Net()(x: [N, 4]) {
          at = 0
          for width in [5, 6, 7, 8] {
            for i in 0..3 {
              x = x -> features[at]: Layer(width)
              at += 1
            }
          }
          return x
        }
    """
    program = program_of(spec)
    source = pipeline.source(program)
    assert source.count("for ") - source.count("for _ in") >= 1 and "for feature in self.features:" in source
    net = load(spec)
    x = y = torch.randn(2, 4).double()
    for layer in net.get_submodule("features"):
        y = layer.fc(y + y.tanh())
    torch.testing.assert_close(net(x), y)


def test_a_loop_in_a_loop_that_runs_over_the_same_row_is_written_out() -> None:
    spec = """
        block Layer(w: int)(x: [N, D]) -> [N, w] { return (x + tanh(x)) -> fc: Linear(w) }
        model Net()(x: [N, 4]) {
          at = 0
          for width in [5, 6, 7] {
            for i in 0..3 {
              x = x -> features[at]: Layer(width)
              at += 1
            }
            x = relu(x)
          }
          return x
        }
    """
    net = load(spec)
    x = y = torch.randn(2, 4).double()
    for i, layer in enumerate(net.get_submodule("features")):
        y = layer.fc(y + y.tanh())
        y = y.relu() if i % 3 == 2 else y
    torch.testing.assert_close(net(x), y)


def test_a_size_that_a_function_is_told_is_that_of_each_caller() -> None:
    spec = """
        fn angles(length: int, size: int) -> [length, size] {
          return float(arange(length))[:, none] * float(arange(size))
        }
        fn turn(x: [B, H, T, D]) -> [B, H, T, D] { return x * angles(T, D) }
        model Net()(x: [B, 4, T, 8], y: [B, 2, T, 8]) { return sum(turn(x), axis=1) + sum(turn(y), axis=1) }
    """
    net = load(spec)
    x, y = torch.randn(2, 4, 3, 8).double(), torch.randn(2, 2, 3, 8).double()
    table = torch.arange(3.0).double()[:, None] * torch.arange(8.0).double()
    torch.testing.assert_close(net(x, y), (x * table).sum(1) + (y * table).sum(1))


def test_floats_made_of_whole_numbers_have_the_precision_of_the_module() -> None:
    net = load("model Net()(x: [N, 8]) { return x * exp(-log(10_000) * arange(8) / 3) }")
    x = torch.ones(1, 8).double()
    expected = torch.exp(-math.log(10_000) * torch.arange(8, dtype=torch.float64) / 3)
    torch.testing.assert_close(net(x)[0], expected, rtol=1e-15, atol=0)


def test_a_condition_that_divides_by_a_size_looks_at_it_first() -> None:
    net = fanin.loads('model Net()(x: [H, 3, N]) { return x -> rearrange("a (b z) c -> a z b c", z=H // 3) }')
    assert net(torch.ones(9, 3, 1)).shape == (9, 3, 1, 1)
    for size in (2, 6):
        with pytest.raises(ValueError, match=rf"does not hold for H = {size}"):
            net(torch.ones(size, 3, 1))
