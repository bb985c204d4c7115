"""Sizes that an op is given or works out, and what must hold of them where they are open."""

from __future__ import annotations

from fanin.ir.bounds import SIZES
from fanin.ir.dims import Dim, floordiv, mod
from fanin.ir.division import exact_quotient
from fanin.ir.facts import Compare
from fanin.ops.contract import Complaint, Need


def at_least(size: Dim, least: int) -> bool:
    """Whether that is certain whatever the open dimensions are."""
    low = SIZES.low(size)
    return low is not None and low >= least


def need_sizes(*sizes: Dim) -> tuple[Need, ...]:
    """That none of these sizes of a new tensor is below 0."""
    return tuple(
        Need(Compare(">=", size, 0), "a size of {left} is below 0", kind="too-small")
        for size in sizes
        if not at_least(size, 0)
    )


def need_quotient(
    whole: Dim, part: Dim, message: str, *places: tuple[str, int], about: str = ""
) -> tuple[Dim, tuple[Need, ...]]:
    """``whole / part``, and that it divides; ``message`` is the headline where it does not.

    Raises Complaint for a ``part`` that is no positive number.
    """
    if type(part) is int and part <= 0:
        raise Complaint(f"`{about}` is a positive number, not {part}", about)
    needs: tuple[Need, ...] = ()
    if not at_least(part, 1):
        needs = (Need(Compare(">=", part, 1), "nothing is divided into {left} parts", kind="too-small"),)
    exact = exact_quotient(whole, part)
    if exact is not None:
        return exact, needs
    need = Need(Compare("==", mod(whole, part), 0), message, places, "indivisible", divisors_near(whole, part))
    return floordiv(whole, part), (*needs, need)


def divisors_near(whole: Dim, part: Dim) -> str:
    """``510 divides by 6 and by 10``: what could stand for a part that does not divide. Empty for open sizes."""
    if type(whole) is not int or type(part) is not int or whole <= 0 or part <= 0:
        return ""
    below = next((d for d in range(min(part - 1, whole), 1, -1) if whole % d == 0), 0)
    above = next((d for d in range(part + 1, min(whole, 64 * part) + 1) if whole % d == 0), 0)
    found = [f"by {d}" for d in (below, above) if d]
    return f"{whole} divides {' and '.join(found)}" if found else ""
