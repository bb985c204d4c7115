"""A drawing as DOT text. Nothing of a spec gets into it but escaped, inside a label or a tooltip."""

from __future__ import annotations

from collections.abc import Iterator

from fanin.emit.picture.model import Box, Drawing, Edge, Item, Line, Node

FONT = "Helvetica,Arial,sans-serif"
INK, GREY, RULE, SKIP = "#1a1a1a", "#666666", "#8a8a8a", "#2b6ca3"
# Tints of Okabe and Ito's colours, which the colour-blind tell apart; their greys differ too.
TINTS = {
    "convolution": "#cfe3f2",
    "linear": "#d9d4ee",
    "embedding": "#e8cfe0",
    "attention": "#f3c7a8",
    "recurrent": "#f3c7a8",
    "segment": "#f3c7a8",
    "normalization": "#fbf3c4",
    "activation": "#c9e8d5",
    "pooling": "#f6d5cf",
    "resampling": "#f6d5cf",
    "regularisation": "#f2f2f2",
    "state": "#efe7dc",
    "input": "#ffffff",
    "output": "#ffffff",
    "block": "#ececec",
}
PLAIN = "#fafafa"
DEPTHS = ("#fbfbfb", "#f5f6f8", "#eff1f4")  # backgrounds of boxes, inner ones darker
TITLES = "#3d4a57"


def dot(drawing: Drawing, order: list[str] | None = None) -> str:
    """The DOT text of a drawing."""
    return "\n".join(_lines(drawing)) + "\n"


def _lines(drawing: Drawing) -> Iterator[str]:
    yield "digraph model {"
    title = f'<B>{text(drawing.title)}</B>' + (
        f'  <FONT POINT-SIZE="9" COLOR="{GREY}">{text(drawing.subtitle)}</FONT>' if drawing.subtitle else ""
    )
    note = f'<BR/><FONT POINT-SIZE="9" COLOR="{GREY}">{text(drawing.note)}</FONT>' if drawing.note else ""
    yield (
        f'  graph [label=<{title}{note}>, labelloc=t, fontname="{FONT}", fontsize=13, fontcolor="{INK}", bgcolor=white,'
        ' rankdir=TB, nodesep=0.22, ranksep=0.3, pad=0.15, margin=0, splines=true, outputorder=edgesfirst,'
        " tooltip=\" \"];"
    )
    yield f'  node [label="", shape=plain, fontname="{FONT}", fontsize=10, fontcolor="{INK}", tooltip=" "];'
    yield (
        f'  edge [label="", fontname="{FONT}", fontsize=8, fontcolor="{GREY}", color="#4d4d4d", penwidth=0.8,'
        ' arrowsize=0.55, tooltip=" "];'
    )
    for item in drawing.items:
        yield from _item(item, 1, 0)
    for edge in drawing.edges:
        yield "  " + _edge(edge)
    yield "}"


# -------------------------------------------------------------------------------------------------------- items


def _item(item: Item, indent: int, depth: int) -> Iterator[str]:
    space = "  " * indent
    if isinstance(item, Node):
        yield space + _node(item)
        return
    yield f"{space}subgraph cluster_{item.id} {{"
    yield (
        f'{space}  graph [label=<{_box_title(item)}>, labelloc=t, labeljust=l, style="filled,rounded", penwidth=0.7,'
        f' color="{RULE}", fillcolor="{DEPTHS[min(depth, len(DEPTHS) - 1)]}", margin=9, tooltip="{quoted(item.hint or item.path)}"];'
    )
    for inner in item.items:
        yield from _item(inner, indent + 1, depth + 1)
    yield f"{space}}}"


def _box_title(box: Box) -> str:
    head = [f"<B>{text(box.title)}</B>"] if box.title else []
    if box.path:
        head.append(f'<FONT COLOR="{GREY}">{text(box.path)}</FONT>')
    cells = f'<TD ALIGN="LEFT"><FONT POINT-SIZE="9.5" COLOR="{TITLES}">{"  ".join(head) or " "}</FONT></TD>'
    if box.badge:
        cells += _badge(box.badge)
    rows = f"<TR>{cells}</TR>"
    small = " · ".join(filter(None, (box.footer, *box.tags)))
    if small:
        span = ' COLSPAN="2"' if box.badge else ""
        rows += f'<TR><TD ALIGN="LEFT"{span}><FONT POINT-SIZE="8" COLOR="{GREY}">{text(small)}</FONT></TD></TR>'
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{rows}</TABLE>'


def _badge(badge: str) -> str:
    return f'<TD BGCOLOR="{TITLES}" STYLE="ROUNDED"><FONT POINT-SIZE="9" COLOR="white"><B> {text(badge)} </B></FONT></TD>'


def _node(node: Node) -> str:
    hint = f'tooltip="{quoted(node.hint)}"' if node.hint else 'tooltip=" "'
    if node.shape == "sign":
        return f'{node.id} [label=<{text(node.lines[0].text)}>, shape=plaintext, width=0.22, height=0.22, margin=0, fontsize=17, {hint}];'
    if node.shape == "pill":
        return (
            f'{node.id} [label=<{text(node.lines[0].text)}>, shape=box, style="rounded,filled", fillcolor=white, color="{RULE}",'
            f" penwidth=0.8, height=0.2, width=0.4, margin=\"0.06,0.02\", fontsize=9, {hint}];"
        )
    return f"{node.id} [label=<{_table(node)}>, shape=plain, {hint}];"


def _table(node: Node) -> str:
    ends = node.shape in ("input", "output", "state")
    rows = "".join(_end_row(node, line) if ends else _row(node, line) for line in node.lines)
    small = [node.footer] if node.footer else []
    for part in (*small, *node.tags):
        rows += (
            f'<TR><TD COLSPAN="2" ALIGN="LEFT" BGCOLOR="white"><FONT POINT-SIZE="8" COLOR="{GREY}">{text(part)}</FONT></TD></TR>'
        )
    if node.badge:
        rows += f'<TR><TD COLSPAN="2" ALIGN="RIGHT" BGCOLOR="white"><TABLE BORDER="0" CELLBORDER="0" CELLPADDING="1"><TR>{_badge(node.badge)}</TR></TABLE></TD></TR>'
    width = 1.6 if node.shape == "closed" else 0.8
    style = ' STYLE="ROUNDED"' if ends else ""
    return (
        f'<TABLE BORDER="{width:g}" COLOR="{RULE}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3"{style} BGCOLOR="white">{rows}</TABLE>'
    )


def _row(node: Node, line: Line) -> str:
    tint = TINTS.get(line.family, PLAIN)
    name = f"<B>{text(line.text)}</B>" if node.shape == "closed" else text(line.text)
    if not line.path:
        return f'<TR><TD COLSPAN="2" ALIGN="LEFT" BGCOLOR="{tint}">{name}</TD></TR>'
    path = f'<FONT POINT-SIZE="8" COLOR="#4d4d4d">{text(line.path)}</FONT>'
    return f'<TR><TD ALIGN="LEFT" BGCOLOR="{tint}">{name}</TD><TD ALIGN="RIGHT" BGCOLOR="{tint}">{path}</TD></TR>'


def _end_row(node: Node, line: Line) -> str:
    if line.family == "type":
        return f'<TR><TD COLSPAN="2"><FONT POINT-SIZE="8" COLOR="{GREY}">{text(line.text)}</FONT></TD></TR>'
    return f'<TR><TD COLSPAN="2"><I>{text(line.text)}</I></TD></TR>'


def _edge(edge: Edge) -> str:
    attributes = []
    if edge.label:
        attributes.append(f'label=<<FONT POINT-SIZE="8"> {text(edge.label)}</FONT>>')
    match edge.kind:
        case "flow":
            attributes.append("weight=8")
        case "skip":
            attributes.append(f'weight=1, penwidth=1.3, color="{SKIP}"')
        case "shared":
            attributes.append(f'style=dotted, dir=none, constraint=false, color="{GREY}"')
        case "tied":
            attributes.append(f'style=dashed, dir=none, constraint=false, color="{GREY}"')
    return f"{edge.tail} -> {edge.head} [{', '.join(attributes)}];"


# ------------------------------------------------------------------------------------------------------- escapes


def text(value: str) -> str:
    """Text for an HTML-like label: what means something there is written as an entity."""
    found = []
    for char in value:
        code = ord(char)
        if char in "&<>\"'\\[]{}|":
            found.append(f"&#{code};")
        elif code < 32 or 0x7F <= code < 0xA0 or 0xD800 <= code <= 0xDFFF or code in (0xFFFE, 0xFFFF):
            found.append(" " if char in "\t\n\r" else "�")
        else:
            found.append(char)
    return "".join(found)


def quoted(value: str) -> str:
    """Text for a quoted string that Graphviz unescapes and writes as an attribute."""
    found = []
    for char in value:
        code = ord(char)
        if char == "\n":
            found.append("\\n")
        elif char in '"\\&<>':
            found.append(f"&#{code};")
        elif code < 32 or 0x7F <= code < 0xA0 or 0xD800 <= code <= 0xDFFF or code in (0xFFFE, 0xFFFF):
            found.append("�")
        else:
            found.append(char)
    return "".join(found)
