"""``widths``: hidden layers of one width, at no more parameters than before.

The sum of 1/width says how much hangs on the draw (Hanin 2018), and at one budget equal widths come within 8 % of the
smallest. With L hidden layers, n0 inputs, no outputs and P parameters with biases,
``(L - 1) n² + (n0 + no + L) n + no = P``.
"""

from __future__ import annotations

from itertools import pairwise
from math import isqrt, prod

from fanin.diagnostics.model import Edit
from fanin.repairs.case import Answer, Case, Refused
from fanin.repairs.places import Site, constructor, nodes, sites
from fanin.signal.tape import Step
from fanin.source import Span
from fanin.syntax import tree


def repair(case: Case) -> Answer:
    found = sites(case)
    place = {id(s): i for i, s in enumerate(case.analysis.tape.steps)}
    layers = sorted((step for s in found for step in s.steps), key=lambda step: place[id(step)])
    if len(layers) < 3 or any(s.name != "Linear" for s in layers) or not _in_a_row(case, layers):
        raise Refused("`widths` is for dense layers in a row, three or more, each reading what the one before gives")
    shapes = [s.weights["weight"].shape for s in layers]
    first, last, hidden = shapes[0][1], shapes[-1][0], [shape[0] for shape in shapes[:-1]]
    if len(set(hidden)) == 1:
        raise Refused(f"the hidden layers have one width already, {hidden[0]}")
    params = sum(prod(t.shape) for s in layers for t in s.weights.values())
    width = equal_width(first, last, len(hidden), params)
    text = [width] * len(hidden)
    edits = _in_a_list(case, hidden, text) or _at_each(case, found, layers[:-1], width)
    before, after = sum(1 / n for n in hidden), len(hidden) / width
    return Answer(edits, (f"hidden widths {hidden} -> {text}, with {params:,} parameters or fewer",
                          f"sum of 1/width {before:.4f} -> {after:.4f}"))  # fmt: skip


def equal_width(inputs: int, outputs: int, hidden: int, params: int) -> int:
    """The largest width with no more parameters, biases counted."""
    a, b, c = hidden - 1, inputs + outputs + hidden, outputs - params
    if a == 0:
        return max(-c // b, 1)
    return max((isqrt(b * b - 4 * a * c) - b) // (2 * a), 1)


def _in_a_row(case: Case, layers: list[Step]) -> bool:
    """Whether nothing but functions of one tensor lies between each layer and the next."""
    givers = {id(o): s for s in case.analysis.tape.steps for o in s.outputs}
    for before, layer in pairwise(layers):
        step = givers.get(id(layer.inputs[0]))
        while step is not None and step is not before:
            given = [e for e in step.inputs if e is not None and e.number is None]
            step = givers.get(id(given[0])) if len(given) == 1 and not step.weights else None
        if step is None:
            return False
    return True


def _in_a_list(case: Case, hidden: list[int], widths: list[int]) -> tuple[Edit, ...]:
    """The one list of these numbers in the file: a default, or an argument."""
    lists = [
        n for n in nodes(case.file)
        if isinstance(n, tree.ListExpr) and [getattr(i, "value", None) for i in n.items] == hidden
    ]  # fmt: skip
    if len(lists) != 1:
        return ()
    return (Edit(lists[0].span, f"[{', '.join(map(str, widths))}]"),)


def _at_each(case: Case, found: list[Site], layers: list[Step], width: int) -> tuple[Edit, ...]:
    edits: list[Edit] = []
    for site in found:
        if not any(step is layer for step in site.steps for layer in layers):
            continue
        call = constructor(case, site)
        size: Span | None = None
        for a in call.args:
            if (a.name is None or a.name.name == "out_features") and isinstance(a.value, tree.Number):
                size = a.value.span
                break
        if size is None:
            raise Refused(
                f"{site.span}: the width of `{site.steps[0].path}` is no number in the text: give {width} for each"
            )
        edits.append(Edit(size, str(width)))
    return tuple(edits)
