"""``forget_bias``: the forget gate of a recurrence starts at ``1 - 1/T``, so that a state lasts the T steps.

A gate ``sigmoid(W x + b)`` with b = 0 halves the state at every step. With ``b = ln(T - 1)`` it keeps ``1 - 1/T`` of
it, and 1/e after T steps. Source: Gers et al. 2000; Jozefowicz et al. 2015; Tallec and Ollivier 2018, section 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

from fanin.diagnostics.model import Edit
from fanin.repairs.case import Answer, Case, Refused
from fanin.repairs.laws import number
from fanin.repairs.places import Site, constructor, matrix, nodes, set_argument, sites
from fanin.signal.tape import Edge, Step
from fanin.syntax import tree

_PASS = ("identity", "dropout")
_FUSED = ("LSTMCell", "LSTM", "GRU", "GRUCell", "RNN", "RNNCell")


@dataclass(frozen=True)
class Gate:
    """The layer of a forget gate, and how many steps its recurrence has."""

    layer: Step
    steps: int


def repair(case: Case) -> Answer:
    found = gates(case)
    if not found:
        fused = next((s for s in case.analysis.tape.steps if s.name in _FUSED), None)
        if fused is not None:
            raise Refused(f"`{fused.path}` is PyTorch's {fused.name}, whose gates share one bias",
                          "use LstmCell of std.recurrent, and scan it")  # fmt: skip
        raise Refused(f"`{case.program.name}` has no forget gate: nothing multiplies a state by a sigmoid at each step")
    edits: list[Edit] = []
    notes = []
    for site in sites(case):
        gate = next((g for g in found if any(s is g.layer for s in site.steps)), None)
        if gate is None:
            continue
        if gate.steps < 3:
            raise Refused(f"the recurrence of `{gate.layer.path}` has {gate.steps} steps: give its length with -p")
        bias = number(log(gate.steps - 1))
        edits += _edit(case, site, bias)
        notes.append(f"`{gate.layer.path}` starts at 1 - 1/{gate.steps}: a bias of ln({gate.steps} - 1) = {bias}")
    return Answer(tuple(dict.fromkeys(edits)), tuple(notes))


def _edit(case: Case, site: Site, bias: str) -> list[Edit]:
    """``bias_init`` at the layer, where it is in this file; else ``keep`` of the cell of the library."""
    if site.span.source.text == case.file.source.text:
        return [set_argument(constructor(case, site), "bias_init", f"constant({bias})")]
    names = {
        (alias.alias or alias.name).name
        for node in nodes(case.file) if isinstance(node, tree.Import) and node.origin == "std.recurrent"
        for alias in node.names if alias.name.name == "LstmCell"
    }  # fmt: skip
    calls = [
        n for n in nodes(case.file)
        if isinstance(n, tree.Call) and isinstance(n.callee, tree.Ident) and n.callee.name in names
    ]  # fmt: skip
    if not calls:
        return [set_argument(constructor(case, site), "bias_init", bias)]  # says that it is in another file
    return [set_argument(call, "keep", bias) for call in calls]


def gates(case: Case) -> list[Gate]:
    """Layers whose sigmoid multiplies, at each step of a recurrence, what the step before gave there."""
    steps = case.analysis.tape.steps
    givers = {id(o): s for s in steps for o in s.outputs}
    kept: set[int] = set()  # sums that a product before went into, by their edges
    places: dict[int, object] = {}  # and where that product stands
    found: dict[str, Gate] = {}
    for step in steps:
        if not step.loop:
            continue
        if step.name == "mul" and len(step.inputs) == 2:
            for state, gate in (step.inputs, step.inputs[::-1]):
                if id(state) in kept and places[id(state)] == (step.path, step.span):
                    layer = _layer(gate, givers)
                    if layer is not None:
                        found.setdefault(layer.path, Gate(layer, _length(case, layer)))
            kept.add(id(step.outputs[0]))
            places[id(step.outputs[0])] = (step.path, step.span)
        elif step.name == "add":
            for edge in step.inputs:
                if id(edge) in kept and givers[id(edge)].name == "mul":
                    kept.add(id(step.outputs[0]))
                    places.setdefault(id(step.outputs[0]), places[id(edge)])
    return list(found.values())


def _layer(edge: Edge | None, givers: dict[int, Step]) -> Step | None:
    """The layer behind a gate: a sigmoid of what it gives."""
    step = givers.get(id(edge))
    if step is None or step.name != "sigmoid":
        return None
    step = givers.get(id(step.inputs[0]))
    while step is not None and step.name in _PASS:
        step = givers.get(id(step.inputs[0]))
    return step if step is not None and matrix(step) is not None and "bias" in step.weights else None


def _length(case: Case, layer: Step) -> int:
    """The steps of the recurrence that a layer is in: of the longest sequence that is cut into slices there."""
    home = layer.path.rpartition(".")[0]
    lengths = [
        s.inputs[0].type.shape[s.attrs % s.inputs[0].type.rank]
        for s in case.analysis.tape.steps
        if s.name == "slice" and s.op == "slice" and s.inputs[0] is not None and home.startswith(s.path)
    ]
    return max((n for n in lengths if isinstance(n, int)), default=1)
