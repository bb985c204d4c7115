"""The text form of the IR: the lines of ``fanin show --after elaborate``, and the same program read from them.

The text is the JSON document written for people, one line for each thing: ``write`` and ``read`` are inverse to each
other for any document, and know neither ops nor kinds of node. A line starts with a word, or is a node:

    %3 = conv1: Conv2d(out_channels=6, kernel_size=5)(%1) : [N, 6, 24, 24]  # 5:8

What stands behind ``#`` is the place in the spec, as line and column.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from fanin.emit.document import FORMAT, VERSION, Document, content
from fanin.emit.textvalues import Reader, fields_text, text_of
from fanin.ir.graph import Program

_LABEL = re.compile(r"(&?)([\w.]+): ")
_NODE = ("record", "op", "attrs", "graph", "module", "inputs", "outputs", "at", "runs")


def write_text(program: Program) -> str:
    """A program as text."""
    return write({"format": FORMAT, "version": VERSION, "name": program.name, **content(program)})


def read_text(text: str) -> Program:
    """The program that a text was written of. Raises ValueError where it is none."""
    from fanin.emit.reader import read_document

    return read_document(read(text))


# ---------------------------------------------------------------------------------------------------- writing


def write(found: Document) -> str:
    """A document as text."""
    lines = [f"{FORMAT} {found['version']}", f"program {json.dumps(found['name'])} @{found['graph']}"]
    for c in found["conditions"]:
        rest = {k: v for k, v in c.items() if k not in ("condition", "at")}
        lines.append(f"condition {text_of(c['condition'])}{_with(rest)}{_at(c)}")
    for graph in found["graphs"]:
        lines += ["", *_graph(graph)]
    return "\n".join(lines) + "\n"


def _graph(g: Document) -> Iterator[str]:
    yield f"graph @{g['id']} = {g['kind']} {json.dumps(g['name'])}{_at(g)}"
    written = {"id", "kind", "name", "at"}
    if g["doc"]:
        yield f"  doc {json.dumps(g['doc'])}"
    for d in g["dimensions"]:
        yield f"  dim {d['name']}" + (f" is {d['same']}" if "same" in d else f" = {d['is']}" if "is" in d else "")
    for word in ("symbols", "borrows", "sizes"):
        if g[word]:
            yield f"  {word} {', '.join(g[word])}"
    for word in ("hypers", "letters"):
        for name, v in g[word].items():
            yield f"  {word} {name} = {text_of(v)}"
    for p in g["ports"]:
        what = f"%{p['value']} : {p['type']}" if "value" in p else "none"
        yield f"  port {p['name']} = {what}{_at(p)}"
    for index, name in g["names"].items():
        yield f"  name %{index} = {name}"
    for s in g["states"]:
        rest = {k: v for k, v in s.items() if k not in ("name", "type", "kind", "start", "at")}
        yield f"  state {s['name']} = {s['kind']} {s['type']} ~ {text_of(s['start'])}{_with(rest)}{_at(s)}"
    for c in g["children"]:
        yield from _instance(f"  child {c['path']} = ", c["instance"], _at(c), 4)
    for word in ("setup", "nodes"):
        for node in g[word]:
            yield from _node(node, "  setup " if word == "setup" else "  ", 4)
    for r in g["results"]:
        yield f"  result {r['name'] + ' = ' if r['name'] else ''}{text_of(r['value'])}"
    if g["places"] is not None:
        yield f"  places {text_of(g['places'])}"
    for p in g["promises"]:
        yield f"  promise {json.dumps(p['text'])}{_with({'comparisons': p['comparisons']})}{_at(p)}"
    written |= {"doc", "dimensions", "symbols", "borrows", "sizes", "hypers", "letters", "ports", "names", "states"}
    written |= {"children", "setup", "nodes", "results", "places", "promises"}
    for word in g:
        if word not in written:
            yield f"  field {word} = {text_of(g[word])}"


def _instance(start: str, made: Document, at: str, indent: int) -> Iterator[str]:
    """A leaf with its weights below it, the graphs of a unit, or a row with its parts below it."""
    if made["record"] == "Leaf":
        types = ", ".join("none" if t is None else t for t in made["types"])
        rest = {k: v for k, v in made.items() if k not in ("record", "op", "attrs", "types", "weights")}
        yield f"{start}{made['op']}({fields_text(made['attrs'])})({types}){_with(rest)}{at}"
        for w in made["weights"]:
            axes = ", ".join(f"{role} {size}" for role, size in w["axes"])
            word = "buffer" if w.get("buffer") else "weight"
            tied = f" is {text_of(w['tied'])}" if "tied" in w else ""
            yield f"{' ' * indent}{word} {w['name']} [{axes}] ~ {text_of(w['law'])}{tied}"
    elif made["record"] == "Row":
        yield f"{start}row{at}"
        for count, part in made["parts"]:
            yield from _instance(f"{' ' * indent}{count} * ", part, "", indent + 2)
    else:
        yield f"{start}{text_of(made)}{at}"


def _node(node: Document, start: str, indent: int) -> Iterator[str]:
    outputs = ", ".join(f"%{v['value']}" for v in node["outputs"]) or "%"
    types = ", ".join(v["type"] for v in node["outputs"]) or "none"
    module = node.get("module")
    label = "" if module is None else f"{text_of(module).removeprefix('.')}: "
    if node["record"] == "Apply":
        head = node["op"] + (f"({fields_text(node['attrs'])})" if node["attrs"] else "")
    elif node["record"] == "Call":
        head = text_of(node["graph"])
    else:
        head = f"!{node['record']} {text_of(node['graph'])}" if "graph" in node else f"!{node['record']}"
    rest = {k: v for k, v in node.items() if k not in _NODE}
    inputs = ", ".join(map(text_of, node["inputs"]))
    yield f"{start}{outputs} = {label}{head}({inputs}){_with(rest)} : {types}{_at(node)}"
    for run in node.get("runs", ()):
        yield from _node(run["call"], f"{' ' * indent}{run['count']} * ", indent + 2)


def _with(rest: Document) -> str:
    return f" with {fields_text(rest)}" if rest else ""


def _at(found: Document) -> str:
    return f"  # {found['at']}" if "at" in found else ""


# ---------------------------------------------------------------------------------------------------- reading


def read(text: str) -> Document:
    """The document that a text was written of. Raises ValueError where it is none."""
    try:
        return _read(text)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"this text of {FORMAT} is broken: {error!r}") from error


def _read(text: str) -> Document:
    lines = [Reader(line) for line in text.split("\n") if line.strip()]
    if not lines or lines[0].word() != FORMAT:
        raise ValueError(f"this is no text of {FORMAT}")
    version = lines[0].integer()
    lines[1].expect("program")
    found: Document = {"format": FORMAT, "version": version, "name": lines[1].value(), **lines[1].value()}
    found |= {"conditions": [], "graphs": []}
    below: list[tuple[int, Any]] = []  # open lists by the indentation of what stands in them
    for line in lines[2:]:
        while below and below[-1][0] > line.indent:
            below.pop()
        if line.indent == 0:
            _top(found, line)
        elif line.indent == 2:
            opened = _line(found["graphs"][-1], line)
            below = [(4, opened)] if opened is not None else []
        else:
            opened = _inner(below[-1][1], line)
            if opened is not None:
                below.append((line.indent + 2, opened))
    return found


def _top(found: Document, line: Reader) -> None:
    word = line.word()
    if word == "condition":
        found["conditions"].append({"condition": line.value(), **line.fields(), **line.place()})
        return
    line.check(word == "graph", "a graph")
    graph: Document = {"id": line.value()["graph"]}
    line.expect("=")
    graph |= {"kind": line.word(), "name": line.value(), **line.place(), "doc": "", "places": None}
    graph |= {"hypers": {}, "letters": {}, "names": {}}
    lists = ("dimensions", "symbols", "borrows", "sizes", "ports", "states", "children", "setup", "nodes", "results")
    graph |= {word: [] for word in (*lists, "promises")}
    found["graphs"].append(graph)


def _line(g: Document, line: Reader) -> Any:
    """Take a line of a graph. Gives what the lines below it go into, if some may follow."""
    if line.peek() == "%":
        return _read_node(line, g["nodes"])
    word = line.word()
    match word:
        case "setup":
            return _read_node(line, g["setup"])
        case "doc":
            g["doc"] = line.value()
        case "dim":
            g["dimensions"].append(_dimension(line))
        case "symbols" | "borrows" | "sizes":
            g[word] = line.rest().split(", ")
        case "hypers" | "letters":
            name = line.until(" = ")
            g[word][name] = line.value()
        case "port":
            port: Document = {"name": line.until(" = ")}
            if line.peek() == "%":
                port["value"] = line.value()["value"]
                line.expect(":")
                port["type"] = line.type()
            else:
                line.expect("none")
            g["ports"].append({**port, **line.place()})
        case "name":
            index = line.value()["value"]
            line.expect("=")
            g["names"][str(index)] = line.rest()
        case "state":
            name = line.until(" = ")
            state = {"name": name, "kind": line.word(), "type": line.type()}
            line.expect("~")
            g["states"].append({**state, "start": line.value(), **line.fields(), **line.place()})
        case "child":
            path = line.until(" = ")
            made, below = _read_instance(line)
            g["children"].append({"path": path, "instance": made, **line.place()})
            return below
        case "result":
            name = "" if not line.has(" = ") else line.until(" = ")
            g["results"].append({"name": name, "value": line.value()})
        case "places":
            g["places"] = line.value()
        case "promise":
            text = line.value()
            g["promises"].append({"text": text, **line.fields(), **line.place()})
        case "field":
            name = line.until(" = ")
            g[name] = line.value()
        case _:
            line.check(False, "a line of a graph")
    return None


def _dimension(line: Reader) -> Document:
    name, _, rest = line.rest().partition(" ")
    if rest.startswith("is "):
        return {"name": name, "same": rest[3:]}
    return {"name": name, "is": rest[2:]} if rest else {"name": name}


def _inner(into: Any, line: Reader) -> Any:
    """Take a line below another: a weight of a leaf, a part of a row, a run of a repetition."""
    kind, items = into
    if kind == "weights":
        word = line.word()
        name = line.word()
        axes = [[role, int(size)] for role, size in (axis.rsplit(" ", 1) for axis in line.parts())]
        line.expect("~")
        weight: Document = {"record": "Weight", "name": name, "axes": axes, "law": line.value()}
        if word == "buffer":
            weight["buffer"] = True
        if line.has("is "):
            line.expect("is")
            weight["tied"] = line.value()
        items.append(weight)
        return None
    count = line.integer()
    line.expect("*")
    if kind == "parts":
        made, below = _read_instance(line)
        items.append([count, made])
        return below
    run: Document = {"record": "Run", "count": count}
    items.append(run)
    holder: list[Document] = []
    below = _read_node(line, holder)
    run["call"] = holder[0]
    return below


def _read_instance(line: Reader) -> tuple[Document, Any]:
    if line.has("Unit("):
        return line.value(), None
    name = line.word()
    if name == "row":
        row: Document = {"record": "Row", "parts": []}
        return row, ("parts", row["parts"])
    attrs = line.arguments()
    types = [None if t == "none" else t for t in line.parts()]
    leaf: Document = {"record": "Leaf", "op": name, "attrs": attrs, "types": types, **line.fields(), "weights": []}
    return leaf, ("weights", leaf["weights"])


def _read_node(line: Reader, into: list[Document]) -> Any:
    parts = [part.strip().removeprefix("%") for part in line.until(" = ").split(",")]
    indices = [part for part in parts if part]
    node: Document = {}
    label = line.matches(_LABEL)
    if label is not None:
        node["module"] = {"borrowed" if label[1] else "module": label[2]}
    match line.peek():
        case "@":
            node |= {"record": "Call", "graph": line.value()}
        case "!":
            node["record"] = line.value()["op"]
            if line.peek() == "@":
                node["graph"] = line.value()
        case _:
            node |= {"record": "Apply", "op": line.word()}
            node["attrs"] = line.arguments() if line.groups() > 1 else {}
    node["inputs"] = line.values()
    node |= line.fields()
    line.expect(":")
    if not indices:
        line.expect("none")
    types = line.types() if indices else []
    node["outputs"] = [{"value": int(i), "type": t} for i, t in zip(indices, types, strict=True)]
    node |= line.place()
    into.append(node)
    if node["record"] == "Repeat":
        node["runs"] = []
        return "runs", node["runs"]
    return None
