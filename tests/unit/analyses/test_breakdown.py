"""The rows of a model: they add up, equal neighbours are one, and what is shared counts once."""

from __future__ import annotations

from math import prod

import pytest

from fanin.analyses import cost
from fanin.analyses.breakdown import Part, breakdown
from fanin.analyses.conditions import example_sizes, explained
from fanin.ir.conditions import holds
from fanin.ir.dims import Dim
from tests.unit.analyses.specs import GPT, RESNET, VGG, VIT, program


def rows(text: str, name: str | None = None, depth: int | None = None) -> dict[str, Part]:
    return {part.path: part for part in breakdown(program(text, name), depth)}


@pytest.mark.parametrize(("text", "name"), [(RESNET, "ResNet18"), (RESNET, "ResNet50"), (VGG, None), (GPT, None)])
def test_the_first_level_adds_up(text: str, name: str | None) -> None:
    p = program(text, name)
    top = list(breakdown(p, 1))
    assert {part.level for part in top} == {1}
    assert sum(part.weights.parameters for part in top) == cost.parameters(p)
    assert sum((part.flops for part in top), 0) == cost.flops(p)


@pytest.mark.parametrize(("text", "name"), [(RESNET, "ResNet50"), (VGG, None), (VIT, None)])
def test_the_leaves_add_up(text: str, name: str | None) -> None:
    p = program(text, name)
    parts = list(breakdown(p))
    inner = {part.path.rpartition(".")[0] for part in parts}
    leaves = [part for part in parts if part.path not in inner]
    own = sum(prod(s.type.shape) for s in p.graph.states if s.kind == "param")
    assert sum(part.weights.parameters for part in leaves) + own == cost.parameters(p)


def test_equal_neighbours_are_one_row_that_stands_for_all() -> None:
    found = rows(GPT)
    assert found["h.0–11"].count == 12
    assert found["h.0–11"].weights.parameters == 85_054_464
    assert found["h.0–11.mlp.c_fc"].weights.parameters == 12 * (768 * 3072 + 3072)


def test_turns_of_a_loop_fold_like_places() -> None:
    found = rows("model M()(x: [N, 8]) -> [N, 8] { for i in 0..5 { x = x -> l: Linear(8) }\n return x }")
    assert list(found) == ["l.0–4"]
    assert str(found["l.0–4"].flops) == "640 * N"


def test_a_shared_block_does_its_work_each_time() -> None:
    found = rows("""
    block B()(x: [N, D]) -> [N, 8] { return x -> fc: Linear(8) }
    model M()(x: [N, 8], y: [K, 8]) -> [N, 8] { b = B()
      return b(x) + mean(b(y)) }
    """)
    assert (found["b"].uses, found["b.fc"].uses) == (2, 2)
    assert found["b"].weights.parameters == found["b.fc"].weights.parameters == 72
    total: Dim = found["b.fc"].flops
    assert str(total) == str(found["b"].flops) == "128 * K + 128 * N"


def test_types_are_in_the_letters_of_the_model() -> None:
    found = rows(RESNET, "ResNet50")
    assert str(found["layer4.1–2.conv2"].outputs[0]) == "[N, 512, ceildiv(H, 32), ceildiv(W, 32)]"


def test_depth_ends_the_walk() -> None:
    assert list(rows(GPT, None, 1)) == ["wte", "wpe", "h.0–11", "ln_f", "lm_head"]


def test_each_condition_has_a_size_that_meets_it_and_one_that_breaks_it() -> None:
    p = program("""
    model M()(x: [N, 3, H, W]) -> [N, H / 4, W] {
      assert N <= 100, "a small batch"
      return zeros(N, H / 4, W)
    }
    """)
    found = explained(p)
    assert [str(one.condition) for one in found] == ["N <= 100", "H % 4 == 0"]
    for one in found:
        assert one.met is not None and holds(one.condition, one.met)
        assert one.broken is not None and not holds(one.condition, one.broken)


def test_example_sizes_are_those_of_an_expect_and_meet_the_conditions() -> None:
    p = program("""
    model M()(x: [N, 3, H]) -> [N, 3, H / 7] {
      expect flops(x=[2, 3, 21]) < 5
      return zeros(N, 3, H / 7)
    }
    """)
    sizes = example_sizes(p)
    assert sizes is not None and {s.name: n for s, n in sizes.items()} == {"N": 2, "H": 21}
    other = example_sizes(program("model M()(x: [N, 3, H]) -> [N, 3, H / 7] { return zeros(N, 3, H / 7) }"))
    assert other is not None and all(n % 7 == 0 for s, n in other.items() if s.name == "H")
