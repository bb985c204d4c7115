"""How much of which groups is to stay, said by their names and in shares or numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from fractions import Fraction

from fanin.analyses.couplings.cut import CutError
from fanin.analyses.couplings.groups import Coupled, Grade, Group
from fanin.record import record


@record
class Wanted:
    """``pattern`` is a path (``*`` within one level, and all that is below); ``share`` of the group, or ``count``."""

    pattern: str
    share: Fraction | None
    count: int | None


def wanted(text: str) -> Wanted:
    """``layer1.*.conv1=50%`` or ``fc1=32``. Raises CutError."""
    pattern, equals, amount = text.rpartition("=")
    share, count = None, None
    try:
        if amount.endswith("%"):
            share = Fraction(amount[:-1]) / 100
        else:
            count = int(amount)
    except ValueError:
        equals = ""
    if not equals or (share is not None and not 0 < share <= 1) or (count is not None and count < 1):
        raise CutError(f"`{text}` is not of the form `PATH=50%` or `PATH=32`")
    return Wanted(pattern, share, count)


def chosen(
    coupled: Coupled, keep: Mapping[str, float | int | Iterable[int]], align: int, approximate: bool
) -> tuple[dict[str, list[int]], dict[str, int]]:
    """What is said by entries, and what by numbers, of the groups that each name covers. Raises CutError."""
    entries: dict[str, list[int]] = {}
    numbers: dict[str, int] = {}
    for name, amount in keep.items():
        if isinstance(amount, (int, float)):
            share = Fraction(str(amount)) if isinstance(amount, float) else None
            if not amount > 0 or (share is not None and share > 1):
                raise CutError(f"`{name}` is to keep {amount}: a share is above 0 and at most 1, a number 1 or more")
            w = Wanted(name, share, None if share is not None else int(amount))
            numbers |= counts(coupled, [w], align, approximate)
        else:
            entries[name] = list(amount)
    return entries, {name: count for name, count in numbers.items() if name not in entries}


def counts(coupled: Coupled, given: Iterable[Wanted], align: int = 1, approximate: bool = False) -> dict[str, int]:
    """How many entries of each group stay. The last that matches counts; ``align`` rounds up to a multiple.

    A pattern passes over groups that would change more than what goes. Raises CutError for one that matches nothing,
    or only what cannot be cut.
    """
    found: dict[str, int] = {}
    for w in given:
        matching = [g for g in coupled.groups if covers(w.pattern, g.name)]
        if not approximate and w.pattern not in [g.name for g in matching]:
            matching = [g for g in matching if g.grade is not Grade.APPROXIMATE] or matching
        if not matching:
            stuck = next((g for g in coupled.fixed if covers(w.pattern, g.name)), None)
            if stuck is not None:
                raise CutError(f"`{stuck.name}` cannot be cut: {stuck.notes[0]}")
            raise CutError(f"`{w.pattern}` matches no group")
        for group in matching:
            found[group.name] = _count(group, w, align)
    return found


def _count(group: Group, w: Wanted, align: int) -> int:
    if w.share is not None:
        count = max(1, int(w.share * group.size + Fraction(1, 2)))
    else:
        assert w.count is not None
        if w.count > group.size:
            raise CutError(f"`{group.name}` has {group.size} entries, not {w.count}")
        count = w.count
    return min(group.size, -(-count // align) * align)


def covers(pattern: str, name: str) -> bool:
    """Whether a group is at a path or below it. ``#2`` may be left out, and all of that path are meant."""
    parts, names = pattern.split("."), name.split(".")
    if len(parts) > len(names):
        return False
    return all(_same(p, n) for p, n in zip(parts, names, strict=False))


def _same(part: str, name: str) -> bool:
    if "#" not in part:
        name = name.partition("#")[0]
    return fnmatchcase(name, part) if "*" in part else part == name
