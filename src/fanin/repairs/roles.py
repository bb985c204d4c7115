"""``@role(stability)`` and ``@role(expressive)``: what the network would be without a statement or a block.

A statement is left out whole, so that what it binds again stays as it was; a block gives its first input; above a
declaration that has an ``@init``, it is this that is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod, sqrt

from fanin.analyses.structure import sights
from fanin.diagnostics.fixes import edited
from fanin.diagnostics.model import Edit
from fanin.ir.graph import Program
from fanin.repairs.places import nodes
from fanin.signal.analysis import Analysis
from fanin.signal.rows import rows
from fanin.source import Source, Span
from fanin.syntax import tree


@dataclass(frozen=True)
class Part:
    """Something with a role: its line and first words, and the file without it."""

    role: str
    line: int
    text: str
    without: str


@dataclass(frozen=True)
class Behaviour:
    """The root mean square of the output over the input's, and that of the Jacobian's singular values, where known.

    ``sees`` is what outputs see of inputs, axis by axis: ``("y", "x", "B same, T causal")``.
    """

    gain: float | None
    jacobian: float | None
    sees: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Effect:
    part: Part
    left: Behaviour | None
    """The network without it; None where there is no network without it, and ``why`` says the reason."""
    why: str = ""

    def sees(self, whole: Behaviour) -> list[str]:
        """What outputs of the ``whole`` network see otherwise without it: ``x: T all, without same``."""
        if self.left is None:
            return []
        without = {(output, input): said for output, input, said in self.left.sees}
        changed = [(o, i, said, without.get((o, i), "nothing")) for o, i, said in whole.sees]
        several = len({o for o, *_ in changed}) > 1
        return [
            f"{f'{o} of {i}' if several else i}: {_otherwise(said, now)}" for o, i, said, now in changed if said != now
        ]


def _otherwise(said: str, now: str) -> str:
    """Of two sights the axes that differ."""
    pairs = list(zip(said.split(", "), now.split(", "), strict=False))
    if len(said.split(", ")) != len(now.split(", ")):
        return f"{said}, without {now}"
    return ", ".join(f"{a}, without {b.partition(' ')[2] or b}" for a, b in pairs if a != b)


def effects(file: tree.File, analyse: Callable[[Source], tuple[Program, Analysis]]) -> list[Effect]:
    """Of everything with a role, in the order of the text. ``analyse`` raises ValueError for what is no network."""
    out = []
    for part in parts(file):
        try:
            out.append(Effect(part, behaviour(*analyse(Source(file.source.name, part.without)))))
        except ValueError as error:
            out.append(Effect(part, None, str(error)))
    return out


def behaviour(program: Program, analysis: Analysis) -> Behaviour:
    found = rows(analysis)
    inputs = [r for r in found if r.op == "input"]
    last = found[-1]
    gain = last.rms / inputs[0].rms if inputs and last.rms is not None and inputs[0].rms else last.rms
    grads = [r for r in inputs if r.grad_std is not None]
    ratio = sqrt(prod(grads[0].shape) / max(prod(last.shape), 1)) if grads else 0.0
    jacobian = grads[0].grad_std * ratio if grads and grads[0].grad_std is not None else None
    return Behaviour(gain, jacobian, tuple((s.output, s.input, str(s)) for s in sights(program)))


def parts(file: tree.File) -> Iterator[Part]:
    text = file.source.text
    for node in nodes(file):
        if not isinstance(node, tree.Statement | tree.Declaration):
            continue
        for attribute in node.attributes:
            if attribute.name == "role" and attribute.marks and attribute.marks[0].name:
                edits = [Edit(e.span, e.text) for e in _left_out(node)]
                shown = " ".join(text[node.span.start : node.span.end].split("{")[0].split())
                shown = "@init" if edits and edits[0].span.text.startswith("@init") else shown
                line = Span(file.source, node.span.start, node.span.start).line
                yield Part(attribute.marks[0].name, line, shown[:60], edited(text, edits))


def _left_out(node: tree.Statement | tree.Declaration) -> list[Edit]:
    if isinstance(node, tree.Statement):
        return [Edit(s, "") for s in (*(a.span for a in node.attributes), node.span)]
    init = next((a for a in node.attributes if a.name == "init"), None)
    if init is not None:
        return [Edit(init.span, "")]
    if isinstance(node, tree.Block) and node.inputs:
        return [Edit(node.body.span, f"{{ return {node.inputs[0].name.name} }}")]
    return []
