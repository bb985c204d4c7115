"""A program as a spec: a block for each graph, and one block for graphs that differ in numbers alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from fanin.analyses.couplings.walk import within
from fanin.analyses.paths import root, walk
from fanin.emit.arch.body import Body
from fanin.emit.arch.facts import Changes
from fanin.emit.arch.parts import CannotWrite, Flat, Made, Text, filled, flat
from fanin.emit.arch.spelling import law, spell, typed
from fanin.ir.conditions import Compare
from fanin.ir.dims import render
from fanin.ir.graph import Call, Graph, Leaf, Program, Row, Unit
from fanin.ir.laws import Law
from fanin.ops.contract import Op
from fanin.ops.registry import find_op
from fanin.record import record


@record(eq=False, frozen=False)
class Draft:
    """A block or fn at one place: its text, with numbers and uses of other drafts left open."""

    name: str
    kind: str
    doc: str
    modules: tuple[str, ...]
    sizes: tuple[str, ...]
    ports: Text
    results: Text
    body: tuple[Text, ...]
    height: int = 0
    written: Any = None  # the Declared that it has become part of


@record(eq=False, frozen=False)
class Declared:
    """A declaration in the file: drafts of one pattern. ``open`` are the numbers that differ, by name."""

    name: str
    draft: Draft
    flat: Flat
    open: tuple[tuple[str, tuple[int, ...]], ...]  # hyper-parameter -> the numbers (by place) that it is


class Writer:
    def __init__(self, program: Program, changes: Changes) -> None:
        self.program = program
        self.changes = changes
        self.drafts: list[Draft] = []
        self.imports: set[str] = set()
        self.policy = _policy(program)
        self._stack: list[int] = [0]
        self._declared: dict[tuple[str, str], list[Declared]] = {}
        self._names: Counter[str] = Counter()

    # ------------------------------------------------------------------------------------------------- drafting

    def instance(
        self, made: Any, path: str, body: Body, told: tuple[str, ...] = (), lent: tuple[str, ...] = ()
    ) -> Text:
        """How an instance is made, at a place of the body that holds it."""
        if isinstance(made, Leaf):
            return body.leaf(made, path)
        if isinstance(made, Row):
            return body.row(made, path)
        assert isinstance(made, Unit)
        graph = made.graph
        if len(made.graphs) > 1:
            raise CannotWrite(f"`{path}`, which runs at several sizes")
        if graph.foreign:
            raise CannotWrite(f"the extern block `{graph.name}`")
        if graph.inverse is not None:
            raise CannotWrite(f"`{graph.name}`, which has an inverse")
        if graph.kind == "composition" and graph.places is not None:
            text = body.composition(made, path)
        else:
            if graph.kind == "composition" and any(c.path.split(".")[0].isdigit() for c in graph.children):
                raise CannotWrite(f"the composition `{path}`, which is no plain row")
            if len(lent) < len(graph.borrows):
                raise CannotWrite(f"`{path}`, whose modules come from elsewhere")
            text = (Made(self.draft(graph, path), told, lent),)
        return ("checkpoint(", *text, ")") if made.checkpoint else text

    def draft(self, graph: Graph, path: str, scope: str | None = None) -> Draft:
        self._stack.append(0)
        names = {name: name.replace(".", "_") for name in graph.borrows}
        scope = path if scope is None else scope
        body = Body(self, graph, path, names, set(names.values()), scope)
        body.write()
        height = self._stack.pop()
        self._stack[-1] = max(self._stack[-1], height + 1)
        ports: list[Text] = []
        sized = [(str(d), name) for name, d in graph.letters if isinstance(d, int)]
        own = {size: name for size, name in sized if [s for s, _ in sized].count(size) == 1}
        for i, port in enumerate(p for p in graph.ports if p.value is not None):
            assert port.value is not None
            shape = self.changes.port(scope, graph, i)
            axes = [
                spell(d, _axis_name(d, before, own, j))
                for j, (d, before) in enumerate(zip(shape, port.value.type.shape, strict=True))
            ]
            ports.append((f"{port.name}: ", *typed(port.value.type.dtype, axes)))
        named = [r for r in graph.results if r.name]
        results: list[Text] = []
        for i, r in enumerate(graph.results):
            axes = [spell(d, f"out{j}") for j, d in enumerate(self.changes.result(scope, graph, i))]
            results.append(((f"{r.name}: ",) if r.name else ()) + tuple(typed(r.value.type.dtype, axes)))
        shown: Text = ()
        if named:
            shown = (" -> (", *_joined(results), ")")
        elif graph is self.program.graph:
            shown = (" -> ", *(_joined(results) if len(results) == 1 else ("(", *_joined(results), ")")))
        made = Draft(
            graph.name or _named(path),
            "block" if graph.kind == "composition" else graph.kind,
            graph.doc,
            tuple(names.values()),
            tuple(symbol.name for symbol in graph.sizes),
            _joined(ports),
            shown,
            tuple(body.statements),
            height,
        )
        self.drafts.append(made)
        return made

    def function(self, node: Call, path: str, scope: str, told: tuple[str, ...], lent: tuple[str, ...]) -> Made:
        """A use of a ``fn``."""
        return Made(self.draft(node.graph, path, within(scope, node)), told, lent)

    def op(self, name: str) -> Op[Any]:
        found = find_op(name)
        assert found is not None
        return found

    # ------------------------------------------------------------------------------------------------- writing

    def write(self, header: str) -> str:
        top = self.draft(self.program.graph, "")
        top.name, top.kind = self.program.name, "model"
        texts: list[str] = []
        for height in range(max(d.height for d in self.drafts) + 1):
            level = [d for d in self.drafts if d.height == height]
            groups: dict[tuple[str, str, str, str], list[tuple[Draft, Flat]]] = {}
            for d in level:
                found = self._flat(d)
                groups.setdefault((d.name, d.kind, d.doc, found.pattern), []).append((d, found))
            for drafts in groups.values():
                texts.append(self._declare(drafts))
        std = f"from std.pruned import {', '.join(sorted(self.imports))}\n\n" if self.imports else ""
        return header + std + "\n\n".join(texts) + "\n"

    def _flat(self, d: Draft) -> Flat:
        """Ports, results and statements as one text, split again by its line marks."""
        parts: list[Any] = [*d.ports, "\x01", *d.results]
        for s in d.body:
            parts += ["\x01", *s]
        return flat(parts, self._use)

    def _use(self, made: Made) -> Flat:
        d = made.draft
        declared: Declared = d.written
        found = self._flat(d)
        numbers = [found.numbers[places[0]] for _, places in declared.open]
        args = ", ".join([*made.lent, *made.told, *("\x00" for _ in numbers)])
        if d.kind == "fn" and not args and found.pattern[:1] != "\x01":
            return Flat(declared.name, ())
        return Flat(f"{declared.name}({args})", tuple(numbers))

    def _declare(self, drafts: list[tuple[Draft, Flat]]) -> str:
        first, pattern = drafts[0]
        self._names[first.name] += 1
        count = self._names[first.name]
        name = first.name if count == 1 else f"{first.name}{count}"
        columns = list(zip(*([n.value for n in f.numbers] for _, f in drafts), strict=True))
        taken: dict[str, int] = {}
        by_column: dict[tuple[int, ...], str] = {}
        places: dict[str, list[int]] = {}
        texts: list[str] = []
        ports = pattern.pattern.split("\x01")[0].count("\x00")
        lettered: dict[str, tuple[int, ...]] = {}  # letter -> the sizes that it stands for
        for i, column in enumerate(columns):
            hint = pattern.numbers[i].hint
            if i < ports and first.kind != "model" and lettered.setdefault(hint, column) == column:
                if len(set(column)) > 1:  # a size of what comes in, known by its letter
                    by_column.setdefault(column, hint)
                taken[hint] = 1
                texts.append(hint)
                continue
            if len(set(column)) == 1:
                texts.append(str(column[0]))
                continue
            if column not in by_column:
                letter = _unused(hint, taken, pattern.pattern)
                places[letter] = []
                taken[letter] = 1
                by_column[column] = letter
            letter = by_column[column]
            if letter in places:
                places[letter].append(i)
            texts.append(letter)
        declared = Declared(name, first, pattern, tuple((n, tuple(p)) for n, p in places.items()))
        for d, _ in drafts:
            d.written = declared
        ports_text, results, *body = filled(pattern, texts).split("\x01")
        hypers = [*(f"{m}: module" for m in first.modules), *(f"{n}: int" for n in (*first.sizes, *places))]
        doc = "".join(f"## {line}\n" for line in first.doc.split("\n")) if first.doc else ""
        lines = "\n".join(body)
        if first.kind == "fn":
            params = ", ".join([*([ports_text] if ports_text else []), *hypers])
            return f"{doc}fn {name}({params}){results} {{\n{lines}\n}}"
        attrs = ""
        if first.kind == "model" and self.policy:
            attrs = f"@init({', '.join(f'{k}={law(v)}' for k, v in self.policy.items())})\n"
        if first.kind == "model":
            lines = "\n".join([*self._asserts(), lines])
        head = f"{name}({', '.join(hypers)})({ports_text}){results}"
        return f"{doc}{attrs}{first.kind} {head} {{\n{lines}\n}}"

    def _asserts(self) -> list[str]:
        """What the author asserted of the open sizes."""
        found = []
        for c in self.program.conditions:
            if c.written and isinstance(c.condition, Compare):
                text = f"assert {render(c.condition.left)} {c.condition.op} {render(c.condition.right)}"
                said = c.message.replace(chr(92), "").replace('"', "'")
                found.append(f'{text}, "{said}"' if said else text)
        return found


def _named(path: str) -> str:
    words = [w for w in path.split(".") if not w.isdigit()]
    return "".join(w.capitalize() for w in words[-1].split("_")) if words else "Part"


def _axis_name(d: Any, before: Any, own: dict[str, str], place: int) -> str:
    return own.get(str(before), "") or f"D{place + 1}"


def _joined(texts: list[Text]) -> Text:
    found: list[Any] = []
    for i, text in enumerate(texts):
        found += [", " if i else "", *text]
    return tuple(p for p in found if p != "")


def _unused(hint: str, taken: dict[str, int], pattern: str) -> str:
    words = set(pattern.replace("\x00", " ").replace(":", " ").replace("(", " ").replace(",", " ").split())
    base = "".join(c if c.isalnum() or c == "_" else "_" for c in hint) or "size"
    name, count = base, 1
    while name in taken or name in words:
        count += 1
        name = f"{base}{count}"
    return name


def _policy(program: Program) -> Mapping[str, Law]:
    """The laws that all weights of a family have and that are not the usual ones: an ``@init`` says them once."""
    laws: dict[str, set[Law]] = {}
    usual: dict[str, bool] = {}
    for place in (root(program), *walk(program, fold=True)):
        if isinstance(place.instance, Leaf):
            for w in place.instance.weights:
                if w.tied is None and w.spec.kind == "param" and w.spec.family in _FAMILIES:
                    laws.setdefault(w.spec.family, set()).add(w.law)
                    usual[w.spec.family] = usual.get(w.spec.family, False) or w.law == w.spec.fallback
    return {k: next(iter(v)) for k, v in laws.items() if len(v) == 1 and not usual[k]}


_FAMILIES = ("linear", "conv", "embedding", "recurrent", "bias")


def write_spec(program: Program, changes: Changes, header: str = "") -> str:
    """The program as a spec of its own, without the layout of ``fanin fmt``. Raises CannotWrite."""
    return Writer(program, changes).write(header)
