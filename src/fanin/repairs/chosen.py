"""Laws for all layers at once: what most of them need above the model, what others need at themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from fanin.diagnostics.model import Edit
from fanin.repairs.attributes import set_init
from fanin.repairs.case import Case, Refused
from fanin.repairs.places import Site, constructor, has_argument, nodes, set_argument
from fanin.signal import grid
from fanin.signal.tape import Step
from fanin.syntax import tree

_THROUGH = {"dropout", "dropout1d", "dropout2d", "alpha_dropout", "flatten", "reshape", "rearrange", "permute",
            "transpose", "identity", "unsqueeze", "squeeze", "concat"}  # fmt: skip


def own_laws(case: Case, found: Sequence[Site]) -> list[Site]:
    """Those layers whose initialiser is written at themselves, in this file."""
    calls = {n.span[1:]: n for n in nodes(case.file) if isinstance(n, tree.Call)}
    own = case.file.source
    return [
        s for s in found
        if s.span.source.text == own.text and (c := calls.get(s.span[1:])) is not None and has_argument(c, "init")
    ]  # fmt: skip


def spread_laws(case: Case, laws: Mapping[Site, str]) -> tuple[Edit, ...]:
    """``@init`` with the law that most layers need, and ``init=`` at each of the others."""
    counts: Counter[str] = Counter()
    for site, text in laws.items():
        counts[text] += len(site.steps)
    common = counts.most_common(1)[0][0]
    families = {s.weight.spec.family for s in laws if s.weight.spec is not None}
    edits = [set_init(case, {f: common for f in ("linear", "conv") if f in families} | {"bias": "zeros"})]
    for site, text in laws.items():
        if text != common:
            edits.append(set_argument(constructor(case, site), "init", text))
    return tuple(edits)


def needed_gain(case: Case, site: Site, more: Callable[[Step], float] = lambda step: 1.0) -> tuple[float, bool]:
    """``1 / sqrt(E f²)`` of the activation that the layers of a site read, 1 where they read none, times ``more``; and
    whether that is one number. A constructor that makes several layers gets what most of them need."""
    givers = {id(o): s for s in case.analysis.tape.steps for o in s.outputs}
    gains = [round(_gain_of(step, givers) * more(step), 9) for step in site.steps]
    return Counter(gains).most_common(1)[0][0], len(set(gains)) == 1


def _gain_of(layer: Step, givers: Mapping[int, Step]) -> float:
    edge = layer.inputs[0]
    for _ in range(50):
        step = givers.get(id(edge))
        if step is None or step.weights:
            return 1.0
        if step.name not in _THROUGH:
            curve = getattr(step.op, "curve", None)
            values = curve(step.attrs, grid.Z) if curve is not None else None
            q = grid.square(values) if values is not None else 0.0
            return q**-0.5 if q > 0 else 1.0
        edge = step.inputs[0]
    return 1.0


def matrices(case: Case, found: Sequence[Site]) -> list[Site]:
    """The dense layers and convolutions. Raises Refused where there is none."""
    kept = [s for s in found if s.weight.spec is not None and s.weight.spec.family in ("linear", "conv")]
    if not kept:
        raise Refused(f"`{case.program.name}` has no dense layer and no convolution")
    return kept
