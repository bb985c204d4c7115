"""What stands at the top of the module: where it is from, and the imports that it needs."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

from fanin.emit.torch.expressions import WIDTH
from fanin.ir.dims import Dim
from fanin.ir.graph import Graph, Leaf, Program, Row, Unit

_IMPORTS: tuple[tuple[str, str], ...] = (
    (r"\bcopy\.deepcopy\(", "import copy"),
    (r"\bhashlib\.", "import hashlib"),
    (r"\bmath\.", "import math"),
    (r"\bOrderedDict\(", "from collections import OrderedDict"),
    (r"\bpartial\(", "from functools import partial"),
    (r"\bislice\(", "from itertools import islice"),
    (r"\battrgetter\(", "from operator import attrgetter"),
)
_ABSTRACT = ("Callable", "Iterable", "Iterator", "Sequence")
_TYPING = ("Any", "NamedTuple", "TypeVar")


def import_lines(body: str) -> list[str]:
    """The imports that the text of a module needs, in the order of isort."""
    lines = [line for pattern, line in _IMPORTS if re.search(pattern, body)]
    abstract = [name for name in _ABSTRACT if re.search(rf"\b{name}\[", body)]
    if abstract:
        at = next((i for i, line in enumerate(lines) if line > "from collections.abc"), len(lines))
        at = max(at, sum(line.startswith("import ") for line in lines))
        lines.insert(at, f"from collections.abc import {', '.join(abstract)}")
    typing = [name for name in _TYPING if re.search(rf"\b{name}\b", body)]
    if typing:
        lines.append(f"from typing import {', '.join(typing)}")
    if lines:
        lines.append("")
    lines.append("import torch")
    if re.search(r"\bF\.", body):
        lines.append("import torch.nn.functional as F")
    tensor = re.search(r"\bTensor\b", body)
    lines.append(f"from torch import {'Tensor, ' if tensor else ''}nn")
    norms = [name for name in ("spectral_norm", "weight_norm") if re.search(rf", {name}\)", body)]
    if norms:
        lines.append(f"from torch.nn.utils.parametrizations import {', '.join(norms)}")
    if re.search(r"\bTorchFunctionMode\b", body):
        lines.append("from torch.overrides import TorchFunctionMode")
    if re.search(r"\bcheckpoint\(", body):
        lines.append("from torch.utils.checkpoint import checkpoint")
    return lines


def header_lines(program: Program, version: str) -> list[str]:
    """The comment at the top."""
    source = _clean(program.graph.span.source.name)
    if os.path.isabs(source):
        source = os.path.basename(source)  # where it lies on one machine says nothing on another
    lines = [
        *_wrapped(
            f"{_clean(program.name)}, from {source}, written by fanin {_clean(version)}."
            " It needs torch, and nothing of fanin."
        ),
        f"# {count_parameters(program.graph):,} parameters.",
    ]
    hypers = [f"{_clean(name)} = {_show(value)}" for name, value in program.graph.hypers]
    if hypers:
        lines += _wrapped("Hyper-parameters: " + ", ".join(hypers))
    return lines


def _wrapped(text: str) -> list[str]:
    lines, line = [], "#"
    for word in text.split(" "):
        if len(line) + 1 + len(word) > WIDTH and line != "#":
            lines.append(line)
            line = "#  "
        line += " " + word
    return [*lines, line]


def _show(value: Any) -> str:
    text = _clean(repr(value) if isinstance(value, str | bool | int | float | tuple | list) else str(value))
    return text if len(text) <= 60 else text[:57] + "..."


def _clean(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def count_parameters(graph: Graph) -> int:
    """Trained and frozen numbers of an instance, tied ones once."""
    known: dict[int, int] = {}

    def of_graph(graph: Graph) -> int:
        if id(graph) not in known:
            own = sum(_product(s.type.shape) for s in graph.states if s.kind == "param")
            known[id(graph)] = own + sum(of(child.instance) for child in graph.children)
        return known[id(graph)]

    def of(instance: Leaf | Unit | Row) -> int:
        match instance:
            case Leaf():
                return sum(_product(w.spec.shape) for w in instance.stored if w.spec.kind == "param" and w.tied is None)
            case Row():
                return sum(count * of(part) for count, part in instance.parts)
            case Unit():
                return of_graph(instance.graph)

    return of_graph(graph)


def _product(shape: Sequence[Dim]) -> int:
    total = 1
    for size in shape:
        assert isinstance(size, int), "the sizes of a weight are numbers"
        total *= size
    return total
