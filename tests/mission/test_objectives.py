"""Objectives: named losses, the evidence lower bound, penalties of the Jacobian, losses beside the main one.

Rows S030, S041, S064, S077.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import fanin
from fanin.data import open_data
from tests.examples import SPECS
from tests.mission.specs import trained
from tests.parity.conftest import torchvision_models  # noqa: F401
from tests.unit.systems.runs import training_of

# ------------------------------------------------------------------------------------------------------- named losses

HELD = """
system Held()(x: [6, 5], y: [6, 5], p: [6, 5], c: int[6], s: [6], other: [6, 5], lengths: int[2], labels: int[2, 2]) {
  param by: [6, 5] = zeros
  z = x + by
  loss held = LOSS
  train by on held with sgd(lr=1.0)
}
"""


def contrastive(z: Tensor, other: Tensor, s: Tensor) -> Tensor:
    """Hadsell, Chopra and LeCun 2006, eq. 4, with a margin of 1."""
    total = torch.zeros((), dtype=torch.float64)
    for i in range(6):
        d = torch.linalg.vector_norm(z[i] - other[i])
        total = total + (d**2 / 2 if s[i] > 0 else torch.clamp(1.0 - d, min=0) ** 2 / 2)
    return total / 6


def nt_xent(z: Tensor, other: Tensor) -> Tensor:
    """Chen et al. 2020, eq. 1, over all 2 N views, one by one, at a temperature of 0.5."""
    views = torch.cat([z, other])
    total = torch.zeros((), dtype=torch.float64)
    for i in range(12):
        near = {k: torch.exp(F.cosine_similarity(views[i], views[k], dim=0) / 0.5) for k in range(12) if k != i}
        total = total - torch.log(near[(i + 6) % 12] / torch.stack(list(near.values())).sum())
    return total / 12


LOSSES: dict[str, tuple[str, Callable[..., Tensor]]] = {
    "squares": ("sum((z - y) ** 2)", lambda z, y, **_: F.mse_loss(z, y, reduction="sum")),
    "mse": ("mse_loss(z, y)", lambda z, y, **_: F.mse_loss(z, y)),
    "l1": ("l1_loss(z, y)", lambda z, y, **_: F.l1_loss(z, y)),
    "huber": ("huber_loss(z, y, delta=0.7)", lambda z, y, **_: F.huber_loss(z, y, delta=0.7)),
    "smooth l1": ("smooth_l1_loss(z, y, beta=0.4)", lambda z, y, **_: F.smooth_l1_loss(z, y, beta=0.4)),
    "bce": ("binary_cross_entropy(sigmoid(z), p)", lambda z, p, **_: F.binary_cross_entropy(z.sigmoid(), p)),
    "bce of logits": (
        "binary_cross_entropy_with_logits(z, p)",
        lambda z, p, **_: F.binary_cross_entropy_with_logits(z, p),
    ),
    "bce, weighted": (
        "binary_cross_entropy_with_logits(z, p, pos_weight=full([], 3.0))",
        lambda z, p, **_: F.binary_cross_entropy_with_logits(z, p, pos_weight=torch.tensor(3.0)),
    ),
    "cross entropy": ("cross_entropy(z, c)", lambda z, c, **_: F.cross_entropy(z, c)),
    "smoothed labels": (
        "cross_entropy(z, c, label_smoothing=0.1)",
        lambda z, c, **_: F.cross_entropy(z, c, label_smoothing=0.1),
    ),
    "soft labels": (
        "cross_entropy(z, softmax(y, axis=1))",
        lambda z, y, **_: F.cross_entropy(z, y.softmax(1)),
    ),
    "focal": (
        'mean((1 - exp(-cross_entropy(z, c, reduction="none"))) ** 2 * cross_entropy(z, c, reduction="none"))',
        lambda z, c, **_: (
            (1 - z.softmax(1).gather(1, c[:, None])) ** 2 * -z.log_softmax(1).gather(1, c[:, None])
        ).mean(),
    ),
    "nll": ("z -> log_softmax(axis=1) -> nll_loss(c)", lambda z, c, **_: F.nll_loss(z.log_softmax(1), c)),
    "kl": (
        'z -> log_softmax(axis=1) -> kl_div(softmax(y, axis=1), reduction="batchmean")',
        lambda z, y, **_: F.kl_div(z.log_softmax(1), y.softmax(1), reduction="batchmean"),
    ),
    "poisson": ("poisson_nll_loss(z, p)", lambda z, p, **_: F.poisson_nll_loss(z, p)),
    "gaussian": (
        "0.5 * mean(log(p + 0.1) + (z - y) ** 2 / (p + 0.1))",
        lambda z, y, p, **_: F.gaussian_nll_loss(z, y, p + 0.1),
    ),
    "hinge": (
        "mean(relu(1 - s * z[:, 0]))",
        lambda z, s, **_: F.hinge_embedding_loss(s * z[:, 0], -torch.ones(6), margin=1.0),
    ),
    "hinge embedding": (
        "hinge_embedding_loss(z, broadcast_to(s[:, none], 6, 5))",
        lambda z, s, **_: F.hinge_embedding_loss(z, s[:, None].expand(6, 5)),
    ),
    "soft margin": (
        "soft_margin_loss(z, broadcast_to(s[:, none], 6, 5))",
        lambda z, s, **_: F.soft_margin_loss(z, s[:, None].expand(6, 5)),
    ),
    "multi margin": (
        "sum(relu(1 - take_along_axis(z, c[:, none], axis=1) + z) * (1 - float(one_hot(c, 5)))) / 30",
        lambda z, c, **_: F.multi_margin_loss(z, c),
    ),
    "ranking": (
        "mean(relu(0.3 - s * (z[:, 0] - z[:, 1])))",
        lambda z, s, **_: F.margin_ranking_loss(z[:, 0], z[:, 1], s, margin=0.3),
    ),
    "cosine": (
        "cosine_embedding_loss(z, other, s, margin=0.2)",
        lambda z, other, s, **_: F.cosine_embedding_loss(z, other, s, margin=0.2),
    ),
    "triplet": (
        "triplet_margin_loss(z, y, other, margin=1.5)",
        lambda z, y, other, **_: F.triplet_margin_loss(z, y, other, margin=1.5),
    ),
    "contrastive": (
        "mean(where(s > 0, norm(z - other, axis=1) ** 2, relu(1 - norm(z - other, axis=1)) ** 2)) / 2",
        lambda z, other, s, **_: contrastive(z, other, s),
    ),
    "two views": (
        "two_views(concat(normalize(z, axis=1), normalize(other, axis=1)))",
        lambda z, other, **_: nt_xent(z, other),
    ),
    "ctc": (
        "ctc_loss(log_softmax(reshape(z, 3, 2, 5), axis=2), labels, lengths, full_like(lengths, 2))",
        lambda z, labels, **_: F.ctc_loss(
            z.reshape(3, 2, 5).log_softmax(2), labels, torch.tensor([3, 3]), torch.tensor([2, 2])
        ),
    ),
}
TWO_VIEWS = """
fn two_views(v: [M, D]) -> [] {
  near = where(bool(eye(M)), -inf, v @ transpose(v, 0, 1) / 0.5)
  return cross_entropy(near, roll(arange(M), M // 2))
}
"""


@pytest.mark.parametrize("name", LOSSES)
def test_s030_losses_and_their_gradients(name: str) -> None:
    """One step of plain descent at a rate of 1 is minus the gradient."""
    written, wanted = LOSSES[name]
    draw = torch.Generator().manual_seed(3)
    batch = {
        "x": torch.randn(6, 5, dtype=torch.float64, generator=draw),
        "y": torch.randn(6, 5, dtype=torch.float64, generator=draw),
        "p": torch.rand(6, 5, dtype=torch.float64, generator=draw),
        "c": torch.randint(5, (6,), generator=draw),
        "s": torch.tensor([1, -1, 1, 1, -1, -1], dtype=torch.float64),
        "other": torch.randn(6, 5, dtype=torch.float64, generator=draw),
        "lengths": torch.tensor([3, 3]),
        "labels": torch.tensor([[1, 2], [3, 1]]),
    }
    text = (TWO_VIEWS if "two_views" in written else "") + HELD.replace("LOSS", written)
    training = training_of(text, "Held", steps=1)
    told = training(*batch.values())
    z = batch["x"].clone().requires_grad_(True)
    loss = wanted(z=z, **{n: t for n, t in batch.items() if n != "x"})
    (slope,) = torch.autograd.grad(loss, z)
    assert slope.abs().max() > 1e-3
    torch.testing.assert_close(told["held"], loss.detach(), rtol=0, atol=1e-6)
    torch.testing.assert_close(training.system.by.detach(), -slope, rtol=0, atol=1e-6)


WEIGHED = """
system Weighed(part: float = 0.3)(x: [N, 4], y: [N], c: int[N]) {
  body = Linear(8) -> tanh
  h = body(x)
  loss squares = h -> value: Linear(1) -> squeeze(1) -> mse_loss(y)
  loss ce = h -> head: Linear(3) -> cross_entropy(c)
  loss total = ce + part * squares
  train body, value, head on total with sgd(lr=0.1)
}
"""


def test_s030_terms_with_names_and_weights() -> None:
    """Each term is told by its name, and the sum of them is what moves the weights."""
    training = training_of(WEIGHED, "Weighed", hyper={"part": 0.7}, steps=1)
    named = dict(training.system.named_parameters())
    before = {n: w.detach().clone().requires_grad_(True) for n, w in named.items()}
    x, y = torch.randn(9, 4, dtype=torch.float64), torch.randn(9, dtype=torch.float64)
    c = torch.arange(9) % 3
    told = training(x, y, c)
    h = torch.tanh(F.linear(x, before["body.0.weight"], before["body.0.bias"]))
    squares = ((F.linear(h, before["value.weight"], before["value.bias"])[:, 0] - y) ** 2).mean()
    ce = F.cross_entropy(F.linear(h, before["head.weight"], before["head.bias"]), c)
    (ce + 0.7 * squares).backward()
    assert told["squares"].item() == pytest.approx(squares.item(), abs=1e-12)
    assert told["ce"].item() == pytest.approx(ce.item(), abs=1e-12)
    assert told["total"].item() == pytest.approx((ce + 0.7 * squares).item(), abs=1e-12)
    for n, w in named.items():
        torch.testing.assert_close(w.detach(), before[n].detach() - 0.1 * before[n].grad, rtol=0, atol=1e-12)


# ------------------------------------------------------------------------------------------ the evidence lower bound

LINEAR_GAUSSIAN = """
fn kl_to_normal(mean: [N, Z], logvar: [Z]) -> [N] {
  return 0.5 * sum(mean ** 2 + exp(logvar) - 1 - logvar, axis=1)
}

## Probabilistic principal components: x = W z + b + noise, with z from a standard normal, and a normal posterior.
system Ppca(latent: int = 2, beta: float = 1.0)(x: [N, 6]) {
  encoder = Linear(latent)
  decoder = Linear(6)
  param logvar: [latent] = zeros
  param noise: [] = zeros  # the logarithm of a variance
  code = encoder(x)
  kl = mean(kl_to_normal(code, logvar))
  # of the squares about a draw of the code, their mean over all draws
  squares = sum((x - decoder(code)) ** 2, axis=1) + sum(exp(logvar) * sum(decoder.weight ** 2, axis=0))
  loss minus_elbo = mean(0.5 * (squares * exp(-noise) + 6 * (noise + log(2 * pi)))) + beta * kl
  metric divergence = kl
  # the same bound from draws
  drawn = code[none] + exp(0.5 * logvar) * randn(400, N, latent)
  distance = sum((x - decoder(drawn)) ** 2, axis=-1)
  metric estimate = mean(0.5 * (distance * exp(-noise) + 6 * (noise + log(2 * pi)))) + beta * kl
  train encoder, decoder, logvar, noise on minus_elbo with lbfgs(lr=0.5, max_iter=100)
}
"""


def points() -> np.ndarray[Any, Any]:
    draw = np.random.default_rng(5)
    return draw.normal(size=(500, 2)) @ draw.normal(size=(2, 6)) * 1.5 + 0.5 * draw.normal(size=(500, 6)) + 1.0


def test_s041_the_bound_of_a_linear_model_meets_its_evidence() -> None:
    """At the optimum the bound is the log evidence of probabilistic PCA (Tipping and Bishop 1999, eqs. 4, 7 and 8)."""
    x = points()
    run = trained(LINEAR_GAUSSIAN, "Ppca", {"x": x}, steps=20, batch_size=None, precision="float64")
    values = np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1]
    noise = values[2:].mean()
    evidence = -0.5 * (6 * math.log(2 * math.pi) + np.log(values[:2]).sum() + 4 * math.log(noise) + 6)
    told = run.measure(open_data({"x": x}))
    assert -told["minus_elbo"] <= evidence + 1e-9
    assert -told["minus_elbo"] == pytest.approx(evidence, abs=1e-3)
    assert run.system.noise.exp().item() == pytest.approx(noise, rel=1e-2)
    assert told["estimate"] == pytest.approx(told["minus_elbo"], abs=0.03)  # 200,000 draws
    far = trained(
        LINEAR_GAUSSIAN, "Ppca", {"x": x}, steps=20, batch_size=None, precision="float64", hyper={"beta": 4.0}
    )
    own = far.measure(open_data({"x": x}))
    assert -(own["minus_elbo"] - 3 * own["divergence"]) < evidence - 0.1  # four times the divergence is another bound


DIVERGENCE = """
fn kl_to_normal(mean: [N, Z], logvar: [N, Z]) -> [N] {
  return -0.5 * sum(1 + logvar - mean ** 2 - exp(logvar), axis=1)
}

system Annealed(rise: int = 8)(x: [N, 5]) {
  encoder = Linear(6)
  decoder = Linear(5)
  mean_, logvar = x -> encoder -> chunk(2, axis=1)
  beta = ramp(0.0, 1.0, steps=rise)
  loss reconstruction = mse_loss(decoder(mean_ + exp(0.5 * logvar) * randn_like(mean_)), x)
  loss kl = mean(kl_to_normal(mean_, logvar))
  loss elbo = reconstruction + beta * kl
  train encoder, decoder on elbo with adam(lr=0.01)
}
"""


def test_s041_the_divergence_is_pytorchs_and_warms_up() -> None:
    training = training_of(DIVERGENCE, "Annealed", steps=12)
    x = torch.randn(20, 5, dtype=torch.float64)
    for step in range(12):
        with torch.no_grad():
            mean, logvar = training.system.encoder(x).chunk(2, 1)
        one = torch.distributions.Normal(mean, (0.5 * logvar).exp())
        other = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
        wanted = torch.distributions.kl_divergence(one, other).sum(1).mean()
        told = training(x)
        torch.testing.assert_close(told["kl"], wanted, rtol=0, atol=1e-6)
        share = min(step / 8, 1.0)
        torch.testing.assert_close(told["elbo"], told["reconstruction"] + share * told["kl"])


# ------------------------------------------------------------------------------------------- penalties of the Jacobian

PENALISED = """
## The sum of the squares of all slopes of y in x: the mean over rows, one gradient for each output.
fn jacobian_penalty(y: [N, K], x: [N, D], outputs: int) -> [] {
  total = 0
  for k in 0..outputs { total += mean(sum(grad(y[:, k], x) ** 2, axis=1)) }
  return total
}

## The same from one projection of the outputs, drawn for each row.
fn drawn_penalty(y: [N, K], x: [N, D]) -> [] { return mean(sum(grad(y * randn_like(y), x) ** 2, axis=1)) }

system Plain()(x: [N, 64], label: int[N]) {
  net = Linear(64) -> tanh -> Linear(64) -> tanh -> Linear(10)
  y = net(x)
  loss ce = cross_entropy(y, label)
  metric slopes = jacobian_penalty(y, x, 10)
  metric accuracy = mean(float(argmax(y, axis=1) == label))
  train net on ce with adam(lr=1e-3)
}

system Smooth(weight: float = 0.003)(x: [N, 64], label: int[N]) {
  net = Linear(64) -> tanh -> Linear(64) -> tanh -> Linear(10)
  y = net(x)
  loss ce = cross_entropy(y, label)
  loss penalised = ce + weight * drawn_penalty(y, x)
  metric slopes = jacobian_penalty(y, x, 10)
  metric accuracy = mean(float(argmax(y, axis=1) == label))
  train net on penalised with adam(lr=1e-3)
}

system Straight()(x: [N, 7]) {
  net = Linear(5)
  y = net(x)
  loss exact = jacobian_penalty(y, x, 5)
  loss drawn = drawn_penalty(y, x)
  train net on exact with sgd(lr=0.1)
}

system Curved()(x: [N, 7]) {
  net = Linear(6) -> tanh -> Linear(5)
  y = net(x)
  loss exact = jacobian_penalty(y, x, 5)
  train net on exact with sgd(lr=0.1)
}
"""


def test_s064_of_a_linear_map_the_penalty_is_the_squares_of_its_weights() -> None:
    training = training_of(PENALISED, "Straight", steps=1)
    w = training.system.net.weight.detach().clone()
    x = torch.randn(20_000, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    drawn = training.system(x).drawn.item()
    told = training(x)
    assert told["exact"].item() == pytest.approx((w**2).sum().item(), abs=1e-5)
    assert drawn == pytest.approx((w**2).sum().item(), rel=0.05)  # one projection of each of 20,000 rows
    torch.testing.assert_close(training.system.net.weight.detach(), 0.8 * w, rtol=0, atol=1e-12)  # its gradient is 2 w


def test_s064_a_step_on_the_penalty_is_autograds() -> None:
    """Slopes of slopes: the exact penalty of a tanh network from ``torch.func``, and its gradient in the weights."""
    training = training_of(PENALISED, "Curved", steps=1)
    before = {n: w.detach().clone().requires_grad_(True) for n, w in training.system.net.named_parameters()}
    x = torch.randn(6, 7, dtype=torch.float64)
    told = training(x)

    def net(row: Tensor) -> Tensor:
        h = torch.tanh(F.linear(row, before["0.weight"], before["0.bias"]))
        return F.linear(h, before["2.weight"], before["2.bias"])

    penalty = torch.stack(
        [torch.autograd.functional.jacobian(net, r, create_graph=True).square().sum() for r in x]
    ).mean()
    torch.testing.assert_close(told["exact"], penalty.detach(), rtol=0, atol=1e-10)
    slopes = torch.autograd.grad(penalty, list(before.values()), allow_unused=True)
    for (n, w), slope in zip(before.items(), slopes, strict=True):
        moved = training.system.net.get_parameter(n).detach()
        torch.testing.assert_close(moved, w.detach() - 0.1 * (0 if slope is None else slope), rtol=0, atol=1e-10)


def test_s064_a_penalty_halves_the_slopes_and_keeps_the_accuracy() -> None:
    settings: dict[str, Any] = {"epochs": 20, "val": 360, "log_every": 100}
    plain = trained(PENALISED, "Plain", "digits:flat=true", **settings).final
    smooth = trained(PENALISED, "Smooth", "digits:flat=true", **settings).final
    assert math.sqrt(plain["slopes"] / smooth["slopes"]) >= 2
    assert smooth["accuracy"] >= plain["accuracy"] - 0.02


# ------------------------------------------------------------------------------------------ losses beside the main one


def test_s077_the_middle_layers_of_googlenet_are_trained_beside_its_end(torchvision_models: Any) -> None:  # noqa: F811
    """A step of the zoo's system against torchvision's network: the three losses, and where the weights go."""
    theirs = torchvision_models.googlenet(
        weights=None, init_weights=False, aux_logits=True, dropout=0.0, dropout_aux=0.0
    )
    text = (SPECS / "googlenet.arch").read_text().replace("(classes, 0.7)", "(classes, 0.0)")
    text = text.replace("net = GoogLeNet()", "net = GoogLeNet(p=0.0)").replace("224, 224]", "96, 96]")
    training = training_of(text, "Supervised", steps=10)
    theirs.load_state_dict(training.system.net.state_dict(), strict=True)
    theirs.double().train()
    assert sum(p.numel() for p in theirs.parameters()) == 13_004_888
    draw = torch.Generator().manual_seed(0)
    image = torch.rand(2, 3, 96, 96, dtype=torch.float64, generator=draw)
    label = torch.randint(1000, (2,), generator=draw)
    told = training(image, label)
    main, aux2, aux1 = theirs(image)
    own, *beside = (F.cross_entropy(logits, label) for logits in (main, aux2, aux1))
    total = own + 0.3 * sum(beside)
    torch.testing.assert_close(told["own"], own.detach(), rtol=0, atol=1e-8)
    torch.testing.assert_close(told["total"], total.detach(), rtol=0, atol=1e-8)
    names = [n for n, _ in theirs.named_parameters()]
    slopes = dict(zip(names, torch.autograd.grad(total, list(theirs.parameters())), strict=True))
    alone = torch.autograd.grad(F.cross_entropy(theirs(image)[0], label), theirs.conv1.conv.weight)[0]
    assert (slopes["conv1.conv.weight"] - alone).norm() > 0.1 * alone.norm()  # they bring gradient to what is below
    for name, start in theirs.named_parameters():
        moved = training.system.net.get_parameter(name).detach()
        torch.testing.assert_close(moved, start.detach() - 0.1 * slopes[name], rtol=1e-6, atol=1e-8)


def test_s077_when_training_is_over_they_are_gone(torchvision_models: Any) -> None:  # noqa: F811
    """Without `aux`: 6,624,904 parameters, and the trained weights give what torchvision's gives in evaluation."""
    path = str(SPECS / "googlenet.arch")
    whole = fanin.load(path, "GoogLeNet")
    lean = fanin.load(path, "GoogLeNet", aux=False)
    assert sum(p.numel() for p in whole.parameters()) == 13_004_888
    assert sum(p.numel() for p in lean.parameters()) == 6_624_904
    weights = whole.state_dict()
    lean.load_state_dict({n: w for n, w in weights.items() if not n.startswith("aux")}, strict=True)
    theirs = torchvision_models.googlenet(weights=None, init_weights=False, aux_logits=True)
    theirs.load_state_dict(weights)
    image = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found, wanted = lean.eval()(image), theirs.eval()(image)
    assert isinstance(found, Tensor)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)
