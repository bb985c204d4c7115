"""Sections 3 and 6: hyper-parameters, constants, functions, partial application, aliases, imports."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import fanin
from fanin.analyses import cost
from tests.models import codes, load, paths, program_of, results


def one(body: str, shape: str = "[N, 8]") -> str:
    return f"model M()(x: {shape}) {{\n{body}\n}}\n"


# ------------------------------------------------------------------------------------------------- partial application


def test_dots_hold_the_place_of_what_is_to_come() -> None:
    text = "const Norm = GroupNorm(2, ...)\n" + one("return x -> n: Norm()")
    assert paths(text) == ["n.weight", "n.bias"]
    text = "const Thin = Linear(..., bias=false)\n" + one("return x -> a: Thin(3) -> b: Thin(4, bias=true)")
    assert paths(text) == ["a.weight", "b.weight", "b.bias"]


def test_a_function_may_wait_for_its_tensor() -> None:
    x = torch.arange(-4.0, 4.0).reshape(1, 8)
    text = one("act = leaky_relu(..., 0.5)\nreturn x -> act")
    torch.testing.assert_close(load(text)(x), torch.where(x < 0, x / 2, x))


def test_each_call_of_a_constructor_makes_another() -> None:
    block = "block B(norm: block)(x: [N, D]) { return x -> a: norm() -> b: norm() }\n"
    assert paths(block + one("return x -> n: B(LayerNorm)"))[::2] == ["n.a.weight", "n.b.weight"]


def test_a_module_handed_on_is_shared_wherever_it_is_used() -> None:
    block = "block B(part: module)(x: [N, D]) { return x -> part -> part }\n"
    assert paths(block + one("return x -> b: B(Linear(8))")) == ["b.part.weight", "b.part.bias"]


def test_a_function_is_an_argument() -> None:
    block = "block B(act: fn = relu)(x: [N, D]) { return x -> act }\n"
    x = torch.tensor([[-1.0, 4.0]])
    text = block + one("b = B()\nc = B(neg)\nreturn b(x) + c(x)", "[N, 2]")
    torch.testing.assert_close(load(text)(x), torch.tensor([[1.0, 0.0]]))


def test_a_default_may_use_what_stands_before_it() -> None:
    block = "block B(w: int, h: int = 2 * w)(x: [N, D]) { return x -> a: Linear(h) -> b: Linear(w) }\n"
    assert [list(p.shape) for p in load(block + one("return x -> b: B(3)")).parameters()][::2] == [
        [6, 8],
        [3, 6],
    ]


def test_a_default_may_use_the_dimensions_of_the_inputs() -> None:
    block = "block B(w: int = 2 * D)(x: [N, D]) { return x -> a: Linear(w) }\n"
    assert results(block + one("return x -> b: B()")) == ["[N, 16]"]


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("B()", "TYP407"),
        ("B(1, 2, 3)", "TYP407"),
        ("B(2.5)", "TYP401"),
        ("B(w=2, v=3)", "TYP405"),
        ('B("a")', "TYP401"),
    ],
)
def test_a_hyper_parameter_has_its_kind(call: str, code: str) -> None:
    block = "block B(w: int, b: bool = true)(x: [N, D]) { return x -> a: Linear(w, bias=b) }\n"
    found = codes(block + one(f"return x -> b: {call}"))
    assert found
    assert found[0] in (code, "TYP406", "TYP407")


# ----------------------------------------------------------------------------------------------------------- constants


def test_constants_are_values_of_every_kind() -> None:
    text = """
    const WIDTHS = [4, 6]
    const RATE = 0.5
    const PAIR = (3, 5)
    const Act = tanh
    model M()(x: [N, 8]) {
      for w in WIDTHS { x = x -> fc: Linear(w) -> Act }
      return x * RATE + PAIR[0] - len(WIDTHS)
    }
    """
    assert paths(text)[::2] == ["fc.0.weight", "fc.1.weight"]
    assert results(text) == ["[N, 6]"]


def test_a_function_of_numbers_is_carried_out_at_once() -> None:
    text = "fn width(i: int) -> int { return 4 * 2 ** i }\n" + one(
        "return x -> a: Linear(width(1)) -> b: Linear(width(0))"
    )
    assert [list(p.shape) for p in load(text).parameters()][::2] == [[8, 8], [4, 8]]


def test_a_function_makes_no_modules() -> None:
    assert "TYP418" in codes("fn f(x: [N, D]) { return x -> fc: Linear(3) }\n" + one("return f(x)"))


# ------------------------------------------------------------------------------------------------------------- aliases

ALIAS = """
block Net(w: int, depth: int, classes: int = 5)(x: [N, D]) -> [N, classes] {
  return x -> stem: Linear(w) -> body: depth * Linear(w) -> head: Linear(classes)
}
model Small = Net(4, 1, ...)
model Wide(w: int = 6) = Net(w, 2, ...) { expect params == 1_000_000 }
"""


def test_an_alias_fills_in_hyper_parameters() -> None:
    assert paths(ALIAS, "Small", D=3)[::2] == ["stem.weight", "body.0.weight", "head.weight"]
    assert len(paths(ALIAS, "Wide", D=3)) == 8


def test_what_an_alias_leaves_open_is_given_from_outside() -> None:
    assert results(ALIAS, "Small", D=3, classes=2) == ["[N, 2]"]
    assert list(load(ALIAS, "Wide", D=3, w=7).state_dict()["stem.weight"].shape) == [7, 3]


def test_an_alias_is_held_to_what_it_promises() -> None:
    assert "EXP501" in codes(ALIAS, D=3)


def test_an_alias_of_a_composition_takes_hyper_parameters() -> None:
    text = "block Cba(w: int, act: fn = relu) = Linear(w, bias=false) -> LayerNorm() -> act\n"
    assert paths(text + one("return x -> a: Cba(4) -> b: Cba(5, tanh)")) == [
        "a.0.weight",
        "a.1.weight",
        "a.1.bias",
        "b.0.weight",
        "b.1.weight",
        "b.1.bias",
    ]


# -------------------------------------------------------------------------------------------------------- tied, states


def test_a_tied_weight_is_taken_as_it_is() -> None:
    text = "model M()(t: int[B, T]) {\ntok = Embedding(11, 4)\n"
    text += "return t -> tok -> out: Linear(11, bias=false, weight=tok.weight) }"
    assert paths(text) == ["tok.weight", "out.weight"]
    assert cost.parameters(program_of(text)) == 44


def test_a_label_gives_its_weight() -> None:
    text = "model M()(t: int[B, T]) {\nreturn t -> tok: Embedding(11, 4)"
    text += " -> out: Linear(11, bias=false, weight=tok.weight) }"
    assert paths(text) == ["tok.weight", "out.weight"]


def test_an_expression_of_a_weight_is_computed() -> None:
    text = "model M()(t: int[B, T]) {\ntok = Embedding(11, 4)\nh = tok(t)\nreturn linear(h, 2 * tok.weight) }"
    assert paths(text) == ["tok.weight"]
    assert results(text) == ["[B, T, 11]"]


def test_params_and_buffers_are_states_of_their_block() -> None:
    text = one("param scale: [8] = ones\nbuffer table: [8] = arange(8) * 0.5\nreturn x * scale + table")
    net = load(text)
    assert [n for n, _ in net.named_parameters()] == ["scale"]
    assert torch.equal(net.state_dict()["table"], torch.arange(8) * 0.5)


def test_a_typed_state_is_checked() -> None:
    assert codes(one("buffer t: [7] = arange(8) * 0.5\nreturn x[:, :7] + t")) == ["SHP301"]


# ------------------------------------------------------------------------------------------------------------- imports


def test_another_file_is_relative_to_this_one(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "stem.arch").write_text(
        "const W = 4\nblock Stem()(x: [N, D]) { return x -> fc: Linear(W) -> relu }\n"
    )
    main = tmp_path / "main.arch"
    main.write_text('from "./parts/stem.arch" import Stem as S\nmodel M()(x: [N, 3]) { return x -> s: S() }\n')
    assert list(fanin.load(str(main)).state_dict()) == ["s.fc.weight", "s.fc.bias"]
    assert fanin.check(str(main)).ok


def test_the_library_ships_with_the_language(tmp_path: Path) -> None:
    main = tmp_path / "main.arch"
    main.write_text(
        "from std.vision import Bottleneck\nmodel M()(x: [N, 3, H, W]) { return x -> b: Bottleneck(4, stride=2) }\n"
    )
    assert fanin.check(str(main)).ok
    assert [str(r.value.type) for r in fanin.elaborate(str(main)).outputs] == ["[N, 16, ceildiv(H, 2), ceildiv(W, 2)]"]


def test_a_cycle_of_imports_is_shown(tmp_path: Path) -> None:
    (tmp_path / "a.arch").write_text('from "./b.arch" import B\nmodel A()(x: [N, 3]) { return x -> b: B() }\n')
    (tmp_path / "b.arch").write_text('from "./a.arch" import A\nblock B()(x: [N, 3]) { return x -> a: A() }\n')
    report = fanin.check(str(tmp_path / "a.arch"))
    assert [d.code.id for d in report.diagnostics if d.code.id == "NAM204"]


def test_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    main = tmp_path / "main.arch"
    main.write_text(
        'from "./missing.arch" import S\nfrom std.vision import Botleneck\nmodel M()(x: [N]) { return x }\n'
    )
    found = {d.code.id for d in fanin.check(str(main)).diagnostics}
    assert {"NAM203", "NAM205"} <= found
