"""Residual sums: a branch with weights, added to what it read."""

from __future__ import annotations

from dataclasses import dataclass

from fanin.ir.types import DType
from fanin.repairs.case import Case, Refused
from fanin.repairs.places import matrix
from fanin.signal.analysis import Analysis, known
from fanin.signal.state import Signal
from fanin.signal.tape import Edge, Step


@dataclass(frozen=True)
class Branch:
    """A sum, which of its operands is the branch, and the steps of the branch in order."""

    sum: Step
    side: int
    steps: tuple[Step, ...]

    @property
    def skip(self) -> Edge:
        edge = self.sum.inputs[1 - self.side]
        assert edge is not None
        return edge

    @property
    def result(self) -> Edge:
        edge = self.sum.inputs[self.side]
        assert edge is not None
        return edge

    @property
    def layers(self) -> tuple[Step, ...]:
        return tuple(s for s in self.steps if matrix(s) is not None)


def branches(case: Case) -> list[Branch]:
    """Every residual sum that runs, in order. Raises Refused where there is none, or all branches start at nothing."""
    found = find(case.analysis.tape.steps)
    if not found:
        raise Refused(f"`{case.program.name}` has no residual branch: nothing with weights is added to what it read")
    if all((own := sizes(case.analysis, b)) is not None and own[0] == 0 for b in found):
        raise Refused(f"the residual branches of `{case.program.name}` start at nothing already")
    return found


def find(steps: list[Step]) -> list[Branch]:
    """A sum of two tensors made of one: on the way to the one no layer lies (or one, which fits its size, as in the
    shortcut of a ResNet), on the way to the other more. The steps of a recurrence are left out."""
    made: dict[int, int] = {}  # the step that gave a tensor
    before: dict[int, int] = {}  # the steps behind a tensor, as bits
    inside: dict[int, int] = {}  # of a sum's result: the steps of branches that were added before
    out: list[Branch] = []
    weighted = sum(1 << i for i, s in enumerate(steps) if matrix(s) is not None)
    for i, step in enumerate(steps):
        bits = 1 << i
        for edge in step.inputs:
            bits |= before.get(id(edge), 0)
        for edge in step.outputs:
            made[id(edge)], before[id(edge)] = i, bits
        if step.loop or step.name != "add" or step.outputs[0].type.dtype is not DType.FLOAT or len(step.inputs) != 2:
            continue
        a, b = (before.get(id(e), 0) for e in step.inputs)
        source = _shared(step, steps, a & b)
        if not source:
            continue
        own = (a & ~b, b & ~a)
        counts = [((own[k] & ~inside.get(id(step.inputs[k]), 0)) & weighted).bit_count() for k in (0, 1)]
        side = 0 if counts[0] > counts[1] else 1
        if counts[side] == counts[1 - side] or counts[1 - side] > 1:
            continue
        out.append(Branch(step, side, tuple(s for k, s in enumerate(steps) if own[side] >> k & 1)))
        edge = step.outputs[0]
        inside[id(edge)] = own[side] | inside.get(id(step.inputs[1 - side]), 0) | 1 << i
    return out


def _shared(step: Step, steps: list[Step], common: int) -> bool:
    """Whether both operands come from one tensor: of a step, or an input that both read."""
    if common:
        return True
    entries = [_entries(edge, steps) for edge in step.inputs]
    return bool(entries[0] & entries[1])


def _entries(edge: Edge | None, steps: list[Step]) -> set[int]:
    """The inputs of the program behind a tensor, where no step is shared: the tensor itself, or what its steps read."""
    if edge is None or edge.number is not None or edge.state is not None:
        return set()
    givers = {id(o): s for s in steps for o in s.outputs}
    todo, seen, found = [edge], set(), set()
    while todo:
        e = todo.pop()
        if id(e) in seen or e.number is not None or e.state is not None:
            continue
        seen.add(id(e))
        giver = givers.get(id(e))
        if giver is None:
            found.add(id(e))
        else:
            todo += [x for x in giver.inputs if x is not None]
    return found


def sizes(analysis: Analysis, branch: Branch) -> tuple[float, float] | None:
    """The second moments of what a branch gives and of what it is added to; None where they are not known."""
    f, x = (known(analysis, e) for e in (branch.result, branch.skip))
    if not isinstance(f, Signal) or not isinstance(x, Signal) or x.q <= 0:
        return None
    return f.q, x.q
