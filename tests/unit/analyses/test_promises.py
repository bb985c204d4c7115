"""Promises: what is kept says nothing, what is broken names both values, what cannot be told is advice."""

from __future__ import annotations

import pytest

from fanin.analyses.promises import broken_promises
from fanin.diagnostics import Diagnostic
from tests.unit.analyses.specs import program

BODY = "return image -> flatten(1) -> fc: Linear(10)"


def settle(expect: str, head: str = "image: [N, 1, 28, 28]", more: str = "") -> list[Diagnostic]:
    """What is said of one promise of a model of 7,850 parameters and 15,680 operations for each image."""
    return broken_promises(program(f"model M()({head}) -> [N, 10] {{ {expect}\n {BODY} }} {more}"))


@pytest.mark.parametrize(
    "expect",
    [
        "expect params == 7_850",
        "expect 7_850 == params",
        "expect trainable == params",
        "expect params != 3",
        "expect 7K < params < 8K",
        "expect params in 7_000..8_000",
        "expect flops(image=[1, 1, 28, 28]) < 20K",
        "expect flops(image=[3, 1, 28, 28]) == 3 * 15_680",
        "expect flops([2, 1, 28, 28]) == 31_360",
        "expect flops == 15_680 * N",
        "expect flops >= 15_680",
    ],
)
def test_what_is_kept_says_nothing(expect: str) -> None:
    assert settle(expect) == []


@pytest.mark.parametrize(
    ("expect", "headline"),
    [
        ("expect params == 61_707", "`params` is 7,850, not 61,707"),
        ("expect 61_707 == params", "`params` is 7,850, not 61,707"),
        ("expect params < 1K", "`params` is 7,850, not < 1,000"),
        ("expect 10_000 < params", "`params` is 7,850, not > 10,000"),
        ("expect params in 1..2", "`params` is 7,850, not in 1..2"),
        ("expect params != 7_850", "`params` is 7,850, which it should not be: 7,850"),
        ("expect trainable < params", "`trainable` is 7,850, not < 7,850, which is `params`"),
        ("expect flops(image=[1, 1, 28, 28]) < 8K", "`flops(image=[1, 1, 28, 28])` is 15,680, not < 8,000"),
        ("expect flops < 8K", "`flops` is 15680 * N, not < 8,000"),
    ],
)
def test_what_is_broken_names_both_values(expect: str, headline: str) -> None:
    (found,) = settle(expect)
    assert (found.code.id, found.headline) == ("EXP501", headline)


@pytest.mark.parametrize(
    ("expect", "written"), [("params == 61_707", "params == 7_850"), ("5K == params", "7_850 == params")]
)
def test_the_fix_writes_the_true_value_and_is_not_safe(expect: str, written: str) -> None:
    (found,) = settle(f"expect {expect}")
    assert found.fix is not None and not found.fix.safe
    (edit,) = found.fix.edits
    text = edit.span.source.text
    assert f"expect {written}\n" in text[: edit.span.start] + edit.text + text[edit.span.end :]


@pytest.mark.parametrize("expect", ["params < 5", "params == 2 * 5", "flops == params"])
def test_no_fix_where_there_is_no_literal_to_mend(expect: str) -> None:
    (found,) = settle(f"expect {expect}")
    assert found.fix is None


@pytest.mark.parametrize(
    ("expect", "words"),
    [
        ("memory(training) < 6GiB", "`memory(training)` cannot be told"),
        ("causal(image)", "`causal(image)` cannot be told"),
        ("flops < 16K * 4", "`flops` cannot be told: it hangs on N, which is open"),
    ],
)
def test_what_cannot_be_told_is_advice(expect: str, words: str) -> None:
    (found,) = settle(f"expect {expect}")
    assert (found.code.id, found.severity.value) == ("EXP503", "advice")
    assert found.headline.startswith(words)


@pytest.mark.parametrize(
    ("expect", "code", "words"),
    [
        ("flops(imag=[1, 1, 28, 28]) < 8K", "TYP405", "`imag` is no input of `M`, which has `image`"),
        ("flops(image=[1, 28, 28]) < 8K", "TYP401", "[1, 28, 28] has 3 axes"),
        ("flops(image=[1, 1, 28, 27]) < 8K", "TYP401", "axis 3 of `image` is 28, not 27"),
        ("flops(image=3) < 8K", "TYP401", "`flops` takes the shape of each input"),
        ("params(fc) < 8K", "TYP405", "`params` takes no arguments"),
        ("causal(image)", "TYP401", "`image` is an input of several axes"),
    ],
)
def test_a_question_that_makes_no_sense_is_an_error_of_its_own(expect: str, code: str, words: str) -> None:
    (found,) = settle(f"expect {expect}")
    assert found.code.id == code and words in found.headline


def test_a_misspelt_input_gets_the_nearest_one() -> None:
    (found,) = settle("expect flops(imag=[1, 1, 28, 28]) < 8K")
    assert found.helps == ("did you mean `image`?",)


def test_blocks_keep_their_promises_too() -> None:
    found = broken_promises(
        program("""
        block B(w: int)(x: [N, D]) -> [N, w] {
          expect params == D * w
          expect flops(x=[2, 4]) == 4 * 4 * w
          return x -> fc: Linear(w, bias=w == 8)
        }
        model M()(x: [N, 4]) -> [N, 8] { return x -> a: B(6) -> relu -> b: B(8) }
        """)
    )
    assert [d.headline for d in found] == [
        "`params` is 56, not 48",
        "in `flops(x=[2, 4])`, axis 1 of `x` is 6, not 4",
    ]
    assert found[0].notes == ("in `B(w=8)`",)
