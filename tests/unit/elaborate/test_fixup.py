"""`init=fixup`: the formula of Zhang et al. 2019, section 3."""

from __future__ import annotations

import pytest
import torch

from fanin import pipeline
from tests.unit.elaborate.test_training import load

NET = """
    block Branch(w: int)(x: [N, D]) -> [N, D] {
      return x -> fc1: Linear(w) -> relu -> inner: (Linear(w) -> relu) -> fc2: Linear(D)
    }
    @init(linear=fixup, bias=zeros)
    model Net()(x: [N, 400]) -> [N, 10] {
      x = x -> stem: Linear(400)
      for i in 0..4 { x += x -> layer: Branch(400) }
      x = x -> rest: 6 * Residual(Branch(400))
      return x -> head: Linear(10)
    }
    block Residual(body: module)(x: [N, D]) -> [N, D] { return x + (x -> body) }
"""


def test_the_laws_are_those_of_the_paper() -> None:
    net = load(NET)
    he = (2 / 400) ** 0.5
    scale = 10 ** (-1 / (2 * 3 - 2))  # ten branches of three layers
    for branch in [*net.get_submodule("layer"), *(r.body for r in net.get_submodule("rest"))]:
        for fc in (branch.fc1, branch.inner[0]):
            assert fc.weight.std().item() == pytest.approx(he * scale, rel=0.01)
        assert not branch.fc2.weight.any() and not branch.fc1.bias.any()
    assert net.get_parameter("stem.weight").std().item() == pytest.approx(he, rel=0.01)
    assert not net.get_parameter("head.weight").any()
    x = torch.randn(3, 400).double()
    torch.testing.assert_close(net.get_submodule("rest")(x), x)


def test_it_can_be_said_of_one_block_or_layer() -> None:
    net = load("""
        block Branch(w: int)(x: [N, D]) -> [N, D] { return x -> fc1: Linear(w) -> relu -> fc2: Linear(D) }
        model Net()(x: [N, 400]) -> [N, 10] {
          x += x -> a: Branch(400, init=fixup)
          x += x -> b: Branch(400, init=fixup)
          return x -> head: Linear(10)
        }
    """)
    assert net.get_parameter("b.fc1.weight").std().item() == pytest.approx((2 / 400 / 2) ** 0.5, rel=0.01)
    assert not net.get_parameter("a.fc2.weight").any() and net.get_parameter("head.weight").any()


def test_a_parameter_has_no_depth() -> None:
    report = pipeline.check_text("model Net()(x: [N, 4]) { param s: [4] = fixup return x * s }")
    assert [d.code.id for d in report.diagnostics] == ["TYP412"]
