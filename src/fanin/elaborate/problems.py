"""Messages about sizes: what disagrees, and where each number came from."""

from __future__ import annotations

from collections import Counter
from typing import Any

from fanin.diagnostics import Label, Refusal
from fanin.diagnostics.codes import SHP301, SHP302, SHP303, SHP304, SHP305, SHP306
from fanin.elaborate.builder import Builder
from fanin.elaborate.context import Context, refuse
from fanin.ir.dims import Dim, evaluate, expand
from fanin.ir.facts import Compare, Condition, Verdict
from fanin.ir.graph import Apply, Node, Value
from fanin.ops.contract import Complaint, inferred
from fanin.record import record
from fanin.source import Span

CODES_BY_KIND = {
    "mismatch": SHP301,
    "too-small": SHP303,
    "indivisible": SHP302,
    "rank": SHP306,
    "open": SHP305,
    "other": SHP304,
}


@record
class Place:
    """An axis of a tensor that a condition speaks of, and what a message calls the tensor."""

    value: Value
    axis: int
    name: str


def noun(axis: int, rank: int) -> str:
    """What the numbers along an axis are usually called."""
    axis %= rank
    if rank >= 4 and axis == 1:
        return "channels"
    if rank == 4 and axis >= 2:
        return "rows" if axis == 2 else "columns"
    if axis == rank - 1 and rank in (2, 3):
        return "features"
    return ""


def origin_of(builder: Builder, value: Value, axis: int) -> tuple[Span, bool] | None:
    """Where the size of an axis first appeared: the use or declaration that gave it (and whether it is an input)."""
    axis %= value.type.rank
    size = value.type.shape[axis]
    where: Builder | None = builder
    while where is not None:
        node = where.producers.get(value.index)
        if node is None:
            outer, operand, place = where.port_origins.get(value.index, (None, None, -1))
            if place < 0:
                capture = next((c for c in where.captures if c.inner is value), None)
                if capture is None or where.parent is None:
                    return None
                value, where = capture.outer, where.parent
                continue
            if outer is None or not isinstance(operand, Value):
                return where.ports[place].span, True
            value, where = operand, outer
            size = value.type.shape[axis]
            continue
        found = _passed_on(node, value, axis, size)
        if found is None:
            return node.span, False
        value, axis = found
    return None


def _passed_on(node: Node, value: Value, axis: int, size: Dim) -> tuple[Value, int] | None:
    """The axis of an input that a node hands the size on from, or None where the node itself gives it."""
    rank = value.type.rank
    for place, source in enumerate(node.inputs):
        if not isinstance(source, Value):
            continue
        shape = source.type.shape
        if not isinstance(node, Apply):  # what a block does inside is its own: an axis that keeps its size is passed on
            near = [a for a in (axis, axis - rank + len(shape)) if 0 <= a < len(shape) and shape[a] == size]
            if near:
                return source, near[0]
            continue
        for a in sorted(range(len(shape)), key=lambda a: (a != axis, a != axis - rank + len(shape))):
            if shape[a] == size and _hangs_on(node, place, a, node.outputs.index(value), axis):
                return source, a
    return None


def _hangs_on(node: Apply, place: int, source_axis: int, output: int, axis: int) -> bool:
    """Whether the size of a result changes with the size of an input."""
    types = [None if o is None else o.type for o in node.inputs]
    before = types[place]
    assert before is not None
    types[place] = before.with_axis(source_axis, 2 * before.shape[source_axis])
    try:
        now = inferred(node.op.infer(node.attrs, *types)).types  # type: ignore[arg-type]
    except Complaint:
        return True
    return output < len(now) and now[output].shape[axis] != node.outputs[output].type.shape[axis]


def size_label(builder: Builder, place: Place) -> Label | None:
    """Where the size at a place came from, as a label."""
    value, axis = place.value, place.axis
    found = origin_of(builder, value, axis)
    if found is None:
        return None
    span, is_input = found
    words = with_noun(value.type.shape[axis], axis, value.type.rank)
    return Label(span, f"{place.name} has {words} {'from this input' if is_input else 'because of this'}")


def with_noun(size: Dim, axis: int, rank: int) -> str:
    """``64 channels``, ``H rows``, or the size alone where there is no word for it."""
    words = f"{size} {noun(axis, rank)}".strip()
    return words.removesuffix("s") if size == 1 else words


def name_of(at: Span, whole: Span, place: str) -> str:
    """What a message calls the tensor written at ``at``: its text if that is short. ``whole`` is what uses it."""
    if at.start <= whole.start and at.end >= whole.end:
        return "what flows in"
    text = bare(at.text)
    return f"`{text}`" if len(text) <= 40 and "\n" not in text else place


def bare(text: str) -> str:
    """An expression without the brackets around the whole of it."""
    while text.startswith("(") and text.endswith(")"):
        depth = 0
        for at, sign in enumerate(text):
            depth += (sign == "(") - (sign == ")")
            if depth == 0 and at < len(text) - 1:
                return text
        text = text[1:-1].strip()
    return text


def settle(
    ctx: Context,
    builder: Builder,
    condition: Condition,
    message: str,
    span: Span,
    *,
    kind: str = "other",
    places: tuple[Place, ...] = (),
    labels: tuple[Label, ...] = (),
    notes: tuple[str, ...] = (),
    help: str = "",
    training: bool = False,
) -> None:
    """Prove a condition, make it one of the model's, or refuse."""
    verdict = ctx.facts.verdict(condition)
    if verdict is Verdict.PROVED:
        return
    if verdict is Verdict.OPEN:
        ctx.require(condition, message, span, training=training)
        return
    raise mismatch(
        ctx, builder, condition, message, span, kind=kind, places=places, labels=labels, notes=notes, help=help
    )


def mismatch(
    ctx: Context,
    builder: Builder,
    condition: Condition,
    message: str,
    span: Span,
    *,
    kind: str = "other",
    places: tuple[Place, ...] = (),
    labels: tuple[Label, ...] = (),
    notes: tuple[str, ...] = (),
    help: str = "",
) -> Refusal:
    shown = list(labels)
    axes = Counter(id(place.value) for place in places)
    for place in places:
        if axes[id(place.value)] > 1:  # the message is about the whole of it
            continue
        label = size_label(builder, place)
        if label is not None and all(label.span != other for other in (span, *(s.span for s in shown))):
            shown.append(label)
    types = {place.name: str(place.value.type) for place in places}
    extra = list(notes)
    if kind == "mismatch" and _is_open(condition):
        breaking = ctx.facts.example(condition, False)
        if breaking:
            sizes = ", ".join(f"{s.name} = {n}" for s, n in breaking.items())
            extra.append(f"with {sizes}, {_with_sizes(condition, breaking)}")
    label_text = ", ".join(f"{name} is {type_}" for name, type_ in types.items())
    helps = [help] if help else []
    return refuse(CODES_BY_KIND.get(kind, SHP304), message, span, label_text, shown, notes=extra, helps=helps)


def _is_open(condition: Condition) -> bool:
    if isinstance(condition, Compare):
        return not (isinstance(condition.left, int) and isinstance(condition.right, int))
    return True


def _with_sizes(condition: Condition, sizes: dict[Any, int]) -> str:
    if not isinstance(condition, Compare):
        return "it does not hold"
    left, right = (evaluate(expand(d), sizes) for d in (condition.left, condition.right))
    if isinstance(condition.right, int):
        return f"`{condition.left}` is {left}, not {right}"
    if isinstance(condition.left, int):
        return f"`{condition.right}` is {right}, not {left}"
    return f"`{condition.left}` is {left} and `{condition.right}` is {right}"
