"""Where modules are held: what a path is in Python, seen from the class of a graph."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, TypeAlias

from fanin.emit.torch.names import is_identifier
from fanin.emit.torch.uses import EmitError
from fanin.ir.graph import (
    Apply,
    Call,
    Child,
    Ensemble,
    Graph,
    Leaf,
    ModuleRef,
    Node,
    Read,
    Repeat,
    Row,
    State,
    Unit,
    Value,
    bodies,
    every_node,
)
from fanin.record import field, record

Instance: TypeAlias = Leaf | Unit | Row

# Attributes that `nn.ModuleDict` has, so that no entry of one can be called so.
_DICT = frozenset(
    [
        "clear",
        "pop",
        "keys",
        "items",
        "values",
        "update",
        "add_module",
        "forward",
        "type",
        "float",
        "double",
        "half",
        "train",
        "eval",
        "to",
    ]
)


@record(frozen=False)
class Holder:
    """A container that the paths of a graph imply (``layer`` of ``layer.0``), or the graph itself."""

    kind: str  # "attributes" | "list" | "dict"
    parts: dict[str, Holder | Child | State] = field(default_factory=dict)

    def settle(self) -> None:
        """Choose between list and dict, here and below."""
        if self.kind != "attributes":
            numbered = all(name == str(i) for i, name in enumerate(self.parts))
            self.kind = "list" if numbered else "dict" if not _DICT & set(self.parts) else "attributes"
        for part in self.parts.values():
            if isinstance(part, Holder):
                part.settle()


@lru_cache(maxsize=256)
def holder_of(graph: Graph) -> Holder:
    """The containers of a graph that has a class of its own."""
    names = {child.path.split(".")[0] for child in graph.children}
    bare = graph.kind == "composition" and not (names & _DICT) and not all(map(is_identifier, names))
    root = Holder("attributes")
    entries: list[tuple[str, Child | State]] = [(state.name, state) for state in graph.states]
    entries += [(child.path, child) for child in graph.children]
    for path, entry in entries:
        *above, last = path.split(".")
        holder = root
        for name in above:
            inner = holder.parts.setdefault(name, Holder("dict"))
            assert isinstance(inner, Holder), f"{path} lies in another instance of {graph.name}"
            holder = inner
        holder.parts[last] = entry
    root.settle()
    if bare:
        root.kind = "dict"
    return root


def access(graph: Graph, path: str, own: str = "self") -> str:
    """The module at a path as an expression: ``self.layer[0].conv``. Raises KeyError where there is none."""
    *_, (text, _) = walk(graph, path, own)
    return text


def walk(graph: Graph, path: str, own: str = "self") -> Iterator[tuple[str, Any]]:
    """Each step of a path: the expression up to there, and what it is."""
    text, here = own, unit_place(graph)
    yield text, here
    for name in path.split("."):
        text, here = _step(text, here, name)
        yield text, here


def access_below(graph: Graph, path: str, prefix: str, variable: str, own: str = "self") -> str:
    """As ``access``, for a path at or below ``prefix``, where a variable holds what is there."""
    steps = list(walk(graph, prefix, own))
    text, here = variable, steps[-1][1]
    for name in path.split(".")[len(prefix.split(".")) :]:
        text, here = _step(text, here, name)
    return text


def keys_of(here: Any) -> tuple[str, list[str]]:
    """How a container is gone through (``list`` or ``dict``), and its keys; ("", []) where it cannot be."""
    if isinstance(here, Child):
        here = here.instance
    if isinstance(here, Unit):
        here = unit_place(here.graph)
    if isinstance(here, Row):
        return "list", [str(i) for i in range(here.count)]
    if isinstance(here, Graph):
        return "list", sequential_keys(here)
    if isinstance(here, Holder) and here.kind != "attributes":
        return here.kind, list(here.parts)
    return "", []


def unit_place(graph: Graph) -> Any:
    """How the parts of an instance of this graph are reached: a Holder, or the graph for a sequential."""
    return graph if is_sequential(graph) else holder_of(graph)


def _step(text: str, here: Any, name: str) -> tuple[str, Any]:
    part: Any
    if isinstance(here, Child):
        here = here.instance
    if isinstance(here, Unit):
        here = unit_place(here.graph)
    if isinstance(here, Row):
        at = int(name)
        for count, part in here.parts:
            if at < count:
                return f"{text}[{name}]", part
            at -= count
        raise KeyError(name)
    if isinstance(here, Graph):
        keys = sequential_keys(here)
        child = next(child for child in here.children if child.path == name)
        return (f"{text}.{name}" if is_identifier(name) else f"{text}[{keys.index(name)}]"), child.instance
    if isinstance(here, Holder):
        part = here.parts[name]
        match here.kind:
            case "list":
                return f"{text}[{name}]", part
            case "dict":
                return f'{text}["{name}"]', part
            case _:
                return (f"{text}.{name}" if is_identifier(name) else f'getattr({text}, "{name}")'), part
    raise KeyError(name)


# ----------------------------------------------------------------------------------------------- what is handed over


def handed(graph: Graph) -> list[str]:
    """The hyper-parameters that are modules, made where the block is used: the constructor is given them."""
    if graph.kind != "block":
        return []
    inside: dict[str, bool] = {}
    for child in graph.children:
        name = child.path.split(".")[0]
        here = child.span.source is graph.span.source and graph.span.start <= child.span.start < graph.span.end
        inside[name] = inside.get(name, False) or here
    return [name for name, _ in graph.hypers if inside.get(name) is False and is_identifier(name)]


def looks_into(graph: Graph, name: str) -> bool:
    """Whether a graph uses what is inside a module of its own: a part, or a parameter."""
    for node in graph.nodes:
        module = node.state.module if isinstance(node, Read) else getattr(node, "module", None)
        if not isinstance(module, ModuleRef) or module.borrowed:
            continue
        if module.path.startswith(f"{name}.") or (isinstance(node, Read) and module.path == name):
            return True
    return False


# -------------------------------------------------------------------------------------------- what is sequential


def forward_borrows(graph: Graph, known: dict[int, tuple[str, ...]] | None = None) -> tuple[str, ...]:
    """The borrowed modules that `forward` needs; others are borrowed for a tied parameter alone."""
    if not graph.borrows:
        return ()
    known = {} if known is None else known
    if id(graph) not in known:
        used: set[str] = set()
        for node in every_node(bodies(graph)):
            refs: list[ModuleRef | None] = []
            if isinstance(node, Apply | Call | Repeat | Ensemble):
                refs.append(node.module)
            if isinstance(node, Read):
                refs.append(node.state.module)
            calls = (
                [run.call for run in node.runs if isinstance(run.call, Call)] if isinstance(node, Repeat) else [node]
            )
            for call in calls:
                if isinstance(call, Call) and call.lent:
                    needed = forward_borrows(call.graph, known)
                    refs += [ref for name, ref in zip(call.graph.borrows, call.lent, strict=True) if name in needed]
            used.update(ref.path.split(".")[0] for ref in refs if ref is not None and ref.borrowed)
        known[id(graph)] = tuple(name for name in graph.borrows if name in used)
    return known[id(graph)]


def lends(call: Call) -> list[ModuleRef]:
    """The modules that a call hands to `forward`."""
    needed = forward_borrows(call.graph) if call.lent else ()
    return [ref for name, ref in zip(call.graph.borrows, call.lent, strict=False) if name in needed]


def one_to_one(node: Node) -> bool:
    """Whether one tensor flows in and one out, and nothing else is handed over."""
    if len(node.inputs) != 1 or len(node.outputs) != 1 or not isinstance(node.inputs[0], Value):
        return False
    return not (isinstance(node, Call) and lends(node))


def is_sequential(graph: Graph) -> bool:
    """Whether a composition becomes an ``nn.Sequential``."""
    if graph.kind != "composition" or graph.places is None or graph.states:
        return False
    inputs = [port for port in graph.ports if port.value is not None]
    if len(inputs) != 1 or len(graph.results) != 1 or not all(one_to_one(node) for node in graph.nodes):
        return False
    if any("." in child.path or is_partly_frozen(child.instance) for child in graph.children):
        return False
    if any(not isinstance(child.instance, Row) and child.instance.checkpoint for child in graph.children):
        return False
    if any(isinstance(child.instance, Row) and not row_is_sequential(child.instance) for child in graph.children):
        return False
    if {place for place in graph.places if isinstance(place, str)} != {child.path for child in graph.children}:
        return False
    return all(module_form(graph.nodes[place]) is not None for place in graph.places if isinstance(place, int))


def is_partly_frozen(instance: Instance) -> bool:
    """Whether some output units of a leaf are fixed and others learn: its forward is not called as it is."""
    return isinstance(instance, Leaf) and not isinstance(instance.frozen, bool)


def module_form(node: Node) -> Any:
    """How the function at a place is made as a module, None where it has no module."""
    if not isinstance(node, Apply) or node.module is not None:
        return None
    return node.op.construct(node.attrs, *(operand.type for operand in node.inputs if operand is not None))


def sequential_keys(graph: Graph) -> list[str]:
    """The keys of the ``nn.Sequential`` that a composition becomes."""
    assert graph.places is not None
    return [place if isinstance(place, str) else str(i) for i, place in enumerate(graph.places)]


def row_is_sequential(row: Row) -> bool:
    """Whether a repetition becomes an ``nn.Sequential``, or an ``nn.ModuleList``."""
    for _, part in row.parts:
        if is_partly_frozen(part):
            raise EmitError("a fraction of the units of a repetition cannot be frozen yet: give each layer its label")
        if isinstance(part, Row):
            if not row_is_sequential(part):
                return False
        elif part.checkpoint:
            return False
        elif isinstance(part, Leaf):
            if len(part.types) != 1 or len(part.op.results) > 1:
                return False
        else:
            graph = part.graph
            given = [port for port in graph.ports if port.value is not None]
            if len(given) != 1 or len(graph.results) != 1 or forward_borrows(graph):
                return False
    return True
