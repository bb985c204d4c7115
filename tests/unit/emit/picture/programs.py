"""Small networks for the tests of pictures."""

from __future__ import annotations

from typing import Any

from fanin import pipeline
from fanin.emit.picture.model import Drawing, Node
from fanin.emit.picture.scene import draw_scene
from fanin.ir.graph import Program
from fanin.source import Source

RESIDUAL = """
block Ff(w: int)(x: [B, D]) -> [B, D] { return x -> up: Linear(w) -> gelu -> down: Linear(D) }
block Layer(w: int)(x: [B, D]) -> [B, D] {
  x += x -> norm: LayerNorm() -> ff: Ff(w)
  return x
}
model Net(depth: int = 12)(x: [B, 32]) -> [B, 10] {
  return x -> layers: depth * Layer(64) -> head: Linear(10)
}
"""

CONVOLUTIONS = """
block Bottleneck(width: int, stride: int = 1)(x: [N, C, H, W]) {
  y = x -> conv1: Conv2d(width, 1, bias=false) -> bn1: BatchNorm2d() -> relu
    -> conv2: Conv2d(4 * width, 3, stride=stride, padding=1, bias=false) -> bn2: BatchNorm2d()
  if stride != 1 or C != 4 * width { x = x -> down: (Conv2d(4 * width, 1, stride=stride) -> BatchNorm2d()) }
  return relu(x + y)
}
model Net()(image: [N, 3, H, W]) -> [N, 10] {
  return image -> stem: Conv2d(16, 7, stride=2, padding=3) -> bn: BatchNorm2d() -> relu
    -> max_pool2d(3, stride=2, padding=1)
    -> layer1: 4 * Bottleneck(8) -> layer2: (Bottleneck(16, stride=2) -> 3 * Bottleneck(16))
    -> adaptive_avg_pool2d(1) -> flatten(1) -> fc: Linear(10)
}
"""

LOOP = """
model Net(n: int = 1000)(x: [N, 64]) -> [N, 10] {
  for i in 0..n { x = x -> fc: Linear(64) -> relu }
  return x -> head: Linear(10)
}
"""

SHARED = """
model Net()(a: int[B, T], b: int[B, T]) -> [B, T, 100] {
  embed = Embedding(100, 16)
  return (embed(a) + embed(b)) -> head: Linear(100, bias=false, weight=embed.weight)
}
"""


def written(count: int, width: str = "64") -> str:
    """As many statements one below the other; ``width`` may speak of the number ``i``."""
    lines = (f"  x = x -> a{i}: Linear({eval(width, {'i': i})}) -> relu" for i in range(count))
    return "\n".join(("model Net()(x: [N, 64]) -> [N, 5] {", *lines, "  return x -> last: Linear(5)", "}"))


def program(text: str, name: str | None = None, **hyper: Any) -> Program:
    return pipeline.elaborate_source(Source("<string>", text), "<string>", name, hyper)


def drawing(text: str, depth: int | None = None, expand: tuple[str, ...] = (), **hyper: Any) -> Drawing:
    return draw_scene(program(text, **hyper), depth, expand)


def real(found: Drawing) -> list[Node]:
    """The nodes without the points where arrows cross frames."""
    return [node for node in found.nodes() if node.shape != "port"]


def words(found: Drawing) -> list[str]:
    """What is written in each node, its rows joined."""
    return [" | ".join(line.text for line in node.lines) for node in real(found)]
