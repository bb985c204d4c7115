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
    """Sums of a tensor and of what a branch with weights made of it.

    On the way to the one side no layer lies (or one, which fits its size, as in the shortcut of a ResNet), on the way
    to the other more, and both ways start at one tensor with as many axes. A total that is added up along a network, a
    loss or a log-determinant, is none. The steps of a recurrence are left out.
    """
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
        if step.loop or step.name != "add" or len(step.inputs) != 2 or not _one_type(step):
            continue
        a, b = (before.get(id(e), 0) for e in step.inputs)
        own = (a & ~b, b & ~a)
        counts = [((own[k] & ~inside.get(id(step.inputs[k]), 0)) & weighted).bit_count() for k in (0, 1)]
        side = 0 if counts[0] > counts[1] else 1
        if counts[side] == counts[1 - side] or counts[1 - side] > 1:
            continue
        if counts[1 - side] and _depth(steps, own[side]) < 2:
            continue
        branch = [s for k, s in enumerate(steps[:i]) if own[side] >> k & 1]
        skip = [s for k, s in enumerate(steps[:i]) if own[1 - side] >> k & 1]
        if not _starts(step.inputs[1 - side], skip, steps, made) & {id(e) for s in branch for e in s.inputs}:
            continue
        out.append(Branch(step, side, tuple(branch)))
        edge = step.outputs[0]
        inside[id(edge)] = own[side] | inside.get(id(step.inputs[1 - side]), 0) | 1 << i
    return out


def _depth(steps: list[Step], bits: int) -> int:
    """How many layers stand one behind the other, at most, among some steps."""
    deep: dict[int, int] = {}
    for k, step in enumerate(steps):
        if bits >> k & 1:
            own = max((deep.get(id(e), 0) for e in step.inputs), default=0) + (matrix(step) is not None)
            deep.update({id(o): own for o in step.outputs})
    return max(deep.values(), default=0)


def _one_type(step: Step) -> bool:
    """Whether two float tensors of one shape are added: a broadcast brings in something else."""
    a, b = step.types
    return a is not None and a == b and a.dtype is DType.FLOAT


def _starts(skip: Edge | None, steps_of_it: list[Step], steps: list[Step], made: dict[int, int]) -> set[int]:
    """The tensors that the way over the skip starts at: what its steps read, or the skip itself where it has none."""
    given = {id(o) for s in steps_of_it for o in s.outputs}
    edges = [e for s in steps_of_it for e in s.inputs] if steps_of_it else [skip]
    if skip is None or (id(skip) in made and steps[made[id(skip)]].loop):
        return set()
    rank = skip.type.rank
    return {
        id(e)
        for e in edges
        if e is not None and e.number is None and e.state is None and id(e) not in given
        if e.type.rank == rank and (id(e) not in made or not steps[made[id(e)]].loop)
    }


def sizes(analysis: Analysis, branch: Branch) -> tuple[float, float] | None:
    """The second moments of what a branch gives and of what it is added to; None where they are not known."""
    f, x = (known(analysis, e) for e in (branch.result, branch.skip))
    if not isinstance(f, Signal) or not isinstance(x, Signal) or x.q <= 0:
        return None
    return f.q, x.q
