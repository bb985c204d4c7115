"""Sections 5 and 6: pipes, branches, lists, choices, loops, several results."""

from __future__ import annotations

import pytest
import torch

from tests.models import codes, load, paths, results


def one(body: str, inputs: str = "x: [N, 8]") -> str:
    return f"model M()({inputs}) {{\n{body}\n}}\n"


def value(body: str, *inputs: torch.Tensor, types: str = "x: [N, 8]") -> torch.Tensor:
    found: torch.Tensor = load(one(body, types)).eval()(*inputs)
    return found


X = torch.arange(1.0, 17.0).reshape(2, 8)

# -------------------------------------------------------------------------------------------------------------- stages


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return x -> neg -> relu", torch.zeros(2, 8)),
        ("return x -> clamp(min=3, max=5)", X.clamp(3, 5)),
        ("return x -> where(x > 4, ..., 0)", torch.where(X > 4, X, 0.0)),
        ("return x -> where(x > 4, 0, ...)", torch.where(X > 4, 0.0, X)),
        ("return (x + x) -> sqrt", (X + X).sqrt()),
        ("return x + (x -> sqrt)", X + X.sqrt()),
        ("return x -> [sqrt, neg] -> sum", X.sqrt() - X),
        ("return x -> [sqrt, identity] -> concat(axis=1)", torch.cat([X.sqrt(), X], 1)),
        ("return x -> [identity -> sqrt -> neg, identity] -> stack(axis=0)", torch.stack([-X.sqrt(), X])),
        ("a, b = x -> [sqrt, neg]\nreturn a - b", X.sqrt() + X),
        ("return x -> (sqrt -> neg)", -X.sqrt()),
        ("return x -> sqrt as s -> neg -> add(s)", torch.zeros(2, 8)),
        ("return x -> (sqrt if 1 < 2 else neg)", X.sqrt()),
        ("return x -> 3 * sqrt", X.sqrt().sqrt().sqrt()),
        ("x += x -> sqrt\nreturn x", X + X.sqrt()),
        ("x *= 2 + 1\nreturn x", X * 3),
        ("x -= x -> identity\nreturn x", torch.zeros(2, 8)),
        ("x /= 2\nreturn x", X / 2),
        ("a, b = chunk(x, 2, axis=1)\nreturn a * b", X[:, :4] * X[:, 4:]),
        ("_, b = chunk(x, 2, axis=1)\nreturn b", X[:, 4:]),
        ("xs = [x]\nfor i in 0..2 { xs = xs ++ [xs[-1] -> sqrt] }\nreturn xs[2]", X.sqrt().sqrt()),
        ("y = x\nfor s in reversed([2, 3]) { y = y / s + s }\nreturn y", (X / 3 + 3) / 2 + 2),
        ("for i, s in enumerate([5, 7]) { x = x + i * s }\nreturn x", X + 7),
        ("for a, b in zip([1, 2], [3, 4]) { x = x + a * b }\nreturn x", X + 11),
        ("return x * len([1, 2, 3])", X * 3),
        ("if 3 in [1, 2, 3] { x = -x }\nreturn x", -X),
        ("if 1 > 2 { x = -x } elif 2 > 1 { x = x + 1 } else { x = x + 2 }\nreturn x", X + 1),
        ("return -x ** 2", -(X**2)),
        ("return x @ transpose(x, 0, 1)", X @ X.T),
    ],
)
def test_a_pipe_computes_what_it_says(body: str, expected: torch.Tensor) -> None:
    torch.testing.assert_close(value(body, X), expected)


def test_a_name_may_be_bound_in_a_branch() -> None:
    body = "y = x -> [sqrt as s, neg] -> sum\nreturn y + s"
    torch.testing.assert_close(value(body, X), 2 * X.sqrt() - X)


def test_a_name_may_be_bound_along_a_branch() -> None:
    body = "y = x -> [sqrt -> neg as s -> neg, Linear(8) -> relu as r] -> concat(axis=1)\n"
    body += "return y + concat(s, r, axis=1)"
    assert results(one(body)) == ["[N, 16]"]
    labelled = "y = x -> arms: [sqrt -> neg as s -> neg, neg] -> sum\nreturn y + s"
    assert "TYP414" in codes(one(labelled))
    assert "TYP414" in codes(one("y = x -> 2 * [sqrt as s] -> sum\nreturn y + s"))


def test_a_name_is_bound_in_no_composition() -> None:
    assert "TYP414" in codes(one("net = sqrt as s -> neg\nreturn x -> net"))


def test_none_is_a_stage_left_out_of_a_composition() -> None:
    block = "block B(norm: bool)(x: [N, D]) {\n"
    block += "return x -> net: (Linear(4) -> (LayerNorm() if norm else none) -> relu) }\n"
    assert paths(block + one("return x -> b: B(true)"))[2:] == ["b.net.1.weight", "b.net.1.bias"]
    assert len(paths(block + one("return x -> b: B(false)"))) == 2


def test_none_is_no_stage_where_a_tensor_flows() -> None:
    assert codes(one("return x -> (relu if 1 > 2 else none)")) == ["TYP414"]
    assert codes(one("return x -> [relu, none] -> sum")) == ["TYP414"]


@pytest.mark.parametrize("body", ["return x + x -> relu", "return 2 * x -> relu"])
def test_no_operator_stands_bare_in_a_pipe(body: str) -> None:
    assert codes(one(body)) == ["SYN117"]


def test_a_constructor_is_called() -> None:
    assert codes(one("return x -> ReLU")) == ["TYP403"]
    assert codes(one("return x -> ReLU()")) == []


# ----------------------------------------------------------------------------------------------------- several tensors

CROSS = "block Cross(w: int)(x: [N, D], y: [N, D]) { return (x -> q: Linear(w)) * (y -> k: Linear(w)) }\n"


@pytest.mark.parametrize(
    "call", ["c: Cross(4)(x, y)", "(x, y) -> c: Cross(4)", "x -> c: Cross(4)(y)", "x -> c: Cross(4)(y=y)"]
)
def test_several_tensors_go_in_by_place(call: str) -> None:
    text = CROSS + f"model M()(x: [N, 8], y: [N, 8]) {{ return {call} }}"
    assert results(text) == ["[N, 4]"]
    assert paths(text) == ["c.q.weight", "c.q.bias", "c.k.weight", "c.k.bias"]


@pytest.mark.parametrize("call", ["c: Cross(4)(x)", "x -> c: Cross(4)", "(x, y, x) -> c: Cross(4)"])
def test_too_many_and_too_few_are_errors(call: str) -> None:
    found = codes(CROSS + f"model M()(x: [N, 8], y: [N, 8]) {{ return {call} }}")
    assert "TYP407" in found


ENCODER = """
block Encoder(z: int)(x: [N, D]) -> (mean: [N, z], logvar: [N, z]) {
  h = x -> h: Linear(8) -> relu
  return h -> mean: Linear(z), h -> logvar: Linear(z)
}
"""


def test_several_results_are_taken_apart() -> None:
    assert results(ENCODER + one("m, v = x -> enc: Encoder(2)\nreturn m + v")) == ["[N, 2]"]
    assert results(ENCODER + one("enc = Encoder(2)\nm, v = enc(x)\nreturn v, m")) == ["[N, 2]", "[N, 2]"]


def test_a_result_is_read_by_its_name() -> None:
    assert results(ENCODER + one("enc = Encoder(2)\nreturn enc(x).mean")) == ["[N, 2]"]
    assert codes(ENCODER + one("enc = Encoder(2)\nreturn enc(x).middle")) == ["NAM208"]


def test_several_results_flow_on_as_so_many_tensors() -> None:
    assert results(ENCODER + one("return x -> enc: Encoder(2) -> add")) == ["[N, 2]"]


def test_a_single_named_result_is_the_tensor_itself() -> None:
    block = "block B()(x: [N, D]) -> (y: [N, D]) { return relu(x) }\n"
    assert results(block + one("b = B()\nreturn b(x) + x")) == ["[N, 8]"]


def test_names_and_values_are_as_many() -> None:
    assert codes(one("a, b, c = chunk(x, 2, axis=1)\nreturn a + b + c"))[0] == "TYP417"


# ---------------------------------------------------------------------------------------------------- scopes, choices


def test_a_loop_carries_outer_names_and_keeps_new_ones() -> None:
    torch.testing.assert_close(value("y = x\nfor i in 0..3 { y = y + i }\nreturn y", X), X + 3)
    assert "NAM201" in codes(one("for i in 0..3 { y = x + i }\nreturn y"))


def test_an_if_opens_no_scope() -> None:
    torch.testing.assert_close(value("if 1 < 2 { y = sqrt(x) } else { y = x }\nreturn y", X), X.sqrt())


def test_a_return_in_an_if_ends_the_body() -> None:
    block = "block B(n: int)(x: [N, D]) {\nif n == 0 { return x }\nreturn x -> fc: Linear(3) }\n"
    assert results(block + one("return x -> b: B(0)")) == ["[N, 8]"]
    assert results(block + one("return x -> b: B(1)")) == ["[N, 3]"]


def test_recursion_ends_where_an_if_says_so() -> None:
    block = "block Deep(n: int)(x: [N, D]) {\nif n == 0 { return x }\n"
    block += "return x -> fc: Linear(D) -> inner: Deep(n - 1) }\n"
    assert paths(block + one("return x -> d: Deep(3)"))[::2] == [
        "d.fc.weight",
        "d.inner.fc.weight",
        "d.inner.inner.fc.weight",
    ]
    assert "NAM222" in codes("block Deep()(x: [N, D]) { return x -> inner: Deep() }\n" + one("return x -> d: Deep()"))


def test_an_optional_input_is_none_where_it_is_left_out() -> None:
    block = "block B()(x: [N, D], mask: bool[N, D]?) {\nif mask != none { x = where(mask, x, 0) }\nreturn x }\n"
    text = block + "model M()(x: [N, 8], m: bool[N, 8]) {\nb = B()\nreturn b(x) + b(x, m) }"
    mask = X > 4
    torch.testing.assert_close(load(text)(X, mask), X + torch.where(mask, X, 0.0))
