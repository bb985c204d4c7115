"""Optimisers, rules written as expressions, and schedules, against torch.optim and loops by hand.

Rows S115, S116, S117, S118, S119, S136.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from torch import Tensor
from torch.nn import functional as F

from fanin.cli.app import App
from fanin.ir.rules import OPTIMISERS
from fanin.systems.run import RunWarning
from tests.mission.specs import trained
from tests.mission.systems import apart, begun, normal
from tests.unit.systems.runs import twin

STEPS = 50

NET = """
block Net()(x: [N, 5]) -> [N, 3] { return x -> fc1: Linear(8) -> tanh -> fc2: Linear(3) }

system Fit()(x: [N, 5], label: int[N]) {
  net = Net()
  loss ce = cross_entropy(net(x), label)
  train net on ce with RULE
}

system Matrices()(x: [N, 5], label: int[N]) {
  net = Net()
  loss ce = cross_entropy(net(x), label)
  train net.fc1.weight, net.fc2.weight on ce with RULE
}
"""

Rule = Callable[[list[Tensor]], torch.optim.Optimizer]

RULES: dict[str, Rule] = {
    "sgd(lr=0.1)": lambda w: torch.optim.SGD(w, 0.1),
    "sgd(lr=0.1, momentum=0.9)": lambda w: torch.optim.SGD(w, 0.1, momentum=0.9),
    "sgd(lr=0.1, momentum=0.9, dampening=0.5, weight_decay=0.01)": lambda w: torch.optim.SGD(
        w, 0.1, momentum=0.9, dampening=0.5, weight_decay=0.01
    ),
    "sgd(lr=0.1, momentum=0.9, nesterov=true)": lambda w: torch.optim.SGD(w, 0.1, momentum=0.9, nesterov=True),
    "rmsprop(lr=0.01)": lambda w: torch.optim.RMSprop(w, 0.01, alpha=0.99),
    "rmsprop(lr=0.01, alpha=0.9)": lambda w: torch.optim.RMSprop(w, 0.01, alpha=0.9),
    "rmsprop(lr=0.01, alpha=0.9, momentum=0.9, centered=true, weight_decay=0.01)": lambda w: torch.optim.RMSprop(
        w, 0.01, alpha=0.9, momentum=0.9, centered=True, weight_decay=0.01
    ),
    "rprop(lr=0.01)": lambda w: torch.optim.Rprop(w, 0.01),
    "rprop(lr=0.05, etas=(0.4, 1.3), step_sizes=(1e-4, 0.5))": lambda w: torch.optim.Rprop(
        w, 0.05, etas=(0.4, 1.3), step_sizes=(1e-4, 0.5)
    ),
    "adam(lr=0.01)": lambda w: torch.optim.Adam(w, 0.01),
    "adam(lr=0.01, betas=(0.5, 0.99), weight_decay=0.1, amsgrad=true)": lambda w: torch.optim.Adam(
        w, 0.01, betas=(0.5, 0.99), weight_decay=0.1, amsgrad=True
    ),
    "adamw(lr=0.01)": lambda w: torch.optim.AdamW(w, 0.01),
    "adamax(lr=0.01)": lambda w: torch.optim.Adamax(w, 0.01),
    "nadam(lr=0.01, decoupled_weight_decay=true, weight_decay=0.1)": lambda w: torch.optim.NAdam(
        w, 0.01, decoupled_weight_decay=True, weight_decay=0.1
    ),
    "radam(lr=0.01)": lambda w: torch.optim.RAdam(w, 0.01),
    "adagrad(lr=0.1, lr_decay=0.01)": lambda w: torch.optim.Adagrad(w, 0.1, lr_decay=0.01),
    "adadelta(lr=1.0)": lambda w: torch.optim.Adadelta(w, 1.0),
    "adafactor(lr=0.05)": lambda w: torch.optim.Adafactor(w, 0.05),
    "asgd(lr=0.1, t0=20)": lambda w: torch.optim.ASGD(w, 0.1, t0=20),
    "lbfgs(lr=0.5, max_iter=4)": lambda w: torch.optim.LBFGS(w, 0.5, max_iter=4),
}


def batches() -> list[tuple[Tensor, Tensor]]:
    draw = torch.Generator().manual_seed(1)
    return [(normal(8, 5, seed=i), torch.randint(3, (8,), generator=draw)) for i in range(STEPS)]


def trajectory(name: str, rule: str, reference: Rule, targets: tuple[str, ...]) -> float:
    """Train both for fifty steps, and give the largest difference on the way."""
    training = begun(NET.replace("RULE", rule), name, steps=STEPS)
    own = twin(training)
    parameters = dict(own.named_parameters())
    weights = [parameters[target] for target in targets]
    optimiser = reference(weights)
    found = 0.0
    for x, label in batches():

        def closure(x: Tensor = x, label: Tensor = label) -> Tensor:
            optimiser.zero_grad()
            loss = F.cross_entropy(own.net(x), label)
            loss.backward()
            return loss

        training(x, label)
        optimiser.step(closure)  # type: ignore[arg-type]
        found = max(found, apart(training.system, own))
    assert training.done
    return found


@pytest.mark.parametrize("rule", RULES)
def test_s115_s119_optimisers_go_the_way_of_pytorchs(rule: str) -> None:
    """S115, S116, S118 and S119 among them: fifty steps, to 1e-7."""
    targets = ("net.fc1.weight", "net.fc1.bias", "net.fc2.weight", "net.fc2.bias")
    assert trajectory("Fit", rule, RULES[rule], targets) <= 1e-7


def test_s115_s119_muon_moves_matrices_as_pytorchs() -> None:
    def reference(w: list[Tensor]) -> torch.optim.Optimizer:
        return torch.optim.Muon(w, lr=0.01, weight_decay=0.05)  # type: ignore[arg-type]

    targets = ("net.fc1.weight", "net.fc2.weight")
    # Newton-Schulz runs in bfloat16, the same on both sides
    assert trajectory("Matrices", "muon(lr=0.01, weight_decay=0.05)", reference, targets) <= 1e-7


def test_s115_s119_every_optimiser_is_held() -> None:
    """Sparse ones need gradients that are sparse; lars and lamb are held by loops in the tests of systems."""
    held = {rule.split("(")[0] for rule in RULES} | {"muon"}
    assert set(OPTIMISERS) - held == {"sparseadam", "lars", "lamb"}


# --------------------------------------------------------------------------------------- a bowl that is hard to go down

BOWL = """
## An ellipse of which one axis is a thousand times as steep as the other.
system Bowl()(curvature: [2]) {
  param w: [2] = ones
  loss e = 0.5 * sum(curvature * w ** 2)
  train w on e with RULE
}
"""

SIGNS = """
system Signs(size: float = 1e-3)(curvature: [2]) {
  param w: [2] = ones
  loss e = 0.5 * sum(curvature * w ** 2)
  update w = w - size * sign(grad(e, w))
}
"""

CURVATURE = torch.tensor([1.0, 1000.0], dtype=torch.float64)


def steps_down(training: Any, most: int, to: float = 1e-3) -> int:
    """How many steps until all of it is as near to the minimum as that."""
    for step in range(1, most + 1):
        training(CURVATURE)
        if float(training.system.w.detach().abs().max()) <= to:
            return step
    return most + 1


def test_s115_momentum_by_hand_and_down_a_bowl() -> None:
    """629 steps, and plain descent is not there after 3,000 at the same rate nor at the best one."""
    rate, share = 1e-3, 0.9
    training = begun(BOWL.replace("RULE", f"sgd(lr={rate}, momentum={share})"), steps=3000)
    w, v = torch.ones(2).double(), torch.zeros(2).double()
    for _ in range(STEPS):
        training(CURVATURE)
        v = share * v - rate * CURVATURE * w
        w = w + v
        assert float((training.system.w.detach() - w).abs().max()) <= 1e-7
    found = steps_down(begun(BOWL.replace("RULE", f"sgd(lr={rate}, momentum={share})"), steps=3000), 3000)
    print(f"momentum: {found} steps")
    assert found <= 700
    for plain in (rate, 2 / 1001):
        assert steps_down(begun(BOWL.replace("RULE", f"sgd(lr={plain})"), steps=3000), 3000) > 3000


LOOK_AHEAD = """
## Jump first, then measure the slope there, and correct (Nesterov 1983; Sutskever et al. 2013, equations 3 and 4).
system LookAhead(rate: float = 1e-3, share: float = 0.9)(curvature: [2]) {
  param w: [2] = ones
  buffer v: [2] = zeros
  ahead = w + share * v
  loss e = 0.5 * sum(curvature * ahead ** 2)
  new = share * v - rate * grad(e, ahead)
  update v = new
  update w = w + new
}
"""


def test_s116_nesterov_measures_where_it_has_jumped_to() -> None:
    """The rule as an expression is the loop by hand; sgd(nesterov=true) keeps the point ahead for its weights."""
    rate, share = 1e-3, 0.9
    written = begun(LOOK_AHEAD, steps=3000)
    named = begun(BOWL.replace("RULE", f"sgd(lr={rate}, momentum={share}, nesterov=true)"), steps=3000)
    w, v = torch.ones(2).double(), torch.zeros(2).double()
    for _ in range(STEPS):
        written(CURVATURE)
        named(CURVATURE)
        v = share * v - rate * CURVATURE * (w + share * v)
        w = w + v
        assert float((written.system.w.detach() - w).abs().max()) <= 1e-7
        assert float((named.system.w.detach() - (w + share * v)).abs().max()) <= 1e-7
    found = [
        steps_down(begun(LOOK_AHEAD, steps=3000), 3000),
        steps_down(begun(BOWL.replace("RULE", "sgd(lr=1e-3, momentum=0.9, nesterov=true)"), steps=3000), 3000),
    ]
    print(f"nesterov: {found} steps")
    assert max(found) <= 700


GAINS = """
## A rate for each weight, which grows while its slope keeps its sign (Hinton, Coursera lecture 6d; Jacobs 1988).
system Gains(rate: float = 1e-3, more: float = 0.5, less: float = 0.95, most: float = 100.0)(curvature: [2]) {
  param w: [2] = ones
  buffer gain: [2] = ones
  buffer last: [2] = zeros
  loss e = 0.5 * sum(curvature * w ** 2)
  g = grad(e, w)
  new = clamp(where(g * last > 0, gain + more, where(g * last < 0, gain * less, gain)), 0.01, most)
  update gain = new
  update last = g
  update w = w - rate * new * g
}
"""


@pytest.mark.parametrize(("more", "less", "most"), [(0.5, 0.95, 100.0), (0.05, 0.95, 10.0), (0.5, 0.5, 3.0)])
def test_s117_gains_by_hand(more: float, less: float, most: float) -> None:
    training = begun(GAINS, steps=STEPS, more=more, less=less, most=most)
    w, gain, last = [1.0, 1.0], [1.0, 1.0], [0.0, 0.0]
    for _ in range(STEPS):
        training(CURVATURE)
        for i, c in enumerate((1.0, 1000.0)):
            g = c * w[i]
            if g * last[i] > 0:
                gain[i] += more
            elif g * last[i] < 0:
                gain[i] *= less
            gain[i] = min(max(gain[i], 0.01), most)
            last[i] = g
            w[i] -= 1e-3 * gain[i] * g
        assert float((training.system.w.detach() - torch.tensor(w).double()).abs().max()) <= 1e-7


def test_s117_gains_go_down_the_bowl() -> None:
    """235 and 163 steps; plain descent at the better rate is not there after 3,000."""
    found = [steps_down(begun(GAINS, steps=3000, rate=rate), 3000) for rate in (5e-4, 1e-3)]
    print(f"gains: {found} steps")
    assert max(found) <= 400


def test_s118_rprop_goes_down_the_bowl_by_signs() -> None:
    found = steps_down(begun(BOWL.replace("RULE", "rprop(lr=1e-2)"), steps=1000), 1000)
    alike = steps_down(begun(SIGNS, steps=2000), 2000)
    print(f"rprop: {found} steps, signs alone {alike}")
    assert found <= 60
    assert 998 <= alike <= 1001


LINE = """
system Line()(x: [N, 5], y: [N, 1]) {
  net = Linear(1)
  loss mse = mse_loss(net(x), y)
  train net on mse with RULE
}
"""


def test_s118_rprop_with_batches_warns() -> None:
    """Over all rows at once it does not, nor do others with batches."""
    with pytest.warns(RunWarning, match=r"`rprop` goes by the sign of a gradient, which batches do not agree on"):
        trained(LINE.replace("RULE", "rprop(lr=0.01)"), "Line", "linear", epochs=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RunWarning)
        whole = trained(LINE.replace("RULE", "rprop(lr=0.01)"), "Line", "linear", epochs=60, batch_size=None)
        trained(LINE.replace("RULE", "rmsprop(lr=0.01)"), "Line", "linear", epochs=1)
    assert whole.final["mse"] < 0.02  # the noise has variance 0.01


def test_s118_the_command_line_says_so_too(tmp_path: Path) -> None:
    spec = tmp_path / "line.arch"
    spec.write_text(LINE.replace("RULE", "rprop(lr=0.01)"))
    command = ["train", str(spec), "--data", "linear", "--epochs", "1", "--out", str(tmp_path / "run")]
    said = CliRunner().invoke(App(name="fanin"), command)
    assert said.exit_code == 0
    assert "warning: `rprop` goes by the sign of a gradient" in said.stderr


def test_s119_rmsprop_by_hand() -> None:
    training = begun(BOWL.replace("RULE", "rmsprop(lr=0.01, alpha=0.9)"), steps=STEPS)
    w, mean = [1.0, 1.0], [0.0, 0.0]
    for _ in range(STEPS):
        training(CURVATURE)
        for i, c in enumerate((1.0, 1000.0)):
            g = c * w[i]
            mean[i] = 0.9 * mean[i] + 0.1 * g * g
            w[i] -= 0.01 * g / (math.sqrt(mean[i]) + 1e-8)
        assert float((training.system.w.detach() - torch.tensor(w).double()).abs().max()) <= 1e-7


# -------------------------------------------------------------------------------------------------------- schedules

LAST = 1000


def torchs(kind: str) -> Callable[[torch.optim.Optimizer], torch.optim.lr_scheduler.LRScheduler]:
    s = torch.optim.lr_scheduler

    def warm(o: torch.optim.Optimizer) -> Any:
        return s.LinearLR(o, start_factor=1 / 100, total_iters=99)

    return {
        "constant": lambda o: s.ConstantLR(o, factor=1.0),
        "constant(warmup=100)": warm,
        "linear": lambda o: s.LinearLR(o, start_factor=1.0, end_factor=1e-300, total_iters=LAST),
        "linear(after=400, to=0.1)": lambda o: s.SequentialLR(
            o, [s.ConstantLR(o, factor=1.0), s.LinearLR(o, 1.0, 0.1, total_iters=600)], [400]
        ),
        "cosine": lambda o: s.CosineAnnealingLR(o, T_max=LAST),
        "cosine(to=0.2)": lambda o: s.CosineAnnealingLR(o, T_max=LAST, eta_min=0.2 * 0.1),
        "cosine(warmup=100)": lambda o: s.SequentialLR(o, [warm(o), s.CosineAnnealingLR(o, T_max=900)], [100]),
        "step(at=[300, 500, 900], factor=0.3)": lambda o: s.MultiStepLR(o, [300, 500, 900], gamma=0.3),
        "step(every=150, factor=0.5)": lambda o: s.StepLR(o, 150, gamma=0.5),
        "exponential(factor=0.997)": lambda o: s.ExponentialLR(o, gamma=0.997),
        "inverse_sqrt(warmup=100)": lambda o: s.LambdaLR(
            o, lambda t: min((t + 1) ** -0.5, (t + 1) * 100**-1.5) * 100**0.5
        ),
    }[kind]  # type: ignore[return-value]


@pytest.mark.parametrize(
    "kind",
    [
        "constant",
        "constant(warmup=100)",
        "linear",
        "linear(after=400, to=0.1)",
        "cosine",
        "cosine(to=0.2)",
        "cosine(warmup=100)",
        "step(at=[300, 500, 900], factor=0.3)",
        "step(every=150, factor=0.5)",
        "exponential(factor=0.997)",
        "inverse_sqrt(warmup=100)",
    ],
)
def test_s136_schedules_have_pytorchs_values(kind: str) -> None:
    training = begun(BOWL.replace("RULE", f"sgd(lr=0.1), {kind}"), steps=LAST)
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    schedule = torchs(kind)(optimiser)
    flat = torch.zeros(2).double()
    for _ in range(LAST):
        training(flat)
        (mine,) = {group["lr"] for o in training.optimisers.values() for group in o.param_groups}
        assert mine == pytest.approx(optimiser.param_groups[0]["lr"], abs=1e-9)
        optimiser.step()
        schedule.step()
    assert training.done


EXPRESSION = """
system Own(rate: float = 0.1)(slope: [2]) {
  param w: [2] = zeros
  t = ramp(0.0, 1.0, steps=1000)
  metric now = rate * (1 - t) ** 2
  loss e = sum(slope * w)
  update w = w - now * grad(e, w)
}
"""


def test_s136_a_schedule_as_an_expression() -> None:
    training = begun(EXPRESSION, steps=LAST)
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(2).double())], lr=0.1)
    schedule = torch.optim.lr_scheduler.PolynomialLR(optimiser, total_iters=LAST, power=2.0)
    slope = torch.tensor([1.0, -2.0]).double()
    (w,) = optimiser.param_groups[0]["params"]
    for _ in range(LAST):
        told = training(slope)
        assert float(told["now"]) == pytest.approx(optimiser.param_groups[0]["lr"], abs=1e-9)
        w.grad = slope.clone()
        optimiser.step()
        schedule.step()
    assert float((training.system.w.detach() - w).abs().max()) <= 1e-9
