"""Sizes for open dimensions: read from the shapes of inputs, and what does not fit said as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fanin.analyses.reading import alone
from fanin.ir.conditions import holds
from fanin.ir.dims import Dim, Symbol, evaluate, symbols_of
from fanin.ir.graph import Graph, Program
from fanin.record import record


@record
class Misfit:
    """Why sizes do not fit a model. ``about`` is the input whose change could mend it, or the name that is none."""

    message: str
    about: str = ""
    kind: str = "shape"  # "name" | "shape" | "missing" | "condition"


def bind_shapes(graph: Graph, shapes: Mapping[str, Sequence[int]]) -> dict[Symbol, int] | Misfit:
    """The sizes of the open dimensions of a graph, read from the shapes of its inputs."""
    ports = {port.name: port.value.type for port in graph.ports if port.value is not None}
    left_out = {port.name for port in graph.ports if port.value is None}
    sizes: dict[Symbol, int] = {}
    for name, shape in shapes.items():
        if name not in ports:
            known = ", ".join(f"`{n}`" for n in ports) or "none"
            what = "was left out" if name in left_out else f"is no input of `{graph.name}`, which has {known}"
            return Misfit(f"`{name}` {what}", name, "name")
        if len(shape) != ports[name].rank:
            axes = "1 axis" if len(shape) == 1 else f"{len(shape)} axes"
            return Misfit(f"`{name}` is {ports[name]}, and {list(shape)} has {axes}", name)
        bad = next((s for s in shape if isinstance(s, bool) or not isinstance(s, int) or s < 1), None)
        if bad is not None:
            return Misfit(f"a size of `{name}` is a whole number, 1 or more, not {bad}", name)
        for own, size in zip(ports[name].shape, shape, strict=True):
            symbol = alone(own)
            if symbol is not None:
                sizes.setdefault(symbol, size)
    for name, shape in shapes.items():
        for axis, (own, size) in enumerate(zip(ports[name].shape, shape, strict=True)):
            try:
                wanted = evaluate(own, sizes)
            except KeyError:
                continue
            if wanted != size:
                which = "" if isinstance(own, int) else f"`{own}`, "
                return Misfit(f"axis {axis} of `{name}` is {which}{wanted}, not {size}", name)
    return sizes


def broken_requirement(program: Program, sizes: Mapping[Symbol, int]) -> Misfit | None:
    """The first condition of a model that these sizes break."""
    for requirement in program.conditions:
        try:
            met = requirement.training or holds(requirement.condition, sizes)
        except (KeyError, ZeroDivisionError):
            continue
        if not met:
            return Misfit(f"these sizes break the condition `{requirement.condition}`", "", "condition")
    return None


def evaluate_at(graph: Graph, d: Dim, sizes: Mapping[Symbol, int]) -> int | Misfit:
    """A dimension of a graph as a number; an input is missing where a letter has no size."""
    try:
        return evaluate(d, sizes)
    except ZeroDivisionError:
        return Misfit("these sizes divide by 0", "", "condition")
    except KeyError:
        opens = {s for s in symbols_of(d) if s not in sizes}
        names = [
            port.name
            for port in graph.ports
            if port.value is not None and any(symbols_of(size) & opens for size in port.value.type.shape)
        ]
        letters = " and ".join(sorted({s.name for s in opens}))
        missing = " and ".join(f"`{name}`" for name in names) or "an input"
        stay = "stays" if len(opens) == 1 else "stay"
        return Misfit(f"{letters} {stay} open: the shape of {missing} is missing", names[0] if names else "", "missing")
