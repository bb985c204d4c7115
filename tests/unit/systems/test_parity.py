"""Ten steps of printed trainings against loops written by hand: the same weights to 1e-9 in float64."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from tests.unit.systems.runs import largest_difference, training_of, twin

STEPS = 10

GAN = """
block Generator()(z: [N, L]) -> [N, 6] {
  return z -> up: Linear(16) -> bn: BatchNorm1d() -> relu -> out: Linear(6)
}

block Discriminator()(x: [N, 6]) -> [N] {
  return x -> fc1: Linear(16) -> leaky_relu(0.2) -> bn: BatchNorm1d() -> fc2: Linear(1) -> squeeze(1)
}

system Gan(latent: int = 5)(real: [N, 6]) {
  gen = Generator()
  disc = Discriminator()
  fake = gen(randn(N, latent))
  loss d = mean(softplus(-disc(real))) + mean(softplus(disc(stop_gradient(fake))))
  loss g = mean(softplus(-disc(fake)))
  shown = ema(gen, decay=0.9)
  sample = shown(randn(N, latent))
  train disc on d with adam(lr=2e-3, betas=(0.5, 0.999)), clip(1.0)
  train gen on g with adam(lr=2e-3, betas=(0.5, 0.999)), every(2)
}
"""


def test_gan() -> None:
    training = training_of(GAN, steps=STEPS)
    own: Any = twin(training)
    batches = [torch.randn(8, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(i)) for i in range(STEPS)]
    torch.manual_seed(1)
    for batch in batches:
        training(batch)
    torch.manual_seed(1)
    gen, disc, shown = own.gen, own.disc, own.shown
    d_opt = torch.optim.Adam(disc.parameters(), lr=2e-3, betas=(0.5, 0.999))
    g_opt = torch.optim.Adam(gen.parameters(), lr=2e-3, betas=(0.5, 0.999))
    for step, real in enumerate(batches, 1):
        fake = gen(torch.randn(8, 5, dtype=torch.float64))
        loss = F.softplus(-disc(real)).mean() + F.softplus(disc(fake.detach())).mean()
        d_opt.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(disc.parameters(), 1.0)
        d_opt.step()
        if step % 2 == 0:
            loss = F.softplus(-disc(fake)).mean()
            g_opt.zero_grad()
            loss.backward()
            g_opt.step()
            follow(shown, gen, 0.9)
    assert largest_difference(training.system, own) < 1e-9


def follow(behind: torch.nn.Module, ahead: torch.nn.Module, decay: float) -> None:
    with torch.no_grad():
        for mine, other in zip(behind.parameters(), ahead.parameters(), strict=True):
            mine.copy_(decay * mine + (1 - decay) * other)
        for kept, taken in zip(behind.buffers(), ahead.buffers(), strict=True):
            kept.copy_(taken)


ADDED = """
model Net()(x: [N, 6]) -> [N, 6] {
  param row: [6] = normal(std=1.0)
  param column: [6] = normal(std=1.0)
  param level: [4, 6] = normal(std=1.0)
  return x + (row + column) + mean(level)
}

system Fit()(x: [N, 6]) {
  net = Net()
  loss off = mean(square(net(x)))
  train net on off with sgd(lr=0.1), clip(0.5)
}
"""


def test_weights_that_are_added_are_clipped_once() -> None:
    """Their gradient is one tensor, and that of a mean has one number for all: neither can be scaled in its place."""
    training = training_of(ADDED, steps=3)
    own: Any = twin(training)
    optimiser = torch.optim.SGD(own.net.parameters(), lr=0.1)
    for step in range(3):
        batch = torch.randn(8, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(step))
        training(batch)
        optimiser.zero_grad()
        own.net(batch).square().mean().backward()
        norm = torch.nn.utils.clip_grad_norm_(own.net.parameters(), 0.5)
        assert norm > 0.5
        optimiser.step()
    assert largest_difference(training.system, own) < 1e-12


CYCLE_GAN = """
block Translator()(x: [N, C, H, W]) -> [N, C, H, W] {
  return x -> down: Conv2d(6, 3, padding=1) -> norm: InstanceNorm2d() -> relu -> up: Conv2d(C, 3, padding=1) -> tanh
}

block Critic()(x: [N, C, H, W]) {
  return x -> first: Conv2d(6, 3, stride=2, padding=1) -> leaky_relu(0.2) -> last: Conv2d(1, 3, padding=1)
}

fn judged(score: [*S], real: float) -> [] { return mean((score - real) ** 2) }

system CycleGan(cycle: float = 10.0, same: float = 5.0)(a: [N, 3, H, W], b: [M, 3, H, W]) {
  to_b = Translator()
  to_a = Translator()
  critic_a = Critic()
  critic_b = Critic()

  fake_b = to_b(a)
  fake_a = to_a(b)
  loss fool = judged(critic_b(fake_b), 1) + judged(critic_a(fake_a), 1)
  loss back = l1_loss(to_a(fake_b), a) + l1_loss(to_b(fake_a), b)
  loss unchanged = l1_loss(to_b(b), b) + l1_loss(to_a(a), a)
  loss translate = fool + cycle * back + same * unchanged
  loss da = 0.5 * (judged(critic_a(a), 1) + judged(critic_a(stop_gradient(fake_a)), 0))
  loss db = 0.5 * (judged(critic_b(b), 1) + judged(critic_b(stop_gradient(fake_b)), 0))

  train to_a, to_b on translate with adam(lr=2e-3, betas=(0.5, 0.999)), linear(after=4)
  train critic_a on da with adam(lr=2e-3, betas=(0.5, 0.999)), linear(after=4)
  train critic_b on db with adam(lr=2e-3, betas=(0.5, 0.999)), linear(after=4)
}
"""


def test_cyclegan() -> None:
    training = training_of(CYCLE_GAN, steps=STEPS)
    own: Any = twin(training)
    draw = torch.Generator().manual_seed(0)
    batches = [[torch.rand(n, 3, 8, 8, dtype=torch.float64, generator=draw) for n in (2, 3)] for _ in range(STEPS)]
    for batch in batches:
        training(*batch)
    translators = torch.optim.Adam([*own.to_a.parameters(), *own.to_b.parameters()], lr=2e-3, betas=(0.5, 0.999))
    critics = [torch.optim.Adam(c.parameters(), lr=2e-3, betas=(0.5, 0.999)) for c in (own.critic_a, own.critic_b)]
    for step, (a, b) in enumerate(batches):
        for optimiser in (translators, *critics):
            # the full rate up to step 4, then a straight line that would end at 0 behind the last step
            optimiser.param_groups[0]["lr"] = 2e-3 * (1 - max(step - 4, 0) / (STEPS - 4))
        # the translators, on critics that are frozen
        fake_b, fake_a = own.to_b(a), own.to_a(b)
        loss = ((own.critic_b(fake_b) - 1) ** 2).mean() + ((own.critic_a(fake_a) - 1) ** 2).mean()
        loss = loss + 10 * ((own.to_a(fake_b) - a).abs().mean() + (own.to_b(fake_a) - b).abs().mean())
        loss = loss + 5 * ((own.to_b(b) - b).abs().mean() + (own.to_a(a) - a).abs().mean())
        translators.zero_grad()
        loss.backward()
        translators.step()
        # each critic, on what the translators as they are now make
        with torch.no_grad():
            fakes = own.to_a(b), own.to_b(a)
        for critic, real, fake, optimiser in zip((own.critic_a, own.critic_b), (a, b), fakes, critics, strict=True):
            optimiser.zero_grad()
            (0.5 * (((critic(real) - 1) ** 2).mean() + (critic(fake) ** 2).mean())).backward()
            optimiser.step()
    assert largest_difference(training.system, own) < 1e-9


BYOL = """
block Encoder()(x: [N, 6]) -> [N, 8] { return x -> fc: Linear(8) -> bn: BatchNorm1d() -> relu }

block Mlp(hidden: int, out: int)(x: [N, D]) -> [N, out] {
  return x -> fc1: Linear(hidden) -> bn: BatchNorm1d() -> relu -> fc2: Linear(out)
}

fn apart(p: [N, D], z: [N, D]) -> [] {
  return mean(2 - 2 * sum(normalize(p, axis=1) * normalize(z, axis=1), axis=1))
}

system Byol(hidden: int = 12, out: int = 4)(one: [N, 6], two: [N, 6]) {
  online = encoder: Encoder() -> projector: Mlp(hidden, out)
  predictor = Mlp(hidden, out)
  target = ema(online, decay=0.9)
  p1 = one -> online -> predictor
  p2 = two -> online -> predictor
  loss agree = apart(p1, target(two)) + apart(p2, target(one))
  train online, predictor on agree with lars(lr=0.2, weight_decay=1.5e-6), cosine(warmup=3)
}
"""


def test_byol() -> None:
    training = training_of(BYOL, steps=STEPS)
    own: Any = twin(training)
    draw = torch.Generator().manual_seed(0)
    batches = [[torch.rand(8, 6, dtype=torch.float64, generator=draw) for _ in range(2)] for _ in range(STEPS)]
    for batch in batches:
        training(*batch)
    weights = [*own.online.parameters(), *own.predictor.parameters()]
    momenta = [torch.zeros_like(w) for w in weights]

    def apart(p: Tensor, z: Tensor) -> Tensor:
        return (2 - 2 * (F.normalize(p, dim=1) * F.normalize(z, dim=1)).sum(1)).mean()

    own.train()  # the target sees a batch as the online network does
    for step, (one, two) in enumerate(batches):
        p1, p2 = own.predictor(own.online(one)), own.predictor(own.online(two))
        with torch.no_grad():
            t2, t1 = own.target(two), own.target(one)
        gradients = torch.autograd.grad(apart(p1, t2) + apart(p2, t1), weights)
        rate = min(1, (step + 1) / 3) * 0.2 * (1 + math.cos(math.pi * max(step - 3, 0) / (STEPS - 3))) / 2
        with torch.no_grad():
            for w, g, m in zip(weights, gradients, momenta, strict=True):
                if w.ndim > 1:
                    g = g + 1.5e-6 * w
                    g = g * (1e-3 * w.norm() / (g.norm() + 1e-8))
                m.mul_(0.9).add_(g)
                w -= rate * m
        follow(own.target, own.online, 0.9)
    assert largest_difference(training.system, own) < 1e-9


DDPM = """
block Net()(x: [N, 6], t: int[N]) -> [N, 6] {
  time = (float(t)[:, none] / 20) -> time1: Linear(8) -> silu
  return concat(x, time, axis=1) -> fc1: Linear(16) -> silu -> dropout(0.1) -> fc2: Linear(6)
}

fn schedule(steps: int) -> [steps] { return cumprod(1 - linspace(1e-4, 0.02, steps), axis=0) }

system Ddpm(steps: int = 20)(x: [N, 6]) {
  net = Net()
  shown = ema(net, decay=0.99)
  alphas = schedule(steps)
  t = randint(0, steps, N)
  noise = randn_like(x)
  a = alphas[t][:, none]
  noisy = sqrt(a) * x + sqrt(1 - a) * noise
  loss simple = mse_loss(net(noisy, t), noise)
  guess = shown(x, t)
  train net on simple with adamw(lr=2e-3), clip(1.0), constant(warmup=5)
}
"""


def test_ddpm() -> None:
    training = training_of(DDPM, steps=STEPS)
    own: Any = twin(training)
    own.train()
    draw = torch.Generator().manual_seed(0)
    batches = [torch.randn(8, 6, dtype=torch.float64, generator=draw) for _ in range(STEPS)]
    torch.manual_seed(3)
    for batch in batches:
        training(batch)
    torch.manual_seed(3)
    optimiser = torch.optim.AdamW(own.net.parameters(), lr=2e-3)
    alphas = (1 - torch.linspace(1e-4, 0.02, 20, dtype=torch.float64)).cumprod(0)
    for step, x in enumerate(batches):
        t = torch.randint(0, 20, (8,))
        noise = torch.randn_like(x)
        a = alphas[t][:, None]
        loss = F.mse_loss(own.net(a.sqrt() * x + (1 - a).sqrt() * noise, t), noise)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(own.net.parameters(), 1.0)
        optimiser.param_groups[0]["lr"] = 2e-3 * min(1, (step + 1) / 5)
        optimiser.step()
        follow(own.shown, own.net, 0.99)
    assert largest_difference(training.system, own) < 1e-9


STAGED = """
system Staged()(x: [N, 6], label: int[N]) {
  encoder = fc: Linear(8) -> bn: BatchNorm1d() -> relu
  head = Linear(3)
  logits = head(encoder(x))
  loss ce = cross_entropy(logits, label)
  weight = ramp(1.0, 0.0, steps=3)
  loss eased = ce + weight * mean(logits ** 2)
  opt = adam(lr=1e-2)
  stage warm for 4 steps { train head on eased with sgd(lr=0.1, momentum=0.9) }
  stage full for 6 steps {
    train encoder on ce with opt, accumulate(2)
    train head on eased with opt, step(at=[3], factor=0.5)
  }
}
"""


def test_staged() -> None:
    training = training_of(STAGED)
    own: Any = twin(training)
    draw = torch.Generator().manual_seed(0)
    batches = [
        (
            torch.randn(8, 6, dtype=torch.float64, generator=draw),
            torch.randint(3, (8,), generator=draw),
        )
        for _ in range(STEPS)
    ]
    for batch in batches:
        training(*batch)
    assert training.done
    encoder, head = own.encoder, own.head
    encoder.eval()  # frozen in the first stage, its statistics too
    sgd = torch.optim.SGD(head.parameters(), lr=0.1, momentum=0.9)
    for step, (x, label) in enumerate(batches[:4]):
        with torch.no_grad():
            inner = encoder(x)
        logits = head(inner)
        loss = F.cross_entropy(logits, label) + (1 - min(step / 3, 1)) * (logits**2).mean()
        sgd.zero_grad()
        loss.backward()
        sgd.step()
    encoder.train()
    first, second = list(encoder.parameters()), list(head.parameters())
    adam = torch.optim.Adam([*first, *second], lr=1e-2)
    kept: list[Tensor] = []
    for step, (x, label) in enumerate(batches[4:]):
        inner = encoder(x)
        gradients = torch.autograd.grad(F.cross_entropy(head(inner), label) / 2, first, retain_graph=True)
        moved = step % 2 == 1
        if moved:
            for weight, before, now in zip(first, kept, gradients, strict=True):
                weight.grad = before + now
            adam.param_groups[0]["lr"] = 1e-2
            adam.step()
            for weight in first:
                weight.grad = None
            inner = encoder(x)  # on the weights that the line above has left
        kept = list(gradients)
        logits = head(inner)
        loss = F.cross_entropy(logits, label) + (1 - min(step / 3, 1)) * (logits**2).mean()
        for weight, slope in zip(second, torch.autograd.grad(loss, second), strict=True):
            weight.grad = slope
        adam.param_groups[0]["lr"] = 1e-2 * (0.5 if step >= 3 else 1)
        adam.step()
        for weight in second:
            weight.grad = None
    names = [name for name, _ in training.system.named_parameters()]
    mine, theirs = dict(training.system.named_parameters()), dict(own.named_parameters())
    assert max(float((mine[n] - theirs[n]).abs().max().item()) for n in names) < 1e-9
