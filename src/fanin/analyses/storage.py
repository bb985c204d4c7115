"""Memory as a network runs: tensors that are allocated and freed, and what is alive at most."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from fanin.ir.dims import Dim
from fanin.ir.graph import Node
from fanin.ir.poly import Monomial, terms_of
from fanin.ir.types import DType, TensorType

WIDTHS = {DType.BOOL: 1, DType.INT: 8}
"""Bytes of a number; those of a float are told, and a complex one takes two floats."""


def bytes_of(t: TensorType, width: int) -> Dim:
    """What a tensor takes where a float takes ``width`` bytes."""
    return t.numel() * WIDTHS.get(t.dtype, 2 * width if t.dtype is DType.COMPLEX else width)


@dataclass(eq=False)
class Cell:
    """Memory that one tensor and the views on it share. It is free when nobody holds it.

    ``maker`` is what it was made by, None for an input. It stands for so many ``times`` as it is there.
    """

    bytes: Dim
    held: int = 0
    maker: Node | None = None
    times: Dim = 1


@dataclass(eq=False)
class Tensor:
    """A value while it runs. ``cell`` is None for what is counted elsewhere, such as a parameter.

    ``order``: its axes from the slowest to the fastest in memory, None where that is not known.
    ``dense``: they leave no gaps.
    """

    type: TensorType
    cell: Cell | None
    order: tuple[int, ...] | None
    needs: bool = False  # whether a gradient is asked for
    number: bool = False
    dense: bool = True

    @property
    def in_order(self) -> bool:
        return self.order is not None and list(self.order) == sorted(self.order)


@dataclass
class Heap:
    """What is alive, and the largest that it was: several amounts where none is the largest at all sizes."""

    alive: Dim = 0
    peaks: list[Dim] = field(default_factory=list)
    made: list[Cell] = field(default_factory=list)
    maker: Node | None = None  # what runs now

    def new(self, size: Dim) -> Cell:
        """Memory that is held once."""
        cell = Cell(size, 1, self.maker)
        self.alive = self.alive + size
        self.made.append(cell)
        return cell

    def hold(self, cell: Cell | None) -> None:
        if cell is not None:
            cell.held += 1

    def free(self, cells: Iterable[Cell | None]) -> None:
        """Let go of each once."""
        for cell in cells:
            if cell is not None:
                cell.held -= 1
                if not cell.held:
                    self.alive = self.alive - cell.bytes

    def note(self, more: Dim = 0) -> None:
        """This moment counts, with so much more for its length."""
        self.peaks = larger(self.peaks, self.alive + more)

    def multiply(self, cells: Iterable[Cell], times: Dim) -> None:
        """Of what a turn has left, there are so many."""
        for cell in cells:
            if cell.held:
                self.alive = self.alive + cell.bytes * (times - 1)
                cell.bytes = cell.bytes * times
                cell.times = cell.times * times


def larger(peaks: list[Dim], amount: Dim) -> list[Dim]:
    """The amounts of which none is below another at all sizes."""
    if any(at_least(peak, amount) for peak in peaks):
        return peaks
    return [*(peak for peak in peaks if not at_least(amount, peak)), amount]


def at_least(a: Dim, b: Dim) -> bool:
    """Whether ``a >= b`` can be seen from the coefficients: no factor of a monomial is below 1."""
    left = {m: c for m, c in terms_of(a - b).items() if c}
    owed = [(m, -c) for m, c in left.items() if c < 0]
    if not owed:
        return True
    rest = {m: c for m, c in left.items() if c > 0}
    for monomial, need in sorted(owed, key=lambda item: -len(item[0])):
        for other in rest:
            if need and rest[other] and _within(monomial, other):
                paid = min(need, rest[other])
                rest[other] -= paid
                need -= paid
        if need:
            return False
    return True


def _within(small: Monomial, large: Monomial) -> bool:
    """Whether every factor of one is a factor of the other."""
    left = list(large)
    for atom in small:
        if atom not in left:
            return False
        left.remove(atom)
    return True
