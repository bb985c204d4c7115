"""Gradients of weights whose layer decides, by a mask behind it, which of its inputs count."""

from __future__ import annotations

import pytest

import fanin
from fanin import pipeline
from fanin.signal.rows import rows


@pytest.mark.parametrize("features", [1, 2, 16])
def test_a_relu_is_as_open_for_long_inputs_as_for_short_ones(features: int) -> None:
    """``E x² [w x > 0]`` is ``E x² / 2`` whatever the width: one entry's gradient does not know the length of x."""
    spec = (
        f"model Net()(x: [16, {features}]) {{\n"
        "  return x -> fc: Linear(64, bias=false) -> relu -> head: Linear(8, bias=false)\n}"
    )
    found = fanin.signal(pipeline.check_text(spec).programs[0])
    (_, norm), *_ = found[1].weights
    back = 8 / (3 * 64)  # eight cotangents of variance 1, through weights of variance 1 / (3 · 64)
    assert norm == pytest.approx((16 * back / 2) ** 0.5, rel=1e-6)


@pytest.mark.parametrize("features", [3, 12])
def test_masks_of_two_positions_are_alike_where_their_inputs_are(features: int) -> None:
    """Of all pairs of positions those count whose few inputs point one way, since both units open for them."""
    spec = (
        f"model Net()(x: [4, 16, {features}]) {{\n"
        "  return x -> fc: Linear(256) -> relu -> mean(axis=1) -> head: Linear(64, bias=false)\n}"
    )
    program = pipeline.check_text(spec).programs[0]
    analysis = pipeline.signal(program)
    measured = pipeline.measure(program, analysis, draws=60)
    there, error = measured.weights["fc.weight"]
    (_, norm), *_ = next(row for row in rows(analysis) if row.path == "fc").weights
    assert abs(norm / there - 1) < max(0.04, 3 * error), (norm, there, error)


def test_units_that_are_frozen_have_no_gradient() -> None:
    """Half of them: half of the squares."""
    spec = "model Net()(x: [16, 24]) {{ return x -> fc: Linear(64{}) -> relu -> head: Linear(8) }}"
    norms = []
    for frozen in ("", ", frozen=0.5"):
        program = pipeline.check_text(spec.format(frozen)).programs[0]
        analysis = pipeline.signal(program)
        norms.append(next(row for row in rows(analysis) if row.path == "fc").weights[0][1])
    assert norms[1] == pytest.approx(norms[0] / 2**0.5, rel=1e-12)
    there, error = pipeline.measure(program, analysis, draws=30).weights["fc.weight"]
    assert abs(norms[1] / there - 1) < max(0.06, 3 * error)
