"""Edits that mend a mistake about sizes: what a fix offers, in the language."""

from __future__ import annotations

import re
from typing import Any

from fanin.diagnostics import Fix
from fanin.diagnostics.model import Edit
from fanin.elaborate.body import Body
from fanin.elaborate.problems import bare
from fanin.ir.dims import Dim, ceildiv
from fanin.ir.graph import Value
from fanin.ir.types import DType, TensorType
from fanin.source import Span

_PLAIN = re.compile(r"[\w.]+(?:\([^()]*\))?")


def project_skip(body: Body, left: Any, right: Any, left_span: Span, right_span: Span) -> Fix | None:
    """Bring the earlier arm of a sum to the type of the other by a layer of its own."""
    if not isinstance(left, Value) or not isinstance(right, Value):
        return None
    arms = [(left, left_span, right), (right, right_span, left)]
    arms.sort(key=lambda arm: arm[0].index)
    for arm, span, other in arms:
        layer = _layer(body, arm.type, other.type)
        if layer is not None:
            text = _through(span.text, f"{_free_label(body, 'skip')}: {layer}")
            return Fix(f"bring `{bare(span.text)}` to {other.type} with a layer of its own", (Edit(span, text),))
    return None


def transpose_right(left: Any, right: Any, span: Span) -> Fix | None:
    """Turn the right side of a matrix product, where that makes it fit."""
    if not isinstance(left, Value) or not isinstance(right, Value):
        return None
    a, b = left.type.shape, right.type.shape
    if len(a) < 2 or len(b) < 2 or a[-1] != b[-1] or a[:-2] != b[:-2]:
        return None
    text = f"transpose({bare(span.text)}, -2, -1)"
    return Fix(f"turn `{bare(span.text)}` round", (Edit(span, text),))


def project_back(body: Body, kept: Any, added: Any, span: Span) -> Fix | None:
    """Bring what is added to a name to the type that the name has."""
    if not isinstance(kept, Value) or not isinstance(added, Value):
        return None
    layer = _layer(body, added.type, kept.type)
    if layer is None:
        return None
    label = _free_label(body, "back")
    title = f"bring what is added back to {kept.type}"
    return Fix(title, (Edit(Span(span.source, span.end, span.end), f" -> {label}: {layer}"),))


def _layer(body: Body, source: TensorType, target: TensorType) -> str | None:
    """The layer that makes one type of the other: a 1 x 1 convolution of images, a linear layer of the rest."""
    if source.rank != target.rank or source.dtype is not DType.FLOAT or target.dtype is not DType.FLOAT:
        return None
    if source.rank == 4:
        return _convolution(body, source, target)
    if source.rank < 2 or source.shape[:-1] != target.shape[:-1]:
        return None
    if not isinstance(source.shape[-1], int) or not isinstance(target.shape[-1], int):
        return None
    return f"Linear({_written(body, target.shape[-1])})"


def _convolution(body: Body, source: TensorType, target: TensorType) -> str | None:
    width = target.shape[1]
    if source.shape[0] != target.shape[0] or not isinstance(width, int) or not isinstance(source.shape[1], int):
        return None
    for stride in (1, 2, 4, 8):
        if all(_strided(body, a, b, stride) for a, b in zip(source.shape[2:], target.shape[2:], strict=True)):
            wide = _written(body, width)
            return f"Conv2d({wide}, 1)" if stride == 1 else f"Conv2d({wide}, 1, stride={stride})"
    return None


def _written(body: Body, size: int) -> str:
    """A size as the block would write it: by the name of the one hyper-parameter that has this value."""
    names = [name for name, value in body.scope.items() if type(value) is int and value == size]
    return names[0] if len(names) == 1 else str(size)


def _strided(body: Body, size: Dim, target: Dim, stride: int) -> bool:
    return body.ctx.facts.equal(ceildiv(size, stride), target)


def _through(text: str, stage: str) -> str:
    """``(x -> stage)`` for the text of an arm."""
    inside = bare(text)
    if _PLAIN.fullmatch(inside) or (inside != text and "->" in inside):
        return f"({inside} -> {stage})"
    return f"(({inside}) -> {stage})"


def _free_label(body: Body, name: str) -> str:
    taken = {key.split(".", 1)[0] for key in body.builder.instances} | set(body.scope)
    number = 1
    label = name
    while label in taken:
        number += 1
        label = f"{name}{number}"
    return label
