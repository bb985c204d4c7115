"""Groups of entries that can only be cut together, each with what a cut of it means."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from math import inf
from typing import Any

from fanin.analyses.couplings.binding import Applied, Axis, Use
from fanin.analyses.couplings.spaces import Space, places, runs
from fanin.analyses.couplings.walk import Walk
from fanin.ir.graph import Program
from fanin.ops.ties import NORM, PARAM, SUM
from fanin.record import field, record


class Grade(StrEnum):
    """What a cut gives, next to the same network with the group's weights at zero."""

    EXACT = "exact"
    FOLDED = "exact after folding"
    APPROXIMATE = "approximate"
    FIXED = "fixed"


@record
class Member:
    """An axis of a parameter or buffer that has entries of a group."""

    key: str
    axis: int
    role: str


@record
class Group:
    """Entries ``0 … size - 1`` that go one by one, at all their ``members`` together.

    ``notes`` say what the grade hangs on; of a fixed group, why nothing of it can be cut.
    """

    name: str
    size: int
    grade: Grade
    members: tuple[Member, ...]
    notes: tuple[str, ...] = ()
    space: Space = field(compare=False, repr=False, default=None)  # type: ignore[assignment]
    uses: tuple[Use, ...] = field(compare=False, repr=False, default=())


@record(eq=False)
class Coupled:
    """The couplings of a program. ``groups`` can be cut, ``fixed`` ones cannot; both in the order of the parameters."""

    program: Program
    groups: tuple[Group, ...]
    fixed: tuple[Group, ...]
    params: dict[str, list[Axis]] = field(repr=False)
    applied: list[Applied] = field(repr=False)
    ports: dict[str, Any] = field(repr=False)
    repeats: list[tuple[str, int, int]] = field(repr=False)

    def __getitem__(self, name: str) -> Group:
        """A group by its name. Raises KeyError."""
        for group in (*self.groups, *self.fixed):
            if group.name == name:
                return group
        raise KeyError(name)

    def of_parameter(self, key: str) -> Iterator[tuple[str, int, list[int]]]:
        """The groups that have entries of a parameter: name, axis, and for each entry of the axis that of the group."""
        names = {id(group.space): group.name for group in self.groups}
        for axis, (space, _) in enumerate(self.params.get(first_place(self.repeats, key), ())):
            if space is not None:
                for run in dict.fromkeys(runs(space)):
                    if id(run) in names:
                        yield names[id(run)], axis, places(space, run)


def first_place(repeats: list[tuple[str, int, int]], path: str) -> str:
    """The path of the place that stands for all of a repetition that are cut alike."""
    for row, place, count in repeats:
        if path.startswith(f"{row}."):
            index, dot, rest = path[len(row) + 1 :].partition(".")
            head, bar, more = index.partition("|")
            if head.isdigit() and place <= int(head) < place + count:
                path = f"{row}.{place}{bar}{more}{dot}{rest}"
    return path


def couplings(program: Program, uniform: bool = False) -> Coupled:
    """Which entries go together. ``uniform``: equal places of a repetition are cut alike, and stay a repetition."""
    found = Walk(program, uniform)
    members: dict[int, list[Member]] = {}
    spaces: dict[int, Space] = {}
    for key, axes in found.params.items():
        roles = found.roles.get(key, ())
        for i, (space, _) in enumerate(axes):
            if space is None:
                continue
            for run in dict.fromkeys(runs(space)):
                if run.size > 1:
                    spaces.setdefault(id(run), run)
                    members.setdefault(id(run), []).append(Member(key, i, roles[i] if i < len(roles) else str(i)))
    ends: dict[int, list[Use]] = {}
    for use in found.uses:
        for run in dict.fromkeys(runs(use.space)):
            ends.setdefault(id(run), []).append(use)
    free: list[Group] = []
    fixed: list[Group] = []
    taken: dict[str, int] = {}
    stuck: dict[str, int] = {}
    for mark, run in spaces.items():
        if run.why and all(m.role == "kernel" for m in members[mark]):
            continue
        name = _name(members[mark], taken if not run.why else stuck)
        if run.why:
            fixed.append(Group(name, run.size, Grade.FIXED, tuple(members[mark]), (run.why,), run))
            continue
        uses = tuple(ends.get(mark, ()))
        grade, notes = _grade(uses)
        free.append(Group(name, run.size, grade, tuple(members[mark]), notes, run, uses))
    return Coupled(program, tuple(free), tuple(fixed), found.params, found.applied, found.ports, found.repeats)


_MAKES = ("out", "feature", "gate")


def _name(members: list[Member], taken: dict[str, int]) -> str:
    """The path of the first parameter that makes these entries; a number behind it where several are of one."""
    first = next((m for m in members if m.role in _MAKES), members[0])
    path, _, name = first.key.rpartition(".")
    if first.role not in _MAKES:
        path = f"{path}.{name}" if path else name
    path = path or name
    taken[path] = taken.get(path, 0) + 1
    return path if taken[path] == 1 else f"{path}#{taken[path]}"


def _grade(uses: tuple[Use, ...]) -> tuple[Grade, tuple[str, ...]]:
    """The least exact of what its ends say."""
    grade = Grade.EXACT
    notes: dict[str, None] = {}
    for use in uses:
        where = f"`{use.where}`" if use.where else "the model"
        if use.kind == PARAM:
            if use.number == 0:
                continue
            if use.number == inf:
                grade = Grade.APPROXIMATE
                notes[f"what goes is no number where it flows into {where}"] = None
            elif isinstance(use.number, float):
                if grade is Grade.EXACT:
                    grade = Grade.FOLDED
                notes[f"{use.number:g} flows into {where} and is folded into its bias"] = None
            else:
                notes[f"what flows into {where} varies: its weights have to be masked too"] = None
        elif use.kind == SUM and use.number == 0:
            continue
        elif use.kind == NORM and use.number == 0 and use.node.op.divided(use.node.attrs, 1) is not None:
            notes[f"the norm {where} keeps its divisor"] = None
        else:
            grade = Grade.APPROXIMATE
            why = {
                SUM: f"what goes is not zero where `{use.op}` sums it up",
                NORM: f"the statistics of {where} change",
            }.get(use.kind, use.kind)
            notes[why] = None
    return grade, tuple(notes)
