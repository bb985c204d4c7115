"""Attention under a causal mask, where the first positions are read by all: position by position."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

import fanin
from fanin import pipeline
from fanin.signal import resolved
from fanin.signal.analysis import Analysis
from fanin.signal.rows import Row, rows

HEADS = "model Net()(v: [2, 3, 12, 8]) {\n  return scaled_dot_product_attention(0.0 * v, v, v, is_causal=true)\n}"

LAYERS = """
block Layer()(x: [B, T, D]) -> [B, T, D] {
  q, k, v = x -> n1: LayerNorm() -> qkv: Linear(3 * D) -> chunk(3, axis=2)
  q = rearrange(q, "b t (h d) -> b h t d", h=4)
  k = rearrange(k, "b t (h d) -> b h t d", h=4)
  v = rearrange(v, "b t (h d) -> b h t d", h=4)
  y = scaled_dot_product_attention(q, k, v, is_causal=true) -> rearrange("b h t d -> b t (h d)")
  x += y -> out: Linear(D)
  x += x -> n2: LayerNorm() -> up: Linear(2 * D) -> gelu -> down: Linear(D)
  return x
}
model Net()(x: [4, T, 64]) { return x -> layers: 2 * Layer() -> norm: LayerNorm() -> head: Linear(32) }
"""


def analysed(spec: str, **sizes: int) -> Analysis:
    return pipeline.signal(pipeline.check_text(spec).programs[-1], sizes=sizes)


def test_equal_shares_have_the_moments_of_means() -> None:
    """The mean of the first t of independent values has variance 1/t, and covariance 1/max(t, t') with another."""
    found = analysed(HEADS)
    y = found.signal(found.tape.outputs["output"])
    assert y.along is not None  # type: ignore[union-attr]
    t = np.arange(1, 13)
    longer = np.maximum(t[:, None], t[None, :])
    assert y.along.own == pytest.approx(1 / t)  # type: ignore[union-attr]
    off = ~np.eye(12, dtype=bool)
    assert y.along.pairs[1][off] == pytest.approx((1 / longer)[off])  # type: ignore[union-attr]
    assert y.q == pytest.approx(float(np.mean(1 / t)))  # type: ignore[union-attr]


def test_the_gradient_at_a_value_comes_from_all_rows_behind_it() -> None:
    found = analysed(HEADS)
    back = found.gradient(found.tape.inputs["v"])
    assert back is not None and back.along is not None
    t = np.arange(1, 13)
    assert back.along.own == pytest.approx([float(np.sum(1 / t[s:] ** 2.0)) for s in range(12)])


@pytest.mark.slow
def test_a_causal_network_is_as_measured() -> None:
    program = pipeline.check_text(LAYERS).programs[-1]
    analysis = pipeline.signal(program, sizes={"T": 16})
    measured = pipeline.measure(program, analysis, draws=10)
    seen = 0
    for row in rows(analysis):
        there = measured.of(row)
        assert not row.approx, row
        if there is None or row.rms is None or row.grad_std is None or not there.grad:
            continue
        seen += 1
        assert abs(row.rms / there.rms - 1) < max(0.03, 4 * there.rms_error), (row.path, row.rms, there)
        assert abs(row.grad_std / there.grad - 1) < max(0.06, 4 * there.grad_error), (row.path, row.grad_std, there)
        for key, value in row.weights:
            if key.endswith("qkv.weight"):
                norm, error = measured.weights[key]
                assert abs(value / norm - 1) < max(0.06, 4 * error), (key, value, norm)
    assert seen > 10


def test_groups_of_positions_stand_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def with_most(most: int) -> list[Row]:
        monkeypatch.setattr(resolved, "MOST", most)
        resolved.groups.cache_clear()
        resolved.shares.cache_clear()
        return rows(analysed(LAYERS, T=40))

    few, all_ = with_most(16), with_most(40)
    monkeypatch.undo()
    resolved.groups.cache_clear()
    resolved.shares.cache_clear()
    for a, b in zip(few, all_, strict=True):
        assert a.rms == pytest.approx(b.rms, rel=0.02)
        assert a.grad_std == pytest.approx(b.grad_std, rel=0.06)


def test_one_position_reads_itself() -> None:
    found = fanin.signal(pipeline.check_text(HEADS.replace("12", "1")).programs[0])
    assert found[-1].rms == pytest.approx(1.0) and found[0].grad_std == pytest.approx(1.0)


def test_what_takes_positions_together_says_so() -> None:
    """Behind an op that does not go through by position, the mean over positions is what is left."""
    spec = HEADS.replace("is_causal=true)", "is_causal=true) -> softmax(axis=-1)")
    found = fanin.signal(pipeline.check_text(spec).programs[0])
    assert any("averaged" in note for note in found[-1].approx)
    assert found[-1].mean == pytest.approx(1 / 8) and sqrt(1 / 64) < found[-1].rms < 1  # type: ignore[operator]
