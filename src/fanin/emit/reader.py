"""A program made again from its document: the inverse of ``document``. Spans have their places, but no text."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import cache
from typing import Any

from fanin.emit.document import FORMAT, VERSION, Document
from fanin.ir import graph as ir
from fanin.ir import laws
from fanin.ir.conditions import parse_condition
from fanin.ir.dims import Dim, Symbol, parse_dim
from fanin.ir.facts import Facts
from fanin.ir.requirements import Requirement
from fanin.ir.types import DType, TensorType
from fanin.ops.contract import Op, OpAttrs
from fanin.ops.registry import find_op
from fanin.source import Source, Span

_COLUMNS = 1_000_000  # in the made-up text that spans point into, a line has so many


def read_document(found: Document) -> ir.Program:
    """The program of a document. Raises ValueError for what is none, or of another version."""
    if found.get("format") != FORMAT or found.get("version") != VERSION:
        what = f"{found.get('format')} {found.get('version')}"
        raise ValueError(f"this is no document of {FORMAT} {VERSION}, but {what}")
    try:
        return _Reader(found).program()
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"this document of {FORMAT} is broken: {error!r}") from error


@cache
def _kinds() -> dict[str, type[Any]]:
    """The classes of the IR and the laws by name."""
    members = {**vars(laws), **vars(ir)}
    return {name: kind for name, kind in members.items() if isinstance(kind, type)}


class _Reader:
    """One document: the symbols, graphs and values that are known so far."""

    def __init__(self, found: Document) -> None:
        self.found = found
        self.shared: dict[str, Symbol] = {}  # by qualified name
        self.locals: dict[str, dict[str, Symbol]] = {}  # by graph, and name in it
        self.graphs: dict[str, ir.Graph] = {}
        self.symbols: dict[str, Symbol] = {}
        self.values: dict[int, ir.Value] = {}
        self.sources: dict[str, Source] = {}
        self.file = ""

    def program(self) -> ir.Program:
        for written in self.found["graphs"]:
            self.dimensions(written)
        for written in reversed(self.found["graphs"]):
            self.graphs[written["id"]] = self.graph(written)
        main = self.graphs[self.found["graph"]]
        self.symbols, self.file = self.locals[self.found["graph"]], main.span.source.name
        conditions = tuple(self.record(Requirement, c) for c in self.found["conditions"])
        facts = Facts()
        for c in conditions:
            if not c.training:
                facts.assume(c.condition)
        return ir.Program(self.found["name"], main, conditions, facts)

    def dimensions(self, written: Document) -> None:
        local: dict[str, Symbol] = {}
        for entry in written["dimensions"]:
            name = entry["name"]
            if "same" in entry:
                local[name] = self.shared[entry["same"]]
                continue
            definition = parse_dim(entry["is"], {**self.shared, **local}) if "is" in entry else None
            local[name] = self.shared[f"{written['id']}.{name}"] = Symbol(name.partition("'")[0], definition)
        self.locals[written["id"]] = local

    def graph(self, written: Document) -> ir.Graph:
        self.symbols, self.values = self.locals[written["id"]], {}
        self.file = written["at"].rsplit(":", 2)[0]
        given: dict[str, Any] = {"span": self.span(written["at"])}
        for f in fields(ir.Graph):
            if f.name in ("symbols", "sizes"):
                given[f.name] = tuple(self.symbols[name] for name in written[f.name])
            elif f.name in ("hypers", "letters"):
                given[f.name] = tuple((name, self.value(v)) for name, v in written[f.name].items())
            elif f.name == "names":
                given["names"] = {int(index): name for index, name in written["names"].items()}
            elif f.name == "ports":
                given["ports"] = tuple(map(self.port, written["ports"]))
            elif f.name in ("children", "promises"):
                kind = ir.Child if f.name == "children" else ir.Promise
                given[f.name] = tuple(self.record(kind, item) for item in written[f.name])
            elif f.name != "span" and f.name not in ("nodes", "setup", "results", "states"):
                given[f.name] = self.value(written[f.name])
        for name in ("setup", "nodes"):
            given[name] = tuple(self.node(node) for node in written[name])
        given["results"] = tuple(self.record(ir.Result, r) for r in written["results"])
        given["states"] = tuple(self.record(ir.State, s) for s in written["states"])
        return ir.Graph(**given)

    # -- parts

    def port(self, written: Document) -> ir.Port:
        value = None
        if written.get("value") is not None:
            value = self.define({"value": written["value"], "type": written["type"]})
        return ir.Port(written["name"], value, self.span(written["at"]))

    def define(self, written: Document) -> ir.Value:
        value = self.values[written["value"]] = ir.Value(written["value"], self.type(written["type"]))
        return value

    def node(self, written: Document) -> ir.Node:
        outputs = tuple(map(self.define, written["outputs"]))
        rest = {k: v for k, v in written.items() if k not in ("record", "outputs")}
        made: ir.Node = self.record(_kinds()[written["record"]], rest, outputs=outputs)
        return made

    def record(self, kind: type[Any], written: Document, **given: Any) -> Any:
        """A record from the fields that its document has."""
        op = _op(written["op"]) if "op" in written else None
        for name, v in written.items():
            if name == "at":
                given["span"] = self.span(v)
            elif name == "op":
                given["op"] = op
            elif name == "attrs":
                assert op is not None
                given["attrs"] = self.attrs(op, v)
            elif name == "type":
                given["type"] = self.type(v)
            elif name == "types":
                given["types"] = tuple(None if t is None else self.type(t) for t in v)
            elif name not in ("record", "weights"):
                given[name] = self.value(v)
        if "weights" in written:
            assert op is not None
            specs = {spec.name: spec for spec in op.params(given["attrs"], *given["types"])}
            given["weights"] = tuple(self.weight(specs, w) for w in written["weights"])
        for f in fields(kind):
            if f.name not in given and f.default is MISSING and f.default_factory is MISSING:
                given[f.name] = () if f.name == "loop" else None
        return kind(**given)

    def attrs(self, op: Op[Any], written: Document) -> OpAttrs:
        space = vars(sys.modules[op.attrs.__module__])
        return op.attrs(**{name: self.value(v, space) for name, v in written.items()})

    def weight(self, specs: Mapping[str, Any], written: Document) -> ir.Weight:
        spec = specs[written["name"]]
        axes = [[axis.role, axis.size] for axis in spec.axes]
        if axes != [list(axis) for axis in written["axes"]]:
            raise ValueError(f"`{spec.name}` is {axes} here, not {written['axes']}")
        return ir.Weight(spec, self.value(written["law"]), self.value(written.get("tied")))

    # -- values

    def value(self, v: Any, space: Mapping[str, Any] | None = None) -> Any:
        if isinstance(v, list):
            return tuple(self.value(x, space) for x in v)
        if not isinstance(v, dict):
            return v
        if "record" in v:
            return self._record(v, space)
        ((what, content),) = v.items()
        match what:
            case "float":
                return float(content)
            case "dim":
                return self.dim(content)
            case "symbol":
                return self.symbols[content]
            case "list":
                return [self.value(x, space) for x in content]
            case "dict":
                return {self.value(k, space): self.value(x, space) for k, x in content}
            case "graph":
                return self.graphs[content]
            case "value":
                return self.values[content]
            case "type":
                return self.type(content)
            case "module" | "borrowed":
                return ir.ModuleRef(content, what == "borrowed")
            case "op":
                return _op(content)
            case "condition":
                return parse_condition(content, self.symbols)
            case "dtype":
                return DType(content)
        raise ValueError(f"a document has no `{what}`")

    def _record(self, v: Document, space: Mapping[str, Any] | None) -> Any:
        kind = (space or {}).get(v["record"]) or _kinds()[v["record"]]
        if issubclass(kind, ir.Node):
            return self.node(v)
        if space is None:
            return self.record(kind, v)
        return kind(**{name: self.value(x, space) for name, x in v.items() if name != "record"})

    def dim(self, d: int | str) -> Dim:
        return d if isinstance(d, int) else parse_dim(d, self.symbols)

    def type(self, text: str) -> TensorType:
        """``int[B, 2 * T]``"""
        dtype, _, shape = text.partition("[")
        parts = split(shape.removesuffix("]"))
        return TensorType(DType(dtype or "float"), tuple(parse_dim(part, self.symbols) for part in parts))

    def span(self, at: str) -> Span:
        *name, line, column = at.rsplit(":", 2)
        file = name[0] if name else self.file
        start = (int(line) - 1) * _COLUMNS + int(column) - 1
        source = self.sources.setdefault(file, Source(file, ""))
        starts = source._starts
        starts.extend(range(len(starts) * _COLUMNS, int(line) * _COLUMNS, _COLUMNS))
        return Span(source, start, start)


def _op(name: str) -> Op[Any]:
    op = find_op(name)
    if op is None:
        raise ValueError(f"there is no op `{name}` here")
    return op


def split(text: str) -> list[str]:
    """The parts between commas that stand in no brackets; none of an empty text."""
    parts: list[str] = []
    depth = start = 0
    for i, c in enumerate(text):
        depth += (c in "([") - (c in ")]")
        if c == "," and not depth:
            parts.append(text[start:i].strip())
            start = i + 1
    last = text[start:].strip()
    return [*parts, last] if parts or last else []
