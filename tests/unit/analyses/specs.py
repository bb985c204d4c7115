"""Specs that the tests of the analyses share."""

from __future__ import annotations

from pathlib import Path

from fanin import pipeline
from fanin.ir.graph import Program
from fanin.source import Source

SPECS = Path(__file__).parents[3] / "specs"


def program(text: str, name: str | None = None, **hyper: object) -> Program:
    """The only model of a text."""
    return pipeline.elaborate_source(Source("<test>", text), "<test>", name, dict(hyper))


RESNET = """
block Bottleneck(width: int, stride: int = 1)(x: [N, C, H, W]) {
  y = x
    -> conv1: Conv2d(width, 1, bias=false) -> bn1: BatchNorm2d() -> relu
    -> conv2: Conv2d(width, 3, stride=stride, padding=1, bias=false) -> bn2: BatchNorm2d() -> relu
    -> conv3: Conv2d(4 * width, 1, bias=false) -> bn3: BatchNorm2d()
  if stride != 1 or C != 4 * width {
    x = x -> downsample: (Conv2d(4 * width, 1, stride=stride, bias=false) -> BatchNorm2d())
  }
  return relu(x + y)
}

block Basic(width: int, stride: int = 1)(x: [N, C, H, W]) {
  y = x
    -> conv1: Conv2d(width, 3, stride=stride, padding=1, bias=false) -> bn1: BatchNorm2d() -> relu
    -> conv2: Conv2d(width, 3, padding=1, bias=false) -> bn2: BatchNorm2d()
  if stride != 1 or C != width {
    x = x -> downsample: (Conv2d(width, 1, stride=stride, bias=false) -> BatchNorm2d())
  }
  return relu(x + y)
}

block ResNet(make: block, depths: list[int], classes: int = 1000)(image: [N, 3, H, W]) -> [N, classes] {
  x = image
    -> conv1: Conv2d(64, 7, stride=2, padding=3, bias=false) -> bn1: BatchNorm2d() -> relu
    -> max_pool2d(3, stride=2, padding=1)
    -> layer1: depths[0] * make(64)
    -> layer2: (make(128, stride=2) -> (depths[1] - 1) * make(128))
    -> layer3: (make(256, stride=2) -> (depths[2] - 1) * make(256))
    -> layer4: (make(512, stride=2) -> (depths[3] - 1) * make(512))
  return x -> adaptive_avg_pool2d(1) -> flatten(1) -> fc: Linear(classes)
}

model ResNet18 = ResNet(Basic, [2, 2, 2, 2], ...)
model ResNet50 = ResNet(Bottleneck, [3, 4, 6, 3], ...)
"""

VGG = """
model Vgg16(classes: int = 1000)(image: [N, 3, H, W]) -> [N, classes] {
  x = image
  at = 0
  for width, count in zip([64, 128, 256, 512, 512], [2, 2, 3, 3, 3]) {
    for i in 0..count { x = x -> features: Conv2d(width, 3, padding=1) -> relu }
    x = x -> max_pool2d(2)
  }
  return x -> adaptive_avg_pool2d(7) -> flatten(1)
    -> fc1: Linear(4096) -> relu -> fc2: Linear(4096) -> relu -> fc3: Linear(classes)
}
"""

GPT = """
block Attention(heads: int)(x: [B, T, D]) -> [B, T, D] {
  q, k, v = x -> c_attn: Linear(3 * D) -> chunk(3, axis=-1) -> map(rearrange(..., "b t (h d) -> b h t d", h=heads))
  y = scaled_dot_product_attention(q, k, v, is_causal=true) -> rearrange("b h t d -> b t (h d)")
  return y -> c_proj: Linear(D)
}

block Mlp()(x: [*, D]) -> [*, D] { return x -> c_fc: Linear(4 * D) -> gelu -> c_proj: Linear(D) }

block Layer(heads: int)(x: [B, T, D]) -> [B, T, D] {
  x += x -> ln_1: LayerNorm() -> attn: Attention(heads)
  x += x -> ln_2: LayerNorm() -> mlp: Mlp()
  return x
}

model Gpt(vocab: int = 50_257, length: int = 1024, width: int = 768, depth: int = 12, heads: int = 12)(
    token: int[B, T]) -> [B, T, vocab] {
  assert T <= length
  wte = Embedding(vocab, width)
  wpe = Embedding(length, width)
  return (wte(token) + wpe(arange(T))) -> h: depth * Layer(heads) -> ln_f: LayerNorm()
    -> lm_head: Linear(vocab, bias=false, weight=wte.weight)
}
"""

VIT = """
block Attention(heads: int)(x: [B, T, D]) -> [B, T, D] {
  q, k, v = x -> qkv: Linear(3 * D) -> chunk(3, axis=-1) -> map(rearrange(..., "b t (h d) -> b h t d", h=heads))
  return scaled_dot_product_attention(q, k, v) -> rearrange("b h t d -> b t (h d)") -> out: Linear(D)
}

block Layer(heads: int)(x: [B, T, D]) -> [B, T, D] {
  x += x -> ln1: LayerNorm() -> attn: Attention(heads)
  x += x -> ln2: LayerNorm() -> mlp: (Linear(4 * D) -> gelu -> Linear(D))
  return x
}

model ViT(width: int = 768, depth: int = 12, heads: int = 12, patch: int = 16, classes: int = 1000)(
    image: [N, 3, 224, 224]) -> [N, classes] {
  param token: [1, 1, width] = zeros
  param position: [1, (224 / patch) ** 2 + 1, width] = normal(std=0.02)
  x = image -> patches: Conv2d(width, patch, stride=patch) -> flatten(2) -> transpose(1, 2)
  x = concat(broadcast_to(token, N, 1, width), x, axis=1) + position
  return (x -> layers: depth * Layer(heads) -> norm: LayerNorm())[:, 0] -> head: Linear(classes)
}
"""
