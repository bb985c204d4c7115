"""Classes and functions as lines."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from fanin.emit.torch.classes import Printed
from fanin.emit.torch.control import decorators
from fanin.emit.torch.expressions import WIDTH
from fanin.emit.torch.statements import print_statements


def docstring(text: str, indent: int) -> list[str]:
    """A docstring of any text: nothing in it can end it, and no line of it is too long to be read."""
    pad = " " * indent
    text = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    text = "".join(c if c == "\n" or c.isprintable() else " " for c in text.replace("\t", "    ").replace("\r\n", "\n"))
    lines = [line for part in text.strip().split("\n\n") for line in [*_fitted(part, WIDTH - indent), ""]][:-1]
    if lines and lines[-1].endswith('"'):
        lines[-1] = lines[-1][:-1] + '\\"'
    if len(lines) == 1 and indent + len(lines[0]) + 6 <= WIDTH:
        return [f'{pad}"""{lines[0]}"""']
    return [f'{pad}"""{lines[0]}', *(f"{pad}{line}" if line else "" for line in lines[1:]), f'{pad}"""']


def _fitted(paragraph: str, width: int) -> list[str]:
    """The lines of a paragraph, filled anew where one is too long; the first leaves room for the quotes."""
    lines = [line.rstrip() for line in paragraph.split("\n")]
    if all(len(line) + 3 <= width for line in lines) or any(line[:1].isspace() for line in lines):
        return lines
    return textwrap.wrap(" ".join(lines), width - 3, break_long_words=False, break_on_hyphens=False)


def signature_lines(head: str, parameters: Sequence[str], tail: str, indent: int) -> list[str]:
    """``def name(parameters) -> …:``, broken as ruff does where it is too long."""
    pad = " " * indent
    line = f"{pad}{head}({', '.join(parameters)}){tail}"
    if len(line) <= WIDTH:
        return [line]
    inner = f"{pad}    {', '.join(parameters)}"
    if len(inner) <= WIDTH and not any("*" in p for p in parameters):
        return [f"{pad}{head}(", inner, f"{pad}){tail}"]
    return [f"{pad}{head}(", *(f"{pad}    {p}," for p in parameters), f"{pad}){tail}"]


def annotated(printed: Printed) -> list[str]:
    """Constructor arguments with their types and defaults."""
    found = []
    for name, values in printed.arguments.items():
        kind = "bool" if all(isinstance(v, bool) for v in values) else "int"
        if any(isinstance(v, float) for v in values):
            kind = "float"
        default = printed.defaults.get(name)
        found.append(f"{name}: {kind}" + ("" if default is None else f" = {default!r}"))
    return found


def print_class(
    printed: Printed, base: str | None = None, init: Sequence[str] | None = None, own_forward: Sequence[str] = ()
) -> list[str]:
    """The lines of a class. ``init`` replaces its constructor."""
    draft = printed.draft
    lines = [f"class {printed.name}({base or draft.base}):"]
    doc = draft.graph.doc.strip() if draft.graph.kind != "composition" else ""
    lines += docstring("\n\n".join(t for t in (doc, *printed.remarks, printed.signature) if t), 4)
    lines.append("")
    if draft.attributes:
        lines += [f"    {name}: {kind}" for name, kind in draft.attributes]
        lines.append("")
    if init is not None:
        lines += init
    elif printed.init or printed.arguments:
        handed = [f"{name}: {kind}" for name, kind in draft.handed]
        ties = [*(f"{name}: {kind}" for name, kind in draft.inner), *(f"{name}: nn.Module" for name in draft.ties)]
        at = 1 + len(handed) + len(printed.arguments) - len(printed.defaults)
        parameters = ["self", *handed, *annotated(printed)]
        parameters[at:at] = ties
        lines += signature_lines("def __init__", parameters, " -> None:", 4)
        lines.append("        super().__init__()")
        lines += print_statements(printed.init, 8)
    if lines[-1]:
        lines.append("")
    lines += own_forward or forward_lines(printed)
    return lines


def forward_lines(printed: Printed, returns: str | None = None) -> list[str]:
    """The method ``forward``."""
    draft = printed.draft
    parameters = ["self", *(f"{name}: {kind}" for name, kind in draft.parameters)]
    lines = signature_lines("def forward", parameters, f" -> {returns or draft.returns}:", 4)
    lines[:0] = [f"    {text}" for text in decorators(draft.graph)]
    return [*lines, *print_statements(printed.forward, 8, iter(printed.comments))]


def print_function(printed: Printed) -> list[str]:
    """The lines of a function."""
    draft = printed.draft
    parameters = [*(f"{name}: {kind}" for name, kind in draft.parameters), *annotated(printed)]
    lines = signature_lines(f"def {printed.name}", parameters, f" -> {draft.returns}:", 0)
    lines += docstring("\n\n".join(t for t in (draft.graph.doc.strip(), printed.signature) if t), 4)
    lines[:0] = decorators(draft.graph)
    return [*lines, *print_statements(printed.forward, 4, iter(printed.comments))]
