"""Row S103: what comes back through a network is the derivative of what went forwards.

Of every op by itself: ``tests/contracts/test_differentiation.py``.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import fanin
from fanin import probe
from fanin.ir.graph import Program
from tests.models import inputs_at, module_of, open_symbols, tensors_in
from tests.specs.running import OPEN
from tests.specs.test_zoo import SMALL, ids, small

GROUPS = 6  # tensors that are moved together
MASKED = "MostlyRandom"  # of its layers nine units of ten get no gradient, as it is meant
QUICK = {"autoencoder", "bert", "gpt2", "llama", "mlp", "moe", "ntm", "realnvp", "recurrent", "vae", "without_norm"}
CHOSEN = [n for n in SMALL if n[1] != MASKED]
NETWORKS = [pytest.param(*n, marks=[] if n[0] in QUICK else [pytest.mark.slow]) for n in CHOSEN]


def network(program: Program) -> torch.nn.Module:
    """Where biases are 0, as they start, a relu of zeros stands at its kink: they are moved a little."""
    net = module_of(program).double().eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in net.parameters():
            if p.dim() == 1:
                p += 0.1 * torch.randn(p.shape, generator=generator)
    return net


def given(program: Program) -> list[Tensor]:
    found = inputs_at(program, {symbol: OPEN[symbol.name][0] for symbol in open_symbols(program)}, high=2)
    if program.name == "Bert":  # its word 0 is padding, whose row is to get no gradient
        found[0] = found[0].clamp(min=1)
    return found


@pytest.mark.parametrize(("file", "name", "hyper"), NETWORKS, ids=ids(CHOSEN))
def test_s103_the_gradient_of_every_network_of_the_zoo(file: str, name: str, hyper: dict[str, Any]) -> None:
    """In float64, as in evaluation, along random directions of all weights and inputs: PyTorch's own check."""
    program = small(file, name, hyper)
    net = network(program)
    inputs = given(program)
    weights = {k: p.detach() for k, p in net.named_parameters() if p.requires_grad}
    moved = [i for i, t in enumerate(inputs) if t.is_floating_point()]

    def run(*floats: Tensor) -> Tensor:
        own = [floats[moved.index(i)] if i in moved else t for i, t in enumerate(inputs)]
        torch.manual_seed(0)
        found = torch.func.functional_call(net, dict(zip(weights, floats[len(moved) :], strict=True)), tuple(own))
        return torch.cat([t.flatten() for t in tensors_in(found) if t.requires_grad])

    tensors = [*(inputs[i] for i in moved), *weights.values()]
    groups = [list(range(i, len(tensors), GROUPS)) for i in range(min(GROUPS, len(tensors)))]

    def grouped(*rows: Tensor) -> Tensor:
        floats: dict[int, Tensor] = {}
        for group, row in zip(groups, rows, strict=True):
            parts = row.split([tensors[i].numel() for i in group])
            floats |= {i: part.view_as(tensors[i]) for i, part in zip(group, parts, strict=True)}
        return run(*(floats[i] for i in range(len(tensors))))

    leaves = [torch.cat([tensors[i].flatten() for i in group]).requires_grad_() for group in groups]
    assert torch.autograd.gradcheck(grouped, leaves, fast_mode=True)


@pytest.mark.parametrize(("file", "name", "hyper"), NETWORKS, ids=ids(CHOSEN))
def test_s103_the_probe_agrees(file: str, name: str, hyper: dict[str, Any]) -> None:
    program = small(file, name, hyper)
    net = network(program)
    rows = probe.gradients(net, *given(program))
    assert {r.path for r in rows} >= {k for k, p in net.named_parameters() if p.requires_grad}
    worst = max(rows, key=lambda r: r.error)
    assert worst.error < 1e-5, worst


def test_s103_complex_results_are_looked_at_as_pairs() -> None:
    net = fanin.loads("model Net()(x: [N, 6]) -> complex[N, 4] { return x -> a: Linear(6) -> rfft }")
    rows = probe.gradients(net, torch.randn(3, 6))
    assert {r.path for r in rows} == {"input 0", "a.weight", "a.bias"}
    assert max(r.error for r in rows) < 1e-6 < min(abs(r.analytic) for r in rows)
    assert probe.jacobian(net, torch.randn(3, 6)).outputs == 8


def test_s103_a_wrong_gradient_is_found() -> None:
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x.tanh()

        @staticmethod
        def backward(ctx: Any, cotangent: Tensor) -> Tensor:
            return cotangent * 0.9

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = torch.nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return Wrong.apply(self.fc(x))

    rows = {r.path: r.error for r in probe.gradients(Net(), torch.randn(5, 4))}
    assert min(rows.values()) > 1e-3 and rows.keys() == {"input 0", "fc.weight", "fc.bias"}


@pytest.mark.parametrize("act", ["tanh", "sigmoid", "relu"])
def test_s103_the_deltas_of_two_layers(act: str) -> None:
    """For J = |t - y|^2 / 2: delta = t - y, delta_j = g'(a_j) sum_k delta_k w_kj; dJ/dw_ij = -delta_i z_j."""
    net = fanin.loads(
        f"model Net()(x: [N, 5]) -> [N, 3] {{ return x -> one: Linear(7) as a -> {act} as z -> two: Linear(3) }}"
    ).double()
    generator = torch.Generator().manual_seed(0)
    x, t = (torch.randn(11, n, generator=generator).double() for n in (5, 3))
    with probe.taps(net) as seen:
        y = net(x)
    (0.5 * (t - y).square().sum()).backward()
    a, z = seen["a"].detach(), seen["z"].detach()
    slope = {"tanh": 1 - z**2, "sigmoid": z * (1 - z), "relu": (a > 0).double()}[act]
    out = t - y.detach()
    hidden = slope * (out @ net.get_parameter("two.weight").detach())
    for name, delta, into in (("two", out, z), ("one", hidden, x)):
        for part, wanted in (("weight", -delta.T @ into), ("bias", -delta.sum(0))):
            gradient = net.get_parameter(f"{name}.{part}").grad
            assert gradient is not None
            torch.testing.assert_close(gradient, wanted, rtol=0, atol=1e-10)
