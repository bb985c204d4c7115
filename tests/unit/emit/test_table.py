"""What ``fanin show`` prints."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fanin.emit.table import WIDTH, aligned, dump, short, table
from tests.unit.analyses.specs import GPT, RESNET, program


@pytest.mark.parametrize(("name", "text", "model"), [("gpt", GPT, None), ("resnet18", RESNET, "ResNet18")])
def test_the_table(name: str, text: str, model: str | None, golden: Callable[[str, str], None]) -> None:
    golden(f"show/{name}.txt", table(program(text, model)))


def test_depth_sums_up_the_rest() -> None:
    shown = table(program(GPT), 1)
    assert "h.0–11 ×12" in shown and "h.0–11.attn" not in shown
    assert "parameters  124,439,808" in shown
    assert "FLOPs  " not in table(program(GPT), 0).split("\n\n")[-2]


def test_shared_tied_and_frozen_are_said() -> None:
    shown = table(
        program("""
        model M()(x: [N, 8]) -> [N, 8] {
          a = Linear(8, frozen=true)
          return a(a(x)) -> b: Linear(8, bias=false, weight=a.weight)
        }
        """)
    )
    assert "used 2×, frozen" in shown
    assert "weight is a.weight" in shown and "tied        b.weight is a.weight" in shown
    assert "72, 0 of them trainable" in shown


def test_lines_stay_within_the_width() -> None:
    assert max(map(len, table(program(RESNET, "ResNet50")).splitlines())) <= WIDTH
    assert len(aligned([("a" * 90, "b" * 90)], shrink=(0, 1))[0]) == WIDTH


@pytest.mark.parametrize(
    ("n", "text"),
    [(7, "7"), (999, "999"), (1000, "1.00 K"), (999_600, "1.00 M"), (8_178_368_512, "8.18 G"), (99_960, "100 K")],
)
def test_short_numbers_have_three_digits(n: int, text: str) -> None:
    assert short(n) == text


def test_a_stage_that_there_is_not_names_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"there is no stage `rewritten`: parse, elaborate"):
        dump(program(GPT), "rewritten")


def test_after_parse_comes_the_formatted_tree() -> None:
    text = "model M()(x:[N,8])->[N,8]{return x->relu}"
    assert dump(program(text), "parse").startswith("model M()(x: [N, 8]) -> [N, 8] {")
