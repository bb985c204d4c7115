"""The versioned JSON form of the IR: a program as plain data, from which ``reader`` makes it again.

Graphs stand once, those that use others before these. What has no JSON of its own is a small object:
``{"dim": "2 * H"}``, ``{"value": 3}``, ``{"graph": "Bottleneck.2"}``, ``{"record": "Normal", "std": 0.02}``. Nothing
here knows the ops or the kinds of node: attributes and nodes are written field by field, and what has its default is
left out, so that a new op changes nothing. Reading needs the registry of ops, which ``ir`` may not import, so all three
forms are in ``emit``.
"""

from __future__ import annotations

import math
from dataclasses import MISSING, fields
from typing import Any

from fanin.analyses import cost
from fanin.analyses.memory import STATES
from fanin.analyses.reading import reached
from fanin.analyses.relations import Relation
from fanin.analyses.structure import structure
from fanin.ir.conditions import AllOf, AnyOf, Compare, render_condition
from fanin.ir.dims import Dim, Poly, Symbol, render
from fanin.ir.graph import Graph, Leaf, ModuleRef, Node, Port, Program, Value, Weight
from fanin.ir.types import DType, TensorType
from fanin.ir.unknown import Unknown
from fanin.ops.contract import Op
from fanin.ops.spelling import same
from fanin.source import Span

FORMAT, VERSION = "fanin-ir", 1
Document = dict[str, Any]


def document(program: Program) -> Document:
    """A program as JSON has it, with a summary of what it costs in front."""
    summary = {
        "parameters": cost.parameters(program),
        "trainable": cost.trainable(program),
        "buffers": cost.buffers(program),
        "flops": str(cost.flops(program)),
        "memory": _memory(program),
    }
    head = {"format": FORMAT, "version": VERSION, "name": program.name, "cost": summary}
    return {**head, "structure": facts(program), **content(program)}


def facts(program: Program) -> Document:
    """What outputs see of inputs, which symmetries are proven, and the longest chain of ops."""
    found = structure(program)
    return {
        "depth": str(found.depth),
        "sees": [
            {"output": sight.output, "input": sight.input, "axes": [_axis(size, r) for size, r in sight.axes]}
            for sight in found.sights
        ],
        "symmetries": [
            {"axis": s.letter, "group": s.group, "step": s.step, "invariant": s.invariant, "edge": s.edge}
            for s in found.symmetries
        ],
    }


def _axis(size: str, relation: Relation) -> Document:
    written: Document = {"size": size, "kind": relation.kind}
    if relation.axis is not None:
        written["along"] = relation.axis
    if relation.kind in ("window", "places"):
        written |= {"low": str(relation.low), "high": str(relation.high), "field": str(relation.field)}
    if relation.kind == "window":
        written |= {"stride": str(relation.stride), "circular": relation.circular}
    return written


def _memory(program: Program) -> Document:
    """Bytes where a float takes 4: activations at their peak, the largest of those listed, and what is held besides."""
    found = cost.memory(program)
    saved = found.saved if isinstance(found.saved, Unknown) else (found.saved,)
    activations = {"inference": found.inference, "training": found.training, "between passes": saved}
    told = {name: None if isinstance(all_, Unknown) else list(map(str, all_)) for name, all_ in activations.items()}
    states = {name: count * found.gradients for name, count in STATES.items()}
    held = {"parameters": found.parameters, "buffers": found.buffers, "gradients": found.gradients}
    return {**held, "optimiser": states, "activations": told}


def content(program: Program) -> Document:
    """The program itself, without what is worked out from it."""
    return _Writer(program).program()


class _Writer:
    """One document: the names of its graphs and symbols."""

    def __init__(self, source: Program) -> None:
        self.source = source
        self.graphs = list(reversed(reached(source.graph)))
        self.ids = self._ids()
        self.owners: dict[Symbol, str] = {}  # the name that other graphs know a symbol by
        self.graph = ""  # the graph that is being written, its symbols and the file it is in
        self.local: dict[Symbol, str] = {}
        self.file: Any = None

    def _ids(self) -> dict[Graph, str]:
        found: dict[Graph, str] = {}
        counts: dict[str, int] = {}
        for graph in self.graphs:
            base = graph.name if graph.name.isidentifier() else graph.kind
            counts[base] = counts.get(base, 0) + 1
            found[graph] = base if counts[base] == 1 else f"{base}.{counts[base]}"
        return found

    def program(self) -> Document:
        graphs = [self.one(graph) for graph in self.graphs]
        self.graph, self.local = self.ids[self.source.graph], {}
        self.file = self.source.graph.span.source
        conditions = [self.fields_of(c) for c in self.source.conditions]
        assert all(symbol in self.owners for symbol in self.local), "a condition speaks of what no graph has"
        return {"graph": self.ids[self.source.graph], "conditions": conditions, "graphs": graphs}

    def one(self, graph: Graph) -> Document:
        self.graph, self.local, self.file = self.ids[graph], {}, graph.span.source
        line, column = graph.span.source.position(graph.span.start)
        written: Document = {"id": self.graph, "at": f"{graph.span.source.name}:{line}:{column}"}
        symbols = [self.name(symbol) for symbol in graph.symbols]
        for f in fields(graph):
            given = getattr(graph, f.name)
            if f.name in ("name", "kind", "doc"):
                written[f.name] = given
            elif f.name == "symbols":
                written["symbols"] = symbols
            elif f.name == "sizes":
                written["sizes"] = [self.name(symbol) for symbol in given]
            elif f.name in ("hypers", "letters"):
                written[f.name] = {name: self.value(v) for name, v in given}
            elif f.name == "names":
                written["names"] = {str(index): name for index, name in sorted(given.items())}
            elif f.name in ("nodes", "setup"):
                written[f.name] = [self.node(node) for node in given]
            elif f.name in ("ports", "results", "children", "states", "promises"):
                written[f.name] = [self.fields_of(item) for item in given]
            elif f.name != "span":
                written[f.name] = self.value(given)
        return {**written, "dimensions": self.dimensions()}

    # -- symbols

    def name(self, symbol: Symbol) -> str:
        """A symbol in the graph that is being written; a second one of its name gets a mark."""
        found = self.local.get(symbol)
        if found is None:
            taken = set(self.local.values())
            found, number = symbol.name, 1
            while found in taken:
                number += 1
                found = f"{symbol.name}'{number}"
            self.local[symbol] = found
        return found

    def dimensions(self) -> list[Document]:
        """What the symbols of this graph are, each after those it is defined by."""
        todo = list(self.local)
        texts: dict[Symbol, str] = {}
        while todo:
            symbol = todo.pop()
            if symbol not in self.owners and symbol.definition is not None:
                texts[symbol] = render(symbol.definition, lambda s: self.owners.get(s) or self.name(s))
                todo += [s for s in self.local if s not in texts and s not in self.owners and s is not symbol]
        found: list[Document] = []
        for symbol, name in sorted(self.local.items(), key=lambda item: item[0].serial):
            if symbol in self.owners:
                found.append({"name": name, "same": self.owners[symbol]})
            elif symbol in texts:
                found.append({"name": name, "is": texts[symbol]})
            else:
                found.append({"name": name})
        for symbol, name in self.local.items():
            self.owners.setdefault(symbol, f"{self.graph}.{name}")
        return found

    def dim(self, d: Dim) -> int | str:
        return d if isinstance(d, int) else render(d, self.name)

    def type(self, t: TensorType) -> str:
        shape = ", ".join(str(self.dim(d)) for d in t.shape)
        return f"[{shape}]" if t.dtype is DType.FLOAT else f"{t.dtype.value}[{shape}]"

    # -- values

    def node(self, node: Node) -> Document:
        written = {"record": type(node).__name__, **self.fields_of(node)}
        written["outputs"] = [{"value": v.index, "type": self.type(v.type)} for v in node.outputs]
        return written

    def fields_of(self, item: Any) -> Document:
        """The fields of a record that say something, by name."""
        written: Document = {}
        for f in fields(item):
            given = getattr(item, f.name)
            default = f.default_factory() if f.default_factory is not MISSING else f.default
            if f.name == "span":
                if given is not None:
                    written["at"] = self.at(given)
            elif f.name == "op":
                written["op"] = given.module if given.module and self.owned(item) else given.name
            elif f.name == "attrs":
                written["attrs"] = self.fields_of(given)
            elif f.name == "types":
                written["types"] = [None if t is None else self.type(t) for t in given]
            elif f.name == "type" and isinstance(given, TensorType):
                written["type"] = self.type(given)
            elif isinstance(item, Port) and f.name == "value" and given is not None:
                written.update(value=given.index, type=self.type(given.type))
            elif (given is None and default is MISSING) or (f.name == "loop" and given == ()):
                continue  # the reader puts it in again
            elif default is MISSING or not same(given, default):
                written[f.name] = self.value(given)
        return written

    def owned(self, item: Any) -> bool:
        return isinstance(item, Leaf) or getattr(item, "module", None) is not None

    def at(self, span: Span) -> str:
        line, column = span.source.position(span.start)
        return f"{line}:{column}" if span.source.name == self.file.name else f"{span.source.name}:{line}:{column}"

    def value(self, v: Any) -> Any:
        """Anything in the IR; what JSON has no word for is an object with one key, or a record."""
        if isinstance(v, DType):
            return {"dtype": v.value}
        if v is None or isinstance(v, (bool, int, str)):
            return v
        if isinstance(v, float):
            return v if math.isfinite(v) else {"float": repr(v)}
        if isinstance(v, Poly):
            return {"dim": render(v, self.name)}
        if isinstance(v, Symbol):
            return {"symbol": self.name(v)}
        if isinstance(v, tuple):
            return [self.value(x) for x in v]
        if isinstance(v, list):
            return {"list": [self.value(x) for x in v]}
        if isinstance(v, dict):
            return {"dict": [[self.value(k), self.value(x)] for k, x in v.items()]}
        return self._object(v)

    def _object(self, v: Any) -> Document:
        if isinstance(v, Graph):
            return {"graph": self.ids[v]}
        if isinstance(v, Value):
            return {"value": v.index}
        if isinstance(v, TensorType):
            return {"type": self.type(v)}
        if isinstance(v, ModuleRef):
            return {"borrowed": v.path} if v.borrowed else {"module": v.path}
        if isinstance(v, Op):
            return {"op": v.name}
        if isinstance(v, (Compare, AnyOf, AllOf)):
            return {"condition": render_condition(v, self.name)}
        if isinstance(v, Weight):
            return self.weight(v)
        if isinstance(v, Node):
            return self.node(v)
        return {"record": type(v).__name__, **self.fields_of(v)}

    def weight(self, w: Weight) -> Document:
        """What its op does not say again: the sizes are for readers, the law and the tie are the instance's."""
        axes = [[axis.role, axis.size] for axis in w.spec.axes]
        written: Document = {"record": "Weight", "name": w.spec.name, "axes": axes, "law": self.value(w.law)}
        if w.spec.kind == "buffer":
            written["buffer"] = True
        if w.tied is not None:
            written["tied"] = self.value(w.tied)
        return written
