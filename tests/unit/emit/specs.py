"""Specs whose emitted source is read by several tests."""

from __future__ import annotations

from fanin import pipeline
from fanin.emit.torch.writer import emit_source
from fanin.ir.graph import Program
from fanin.source import Source

LENET = """
## LeNet-5 of LeCun et al. 1998, on 28 x 28 images.
model LeNet(classes: int = 10)(image: [N, 1, 28, 28]) -> [N, classes] {
  return image
    -> conv1: Conv2d(6, 5, padding=2) -> tanh -> avg_pool2d(2)
    -> conv2: Conv2d(16, 5)           -> tanh -> avg_pool2d(2)
    -> flatten(1)
    -> fc1: Linear(120) -> tanh
    -> fc2: Linear(84)  -> tanh
    -> fc3: Linear(classes)
}
"""

RESNET = """
## The bottleneck of He et al. 2015: 1 x 1, 3 x 3, 1 x 1.
block Bottleneck(width: int, stride: int = 1)(x: [N, C, H, W]) {
  shortcut = x
  h = x -> conv1: Conv2d(width, 1, bias=false) -> bn1: BatchNorm2d() -> relu
        -> conv2: Conv2d(width, 3, stride=stride, padding=1, bias=false) -> bn2: BatchNorm2d() -> relu
        -> conv3: Conv2d(4 * width, 1, bias=false) -> bn3: BatchNorm2d()
  if stride != 1 or C != 4 * width {
    shortcut = x -> downsample: (Conv2d(4 * width, 1, stride=stride, bias=false) -> BatchNorm2d())
  }
  return relu(h + shortcut)
}

@init(conv=he_normal)
model ResNet50(classes: int = 1000)(image: [N, 3, H, W]) -> [N, classes] {
  assert H % 32 == 0, "the five stages halve the image"
  x = image -> conv1: Conv2d(64, 7, stride=2, padding=3, bias=false) -> bn1: BatchNorm2d() -> relu
            -> max_pool2d(3, stride=2, padding=1)
  for i, depth in enumerate([3, 4, 6, 3]) {
    x = x -> stage: (Bottleneck(64 * 2**i, (1 if i == 0 else 2)) -> (depth - 1) * Bottleneck(64 * 2**i))
  }
  return x -> adaptive_avg_pool2d(1) -> flatten(1) -> fc: Linear(classes)
}
"""

GPT = """
## Causal self-attention of several heads.
block Attention(heads: int, p: float = 0.1)(x: [B, T, D]) -> [B, T, D] {
  q, k, v = x -> qkv: Linear(3 * D) -> chunk(3, axis=-1)
  q = q -> reshape(B, T, heads, D / heads) -> transpose(1, 2)
  k = k -> reshape(B, T, heads, D / heads) -> transpose(1, 2)
  v = v -> reshape(B, T, heads, D / heads) -> transpose(1, 2)
  a = scaled_dot_product_attention(q, k, v, is_causal=true)
  return a -> transpose(1, 2) -> reshape(B, T, D) -> proj: Linear(D) -> dropout(p)
}

block GptBlock(width: int, heads: int, p: float = 0.1)(x: [B, T, D]) -> [B, T, D] {
  x += x -> ln1: LayerNorm() -> attn: Attention(heads, p)
  x += x -> ln2: LayerNorm() -> fc: Linear(4 * width) -> gelu -> proj: Linear(width) -> dropout(p)
  return x
}

@init(linear=normal(std=0.02), embedding=normal(std=0.02), bias=zeros)
model Gpt(vocab: int = 96, context: int = 64, width: int = 48, depth: int = 3, heads: int = 4)
         (token: int[B, T]) -> [B, T, vocab] {
  assert T <= context, "there are no more positions"
  x = token -> wte: Embedding(vocab, width)
  x += arange(T) -> wpe: Embedding(context, width)
  x = x -> dropout(0.1)
  for i in 0..depth { x = x -> h: GptBlock(width, heads) }
  return x -> ln_f: LayerNorm() -> lm_head: Linear(vocab, bias=false, weight=wte.weight)
}
"""


def program_of(text: str, name: str | None = None, **hyper: object) -> Program:
    """The program of a spec in a string."""
    return pipeline.elaborate_source(Source("<string>", text), "<string>", name, dict(hyper))


def source_of(text: str, name: str | None = None, **hyper: object) -> str:
    """The emitted source of a spec in a string."""
    return emit_source(program_of(text, name, **hyper))
