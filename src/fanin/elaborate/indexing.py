"""``x[…]``: lists and repetitions by number and slice, sizes, and tensors as NumPy indexes them."""

from __future__ import annotations

from typing import Any

from fanin.diagnostics.codes import TYP401, TYP416, TYP419
from fanin.elaborate.body import Body, evaluates
from fanin.elaborate.calls import apply_op
from fanin.elaborate.context import refuse
from fanin.elaborate.expressions import as_int, elements_of, operand
from fanin.elaborate.instances import cell_of
from fanin.elaborate.values import FLOW, Instance, Record, Repetition, describe, is_tensor
from fanin.ir.dims import Poly
from fanin.ir.graph import Operand
from fanin.ir.types import DType
from fanin.ops.contract import Port
from fanin.ops.registry import find_op
from fanin.source import Span
from fanin.syntax import tree


@evaluates(tree.Index)
def _index(body: Body, expr: tree.Index) -> Any:
    value = body.evaluate(expr.value)
    if is_tensor(value) or (isinstance(value, Record) and len(value.values) == 1):
        return _tensor(body, expr, value)
    if isinstance(value, Record):
        value = list(value.values)
    if (
        isinstance(value, Instance)
        and isinstance(value.target, Repetition)
        and len(expr.items) == 1
        and not isinstance(expr.items[0], tree.Slice)
    ):
        index = as_int(body, body.evaluate(expr.items[0]), expr.items[0].span, "a place")
        count = value.target.count
        if not -count <= index < count:
            raise refuse(
                TYP419,
                f"there is no place {index}: the repetition has {count}",
                expr.items[0].span,
                _places(count),
            )
        return cell_of(value, index % count)
    if isinstance(value, str) or not isinstance(value, (list, tuple, range, Instance)):
        raise refuse(TYP416, f"{describe(value)} has no places", expr.span, describe(value))
    items = elements_of(body, value, expr.value.span)
    if len(expr.items) != 1:
        raise refuse(TYP419, "a list has one index", expr.span, f"{len(expr.items)} here")
    item = expr.items[0]
    if isinstance(item, tree.Slice):
        bounds = [
            None if b is None else as_int(body, body.evaluate(b), b.span, "a bound")
            for b in (item.start, item.stop, item.step)
        ]
        if bounds[2] == 0:
            raise refuse(TYP419, "the step of a slice is not 0", item.span, "zero")
        cut = items[slice(*bounds)]
        return tuple(cut) if isinstance(value, tuple) else cut
    index = as_int(body, body.evaluate(item), item.span, "a place")
    if not -len(items) <= index < len(items):
        raise refuse(TYP419, f"there is no place {index}: the list has {len(items)}", item.span, _places(len(items)))
    return items[index]


def _places(count: int) -> str:
    return f"the places are 0 to {count - 1}" if count > 1 else "the one place is 0" if count else "it is empty"


def _tensor(body: Body, expr: tree.Index, value: Any) -> Any:
    from fanin.ops.indexing.index import At, Dots, IndexAttrs, NewAxis, Pick, Range

    op = find_op("index")
    assert op is not None
    items: list[Any] = []
    operands: list[Operand | None] = [operand(body, value, expr.value.span)]
    owners: list[tuple[Port, Span]] = [(op.inputs[0], expr.value.span)]
    spans: dict[str, Any] = {}
    for item in expr.items:
        if isinstance(item, tree.Slice):
            items.append(Range(*(None if b is None else _bound(body, b) for b in (item.start, item.stop, item.step))))
            continue
        found = body.evaluate(item)
        if found is FLOW:
            items.append(Dots())
        elif found is None:
            items.append(NewAxis())
        elif is_tensor(found):
            tensor = operand(body, found, item.span)
            if tensor.type.dtype is not DType.INT:
                helps = ["choose with `where`, which keeps the shape"] if tensor.type.dtype is DType.BOOL else []
                raise refuse(
                    TYP419,
                    f"an index is whole numbers, not {tensor.type.dtype.value}: no shape hangs on a tensor's numbers",
                    item.span,
                    describe(found),
                    helps=helps,
                )
            items.append(Pick())
            operands.append(tensor)
            owners.append((op.inputs[1], item.span))
        elif isinstance(found, (int, Poly)) and not isinstance(found, bool):
            items.append(At(found))
        else:
            raise refuse(
                TYP419,
                f"an index is a number, a slice, `none` or an int tensor, not {describe(found)}",
                item.span,
                describe(found),
            )
    return apply_op(body, op, IndexAttrs(tuple(items)), operands, owners, None, expr.span, spans, {}, "this index")


def _bound(body: Body, expr: tree.Expr) -> Any:
    value = body.evaluate(expr)
    if isinstance(value, bool) or not isinstance(value, (int, Poly)):
        raise refuse(TYP401, f"a bound is a whole number, not {describe(value)}", expr.span, describe(value))
    return value
