"""Objectives as specs write them, trained on: their values and gradients against closed forms and PyTorch's own.

Rows S138, S139, S140, S142, S204, S206, S209, S213.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, distributions
from torch.nn import functional as F

from tests.mission.specs import trained
from tests.mission.systems import begun, descended, gap, normal
from tests.unit.systems.runs import twin

# ----------------------------------------------------------------------------------------------------- likelihoods

LAWS = """
fn gaussian(t: [N], mean: [N], log_std: [N]) -> [N] {
  return 0.5 * ((t - mean) / exp(log_std)) ** 2 + log_std + 0.5 * log(2 * pi)
}
fn laplace(t: [N], mean: [N], log_scale: [N]) -> [N] { return abs(t - mean) / exp(log_scale) + log_scale + log(2.0) }
fn bernoulli(t: [N], logit: [N]) -> [N] { return softplus(logit) - t * logit }
fn poisson(t: [N], log_rate: [N]) -> [N] { return exp(log_rate) - t * log_rate + lgamma(t + 1) }
fn exponential(t: [N], log_rate: [N]) -> [N] { return t * exp(log_rate) - log_rate }
fn student(t: [N], mean: [N], log_scale: [N], df: float = 4.0) -> [N] {
  z = (t - mean) / exp(log_scale)
  return 0.5 * (df + 1) * log1p(z ** 2 / df) + log_scale + 0.5 * log(df * pi) + lgamma(full([], 0.5 * df))
    - lgamma(full([], 0.5 * (df + 1)))
}
fn gamma(t: [N], log_shape: [N], log_rate: [N]) -> [N] {
  k = exp(log_shape)
  return lgamma(k) - k * log_rate - (k - 1) * log(t) + exp(log_rate) * t
}

## Maximum likelihood: the sum over the data of what each target's law has for its negative logarithm.
system Fit()(x: [N, 3], t: [N]) {
  net = Linear(2)
  a, b = unbind(net(x), axis=1)
  loss nll = sum(CALL)
  train net on nll with sgd(lr=1.0)
}

system Classes()(x: [N, 3], t: int[N]) {
  net = Linear(4)
  loss nll = cross_entropy(net(x), t, reduction="sum")
  train net on nll with sgd(lr=1.0)
}
"""

Law = Callable[[Tensor, Tensor], distributions.Distribution]

OF_TWO: dict[str, tuple[Law, Law]] = {
    # the law of the spec, and one to draw targets from
    "gaussian(t, a, b)": (lambda a, b: distributions.Normal(a, b.exp()), distributions.Normal),
    "laplace(t, a, b)": (lambda a, b: distributions.Laplace(a, b.exp()), distributions.Normal),
    "bernoulli(t, a)": (
        lambda a, b: distributions.Bernoulli(logits=a),
        lambda a, b: distributions.Bernoulli(b / 2),
    ),
    "poisson(t, a)": (lambda a, b: distributions.Poisson(a.exp()), lambda a, b: distributions.Poisson(3 * b)),
    "exponential(t, a)": (lambda a, b: distributions.Exponential(a.exp()), lambda a, b: distributions.Exponential(b)),
    "student(t, a, b)": (lambda a, b: distributions.StudentT(4.0, a, b.exp()), distributions.Normal),
    "gamma(t, a, b)": (lambda a, b: distributions.Gamma(a.exp(), b.exp()), lambda a, b: distributions.Gamma(b, b)),
    'poisson_nll_loss(a, t, reduction="none") + lgamma(t + 1)': (
        lambda a, b: distributions.Poisson(a.exp()),
        lambda a, b: distributions.Poisson(3 * b),
    ),
    'binary_cross_entropy_with_logits(a, t, reduction="none")': (
        lambda a, b: distributions.Bernoulli(logits=a),
        lambda a, b: distributions.Bernoulli(b / 2),
    ),
}


@pytest.mark.parametrize("call", OF_TWO)
def test_s138_a_loss_is_minus_the_log_probability(call: str) -> None:
    training = begun(LAWS.replace("CALL", call), "Fit", steps=1)
    own = twin(training)
    torch.manual_seed(0)
    law, source = OF_TWO[call]
    x, t = normal(12, 3), source(torch.zeros(12).double(), torch.ones(12).double()).sample()
    told, moved = descended(training, x, t)
    loss = -law(*own.net(x).unbind(1)).log_prob(t).sum()
    assert told["nll"] == pytest.approx(float(loss.detach()), abs=1e-6)
    assert gap(moved, loss, own) <= 1e-6


def test_s138_classes() -> None:
    training = begun(LAWS.replace("CALL", "gaussian(t, a, b)"), "Classes", steps=1)
    own = twin(training)
    x, t = normal(12, 3), torch.arange(12) % 4
    told, moved = descended(training, x, t)
    loss = -distributions.Categorical(logits=own.net(x)).log_prob(t).sum()
    assert told["nll"] == pytest.approx(float(loss.detach()), abs=1e-6)
    assert gap(moved, loss, own) <= 1e-6


MOMENTS = """
fn gaussian(t: [N], mean: [], log_std: []) -> [N] {
  return 0.5 * ((t - mean) / exp(log_std)) ** 2 + log_std + 0.5 * log(2 * pi)
}

system Fit()(t: [N]) {
  param mean: [] = zeros
  param log_std: [] = zeros
  loss nll = sum(gaussian(t, mean, log_std))
  train mean, log_std on nll with lbfgs(max_iter=100, tolerance_grad=1e-10)
}
"""


def test_s138_the_most_likely_gaussian_has_the_moments_of_the_data() -> None:
    training = begun(MOMENTS, steps=2)
    t = 3 + 0.5 * normal(40)
    for _ in range(2):
        training(t)
    assert float(training.system.mean) == pytest.approx(float(t.mean()), abs=1e-6)
    assert math.exp(float(training.system.log_std)) == pytest.approx(float(t.std(unbiased=False)), abs=1e-6)


SQUARES = """
system Squares()(x: [N, 3], t: [N, 2]) {
  net = Linear(2)
  y = net(x)
  loss sse = 0.5 * sum((t - y) ** 2)
  metric nll = sum(0.5 * (t - y) ** 2 + 0.5 * log(2 * pi))
  train net on sse with sgd(lr=1.0)
}
"""


def test_s139_half_the_squared_error_is_the_nll_of_a_unit_gaussian_without_its_constant() -> None:
    training = begun(SQUARES, steps=1)
    own = twin(training)
    x, t = normal(10, 3), normal(10, 2, seed=1)
    told, moved = descended(training, x, t)
    nll = -distributions.Normal(own.net(x), 1.0).log_prob(t).sum()
    constant = 20 * 0.5 * math.log(2 * math.pi)
    assert told["sse"] == pytest.approx(float(nll.detach()) - constant, abs=1e-6)
    assert told["nll"] == pytest.approx(float(nll.detach()), abs=1e-6)
    assert gap(moved, nll, own) <= 1e-6


ENTROPY = """
system Entropy()(x: [N, 3], t: TYPE) {
  net = Linear(4)
  loss ce = cross_entropy(net(x), t, reduction="sum")
  train net on ce with sgd(lr=1.0)
}

system Extreme()(t: TYPE) {
  param logits: [3, 4] = zeros
  loss ce = cross_entropy(logits, t, reduction="sum")
  train logits on ce with sgd(lr=1.0)
}
"""


@pytest.mark.parametrize("soft", [False, True])
def test_s140_cross_entropy_of_soft_and_hard_targets(soft: bool) -> None:
    """−Σ Σ t ln y, and the gradient y − t of each row's logits."""
    training = begun(ENTROPY.replace("TYPE", "[N, 4]" if soft else "int[N]"), "Entropy", steps=1)
    own = twin(training)
    x, hard = normal(9, 3), torch.arange(9) % 4
    target = normal(9, 4, seed=1).softmax(1) if soft else F.one_hot(hard, 4).double()
    told, moved = descended(training, x, target if soft else hard)
    y = own.net(x).softmax(1)
    assert told["ce"] == pytest.approx(float(-(target * y.log()).sum().detach()), abs=1e-6)
    slope = (y - target).detach()
    assert float((moved["net.weight"] - slope.T @ x).abs().max()) <= 1e-6
    assert float((moved["net.bias"] - slope.sum(0)).abs().max()) <= 1e-6


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("soft", [False, True])
def test_s140_cross_entropy_at_extreme_logits(dtype: torch.dtype, soft: bool) -> None:
    """At ±1e4 each row costs what its largest logit is above that of its target."""
    training = begun(ENTROPY.replace("TYPE", "[3, 4]" if soft else "int[3]"), "Extreme", steps=1)
    training.system.to(dtype)
    rows = torch.tensor([[1e4, -1e4, 0, 0], [1e4, 1e4, -1e4, -1e4], [-1e4, 1e4, 0, 0]], dtype=dtype)
    with torch.no_grad():
        training.system.logits.copy_(rows)
    hard = torch.tensor([1, 0, 1])
    told, moved = descended(training, F.one_hot(hard, 4).to(dtype) if soft else hard)
    assert told["ce"] == pytest.approx(2e4 + math.log(2) + 0, rel=1e-7)
    wanted = torch.tensor([[1, -1, 0, 0], [-0.5, 0.5, 0, 0], [0, 0, 0, 0]], dtype=dtype)
    torch.testing.assert_close(moved["logits"], wanted, rtol=0, atol=1e-3 if dtype is torch.float32 else 1e-9)


# ------------------------------------------------------------------------------------------------- distances of pairs

CONTRASTIVE = """
## Y is 1 for two of different classes and 0 for two of one (Hadsell, Chopra and LeCun 2006, equation 4).
system Pairs(margin: float = 1.5)(left: [N, 5], right: [N, 5], y: [N]) {
  net = Linear(2)
  d = norm(net(left) - net(right), axis=1)
  loss contrastive = mean((1 - y) * 0.5 * d ** 2 + y * 0.5 * relu(margin - d) ** 2)
  train net on contrastive with sgd(lr=1.0)
}
"""


def pairs() -> tuple[Tensor, Tensor, Tensor]:
    """Pairs of which the first two, a like one and an unlike one, are the same point twice."""
    left, right = normal(10, 5), normal(10, 5, seed=1)
    right[:2] = left[:2]
    return left, right, torch.arange(10).remainder(2).double()


def test_s142_the_margin_loss_and_its_gradient() -> None:
    training = begun(CONTRASTIVE, steps=1)
    own = twin(training)
    left, right, y = pairs()
    told, moved = descended(training, left, right, y)
    total = torch.zeros(()).double()
    slope = torch.zeros(2, 5).double()
    for a, b, different in zip(left, right, y.tolist(), strict=True):
        gap_ = (own.net(a) - own.net(b)).detach()
        d = float(gap_.norm())
        if different:
            total += 0.5 * max(0.0, 1.5 - d) ** 2
            pull = -(1.5 - d) / d if 0 < d < 1.5 else 0.0  # no direction leads away from the same point
        else:
            total += 0.5 * d**2
            pull = 1.0
        slope += pull * torch.outer(gap_, a - b) / 10
    assert told["contrastive"] == pytest.approx(float(total) / 10, abs=1e-6)
    assert float((moved["net.weight"] - slope).abs().max()) <= 1e-6
    assert float(moved["net.bias"].abs().max()) <= 1e-12  # a bias is in both


def test_s142_libraries_count_labels_the_other_way_round() -> None:
    """sentence-transformers: ½ (label · d² + (1 − label) · relu(margin − d)²), where 1 is alike."""
    training = begun(CONTRASTIVE, steps=1)
    own = twin(training)
    left, right, y = pairs()
    left, right, y = left[2:], right[2:], y[2:]
    told, moved = descended(training, left, right, y)
    label = 1 - y
    d = F.pairwise_distance(own.net(left), own.net(right), eps=0.0)
    loss = 0.5 * (label * d.pow(2) + (1 - label) * F.relu(1.5 - d).pow(2)).mean()
    assert told["contrastive"] == pytest.approx(float(loss.detach()), abs=1e-6)
    assert gap(moved, loss, own) <= 1e-6


TRIPLETS = """
system Triplets(margin: float = 0.3)(anchor: [N, 5], like: [N, 5], other: [N, 5]) {
  net = Linear(2) -> tanh
  a = net(anchor)
  loss triplet = mean(relu(norm(a - net(like), axis=1) - norm(a - net(other), axis=1) + margin))
  train net on triplet with sgd(lr=1.0)
}
"""


def test_s204_triplets() -> None:
    training = begun(TRIPLETS, steps=1)
    own = twin(training)
    batch = [normal(10, 5, seed=i) for i in range(3)]
    told, moved = descended(training, *batch)
    loss = F.triplet_margin_loss(*(own.net(x) for x in batch), margin=0.3, eps=0.0)
    assert told["triplet"] == pytest.approx(float(loss.detach()), abs=1e-6)
    assert gap(moved, loss, own) <= 1e-6


DIGITS = """
block Embed()(image: [N, 1, 8, 8]) -> [N, 2] {
  return image -> flatten(1) -> fc1: Linear(256) -> relu -> fc2: Linear(128) -> relu -> fc3: Linear(2)
}

## Two of one class are drawn together, two others pushed apart up to a margin, over all pairs of a batch.
system Clusters(margin: float = 1.0)(image: [N, 1, 8, 8], label: int[N]) {
  embed = Embed()
  z = embed(image)
  d = sqrt(relu(sum((z[:, none] - z[none]) ** 2, axis=2)) + 1e-12)
  same = label[:, none] == label[none]
  loss contrastive = mean(where(same, 0.5 * d ** 2, 0.5 * relu(margin - d) ** 2))
  train embed on contrastive with adam(lr=3e-3), cosine(warmup=50)
}
"""


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2))])
def test_s204_digits_in_two_dimensions_lie_by_class(seed: int) -> None:
    """5-NN on 360 held out digits in the plane that a network of two hidden layers maps them to, in 1,000 steps."""
    from sklearn.neighbors import KNeighborsClassifier

    from fanin.data.opening import open_data

    data = open_data("digits")
    parts = data.split(0.0, 360, seed=0)
    whole, rest = parts["train"], parts["test"]
    run = trained(DIGITS, "Clusters", whole, steps=1000, batch_size=128, seed=seed)
    value = run.value("z")

    def z(part: Any) -> Any:
        return value(image=torch.from_numpy(part["image"]).float()).detach().numpy()

    judge = KNeighborsClassifier(5).fit(z(whole), whole["label"])
    found = judge.score(z(rest), rest["label"])
    print(f"5-NN in two dimensions: {found:.3f}")
    assert found >= 0.93


# ---------------------------------------------------------------------------------------------- contrast in a batch

SIMCLR = """
## One over 2N views: the other view of a picture against all but itself (Chen et al. 2020, equation 1).
fn nt_xent(one: [N, D], two: [N, D], t: float = 0.5) -> [] {
  z = normalize(concat(one, two, axis=0), axis=1)
  scores = z @ transpose(z, 0, 1) / t
  others = masked_fill(scores, bool(eye(2 * N)), -inf)
  return cross_entropy(others, concat(arange(N) + N, arange(N), axis=0))
}

system Views(t: float = 0.5)(one: [N, 5], two: [N, 5]) {
  net = Linear(4)
  loss contrast = nt_xent(net(one), net(two), t)
  train net on contrast with sgd(lr=1.0)
}
"""


@pytest.mark.parametrize("t", [0.1, 0.5, 2.0])
def test_s206_nt_xent_by_hand(t: float) -> None:
    training = begun(SIMCLR, steps=1, t=t)
    own = twin(training)
    one, two = normal(7, 5), normal(7, 5, seed=1)
    told, moved = descended(training, one, two)
    z = torch.cat([own.net(one), own.net(two)])
    total = torch.zeros(()).double()
    for i in range(14):
        j = (i + 7) % 14
        s = [F.cosine_similarity(z[i], z[k], dim=0) / t for k in range(14)]
        total = total - torch.log(s[j].exp() / sum(s[k].exp() for k in range(14) if k != i))
    loss = total / 14
    assert told["contrast"] == pytest.approx(float(loss.detach()), abs=1e-6)
    assert gap(moved, loss, own) <= 1e-6


CLIP = """
fn symmetric(a: [N, D], b: [N, D], scale: []) -> [] {
  scores = exp(scale) * normalize(a, axis=1) @ transpose(normalize(b, axis=1), 0, 1)
  return 0.5 * (cross_entropy(scores, arange(N)) + cross_entropy(transpose(scores, 0, 1), arange(N)))
}

## Which text belongs to which picture, and which picture to which text (Radford et al. 2021, figure 3).
system Clip()(image: [N, 6], text: [N, 4]) {
  images = Linear(3)
  texts = Linear(3)
  param scale: [] = 1.0
  loss match = symmetric(images(image), texts(text), scale)
  train images, texts, scale on match with sgd(lr=1.0)
}
"""


def test_s209_pictures_and_texts() -> None:
    training = begun(CLIP, steps=1)
    own = twin(training)
    image, text = normal(8, 6), normal(8, 4, seed=1)
    told, moved = descended(training, image, text)
    total = torch.zeros(()).double()
    a, b = own.images(image), own.texts(text)
    s = [[own.scale.exp() * F.cosine_similarity(a[i], b[j], dim=0) for j in range(8)] for i in range(8)]
    for i in range(8):
        row = torch.stack(s[i])
        column = torch.stack([s[j][i] for j in range(8)])
        total = total - (row[i] - row.logsumexp(0)) / 16 - (column[i] - column.logsumexp(0)) / 16
    assert told["match"] == pytest.approx(float(total.detach()), abs=1e-6)
    assert gap(moved, total, own) <= 1e-6


@pytest.mark.parametrize("n", [2, 8, 100])
def test_s209_where_all_look_alike_it_is_log_n(n: int) -> None:
    training = begun(CLIP, steps=1)
    told, _ = descended(training, torch.ones(n, 6).double(), torch.ones(n, 4).double())
    assert told["match"] == pytest.approx(math.log(n), abs=1e-12)


# ------------------------------------------------------------------------------------------------------- noise added

NOISING = """
fn kept(steps: int) -> [steps] { return cumprod(1 - linspace(1e-4, 0.02, steps), axis=0) }

## Gaussian noise added t times at once, and a network that is to say which (Ho et al. 2020, algorithm 1).
system Noising(steps: int = 200)(x: [N, 2]) {
  net = Linear(2)
  alphas = kept(steps)
  t = randint(0, steps, N)
  signal = sqrt(alphas[t])[:, none]
  noise = sqrt(1 - alphas[t])[:, none]
  e = randn_like(x)
  noisy = signal * x + noise * e
  loss mse = mse_loss(net(noisy), e)
  train net on mse with sgd(lr=1.0)
}
"""


def test_s213_one_step_and_its_coefficients() -> None:
    """Of the squared coefficients the sum is 1, and they are diffusers' to 1e-6."""
    diffusers = pytest.importorskip("diffusers")
    training = begun(NOISING, steps=1)
    own = twin(training)
    x = normal(16, 2)
    torch.manual_seed(5)
    told, moved = descended(training, x)
    torch.manual_seed(5)
    t = torch.randint(0, 200, (16,))
    e = torch.randn(16, 2, dtype=torch.float64)
    scheduler = diffusers.DDPMScheduler(200, beta_start=1e-4, beta_end=0.02, beta_schedule="linear")
    noisy = scheduler.add_noise(x, e, t)
    loss = ((own.net(noisy) - e) ** 2).mean()
    assert told["mse"] == pytest.approx(float(loss.detach()), abs=1e-6)
    assert gap(moved, loss, own) <= 1e-6
    found = training.value("alphas")().detach()
    assert float((found - scheduler.alphas_cumprod).abs().max()) <= 1e-6
    torch.manual_seed(5)
    signal = training.value("signal")(x=x).detach()
    torch.manual_seed(5)
    noise = training.value("noise")(x=x).detach()
    torch.testing.assert_close(signal**2 + noise**2, torch.ones(16, 1).double(), rtol=0, atol=1e-12)
    assert len(signal.unique()) > 8


def test_s213_step_by_step_comes_to_the_same_law() -> None:
    """x_t from t small steps has the mean and variance of the closed form, within 2 % over 200,000 draws."""
    training = begun(NOISING, steps=1)
    alphas = training.value("alphas")().detach()
    beta = torch.linspace(1e-4, 0.02, 200, dtype=torch.float64)
    draw = torch.Generator().manual_seed(0)
    x = torch.full((200_000,), 2.0, dtype=torch.float64)
    for t in range(200):
        x = (1 - beta[t]).sqrt() * x + beta[t].sqrt() * torch.randn(x.shape, generator=draw, dtype=torch.float64)
        if t in (9, 49, 199):
            assert float(x.mean()) == pytest.approx(2 * float(alphas[t].sqrt()), rel=0.02)
            assert float(x.var()) == pytest.approx(float(1 - alphas[t]), rel=0.02)
