"""Section 7: every instance has a stable path, its `state_dict` prefix."""

from __future__ import annotations

import pytest

from tests.models import codes, load, paths

MLP = "block Mlp(w: int)(x: [N, D]) -> [N, w] { return x -> fc: Linear(w) }\n"
RESIDUAL = "block Residual(body: module)(x: [N, D]) -> [N, D] { return x + body(x) }\n"


def prefixes(text: str, **hyper: object) -> list[str]:
    """The paths of the modules with weights, in order."""
    return list(dict.fromkeys(key.rpartition(".")[0] for key in paths(text, **hyper)))


def model(body: str, shape: str = "[N, 8]") -> str:
    return f"model M()(x: {shape}) {{\n{body}\n}}\n"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return x -> fc1: Linear(8)", ["fc1"]),
        ("h = Linear(8)\nreturn h(x)", ["h"]),
        ("return x -> Linear(8) -> relu", ["linear1"]),
        ("return x -> stem: (Linear(8) -> relu -> Linear(8))", ["stem.0", "stem.2"]),
        ("return x -> blocks: 2 * Mlp(8)", ["blocks.0.fc", "blocks.1.fc"]),
        ("return x -> r: Residual(body=Linear(8))", ["r.body"]),
        ("return x -> r: Residual(Linear(8))", ["r.body"]),
        ("for i in 0..2 { x = x -> layer: Linear(8) }\nreturn x", ["layer.0", "layer.1"]),
    ],
)
def test_the_table_of_the_language(body: str, expected: list[str]) -> None:
    assert prefixes(MLP + RESIDUAL + model(body)) == expected


def test_a_convolution_in_a_stem_is_keyed_by_its_place() -> None:
    text = model("return x -> stem: (Conv2d(8, 3) -> relu -> Conv2d(8, 3))", "[N, 3, 9, 9]")
    assert paths(text) == ["stem.0.weight", "stem.0.bias", "stem.2.weight", "stem.2.bias"]


# ------------------------------------------------------------------------------------------------------------- loops


def test_a_loop_in_a_loop_gives_two_numbers() -> None:
    text = model("for i in 0..2 { for j in 0..2 { x = x -> layer: Linear(8) } }\nreturn x")
    assert prefixes(text) == ["layer.0.0", "layer.0.1", "layer.1.0", "layer.1.1"]


def test_a_label_may_give_its_own_number() -> None:
    assert prefixes(model("for i in 0..3 { x = x -> layer[2 * i]: Linear(8) }\nreturn x")) == [
        "layer.0",
        "layer.2",
        "layer.4",
    ]


def test_two_labels_of_one_list_make_one_list() -> None:
    body = "for i in 0..2 { x = x -> net[2 * i]: Linear(8) -> relu -> net[2 * i + 1]: LayerNorm() }\nreturn x"
    assert prefixes(model(body)) == ["net.0", "net.1", "net.2", "net.3"]


def test_what_has_no_label_in_a_loop_gets_its_turn_too() -> None:
    assert prefixes(model("for i in 0..2 { x = x -> Linear(8) -> Linear(8) }\nreturn x")) == [
        "linear1.0",
        "linear1.1",
        "linear2.0",
        "linear2.1",
    ]


def test_after_the_loop_a_label_is_the_list() -> None:
    body = "for i in 0..3 { x = x -> layer: Linear(8) }\ny = x -> layer[0]\nreturn y -> layer[2]"
    assert prefixes(model(body)) == ["layer.0", "layer.1", "layer.2"]


def test_a_bound_module_in_a_loop_takes_the_turn() -> None:
    assert prefixes(model("for i in 0..2 {\nf = Linear(8)\nx = f(x) }\nreturn x")) == ["f.0", "f.1"]


def test_an_instance_bound_outside_a_loop_is_shared_by_its_turns() -> None:
    assert prefixes(model("f = Linear(8)\nfor i in 0..3 { x = f(x) }\nreturn x")) == ["f"]


# -------------------------------------------------------------------------------------------- compositions, repetitions


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        # In a composition a bare repetition takes as many places as it has copies.
        ("net: (Linear(8) -> 2 * Linear(8) -> relu -> Linear(8))", ["net.0", "net.1", "net.2", "net.4"]),
        # Brackets make a level of their own.
        ("net: (Linear(8) -> (2 * Linear(8)))", ["net.0", "net.1.0", "net.1.1"]),
        ("net: (1 * Linear(8))", ["net.0"]),
        ("net: (Linear(8) -> (1 * Linear(8)))", ["net.0", "net.1.0"]),
        ("net: (Linear(8) -> (Linear(8) -> relu))", ["net.0", "net.1.0"]),
        ("net: (Linear(8) -> many: 2 * Linear(8))", ["net.0", "net.many.0", "net.many.1"]),
        # A repetition of a composition: a level for the copy, a level for the place.
        ("net: 2 * (Linear(8) -> relu -> Linear(8))", ["net.0.0", "net.0.2", "net.1.0", "net.1.2"]),
        ("net: (a: Linear(8) -> relu -> b: Linear(8))", ["net.a", "net.b"]),
        ("net: 2 * (a: Linear(8) -> relu)", ["net.0.a", "net.1.a"]),
        # Without a name, a composition is as if written where it stands.
        ("(Linear(8) -> relu -> Linear(8))", ["linear1", "linear2"]),
        ("2 * Linear(8)", ["linear1", "linear2"]),
        ("2 * (Linear(8) -> relu -> LayerNorm())", ["linear1", "layernorm1", "linear2", "layernorm2"]),
        # Lists.
        ("arms: [Linear(8), Linear(8)] -> sum", ["arms.0", "arms.1"]),
        ("arms: [Linear(8) -> relu, identity, Linear(8)] -> sum", ["arms.0.0", "arms.2"]),
        ("[a: Linear(8), b: Linear(8)] -> sum", ["a", "b"]),
        ("arms: 2 * [Linear(8)] -> sum", ["arms.0", "arms.1"]),
    ],
)
def test_a_place_in_a_composition_list_or_repetition(stage: str, expected: list[str]) -> None:
    assert prefixes(model(f"return x -> {stage}")) == expected


def test_a_function_takes_a_place_and_none_does_not() -> None:
    text = model("return x -> net: (Linear(8) -> (LayerNorm() if 1 > 2 else none) -> relu -> Linear(8))")
    assert prefixes(text) == ["net.0", "net.2"]


def test_twelve_times_a_bound_module_is_one_module() -> None:
    assert prefixes(model("f = Linear(8)\nreturn x -> 12 * f")) == ["f"]
    assert prefixes(model("f = Linear(8)\nreturn x -> many: 12 * f")) == ["f"]


def test_copies_of_a_composition_share_nothing() -> None:
    text = model("return x -> 2 * (Linear(8) -> (relu -> Linear(8)))")
    assert len(list(load(text).parameters())) == 8


def test_copies_of_a_block_with_a_module_of_its_own_share_nothing() -> None:
    text = RESIDUAL + model("return x -> many: 2 * Residual(Linear(8))")
    assert prefixes(text) == ["many.0.body", "many.1.body"]
    assert len(list(load(text).parameters())) == 4


# ------------------------------------------------------------------------------------------------ labels and arguments


def test_a_label_before_a_call_names_the_module() -> None:
    text = "block Two()(x: [N, D], y: [N, D]) { return x + (y -> fc: Linear(D)) }\n"
    text += "model M()(x: [N, 8], y: [N, 8]) { return two: Two()(x, y) }\n"
    assert prefixes(text) == ["two.fc"]


def test_a_module_in_an_argument_list_is_named_after_the_hyper_parameter() -> None:
    text = RESIDUAL + model("return x -> Residual(Linear(4) -> relu -> Linear(8))")
    assert prefixes(text) == ["residual1.body.0", "residual1.body.2"]


def test_a_borrowed_module_lives_where_it_was_made_and_is_listed_once() -> None:
    text = RESIDUAL + model("f = Linear(8)\nreturn x -> a: Residual(f) -> b: Residual(f)")
    assert prefixes(text) == ["f"]
    net = load(text)
    assert [name for name, _ in net.named_parameters()] == ["f.weight", "f.bias"]
    assert list(net.get_submodule("a").parameters()) == []


def test_an_alias_has_no_level_of_its_own() -> None:
    text = "block Cb(w: int) = Linear(w) -> LayerNorm() -> relu\n"
    assert prefixes(text + model("return x -> net: Cb(8)")) == ["net.0", "net.1"]
    assert prefixes(text + model("return x -> Cb(8)")) == ["linear1", "layernorm1"]
    filled = "block Net(w: int)(x: [N, 8]) { return x -> fc: Linear(w) }\nmodel Small = Net(4, ...)\n"
    assert prefixes(filled) == ["fc"]


def test_an_unnamed_module_is_counted_by_its_kind() -> None:
    text = MLP + model("x = x -> Linear(8) -> LayerNorm() -> Linear(8)\nreturn x -> Mlp(8) -> Mlp(8)")
    assert prefixes(text) == ["linear1", "layernorm1", "linear2", "mlp1.fc", "mlp2.fc"]


def test_editing_one_layer_renames_no_labelled_one() -> None:
    before = prefixes(model("return x -> a: Linear(8) -> b: Linear(8)"))
    after = prefixes(model("return x -> a: Linear(8) -> Linear(8) -> b: Linear(8)"))
    assert [p for p in after if p in before] == before


def test_applying_a_block_again_makes_nothing_new() -> None:
    assert prefixes(MLP + model("f = Mlp(8)\nreturn f(f(x))")) == ["f.fc"]


def test_the_state_is_in_the_order_of_the_text() -> None:
    body = "z = x -> zeta: Linear(8)\ny = x -> alpha: Linear(8)\nreturn (y + z) -> mid: Linear(8)"
    assert prefixes(model(body)) == ["zeta", "alpha", "mid"]


# ------------------------------------------------------------------------------------------------------------ mistakes


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("return x -> a: Linear(8) -> a: Linear(8)", "NAM220"),
        ("for i in 0..2 { x = x -> layer[0]: Linear(8) }\nreturn x", "NAM220"),
        ("return x -> forward: Linear(8)", "NAM221"),
        ("return x -> class: Linear(8)", "NAM221"),
        ("return x -> type: Linear(8)", "NAM221"),
    ],
)
def test_a_path_is_taken_once(body: str, code: str) -> None:
    assert codes(model(body)) == [code]


def test_the_arms_of_an_if_may_share_a_path() -> None:
    body = "if {} {{ x = x -> fc: Linear(8) }} else {{ x = x -> fc: Linear(8, bias=false) }}\nreturn x"
    assert paths(model(body.format("1 < 2"))) == ["fc.weight", "fc.bias"]
    assert paths(model(body.format("2 < 1"))) == ["fc.weight"]


def test_a_label_is_read_as_a_name() -> None:
    assert prefixes(model("y = x -> net: Linear(8)\nreturn y -> net -> relu")) == ["net"]


def test_what_nothing_flows_through_is_not_built() -> None:
    text = model("f = Linear(8)\nreturn x -> g: Linear(8)")
    assert prefixes(text) == ["g"]
    assert codes(text) == ["NAM202"]  # and the binding is what could be mended


def test_what_an_unread_result_flows_through_is_built() -> None:
    assert prefixes(model("_ = x -> aux: Linear(3)\nreturn x -> g: Linear(8)")) == ["aux", "g"]


def test_a_second_width_of_one_module_is_an_error() -> None:
    assert codes("model M()(x: [N, 8], y: [N, 6]) { f = Linear(4)\nreturn f(x) + f(y) }") == ["SHP308"]
    assert codes(MLP + "model M()(x: [N, 8], y: [N, 6]) { f = Mlp(4)\nreturn f(x) + f(y) }") == ["SHP308"]


def test_the_other_sizes_of_a_shared_module_are_free() -> None:
    assert prefixes(MLP + "model M()(x: [N, 8], y: [K, 8]) { f = Mlp(4)\nreturn f(x), f(y) }") == ["f.fc"]


def test_a_label_alone_in_brackets_is_a_level() -> None:
    from fanin.analyses.paths import parameters
    from tests.models import program_of

    program = program_of("""
        model A()(x: [B, 4]) {
          x = x -> (fc: Linear(4, bias=false)) -> encoder: (layer: 2 * Linear(4, bias=false))
          return x -> [(a: Linear(4, bias=false)), b: (c: Linear(4, bias=false))] -> sum
        }
    """)
    keys = [entry.key for entry in parameters(program)]
    assert keys == ["fc.weight", "encoder.layer.0.weight", "encoder.layer.1.weight", "a.weight", "b.c.weight"]


def test_a_product_evaluates_its_sides_once() -> None:
    from fanin.analyses.paths import parameters
    from tests.models import program_of

    program = program_of("model A()(x: [B, 4]) { return (x * (x -> up: Linear(4))) -> down: Linear(2, bias=false) }")
    assert [entry.key for entry in parameters(program)] == ["up.weight", "up.bias", "down.weight"]
