"""Blocks of the library against public modules that do the same, or against what their papers write."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import fanin
from tests.parity.agreement import agree
from tests.parity.test_zoo import renamed


def net(imports: str, model: str, **hyper: Any) -> nn.Module:
    module, names = imports.split(" ", 1)
    return fanin.loads(f"from std.{module} import {names}\n{model}", "Net", **hyper)


X = (torch.randn(2, 5, 12),), (torch.randn(3, 7, 12),)


@pytest.mark.parametrize(("block", "first"), [("PreNorm", True), ("PostNorm", False)])
def test_layers_are_pytorchs(block: str, first: bool) -> None:
    act = ", act=gelu" if block == "PostNorm" else ""
    mine = net(f"transformer {block}", f"model Net()(x: [B, T, 12]) {{ return x -> layer: {block}(3{act}) }}")
    theirs = nn.TransformerEncoderLayer(12, 3, 48, 0.0, "gelu", batch_first=True, norm_first=first)
    keys = renamed(
        (r"layer\.attn\.qkv\.(\w+)", r"self_attn.in_proj_\1"), (r"layer\.attn\.proj", "self_attn.out_proj"),
        (r"layer\.mlp\.fc", "linear"), (r"layer\.", ""),
    )  # fmt: skip
    torch.backends.mha.set_fastpath_enabled(False)
    agree(mine, theirs, X, keys=keys)


@pytest.mark.parametrize("causal", [False, True])
def test_cross_attention_is_pytorchs(causal: bool) -> None:
    mine = net(
        "attention CrossAttention",
        "model Net(c: bool)(x: [B, T, 12], m: [B, S, 8]) { return attn: CrossAttention(3, causal=c)(x, m) }",
        c=causal,
    )
    theirs = nn.MultiheadAttention(12, 3, kdim=8, vdim=8, batch_first=True)

    def run(x: Tensor, m: Tensor) -> Tensor:
        mask = torch.ones(x.shape[1], m.shape[1]).triu(1).bool() if causal else None
        return theirs(x, m, m, attn_mask=mask, need_weights=False)[0]

    def key(name: str) -> Any:
        part, kind = name.removeprefix("attn.").split(".")
        if part == "out":
            return f"out_proj.{kind}"
        at = ["query", "key", "value"].index(part)
        return f"{part[0]}_proj_weight" if kind == "weight" else lambda t: t["in_proj_bias"].chunk(3)[at]

    agree(mine, theirs, [(torch.randn(2, 5, 12), torch.randn(2, 6, 8))], keys=key, run=run)


def test_masks_hide_what_they_should() -> None:
    mine = net(
        "attention SelfAttention",
        "model Net()(x: [B, T, 12], m: bool[B, T]) { return attn: SelfAttention(3, causal=true)(x, m) }",
    ).double()
    x, seen = torch.randn(2, 6, 12).double(), torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    y = mine(x, seen)
    changed = x.clone()
    changed[1, 4:] = 9.0
    torch.testing.assert_close(mine(changed, seen)[1, :4], y[1, :4])
    changed[0, 5] = 3.0
    torch.testing.assert_close(mine(changed, seen)[0, :5], y[0, :5])


@pytest.mark.parametrize("window", [0, 3])
def test_grouped_queries_and_windows(window: int) -> None:
    mine = net(
        "attention GroupedQueryAttention",
        f"model Net()(x: [B, T, 12]) {{ return x -> a: GroupedQueryAttention(6, 2, window={window}) }}",
    ).double()
    x = torch.randn(2, 7, 12).double()
    state = {key.removeprefix("a."): value for key, value in mine.state_dict().items()}

    def heads(name: str, count: int) -> Tensor:
        return (x @ state[f"{name}.weight"].T).view(2, 7, count, 2).transpose(1, 2)

    angle = torch.arange(7.0).double()[:, None]  # one pair of features a head: its rate is 1

    def turned(z: Tensor) -> Tensor:
        return torch.cat(
            [z[..., :1] * angle.cos() - z[..., 1:] * angle.sin(), z[..., 1:] * angle.cos() + z[..., :1] * angle.sin()],
            -1,
        )

    q, k, v = turned(heads("q_proj", 6)), turned(heads("k_proj", 2)), heads("v_proj", 2)
    back = torch.arange(7)[:, None] - torch.arange(7)
    seen = (back >= 0) & ((back < window) if window else (back < 99))
    out = torch.empty(2, 6, 7, 2).double()
    for h in range(6):
        scores = (q[:, h] @ k[:, h // 3].mT / math.sqrt(2)).masked_fill(~seen, -math.inf)
        out[:, h] = scores.softmax(-1) @ v[:, h // 3]
    torch.testing.assert_close(mine(x), out.transpose(1, 2).flatten(2) @ state["o_proj.weight"].T)


def test_rotary_products_depend_on_distance_alone() -> None:
    mine = net(
        "positions rotary",
        "model Net()(q: [B, H, T, 8], k: [B, H, T, 8]) { return rotary(q) @ transpose(rotary(k), -1, -2) }",
    ).double()
    q, k = (torch.randn(1, 1, 1, 8).double().expand(1, 1, 6, 8) for _ in range(2))
    scores = mine(q, k)[0, 0]
    for d in range(-5, 6):
        line = scores.diagonal(d)
        torch.testing.assert_close(line, line[:1].expand_as(line))


def test_alibi_has_the_slopes_of_the_paper() -> None:
    mine = net("positions alibi", "model Net()(x: [T]) { return alibi(8, T) + 0 * x }").double()
    table = mine(torch.zeros(4).double())
    torch.testing.assert_close(table[:, 3, 0], -3 * 0.5 ** torch.arange(1, 9).double())


def test_linear_attention_is_the_quadratic_form_of_its_features() -> None:
    mine = net("attention LinearAttention", "model Net()(x: [B, T, 12]) { return x -> a: LinearAttention(3) }").double()
    x = torch.randn(2, 5, 12).double()
    layer = mine.get_submodule("a")
    q, k, v = (z.view(2, 5, 3, 4).transpose(1, 2) for z in layer.qkv(x).chunk(3, -1))
    weights = (F.elu(q) + 1) @ (F.elu(k) + 1).mT
    y = (weights / (weights.sum(-1, keepdim=True) + 1e-6)) @ v
    torch.testing.assert_close(mine(x), layer.proj(y.transpose(1, 2).flatten(2)))


def test_squeeze_and_excitation_is_torchvisions(torchvision_models: Any) -> None:
    from torchvision.ops import SqueezeExcitation

    mine = net("vision SqueezeExcite", "model Net()(x: [N, 8, H, W]) { return x -> se: SqueezeExcite(3) }")
    agree(mine, SqueezeExcitation(8, 3), [(torch.randn(2, 8, 5, 4),)], keys=renamed((r"se\.", "")))


FLOWS = {
    "AffineCoupling(16)": 6, "AffineCoupling(16, swap=true)": 6, "AdditiveCoupling(16)": 6, "ActNorm()": 5,
}  # fmt: skip


@pytest.mark.parametrize("layer", FLOWS)
def test_flows_go_back_and_say_what_they_do_to_volumes(layer: str) -> None:
    d = FLOWS[layer]
    mine = net(
        f"flow {layer.split('(')[0]}",
        f"model Net()(x: [N, {d}]) {{ z, logdet = x -> f: {layer} return z, logdet, inverse(f)(z) }}",
    ).double()
    with torch.no_grad():
        for parameter in mine.parameters():
            parameter.copy_(0.5 * torch.randn_like(parameter))
    x = torch.randn(3, d).double()
    _, logdet, back = mine(x)
    torch.testing.assert_close(back, x)
    for row, wanted in zip(x, logdet, strict=True):
        jacobian = torch.func.jacrev(lambda r: mine(r[None])[0][0])(row)
        torch.testing.assert_close(torch.linalg.slogdet(jacobian)[1], wanted)


def expert(stacked: dict[str, Tensor], e: int, x: Tensor) -> Tensor:
    h = F.gelu(x @ stacked["fc1.weight"][e].T + stacked["fc1.bias"][e])
    return h @ stacked["fc2.weight"][e].T + stacked["fc2.bias"][e]


def test_sparse_experts_are_the_dense_ones_where_there_is_room() -> None:
    mine = net(
        "moe MixtureOfExperts",
        "model Net()(x: [B, T, 6]) { y, balance = x -> moe: MixtureOfExperts(4, 2, 8, slack=4.0) return y, balance }",
    ).double()
    x = torch.randn(2, 5, 6).double()
    tokens = x.flatten(0, 1)
    moe = mine.get_submodule("moe")
    p = (tokens @ moe.router.weight.T).softmax(-1)
    weight, chosen = p.topk(2)
    weight = weight / weight.sum(-1, keepdim=True)
    experts = dict(moe.experts.named_parameters())
    every = torch.stack([
        expert(experts, e, tokens)
        for e in range(4)
    ])  # fmt: skip
    wanted = sum(weight[:, i, None] * every[chosen[:, i], torch.arange(10)] for i in range(2))
    y, balance = mine(x)
    torch.testing.assert_close(y.flatten(0, 1), wanted)
    load = F.one_hot(chosen[:, 0], 4).double().mean(0)
    torch.testing.assert_close(balance, 4 * (load * p.mean(0)).sum())


def test_experts_without_room_are_passed_by() -> None:
    mine = net(
        "moe MixtureOfExperts",
        "model Net()(x: [B, T, 6]) { y, balance = x -> moe: MixtureOfExperts(2, 1, 8, slack=0.5) return y }",
    ).double()
    x = torch.randn(1, 1, 6).double().expand(1, 8, 6)  # all tokens want the same expert, which has room for two
    y = mine(x)[0]
    assert (y[:2] != 0).any(1).all() and not y[2:].any()


def test_dense_experts_are_weighted_by_the_router() -> None:
    mine = net("moe DenseExperts", "model Net()(x: [B, 6]) { return x -> moe: DenseExperts(3, 8) }").double()
    x = torch.randn(5, 6).double()
    moe = mine.get_submodule("moe")
    experts = dict(moe.experts.named_parameters())
    p = moe.router(x).softmax(-1)
    y = sum(
        p[:, e, None] * expert(experts, e, x)
        for e in range(3)
    )  # fmt: skip
    torch.testing.assert_close(mine(x), y)


def test_skips() -> None:
    mine = net(
        "residual Residual, LayerScale",
        "model Net()(x: [N, 6]) { return x -> a: Residual(Linear(8)) -> b: LayerScale(Linear(8), start=0.3) }",
    ).double()
    a, b = mine.get_submodule("a"), mine.get_submodule("b")
    x = torch.randn(3, 6).double()
    h = a.project(x) + a.branch(x)
    torch.testing.assert_close(mine(x), h + 0.3 * b.branch(h))
    wide = net(
        "residual ResidualPicture",
        "model Net()(x: [N, 3, 8, 8]) { return x -> a: ResidualPicture(Conv2d(5, 3, stride=2, padding=1), stride=2) }",
    ).double()
    layer, image = wide.get_submodule("a"), torch.randn(2, 3, 8, 8).double()
    torch.testing.assert_close(wide(image), layer.project(image) + layer.branch(image))


def test_the_gated_unit_of_the_paper() -> None:
    mine = net(
        "recurrent GruCell", "model Net()(x: [B, T, 4]) { return scan(cell: GruCell(5), x, h=zeros(B, 5)).y }"
    ).double()
    cell, x = mine.get_submodule("cell"), torch.randn(2, 6, 4).double()
    h, steps = torch.zeros(2, 5).double(), []
    for t in range(6):
        r, z = cell.gates(torch.cat([x[:, t], h], 1)).sigmoid().chunk(2, 1)
        n = cell.candidate(torch.cat([x[:, t], r * h], 1)).tanh()
        h = z * h + (1 - z) * n
        steps.append(h)
    torch.testing.assert_close(mine(x), torch.stack(steps, 1))
    forget = net(
        "recurrent LstmCell",
        "model Net()(x: [B, T, 4]) { return scan(cell: LstmCell(5), x, h=zeros(B, 5), c=zeros(B, 5)).y }",
    )
    assert forget.get_parameter("cell.forget.bias").unique().tolist() == [1.0]
