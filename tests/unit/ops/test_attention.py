"""Attention: shapes, masks, weights."""

from __future__ import annotations

import pytest

from fanin.ops.code import TRAINING, Infix, Input, call
from ops.asking import emitted, gives, params, refusal

QKV = ("[N, 4, T, 8]", "[N, 4, S, 8]", "[N, 4, S, 16]")


def test_attention_gives_a_value_for_each_query() -> None:
    assert gives("scaled_dot_product_attention", {}, *QKV) == "[N, 4, T, 16]"


def test_attention_drops_in_training_only() -> None:
    code = emitted("scaled_dot_product_attention", {"dropout_p": 0.1, "is_causal": True}, *QKV)
    wanted = call(
        "F.scaled_dot_product_attention",
        Input(0),
        Input(1),
        Input(2),
        dropout_p=Infix("*", 0.1, TRAINING),
        is_causal=True,
    )
    assert code == wanted


@pytest.mark.parametrize(
    ("attrs", "types", "headline"),
    [
        ({}, ("[2, 5, 8]", "[2, 6, 7]", "[2, 6, 8]"), "queries have 8 numbers and keys have 7"),
        ({}, ("[2, 5, 8]", "[2, 6, 8]", "[2, 7, 8]"), "there are 6 keys for 7 values"),
        ({}, ("[2, 5, 8]", "[2, 6, 8]", "[2, 6, 8]", "[5, 5]"), "the mask has 5 where the scores have 6"),
        (
            {"enable_gqa": True},
            ("[2, 8, 5, 8]", "[2, 3, 5, 8]", "[2, 3, 5, 8]"),
            "8 heads of `query` do not divide among 3 of `key`",
        ),
        (
            {"is_causal": True},
            ("[2, 5, 8]", "[2, 6, 8]", "[2, 6, 8]", "[5, 6]"),
            "`is_causal` makes the mask itself, and there is an `attn_mask` as well",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_words(attrs: dict[str, object], types: tuple[str, ...], headline: str) -> None:
    assert refusal("scaled_dot_product_attention", attrs, *types) == headline


def test_projections_of_one_size_are_packed() -> None:
    names = [
        spec.name for spec in params("MultiheadAttention", {"num_heads": 4}, "[L, N, 16]", "[S, N, 16]", "[S, N, 16]")
    ]
    assert names == ["in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"]
    names = [
        spec.name for spec in params("MultiheadAttention", {"num_heads": 4}, "[L, N, 16]", "[S, N, 12]", "[S, N, 16]")
    ]
    assert names[:3] == ["q_proj_weight", "k_proj_weight", "v_proj_weight"]


def test_heads_divide_the_size_of_the_query() -> None:
    types = ("[N, L, 10]",) * 3
    assert refusal("MultiheadAttention", {"num_heads": 4}, *types) == "10 numbers do not divide among 4 heads"
