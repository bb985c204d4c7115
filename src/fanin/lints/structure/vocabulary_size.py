"""CST903: a vocabulary that makes the largest product of the network an odd one.

The product with the logits is the largest of a language model; cuBLAS is fastest where its sides are multiples of 64
numbers of two bytes, a cache line of 128 bytes. Padding costs at most 63 rows: below 0.8 % of 8,192, the least
vocabulary that is looked at. A table that is looked up alone is let pass: there is no product. So are the vocabularies
of published networks, whose weights and data have them.
Source: NVIDIA, "Matrix Multiplication Background User's Guide", section 3; Karpathy's nanoGPT pads 50,257 to 50,304.
"""

from __future__ import annotations

from collections.abc import Iterator

from fanin.analyses.reading import reached
from fanin.diagnostics.codes import CST903
from fanin.diagnostics.model import Diagnostic, Label
from fanin.ir.graph import Apply, Program

_LEAST, _MULTIPLE = 8192, 64
_PUBLISHED = frozenset(
    (
        10_000,  # Penn Treebank (Mikolov et al. 2010)
        30_000,  # the most frequent words (Bahdanau et al. 2015)
        30_522,  # BERT
        37_000,  # byte pairs of WMT 2014 (Vaswani et al. 2017)
        50_257,  # GPT-2
        151_669,  # Qwen3
    )
)


def check(program: Program) -> Iterator[Diagnostic]:
    tables: dict[int, Apply] = {}
    products: dict[int, Apply] = {}
    for graph in reached(program.graph):
        for node in graph.nodes:
            if not isinstance(node, Apply):
                continue
            if node.op.name == "Embedding":
                tables.setdefault(node.attrs.num_embeddings, node)  # type: ignore[attr-defined]
            elif node.op.name in ("Linear", "linear", "matmul"):
                width = node.outputs[0].type.shape[-1] if node.outputs[0].type.rank else 0
                if isinstance(width, int):
                    products.setdefault(width, node)
    for size, node in tables.items():
        if size >= _LEAST and size % _MULTIPLE and size in products and size not in _PUBLISHED:
            better = -(-size // _MULTIPLE) * _MULTIPLE
            yield Diagnostic(
                CST903,
                f"a vocabulary of {size:,} is no multiple of {_MULTIPLE}, and the largest product has that side",
                node.span,
                f"{size:,} rows",
                (Label(products[size].span, "makes so many logits"),),
                helps=(f"pad it to {better:,}",),
            )
