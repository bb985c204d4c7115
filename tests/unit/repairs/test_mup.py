"""``mup``: a coordinate check. Over widths, what a few steps change stays as large as in the small network."""

from __future__ import annotations

from math import log
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

import fanin
from fanin.repairs.case import Refused

MLP = """@init(linear=normal(std=0.125), bias=zeros)
model Net(width: int = 64)(x: [N, 64]) -> [N, 10] {
  return x -> a: Linear(width) -> relu -> b: Linear(width) -> relu -> c: Linear(width) -> relu -> head: Linear(10)
}
"""
GPT = """
block Att(heads: int)(x: [B, T, D]) -> [B, T, D] {
  q, k, v = x -> qkv: Linear(3 * D) -> chunk(3, axis=-1) -> map(rearrange(..., "b t (h d) -> b h t d", h=heads))
  return scaled_dot_product_attention(q, k, v, is_causal=true) -> rearrange("b h t d -> b t (h d)") -> proj: Linear(D)
}
block Layer(heads: int)(x: [B, T, D]) -> [B, T, D] {
  x += x -> ln1: LayerNorm() -> att: Att(heads)
  x += x -> ln2: LayerNorm() -> fc1: Linear(4 * D) -> gelu -> fc2: Linear(D)
  return x
}
@init(linear=normal(std=0.125), embedding=normal(std=0.125), bias=zeros)
model Net(width: int = 64, depth: int = 2)(token: int[B, T]) -> [B, T, 32] {
  x = (token -> wte: Embedding(32, width)) + (arange(T) -> wpe: Embedding(32, width))
  return x -> layers: depth * Layer(4) -> ln: LayerNorm() -> head: Linear(32)
}
"""


def spec(folder: Path, text: str) -> str:
    path = folder / "net.arch"
    path.write_text(text, encoding="utf-8")
    return str(path)


def changes(
    text: str, width: int, rates: dict[str, float], data: tuple[torch.Tensor, torch.Tensor]
) -> dict[str, float]:
    """By how much what each layer gives has changed after five steps of Adam (root mean square), from three seeds."""
    out: dict[str, float] = {}
    for seed in range(3):
        net = fanin.loads(text, width=width, seed=seed)
        layers = {n: m for n, m in net.named_modules() if isinstance(m, (torch.nn.Linear, torch.nn.Embedding))}
        seen: dict[str, torch.Tensor] = {}
        for name, module in layers.items():
            module.register_forward_hook(lambda m, a, o, name=name, seen=seen: seen.update({name: o.detach().clone()}))
        groups = [{"params": [p], "lr": 3e-3 * rates.get(n, 1.0)} for n, p in net.named_parameters()]
        optimiser = torch.optim.Adam(groups)
        x, y = data
        first: dict[str, torch.Tensor] = {}
        for _ in range(5):
            logits = net(x)
            first = first or dict(seen)
            optimiser.zero_grad()
            F.cross_entropy(logits.flatten(0, -2), y.flatten()).backward()
            optimiser.step()
        with torch.no_grad():
            net(x)
        for name in layers:
            out[name] = out.get(name, 0.0) + float((seen[name] - first[name]).square().mean().sqrt()) / 3
    return out


def slopes(path: str, widths: tuple[int, ...], mup: bool, data: tuple[torch.Tensor, torch.Tensor]) -> dict[str, float]:
    """The exponent of the width by which changes grow, between the smallest and the largest."""
    found = []
    for width in widths:
        text, rates = Path(path).read_text(encoding="utf-8"), dict[str, float]()
        if mup and width != widths[0]:
            repaired = fanin.repair(path, "mup", base={"width": widths[0]}, width=width)
            text, rates = repaired.text, repaired.rates
        elif mup:  # the same text, which at the size of the base has its scales
            text = fanin.repair(path, "mup", base={"width": widths[0]}, width=widths[-1]).text
        found.append(changes(text, width, rates, data))
    return {k: log(found[-1][k] / found[0][k]) / log(widths[-1] / widths[0]) for k in found[0]}


def test_coordinate_check_of_an_mlp(tmp_path: Path) -> None:
    torch.manual_seed(0)
    data = torch.randn(64, 64), torch.randint(10, (64,))
    path = spec(tmp_path, MLP)
    flat = slopes(path, (64, 256, 1024), True, data)
    assert all(abs(s) < 0.2 for s in flat.values()), flat
    grown = slopes(path, (64, 1024), False, data)
    assert grown["head"] > 0.8 and grown["c"] > 0.8, grown


def test_coordinate_check_of_a_transformer(tmp_path: Path) -> None:
    torch.manual_seed(0)
    data = torch.randint(32, (8, 16)), torch.randint(32, (8, 16))
    path = spec(tmp_path, GPT)
    flat = slopes(path, (64, 256), True, data)
    assert all(abs(s) < 0.25 for s in flat.values()), flat
    grown = slopes(path, (64, 256), False, data)
    assert grown["head"] > 0.4, grown


def test_the_text_is_free_of_the_width(tmp_path: Path) -> None:
    path = spec(tmp_path, GPT)
    texts = {fanin.repair(path, "mup", base={"width": 64}, width=w).text for w in (128, 512)}
    assert len(texts) == 1
    text = texts.pop()
    assert "scale=sqrt(16) / q.shape[-1]" in text and "lecun_normal(gain=1.0)" not in text
    wide = fanin.loads(text, width=512)
    assert wide.layers[0].att.qkv.weight.std().item() == pytest.approx(0.125 * (64 / 512) ** 0.5, rel=0.02)
    assert not wide.head.weight.any()
    small, own = fanin.loads(text, width=64), fanin.loads(GPT, width=64)
    for name, p in own.named_parameters():
        if p.ndim == 2 and not name.startswith("head"):
            assert small.get_parameter(name).std().item() == pytest.approx(p.std().item(), rel=0.05)


def test_rates_by_what_a_weight_reads(tmp_path: Path) -> None:
    found = fanin.repair(spec(tmp_path, GPT), "mup", base={"width": 64}, width=256)
    assert found.rates["layers.0.att.qkv.weight"] == found.rates["head.weight"] == 0.25
    assert found.rates["wte.weight"] == found.rates["layers.1.fc1.bias"] == found.rates["ln.weight"] == 1
    assert set(found.rates) == {n for n, _ in fanin.loads(found.text, width=256).named_parameters()}


def test_what_it_is_not_for(tmp_path: Path) -> None:
    path = spec(tmp_path, GPT)
    with pytest.raises(Refused, match="needs the hyper-parameters"):
        fanin.repair(path, "mup")
    with pytest.raises(Refused, match="no weight reads more"):
        fanin.repair(path, "mup", base={"width": 64})
    with pytest.raises(Refused, match="only widths may differ"):
        fanin.repair(path, "mup", base={"depth": 1})
