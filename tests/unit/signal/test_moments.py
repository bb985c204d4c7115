"""Numbers of one latent: against closed forms, quadrature with 9 digits, and the tables of papers."""

from __future__ import annotations

from collections.abc import Callable
from math import acos, exp, log, pi, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanin.ops.attributes import bind
from fanin.ops.registry import find_op
from fanin.signal import grid
from fanin.signal.rules.linear import log_noise
from fanin.signal.rules.pointwise import derivative
from fanin.signal.rules.reduce import largest
from fanin.signal.rules.softmax import concentration
from fanin.signal.state import make
from fanin.signal.table import white

# E f, E f^2, E f'^2 at a standard normal: adaptive quadrature to 9 digits; gelu, relu, selu and leaky in closed form.
VALUES: dict[str, tuple[dict[str, Any], float, float, float]] = {
    "relu": ({}, 0.398942280, 0.5, 0.5),
    "leaky_relu": ({"negative_slope": 0.2}, 0.319153824, 0.52, 0.52),
    "elu": ({}, 0.160520572, 0.644945417, 0.668102001),
    "selu": ({}, 0.0, 1.0, 1.071574992),
    "gelu": ({}, 1 / (2 * sqrt(pi)), 1 / 3 + 1 / (2 * pi * sqrt(3)), 0.455850866),
    "silu": ({}, 0.206620964, 0.355775520, 0.379482352),
    "mish": ({}, 0.240403888, 0.452342192, 0.479083758),
    "softplus": ({}, 0.806059183, 0.921245909, 0.293379036),
    "sigmoid": ({}, 0.5, 0.293379036, 0.044836241),
    "tanh": ({}, 0.0, 0.394294490, 0.464402902),
    "hardswish": ({}, 0.166216701, 0.331567375, 0.358531517),
    "softsign": ({}, 0.0, 0.183014021, 0.227671340),
    "erf": ({}, 0.0, 0.464559054, 0.569410035),
    "sin": ({}, 0.0, 0.432332358, 0.567667642),
    "exp": ({}, 1.648721271, 7.389056099, 7.389056099),
    "leaky_relu 0.01": ({"negative_slope": 0.01}, 0.394952858, 0.500050000, 0.500050000),
    "gelu tanh": ({"approximate": "tanh"}, 0.282038588, 0.425193711, 0.455817846),
    "hardtanh": ({}, 0.0, 0.516058551, 0.682689492),
}
# E f^4 / (E f^2)^2 - 1; 3 E f'^4 / (E f'^2)^2 - 1; d ln q' / d ln q = E z f f' / E f^2.
FOURTH = {
    "relu": (5.0, 5.0, 1.0),
    "leaky_relu": (4.556213, 4.556213, 1.0),
    "leaky_relu 0.01": (4.998800, 4.998800, 1.0),
    "elu": (2.776022, 2.995051, 0.890968),
    "selu": (1.503140, 2.948590, 0.782648),
    "gelu": (6.215614, 5.265002, 1.144063),
    "gelu tanh": (6.217834, 5.265123, 1.144298),
    "silu": (6.261746, 4.970144, 1.172594),
    "mish": (5.349416, 4.512384, 1.076339),
    "softplus": (1.754529, 3.586699, 0.492053),
    "sigmoid": (0.528900, 2.410930, 0.106341),
    "tanh": (0.627291, 3.750440, 0.461071),
    "hardtanh": (0.613168, 3.394384, 0.385127),
    "hardswish": (6.671016, 5.032065, 1.223920),
    "softsign": (0.587787, 5.409364, 0.476712),
    "erf": (0.559839, 4.0, 0.408567),
    "sin": (0.644493, 3.121468, 0.313035),
    "exp": (53.598150, 162.794450, 2.0),
}


def curve(name: str, given: dict[str, Any] | None = None) -> Callable[[Any], Any]:
    op = find_op(name)
    assert op is not None
    attrs = bind(op.attrs, given or {})
    return lambda x: op.curve(attrs, x)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", VALUES)
def test_moments_of_activations_to_six_digits(name: str) -> None:
    given, first, second, slope = VALUES[name]
    f = curve(name.split()[0], given)
    psi = f(grid.Z)
    assert grid.mean(psi) == pytest.approx(first, abs=2e-6)
    assert grid.square(psi) == pytest.approx(second, rel=2e-6)
    assert grid.square(derivative(f, grid.Z)) == pytest.approx(slope, rel=2e-6)


@pytest.mark.parametrize("name", FOURTH)
def test_fourth_moments_and_slopes_of_the_variance_map(name: str) -> None:
    given = VALUES[name][0]
    f = curve(name.split()[0], given)
    psi, slope = f(grid.Z), derivative(f, grid.Z)
    q, s = grid.square(psi), grid.square(slope)
    kappa_f, kappa_b, change = FOURTH[name]
    assert float(grid.W @ psi**4) / q**2 - 1 == pytest.approx(kappa_f, rel=5e-6)
    assert 3 * float(grid.W @ slope**4) / s**2 - 1 == pytest.approx(kappa_b, rel=5e-6)
    assert float(grid.W @ (grid.Z * psi * slope)) / q == pytest.approx(change, rel=3e-6)


def test_the_scaled_tanh_and_the_squared_relu() -> None:
    psi = 1.7159 * np.tanh(2 * grid.Z / 3)
    assert grid.square(psi) == pytest.approx(0.750430276, rel=1e-6)
    assert grid.square(psi) ** -0.5 == pytest.approx(1.154369454, rel=1e-6)
    squared = np.maximum(grid.Z, 0) ** 2
    assert (grid.mean(squared), grid.square(squared)) == pytest.approx((0.5, 1.5), rel=1e-6)
    slope = 2 * np.maximum(grid.Z, 0)
    assert grid.square(slope) == pytest.approx(2.0, rel=1e-6)
    assert float(grid.W @ squared**4) / 1.5**2 - 1 == pytest.approx(105 / 2 / 2.25 - 1, rel=1e-6)
    assert 3 * float(grid.W @ slope**4) / 4 - 1 == pytest.approx(17, rel=1e-6)


# E f'^2 / Var f: by how much a batch norm behind an activation lets the variance of gradients grow at every layer.
GROWTH = {
    "relu": 1.466942207,
    "gelu": 1.318844971,
    "silu": 1.212081115,
    "leaky_relu": 1.243600134,
    "tanh": 1.177807232,
    "selu": 1.071574992,
    "elu": 1.079013455,
}


@pytest.mark.parametrize("name", GROWTH)
def test_growth_through_a_norm_behind_an_activation(name: str) -> None:
    f = curve(name, VALUES[name][0])
    psi = f(grid.Z)
    found = grid.square(derivative(f, grid.Z)) / (grid.square(psi) - grid.mean(psi) ** 2)
    assert found == pytest.approx(GROWTH[name], rel=2e-6)


def test_the_correlation_map_of_relu() -> None:
    """Cho and Saul 2009; its slope is the share of angles at which both are on."""
    psi = np.maximum(grid.Z, 0) * sqrt(2)
    for r, value in ((0.0, 0.318309886), (0.5, 0.608997781), (0.9, 0.909538399)):
        assert float(grid.pair(psi, r)) == pytest.approx(value, abs=1e-6)
    for r, slope in ((0.5, 2 / 3), (0.9, 0.856433707)):
        assert float(grid.pair_slope(psi, np.array([r]))[0]) == pytest.approx(slope, rel=3e-6 if r < 0.9 else 1e-4)


@pytest.mark.parametrize(
    ("variance", "fixed", "chi"),
    [(1.5, 0.286894, 1.040568), (2.0, 0.617965, 1.105529), (25 / 9, 1.178480, 1.209831), (3.0, 1.345393, 1.238797)],
)
def test_fixed_points_of_tanh(variance: float, fixed: float, chi: float) -> None:
    q = 1.0
    for _ in range(400):
        q = variance * grid.square(np.tanh(sqrt(q) * grid.Z))
    slope = grid.square(1 - np.tanh(sqrt(q) * grid.Z) ** 2)
    assert q == pytest.approx(fixed, rel=3e-6)
    assert variance * slope == pytest.approx(chi, rel=2e-6)


@pytest.mark.parametrize(
    ("variance", "tanh2", "gelu2"), [(0.25, 0.173516143, 0.083506724), (4, 0.635261234, 1.929865016)]
)
def test_moments_at_other_scales(variance: float, tanh2: float, gelu2: float) -> None:
    z = sqrt(variance) * grid.Z
    assert grid.square(curve("tanh")(z)) == pytest.approx(tanh2, rel=1e-6)
    assert grid.square(curve("gelu")(z)) == pytest.approx(gelu2, rel=1e-6)


@given(st.floats(-0.98, 0.999))
def test_pairs_of_relu_are_the_arc_cosine_kernel(r: float) -> None:
    """Cho and Saul 2009, eq. 6, of degree 1."""
    exact = (sqrt(1 - r * r) + r * (pi - acos(r))) / (2 * pi)
    assert grid.pair(np.maximum(grid.Z, 0), r) == pytest.approx(exact, abs=3e-5)


@given(st.floats(0.0, 1.0), st.sampled_from(["relu", "tanh", "gelu", "exp"]))
def test_the_latent_of_a_pair_is_found_again(r: float, name: str) -> None:
    psi = curve(name)(grid.Z)
    assert grid.latent(psi, grid.pair(psi, np.array(r))) == pytest.approx(r, abs=2e-3)


def test_pairs_of_two_functions_and_of_the_exponential_are_exact() -> None:
    psi = np.exp(grid.Z)
    for r in (-0.5, 0.0, 0.3, 0.9):
        assert grid.pair(psi, r) == pytest.approx(exp(1 + r), rel=1e-6)
        assert grid.pair(psi, r, grid.Z) == pytest.approx(r * exp(0.5), rel=1e-6, abs=1e-9)


# The largest of k normals: E, E^2nd; and of k behind a relu.
LARGEST = {
    2: (0.564189584, 1.0),
    3: (0.846284375, 1.275664448),
    4: (1.029375373, 1.551328895),
    9: (1.485013162, 2.562617418),
    16: (1.765991393, 3.413735409),
    49: (2.241189597, 5.239704318),
}
BEHIND = {
    2: (0.681037072, 0.909154943),
    3: (0.888147242, 1.251564638),
    4: (1.045755516, 1.543785012),
    9: (1.485261065, 2.562559128),
    16: (1.765992523, 3.413735250),
    49: (2.241189597, 5.239704318),
}


@pytest.mark.parametrize("count", LARGEST)
def test_the_largest_of_independent_normals(count: int) -> None:
    x = make((4, 16), white((4, 16), 1.0))
    psi, _ = largest(x, count, 0.0)
    assert grid.mean(psi) == pytest.approx(LARGEST[count][0], rel=1e-6)
    assert grid.square(psi) == pytest.approx(LARGEST[count][1], rel=1e-6)
    behind = x.changed(psi=np.maximum(grid.Z, 0))
    psi, _ = largest(behind, count, 0.0)
    assert grid.mean(psi) == pytest.approx(BEHIND[count][0], rel=1e-6)
    assert grid.square(psi) == pytest.approx(BEHIND[count][1], rel=1e-6)


@pytest.mark.parametrize(
    ("count", "values"),
    [
        (4, (0.2937451, 0.3919714, 0.5744140)),
        (16, (0.0781976, 0.1324522, 0.3164505)),
        (64, (0.0199264, 0.0388042, 0.1607351)),
        (256, (0.0050070, 0.0103345, 0.0726657)),
    ],
)
def test_the_concentration_of_a_softmax(count: int, values: tuple[float, ...]) -> None:
    for variance, value in zip((0.25, 1.0, 4.0), values, strict=True):
        assert concentration(count, variance) == pytest.approx(value, rel=1e-5)


def test_the_concentration_of_a_softmax_against_draws() -> None:
    chance = np.random.default_rng(0)
    x = chance.normal(0, 1.5, size=(200_000, 8))
    a = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    for power in (2, 3):
        assert concentration(8, 2.25, power) == pytest.approx(float((a**power).sum(axis=1).mean()), rel=5e-3)
    assert concentration(5, 0.0) == pytest.approx(0.2)
    assert log(concentration(1, 3.0)) == 0


@pytest.mark.parametrize(("units", "exact"), [(2, 4.26525), (5, 2.36227), (10, 0.86673), (16, 0.41959), (64, 0.083)])
def test_what_a_relu_layer_adds_to_the_variance_of_the_logarithm(units: int, exact: float) -> None:
    """Exact values of the mixture of chi-squares; 5 / n is far off below 16 units."""
    assert log_noise(units, 5.0) == pytest.approx(exact, rel=1e-4)
    chance = np.random.default_rng(0)
    x = np.maximum(chance.normal(size=(200_000, units)), 0) ** 2
    total = x.sum(axis=1)
    assert log_noise(units, 5.0) == pytest.approx(float(np.log(total[total > 0]).var()), rel=0.02)
