"""Cuts are right or refused: small networks for every rule of coupling, each against its masked self in float64.

Every case is cut at random at all groups that can be, written as a smaller spec, elaborated, loaded with the weights
that stay, and run beside the network whose weights are zero where something went.
"""

from __future__ import annotations

import pytest

from fanin.analyses.couplings import Grade
from fanin.analyses.couplings.cut import Cut, CutError
from tests.unit.pruning.networks import coupled_of, difference, random_cut

# name -> (the network, how many groups can be cut, a word of each reason that another cannot)
CASES: dict[str, tuple[str, int, tuple[str, ...]]] = {
    "mlp": (
        "x: [N, 6]) -> [N, 3] { return x -> a: Linear(8) -> relu -> b: Linear(10) -> tanh -> c: Linear(3) }",
        2,
        (),
    ),
    "without bias": ("x: [N, 6]) -> [N, 3] { return x -> a: Linear(8, bias=false) -> gelu -> c: Linear(3) }", 1, ()),
    "conv and batch norm": (
        "x: [N, 3, 8, 8]) -> [N, 4] { return x -> a: Conv2d(8, 3, padding=1) -> n: BatchNorm2d() -> relu"
        " -> b: Conv2d(6, 3) -> relu -> mean(axis=(2, 3)) -> c: Linear(4) }",
        2,
        (),
    ),
    "residual sum": (
        "x: [N, 3, 8, 8]) -> [N, 4] { x = x -> a: Conv2d(8, 3, padding=1)\n"
        "y = x -> b: Conv2d(8, 3, padding=1) -> relu -> c: Conv2d(8, 3, padding=1)\n"
        "return (x + y) -> mean(axis=(2, 3)) -> d: Linear(4) }",
        2,
        (),
    ),
    "residual sum with the input": (
        "x: [N, 8]) -> [N, 3] { x += x -> a: Linear(12) -> relu -> b: Linear(8)\nreturn x -> c: Linear(3) }",
        1,
        ("input",),
    ),
    "grouped convolution": (
        "x: [N, 3, 8, 8]) -> [N, 4] { return x -> a: Conv2d(12, 1) -> relu -> b: Conv2d(8, 3, groups=4) -> relu"
        " -> mean(axis=(2, 3)) -> c: Linear(4) }",
        3,
        (),
    ),
    "depthwise": (
        "x: [N, 3, 8, 8]) -> [N, 4] { return x -> a: Conv2d(12, 1) -> b: Conv2d(12, 3, groups=12) -> n: BatchNorm2d()"
        " -> relu -> c: Conv2d(6, 1) -> mean(axis=(2, 3)) -> d: Linear(4) }",
        2,
        (),
    ),
    "depthwise with a multiplier": (
        "x: [N, 3, 8, 8]) -> [N, 4] { return x -> a: Conv2d(6, 1) -> b: Conv2d(18, 3, groups=6) -> relu"
        " -> mean(axis=(2, 3)) -> d: Linear(4) }",
        2,
        (),
    ),
    "transposed convolution": (
        "x: [N, 3, 4, 4]) -> [N, 2, 8, 8] { return x -> a: Conv2d(6, 1) -> relu -> b: ConvTranspose2d(8, 2, stride=2)"
        " -> relu -> c: Conv2d(2, 1) }",
        2,
        (),
    ),
    "grouped transposed convolution": (
        "x: [N, 3, 4, 4]) -> [N, 2, 8, 8] { return x -> a: Conv2d(8, 1) -> relu"
        " -> b: ConvTranspose2d(12, 2, stride=2, groups=4) -> relu -> c: Conv2d(2, 1) }",
        3,
        (),
    ),
    "transposed convolution of a view": (
        "x: [N, 6]) -> [N, 2, 8, 8] { return x -> a: Linear(8 * 4 * 4) -> reshape(N, 8, 4, 4)"
        " -> b: ConvTranspose2d(6, 2, stride=2) -> relu -> c: Conv2d(2, 1) }",
        2,
        (),
    ),
    "product of two": (
        "x: [N, 6]) -> [N, 3] { return ((x -> a: Linear(8)) * (x -> b: Linear(8) -> sigmoid)) -> c: Linear(3) }",
        1,
        (),
    ),
    "where": (
        "x: [N, 6]) -> [N, 3] { h = x -> a: Linear(8)\nreturn where(h > 0, h, x -> b: Linear(8)) -> c: Linear(3) }",
        1,
        (),
    ),
    "gate of one channel": (
        "x: [N, 3, 6, 6]) -> [N, 4] { h = x -> a: Conv2d(8, 1)\ng = h -> b: Conv2d(1, 1) -> sigmoid\n"
        "return (h * g) -> mean(axis=(2, 3)) -> c: Linear(4) }",
        1,
        (),
    ),
    "squeeze and excite": (
        "x: [N, 3, 6, 6]) -> [N, 4] { h = x -> a: Conv2d(8, 1) -> relu\n"
        "g = h -> adaptive_avg_pool2d(1) -> s: Conv2d(4, 1) -> relu -> e: Conv2d(8, 1) -> sigmoid\n"
        "return (h * g) -> mean(axis=(2, 3)) -> c: Linear(4) }",
        2,
        (),
    ),
    "sigmoid in between": ("x: [N, 6]) -> [N, 3] { return x -> a: Linear(8) -> sigmoid -> c: Linear(3) }", 1, ()),
    "softplus and padding": (
        "x: [N, 3, 6, 6]) -> [N, 2, 6, 6] { return x -> a: Conv2d(8, 1) -> softplus -> c: Conv2d(2, 3, padding=1) }",
        1,
        (),
    ),
    "concatenation": (
        "x: [N, 3, 6, 6]) -> [N, 4] { return concat(x -> a: Conv2d(6, 1), x -> b: Conv2d(4, 1) -> relu, axis=1)"
        " -> n: BatchNorm2d() -> relu -> c: Conv2d(8, 1) -> mean(axis=(2, 3)) -> d: Linear(4) }",
        3,
        (),
    ),
    "concatenation of one tensor with itself": (
        "x: [N, 6]) -> [N, 3] { h = x -> a: Linear(8)\nreturn concat(h, relu(h), h, axis=1) -> c: Linear(3) }",
        1,
        (),
    ),
    "concatenation and sum": (
        "x: [N, 6]) -> [N, 3] { return (concat(x -> a: Linear(5), x -> b: Linear(7), axis=1) + (x -> c: Linear(12)))"
        " -> d: Linear(3) }",
        2,
        (),
    ),
    "concatenations cut elsewhere": (
        "x: [N, 6]) -> [N, 3] { return (concat(x -> a: Linear(5), x -> b: Linear(7), axis=1)"
        " + concat(x -> c: Linear(8), x -> d: Linear(4), axis=1)) -> e: Linear(3) }",
        3,
        (),
    ),
    "concatenation with the input": (
        "x: [N, 6]) -> [N, 3] { return concat(x, x -> a: Linear(8), axis=1) -> c: Linear(3) }",
        1,
        ("input",),
    ),
    "split in two sizes": (
        "x: [N, 6]) -> [N, 3] { a, b = x -> f: Linear(12) -> split((8, 4), axis=1)\n"
        "return ((a -> g: Linear(5)) + (b -> h: Linear(5))) -> relu -> c: Linear(3) }",
        3,
        (),
    ),
    "chunks that are used alike": (
        "x: [N, 6]) -> [N, 3] { a, b = x -> f: Linear(12) -> chunk(2, axis=1)\nreturn (a * tanh(b)) -> c: Linear(3) }",
        1,
        (),
    ),
    "chunks of sizes of their own": (
        "x: [N, 6]) -> [N, 3] { a, b = x -> f: Linear(12) -> chunk(2, axis=1)\n"
        "return (a -> g: Linear(3)) + (b -> h: Linear(3)) }",
        2,
        (),
    ),
    "slices": (
        "x: [N, 6]) -> [N, 3] { h = x -> f: Linear(12)\nreturn (h[:, :5] -> g: Linear(3)) + (h[:, 3:]"
        " -> k: Linear(3)) }",
        3,
        (),
    ),
    "narrow": (
        "x: [N, 6]) -> [N, 3] { h = x -> f: Linear(12)\nreturn h -> narrow(1, 4, 6) -> g: Linear(3) }",
        3,
        (),
    ),
    "a step of two": (
        "x: [N, 6]) -> [N, 3] { h = x -> f: Linear(12)\nreturn h[:, ::2] -> g: Linear(3) }",
        0,
        ("by number",),
    ),
    "one channel picked": (
        "x: [N, 6]) -> [N, 3] { h = x -> f: Linear(12)\nreturn (h -> g: Linear(3)) * h[:, 2:3] }",
        2,
        (),
    ),
    "glu": ("x: [N, 6]) -> [N, 3] { return x -> a: Linear(16) -> glu -> c: Linear(3) }", 1, ()),
    "glu of channels": (
        "x: [N, 3, 6, 6]) -> [N, 4] { return x -> a: Conv2d(16, 1) -> glu(axis=1) -> mean(axis=(2, 3))"
        " -> c: Linear(4) }",
        1,
        (),
    ),
    "flatten": (
        "x: [N, 3, 6, 6]) -> [N, 4] { return x -> a: Conv2d(8, 3) -> relu -> flatten(1) -> b: Linear(10) -> relu"
        " -> c: Linear(4) }",
        2,
        (),
    ),
    "channels last, then flatten": (
        "x: [N, 3, 6, 6]) -> [N, 4] { return x -> a: Conv2d(8, 3) -> relu -> permute(0, 2, 3, 1) -> flatten(1)"
        " -> c: Linear(4) }",
        1,
        (),
    ),
    "rearrange of channels to the end": (
        'x: [N, 3, 6, 6]) -> [N, 4] { return x -> a: Conv2d(8, 3) -> rearrange("n c h w -> n (h w c)")'
        " -> c: Linear(4) }",
        1,
        (),
    ),
    "reshape across factors": (
        "x: [N, 6]) -> [N, 4] { return x -> a: Linear(12) -> reshape(N, 3, 4) -> transpose(1, 2) -> reshape(N, 12)"
        " -> c: Linear(4) }",
        2,
        (),
    ),
    "reshape that cuts across": (
        "x: [N, 6]) -> [N, 4] { a = x -> f: Linear(4)\nb = x -> g: Linear(6)\n"
        "y = concat(a, b, axis=1) -> reshape(N, 5, 2) -> sum(axis=2)\nreturn y -> c: Linear(4) }",
        3,
        (),
    ),
    "two divisions that do not fit": (
        "x: [N, 6]) -> [N, 4] { h = x -> f: Linear(24)\n"
        "a = h -> reshape(N, 6, 4) -> sum(axis=2) -> p: Linear(4)\nb = h -> reshape(N, 8, 3) -> sum(axis=2)"
        " -> q: Linear(4)\n"
        "return a + b }",
        0,
        ("divided in two ways", "divided in two ways"),
    ),
    "pixel shuffle": (
        "x: [N, 3, 4, 4]) -> [N, 2, 8, 8] { return x -> a: Conv2d(24, 1) -> pixel_shuffle(2) -> relu"
        " -> c: Conv2d(2, 1) }",
        1,
        (),
    ),
    "pixel unshuffle": (
        "x: [N, 3, 4, 4]) -> [N, 2, 2, 2] { return x -> a: Conv2d(6, 1) -> pixel_unshuffle(2) -> c: Conv2d(2, 1) }",
        1,
        (),
    ),
    "channel shuffle": (
        "x: [N, 3, 6, 6]) -> [N, 4] { return x -> a: Conv2d(12, 1) -> relu -> b: Conv2d(12, 1, groups=3)"
        " -> channel_shuffle(3) -> c: Conv2d(12, 3, groups=12) -> relu -> d: Conv2d(8, 1) -> mean(axis=(2, 3))"
        " -> e: Linear(4) }",
        4,
        (),
    ),
    "channel shuffle into groups": (
        "x: [N, 3, 6, 6]) -> [N, 4] { return x -> a: Conv2d(12, 1) -> relu -> channel_shuffle(3)"
        " -> b: Conv2d(12, 1, groups=3) -> mean(axis=(2, 3)) -> c: Linear(4) }",
        1,
        ("divided in two ways",),
    ),
    "channel shuffle into groups that fit": (
        "x: [N, 3, 6, 6]) -> [N, 4] { return x -> a: Conv2d(16, 1) -> relu -> channel_shuffle(4)"
        " -> b: Conv2d(16, 1, groups=4) -> mean(axis=(2, 3)) -> c: Linear(4) }",
        3,
        (),
    ),
    "layer norm": (
        "x: [N, 6]) -> [N, 3] { return x -> a: Linear(8) -> n: LayerNorm() -> relu -> c: Linear(3) }",
        1,
        (),
    ),
    "layer norm without weights": (
        "x: [N, 6]) -> [N, 3] { return x -> a: Linear(8) -> n: LayerNorm(elementwise_affine=false) -> c: Linear(3) }",
        1,
        (),
    ),
    "layer norm without a bias": (
        "x: [N, 6]) -> [N, 3] { return x -> a: Linear(8) -> n: LayerNorm(bias=false, eps=1e-3) -> c: Linear(3) }",
        1,
        (),
    ),
    "rms norm": (
        "x: [N, 6]) -> [N, 3] { return x -> a: Linear(8) -> n: RMSNorm(eps=1e-6) -> relu -> c: Linear(3) }",
        1,
        (),
    ),
    "group norm by whole groups": (
        "x: [N, 3, 6, 6]) -> [N, 4] { return x -> a: Conv2d(12, 1) -> n: GroupNorm(4) -> relu -> mean(axis=(2, 3))"
        " -> c: Linear(4) }",
        1,
        (),
    ),
    "instance norm": (
        "x: [N, 3, 6, 6]) -> [N, 4] { return x -> a: Conv2d(12, 1) -> n: InstanceNorm2d(affine=true) -> relu"
        " -> flatten(1) -> c: Linear(4) }",
        1,
        (),
    ),
    "sum over channels": (
        "x: [N, 3, 6, 6]) -> [N, 4] { return x -> a: Conv2d(8, 1) -> relu -> sum(axis=1) -> flatten(1)"
        " -> c: Linear(4) }",
        1,
        (),
    ),
    "softmax over what would go": (
        "x: [N, 6]) -> [N, 3] { return x -> a: Linear(8) -> softmax(axis=-1) -> c: Linear(3) }",
        0,
        ("shares out",),
    ),
    "attention": (
        "x: [B, T, 12]) -> [B, T, 4] { q, k, v = x -> qkv: Linear(48) -> chunk(3, axis=-1)"
        ' -> map(rearrange(..., "b t (h d) -> b h t d", h=4))\n'
        "y = scaled_dot_product_attention(q, k, v, is_causal=true)\n"
        'return rearrange(y, "b h t d -> b t (h d)") -> o: Linear(12) -> c: Linear(4) }',
        4,
        (),
    ),
    "attention of queries apart": (
        'x: [B, T, 12]) -> [B, T, 4] { q = x -> q: Linear(16) -> rearrange("b t (h d) -> b h t d", h=4)\n'
        'k = x -> k: Linear(16) -> rearrange("b t (h d) -> b h t d", h=4)\n'
        'v = x -> v: Linear(24) -> rearrange("b t (h d) -> b h t d", h=4)\n'
        "y = softmax(q @ transpose(k, 2, 3) / sqrt(4), axis=-1) @ v\n"
        'return rearrange(y, "b h t d -> b t (h d)") -> o: Linear(4) }',
        3,
        (),
    ),
    "grouped queries": (
        'x: [B, T, 12]) -> [B, T, 4] { q = x -> q: Linear(24) -> rearrange("b t (h d) -> b h t d", h=6)\n'
        'k = x -> k: Linear(12) -> rearrange("b t (h d) -> b h t d", h=3)\n'
        'v = x -> v: Linear(12) -> rearrange("b t (h d) -> b h t d", h=3)\n'
        "y = scaled_dot_product_attention(q, k, v, enable_gqa=true)\n"
        'return rearrange(y, "b h t d -> b t (h d)") -> o: Linear(4) }',
        4,
        (),
    ),
    "rotary halves": (
        "x: [B, T, 12]) -> [B, T, 4] { a, b = x -> q: Linear(16) -> chunk(2, axis=-1)\n"
        "y = concat(a * cos(x[:, :, :1]) - b, b * cos(x[:, :, :1]) + a, axis=-1)\nreturn y -> o: Linear(4) }",
        1,
        (),
    ),
    "PyTorch's attention": (
        "x: [B, T, 12]) -> [B, T, 4] { x = x -> e: Linear(16)\n"
        "y = a: MultiheadAttention(4, batch_first=true)(x, x, x)\nreturn (x + y) -> c: Linear(4) }",
        1,
        ("sizes its heads",),
    ),
    "product of matrices": (
        "x: [N, 6]) -> [N, 6] { a = x -> f: Linear(8)\nb = x -> g: Linear(8)\nreturn (a @ transpose(b, 0, 1)) @ x }",
        1,
        (),
    ),
    "outer product, flattened": (
        "x: [N, 6]) -> [N, 4] { a = x -> f: Linear(5)\nb = x -> g: Linear(7)\n"
        'return einsum("n i, n j -> n i j", a, b) -> flatten(1) -> c: Linear(4) }',
        2,
        (),
    ),
    "bilinear": (
        "x: [N, 6]) -> [N, 4] { a = x -> f: Linear(5)\nb = x -> g: Linear(7)\n"
        "return h: Bilinear(8)(a, b) -> relu -> c: Linear(4) }",
        3,
        (),
    ),
    "embedding": (
        "t: int[B, T]) -> [B, T, 4] { return t -> e: Embedding(10, 8) -> relu -> c: Linear(4) }",
        1,
        ("vocabulary",),
    ),
    "tied embedding and head": (
        "t: int[B, T]) -> [B, T, 10] { x = t -> e: Embedding(10, 8) -> a: Linear(8) -> relu\n"
        "return x -> head: Linear(10, bias=false, weight=e.weight) }",
        1,
        ("vocabulary",),
    ),
    "lstm cell": (
        "x: [B, T, 6]) -> [B, T, 4] { y, _, _ = scan(cell: LSTMCell(8), x, h=zeros(B, 8), c=zeros(B, 8))\n"
        "return y -> c: Linear(4) }",
        1,
        (),
    ),
    "two gru cells": (
        "x: [B, T, 6]) -> [B, T, 4] { x, _ = scan(one: GRUCell(8), x, h=zeros(B, 8))\n"
        "y, _ = scan(two: GRUCell(6), x, h=zeros(B, 6), reverse=true)\nreturn y -> c: Linear(4) }",
        2,
        (),
    ),
    "plain cell": (
        "x: [B, T, 6]) -> [B, 4] { _, h = scan(cell: RNNCell(8), x, h=zeros(B, 8))\nreturn h -> c: Linear(4) }",
        1,
        (),
    ),
    "positional table and class token": (
        "x: [B, 5, 6]) -> [B, 4] { param token: [1, 1, 8] = normal(std=0.1)\nparam place: [1, 6, 8] = normal(std=0.1)\n"
        "x = x -> e: Linear(8)\nx = concat(broadcast_to(token, B, 1, 8), x, axis=1) + place\n"
        "x = x -> n: LayerNorm() -> m: Linear(8) -> gelu\nreturn x[:, 0] -> c: Linear(4) }",
        2,
        (),
    ),
    "a module used twice": (
        "x: [N, 6]) -> [N, 3] { s = Linear(8)\nx = x -> a: Linear(8) -> s -> relu -> s\nreturn x -> c: Linear(3) }",
        1,
        (),
    ),
    "a weight read": (
        "x: [N, 6]) -> [N, 8] { a = Linear(8)\nh = x -> a"
        " -> relu\nreturn linear(h, a.weight @ transpose(a.weight, 0, 1)) }",
        0,
        ("result",),
    ),
    "a weight as a parameter": (
        "x: [N, 3, 6, 6]) -> [N, 4] { param k: [8, 3, 3, 3] = normal(std=0.2)\n"
        "return conv2d(x, k) -> relu -> mean(axis=(2, 3)) -> c: Linear(4) }",
        1,
        (),
    ),
    "a table that is worked out": (
        "x: [B, 5, 6]) -> [B, 5, 4] { buffer t: [5, 8] = sinusoidal(5, 8)\n"
        "return ((x -> a: Linear(8)) + t) -> c: Linear(4) }",
        0,
        ("worked out",),
    ),
    "prelu": ("x: [N, 6]) -> [N, 3] { return x -> a: Linear(8) -> p: PReLU(8) -> c: Linear(3) }", 1, ()),
    "layer scale": (
        "x: [N, 6]) -> [N, 3] { param s: [8] = ones\nreturn (s * (x -> a: Linear(8))) -> c: Linear(3) }",
        1,
        (),
    ),
    "pooling and resizing": (
        "x: [N, 3, 8, 8]) -> [N, 2, 8, 8] { return x -> a: Conv2d(8, 1) -> max_pool2d(2) -> relu"
        " -> interpolate(scale_factor=2.0) -> pad((0, 0, 0, 0)) -> c: Conv2d(2, 1) }",
        1,
        (),
    ),
    "stacked, then summed": (
        "x: [N, 6]) -> [N, 3] { return sum(stack(x -> a: Linear(8), x -> b: Linear(8), axis=0), axis=0)"
        " -> c: Linear(3) }",
        1,
        (),
    ),
    "channels turned round": (
        "x: [N, 6]) -> [N, 3] { h = x -> a: Linear(8)\nreturn (h + flip(h, axis=1)) -> c: Linear(3) }",
        0,
        ("turned round",),
    ),
    "sorted": (
        "x: [N, 6]) -> [N, 3] { v, _ = x -> a: Linear(8) -> sort(axis=1)\nreturn v -> c: Linear(3) }",
        0,
        ("does not say",),
    ),
    "in training another way": (
        "x: [N, 6]) -> [N, 3] { h = x -> a: Linear(8)\nif training { h = h * 2 } else { h = relu(h) }\n"
        "return h -> c: Linear(3) }",
        1,
        (),
    ),
    "dropout of channels": (
        "x: [N, 3, 6, 6]) -> [N, 4] { return x -> a: Conv2d(8, 1) -> dropout2d(0.3) -> flatten(1) -> c: Linear(4) }",
        1,
        (),
    ),
    "two results": (
        "x: [N, 6]) -> (y: [N, 3], z: [N, 2]) { h = x -> a: Linear(8) -> relu\n"
        "return (h -> c: Linear(3)), (h -> d: Linear(2)) }",
        1,
        (),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_cut_gives_what_the_masked_network_gives(name: str) -> None:
    body, free, reasons = CASES[name]
    coupled = coupled_of(f"model Net()({body}")
    exact = [g for g in coupled.groups if g.grade is not Grade.APPROXIMATE]
    assert len(exact) == free, [(g.name, g.size, g.grade, g.notes) for g in coupled.groups]
    for reason in reasons:
        assert any(reason in note for g in coupled.fixed for note in g.notes), [g.notes for g in coupled.fixed]
    for seed in range(3):
        cut = random_cut(coupled, seed)
        found, small = difference(cut)
        assert found < 1e-10, (found, small)
        assert len(cut.groups) == free


APPROXIMATE = {
    "mean over channels": (
        "x: [N, 3, 6, 6]) -> [N, 4] { return x -> a: Conv2d(8, 1) -> relu -> mean(axis=1) -> flatten(1)"
        " -> c: Linear(4) }",
        "the mean is taken over fewer",
    ),
    "largest over channels": (
        "x: [N, 3, 6, 6]) -> [N, 4] { return x -> a: Conv2d(8, 1) -> amax(axis=1) -> flatten(1) -> c: Linear(4) }",
        "of fewer numbers is another",
    ),
    "within a group of a group norm": (
        "x: [N, 3, 6, 6]) -> [N, 4] { return x -> a: Conv2d(12, 1) -> n: GroupNorm(2) -> mean(axis=(2, 3))"
        " -> c: Linear(4) }",
        "the statistics of `n` change",
    ),
    "a norm of what is not zero": (
        "x: [N, 6]) -> [N, 3] { return x -> a: Linear(8) -> sigmoid -> n: LayerNorm() -> c: Linear(3) }",
        "the statistics of `n` change",
    ),
    "a sum of what is not zero": (
        "x: [N, 3, 6, 6]) -> [N, 4] { return x -> a: Conv2d(8, 1) -> sigmoid -> sum(axis=1) -> flatten(1)"
        " -> c: Linear(4) }",
        "what goes is not zero",
    ),
}


@pytest.mark.parametrize("name", APPROXIMATE)
def test_a_cut_that_changes_more_than_what_goes_has_to_be_asked_for(name: str) -> None:
    body, reason = APPROXIMATE[name]
    coupled = coupled_of(f"model Net()({body}")
    group = next(g for g in coupled.groups if g.grade is Grade.APPROXIMATE)
    assert any(reason in note for note in group.notes), group.notes
    with pytest.raises(CutError, match="changes more than what goes"):
        Cut(coupled, {group.name: [0]})
    cut = Cut(coupled, {group.name: range(group.size // 2)}, approximate=True)
    found, _ = difference(cut)
    assert found > 1e-4  # that it is said is no excess of caution


def test_what_cannot_be_cut_is_refused_with_its_reason() -> None:
    coupled = coupled_of("model Net()(x: [N, 6]) -> [N, 3] { return x -> a: Linear(8) -> softmax(-1) -> c: Linear(3) }")
    with pytest.raises(CutError, match="`a` cannot be cut: `softmax` shares out over it"):
        Cut(coupled, {"a": [0, 1]})
    with pytest.raises(CutError, match="there is no group `b`"):
        Cut(coupled, {"b": [0]})


def test_entries_that_are_not_there_are_refused() -> None:
    coupled = coupled_of("model Net()(x: [N, 6]) -> [N, 3] { return x -> a: Linear(8) -> relu -> c: Linear(3) }")
    with pytest.raises(CutError, match="nothing would be left"):
        Cut(coupled, {"a": []})
    with pytest.raises(CutError, match="entries 0 to 7"):
        Cut(coupled, {"a": [0, 8]})


def test_an_ensemble_is_fixed_and_what_it_shares_is_tied() -> None:
    coupled = coupled_of(
        "block Two()(x: [N, D]) -> [N, 3] { return x -> p: Linear(4) -> relu -> q: Linear(3) }\n"
        "model Net()(x: [N, 6]) -> [5, N, 3] {\n"
        "h = x -> a: Linear(8) -> relu\n"
        "return stack(h, h, h, h, h) -> many: ensemble(5, Two())\n}"
    )
    assert not coupled.groups
    notes = {note for g in coupled.fixed for note in g.notes}
    assert "the copies of an ensemble are stacked" in notes
