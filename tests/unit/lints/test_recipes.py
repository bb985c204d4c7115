"""Recipes that train something else than they say, each mistake from several sides; and recipes as they should be."""

from __future__ import annotations

import pytest
import torch

from fanin import pipeline
from fanin.diagnostics.model import Diagnostic
from fanin.report import CheckFailed
from tests.unit.systems.runs import program_of, training_of

NETS = """
block Net(width: int = 8)(x: [N, D]) -> [N, 4] { return x -> fc1: Linear(width) -> relu -> fc2: Linear(4) }
block Critic()(x: [N, 4]) -> [N] { return x -> fc1: Linear(8) -> relu -> fc2: Linear(1) -> squeeze(1) }
block Judge()(x: [N, 4]) -> [N] { return x -> fc1: Linear(8) -> relu -> fc2: Linear(1) -> sigmoid -> squeeze(1) }
block Soft()(x: [N, D]) -> [N, 4] { return x -> fc1: Linear(4) -> softmax(axis=1) }
fn cosine_of(a: [N, D], b: [N, D]) -> [N] { return sum(normalize(a, axis=1) * normalize(b, axis=1), axis=1) }
fn away(a: [N, D], b: [N, D]) -> [] { return mean(2 - 2 * cosine_of(a, b)) }
"""
VIEWS = "system S()(one: [N, 6], two: [N, 6]) {\n  net = Net()\n"
FIT = "system S()(x: [N, 6], y: int[N]) {\n  net = Net()\n"
GAN = "system S()(x: [N, 4]) {\n  gen = Net()\n  critic = CRITIC()\n  fake = gen(randn(N, 3))\n"
OF_VIEWS = "  train net on l with sgd(lr=0.1)\n}"
ON = "  train net on ce with sgd(lr=0.1)\n}"
OF_GAN = "  train critic on d with adam(lr=1e-3)\n  train gen on g with adam(lr=1e-3)\n}"
CE = "  loss ce = cross_entropy(net(x), y)\n"

# By code, systems with one mistake; `@@` stands in the line that is at fault.
MISTAKES: dict[str, list[str]] = {
    "SYS704": [
        FIT + "  loss ce = cross_entropy(stop_gradient(net(x)), y)\n  train net on ce with sgd(lr=0.1) @@\n}",
        FIT + "  loss ce = mean(float(argmax(net(x), axis=1) == y))\n  train net on ce with sgd(lr=0.1) @@\n}",
        FIT + "  other = Net()\n" + CE + "  loss l = cross_entropy(other(x), y)\n  train net on ce with sgd(lr=0.1)\n"
        "  train other.fc1 on l with sgd(lr=0.1)\n  train other.fc2 on ce with sgd(lr=0.1) @@\n}",
    ],
    "SYS705": [
        FIT + "  param scale: [] = ones @@\n  loss ce = cross_entropy(net(x) * scale, y)\n" + ON,
        FIT + "  head = Linear(4) @@\n  loss ce = cross_entropy(net(x) + head(x), y)\n" + ON,
        "system S()(x: [N, 6], y: int[N]) {\n  net = Net()\n  extra = Linear(4) @@\n  use = extra(x)\n" + CE + ON,
    ],
    "SYS706": [
        GAN.replace("CRITIC", "Critic") + "  loss d = mean(softplus(critic(fake))) + mean(softplus(-critic(x)))\n"
        "  loss g = mean(softplus(-critic(fake)))\n  train critic on d with adam(lr=1e-3) @@\n"
        "  train gen on g with adam(lr=1e-3)\n}",
    ],
    "SYS707": [
        FIT + CE + "  loss l = mean(net(x) ** 2)\n  train net on ce with adam(lr=0.1)\n  train net.fc1 on l with sgd(lr=0.1) @@\n}",
        FIT + CE + "  train net.*.bias on ce with sgd(lr=0.1)\n  train net.fc1 on ce with sgd(lr=0.1) @@\n}",
        FIT + CE + "  loss l = mean(net(x) ** 2)\n  train net on ce with sgd(lr=0.1)\n  train net on l with sgd(lr=0.1) @@\n"
        "  stage a for 5 steps { train net on ce with sgd(lr=0.1) }\n  stage b for 5 steps { }\n}",
    ],
    "SYS709": [
        FIT.replace("Net()", "Soft()") + "  loss ce = cross_entropy(net(x), y) @@\n" + ON,
        FIT + "  p = softmax(net(x), axis=1)\n  loss ce = cross_entropy(p, y) @@\n" + ON,
        "fn score(p: [N, C], y: int[N]) -> [] { return cross_entropy(p, y) } @@\n"
        + FIT.replace("Net()", "Soft()") + "  loss ce = score(net(x), y)\n" + ON,
        GAN.replace("CRITIC", "Judge") + "  loss d = mean(softplus(critic(stop_gradient(fake)))) + mean(softplus(-critic(x))) @@\n"
        "  loss g = -mean(log(critic(fake)))\n" + OF_GAN,
        GAN.replace("CRITIC", "Judge") + "  loss d = binary_cross_entropy_with_logits(critic(x), 1) @@\n"
        "  loss g = -mean(log(critic(fake)))\n" + OF_GAN,
    ],
    "SYS710": [
        FIT + CE + "  train net.fc3 on ce with sgd(lr=0.1) @@\n}",
        FIT + CE + "  train net.fc1.wieght on ce with sgd(lr=0.1) @@\n}",
        FIT + CE + "  train net.*.scale on ce with sgd(lr=0.1) @@\n}",
    ],
    "SYS711": [FIT + CE + "  stage a for 3 steps { train net on ce with sgd(lr=0.1) }\n  stage b for 3 steps { } @@\n}"],
    "SYS712": [
        VIEWS + "  s = cosine_of(net(one), net(two)) / 0.5\n  loss l = -mean(log(exp(s) / ((2 * N - 1) * exp(s)))) @@\n" + OF_VIEWS,
        VIEWS + "  s = cosine_of(net(one), net(two)) / 0.5\n  e = exp(s)\n  others = 1 - eye(N)\n"
        "  loss l = -mean(log(e / sum(e[:, none] * others, axis=1))) @@\n" + OF_VIEWS,
        "fn nt(a: [N, D], b: [N, D]) -> [] {\n  s = cosine_of(a, b) / 0.1\n  all = masked_fill(broadcast_to(s[:, none], N, N), bool(eye(N)), -inf)\n"
        "  return mean(logsumexp(all, axis=1) - s)\n}\n" + VIEWS + "  loss l = nt(net(one), net(two)) @@\n" + OF_VIEWS,
        VIEWS + "  s = cosine_of(net(one), net(two))\n  loss l = cross_entropy(s[:, none], arange(N) * 0) @@\n" + OF_VIEWS,
        VIEWS + "  s = cosine_of(net(one), net(two))\n  loss l = mean((s - 1) ** 2) + mean(softmax(s[:, none], axis=1)) @@\n" + OF_VIEWS,
        FIT + "  h = net(x)\n  loss ce = cross_entropy(h, y) + 0.1 * mean(h - h) @@\n" + ON,
        FIT + "  h = net(x)\n  loss ce = cross_entropy(h, y) - 0.1 * mean(float(argmax(h, axis=1) == y)) @@\n" + ON,
    ],
    "SYS713": [
        VIEWS + "  loss l = mse_loss(net(one), net(two)) @@\n" + OF_VIEWS,
        VIEWS + "  loss l = mean((net(one) - net(two)) ** 2) @@\n" + OF_VIEWS,
        VIEWS + "  loss l = away(net(one), net(two)) @@\n" + OF_VIEWS,
        VIEWS + "  predictor = Linear(4)\n  a = net(one)\n  b = net(two)\n"
        "  loss l = 0.5 * away(predictor(a), b) + 0.5 * away(predictor(b), a) @@\n"
        "  train net, predictor on l with sgd(lr=0.1)\n}",
        VIEWS + "  loss l = -mean(cosine_similarity(net(one), net(two), axis=1)) @@\n" + OF_VIEWS,
    ],
    "SYS714": [
        GAN.replace("CRITIC", "Critic") + "  loss d = -mean(log(critic(x))) - mean(log(1 - critic(stop_gradient(fake)))) @@\n"
        "  loss g = mean(softplus(-critic(fake)))\n" + OF_GAN,
        GAN.replace("CRITIC", "Critic") + "  loss d = binary_cross_entropy(critic(x), ones(N)) @@\n"
        "  loss g = mean(softplus(-critic(fake)))\n" + OF_GAN,
        FIT + "  loss ce = nll_loss(net(x), y) @@\n" + ON,
        FIT.replace("Net()", "Soft()") + "  loss ce = nll_loss(net(x), y) @@\n" + ON,
        "fn fooled(p: [N]) -> [] { return -mean(log(p)) } @@\n" + GAN.replace("CRITIC", "Critic")
        + "  loss d = mean(softplus(-critic(x))) + mean(softplus(critic(stop_gradient(fake))))\n  loss g = fooled(critic(fake))\n" + OF_GAN,
    ],
    "SYS715": [FIT + CE + "  train net on ce with sgd(lr=1.0) @@\n  stage a for 3 steps { train net on ce with sgd(lr=0.1) }\n}"],
    "TRN801": [
        FIT + CE + "  train net on ce with lbfgs(lr=0.1), accumulate(4) @@\n}",
        FIT + CE + "  stage a for 9 steps {\n    train net on ce with lbfgs(), clip(1.0) @@\n  }\n}",
    ],
    "TRN802": [
        FIT + CE + "  stage a for 50 steps {\n    train net on ce with sgd(lr=0.1), cosine(warmup=100) @@\n  }\n}",
        FIT + CE + "  train net on ce with sgd(lr=0.1), linear(after=100) @@\n  stage a for 100 steps { }\n}",
        FIT + CE + "  train net on ce with sgd(lr=0.1), step(every=200, factor=0.1) @@\n  stage a for 100 steps { }\n}",
        FIT + CE + "  train net on ce with sgd(lr=0.1), step(at=[50, 150], factor=0.1) @@\n  stage a for 100 steps { }\n}",
    ],
    "TRN803": [
        FIT + CE + "  train net on ce with sgd(lr=0.1), every(20) @@\n  stage a for 10 steps { }\n}",
        FIT + CE + "  train net on ce with sgd(lr=0.1), accumulate(20) @@\n  stage a for 10 steps { }\n}",
        FIT + CE + "  train net on ce with sgd(lr=0.1), every(4), accumulate(3) @@\n  stage a for 10 steps { }\n}",
    ],
    "TRN804": [
        FIT + "  r = ramp(0, 1, steps=500) @@\n  loss ce = r * cross_entropy(net(x), y)\n"
        "  train net on ce with sgd(lr=0.1)\n  stage a for 100 steps { }\n  stage b for 200 steps { }\n}",
    ],
    "TRN805": [
        FIT + CE + "  train net on ce with muon(lr=0.02) @@\n}",
        FIT + CE + "  stage a for 9 steps {\n    train net.*.bias on ce with muon() @@\n  }\n}",
        FIT + CE + "  train net.*.weight on ce with muon()\n  train net.*.bias on ce with muon() @@\n}",
    ],
}  # fmt: skip
CASES = [(code, i) for code, specs in MISTAKES.items() for i in range(len(specs))]


def checked(text: str) -> tuple[Diagnostic, ...]:
    return pipeline.check_text(text).diagnostics


@pytest.mark.parametrize(("code", "number"), CASES, ids=str)
def test_a_mistake_is_found_where_it_is(code: str, number: int) -> None:
    marked = NETS + MISTAKES[code][number]
    found = checked(marked.replace(" @@", ""))
    lines = {d.span.source.text[: d.span.start].count("\n") for d in found if d.code.id == code}
    assert lines == {marked[: marked.index("@@")].count("\n")}, [(d.code.id, d.headline, d.span.text) for d in found]
    assert {d.code.id for d in found} - {"NAM202"} <= {code, "SYS705", "SYS713" if code == "SYS712" else code}


GOOD = [
    FIT + CE + ON,
    FIT + CE + "  train net.*.weight on ce with muon()\n  train net.*.bias on ce with adamw()\n}",
    # parts of one leaf under two optimisers, followers that are asked for, lengths that fit
    FIT + CE + "  train net.*.weight on ce with adam(lr=0.1)\n  train net.*.bias on ce with sgd(lr=0.1)\n}",
    FIT + CE + "  slow = ema(net, decay=0.9)\n  shown = slow(x)\n" + ON,
    FIT + CE + "  r = ramp(0, 1, steps=50)\n  loss l = r * ce\n  train net on l with sgd(lr=0.1), cosine(warmup=10), every(2)\n  stage a for 100 steps { }\n}",
    FIT + CE + "  train net on ce with sgd(lr=0.1), cosine(warmup=1000)\n  stage a for 1 epochs { }\n}",
    FIT + CE + "  train net on ce with lbfgs(), every(2)\n}",
    "system S()(x: [N, 6], y: [N]) {\n  param w: [6] = zeros\n  loss l = mean((x @ w - y) ** 2)\n  g = grad(l, w)\n  update w = w - 0.1 * g\n}",
    # contrastive, with negatives, slow copies, stopped gradients, variance kept up
    VIEWS + "  z = normalize(concat(net(one), net(two), axis=0), axis=1)\n  s = masked_fill(z @ transpose(z, 0, 1) / 0.5, bool(eye(2 * N)), -inf)\n"
    "  loss l = cross_entropy(s, (arange(2 * N) + N) % (2 * N))\n" + OF_VIEWS,
    VIEWS + "  a = normalize(net(one), axis=1)\n  b = normalize(net(two), axis=1)\n  s = exp(a @ transpose(b, 0, 1))\n"
    "  loss l = -mean(log(diagonal(s) / sum(s, axis=1)))\n" + OF_VIEWS,
    VIEWS + "  slow = ema(net, decay=0.9)\n  predictor = Linear(4)\n  loss l = away(predictor(net(one)), slow(two))\n"
    "  train net, predictor on l with sgd(lr=0.1)\n}",
    VIEWS + "  predictor = Linear(4)\n  a = net(one)\n  b = net(two)\n"
    "  loss l = away(predictor(a), stop_gradient(b)) + away(predictor(b), stop_gradient(a))\n"
    "  train net, predictor on l with sgd(lr=0.1)\n}",
    VIEWS + "  a = net(one)\n  b = net(two)\n  loss l = mse_loss(a, b) + mean(relu(1 - std(a, axis=0)))\n" + OF_VIEWS,
    VIEWS + "  a = net(one)\n  b = net(two)\n  loss l = mean((a - b) ** 2) - mean((a - roll(b, 1, axis=0)) ** 2)\n" + OF_VIEWS,
    VIEWS + "  back = Net()\n  loss l = mse_loss(net(one), two[:, :4])\n" + OF_VIEWS.replace("net on", "net on").replace("\n}", "\n  train back on m with sgd(lr=0.1)\n}").replace("  train net", "  loss m = mse_loss(back(two), one[:, :4])\n  train net", 1),
    # the losses of a GAN, with logits and with probabilities
    GAN.replace("CRITIC", "Critic") + "  loss d = mean(softplus(-critic(x))) + mean(softplus(critic(stop_gradient(fake))))\n  loss g = mean(softplus(-critic(fake)))\n" + OF_GAN,
    GAN.replace("CRITIC", "Judge") + "  loss d = -mean(log(critic(x))) - mean(log(1 - critic(stop_gradient(fake))))\n  loss g = -mean(log(critic(fake)))\n" + OF_GAN,
    GAN.replace("CRITIC", "Judge") + "  loss d = binary_cross_entropy(critic(x), ones(N)) + binary_cross_entropy(critic(stop_gradient(fake)), zeros(N))\n  loss g = binary_cross_entropy(critic(fake), ones(N))\n" + OF_GAN,
    FIT + "  loss ce = nll_loss(log_softmax(net(x), axis=1), y)\n" + ON,
    # the entropy of a teacher is a constant that is meant
    FIT + "  slow = ema(net, decay=0.9)\n  p = softmax(slow(x), axis=1)\n  q = log_softmax(net(x), axis=1)\n"
    "  loss ce = mean(sum(p * log(p), axis=1)) - mean(sum(p * q, axis=1))\n" + ON,
    # what a stage grows is there in that stage
    "block Deep(depth: int)(x: [N, 6]) -> [N, 4] {\n  if depth > 1 { x = x -> more: Linear(6) -> relu }\n  return x -> head: Linear(4)\n}\n"
    "system S(depth: int = 1)(x: [N, 6], y: int[N]) {\n  net = Deep(depth)\n" + CE
    + "  stage a for 5 steps { train net on ce with sgd(lr=0.1) }\n  stage b(depth=2) for 5 steps { train net.more on ce with sgd(lr=0.1) }\n}",
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(GOOD)))
def test_a_recipe_as_it_should_be_has_no_finding(number: int) -> None:
    found = [(d.code.id, d.headline, d.span.text) for d in checked(NETS + GOOD[number])]
    assert [told for told in found if told[0][:3] not in ("STR", "CST") and told[0] != "NAM202"] == []


def test_what_a_stage_grows_is_checked_as_well() -> None:
    text = GOOD[-1].replace("net.more", "net.mare")
    assert [d.span.text for d in checked(NETS + text) if d.code.id == "SYS710"] == ["net.mare"]


@pytest.mark.parametrize("number", range(5))
def test_what_is_said_to_be_constant_has_no_gradient(number: int) -> None:
    """By autograd, on the compiled system: the gradient of the loss, or of its constant term, is 0."""
    text = (NETS + MISTAKES["SYS712"][number].replace(" @@", "")).replace("mean((s - 1) ** 2) + ", "")
    training = training_of(text, steps=5)
    draw = torch.Generator().manual_seed(number)
    one, two = (torch.randn(7, 6, dtype=torch.float64, generator=draw) for _ in range(2))
    loss = next(training.system.step_l(one, two))["l"]
    slopes = torch.autograd.grad(loss, list(training.system.parameters()), allow_unused=True)
    assert max(float(s.abs().max()) for s in slopes if s is not None) < 1e-12


@pytest.mark.parametrize("number", range(len(MISTAKES["SYS713"])))
def test_what_is_said_to_collapse_is_least_at_a_constant(number: int) -> None:
    """With weights of 0 but for the biases, the network is constant, and the loss no larger than for other weights."""
    training = training_of(NETS + MISTAKES["SYS713"][number].replace(" @@", ""), steps=5)
    one, two = torch.randn(9, 6, dtype=torch.float64), torch.randn(9, 6, dtype=torch.float64)
    before = next(training.system.step_l(one, two))["l"]
    with torch.no_grad():
        for name, weight in training.system.named_parameters():
            if name.endswith("weight") and not name.startswith("predictor"):
                weight.zero_()
            if name.startswith("predictor"):
                weight.copy_(torch.eye(4) if weight.ndim == 2 else torch.zeros(4))
    after = next(training.system.step_l(one, two))["l"]
    assert after < before and after < 1e-9


POOLS = """
block Pool()(x: [B, D, T]) -> [B, D] { return x -> mean: AdaptiveAvgPool1d(T / 2) -> sum(axis=2) }
system S(k: int = K)(left: [B, 4, 6], right: [B, 4, k], y: [B, 4]) {
  pool = Pool()
  net = Linear(4)
  loss l = mse_loss(net(pool(left) + pool(right)), y)
  train net on l with sgd(lr=0.1)
  STAGES
}
"""
STAGED = "stage a for 2 steps { }\n  stage b(k=8) for 2 steps { }"


@pytest.mark.parametrize(("k", "stages", "wanted"), [(6, "", []), (8, "", ["OUT801"]), (6, STAGED, ["OUT801"])])
def test_a_training_without_a_program_is_found_by_check(k: int, stages: str, wanted: list[str]) -> None:
    """Also where it is a stage alone whose networks have none."""
    text = POOLS.replace("K)", f"{k})").replace("STAGES", stages)
    assert [d.code.id for d in checked(text) if d.is_fatal] == wanted
    if wanted:
        with pytest.raises(CheckFailed):
            program_of(text)
    else:
        program_of(text)
