"""`if training` and `update`: against PyTorch's own modules that do the same."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import fanin
from fanin import pipeline
from fanin.emit.document import document
from fanin.emit.text import read_text, write_text
from fanin.ir.verify import verify_program
from fanin.source import Source

NORM = """
block Norm(momentum: float = 0.1, eps: float = 1e-5)(x: [N, C]) -> [N, C] {
  param weight: [C] = ones
  param bias: [C] = zeros
  buffer running_mean: [C] = zeros
  buffer running_var: [C] = ones
  assert N > 1
  if training {
    m = mean(x, axis=0)
    v = var(x, axis=0, correction=0)
    update running_mean = (1 - momentum) * running_mean + momentum * m
    update running_var = (1 - momentum) * running_var + momentum * v * N / (N - 1)
  } else {
    m = running_mean
    v = running_var
  }
  return (x - m) / sqrt(v + eps) * weight + bias
}
model Net()(x: [N, 6]) -> [N, 6] { return x -> fc: Linear(6) -> norm: Norm() }
"""


def load(spec: str, **hyper: object) -> nn.Module:
    program = pipeline.elaborate_source(Source("<string>", spec), "<string>", None, dict(hyper))
    verify_program(program)
    assert document(read_text(write_text(program))) == document(program)
    return fanin.loads(spec, **hyper).double()


def codes(spec: str) -> list[str]:
    return [d.code.id for d in pipeline.check_text(spec).diagnostics if d.code.id not in ("NAM202", "NAM210", "NAM211")]


def test_batch_normalisation_can_be_written() -> None:
    net, peer = load(NORM), nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6)).double()
    state = {k.replace("0.", "fc.").replace("1.", "norm."): v for k, v in peer.state_dict().items()}
    del state["norm.num_batches_tracked"]
    net.load_state_dict(state)
    for _ in range(3):
        x = torch.randn(5, 6).double()
        a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
        mine, theirs = net(a), peer(b)
        torch.testing.assert_close(mine, theirs)
        weights = torch.randn_like(x)
        (mine * weights).sum().backward()
        (theirs * weights).sum().backward()
        torch.testing.assert_close(a.grad, b.grad)
    torch.testing.assert_close(net.get_buffer("norm.running_var"), peer[1].running_var)
    net.eval()
    peer.eval()
    before = net.get_buffer("norm.running_mean").clone()
    torch.testing.assert_close(net(x), peer(x))
    assert torch.equal(net.get_buffer("norm.running_mean"), before)
    compiled = torch.compile(net.train(), fullgraph=True, backend="eager")
    compiled(x)
    peer.train()(x)
    torch.testing.assert_close(net.get_buffer("norm.running_mean"), peer[1].running_mean)


def test_an_update_counts_from_the_end_of_the_application_on() -> None:
    spec = """
block Count()(x: [N]) -> [N] {
  buffer seen: [] = zeros
  update seen = seen + 1
  return x * seen
}
model Net()(x: [N]) -> ([N], [N]) {
  count = Count()
  return count(x), count(x)
}
"""
    net = load(spec)
    x = torch.ones(2).double().requires_grad_()
    first, second = net(x)
    assert (first.tolist(), second.tolist()) == ([0, 0], [1, 1])
    (first + second).sum().backward()
    assert net.eval()(x)[0].tolist() == [2, 2] == net(x)[0].tolist()


def test_both_ways_may_return_and_either_may_stand_in_an_expression() -> None:
    spec = """
block Noise(p: float)(x: [N, C]) -> [N, C] {
  if not training { return x }
  return x + p
}
"""
    assert codes(spec + "model Net()(x: [N, 4]) { return x -> Noise(0.5) }") == ["TYP409"]
    spec = spec.replace("{ return x }\n  return x + p", "{ return x } else { return x + p }")
    spec += "model Net()(x: [N, 4]) { y = x -> Noise(0.5) return y * (2.0 * x if training else x) }"
    net = load(spec)
    x = torch.randn(3, 4).double()
    torch.testing.assert_close(net(x), (x + 0.5) * 2 * x)
    torch.testing.assert_close(net.eval()(x), x * x)


def test_modules_of_a_way_live_in_the_block() -> None:
    spec = """
model Net()(x: [N, 4]) -> (main: [N, 3], aux: [N, 3]) {
  h = x -> fc: Linear(8) -> relu
  aux = zeros(N, 3)
  if training { aux = h -> aux_head: Linear(3) }
  return h -> head: Linear(3), aux
}
"""
    net = load(spec)
    assert {k.split(".")[0] for k in net.state_dict()} == {"fc", "aux_head", "head"}
    x = torch.randn(2, 4).double()
    assert net(x).aux.abs().sum() > 0
    assert net.eval()(x).aux.abs().sum() == 0


def test_an_elif_goes_on_in_the_other_way() -> None:
    spec = """
model Net(deep: bool = true)(x: [N, 4]) -> [N, 4] {
  if training { y = 2 * x } elif deep { y = 3 * x } else { y = 4 * x }
  return y
}
"""
    x = torch.ones(1, 4).double()
    assert [load(spec, deep=d).eval()(x)[0, 0].item() for d in (True, False)] == [3, 4]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("if training { y = x } else { y = x[:, 0] } return y", "SHP301"),
        ("if training { y = x } else { y = x > 0 } return y", "TYP408"),
        ("if training { y = x } else { y = 3 } return y", "TYP401"),
        ("k = 2 if training { k = 3 } return x * k", "TYP401"),
        ("d = relu if training { d = tanh } return d(x)", "TYP401"),
        ("if training and 1 > 0 { x = 2 * x } return x", "TYP402"),
        ("buffer b: [4] = zeros update b = x return x", "SHP301"),
        ("param b: [4] = zeros update b = b return x * b", "TYP401"),
        ("update x = x return x", "TYP401"),
        ("buffer b: [4] = zeros update b = b + 1 update b = b + 2 return x * b", "NAM206"),
        ("buffer b: [4] = zeros if not training { update b = b + 1 } return x * b", "TYP401"),
    ],
)
def test_what_differs_between_the_ways_is_one_error(body: str, code: str) -> None:
    assert codes(f"model Net()(x: [N, 4]) {{ {body} }}") == [code]


def test_updates_read_what_was_before_and_so_do_the_results() -> None:
    spec = """
model Net()(x: [4]) -> ([4], [4], [4]) {
  buffer a: [4] = ones
  buffer b: [4] = zeros
  y = x + b
  update a = b + 5
  update b = 2 * a
  return y, a, b
}
"""
    net = load(spec)
    x = torch.zeros(4).double()
    y, a, b = net.train()(x)
    assert (y.tolist(), a.tolist(), b.tolist()) == ([0] * 4, [1] * 4, [0] * 4)
    assert (net.a.tolist(), net.b.tolist()) == ([5] * 4, [2] * 4)
    torch.testing.assert_close(net(x)[1:], (torch.full_like(x, 5), torch.full_like(x, 2)))
