"""``mup``: a network that is made wider starts, and learns, as the small one does (maximal update parametrisation).

A weight is *hidden* where both of its sides grew against the network with the hyper-parameters of ``--base``, a
*readout* where only what it reads grew, and like an *input* otherwise, biases and norms too. Variances of hidden
weights go with 1 / fan_in, those of inputs stay, readouts start at 0, and attention is scaled by 1 / d where its heads
grew. Adam's rate is divided by the growth of fan_in for hidden weights and readouts, which the spec of a network cannot
say: the table does. Source: Yang et al. 2022, "Tensor Programs V", table 3 and appendix D.2; all scales agree with the
small network's at its size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isclose, prod, sqrt

from fanin.diagnostics.model import Edit
from fanin.ir.graph import Program
from fanin.repairs.case import Answer, Case, Refused
from fanin.repairs.laws import gained, number
from fanin.repairs.places import Site, constructor, matrix, mine, nodes, set_argument, sites
from fanin.signal.laws import moments
from fanin.signal.sizes import sizes_for
from fanin.signal.tape import Step, Tape, Tensor, record
from fanin.syntax import tree


@dataclass(frozen=True)
class Growth:
    """By how much what a weight reads, and what it gives, grew against the base."""

    read: float
    given: float

    @property
    def kind(self) -> str:
        if self.read == 1:
            return "input" if self.given != 1 else "fixed"
        return "hidden" if self.given != 1 else "readout"


def repair(case: Case) -> Answer:
    if not case.base:
        raise Refused("`mup` needs the hyper-parameters of the network whose scales it carries over",
                      "for example --base width=64")  # fmt: skip
    small = case.elaborate({**case.given, **case.base})
    tape = _tape(small, case)
    tensors = tape.tensors
    edits: list[Edit] = []
    notes: list[str] = []
    for site in sites(case):
        edits += _site(site, tensors, case, notes)
    edits += _attention(case, tape.steps, notes)
    rates = _rates(case, tensors)
    if all(rate == 1 for rate in rates.values()):
        raise Refused("no weight reads more than it does in the network of --base")
    return Answer(tuple(edits), tuple(notes), rates)


def _tape(small: Program, case: Case) -> Tape:
    """The base at the same sizes. Raises Refused where it has other weights than the network."""
    sizes = sizes_for(small, {s.name: n for s, n in case.analysis.sizes.items()})
    if sizes is None:
        raise Refused("no sizes were found at which the network of --base runs")
    tape = record(small, sizes)
    found, own = tape.tensors, case.analysis.tape.tensors
    missing = next((key for key in own if key not in found or len(found[key].shape) != len(own[key].shape)), None)
    if missing is not None:
        raise Refused(f"the network of --base has no `{missing}` of the same rank: only widths may differ")
    return tape


def growth(tensor: Tensor, base: Tensor) -> Growth:
    """Of vectors nothing is read: they are like inputs."""
    if len(tensor.shape) < 2:
        return Growth(1.0, tensor.shape[0] / base.shape[0] if tensor.shape else 1.0)
    if tensor.spec is not None and tensor.spec.family == "embedding":
        return Growth(1.0, tensor.shape[1] / base.shape[1])
    if tensor.spec is not None and base.spec is not None:
        own, there = tensor.spec.fans, base.spec.fans
        return Growth(own.fan_in / there.fan_in, own.fan_out / there.fan_out)
    return Growth(prod(tensor.shape[1:]) / prod(base.shape[1:]), tensor.shape[0] / base.shape[0])


def _rates(case: Case, base: Mapping[str, Tensor]) -> dict[str, float]:
    own = case.analysis.tape.tensors
    return {key: 1 / growth(t, base[key]).read for key, t in own.items() if t.kind == "param" and not t.frozen}


def _site(site: Site, base: Mapping[str, Tensor], case: Case, notes: list[str]) -> list[Edit]:
    """The law that the layers of a constructor need, where it is another than they have."""
    laws = {_needed(step, base) for step in site.steps}
    if len(laws) > 1:
        raise Refused(f"{site.span}: `{site.span.text}` makes layers of several kinds: give each a constructor")
    law, why = laws.pop()
    if not law:
        return []
    notes.append(f"{site.span}: `{site.steps[0].path}` {why}, and gets {law}")
    return [set_argument(constructor(case, site), "init", law)]


def _needed(step: Step, base: Mapping[str, Tensor]) -> tuple[str, str]:
    tensor = matrix(step)
    assert tensor is not None and tensor.spec is not None
    there = base[tensor.key]
    grown = growth(tensor, there)
    if tensor.law is None or there.law is None or there.spec is None:
        raise Refused(f"`{tensor.key}` starts with values that are computed")
    if tensor.spec.family == "recurrent":
        raise Refused(f"`{step.path}` has one law for what it reads and for its state, which scale apart",
                      "write the cell out, or take that of std.recurrent")  # fmt: skip
    own, small = (sqrt(moments(t.law, t.spec, t.shape)[1]) for t in (tensor, there))  # type: ignore[arg-type]
    if grown.kind == "readout":
        return ("", "") if own == 0 else ("zeros", "is a readout")
    if grown.kind == "hidden" and not isclose(own * sqrt(grown.read), small, rel_tol=1e-3):
        return gained(small * sqrt(there.spec.fans.fan_in)), "is hidden"
    if grown.kind == "input" and not isclose(own, small, rel_tol=1e-3):
        return f"normal(std={number(small)})", "reads what does not grow"
    return "", ""


def _attention(case: Case, small: Sequence[Step], notes: list[str]) -> list[Edit]:
    """``scale=`` where heads grew: ``sqrt(d0) / d``, which is ``1 / sqrt(d0)`` at the size of the base."""
    base = [s for s in small if s.name == "scaled_dot_product_attention"]
    own = [s for s in case.analysis.tape.steps if s.name == "scaled_dot_product_attention"]
    edits: dict[object, Edit] = {}
    for step, there in zip(own, base, strict=True):
        size, before = _head(step), _head(there)
        if size == before or step.span in edits:
            continue
        mine(case, step.span, f"the attention of `{step.path}`")
        call = next((n for n in nodes(case.file) if isinstance(n, tree.Call) and n.span == step.span), None)
        if call is None:
            raise Refused(f"{step.span}: the attention of `{step.path}` is not written as a call that takes `scale`")
        query = call.args[0].value if call.args else None
        text = f"{query.name}.shape[-1]" if isinstance(query, tree.Ident) else str(size)
        edits[step.span] = set_argument(call, "scale", f"sqrt({before}) / {text}")
        notes.append(f"{step.span}: scores are divided by the size of a head, {size}, and not by its root")
    for step, there in zip(case.analysis.tape.steps, small, strict=False):
        if step.name == "MultiheadAttention" and _head(step) != _head(there):
            raise Refused(f"`{step.path}` is PyTorch's MultiheadAttention, whose scale cannot be set",
                          "write it with `scaled_dot_product_attention`")  # fmt: skip
    return list(edits.values())


def _head(step: Step) -> int:
    edge = step.inputs[0]
    assert edge is not None
    size = edge.type.shape[-1]
    assert isinstance(size, int)
    return size
