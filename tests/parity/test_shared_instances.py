"""One instance used on inputs of several sizes, ranks or numbers: one `forward` that is right for all of them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import fanin
from tests.parity.interpreter import run
from tests.unit.emit.specs import program_of, source_of

ATTENTION = """
block Attention(heads: int)(x: [B, T, D]) -> [B, T, D] {
  q = x -> q: Linear(D) -> reshape(B, T, heads, D / heads) -> transpose(1, 2)
  return (q -> transpose(1, 2) -> reshape(B, T, D)) + float(arange(T))[:, none] / T
}
block Layer(heads: int)(x: [B, T, D]) -> [B, T, D] { return x -> attn: Attention(heads) -> relu }
"""

SPECS = {
    "fixed sizes": (
        ATTENTION
        + """
model M()(left: [B, 5, 8], right: [B, 7, 8]) -> [B, 8] {
  layer = Layer(2)
  return sum(layer(left), axis=1) + sum(layer(right), axis=1)
}""",
        ([3, 5, 8], [3, 7, 8]),
    ),
    "fixed and open sizes": (
        ATTENTION
        + """
model M()(left: [B, 5, 8], right: [B, T, 8], other: [B, S, 8]) -> [B, 8] {
  layer = Layer(2)
  return sum(layer(left), axis=1) + sum(layer(right), axis=1) * sum(layer(other), axis=1)
}""",
        ([3, 5, 8], [3, 4, 8], [3, 6, 8]),
    ),
    "a repetition": (
        ATTENTION
        + """
model M()(left: [B, 5, 8], right: [B, 7, 8]) -> [B, 8] {
  layers = 3 * Layer(2)
  return sum(layers(left), axis=1) + sum(layers(right), axis=1)
}""",
        ([3, 5, 8], [3, 7, 8]),
    ),
    "a module handed over": (
        ATTENTION
        + """
block Twice(layer: module)(x: [B, T, D]) -> [B, T, D] { return x -> layer -> layer }
model M()(left: [B, 5, 8], right: [B, 7, 8]) -> [B, 8] {
  twice = Twice(Layer(2))
  return sum(twice(left), axis=1) + sum(twice(right), axis=1)
}""",
        ([3, 5, 8], [3, 7, 8]),
    ),
    "sizes that need arithmetic": (
        """
block Half()(x: [B, T, D]) -> [B, D] {
  y = x -> l: Linear(D) -> reshape(B, 2 * T, D / 2)
  return y[:, :T] -> reshape(B, T * D / 2) -> reshape(B, T / 2, D) -> sum(axis=1)
}
model M()(left: [B, 6, 8], right: [B, 10, 8]) -> [B, 8] {
  halved = Half()
  return halved(left) + halved(right)
}""",
        ([3, 6, 8], [3, 10, 8]),
    ),
    "numbers that are no sizes": (
        """
block Mean()(x: [B, T, D]) -> [B, D] { return (x -> l: Linear(D) -> sum(axis=1)) / sqrt(T) }
model M()(left: [B, 6, 8], right: [B, 10, 8]) -> [B, 8] {
  mean = Mean()
  return mean(left) + mean(right)
}""",
        ([3, 6, 8], [3, 10, 8]),
    ),
    "an optional input": (
        """
block Masked()(x: [B, D], mask: [B, D]?, bias: [D]?) -> [B, D] {
  h = x -> l: Linear(D)
  if mask != none { h = h * mask }
  if bias != none { h = h + bias }
  return relu(h)
}
model M()(x: [B, 4], mask: [B, 4], bias: [4]) -> [B, 4] {
  masked = Masked()
  return masked(x) + masked(x, mask) + masked(x, none, bias)
}""",
        ([3, 4], [3, 4], [4]),
    ),
    "ranks": (
        """
block Pool()(x: [*S, D]) -> [D] { return x -> l: Linear(D) -> flatten(0, -2) -> mean(axis=0) }
model M()(x: [B, 4], many: [B, 2, 4], more: [B, T, 2, 4]) -> [4] {
  pool = Pool()
  return pool(x) + pool(many) * pool(more)
}""",
        ([3, 4], [3, 2, 4], [3, 5, 2, 4]),
    ),
    "a composition": (
        """
model M()(left: [B, 5, 8], right: [B, 7, 8]) -> [B, 8] {
  net = (Linear(8) -> relu -> Linear(8))
  return sum(net(left), axis=1) + sum(net(right), axis=1)
}""",
        ([3, 5, 8], [3, 7, 8]),
    ),
}


@pytest.mark.parametrize("name", SPECS)
def test_each_use_computes_its_own_graph(name: str) -> None:
    spec, shapes = SPECS[name]
    program, model = program_of(spec), fanin.loads(spec).double().eval()
    torch.manual_seed(0)
    inputs = [torch.randn(shape, dtype=torch.double) for shape in shapes]
    (ours,) = [model(*inputs)]
    (theirs,) = run(program, model, *inputs)
    assert isinstance(ours, Tensor)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", SPECS)
def test_there_is_one_class_for_one_instance(name: str) -> None:
    text = source_of(SPECS[name][0])
    classes = [line for line in text.split("\n") if line.startswith("class ")]
    assert len(classes) == len({line.rstrip("0123456789") for line in classes})


def test_sizes_that_differ_are_read_off_the_input() -> None:
    text = source_of(SPECS["fixed sizes"][0])
    assert "B, T, _ = x.shape" in text
    assert "reshape(B, T, self.heads, self.dim // self.heads)" in text
    assert "[B, T, dim] -> [B, T, dim]" in text


def test_an_optional_input_that_is_not_always_given_is_a_default() -> None:
    text = source_of(SPECS["an optional input"][0])
    assert "mask: Tensor | None = None, bias: Tensor | None = None" in text
    assert "self.masked(x, None, bias)" in text
