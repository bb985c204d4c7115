"""Comments and docstrings that tell the types of tensors: ``[N, 4 * width, H, W]``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fanin.emit.torch import sharing
from fanin.emit.torch.drafts import Draft
from fanin.emit.torch.expressions import WIDTH, Tree, dimension, flat, parts, rebuild
from fanin.emit.torch.sharing import Shared
from fanin.ir.dims import Dim, Poly
from fanin.ir.types import DType, TensorType
from fanin.ops.code import Name


def types_text(column: tuple[tuple[tuple[TensorType, ...], bool], ...], shared: Shared) -> str:
    """A note on a line: ``[N, 64, H, W]``. It is there if any of the graphs has it."""
    types = [types for types, _ in column]
    if not any(noted for _, noted in column) or len({len(own) for own in types}) > 1:
        return ""
    texts = [_type_text([own[i] for own in types], shared) for i in range(len(types[0]))]
    if len(texts) > 1 and len(set(texts)) == 1:
        return f"{texts[0]} each"
    return ", ".join(texts)


def _type_text(types: Sequence[TensorType], shared: Shared) -> str:
    if len({t.rank for t in types}) > 1:
        return "..."
    spatial = types[0].rank >= 4
    dims = [_dim_text([t.shape[i] for t in types], shared, spatial and i >= 2) for i in range(types[0].rank)]
    prefix = "" if types[0].dtype is DType.FLOAT else types[0].dtype.value
    return f"{prefix}[{', '.join(dims)}]"


def _dim_text(dims: Sequence[Dim], shared: Shared, spatial: bool) -> str:
    if str(dims[0]) == "*":
        return "*"
    trees = [dimension(d, _plain_symbol, python=False) for d in dims]
    if len({repr(sharing.skeleton(tree)) for tree in trees}) == 1:
        return flat(_soft(trees, shared, spatial))
    # Sizes of different form: the letter with a prime, where there is one letter.
    letters = {s.name for d in dims if isinstance(d, Poly) for s in d.symbols()}
    return f"{re.sub(r'[^A-Za-z0-9]', '', letters.pop())}'" if len(letters) == 1 else "_"


def _plain_symbol(symbol: object) -> str:
    return re.sub(r"\W", "_", str(getattr(symbol, "name", symbol)), flags=re.ASCII)


def _soft(trees: list[Tree], shared: Shared, spatial: bool) -> Tree:
    if isinstance(trees[0], bool | int | float):
        found = shared.soft(tuple(trees), spatial=spatial)
        return Name("_") if found is None else found
    columns = [list(parts(tree)) for tree in trees]
    if not columns[0]:
        return trees[0]
    done = iter([_soft(list(column), shared, spatial) for column in zip(*columns, strict=True)])
    return rebuild(trees[0], lambda part: next(done))


def signature(drafts: Sequence[Draft], shared: Shared) -> str:
    """``[N, C, H, W] -> [N, 4 * width, H, W]``"""
    graphs = [draft.graph for draft in drafts]
    inputs = []
    given = [[port for port in graph.ports if port.value is not None] for graph in graphs]
    for column in zip(*given, strict=True):
        text = _type_text([port.value.type for port in column if port.value is not None], shared)
        inputs.append(text if len(given[0]) == 1 else f"{column[0].name}: {text}")
    results = []
    for result_column in zip(*(graph.results for graph in graphs), strict=True):
        text = _type_text([result.value.type for result in result_column], shared)
        name = result_column[0].name
        results.append(text if len(graphs[0].results) == 1 or not name else f"{name}: {text}")
    out = results[0] if len(results) == 1 else f"({', '.join(results)})"
    line = f"{', '.join(inputs) or '()'} -> {out}"
    return line if len(line) <= WIDTH - 12 else f"{', '.join(inputs)}\n-> {out}"
