"""`grad(y, x)`: against `torch.func.grad`."""

from __future__ import annotations

import pytest
import torch

from tests.unit.elaborate.test_training import codes, load

SPEC = """
model Net()(x: [N, 4]) -> (y: [N, 1], slope: [N, 4], bend: [N, 4]) {
  y = x -> a: Linear(8) -> tanh -> b: Linear(1)
  slope = grad(y, x)
  return y, slope, grad(slope ** 2, x)
}
"""


def test_a_gradient_is_differentiable_itself_and_needs_no_training() -> None:
    net = load(SPEC)
    a, b = net.get_submodule("a"), net.get_submodule("b")
    x = torch.randn(3, 4).double()
    slope = torch.func.grad(lambda x: b(torch.tanh(a(x))).sum())
    bend = torch.func.grad(lambda x: (slope(x) ** 2).sum())
    out = net(x)
    torch.testing.assert_close(out.slope, slope(x))
    torch.testing.assert_close(out.bend, bend(x))
    with torch.no_grad():
        torch.testing.assert_close(net(x).bend, bend(x))
    (mine,) = torch.autograd.grad(out.bend.sum(), a.weight)
    weight = a.weight.detach().clone().requires_grad_()

    def by_hand(x: torch.Tensor) -> torch.Tensor:
        return (torch.func.grad(lambda x: (torch.tanh(x @ weight.T + a.bias) @ b.weight.T).sum())(x) ** 2).sum()

    (theirs,) = torch.autograd.grad(torch.func.grad(by_hand)(x).sum(), weight)
    torch.testing.assert_close(mine, theirs)


def test_a_gradient_in_a_value_that_is_computed_and_in_one_that_is_detached() -> None:
    spec = """
model Net()(x: [N, 4]) -> ([N, 4], [N, 4]) {
  h = 2 * x
  k = stop_gradient(3 * x)
  y = h ** 3 + k ** 2
  return grad(sum(y), h), grad(y, k)
}
"""
    x = torch.randn(2, 4).double().requires_grad_()
    first, second = load(spec)(x)
    torch.testing.assert_close(first, 3 * (2 * x) ** 2)
    torch.testing.assert_close(second, 2 * 3 * x)


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("grad(x, y)", "TYP401"),
        ("grad(stop_gradient(y), x)", "TYP401"),
        ("grad(y)", "TYP407"),
        ("grad(argmax(y, axis=1), x)", "TYP408"),
        ("grad(y, 3)", "TYP401"),
    ],
)
def test_a_gradient_that_is_none_is_an_error(call: str, code: str) -> None:
    assert codes(f"model Net()(x: [N, 4]) {{ y = tanh(x) return {call} }}") == [code]


def test_a_function_and_an_inverse_take_gradients_where_nobody_else_does() -> None:
    spec = """
fn slope(x: [N]) -> [N] { h = 3 * x  return grad(h ** 2, h) }
block Square()(x: [N]) -> [N] { return x ** 2 } inverse (y: [N]) -> [N] { return grad(y ** 2, y) / 2 }
model Net()(x: [N]) -> ([N], [N]) {
  f = Square()
  return slope(x), x -> f -> inverse(f)
}
"""
    x = torch.randn(5).double()
    with torch.no_grad():
        first, second = load(spec)(x)
    torch.testing.assert_close(first, 6 * x)
    torch.testing.assert_close(second, x**2)


ALONG = """
fn slopes(y: [M], x: [M, D]) -> (one: [M, D], squares: []) {
  g = grad(y, x)
  return g, mean(sum(g ** 2, axis=1))
}

fn weighed(y: [M], x: [M, D], by: float) -> [M, D] { return by * slopes(y, x).one }

model Net(by: float = 3.0)(x: [N, 4]) -> (one: [N, 4], more: [N, 4], squares: []) {
  y = x -> a: Linear(8) -> tanh -> b: Linear(1) -> squeeze(1)
  found = slopes(y, x)
  return found.one, weighed(y, x, by), found.squares
}
"""


def test_a_function_takes_a_gradient_along_its_arguments() -> None:
    net = load(ALONG)
    a, b = net.get_submodule("a"), net.get_submodule("b")
    x = torch.randn(5, 4).double()
    slope = torch.func.grad(lambda x: b(torch.tanh(a(x))).sum())(x)
    out = net(x)
    torch.testing.assert_close(out.one, slope)
    torch.testing.assert_close(out.more, 3 * slope)
    torch.testing.assert_close(out.squares, (slope**2).sum(1).mean())


def test_a_function_that_is_given_what_does_not_hang_together() -> None:
    assert codes(ALONG.replace("found = slopes(y, x)", "found = slopes(y, 2 * x)")) == ["TYP401"]
    assert codes(ALONG.replace("weighed(y, x, by)", "weighed(y, 2 * x, by)")) == ["TYP401"]
    assert codes(ALONG.replace("slopes(y, x)\n", "slopes(y, x[:, :3, none])\n")) != []
    assert codes(ALONG) == []


def test_letters_of_a_function_carried_out_in_place_stay_in_it() -> None:
    spec = ALONG.replace("found = slopes(y, x)", "found = slopes(y, x)\n  h: [M, D] = 2 * x")
    net = load(spec)
    x = torch.randn(5, 4).double()
    assert net(x).one.shape == (5, 4)
def test_an_update_takes_a_gradient_of_what_the_body_has_computed() -> None:
    spec = """
model Net()(x: [N, 4]) -> [] {
  param w: [4] = ones
  buffer slope: [4] = zeros
  e = sum((x @ w) ** 3)
  update slope = 0.5 * grad(e, w)
  return e
}
"""
    net, x = load(spec), torch.randn(3, 4).double()
    net.eval()
    net(x)
    assert not net.get_buffer("slope").any()
    net.train()
    net(x)
    torch.testing.assert_close(net.get_buffer("slope"), 1.5 * (x.sum(1) ** 2) @ x)
