"""How axes of an op's inputs, parameters and results are tied: which entries go when one is cut away.

An axis is written as an expression over letters: a ``Letter`` is a run of entries that are cut one by one, ``Times`` an
axis made of several (row-major, the first the slowest), ``Plus`` parts one behind the other. The same letter at two
places means: entry i here and entry i there go together. So a dense layer is ``x[.., i]``, ``weight[o, i]``,
``y[.., o]``; a grouped convolution ``x[(g i)]``, ``weight[(g o), i]``, ``y[(g o)]``; a concatenation ``y[a + b]``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import prod
from typing import Any, TypeAlias, cast

from fanin.ir.dims import Dim
from fanin.ir.division import exact_quotient
from fanin.ir.types import TensorType
from fanin.record import record


@record
class Letter:
    """A run of entries, ``size`` of them. Where the size is open nothing is ever cut."""

    name: str
    size: Dim


@record
class Times:
    """An axis made of several, the first the slowest."""

    parts: tuple[Expr, ...]


@record
class Plus:
    """Parts one behind the other."""

    parts: tuple[Expr, ...]


Expr: TypeAlias = "Letter | Times | Plus"
Layout: TypeAlias = tuple[Expr, ...]
Measure: TypeAlias = Callable[[Expr], int]

PARAM = "param"
"""An axis is used up by the weights of the layer itself: what is cut there goes with it."""
SUM = "sum"
"""An axis is summed over: cutting is exact where what goes is zero."""
NORM = "norm"
"""Statistics are taken over an axis: exact where what goes is zero and the old count stays the divisor."""

SKIPPED = "skipped"
"""Nothing is read of it, so that it can be cut as the rest asks."""


@record
class Ties:
    """The axes of an op. ``inputs`` follow the types it is given, with ``()`` for one left out.

    ``fixed`` are letters that cannot be cut, with the reason; ``ends`` how letters of the inputs are used up, where
    they are not in the results: ``param``, ``sum``, ``norm``, or else a reason why a cut changes the results. A letter
    that is used up and not named there cannot be cut. ``resize`` gives the attributes after a cut.
    """

    inputs: tuple[Layout, ...]
    outputs: tuple[Layout, ...]
    params: tuple[tuple[str, Layout], ...] = ()
    fixed: tuple[tuple[str, str], ...] = ()
    ends: tuple[tuple[str, str], ...] = ()
    resize: Callable[[Measure], Any] | None = None


def letters(t: TensorType | None, prefix: str = "") -> Layout:
    """A letter for each axis."""
    return () if t is None else tuple([Letter(f"{prefix}{i}", s) for i, s in enumerate(t.shape)])


def tied(t: TensorType, count: int = 1) -> Ties:
    """Results of the type of the only input, entry by entry."""
    layout = letters(t)
    return Ties((layout,), (layout,) * count)


def times(*parts: Expr) -> Expr:
    return parts[0] if len(parts) == 1 else Times(parts)


def held(layouts: Iterable[Layout], why: str) -> tuple[tuple[str, str], ...]:
    """Every letter of these axes as one that cannot be cut."""
    return tuple((name, why) for layout in layouts for expr in layout for name in names(expr))


def names(expr: Expr) -> tuple[str, ...]:
    if isinstance(expr, Letter):
        return (expr.name,)
    return tuple(name for part in expr.parts for name in names(part))


def extent(expr: Expr) -> Dim:
    """How many entries there are."""
    if isinstance(expr, Letter):
        return expr.size
    sizes = [extent(part) for part in expr.parts]
    return cast(Dim, prod(sizes)) if isinstance(expr, Times) else cast(Dim, sum(sizes))


def stretch(types: Iterable[TensorType | None], rank: int, prefix: str = "") -> tuple[tuple[Layout, ...], Layout]:
    """The axes of tensors that broadcast, and of what they give: a size of 1 is stretched, and ties nothing."""
    given = list(types)
    found: list[list[Expr]] = [[] for _ in given]
    out: list[Expr] = []
    for i in range(-rank, 0):
        sizes = [t.shape[i] for t in given if t is not None and -i <= t.rank]
        size = next((s for s in sizes if s != 1), 1)
        letter = Letter(f"{prefix}{rank + i}", size)
        out.append(letter)
        for n, t in enumerate(given):
            if t is not None and -i <= t.rank:
                one = t.shape[i] == 1 and size != 1
                found[n].append(Letter(f"{prefix}{rank + i}.{n}", 1) if one else letter)
    return tuple(tuple(layout) for layout in found), tuple(out)


def regroup(before: tuple[Dim, ...], after: tuple[Dim, ...]) -> tuple[Layout, Layout] | None:
    """The axes of a tensor whose numbers, in their order, take another shape; None where no factors are in common.

    Both are read from the last axis on, and the smaller of two factors is taken out of the larger.
    """
    left, right = list(before), list(after)
    mine: list[list[Expr]] = [[] for _ in before]
    theirs: list[list[Expr]] = [[] for _ in after]
    i, j, count = len(left) - 1, len(right) - 1, 0
    while i >= 0 or j >= 0:
        while i >= 0 and left[i] == 1:
            i -= 1
        while j >= 0 and right[j] == 1:
            j -= 1
        if i < 0 or j < 0:
            break
        x, y = left[i], right[j]
        small = x if x == y or _over(y, x) is not None else y if _over(x, y) is not None else None
        if small is None:
            return None
        letter = Letter(f"f{count}", small)
        count += 1
        mine[i].insert(0, letter)
        theirs[j].insert(0, letter)
        left[i] = 1 if x == small else cast(Dim, _over(x, small))
        right[j] = 1 if y == small else cast(Dim, _over(y, small))
    if i >= 0 or j >= 0:
        return None
    return _axes(mine, "u"), _axes(theirs, "v")


def _over(whole: Dim, part: Dim) -> Dim | None:
    if isinstance(whole, int) and isinstance(part, int):
        return whole // part if part and whole % part == 0 else None
    return exact_quotient(whole, part)


def _axes(found: list[list[Expr]], prefix: str) -> Layout:
    return tuple([times(*parts) if parts else Letter(f"{prefix}{n}", 1) for n, parts in enumerate(found)])


def passing(x: TensorType, y: TensorType, kept: dict[int, int], why: str) -> Ties:
    """Some axes pass entry by entry (result axis -> input axis); the others of both cannot be cut."""
    back = {i: j for j, i in kept.items()}
    inner = tuple([Letter(f"{i}" if i in back else f"x{i}", s) for i, s in enumerate(x.shape)])
    outer = tuple([Letter(f"{kept[j]}" if j in kept else f"y{j}", s) for j, s in enumerate(y.shape)])
    fixed = [(f"x{i}", why) for i in range(x.rank) if i not in back]
    return Ties((inner,), (outer,), fixed=(*fixed, *((f"y{j}", why) for j in range(y.rank) if j not in kept)))
