"""CST905: attention written out, so that the scores of all pairs lie in memory.

``softmax(q kᵀ) v`` by hand keeps T² numbers for each head, and the backward pass needs them; the fused kernel keeps T.
At 1,024 positions and heads of 64, q, k and v of a head are 196,608 numbers, and its scores 1,048,576. It is said where
the length is 1,024 or more, or open and not known to be below that. What changes the scores between softmax and product
in another way than by dropout, or gives them out, is let pass: that has no fused kernel.
Source: Dao et al. 2022, "FlashAttention", section 3.
"""

from __future__ import annotations

from collections.abc import Iterator

from fanin.diagnostics.codes import CST905
from fanin.diagnostics.model import Diagnostic, Label
from fanin.ir.facts import Compare, Facts, Verdict
from fanin.ir.graph import Apply, Value
from fanin.lints.flow import DROPOUTS, Flow

_LEAST = 1024
_PRODUCTS = ("matmul", "bmm")
_ON_SCORES = frozenset(("mul", "div", "add", "sub", "masked_fill", "where"))


def check(flow: Flow) -> Iterator[Diagnostic]:
    for node in flow.named("softmax", "Softmax"):
        scores = node.outputs[0].type
        axis = getattr(node.attrs, "axis", -1)
        if scores.rank < 3 or axis not in (-1, scores.rank - 1) or not _long(scores.shape[-1], flow.facts):
            continue
        product = flow.maker(node.inputs[0], _ON_SCORES)
        if product is None or product.op.name not in _PRODUCTS:
            continue
        last: Apply = node
        readers = flow.readers(node)
        while len(readers) == 1 and isinstance(readers[0], Apply) and readers[0].op.name in DROPOUTS:
            last, readers = readers[0], flow.readers(readers[0])
        given_out = any(isinstance(r.value, Value) and r.value == last.outputs[0] for r in flow.graph.results)
        if given_out or len(readers) != 1:
            continue
        reader = readers[0]
        if isinstance(reader, Apply) and reader.op.name in _PRODUCTS and reader.inputs[0] == last.outputs[0]:
            length = scores.shape[-1]
            yield Diagnostic(
                CST905,
                f"the scores of attention are written down: {length} numbers for each of {scores.shape[-2]} positions",
                node.span,
                f"{scores} is kept for the backward pass",
                (Label(product.span, "made here"),),
                helps=("write `scaled_dot_product_attention(q, k, v)`, which keeps one number for each position",),
            )


def _long(length: object, facts: Facts) -> bool:
    if isinstance(length, int):
        return length >= _LEAST
    return facts.verdict(Compare("<", length, _LEAST)) is not Verdict.PROVED  # type: ignore[arg-type]
