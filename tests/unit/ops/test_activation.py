"""Activations: kinds, axes and what is emitted."""

from __future__ import annotations

import math

import pytest

from fanin.ops.attributes import bind
from fanin.ops.code import TRAINING, Attribute, Input, Like, Method, call
from fanin.ops.contract import Complaint
from ops.asking import emitted, gives, made, op, params, refusal


@pytest.mark.parametrize(("name", "result"), [("tanh", "[N, 8]"), ("sigmoid", "[N, 8]"), ("relu", "int[N, 8]")])
def test_ints_become_floats_where_the_function_has_them(name: str, result: str) -> None:
    assert gives(name, {}, "int[N, 8]") == result


def test_what_is_made_of_ints_has_the_dtype_of_the_model() -> None:
    own = call("torch.tanh", Method(Input(0), "to", (Attribute(Like(), "dtype"),)))
    assert emitted("tanh", {}, "int[N]") == own
    assert emitted("tanh", {}, "[N]") == call("torch.tanh", Input(0))


def test_softmax_wants_its_axis_said() -> None:
    with pytest.raises(Complaint, match="`axis` is missing"):
        bind(op("softmax").attrs, {})
    assert emitted("softmax", {"axis": -1}, "[N, 8]") == call("F.softmax", Input(0), dim=-1)
    assert refusal("softmax", {"axis": 2}, "[N, 8]") == "there is no axis 2: the axes here are -2 to 1"


@pytest.mark.parametrize(
    ("name", "attrs", "code"),
    [
        ("leaky_relu", {"negative_slope": 0.2}, call("F.leaky_relu", Input(0), 0.2)),
        ("leaky_relu", {}, call("F.leaky_relu", Input(0))),
        ("gelu", {"approximate": "tanh"}, call("F.gelu", Input(0), approximate="tanh")),
        ("hardtanh", {"min_val": -2.0, "max_val": 2.0}, call("F.hardtanh", Input(0), -2, 2)),
        ("hardtanh", {"max_val": 2.0}, call("F.hardtanh", Input(0), max_val=2)),
        ("rrelu", {}, call("F.rrelu", Input(0), training=TRAINING)),
    ],
)
def test_a_call_leaves_defaults_out(name: str, attrs: dict[str, object], code: object) -> None:
    assert emitted(name, attrs, "[N, 8]") == code


def test_modules_are_pytorchs() -> None:
    assert made("GELU", {"approximate": "tanh"}, "[N]") == call("nn.GELU", approximate="tanh")
    assert made("Softmax", {"axis": 1}, "[N, 8]") == call("nn.Softmax", dim=1)


def test_glu_halves_an_even_axis() -> None:
    assert gives("glu", {}, "[N, 8]") == "[N, 4]"
    assert refusal("glu", {}, "[N, 7]") == "`glu` halves axis -1, and its size of 7 is odd"


def test_prelu_has_a_slope_or_one_for_each_channel() -> None:
    assert params("PReLU", {}, "[N, 8]")[0].shape == (1,)
    assert refusal("PReLU", {"num_parameters": 4}, "[N, 8]") == "`PReLU` has 4 slopes for 8 channels"


@pytest.mark.parametrize("x", [-800.0, -1.5, 0, 2, 800.0])
def test_numbers_are_computed_when_the_spec_is_compiled(x: float) -> None:
    kind = op("sigmoid")
    assert kind.fold(kind.attrs(), x) == pytest.approx(1 / (1 + math.exp(-x)) if x > -700 else 0)
    assert op("relu6").fold(op("relu6").attrs(), x) == min(max(x, 0), 6)
