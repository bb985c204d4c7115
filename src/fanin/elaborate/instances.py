"""Instances after their use: what they ran, what is inside them, and what they are in the finished graph."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fanin.diagnostics import Diagnostic
from fanin.diagnostics.codes import NAM211
from fanin.elaborate.builder import Builder
from fanin.elaborate.context import Context
from fanin.elaborate.values import Composition, Element, Instance, Partial, Repetition, Use
from fanin.ir.graph import Child, Graph, Leaf, Row, Unit
from fanin.ops.contract import Op


def copy_instance(template: Instance) -> Instance:
    """A module made like another one: the same constructor and arguments, its own weights.

    What was made in the argument list of the one is made again for the other.
    """
    target = template.target
    if isinstance(target, Composition):
        target = Composition(tuple(_copied(e) for e in target.elements))
    twin = Instance(
        target,
        template.hypers,
        template.span,
        template.home,
        None,
        template.options,
        args=template.args,
        loose=template.loose,
        copies=template.copies,
    )
    twin.hypers = {name: _owned_again(value, template, twin) for name, value in template.hypers.items()}
    return twin


def _owned_again(value: Any, template: Instance, twin: Instance) -> Any:
    if isinstance(value, Instance) and value.home is template:
        copy = copy_instance(value)
        copy.home, copy.key, copy.loose = twin, value.key, value.loose
        return copy
    if isinstance(value, (list, tuple)):
        return type(value)(_owned_again(v, template, twin) for v in value)
    return value


def _copied(value: Any) -> Any:
    """A stage with modules of its own in the place of those that were made in it."""
    if isinstance(value, Instance):
        return copy_instance(value) if value.loose else value
    if isinstance(value, Element):
        return replace(value, value=_copied(value.value))
    if isinstance(value, Partial):
        return replace(value, callee=_copied(value.callee))
    return [_copied(v) for v in value] if isinstance(value, list) else value


def core_of(value: Any) -> Instance | None:
    """The module that a repetition's cell makes: itself, or the one a waiting call applies."""
    if isinstance(value, Instance):
        return value
    if isinstance(value, Partial):
        return core_of(value.callee)
    return None


def cell_of(row: Instance, index: int) -> Instance:
    """The module at a place of a repetition."""
    assert isinstance(row.target, Repetition)
    cell: Instance | None = row.cells.get(index)
    if cell is None:
        template = core_of(row.target.cell.value)
        assert template is not None
        cell = copy_instance(template)
        cell.home, cell.key, cell.loose = row, str(index), False
        row.cells[index] = cell
    return cell


def uses_of(ctx: Context, instance: Instance) -> list[Use]:
    """The applications of an instance. One that is part of another is found in the graph that the other ran."""
    if instance.uses or not isinstance(instance.home, Instance):
        return instance.uses
    outer = instance.home
    if isinstance(outer.target, Repetition):
        return _row_uses(ctx, outer, instance)
    parts = parts_of(ctx, outer)
    part = parts.get(instance.key or "")
    return part.uses if part is not None else []


def _row_uses(ctx: Context, row: Instance, cell: Instance) -> list[Use]:
    place = int(cell.key or 0)
    if not row.row and isinstance(row.home, Instance):  # seen from outside: what it is inside knows
        inside = parts_of(ctx, row.home).get(row.key or "")
        if inside is not None and inside is not row:
            known = inside.cells.get(place)
            return known.uses if known is not None and known.uses else _row_uses(ctx, inside, cell)
    for count, like in row.row:
        if place < count:
            return like.uses
        place -= count
    return []


def parts_of(ctx: Context, instance: Instance) -> dict[str, Instance]:
    """The modules inside an instance, by key."""
    for use in uses_of(ctx, instance):
        if use.graph is not None:
            return ctx.parts.get(use.graph, {})
    return {}


def children(builder: Builder, ctx: Context) -> tuple[Child, ...]:
    """The modules made in a graph that something flows through, in the order of the text."""
    found: list[Child] = []
    for instance in builder.fresh():
        made = freeze(instance)
        if made is not None:
            ctx.flowing.add(instance.span)
            found.append(Child(instance.key or "", made, instance.span))
        elif not _may_be_idle(builder, instance):
            ctx.idle.setdefault(instance.span, instance.key or "")
    return tuple(found)


def _may_be_idle(builder: Builder, instance: Instance) -> bool:
    """A repetition of none, and a module that the user of a block hands over."""
    none = isinstance(instance.target, Repetition) and instance.target.count == 0
    return none or instance.key in builder.handed


def report_idle(ctx: Context) -> None:
    """Warn of the modules that nothing flows through, in none of the graphs that their block became."""
    for span, key in ctx.idle.items():
        if span not in ctx.flowing:
            ctx.report(
                Diagnostic(
                    NAM211,
                    f"nothing flows through the module `{key}`, so it is not built",
                    span,
                    "not used",
                    helps=("leave it out, or send something through it",),
                )
            )


def freeze(instance: Instance) -> Leaf | Unit | Row | None:
    """The instance as the IR knows it, or None where nothing flows through it."""
    if isinstance(instance.target, Repetition):
        parts = _row_parts(instance)
        return Row(parts) if parts else None
    if not instance.uses:
        return None
    if isinstance(instance.target, Op):
        use = instance.uses[0]
        norm, again = instance.options.get("norm", ""), instance.options.get("checkpoint", False)
        return Leaf(instance.target, use.attrs, use.types, use.weights, use.frozen, norm, again)
    graphs: list[Graph] = []
    for use in instance.uses:
        if use.graph is not None and use.graph not in graphs:
            graphs.append(use.graph)
    return Unit(tuple(graphs), instance.options.get("checkpoint", False))


def _row_parts(row: Instance) -> tuple[tuple[int, Leaf | Unit | Row], ...]:
    parts: list[tuple[int, Any]] = []
    if row.row:
        for count, like in row.row:
            made = freeze(like)
            if made is not None:
                parts.append((count, made))
        return tuple(parts)
    for index in range(row.target.count):
        cell = row.cells.get(index)
        made = freeze(cell) if cell is not None else None
        if made is None:
            continue
        if parts and parts[-1][1] == made:
            parts[-1] = (parts[-1][0] + 1, made)
        else:
            parts.append((1, made))
    return tuple(parts)


def signature(graph: Graph) -> tuple[Any, ...]:
    """What a second application of an instance has to agree with: its modules and the shapes of its weights."""
    states = tuple((s.name, s.type) for s in graph.states)
    return states, tuple((c.path, _made(c.instance)) for c in graph.children)


def _made(instance: Leaf | Unit | Row) -> tuple[Any, ...]:
    if isinstance(instance, Leaf):
        return ("leaf", instance.op.name, tuple((w.spec.name, w.spec.shape) for w in instance.weights))
    if isinstance(instance, Unit):
        return ("unit", signature(instance.graph))
    return ("row", tuple((n, _made(i)) for n, i in instance.parts))


def first_difference(before: tuple[Any, ...], now: tuple[Any, ...]) -> str:
    """The first weight that two applications disagree on, as ``fc1.weight is [8, 4] and [8, 6]``."""
    for (name, a), (other, b) in zip(before[0], now[0], strict=False):
        if name == other and a != b:
            return f"`{name}` is {a} and {b}"
    for (path, a), (other, b) in zip(before[1], now[1], strict=False):
        if path == other and a != b:
            if a[0] == "leaf" and b[0] == "leaf":
                for (w, x), (_, y) in zip(a[2], b[2], strict=False):
                    if x != y:
                        return f"`{path}.{w}` is {list(x)} and {list(y)}"
            if a[0] == "unit" and b[0] == "unit":
                return first_difference(a[1], b[1]).replace("`", f"`{path}.", 1)
            return f"`{path}` differs"
    return "they are made of different modules"
