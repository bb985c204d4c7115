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
    """``whole / part``, and that it divides; ``message`` may speak of ``{left}``, the rest, as the headline of the need.

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
    need = Need(Compare("==", mod(whole, part), 0), message, places, "indivisible")
    return floordiv(whole, part), (*needs, need)
