"""What a model can promise of its structure, and what it is told where that does not hold."""

from __future__ import annotations

import pytest

from fanin import pipeline
from fanin.analyses.structure import structure
from tests.models import program_of

EXTERN = 'extern block Fast()(x: [B, T, D]) -> [B, T, D] = "package.module:Class"\n'


def said(text: str) -> list[tuple[str, str]]:
    report = pipeline.check_text(text)
    return [(d.code.id, d.headline) for d in report.diagnostics if d.code.id.startswith(("EXP", "TYP"))]


def model(expect: str, body: str, inputs: str = "x: [B, T, 8]") -> str:
    return f"model M()({inputs}) {{\n  expect {expect}\n  {body}\n}}"


MASKS = [
    "scaled_dot_product_attention(x, x, x, is_causal=true)",
    "scaled_dot_product_attention(x, x, x, bool(tril(ones(T, T))))",
    "scaled_dot_product_attention(x, x, x, triu(full((T, T), -inf), diagonal=1))",
    "softmax(masked_fill(x @ transpose(x, 1, 2), tril(ones(T, T)) == 0, -inf), axis=-1) @ x",
    "softmax(where(arange(T)[:, none] >= arange(T), x @ transpose(x, 1, 2), -inf), axis=-1) @ x",
    "softmax(where(arange(T)[none] <= arange(T)[:, none], x @ transpose(x, 1, 2), -inf), axis=-1) @ x",
    "softmax(where(not (arange(T)[:, none] < arange(T)), x @ transpose(x, 1, 2), -inf), axis=-1) @ x",
    "(x @ transpose(x, 1, 2) * tril(ones(T, T))) @ x",
    'einsum("b t s, b s d -> b t d", tril(x @ transpose(x, 1, 2)), x)',
]


@pytest.mark.parametrize("mask", MASKS)
def test_a_causal_mask_is_known_however_it_is_written(mask: str) -> None:
    assert said(model("causal(T)", f"return x + {mask}")) == []


@pytest.mark.parametrize("mask", MASKS[1:])
def test_a_mask_that_is_off_by_one_is_no_causal_one(mask: str) -> None:
    late = mask.replace("tril(ones(T, T))", "tril(ones(T, T), diagonal=1)").replace("diagonal=1)", "diagonal=2)", 1)
    late = late.replace("diagonal=2)", "diagonal=1)") if "triu" not in mask else late
    late = late.replace(">= arange(T)", ">= arange(T) - 1").replace("<= arange(T)[", "<= 1 + arange(T)[")
    late = late.replace("< arange(T))", "< arange(T) - 1)").replace(
        "tril(x @ transpose(x, 1, 2))", "x @ transpose(x, 1, 2)"
    )
    assert late != mask
    ((code, headline),) = said(model("causal(T)", f"return x + {late}"))
    assert code == "EXP501" and headline == "`output` at a place of `T` sees later places of `x`"


@pytest.mark.parametrize(
    ("expect", "body"),
    [
        ("receptive_field(T) == 7", "return x -> transpose(1, 2) -> 3 * Conv1d(8, 3, padding=1)"),
        ("receptive_field(T) == 15", "return x -> transpose(1, 2) -> Conv1d(8, 3) -> Conv1d(8, 3, dilation=2) -> Conv1d(8, 3, dilation=4)"),
        ("receptive_field(x, axis=1) == 1", "return x -> Linear(4)"),
        ("receptive_field(T) == T", "return x -> softmax(axis=1)"),
        ("invariant(permutation(T))", "return x -> Linear(4) -> amax(axis=1)"),
        ("equivariant(permutation(T))", "return x -> softmax(axis=1)"),
        ("equivariant(flip(T))", "return x -> transpose(1, 2) -> avg_pool1d(3, stride=1, padding=1)"),
        ("equivariant(translation(T))", "return x -> transpose(1, 2) -> Conv1d(8, 3, padding=1)"),
        ("equivariant(translation(T, step=2))", "return x -> transpose(1, 2) -> Conv1d(8, 3, stride=2)"),
        ("depth == 3", "return x -> Linear(4) -> relu -> Linear(4)"),
        ("depth == T + 2", "r = scan(GRUCell(8), x, h=zeros(B, 8))\n  return r.y -> Linear(2)"),
    ],
)  # fmt: skip
def test_what_holds_is_kept(expect: str, body: str) -> None:
    assert said(model(expect, body)) == []


@pytest.mark.parametrize(
    ("expect", "body", "words"),
    [
        ("causal(T)", "r = scan(GRUCell(8), x, h=zeros(B, 8), reverse=true)\n  return r.y", "later places"),
        ("invariant(permutation(T))", "return x -> Linear(4)", "moves with its inputs"),
        ("equivariant(permutation(T))", "return x -> transpose(1, 2) -> Conv1d(8, 3)", "`Conv1d`: a place sees its"),
        ("equivariant(permutation(T))", "return x + sinusoidal(T, 8)", "breaks at `add`"),
        ("equivariant(translation(T))", "return x -> transpose(1, 2) -> Conv1d(8, 3, stride=2)", "say `step=2`"),
        ("equivariant(translation(T, circular))", "return x -> transpose(1, 2) -> Conv1d(8, 3)", "sees the border"),
        ("equivariant(flip(T))", "return x -> transpose(1, 2) -> Conv1d(8, 3)", "its weights have a direction"),
        ("depth <= 2", "return x -> Linear(4) -> relu -> Linear(4)", "`depth` is 3"),
        ("receptive_field(T) <= 2", "return x -> transpose(1, 2) -> Conv1d(8, 3)", "`receptive_field(T)` is 3"),
    ],
)
def test_what_does_not_hold_is_refused_with_a_reason(expect: str, body: str, words: str) -> None:
    ((code, headline),) = said(model(expect, body))
    assert code == "EXP501" and words in headline


@pytest.mark.parametrize("expect", ["causal(T)", "equivariant(permutation(T))"])
def test_of_an_extern_block_nothing_can_be_told(expect: str) -> None:
    ((code, _),) = said(EXTERN + model(expect, "return x -> Fast()"))
    assert code == "EXP503"


def test_batch_norm_mixes_a_batch_in_training_alone() -> None:
    body = "return x -> transpose(1, 2) -> BatchNorm1d() -> transpose(1, 2)"
    assert said(model("causal(T)", body)) == []
    ((code, _),) = said(model("causal(T, training)", body))
    assert code == "EXP501"


def test_the_promise_of_a_block_is_held_where_it_is_used() -> None:
    text = "block B()(x: [B, T, D]) -> [B, T, D] {\n  expect causal(T)\n  return x -> softmax(axis=1)\n}\n"
    ((code, headline),) = said(text + "model M()(x: [N, L, 8]) { return x -> B() }")
    assert code == "EXP501" and "`T`" in headline


def test_symmetries_are_listed_with_their_steps() -> None:
    found = structure(program_of("model M()(x: [N, 3, H, W]) { return x -> Conv2d(4, 3, stride=2) -> max_pool2d(2) }"))
    assert [str(s) for s in found.symmetries] == [
        "N: any order",
        "H: shifts by multiples of 4, away from the border",
        "W: shifts by multiples of 4, away from the border",
    ]
