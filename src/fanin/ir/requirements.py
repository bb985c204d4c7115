"""The conditions of a model: which of them say something that the others do not."""

from __future__ import annotations

from functools import lru_cache

from fanin.ir.conditions import Condition
from fanin.ir.facts import Facts, Verdict
from fanin.record import field, record
from fanin.source import Span


@record
class Requirement:
    """A condition of a model, and where it comes from. ``training`` ones bind in training only."""

    condition: Condition
    message: str
    span: Span = field(compare=False, repr=False)
    written: bool = False  # by an `assert`
    training: bool = False


_FEW = 40  # beyond this, finding what is implied would cost more than it tells


@lru_cache(maxsize=256)
def minimal(requirements: tuple[Requirement, ...]) -> tuple[Requirement, ...]:
    """What is written, and of the rest what does not follow from the others, in order.

    Of two that follow from each other the earlier one stays. Costs some milliseconds, and is worked out when asked.
    """
    if len(requirements) > _FEW:
        return requirements
    kept = list(requirements)
    for r in reversed(requirements):
        if not r.written and not r.training and _follows(r, [other for other in kept if other is not r]):
            kept.remove(r)
    return tuple(kept)


def _follows(r: Requirement, others: list[Requirement]) -> bool:
    facts = Facts()
    for other in others:
        if not other.training:
            facts.assume(other.condition)
    return facts.verdict(r.condition) is Verdict.PROVED
