"""What a block or function promises to give: its callers go on with that where its body could not be built."""

from __future__ import annotations

from typing import Any

from fanin.diagnostics import Refusal
from fanin.elaborate.body import Body
from fanin.elaborate.builder import Builder
from fanin.elaborate.files import Unit
from fanin.elaborate.inputs import results_of
from fanin.elaborate.signatures import Letters, dtype_of, match, size_of
from fanin.elaborate.values import Poisoned
from fanin.ir.dims import Dim
from fanin.ir.types import TensorType
from fanin.syntax import tree


def declared_results(
    body: Body,
    decl: tree.Block | tree.Fn | tree.Extern,
    unit: Unit,
    params: tuple[tree.Param, ...],
    types: list[TensorType | None],
    hypers: dict[str, Any],
) -> Any:
    """The results of a use by their declared types. The caller has failed, and its other mistakes can be found.

    Raises Poisoned where the declaration does not fix every size.
    """
    body.failed = True
    if body.ctx.endless:
        raise Poisoned
    try:
        fields = _declared(body, decl, unit, params, types, hypers)
    except Refusal:  # the declaration itself is part of what is wrong, and has been reported
        raise Poisoned from None
    return results_of(tuple(body.builder.value(t) for _, t in fields), [name for name, _ in fields])


def _declared(
    body: Body,
    decl: tree.Block | tree.Fn | tree.Extern,
    unit: Unit,
    params: tuple[tree.Param, ...],
    types: list[TensorType | None],
    hypers: dict[str, Any],
) -> list[tuple[str, TensorType]]:
    reader = Body(body.ctx, unit, Builder(decl.name.name, decl.span), dict(hypers), pure=True)
    letters = Letters()
    for p, t in zip(params, types, strict=True):
        if t is not None and isinstance(p.type, tree.ShapeType):
            match(reader, p.type, t, letters, f"`{p.name.name}`", p.span)
    return declared_types(reader, decl.result, letters)


def declared_types(reader: Body, result: tree.TypeExpr | None, letters: Letters) -> list[tuple[str, TensorType]]:
    """The results of a declaration, with their names, once its letters are known. Raises Poisoned where they do not
    fix every size."""
    if isinstance(result, tree.ShapeType):
        return [("", _shape(reader, result, letters))]
    if not isinstance(result, tree.TupleType):
        raise Poisoned
    fields = []
    for field in result.fields:
        if not isinstance(field.type, tree.ShapeType):
            raise Poisoned
        fields.append((field.name.name if field.name else "", _shape(reader, field.type, letters)))
    return fields


def _shape(reader: Body, shape: tree.ShapeType, letters: Letters) -> TensorType:
    sizes: list[Dim] = []
    for item in shape.dims:
        if isinstance(item, tree.StarDim):
            star = letters.stars.get(item.name.name) if item.name else None
            if star is None:
                raise Poisoned
            sizes += star
        elif isinstance(item, tree.Ident) and item.name == "_":
            raise Poisoned
        else:
            sizes.append(size_of(reader, item, letters))
    return TensorType(dtype_of(shape), tuple(sizes))
