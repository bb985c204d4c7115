"""Rules that move weights, and the batches they move them on, against loops by hand.

Rows S035, S091, S092, S093, S095, S098.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.svm import SVC
from torch import Tensor
from torch.nn import functional as F

from fanin.data import Batches, open_data
from tests.mission.specs import column, trained
from tests.unit.systems.runs import training_of

LINE = """
system Line(rows: int = 60, rate: float = 0.05)(x: [N, 3], y: [N, 1], row: int[N]) {
  net = Linear(1)
  buffer seen: [rows] = zeros
  update seen = seen + sum(float(one_hot(row, rows)), axis=0)
  loss mse = mse_loss(net(x), y)
  metric first = float(row[0])
  train net on mse with sgd(lr=rate)
}
"""


def line(rows: int = 60) -> dict[str, Any]:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(rows, 3))
    y = x @ draw.normal(size=(3, 1)) + 0.5 + 0.1 * draw.normal(size=(rows, 1))
    return {"x": x, "y": y, "row": np.arange(rows)}


def start() -> Any:
    """The network of the line at its start: that of a training of no steps yet."""
    return training_of(LINE, "Line", steps=20).system.net


# -------------------------------------------------------------------------------------------------- modes of the data


def test_s091_gradient_descent_on_all_the_data() -> None:
    """To the bit a loop with autograd, and to 1e-12 the gradient as one writes it down."""
    data = line()
    run = trained(LINE, "Line", data, steps=20, batch_size=None, shuffle=False, precision="float64")
    assert run.steps == 20
    x, y = torch.tensor(data["x"]), torch.tensor(data["y"])
    net = start()
    w, b = (p.detach().numpy().copy() for p in net.parameters())
    for told in run.history:
        loss = F.mse_loss(net(x), y)
        assert told["mse"] == loss.item()
        slopes = torch.autograd.grad(loss, list(net.parameters()))
        error = data["x"] @ w.T + b - data["y"]
        w, b = w - 0.05 * 2 / 60 * error.T @ data["x"], b - 0.05 * 2 / 60 * error.sum(0)
        with torch.no_grad():
            for parameter, slope in zip(net.parameters(), slopes, strict=True):
                parameter.add_(slope, alpha=-0.05)
    assert torch.equal(run.system.net.weight, net.weight)
    assert torch.equal(run.system.net.bias, net.bias)
    np.testing.assert_allclose(run.system.net.weight.detach().numpy(), w, rtol=0, atol=1e-12)
    np.testing.assert_allclose(run.system.net.bias.detach().numpy(), b, rtol=0, atol=1e-12)
    assert (run.system.seen == 20).all()


def test_s092_from_one_row_at_a_time() -> None:
    """Three epochs of single rows, in the order that the run itself tells."""
    data = line()
    run = trained(LINE, "Line", data, epochs=3, batch_size=1, precision="float64")
    order = [int(row) for row in column(run, "first")]
    epochs = [order[:60], order[60:120], order[120:]]
    assert all(sorted(epoch) == list(range(60)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2] != sorted(epochs[2])
    net = start()
    x, y = torch.tensor(data["x"]), torch.tensor(data["y"])
    for row in order:
        slopes = torch.autograd.grad(F.mse_loss(net(x[row : row + 1]), y[row : row + 1]), list(net.parameters()))
        with torch.no_grad():
            for parameter, slope in zip(net.parameters(), slopes, strict=True):
                parameter.add_(slope, alpha=-0.05)
    assert torch.equal(run.system.net.weight, net.weight)
    assert torch.equal(run.system.net.bias, net.bias)


@pytest.mark.parametrize("size", [1, 7, 64])
def test_s093_every_row_once_in_an_epoch(size: int) -> None:
    """One spec at several sizes of a batch, none of which divides the rows; the system counts the rows that it sees."""
    run = trained(LINE, "Line", line(150), epochs=2, batch_size=size, hyper={"rows": 150})
    assert run.steps == 2 * -(-150 // size)
    assert (run.system.seen == 2).all()


COUNTS = """
system Counts(classes: int = 3)(x: [N, 2], label: int[N]) {
  net = Linear(classes)
  loss ce = cross_entropy(net(x), label)
  metric zeros_ = sum(float(label == 0))
  metric ones_ = sum(float(label == 1))
  metric twos_ = sum(float(label == 2))
  train net on ce with sgd(lr=0.1)
}
"""


@pytest.mark.parametrize("size", [7, 10, 32])
def test_s093_batches_that_have_their_share_of_each_class(size: int) -> None:
    label = np.repeat([0, 1, 2], [120, 50, 30])
    data = {"x": np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32), "label": label}

    def farthest(**settings: Any) -> float:
        """From the proportional number of a class in a full batch, over two epochs."""
        run = trained(COUNTS, "Counts", data, epochs=2, batch_size=size, drop_last=True, **settings)
        counts = np.array([[row[name] for name in ("zeros_", "ones_", "twos_")] for row in run.history])
        assert (counts.sum(1) == size).all()
        return float(np.abs(counts - size * np.array([0.6, 0.25, 0.15])).max())

    assert farthest(stratify="label") <= 1
    assert farthest() > 1  # a plain shuffle does not


def test_s093_a_shuffle_is_a_permutation_that_follows_from_the_seed() -> None:
    data = open_data(line(50))
    rows = [[int(r) for b in Batches(data, 8, seed=seed) for r in b["row"]] for seed in (0, 0, 1)]
    assert rows[0] == rows[1] != rows[2]
    assert all(sorted(each) == list(range(50)) for each in rows)


# ------------------------------------------------------------------------------------------- rules written by the user

DELTA = """
system Delta(alpha: float = 0.2)(x: [N, 4], t: [N]) {
  param w: [4] = ones
  y = x @ w
  metric sse = 0.5 * sum((t - y) ** 2)
  update w = w + alpha * sum((t - y)[:, none] * x, axis=0) / N
}

system Descent(alpha: float = 0.2)(x: [N, 4], t: [N]) {
  param w: [4] = ones
  loss sse = 0.5 * sum((t - x @ w) ** 2) / N
  train w on sse with sgd(lr=alpha)
}
"""


def test_s095_the_delta_rule_is_descent_of_half_the_squares() -> None:
    rule, descent = training_of(DELTA, "Delta", steps=30), training_of(DELTA, "Descent", steps=30)
    draw = torch.Generator().manual_seed(0)
    w = torch.ones(4, dtype=torch.float64, requires_grad=True)
    for _ in range(30):
        x, t = (torch.randn(*s, dtype=torch.float64, generator=draw) for s in ((12, 4), (12,)))
        told = rule(x, t)
        descent(x, t)
        loss = 0.5 * ((t - x @ w) ** 2).sum()
        assert told["sse"].item() == pytest.approx(loss.item(), rel=1e-12)
        (slope,) = torch.autograd.grad(loss / 12, w)
        w = (w - 0.2 * slope).detach().requires_grad_(True)
        torch.testing.assert_close(rule.system.w.detach(), w.detach(), rtol=0, atol=1e-12)
        torch.testing.assert_close(descent.system.w.detach(), w.detach(), rtol=0, atol=1e-12)


PERCEPTRON = """
## The threshold is a weight of an input that is always 1.
system Rosenblatt(alpha: float = 1.0)(x: [N, D], label: int[N]) {
  param w: [D + 1] = zeros
  ones_first = concat(ones(N, 1), x, axis=1)
  y = float(ones_first @ w >= 0)
  wrong = float(label) - y
  metric mistakes = sum(abs(wrong))
  update w = w + alpha * sum(wrong[:, none] * ones_first, axis=0)
}
"""


def test_s098_a_perceptron_errs_no_more_often_than_its_bound() -> None:
    """Rows one by one, over and over: the mistakes end, and are at most (R / margin) squared (Novikoff 1962)."""
    data = open_data("separable:n=200,dims=2,margin=0.1")
    x, label = data.fields["x"], data.fields["label"]
    run = trained(PERCEPTRON, "Rosenblatt", {"x": x, "label": label}, epochs=60, batch_size=1, hyper={"D": 2})
    per_epoch = np.array(column(run, "mistakes")).reshape(60, 200).sum(1)
    assert per_epoch[-1] == 0
    widest = SVC(kernel="linear", C=1e9).fit(x, label)  # the plane with the largest margin
    plane = np.concatenate([widest.intercept_, widest.coef_[0]])
    rows = np.concatenate([np.ones((200, 1)), x], axis=1)
    margin = ((2 * label - 1) * (rows @ plane) / np.linalg.norm(plane)).min()
    bound = (np.linalg.norm(rows, axis=1).max() / margin) ** 2
    assert margin > 0
    assert 0 < per_epoch.sum() <= bound
    assert ((rows @ run.system.w.detach().numpy() >= 0) == label).all()


@pytest.mark.parametrize(("values", "learned"), [((0, 0, 0, 1), True), ((0, 1, 1, 1), True), ((0, 1, 1, 0), False)])
def test_s098_what_no_line_divides_is_never_learned(values: tuple[int, ...], learned: bool) -> None:
    """AND and OR come to an end; exclusive or makes mistakes in each of 100 epochs."""
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    run = trained(
        PERCEPTRON, "Rosenblatt", {"x": x, "label": np.array(values)}, epochs=100, batch_size=1, hyper={"D": 2}
    )
    per_epoch = np.array(column(run, "mistakes")).reshape(100, 4).sum(1)
    assert (per_epoch[-1] == 0) if learned else (per_epoch > 0).all()


# -------------------------------------------------------------------------------------------------------- optimisers

ADAPTIVE = """
block Net()(x: [N, 5]) -> [N, 2] { return x -> fc1: Linear(8) -> tanh -> fc2: Linear(2) }

system Fit()(x: [N, 5], y: [N, 2]) {
  net = Net()
  loss mse = mse_loss(net(x), y)
  train net.fc1 on mse with RULE(lr=0.01OPTIONS)
  train net.fc2 on mse with RULE(lr=0.003OPTIONS)
}
"""

State = dict[str, Tensor]


def adagrad(w: Tensor, g: Tensor, state: State, t: int, rate: float) -> Tensor:
    """Duchi et al. 2011, with the diagonal matrix."""
    state["sum"] = state.get("sum", torch.zeros_like(w)) + g**2
    return w - rate * g / (state["sum"].sqrt() + 1e-10)


def rmsprop(w: Tensor, g: Tensor, state: State, t: int, rate: float) -> Tensor:
    """Tieleman and Hinton 2012, lecture 6e."""
    state["square"] = 0.9 * state.get("square", torch.zeros_like(w)) + 0.1 * g**2
    return w - rate * g / (state["square"].sqrt() + 1e-8)


def adam(w: Tensor, g: Tensor, state: State, t: int, rate: float) -> Tensor:
    """Kingma and Ba 2014, algorithm 1."""
    state["m"] = 0.9 * state.get("m", torch.zeros_like(w)) + 0.1 * g
    state["v"] = 0.999 * state.get("v", torch.zeros_like(w)) + 0.001 * g**2
    return w - rate * (state["m"] / (1 - 0.9**t)) / ((state["v"] / (1 - 0.999**t)).sqrt() + 1e-8)


def adamw(w: Tensor, g: Tensor, state: State, t: int, rate: float) -> Tensor:
    """Loshchilov and Hutter 2017, algorithm 2: the decay is apart from the gradient."""
    return adam(w, g, state, t, rate) - rate * 0.1 * w


@pytest.mark.parametrize(
    ("name", "options", "rule", "own"),
    [
        ("adagrad", "", adagrad, torch.optim.Adagrad),
        ("rmsprop", ", alpha=0.9", rmsprop, lambda w, lr: torch.optim.RMSprop(w, lr, alpha=0.9)),
        ("adam", "", adam, torch.optim.Adam),
        ("adamw", ", weight_decay=0.1", adamw, lambda w, lr: torch.optim.AdamW(w, lr, weight_decay=0.1)),
    ],
)
def test_s035_rates_for_each_weight(name: str, options: str, rule: Callable[..., Tensor], own: Any) -> None:
    """Two groups of weights, 50 steps: the formulas of the papers to 1e-9, and ``torch.optim`` to 1e-6."""
    text = ADAPTIVE.replace("RULE", name).replace("OPTIONS", options)
    training = training_of(text, "Fit", steps=50)
    draw = torch.Generator().manual_seed(0)
    batches = [[torch.randn(9, n, dtype=torch.float64, generator=draw) for n in (5, 2)] for _ in range(50)]
    weights = {n: w.detach().clone() for n, w in training.system.named_parameters()}
    theirs = {n: w.clone().requires_grad_(True) for n, w in weights.items()}
    optimisers = [own([w for n, w in theirs.items() if part in n], lr=r) for part, r in (("fc1", 0.01), ("fc2", 0.003))]
    states: dict[str, State] = {n: {} for n in weights}

    def loss(at: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        h = torch.tanh(x @ at["net.fc1.weight"].T + at["net.fc1.bias"])
        return ((h @ at["net.fc2.weight"].T + at["net.fc2.bias"] - y) ** 2).mean()

    for t, (x, y) in enumerate(batches, 1):
        training(x, y)
        for part, rate, optimiser in zip(("fc1", "fc2"), (0.01, 0.003), optimisers, strict=True):
            mine = {n: w.clone().requires_grad_(True) for n, w in weights.items()}
            loss(mine, x, y).backward()
            for n in weights:
                if part in n:
                    slope = mine[n].grad
                    assert slope is not None
                    weights[n] = rule(weights[n], slope, states[n], t, rate)
            optimiser.zero_grad()
            loss(theirs, x, y).backward()
            optimiser.step()
    for n, w in training.system.named_parameters():
        torch.testing.assert_close(w.detach(), weights[n], rtol=0, atol=1e-9)
        torch.testing.assert_close(w.detach(), theirs[n].detach(), rtol=0, atol=1e-6)
