"""Networks against each other, or there and back: values and gradients against closed forms and loops by hand.

Rows S194, S195, S196, S199, S202.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.mission.systems import apart, begun, descended, normal
from tests.unit.systems.runs import twin

GAME = """
block Generator()(z: [N, L]) -> [N, 2] { return z -> fc1: Linear(16) -> relu -> fc2: Linear(2) }
block Critic()(x: [N, 2]) -> [N] { return x -> fc1: Linear(16) -> tanh -> fc2: Linear(1) -> squeeze(1) }

## The value of the game (Goodfellow et al. 2014, equation 1): D goes up it, G goes down. D gives a logit.
system Minimax(latent: int = 3)(real: [N, 2]) {
  gen = Generator()
  disc = Critic()
  fake = gen(randn(N, latent))
  value = mean(logsigmoid(disc(real))) + mean(logsigmoid(-disc(stop_gradient(fake))))
  loss up = -value
  loss down = mean(logsigmoid(-disc(fake)))
  train disc on up with sgd(lr=1.0)
  train gen on down with sgd(lr=1.0)
}

## The generator goes up log D(G(z)) instead, in steps of its own with noise of their own.
system Saturated(latent: int = 3)(real: [N, 2]) {
  gen = Generator()
  disc = Critic()
  loss up = mean(softplus(-disc(real))) + mean(softplus(disc(stop_gradient(gen(randn(N, latent))))))
  loss fool = mean(softplus(-disc(gen(randn(N, latent)))))
  train disc on up with adam(lr=1e-2)
  train gen on fool with adam(lr=1e-2), every(2)
}
"""


def test_s194_the_value_of_the_game() -> None:
    training = begun(GAME, "Minimax", steps=1)
    own = twin(training)
    real = normal(20, 2)
    torch.manual_seed(3)
    told, moved = descended(training, real)
    torch.manual_seed(3)
    fake = own.gen(torch.randn(20, 3, dtype=torch.float64))
    d, f = own.disc(real).sigmoid(), own.disc(fake.detach()).sigmoid()
    value = d.log().mean() + (1 - f).log().mean()
    assert told["up"] == pytest.approx(-float(value.detach()), abs=1e-9)
    # D by the formula: of its logits the slopes are (1 - D) / n on real points and -D / n on fake ones
    weights = list(own.disc.parameters())
    slopes = torch.autograd.grad(
        [own.disc(real), own.disc(fake.detach())], weights, [(1 - d).detach() / 20, -f.detach() / 20]
    )
    for name, w, slope in zip(dict(own.disc.named_parameters()), weights, slopes, strict=True):
        assert float((moved[f"disc.{name}"] + slope).abs().max()) <= 1e-6
        w.data += slope  # uphill
    # G goes against D as it is now: -D(G(z)) / n along the logit
    logit = own.disc(fake)
    slopes = torch.autograd.grad(logit, list(own.gen.parameters()), -logit.detach().sigmoid() / 20)
    for (name, _), slope in zip(own.gen.named_parameters(), slopes, strict=True):
        assert float((moved[f"gen.{name}"] - slope).abs().max()) <= 1e-6


def test_s194_where_nobody_can_tell_it_is_minus_log_four() -> None:
    training = begun(GAME, "Minimax", steps=1)
    with torch.no_grad():
        training.system.disc.fc2.weight.zero_()
        training.system.disc.fc2.bias.zero_()
    told, _ = descended(training, normal(20, 2))
    assert told["up"] == pytest.approx(math.log(4), abs=1e-6)


def test_s195_alternating_is_the_loop_by_hand() -> None:
    """Fifty steps: D on k fakes and k real points, and at every second step G on fresh noise, with D as it is then."""
    training = begun(GAME, "Saturated", steps=50)
    own = twin(training)
    batches = [normal(16, 2, seed=i) for i in range(50)]
    torch.manual_seed(1)
    for batch in batches:
        training(batch)
    torch.manual_seed(1)
    up = torch.optim.Adam(own.disc.parameters(), 1e-2)
    fool = torch.optim.Adam(own.gen.parameters(), 1e-2)
    for step, real in enumerate(batches, 1):
        with torch.no_grad():
            fake = own.gen(torch.randn(16, 3, dtype=torch.float64))
        up.zero_grad()
        (F.softplus(-own.disc(real)).mean() + F.softplus(own.disc(fake)).mean()).backward()
        up.step()
        if step % 2 == 0:
            fool.zero_grad()
            F.softplus(-own.disc(own.gen(torch.randn(16, 3, dtype=torch.float64)))).mean().backward()
            fool.step()
    assert apart(training.system, own) <= 1e-6


def test_s195_each_is_untouched_while_the_other_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the bit, and without a gradient left behind."""
    training = begun(GAME, "Saturated", steps=10)
    system, moves = training.system, []
    plain = type(training).move

    def watched(self: Any, number: int, loss: Tensor) -> None:
        before = [w.detach().clone() for w in system.parameters()]
        plain(self, number, loss)
        names = [name for name, _ in system.named_parameters()]
        after = zip(names, before, system.parameters(), strict=True)
        moves.append((number, {n.split(".")[0] for n, a, b in after if not torch.equal(a, b)}))
        assert all(w.grad is None for w in system.parameters())

    monkeypatch.setattr(type(training), "move", watched)
    for i in range(4):
        training(normal(16, 2, seed=i))
    assert moves == [(0, {"disc"}), (0, {"disc"}), (1, {"gen"}), (0, {"disc"}), (0, {"disc"}), (1, {"gen"})]


SLOPES = """
block Critic()(x: [N, 2]) -> [N] { return x -> fc1: Linear(16) -> tanh -> fc2: Linear(1) -> squeeze(1) }

## What moves a generated point, by the one form of the generator's loss and by the other.
system Slopes()(z: [N, 3]) {
  gen = Linear(2)
  disc = Critic()
  fake = gen(z)
  logit = disc(fake)
  loss saturating = sum(logsigmoid(-logit))
  loss fooling = -sum(logsigmoid(logit))
  by_minimax = grad(saturating, fake)
  by_fooling = grad(fooling, fake)
  d = sigmoid(logit)
  train gen on fooling with sgd(lr=1e-3)
}
"""


def test_s196_where_the_minimax_form_fades_the_other_does_not() -> None:
    """Point by point the gradients have the ratio (1 − D) / D."""
    training = begun(SLOPES, steps=1)
    with torch.no_grad():
        training.system.disc.fc2.weight.mul_(20)  # a critic that is sure of itself
    z = 2 * normal(9, 3)
    one = training.value("by_minimax")(z=z).detach()
    other = training.value("by_fooling")(z=z).detach()
    d = training.value("d")(z=z).detach()
    assert float(d.min()) < 0.05 and float(d.max()) > 0.5
    wanted = (1 - d) / d
    assert float(((other / one) / wanted[:, None] - 1).abs().max()) <= 1e-5


# ------------------------------------------------------------------------------------------------- there and back

CYCLE = """
system Cycle(weight: float = 10.0)(x: [N, 3], y: [M, 3]) {
  there = Linear(3)
  back = Linear(3)
  loss cycle = mean(sum(abs(back(there(x)) - x), axis=1)) + mean(sum(abs(there(back(y)) - y), axis=1))
  loss whole = weight * cycle
  train there, back on whole with sgd(lr=1.0)
}
"""


def test_s199_there_and_back() -> None:
    training = begun(CYCLE, steps=1)
    own = twin(training)
    x, y = normal(6, 3), normal(8, 3, seed=1)
    told, moved = descended(training, x, y)
    value = 0.0
    for one, first, second in ((x, own.there, own.back), (y, own.back, own.there)):
        for row in one:
            mid = first.weight @ row + first.bias
            value += float((second.weight @ mid + second.bias - row).abs().sum().detach()) / len(one)
    assert told["cycle"] == pytest.approx(value, abs=1e-7)
    loss = 10 * (own.back(own.there(x)) - x).abs().sum(1).mean()
    loss = loss + 10 * (own.there(own.back(y)) - y).abs().sum(1).mean()
    for name, slope in zip(moved, torch.autograd.grad(loss, list(own.parameters())), strict=True):
        assert float((moved[name] - slope).abs().max()) <= 1e-9


def test_s199_inverses_cost_nothing() -> None:
    """A turn by a quarter with a doubling, and back, in numbers that float64 has exactly: 0, to the bit."""
    training = begun(CYCLE, steps=1)
    turn = torch.tensor([[0, -2, 0], [2, 0, 0], [0, 0, 0.5]], dtype=torch.float64)
    way = torch.tensor([[0, 0.5, 0], [-0.5, 0, 0], [0, 0, 2]], dtype=torch.float64)
    with torch.no_grad():
        for net, w in ((training.system.there, turn), (training.system.back, way)):
            net.weight.copy_(w)
            net.bias.zero_()
    told, _ = descended(training, normal(6, 3), normal(8, 3, seed=1))
    assert told["cycle"] == 0.0


RECYCLE = """
## What comes next, seen from the two frames before.
block Next()(past: [N, T, 2]) -> [N, T - 1, 2] {
  return concat(past[:, :T - 1], past[:, 1:], axis=2) -> fc: Linear(2)
}

## Over there, on by a step there, and back: the frame that comes next (Bansal et al. 2018, equation 4).
fn recycled(over: [N, T, 2], x: [N, T, 2], ahead: [N, T - 1, 2]) -> [] {
  return mean(sum((x[:, 2:] - ahead[:, :T - 2]) ** 2, axis=2))
}

system Recycle()(x: [N, T, 2], y: [M, T, 2]) {
  to_y = Linear(2)
  to_x = Linear(2)
  next_x = Next()
  next_y = Next()
  over_y = to_y(x)
  over_x = to_x(y)
  loss recycle = recycled(over_y, x, to_x(next_y(over_y))) + recycled(over_x, y, to_y(next_x(over_x)))
  loss ahead_x = recycled(x, x, next_x(x))
  loss ahead_y = recycled(y, y, next_y(y))
  train to_x, to_y on recycle with sgd(lr=1.0)
  train next_x on ahead_x with sgd(lr=1.0)
  train next_y on ahead_y with sgd(lr=1.0)
}
"""


def test_s202_the_recycle_loss_frame_by_frame() -> None:
    training = begun(RECYCLE, steps=1)
    own = twin(training)
    x, y = normal(4, 6, 2), normal(5, 6, 2, seed=1)
    told, moved = descended(training, x, y)
    total = torch.zeros(()).double()
    for video, over, ahead, back in ((x, own.to_y, own.next_y, own.to_x), (y, own.to_x, own.next_x, own.to_y)):
        for one in video:
            for t in range(1, 5):  # what is known are frames t - 1 and t, what is wanted is t + 1
                past = torch.cat([over(one[t - 1]), over(one[t])])
                total = total + ((one[t + 1] - back(ahead.fc(past))) ** 2).sum() / (len(video) * 4)
    assert told["recycle"] == pytest.approx(float(total.detach()), abs=1e-6)
    nets: list[tuple[str, nn.Module]] = [("to_x", own.to_x), ("to_y", own.to_y)]
    for name, net in nets:
        slopes = torch.autograd.grad(total, list(net.parameters()), retain_graph=True)
        for (part, _), slope in zip(net.named_parameters(), slopes, strict=True):
            assert float((moved[f"{name}.{part}"] - slope).abs().max()) <= 1e-6
    for name, video, net in (("next_x", x, own.next_x), ("next_y", y, own.next_y)):
        loss = torch.stack(
            [
                ((one[t + 1] - net.fc(torch.cat([one[t - 1], one[t]]))) ** 2).sum() / (len(video) * 4)
                for one in video
                for t in range(1, 5)
            ]
        ).sum()
        assert told[f"ahead_{name[-1]}"] == pytest.approx(float(loss.detach()), abs=1e-6)
        for (part, _), slope in zip(
            net.named_parameters(), torch.autograd.grad(loss, list(net.parameters())), strict=True
        ):
            assert float((moved[f"{name}.{part}"] - slope).abs().max()) <= 1e-6


def test_s202_exact_maps_and_predictors_cost_nothing() -> None:
    """On a circle here, and one twice as large there: the next point is 2 cos(a) times this one less the last."""
    training = begun(RECYCLE, steps=1)
    angle = 0.5
    t = angle * torch.arange(7, dtype=torch.float64)[None] + torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    x = torch.stack([t.cos(), t.sin()], -1)
    eye = torch.eye(2, dtype=torch.float64)
    ahead = torch.cat([-eye, 2 * math.cos(angle) * eye], 1)
    system = training.system
    with torch.no_grad():
        for linear, w in (
            (system.to_y, 2 * eye),
            (system.to_x, eye / 2),
            (system.next_x.fc, ahead),
            (system.next_y.fc, ahead),
        ):
            linear.weight.copy_(w)
            linear.bias.zero_()
    told, _ = descended(training, x, 2 * x)
    assert max(told.values()) <= 1e-28
