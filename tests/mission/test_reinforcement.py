"""Learning from rewards: systems of a few lines, taken step by step around an environment, next to rules by hand.

Rows S165, S174, S177, S178, S179, S182, S188, S189.
"""

from __future__ import annotations

import copy
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.unit.systems.runs import training_of, twin

# -------------------------------------------------------------------------------------------------- a 4 x 4 grid

SIDE, GOAL = 4, 15
MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))


def moved(state: int, action: int) -> int:
    """The place after a move; a wall keeps it."""
    y, x = divmod(state, SIDE)
    y, x = y + MOVES[action][0], x + MOVES[action][1]
    return y * SIDE + x if 0 <= y < SIDE and 0 <= x < SIDE else state


def distance(state: int) -> int:
    return 2 * SIDE - 2 - sum(divmod(state, SIDE))


def optimal_values(gamma: float) -> Tensor:
    """Q of the grid by value iteration: 1 on reaching the goal, 0 otherwise."""
    q = torch.zeros(16, 4, dtype=torch.float64)
    for _ in range(100):
        for s, a in product(range(15), range(4)):
            to = moved(s, a)
            q[s, a] = 1.0 if to == GOAL else gamma * q[to].max()
    return q


# ------------------------------------------------------------------------------------------------ policy gradients

REINFORCE = """
fn shaped(reward: [], signed: bool) -> [] { return (sign(reward) if signed else reward) }

system Reinforce(states: int = 16, actions: int = 4, lr: float = 1.0, slow: float = 0.05, signed: bool = false)
    (state: int[T], action: int[T], reward: []) {
  policy = Linear(actions, bias=false, init=zeros)
  buffer mean_reward: [] = zeros
  scores = policy(float(one_hot(state, states)))
  p = softmax(scores, axis=1)
  taken = gather(log_softmax(scores, axis=1), 1, action[:, none])
  loss pg = -sum(taken) * shaped(reward - mean_reward, signed)
  update mean_reward = mean_reward + slow * (reward - mean_reward)
  train policy on pg with sgd(lr=lr)
}
"""


def greedy_length(best: Tensor, start: int = 0) -> int:
    """How many moves the best actions take to the goal, at most 50."""
    state, count = start, 0
    while state != GOAL and count < 50:
        state, count = moved(state, int(best[state])), count + 1
    return count


@pytest.mark.parametrize("signed", [False, True])
def test_s174_one_episode_is_the_formula(signed: bool) -> None:
    """Five steps: sample, take the sample as the teacher, add up, multiply by the reward or its sign, apply."""
    training = training_of(REINFORCE, hyper={"signed": signed, "lr": 0.3}, steps=4)
    w = torch.zeros(4, 16, dtype=torch.float64)
    mean = 0.0
    draw = torch.Generator().manual_seed(0)
    for reward in (0.7, -0.4, 0.2, 0.1):
        state, action = torch.randint(16, (6,), generator=draw), torch.randint(4, (6,), generator=draw)
        training(state, action, torch.tensor(reward, dtype=torch.float64))
        change = torch.zeros_like(w)
        for s, a in zip(state.tolist(), action.tolist(), strict=True):
            teacher = F.one_hot(torch.tensor(a), 4).double()
            change[:, s] += teacher - w[:, s].softmax(0)
        size = reward - mean
        w = w + 0.3 * (float(np.sign(size)) if signed else size) * change
        mean += 0.05 * (reward - mean)
        torch.testing.assert_close(training.system.policy.weight.detach(), w, rtol=0, atol=1e-9)


def test_s174_its_mean_is_the_gradient_of_the_expected_reward() -> None:
    """All trajectories of two steps, each with its probability, next to the gradient of what is expected exactly."""
    rewards = torch.tensor([[[0.3, -1.0], [2.0, 0.1]], [[0.5, 0.4], [-0.7, 1.1]]], dtype=torch.float64)
    scores = torch.randn(3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_(True)
    # state 0, then 1 or 2 by the first action
    p = scores.softmax(1)
    expected = sum(p[0, a] * p[1 + a, b] * rewards[a, b, 0] for a, b in product(range(2), range(2)))
    assert isinstance(expected, Tensor)
    (exact,) = torch.autograd.grad(expected, scores)
    total = torch.zeros(3, 2, dtype=torch.float64)
    for a, b in product(range(2), range(2)):
        training = training_of(REINFORCE, hyper={"states": 3, "actions": 2}, steps=1)
        with torch.no_grad():
            training.system.policy.weight.copy_(scores.detach().T)
        training(torch.tensor([0, 1 + a]), torch.tensor([a, b]), rewards[a, b, 0])
        change = training.system.policy.weight.detach().T - scores.detach()
        total += (p[0, a] * p[1 + a, b]).detach() * change
    torch.testing.assert_close(total, exact, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("signed", "lr"), [(False, 2.0), (True, 0.3)])
def test_s174_the_shortest_path_after_800_episodes(signed: bool, lr: float) -> None:
    training = training_of(REINFORCE, hyper={"signed": signed, "lr": lr}, steps=800)
    policy = training.system.policy
    draw = np.random.default_rng(0)
    for _ in range(800):
        state, states, actions = 0, [], []
        chances = policy.weight.detach().T.softmax(1).numpy()
        while state != GOAL and len(states) < 50:
            action = int(np.searchsorted(chances[state].cumsum(), draw.random() * 0.999999))
            states.append(state)
            actions.append(min(action, 3))
            state = moved(state, actions[-1])
        reward = 0.9 ** len(states) if state == GOAL else 0.0
        training(torch.tensor(states), torch.tensor(actions), torch.tensor(reward, dtype=torch.float64))
    assert greedy_length(policy.weight.detach().argmax(0)) == 6


# ---------------------------------------------------------------------------------------------- values of states

WALK = """
system Walk(states: int = 5, lr: float = 0.1, least: float = 0.005, steps: int = 9000, decay: float = 0.0)
    (state: [states], next: [states], reward: [], last: []) {
  param w: [states] = constant(0.5)
  buffer trace: [states] = zeros
  v = sum(w * state)
  metric value = v
  error = reward + (1 - last) * sum(w * next) - v
  e = decay * trace + grad(v, w)
  rate = ramp(lr, least, steps=steps)
  update w = w + ramp(lr, least, steps=steps) * error * e
  update trace = (1 - last) * e
}
"""


def walks(seed: int) -> Any:
    """Steps of walks over five states from the middle; a 1 at the right end."""
    draw = np.random.default_rng(seed)
    eye = torch.eye(5, dtype=torch.float64)
    zero = torch.zeros(5, dtype=torch.float64)
    while True:
        state = 2
        while 0 <= state <= 4:
            to = state + (1 if draw.random() < 0.5 else -1)
            over = to in (-1, 5)
            number = [torch.tensor(float(b), dtype=torch.float64) for b in (to == 5, over)]
            yield eye[state], zero if over else eye[to], *number
            state = to


@pytest.mark.parametrize("decay", [0.0, 0.8])
def test_s177_the_value_of_a_state(decay: float) -> None:
    """The chance to leave a walk at the right: i / 6."""
    training = training_of(WALK, hyper={"decay": decay, "lr": 0.1 if decay == 0 else 0.05}, steps=9000)
    source = walks(0)
    for _ in range(9000):
        training(*next(source))
    exact = torch.arange(1, 6, dtype=torch.float64) / 6
    off = float((training.system.w.detach() - exact).abs().max())
    print(f"S177 decay {decay}: {off:.3f}")
    assert off <= 0.05


TRACES = """
system Traces(lr: float = 0.1, decay: float = 1.0, offline: bool = false)(x: [3], next: [3], reward: [], last: []) {
  param w1: [6, 3] = normal(0, 0.7)
  param b1: [6] = normal(0, 0.5)
  param w2: [6] = normal(0, 0.7)
  buffer t1: [6, 3] = zeros
  buffer tb: [6] = zeros
  buffer t2: [6] = zeros
  buffer s1: [6, 3] = zeros
  buffer sb: [6] = zeros
  buffer s2: [6] = zeros
  y = sigmoid(sum(w2 * tanh(w1 @ x + b1)))
  ahead = sigmoid(sum(w2 * tanh(w1 @ next + b1)))
  metric value = y
  error = lr * (last * reward + (1 - last) * ahead - y)
  e1 = decay * t1 + grad(y, w1)
  eb = decay * tb + grad(y, b1)
  e2 = decay * t2 + grad(y, w2)
  sum1 = s1 + error * e1
  sumb = sb + error * eb
  sum2 = s2 + error * e2
  now = (last if offline else 1.0)
  update w1 = w1 + now * sum1
  update b1 = b1 + now * sumb
  update w2 = w2 + now * sum2
  update s1 = (1 - now) * sum1
  update sb = (1 - now) * sumb
  update s2 = (1 - now) * sum2
  update t1 = (1 - last) * e1
  update tb = (1 - last) * eb
  update t2 = (1 - last) * e2
}
"""


def episodes() -> list[tuple[Tensor, float]]:
    draw = torch.Generator().manual_seed(0)
    return [(torch.randn(n, 3, dtype=torch.float64, generator=draw), r) for n, r in ((5, 1.0), (1, 0.0), (7, 0.6))]


def played(training: Any) -> None:
    for xs, reward in episodes():
        for t, x in enumerate(xs):
            last = t == len(xs) - 1
            flags = [torch.tensor(float(v), dtype=torch.float64) for v in (reward, last)]
            training(x, x if last else xs[t + 1], *flags)


def valued(weights: list[Tensor], x: Tensor) -> Tensor:
    return torch.sigmoid((weights[2] * torch.tanh(weights[0] @ x + weights[1])).sum())


def test_s182_lambda_of_one_offline_is_monte_carlo() -> None:
    training = training_of(TRACES, hyper={"offline": True}, steps=13)
    own: Any = twin(training)
    weights = [own.w1, own.b1, own.w2]
    played(training)
    for xs, reward in episodes():
        loss = 0.5 * torch.stack([(reward - valued(weights, x)) ** 2 for x in xs]).sum()
        with torch.no_grad():
            for w, g in zip(weights, torch.autograd.grad(loss, weights), strict=True):
                w -= 0.1 * g
    for name, weight in (("w1", own.w1), ("b1", own.b1), ("w2", own.w2)):
        torch.testing.assert_close(training.system.get_parameter(name), weight, rtol=0, atol=1e-8)


@pytest.mark.parametrize("decay", [0.0, 0.7, 1.0])
def test_s182_the_rule_with_traces(decay: float) -> None:
    """w ← w + α (Y_t+1 - Y_t) Σ_k λ^(t-k) ∇Y_k, with gradients kept apart for every k; λ = 0 is TD(0)."""
    training = training_of(TRACES, hyper={"decay": decay}, steps=13)
    own: Any = twin(training)
    weights = [own.w1, own.b1, own.w2]
    played(training)
    for xs, reward in episodes():
        slopes: list[tuple[Tensor, ...]] = []
        for t, x in enumerate(xs):
            y = valued(weights, x)
            slopes.append(torch.autograd.grad(y, weights))
            with torch.no_grad():
                ahead = reward if t == len(xs) - 1 else valued(weights, xs[t + 1])
                for i, w in enumerate(weights):
                    e = sum(decay ** (t - k) * slope[i] for k, slope in enumerate(slopes))
                    w += 0.1 * (ahead - y) * e
    for name, weight in (("w1", own.w1), ("b1", own.b1), ("w2", own.w2)):
        torch.testing.assert_close(training.system.get_parameter(name), weight, rtol=0, atol=1e-10)


# ------------------------------------------------------------------------------------------------------ Q-learning

TABLE = """
system Table(gamma: float = 0.9, lr: float = 1.0)(state: int[], action: int[], next: int[], reward: [], last: []) {
  param q: [16, 4] = zeros
  here = float(one_hot(state, 16))[:, none] * float(one_hot(action, 4))
  target = reward + gamma * (1 - last) * amax(float(one_hot(next, 16)) @ q)
  error = target - sum(here * q)
  metric off = abs(error)
  update q = q + lr * error * here
}
"""


def test_s179_a_table_is_value_iteration() -> None:
    training = training_of(TABLE, steps=4000)
    draw = np.random.default_rng(0)
    state = 0
    for _ in range(4000):
        action = int(draw.integers(4))
        to = moved(state, action)
        over = to == GOAL
        flags = [torch.tensor(float(over), dtype=torch.float64)] * 2
        training(*(torch.tensor(v) for v in (state, action, to)), *flags)
        state = int(draw.integers(15)) if over else to
    off = float((training.system.q.detach() - optimal_values(0.9)).abs().max())
    print(f"S179 table: {off:.1e}")
    assert off <= 1e-6


DEEP = """
block Net()(x: [N, 16]) -> [N, 4] { return x -> fc1: Linear(64) -> relu -> fc2: Linear(4) }

system Deep(gamma: float = 0.9, steps: int = 1500)
    (state: int[N], action: int[N], next: int[N], reward: [N], last: [N]) {
  net = Net()
  target = copy(net, every=50)
  q = net(float(one_hot(state, 16)))
  chosen = squeeze(gather(q, 1, action[:, none]), 1)
  aim = reward + gamma * (1 - last) * amax(target(float(one_hot(next, 16))), axis=1)
  loss td = mean((stop_gradient(aim) - chosen) ** 2)
  train net on td with adam(lr=3e-3)
}
"""


def test_s179_a_network_is_greedy_and_optimal_from_everywhere() -> None:
    training = training_of(DEEP, steps=1500)
    net = training.system.net
    draw = np.random.default_rng(0)
    eye = torch.eye(16, dtype=torch.float64)
    seen: list[tuple[int, int, int, float, float]] = []
    state, length = 0, 0
    for step in range(1500):
        epsilon = max(1 - step / 1000, 0.1)  # large first, then smaller
        for _ in range(2):
            with torch.no_grad():
                greedy = int(net(eye[state : state + 1]).argmax())
            action = int(draw.integers(4)) if draw.random() < epsilon else greedy
            to = moved(state, action)
            over = to == GOAL
            seen.append((state, action, to, float(over), float(over)))
            length += 1
            state, length = (int(draw.integers(15)), 0) if over or length > 50 else (to, length)
        rows = [seen[i] for i in draw.integers(len(seen), size=64)]
        columns = [torch.tensor(c) for c in zip(*rows, strict=True)]
        training(*columns[:3], *(c.double() for c in columns[3:]))
    with torch.no_grad():
        best = net(eye).argmax(1)
    assert all(greedy_length(best, s) == distance(s) for s in range(15))


def test_s179_no_gradient_flows_into_the_target() -> None:
    """A step by hand: the target is a number."""
    training = training_of(DEEP, steps=4)
    own: Any = twin(training)
    draw = torch.Generator().manual_seed(0)
    s, a, to = (torch.randint(n, (9,), generator=draw) for n in (16, 4, 16))
    reward, last = torch.rand(9, generator=draw).double(), (torch.rand(9, generator=draw) < 0.3).double()
    found = next(training.system.step_td(s, a, to, reward, last))["td"]
    slopes = torch.autograd.grad(found, list(training.system.net.parameters()))
    with torch.no_grad():
        aim = reward + 0.9 * (1 - last) * own.net(F.one_hot(to, 16).double()).amax(1)
    loss = F.mse_loss(own.net(F.one_hot(s, 16).double())[range(9), a], aim)
    for mine, other in zip(slopes, torch.autograd.grad(loss, list(own.net.parameters())), strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=1e-12)


EPSILON = """
system Explore(first: float = 1.0, end: float = 0.1, over: int = 100)(state: [N, 6]) {
  net = Linear(4)
  buffer seen: [] = zeros
  epsilon = ramp(first, end, steps=over)
  greedy = argmax(net(state), axis=1)
  explores = rand(N) < epsilon
  action = where(explores, randint(0, 4, N), greedy)
  metric share = mean(float(explores))
  metric other = mean(float(action != greedy))
  update seen = seen + 1
}
"""


def test_s178_random_actions_with_a_chance_that_falls() -> None:
    torch.manual_seed(0)
    training = training_of(EPSILON, steps=200)
    n = 20_000
    state = torch.randn(n, 6, dtype=torch.float64)
    for step in range(151):
        told = training(state if step in (0, 50, 150) else state[:2])
        wanted = {0: 1.0, 50: 0.55, 150: 0.1}.get(step)
        if wanted is not None:
            for share, p in ((told["share"], wanted), (told["other"], 0.75 * wanted)):
                assert abs(float(share) - p) <= 3 * (p * (1 - p) / n) ** 0.5 + 1e-12


# --------------------------------------------------------------------------------- glimpses: backprop and rewards

GLIMPSE = """
fn glimpse(x: [N, D], place: [N]) -> [N, 1] {
  at = linspace(-1, 1, D)
  return sum(x * exp(-((at - place[:, none]) ** 2) / 0.02), axis=1, keepdim=true)
}

system Ram(places: int = 5, steps: int = 1500, wide: float = 1.0, narrow: float = 0.1)
    (cue: [N, places], x: [N, places], label: int[N]) {
  locate = Linear(1)
  baseline = Linear(1)
  classify = fc1: Linear(8) -> tanh -> fc2: Linear(2)
  sigma = ramp(wide, narrow, steps=steps)
  mean_place = squeeze(locate(cue), 1)
  place = stop_gradient(mean_place + sigma * randn_like(mean_place))
  scores = classify(glimpse(x, place))
  loss ce = cross_entropy(scores, label)
  right = float(argmax(scores, axis=1) == label)
  metric acc = mean(right)
  expected = squeeze(baseline(cue), 1)
  gain = stop_gradient(right - expected)
  loss where_to_look = mean(gain * (place - mean_place) ** 2 / (2 * sigma ** 2))
  loss base = mean((expected - right) ** 2)
  train classify on ce with adam(lr=1e-2)
  train locate on where_to_look with adam(lr=1e-2)
  train baseline on base with adam(lr=1e-2)
}
"""


def looks(n: int, draw: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """A row of signs; the cue says which of them is asked for."""
    at, x = torch.randint(5, (n,), generator=draw), torch.randint(2, (n, 5), generator=draw)
    return F.one_hot(at, 5).double(), 2.0 * x.double() - 1, x[range(n), at]


def test_s165_two_kinds_of_gradient() -> None:
    """Of the classifier that of the cross entropy alone, of the locations the score times the gain, for one sample."""
    training = training_of(GLIMPSE, steps=1500)
    own: Any = twin(training)
    cue, x, label = looks(30, torch.Generator().manual_seed(0))
    sigma = torch.tensor(0.6, dtype=torch.float64)
    method = training.system.step_ce_where_to_look_base
    torch.manual_seed(1)
    steps = method(cue, x, label, sigma)
    found = next(steps)
    torch.manual_seed(1)
    mean = own.locate(cue)[:, 0]
    place = (mean + sigma * torch.randn_like(mean)).detach()
    at = torch.linspace(-1, 1, 5, dtype=torch.float64)
    seen = (x * torch.exp(-((at - place[:, None]) ** 2) / 0.02)).sum(1, keepdim=True)
    scores = own.classify(seen)
    ce = F.cross_entropy(scores, label)
    mine = torch.autograd.grad(found["ce"], list(training.system.classify.parameters()))
    for one, other in zip(mine, torch.autograd.grad(ce, list(own.classify.parameters())), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)
    assert torch.autograd.grad(found["ce"], training.system.locate.weight, allow_unused=True) == (None,)
    # the classifier has not moved between the two: REINFORCE of a normal policy by hand
    found = next(steps)
    gain = (scores.argmax(1) == label).double() - own.baseline(cue)[:, 0]
    score = (place - mean) / sigma**2  # the slope of log p in the mean
    by_hand = -(gain * score).detach() @ cue / 30
    (slope,) = torch.autograd.grad(found["where_to_look"], training.system.locate.weight)
    torch.testing.assert_close(slope[0], by_hand, rtol=0, atol=1e-6)


def test_s165_it_learns_where_to_look() -> None:
    """Random places first; in the end nearly always the right one."""
    torch.manual_seed(0)
    training = training_of(GLIMPSE, steps=1500)
    draw = torch.Generator().manual_seed(0)
    shares = [float(training(*looks(64, draw))["acc"]) for _ in range(1500)]
    first, end = sum(shares[:100]) / 100, sum(shares[-100:]) / 100
    print(f"S165: {first:.2f} to {end:.2f}")
    assert end >= first + 0.15 and end >= 0.85


# ------------------------------------------------------------------------------- near a network that imitated first

NEAR = """
system Near(beta: float = 1.0, lr: float = 0.05)(state: [N, 4], shown: int[N], pays: [N, 3]) {
  policy = Linear(3)
  expert = copy(policy, at="learn")
  scores = policy(state)
  log_p = log_softmax(scores, axis=1)
  log_q = log_softmax(expert(state), axis=1)
  reward = mean(sum(exp(log_p) * pays, axis=1))
  metric far = mean(sum(exp(log_p) * (log_p - log_q), axis=1))
  loss ce = cross_entropy(scores, shown)
  loss total = beta * far - reward

  stage imitate for 200 steps { train policy on ce with adam(lr=2e-2) }
  stage learn for 800 steps { train policy on total with adam(lr=lr) }
}
"""


@pytest.mark.parametrize("beta", [0.0, 0.5, 1000.0])
def test_s188_rewards_near_the_imitation(beta: float) -> None:
    """One system: it imitates, and a copy is frozen. Of a bandit the best policy near that is q exp(r / β) / Z."""
    draw = torch.Generator().manual_seed(0)
    state = torch.eye(4, dtype=torch.float64)
    seen = torch.randint(4, (500,), generator=draw)
    shown = torch.where(torch.rand(500, generator=draw) < 0.7, seen % 3, torch.randint(3, (500,), generator=draw))
    pays = torch.rand(4, 3, dtype=torch.float64, generator=draw)
    training = training_of(NEAR, hyper={"beta": beta})
    system = training.system
    first = system.expert.weight.clone()
    for _ in range(200):
        assert torch.equal(system.expert.weight, first)
        training(state[seen], shown, pays[seen])
    learned = copy.deepcopy(system.policy)
    assert torch.equal(system.expert.weight, learned.weight) and not torch.equal(first, learned.weight)
    while not training.done:
        told = training(state, shown[:4], pays)
    assert torch.equal(system.expert.weight, learned.weight) and torch.equal(system.expert.bias, learned.bias)
    assert not system.expert.weight.requires_grad
    q, p = learned(state).detach().softmax(1), system.policy(state).detach().softmax(1)
    if beta == 0:
        assert torch.equal(p.argmax(1), pays.argmax(1)) and p.max(1).values.min() > 0.9
        return
    best = q * torch.exp(pays / beta)
    torch.testing.assert_close(p, best / best.sum(1, keepdim=True), rtol=0, atol=2e-3)
    if beta == 1000:
        torch.testing.assert_close(p, q, rtol=0, atol=2e-3)
    again = next(system.step_total(state, shown[:4], pays))
    exact = torch.distributions.kl_divergence(
        torch.distributions.Categorical(logits=system.policy(state)),
        torch.distributions.Categorical(logits=system.expert(state)),
    ).mean()
    torch.testing.assert_close(again["far"], exact, rtol=0, atol=1e-9)
    assert float(told["far"]) >= 0


# ----------------------------------------------------------------------------------------------------------- leagues

LEAGUE = """
system League(roles: int = 3, lr: float = 0.05)(game: [3, 3], against: [roles, 3]) {
  param scores: [roles, 3] = normal(0, 0.3)
  play = softmax(scores, axis=1)
  metric pay = mean(sum(play * (against @ transpose(game, 0, 1)), axis=1))
  update scores = scores + lr * against @ transpose(game, 0, 1)
}
"""
MAIN, MAIN_EXPLOITER, LEAGUE_EXPLOITER = range(3)
MEETS = {  # whom a role meets: those who learn, by role, and whose frozen copies
    MAIN: ((MAIN,), (MAIN, MAIN_EXPLOITER, LEAGUE_EXPLOITER)),
    MAIN_EXPLOITER: ((MAIN,), (MAIN,)),
    LEAGUE_EXPLOITER: ((), (MAIN, MAIN_EXPLOITER, LEAGUE_EXPLOITER)),
}


def test_s189_a_league(tmp_path: Path) -> None:
    """Three roles of one system and frozen copies, on a game like rock, paper, scissors with unequal stakes."""
    from scipy.optimize import linprog

    game = torch.tensor([[0.0, -1.0, 2.0], [1.0, 0.0, -1.0], [-2.0, 1.0, 0.0]], dtype=torch.float64)
    # the matrix game by linear programming: max v with pᵀ A >= v
    solved = linprog(
        [0, 0, 0, -1],
        A_ub=np.hstack([-game.numpy().T, np.ones((3, 1))]),
        b_ub=np.zeros(3),
        A_eq=[[1, 1, 1, 0]],
        b_eq=[1],
        bounds=[(0, 1)] * 3 + [(None, None)],
    )
    nash = torch.tensor(solved.x[:3])
    torch.manual_seed(0)
    training = training_of(LEAGUE, steps=4000)
    copies: list[tuple[int, Tensor, bytes]] = []
    total = torch.zeros(3, dtype=torch.float64)
    draw = np.random.default_rng(0)
    met: set[tuple[int, str, int]] = set()
    for step in range(4000):
        now = training.system.scores.detach().softmax(1)
        if step % 100 == 0:
            for role in range(3):
                kept = now[role].clone()
                copies.append((role, kept, kept.numpy().tobytes()))
        opponents = []
        for role, (live, past) in MEETS.items():
            choices: list[tuple[str, int, Tensor]] = [("live", r, now[r]) for r in live]
            if role != MAIN or draw.random() < 0.5:  # a main agent plays itself half of the time
                choices = choices * bool(draw.random() < 0.5) or [("past", r, p) for r, p, _ in copies if r in past]
            kind, other, play = choices[draw.integers(len(choices))]
            met.add((role, kind, other))
            opponents.append(play)
        training(game, torch.stack(opponents))
        total += now[MAIN]
    allowed = {(r, "live", o) for r, (live, _) in MEETS.items() for o in live}
    allowed |= {(r, "past", o) for r, (_, past) in MEETS.items() for o in past}
    assert met == allowed
    assert all(play.numpy().tobytes() == frozen for _, play, frozen in copies)
    off = float((total / 4000 - nash).abs().max())
    print(f"S189: {(total / 4000).tolist()} next to {nash.tolist()}, {off:.3f}")
    assert off <= 0.1
