"""SYS709: probabilities given to a loss that takes logits. SYS714: logits given to one that takes probabilities.

The losses of a GAN are written in both ways: ``mean(softplus(-critic(x)))`` and ``binary_cross_entropy_with_logits``
take what a last layer gives, ``log(critic(x))`` and ``binary_cross_entropy`` its sigmoid (Goodfellow et al. 2014,
section 3). Mixed up, the one cannot come near its least value (softplus(-1) is 0.31, and the gradient of the sigmoid is
lost where it matters), and the other is the logarithm of numbers below 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from fanin.diagnostics.codes import SYS709, SYS714
from fanin.diagnostics.model import Diagnostic, Label
from fanin.ir.graph import Apply, Call, Graph, Scalar, Value
from fanin.ir.recipe import System
from fanin.lints.flow import LAYERS, MOVES

Frames: TypeAlias = "tuple[tuple[Graph, Call | None], ...]"

_NEUTRAL = MOVES | {"rearrange", "index"}
_SQUASHED = {
    "cross_entropy": ("softmax", "log_softmax"),
    "binary_cross_entropy_with_logits": ("sigmoid", "softmax"),
    "softplus": ("sigmoid",),
    "logsigmoid": ("sigmoid",),
}
_TAKES = {
    "binary_cross_entropy": ("probabilities", "binary_cross_entropy_with_logits"),
    "nll_loss": ("logarithms of probabilities", "cross_entropy"),
    "log": ("positive numbers", "softplus"),
}


def check(system: System) -> Iterator[Diagnostic]:
    told: set[int] = set()
    for around, node in _losses(system.graph, ()):
        if not node.inputs or node.span.start in told:
            continue
        found = _squashed(around, node) or _raw(around, node)
        if found is not None:
            told.add(node.span.start)
            yield found


def _losses(graph: Graph, above: Frames, call: Call | None = None) -> Iterator[tuple[Frames, Apply]]:
    """The ops of a system, and of its functions, that take logits or probabilities.

    Those inside networks are these networks' affair.
    """
    frames = (*above, (graph, call))
    for node in graph.nodes:
        if isinstance(node, Apply) and (node.op.name in _SQUASHED or node.op.name in _TAKES):
            yield frames, node
        elif isinstance(node, Call) and node.module is None:
            yield from _losses(node.graph, frames, node)


def _squashed(around: Frames, node: Apply) -> Diagnostic | None:
    if node.op.name not in _SQUASHED:
        return None
    last = _last(around, node.inputs[0], signs=node.op.name in ("softplus", "logsigmoid"))
    if last is None or last.op.name.lower() not in _SQUASHED[node.op.name]:
        return None
    log = last.op.name.lower() == "log_softmax"
    return Diagnostic(
        SYS709,
        f"`{node.op.name}` takes logits, and these have been through `{last.op.name}`",
        node.span,
        "takes logits",
        (Label(last.span, "logarithms of probabilities" if log else "probabilities from here on"),),
        notes=("a second `log_softmax` changes no number, and costs one",) if log else (),
        helps=(f"leave out the `{last.op.name}`",),
    )


def _raw(around: Frames, node: Apply) -> Diagnostic | None:
    if node.op.name not in _TAKES:
        return None
    last = _last(around, node.inputs[0], complement=node.op.name == "log")
    if last is None:
        return None
    name = last.op.name.lower()
    squashed = node.op.name == "nll_loss" and name in ("softmax", "sigmoid")
    if not squashed and last.op.name not in LAYERS:
        return None
    takes, other = _TAKES[node.op.name]
    return Diagnostic(
        SYS714,
        f"`{node.op.name}` takes {takes}, and these are {'probabilities' if squashed else 'any numbers'}",
        node.span,
        f"takes {takes}",
        (Label(last.span, "from here"),),
        helps=(
            "take `log_softmax` instead"
            if squashed
            else f"give the layer's output to `{other}`"
            if node.op.name != "log"
            else "logits go into `softplus`: -log(sigmoid(a)) is `softplus(-a)`",
        ),
    )


def _last(around: Frames, given: object, *, signs: bool = False, complement: bool = False) -> Apply | None:
    """The op that a value comes from, through calls and what leaves its numbers as they are.

    ``around`` are the graphs that the value is in, with the calls by which they run. ``signs`` and ``complement`` look
    through ``-x`` and ``1 - x`` as well.
    """
    frames = list(around)
    value = given
    for _ in range(100):
        if not isinstance(value, Value):
            return None
        graph, call = frames[-1]
        node = next((n for n in graph.nodes if value in n.outputs), None)
        if node is None:  # an input of what is called
            ports = [p.value for p in graph.ports if p.value is not None]
            if call is None or value not in ports:
                return None
            value = call.inputs[ports.index(value)]
            frames.pop()
        elif isinstance(node, Apply):
            name, inputs = node.op.name, node.inputs
            if name in _NEUTRAL or name == "stop_gradient" or (signs and name == "neg"):
                value = inputs[0]
            elif complement and name == "sub" and isinstance(inputs[0], Scalar) and inputs[0].value == 1:
                value = inputs[1]
            else:
                return node
        elif isinstance(node, Call):
            place = node.outputs.index(value)
            value = node.graph.results[place].value if place < len(node.graph.results) else None
            frames.append((node.graph, node))
        else:
            return None
    return None
