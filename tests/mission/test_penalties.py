"""Penalties on chosen weights: their gradients, and where they lead, against closed forms.

Rows S106, S107, S108, S109.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import Lasso, Ridge
from torch import Tensor
from torch.nn import functional as F

from fanin.data.opening import open_data
from tests.mission.systems import begun, normal
from tests.unit.systems.runs import twin

PENALISED = """
block Net()(x: [N, 5]) -> [N, 3] {
  return x -> fc1: Linear(8) -> norm: LayerNorm() -> relu -> fc2: Linear(3)
}

fn squares(w: [*S]) -> [] { return sum(w ** 2) }
fn sizes(w: [*S]) -> [] { return sum(abs(w)) }
fn eliminated(w: [*S], small: float = 0.5) -> [] { return sum((w / small) ** 2 / (1 + (w / small) ** 2)) }

system Fit(strength: float = 0.3)(x: [N, 5], label: int[N]) {
  net = Net()
  loss error = cross_entropy(net(x), label)
  loss complexity = sum(map(PENALTY, weights(PATHS)))
  loss whole = error + strength * complexity
  train net on whole with sgd(lr=1.0)
}
"""

BY_HAND = {
    "squares": (lambda w: (w**2).sum(), lambda w: 2 * w),
    "sizes": (lambda w: w.abs().sum(), lambda w: w.sign()),
    "eliminated": (
        lambda w: (4 * w**2 / (1 + 4 * w**2)).sum(),
        lambda w: 8 * w / (1 + 4 * w**2) ** 2,  # 2 w / s² / (1 + w² / s²)², with s = 1/2
    ),
}
PATHS = {
    '"net"': ["fc1.weight", "fc2.weight"],
    '"net.fc2"': ["fc2.weight"],
    '"net.fc1", "net.norm.weight", "net.*.bias"': ["fc1.weight", "fc1.bias", "norm.weight", "norm.bias", "fc2.bias"],
}


@pytest.mark.parametrize("penalty", BY_HAND)
@pytest.mark.parametrize("paths", PATHS)
def test_s106_s109_the_objective_and_its_gradient(penalty: str, paths: str) -> None:
    """One step of descent at rate 1 moves each weight by the error's gradient and the penalty's own, to 1e-7.

    Biases and the gains of norms have no part in it unless they are named.
    """
    training = begun(PENALISED.replace("PENALTY", penalty).replace("PATHS", paths), steps=1)
    own = twin(training)
    x, label = normal(9, 5), torch.arange(9) % 3
    told = training(x, label)
    parameters = dict(own.net.named_parameters())
    value, slope = BY_HAND[penalty]
    error = F.cross_entropy(own.net(x), label)
    cost = sum(value(parameters[name]) for name in PATHS[paths])
    assert float(told["whole"]) == pytest.approx(float((error + 0.3 * cost).detach()), abs=1e-9)
    assert float(told["complexity"]) == pytest.approx(float(cost.detach()), abs=1e-9)
    names = list(parameters)
    moved = dict(training.system.net.named_parameters())
    for name, g in zip(names, torch.autograd.grad(error, [parameters[n] for n in names]), strict=True):
        w = parameters[name].detach()
        wanted = w - g - (0.3 * slope(w) if name in PATHS[paths] else 0.0)
        assert float((moved[name].detach() - wanted).abs().max()) <= 1e-8
    # and autograd agrees with what was written down by hand
    for name in PATHS[paths]:
        (g,) = torch.autograd.grad(value(parameters[name]), parameters[name])
        assert float((g - slope(parameters[name].detach())).abs().max()) <= 1e-8


LINE = """
fn squares(w: [*S]) -> [] { return sum(w ** 2) }
fn sizes(w: [*S]) -> [] { return sum(abs(w)) }
fn eliminated(w: [*S], small: float = 0.1) -> [] { return sum((w / small) ** 2 / (1 + (w / small) ** 2)) }

## Half the sum of squared errors, and a penalty on the weights.
system Fit(strength: float = 1.0)(x: [N, D], y: [N, 1]) {
  net = Linear(1, bias=false, init=zeros)
  loss error = 0.5 * sum((net(x) - y) ** 2)
  loss whole = error + strength * sum(map(PENALTY, weights("net")))
  train net on whole with RULE
}
"""


def line(penalty: str, rule: str) -> str:
    return LINE.replace("PENALTY", penalty).replace("RULE", rule)


def task(name: str) -> tuple[Tensor, Tensor]:
    data = open_data(name)
    return torch.from_numpy(np.array(data["x"])).double(), torch.from_numpy(np.array(data["y"])).double()


def trained(text: str, x: Tensor, y: Tensor, steps: int, **hyper: Any) -> Any:
    training = begun(text, steps=steps, D=x.shape[1], **hyper)
    for _ in range(steps):
        training(x, y)
    return training


@pytest.mark.parametrize("strength", [0.5, 5.0, 50.0])
def test_s107_ridge(strength: float) -> None:
    """Half of λ‖w‖² beside half of the squared errors: w = (XᵀX + λI)⁻¹ Xᵀy, to 1e-6."""
    x, y = task("linear:n=200,dims=5,noise=0.3,seed=1")
    text = line("squares", "lbfgs(max_iter=100, tolerance_grad=1e-12, tolerance_change=1e-15)")
    w = trained(text, x, y, 3, strength=strength / 2).system.net.weight.detach()[0]
    wanted = torch.linalg.solve(x.T @ x + strength * torch.eye(5).double(), x.T @ y)[:, 0]
    assert float((w - wanted).abs().max()) <= 1e-6
    other = Ridge(alpha=strength, fit_intercept=False).fit(x.numpy(), y.numpy()[:, 0]).coef_
    assert float((w - torch.from_numpy(other)).abs().max()) <= 1e-6


def test_s107_weight_decay_is_the_penalty_in_plain_descent_and_not_in_adam() -> None:
    """Coupled decay adds λw to the gradient; adamw takes it off the weights (Loshchilov and Hutter 2019)."""
    x, y = task("linear:n=50,dims=4,seed=2")

    def after(rule: str, strength: float) -> Tensor:
        found: Tensor = trained(line("squares", rule), x, y, 20, strength=strength).system.net.weight.detach()
        return found

    for rule in ("sgd(lr=1e-3{})", "adam(lr=1e-2{})"):
        penalised, decayed = after(rule.format(""), 0.15), after(rule.format(", weight_decay=0.3"), 0.0)
        torch.testing.assert_close(penalised, decayed, rtol=0, atol=1e-12)
    coupled, decoupled = after("adam(lr=1e-2, weight_decay=0.3)", 0.0), after("adamw(lr=1e-2, weight_decay=0.3)", 0.0)
    assert float((coupled - decoupled).abs().max()) > 1e-3


PROXIMAL = """
## The lasso by a step down the error, and then towards zero by a fixed length (Daubechies, Defrise and De Mol 2004).
system Fit(strength: float = 1.0, rate: float = 0.5)(x: [N, D], y: [N]) {
  param w: [D] = zeros
  loss error = 0.5 * sum((x @ w - y) ** 2)
  metric whole = error + strength * sum(abs(w))
  down = w - rate * grad(error, w)
  update w = sign(down) * relu(abs(down) - rate * strength)
}
"""


def test_s108_the_lasso_of_orthonormal_columns_is_a_soft_threshold() -> None:
    """To 1e-5 by sub-gradients at a falling rate, and with zeros that are zeros by the proximal step."""
    x, y = task("orthonormal:n=64,dims=16,active=5,noise=0.1,seed=0")
    y = 10 * y
    torch.testing.assert_close(x.T @ x, torch.eye(16).double(), rtol=0, atol=1e-6)
    plain = (x.T @ y)[:, 0]
    strength = float(plain.abs().sort().values[9])  # ten of the sixteen are to become zero
    wanted = plain.sign() * (plain.abs() - strength).clamp(min=0)
    assert 4 <= int((wanted != 0).sum()) <= 6
    made = begun(PROXIMAL, steps=60, D=16, strength=strength)
    for _ in range(60):
        made(x, y[:, 0])
    w = made.system.w.detach()
    assert float((w - wanted).abs().max()) <= 1e-5
    assert torch.equal(w == 0, wanted == 0)
    text = line("sizes", "sgd(lr=0.5), exponential(factor=0.98)")
    slow = trained(text, x, y, 1000, strength=strength).system.net.weight.detach()[0]
    assert float((slow - wanted).abs().max()) <= 1e-5
    assert not torch.equal(slow == 0, wanted == 0)  # a sub-gradient steps over zero


def test_s108_lasso_as_scikit_learn_has_it() -> None:
    x, y = task("sparse:n=100,dims=20,active=5,noise=0.3,seed=3")
    other = Lasso(alpha=0.1, fit_intercept=False, tol=1e-12, max_iter=100_000).fit(x.numpy(), y.numpy()[:, 0]).coef_
    most = float(torch.linalg.eigvalsh(x.T @ x).max())
    made = begun(PROXIMAL, steps=2000, D=20, strength=0.1 * 100, rate=1 / most)  # its error is a mean over the rows
    for _ in range(2000):
        made(x, y[:, 0])
    w = made.system.w.detach().numpy()
    assert np.abs(w - other).max() <= 1e-6
    assert ((w == 0) == (other == 0)).all() and 0 < (w == 0).sum() < 20


def test_s109_elimination_leaves_more_weights_at_nothing_than_squares() -> None:
    """A teacher of few weights: at the same error on new data, more weights below 0.01."""
    x, y = task("sparse:n=200,dims=40,active=5,noise=0.5,seed=0")
    train, held = slice(0, 60), slice(60, 200)

    def outcome(penalty: str, strength: float) -> tuple[float, int]:
        text = line(penalty, "adam(lr=0.02), cosine")
        w = trained(text, x[train], y[train], 800, strength=strength).system.net.weight.detach()[0]
        return float(((x[held] @ w - y[held][:, 0]) ** 2).mean()), int((w.abs() < 0.01).sum())

    squares = [outcome("squares", s) for s in (0.01, 0.1, 1.0, 5.0)]
    best = min(squares)
    found = [outcome("eliminated", s) for s in (1.0, 3.0)]
    print(f"squares: {squares}; elimination: {found}")
    assert any(error <= best[0] and small > best[1] for error, small in found)
