"""A drawing as DOT text. Nothing of a spec gets into it but escaped, inside a label or a tooltip."""

from __future__ import annotations

from collections.abc import Iterator, Set
from math import atan2, degrees, hypot

from fanin.emit.picture.columns import columns, ids
from fanin.emit.picture.model import Box, Drawing, Edge, Item, Line, Node
from fanin.emit.picture.paint import Legend

FONT = "Helvetica,Arial,sans-serif"
INK, GREY, RULE, ARROW, SKIP, TITLES = "#1a1a1a", "#666666", "#8a8a8a", "#4d4d4d", "#2b6ca3", "#34495e"
# Tints near Okabe and Ito's colours, which the colour-blind tell apart; their greys differ too.
TINTS = {
    "convolution": "#cfe3f2",
    "linear": "#d9d4ee",
    "embedding": "#e8cfe0",
    "attention": "#f5cfae",
    "recurrent": "#f5cfae",
    "segment": "#f5cfae",
    "normalization": "#fbf3c4",
    "activation": "#c9e8d5",
    "pooling": "#f6d5cf",
    "resampling": "#f6d5cf",
    "regularisation": "#f0f0f0",
    "block": "#e6eaee",
}
PLAIN = "#fafafa"
GROUNDS = ("#fbfbfc", "#f4f6f8", "#eceff3", "#e5e9ee")  # of boxes, inner ones darker


def dot(drawing: Drawing) -> str:
    """The DOT text of a drawing."""
    return "\n".join(_lines(drawing)) + "\n"


def _lines(drawing: Drawing) -> Iterator[str]:
    yield "digraph model {"
    yield (
        f'  graph [label=<{_heading(drawing)}>, labelloc=t, fontname="{FONT}", fontsize=13, fontcolor="{INK}",'
        ' bgcolor=white, rankdir=TB, nodesep=0.28, ranksep=0.3, pad=0.15, margin=0, splines=true, tooltip=" "];'
    )
    yield f'  node [label="", shape=plain, fontname="{FONT}", fontsize=10, fontcolor="{INK}", tooltip=" "];'
    yield (
        f'  edge [label="", fontname="{FONT}", fontsize=8, fontcolor="{GREY}", color="{ARROW}", penwidth=0.8,'
        ' arrowsize=0.55, tooltip=" "];'
    )
    leaving: dict[str, int] = {}
    for edge in drawing.edges:
        leaving[edge.tail] = leaving.get(edge.tail, 0) + (edge.kind in ("flow", "skip"))
    arcs = {edge.tail for edge in drawing.edges if edge.kind == "skip"}
    parts = columns(drawing)
    column: dict[str, int] = {}
    for i, part in enumerate(parts):
        for item in part:
            yield from _item(item, 0, leaving, arcs)
            column.update(dict.fromkeys(ids(item), i))
    ports = {node.id for node in drawing.nodes() if node.shape == "port"}
    turns: dict[str, list[int]] = {}
    for edge in drawing.edges:
        if column[edge.tail] == column[edge.head]:
            yield "  " + _edge(edge, ports)
        elif edge.kind in ("flow", "side", "skip"):
            yield from _turn(edge, column[edge.head], turns, ports)
    if len(parts) > 1:
        yield from _heads(parts, turns)
    yield "}"


def _turn(edge: Edge, column: int, turns: dict[str, list[int]], ports: Set[str]) -> Iterator[str]:
    """An arrow to another column: into a letter in a circle here, and out of the same letter there."""
    if edge.tail not in turns:
        turns[edge.tail] = []
        yield _connector(f"{edge.tail}_out", len(turns))
        yield "  " + _edge(Edge(edge.tail, f"{edge.tail}_out", edge.label), ports)
    name = f"{edge.tail}_in{column}"
    if column not in turns[edge.tail]:
        turns[edge.tail].append(column)
        yield _connector(name, list(turns).index(edge.tail) + 1)
    yield "  " + _edge(Edge(name, edge.head), ports)


def _connector(name: str, number: int) -> str:
    letter = chr(ord("A") + number - 1) if number <= 26 else str(number)
    return (
        f"  {name} [label=<<B>{letter}</B>>, shape=circle, width=0.2, height=0.2, margin=0.02, style=filled,"
        f' fillcolor="{TITLES}", color="{TITLES}", fontcolor=white, fontsize=9];'
    )


def _heads(parts: list[list[Item]], turns: dict[str, list[int]]) -> Iterator[str]:
    """Invisible heads over the columns keep these in their order, and their beginnings level."""
    entry = {column: f"{tail}_in{column}" for tail, columns in turns.items() for column in columns}
    heads = [f"head{i}" for i in range(len(parts))]
    for i, (head, part) in enumerate(zip(heads, parts, strict=True)):
        yield f'  {head} [label="", shape=point, width=0.005, style=invis];'
        yield f'  {head} -> {entry.get(i, part[0].id)} [label="", style=invis, weight=900];'
    yield f'  {{ rank=same; edge [label="", style=invis, minlen=2]; {" -> ".join(heads)}; }}'


def _heading(drawing: Drawing) -> str:
    rows = f"<TR><TD><B>{text(drawing.title)}</B></TD></TR>"
    for small in filter(None, (drawing.subtitle, drawing.note)):
        rows += f'<TR><TD><FONT POINT-SIZE="9" COLOR="{GREY}">{text(small)}</FONT></TD></TR>'
    if drawing.legend is not None:
        rows += f"<TR><TD>{_legend(drawing.legend)}</TD></TR>"
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="2">{rows}</TABLE>'


def _legend(legend: Legend) -> str:
    cells = f'<TD BORDER="0"><FONT POINT-SIZE="9">{text(legend.title)}</FONT></TD>'
    for colour, words in legend.entries:
        cells += f'<TD BGCOLOR="{colour}"><FONT POINT-SIZE="8">{text(words)}</FONT></TD>'
    return f'<TABLE BORDER="0" CELLBORDER="1" CELLSPACING="3" CELLPADDING="3" COLOR="{RULE}"><TR>{cells}</TR></TABLE>'


# -------------------------------------------------------------------------------------------------------- items


def _item(item: Item, depth: int, leaving: dict[str, int], arcs: Set[str]) -> Iterator[str]:
    space = "  " * (depth + 1)
    if isinstance(item, Node):
        yield space + _node(item, leaving.get(item.id, 0))
        return
    ground = GROUNDS[min(depth, len(GROUNDS) - 1)]
    # A skip swings out beyond the room that Graphviz keeps for it.
    margin = 18 if any(isinstance(inner, Node) and inner.id in arcs for inner in item.items) else 7
    yield f"{space}subgraph cluster_{item.id} {{"
    yield (
        f'{space}  graph [label="", style="filled,rounded", penwidth=0.7, color="{RULE}", fillcolor="{ground}",'
        f' margin={margin}, tooltip="{quoted(item.hint or item.path)}"];'
    )
    # The title is a node beside the ports, not the cluster's label: arrows would run through that.
    yield f"{space}  {item.id} [label=<{_title(item)}>, shape=plain];"
    for inner in item.items:
        yield from _item(inner, depth + 1, leaving, arcs)
    ports = [inner.id for inner in item.items if isinstance(inner, Node) and inner.shape == "port"]
    if ports:
        yield f'{space}  {{ rank=same; edge [label="", style=invis]; {" -> ".join((item.id, *ports))}; }}'
    elif item.items:
        yield f'{space}  {item.id} -> {item.items[0].id} [label="", style=invis, weight=2];'
    yield f"{space}}}"


def _title(box: Box) -> str:
    rows = []
    head = f"<B>{text(box.title or box.path)}</B>"
    badge = _badge(box.badge) if box.badge else ""
    rows.append(f'<TR><TD ALIGN="LEFT"><FONT POINT-SIZE="10" COLOR="{TITLES}">{head}</FONT></TD>{badge}</TR>')
    span = ' COLSPAN="2"' if box.badge else ""
    for small in filter(None, (" · ".join(filter(None, (box.path if box.title else "", box.footer))), *box.tags)):
        rows.append(f'<TR><TD ALIGN="LEFT"{span}><FONT POINT-SIZE="8" COLOR="{GREY}">{text(small)}</FONT></TD></TR>')
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{"".join(rows)}</TABLE>'


def _badge(badge: str) -> str:
    return f'<TD ALIGN="RIGHT"><FONT POINT-SIZE="11" COLOR="{SKIP}"><B>{text(badge)}</B></FONT></TD>'


def _node(node: Node, leaving: int) -> str:
    hint = f', tooltip="{quoted(node.hint)}"' if node.hint else ""
    if node.shape == "port":
        width = 0.045 if leaving > 1 else 0.01  # a dot where the arrow branches, else nothing but line
        return f'{node.id} [label="", shape=point, width={width}, color="{ARROW}", penwidth=0.8];'
    if node.shape == "sign":
        return (
            f"{node.id} [label=<{text(node.lines[0].text)}>, shape=circle, width=0.2, height=0.2, margin=0,"
            f' style=filled, fillcolor=white, color="{INK}", penwidth=0.8, fontsize=11{hint}];'
        )
    if node.shape == "pill":
        return (
            f'{node.id} [label=<{text(node.lines[0].text)}>, shape=box, style="rounded,filled",'
            f' fillcolor=white, color="{RULE}", penwidth=0.8, height=0.2, width=0.4, margin="0.06,0.02",'
            f" fontsize=9{hint}];"
        )
    return f"{node.id} [label=<{_table(node)}>, shape=plain{hint}];"


def _table(node: Node) -> str:
    ends = node.shape in ("input", "output", "state")
    rows = "".join(_end_row(line) if ends else _row(node, line) for line in node.lines)
    small = [*filter(None, (node.footer,)), *node.tags]
    for i, part in enumerate(small):
        badge = _badge(node.badge) if node.badge and not i else ""
        span = "" if badge else ' COLSPAN="2"'
        cell = f'<FONT POINT-SIZE="8" COLOR="{GREY}">{text(part)}</FONT>'
        rows += f'<TR><TD{span} ALIGN="LEFT" BGCOLOR="white">{cell}</TD>{badge}</TR>'
    if node.badge and not small:
        rows += f'<TR><TD BGCOLOR="white"> </TD>{_badge(node.badge)}</TR>'
    border = 2 if node.shape == "closed" else 1
    rounded = ' STYLE="ROUNDED"' if ends else ""
    frame = 0 if node.shape in ("input", "output") else border
    return (
        f'<TABLE BORDER="{frame}" COLOR="{RULE}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3"{rounded}'
        f' BGCOLOR="white">{rows}</TABLE>'
    )


def _row(node: Node, line: Line) -> str:
    tint = line.shade or TINTS.get(line.family, PLAIN)
    name = f"<B>{text(line.text)}</B>" if node.shape == "closed" else text(line.text)
    if not line.path:
        return f'<TR><TD COLSPAN="2" ALIGN="LEFT" BGCOLOR="{tint}">{name}</TD></TR>'
    path = f'<FONT POINT-SIZE="8" COLOR="{ARROW}">{text(line.path)}</FONT>'
    return f'<TR><TD ALIGN="LEFT" BGCOLOR="{tint}">{name}</TD><TD ALIGN="RIGHT" BGCOLOR="{tint}">{path}</TD></TR>'


def _end_row(line: Line) -> str:
    if line.family == "type":
        return f'<TR><TD COLSPAN="2"><FONT POINT-SIZE="8" COLOR="{GREY}">{text(line.text)}</FONT></TD></TR>'
    return f'<TR><TD COLSPAN="2"><I>{text(line.text)}</I></TD></TR>'


def _edge(edge: Edge, ports: Set[str]) -> str:
    attributes = [_label(edge)]
    if edge.head in ports:
        attributes.append("arrowhead=none, headclip=false")
    if edge.tail in ports:
        attributes.append("tailclip=false")
    match edge.kind:
        case "flow":
            attributes.append("weight=900")
        case "side":
            attributes.append("weight=20")
        case "skip":
            attributes.append(f'weight=1, penwidth=1.2, color="{SKIP}"')
        case "shared":
            attributes.append(f'weight=0, style=dotted, dir=none, constraint=false, color="{GREY}"')
        case "tied":
            attributes.append(f'weight=0, style=dashed, dir=none, color="{GREY}"')
    return f"{edge.tail} -> {edge.head} [{', '.join(attributes)}];"


def _label(edge: Edge) -> str:
    """The type beside an arrow.

    On the main line, which is straight, it takes no room of its own from the layout; there it stands on the left,
    since skips run on the right.
    """
    if not edge.label:
        return 'label=""'
    label = f'<<FONT POINT-SIZE="8">{text(edge.label)}</FONT>>'
    if edge.kind != "flow":
        return f"label={label}"
    left, down = len(edge.label) * 2.2 + 6, 9.0
    distance, angle = hypot(left, down) / 10, -degrees(atan2(left, down))
    return f'label="", taillabel={label}, labeldistance={distance:.1f}, labelangle={angle:.0f}'


# ------------------------------------------------------------------------------------------------------- escapes


def text(value: str) -> str:
    """Text for an HTML-like label: what means something there is written as an entity."""
    return "".join(f"&#{ord(char)};" if char in "&<>\"'\\[]{}|" else char for char in printable(value))


def quoted(value: str) -> str:
    """Text for a quoted string that Graphviz unescapes and writes as an attribute."""
    lines = ("".join(f"&#{ord(c)};" if c in '"\\&<>' else c for c in printable(line)) for line in value.split("\n"))
    return "\\n".join(lines)


def printable(value: str) -> str:
    """Without what XML has no place for."""
    return "".join(_shown(char) for char in value)


def _shown(char: str) -> str:
    code = ord(char)
    if char in "\t\n\r":
        return " "
    barred = code < 32 or 0x7F <= code < 0xA0 or 0xD800 <= code <= 0xDFFF or code in (0xFFFE, 0xFFFF)
    return "�" if barred else char
