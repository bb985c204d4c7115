"""What a network costs, in the open dimensions. Rows S022 to S024 (cost), S083 (cost), S167 (count)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import fanin
from fanin import pipeline
from fanin.analyses import cost
from fanin.analyses.memory import memory_of
from fanin.ir.dims import Dim, evaluate, symbols_of
from fanin.ir.graph import Program
from fanin.ir.types import DType
from fanin.ir.unknown import Unknown

SPECS = Path(__file__).parents[2] / "specs"
SMALL: dict[str, Any] = {"width": 64, "depth": 2, "heads": 4, "vocab": 97}
LETTERS = ({"N": 1, "H": 64, "W": 64}, {"N": 2, "H": 96, "W": 64}, {"N": 3, "H": 65, "W": 129})
LENGTHS = ({"B": 1, "T": 16, "S": 8}, {"B": 2, "T": 33, "S": 20}, {"B": 3, "T": 64, "S": 64})
ZOO: list[tuple[str, str, dict[str, Any], tuple[dict[str, int], ...]]] = [
    ("lenet", "LeNet", {}, ({"N": 1}, {"N": 3}, {"N": 8})),
    ("resnet", "ResNet18", {}, LETTERS),
    ("resnet", "ResNet50", {}, LETTERS),
    ("mobilenet", "MobileNetV2", {}, LETTERS),
    ("densenet", "DenseNet121", {}, LETTERS),
    ("convnext", "ConvNeXtTiny", {}, LETTERS),
    ("googlenet", "GoogLeNet", {}, LETTERS),
    ("vit", "ViTTiny", {}, ({"N": 1}, {"N": 2}, {"N": 3})),
    ("mixer", "MixerSmall", {}, ({"N": 1}, {"N": 2}, {"N": 3})),
    ("gpt2", "Gpt2", {**SMALL}, LENGTHS),
    ("bert", "Bert", {**SMALL}, LENGTHS),
    ("llama", "Llama", {**SMALL, "heads": 8, "kv_heads": 4, "hidden": 128}, LENGTHS),
    ("transformer", "Transformer", {**SMALL, "hidden": 128}, LENGTHS),
    ("recurrent", "Lstm", {"vocab": 97, "width": 16, "hidden": 24}, LENGTHS),
]


def inputs_of(program: Program, sizes: dict[str, int]) -> list[torch.Tensor]:
    found = []
    for port in program.inputs:
        assert port.value is not None
        t = port.value.type
        shape = [evaluate(d, {s: sizes[s.name] for s in symbols_of(d)}) for d in t.shape]
        kind = {DType.INT: torch.long, DType.BOOL: torch.bool}.get(t.dtype, torch.float)
        found.append(torch.ones(shape, dtype=kind, device="meta"))
    return found


@pytest.mark.parametrize(("file", "name", "hyper", "sizes"), ZOO, ids=[name for _, name, _, _ in ZOO])
def test_s024_the_polynomial_is_what_pytorch_counts(
    file: str, name: str, hyper: dict[str, Any], sizes: tuple[dict[str, int], ...]
) -> None:
    """On the meta device, by ``FlopCounterMode``, at three sizes; exactly."""
    path = str(SPECS / f"{file}.arch")
    program = fanin.elaborate(path, name, **hyper)
    total = cost.flops(program)
    net = fanin.load(path, name, **hyper).to("meta").eval()
    for here in sizes:
        known = {s: here[s.name] for s in symbols_of(total)}
        # The fused attention of CPUs is the one kernel that the counter does not know.
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            net(*inputs_of(program, here))
        assert evaluate(total, known) == counter.get_total_flops(), here


def degree(d: Dim, letter: str) -> int:
    """The highest power of a letter."""
    if isinstance(d, int):
        return 0
    return max(sum(getattr(atom, "name", "") == letter for atom in monomial) for monomial in d.terms)


SELF = """
block Self()(x: [B, T, 64]) -> [B, T, 64] {
  q, k, v = x -> qkv: Linear(192) -> rearrange("b t (c h d) -> c b h t d", c=3, h=4) -> unbind(0)
  return scaled_dot_product_attention(q, k, v) -> rearrange("b h t d -> b t (h d)")
}
model Net()(x: [B, T, 64]) { return x -> a: Self() }
"""
LINEAR = """
model Net()(x: [B, T, 64]) {
  q = x -> query: Linear(64) -> elu
  k = x -> key: Linear(64) -> elu
  v = x -> value: Linear(64)
  return matmul(q + 1.0, matmul(transpose(k + 1.0, 1, 2), v))
}
"""


def built(text: str) -> Program:
    report = pipeline.check_text(text)
    assert report.ok, [d.headline for d in report.diagnostics]
    return report.programs[0]


def test_s024_attention_is_quadratic_and_linear_attention_is_not() -> None:
    """Also S023's O(n d²): the degree in the length, of operations and of what is kept for the backward pass."""
    full, linear = built(SELF), built(LINEAR)
    assert degree(cost.flops(full), "T") == 2 and degree(cost.flops(linear), "T") == 1
    assert str(cost.flops(full)) == "256 * B * T * T + 24576 * B * T"  # 4 T² D, and 2 · 64 · 192 by hand
    assert str(cost.flops(linear)) == f"{3 * 2 * 64 * 64 + 2 * 2 * 64 * 64} * B * T"
    for program in (full, linear):  # the fused kernel keeps one number for each position and head
        saved = memory_of(program.graph).saved
        assert not isinstance(saved, Unknown) and degree(saved, "T") == 1
    written = built(
        re.sub(
            r"scaled_dot_product_attention\(q, k, v\)",
            "matmul(matmul(q, transpose(k, 2, 3)) -> softmax(axis=-1), v)",
            SELF,
        )
    )
    kept = memory_of(written.graph).saved
    assert not isinstance(kept, Unknown) and degree(kept, "T") == 2
    assert "CST905" in {d.code.id for d in pipeline.check_text(written.graph.span.source.text).diagnostics}


def test_s024_the_term_that_dominates_stands_first() -> None:
    """The table begins with the highest degree; the square overtakes the rest at a length of 24576 / 256 = 96."""
    total = cost.flops(built(SELF))
    letters = {s.name: s for s in symbols_of(total)}
    for length, ahead in ((95, False), (97, True)):
        whole = evaluate(total, {letters["B"]: 1, letters["T"]: length})
        assert (256 * length * length > whole / 2) is ahead
    assert re.search(r"FLOPs +256 \* B \* T \* T \+ 24576 \* B \* T", pipeline.show(built(SELF)))


def test_s083_a_convolution_in_the_fourier_domain_needs_no_products() -> None:
    """O(n log n) is not a product of matrices: the counter has nothing for it, neither has the polynomial."""
    text = "model Net()(x: [B, T]) {\n  param w: [T] = normal\n  return irfft(rfft(x) * rfft(w), n=T)\n}"
    spectral = built(text.replace("T]", "64]").replace("n=T", "n=64"))
    assert cost.flops(spectral) == 0


def test_s167_towers_that_are_shared_over_positions_hold_as_much_for_any_number_of_them() -> None:
    counts = {cost.parameters(built(SELF.replace("T, 64]", f"{n}, 64]"))) for n in (4, 64, 1024)}
    assert counts == {64 * 192 + 192}
    block = "block R()(x: [N, D]) -> [N, D] { return x -> a: Linear(D) }\n"
    own = cost.parameters(built(block + "model Net()(x: [N, 8]) { return x -> l: 6 * R() }"))
    shared = cost.parameters(
        built(block + "model Net()(x: [N, 8]) {\n  r = R()\n  for i in 0..6 { x = x -> r }\n  return x\n}")
    )
    assert own == 6 * shared
