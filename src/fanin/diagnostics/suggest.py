"""The nearest real name to a misspelt one."""

from __future__ import annotations

from collections.abc import Iterable

_CHARS = str.maketrans("", "", "_-. ")


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate a reader would take ``name`` for, or None where none is near enough.

    Case and underscores weigh little (``Conv2D``, ``max_pool_2d``), a swap of neighbours counts once, and a
    name that only lacks its end is found too (``batchnorm`` for ``BatchNorm2d``). The order of the candidates
    does not matter.
    """
    wanted = name.lower().translate(_CHARS)
    if not wanted:
        return None
    limit = _tolerance(len(wanted))
    best: tuple[float, int, str] | None = None
    for candidate in candidates:
        if candidate == name:
            continue
        plain = candidate.lower().translate(_CHARS)
        if plain == wanted:
            distance = 0.0
        else:
            close = abs(len(plain) - len(wanted)) <= limit
            distance = float(_distance(wanted, plain, limit)) if close else limit + 1.0
            if distance > limit and not _lacks_end(wanted, plain):
                continue
            # An ending left off is likelier than as many typing mistakes.
            distance = min(distance, limit + 0.5) if distance > limit else distance
        # `relu` and `ReLU` are both real. A capital is not typed by mistake; a small letter may be.
        if candidate[:1].isupper() != name[:1].isupper():
            distance += 2.5 if name[:1].isupper() else 0.2
        rank = (distance, -_common_start(wanted, plain), candidate)
        if best is None or rank < best:
            best = rank
    return best[2] if best else None


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """``; did you mean `x`?`` or nothing: the end of a sentence about an unknown name."""
    found = nearest(name, candidates)
    return f"; did you mean `{found}`?" if found else ""


def _tolerance(length: int) -> int:
    """Mistakes to forgive: none in `h`, where any letter would do, one in `relu`, three in a long name."""
    return 0 if length < 3 else 1 if length < 6 else 2 if length < 9 else 3


def _lacks_end(wanted: str, plain: str) -> bool:
    return len(wanted) > 2 and len(plain) - len(wanted) <= 4 and plain.startswith(wanted)


def _common_start(a: str, b: str) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _distance(a: str, b: str, limit: int) -> int:
    """Insertions, deletions, replacements and swaps of neighbours from a to b; ``limit + 1`` for more.

    This is the optimal string alignment distance: no letter takes part in two changes.
    """
    if a == b:
        return 0
    if limit < 1:
        return 1
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        older, before, row = before, row, [i]
        for j, y in enumerate(b, 1):
            least = before[j - 1] if x == y else 1 + min(before[j - 1], before[j], row[j - 1])
            if i > 1 and j > 1 and x != y and x == b[j - 2] and y == a[i - 2]:
                least = min(least, older[j - 2] + 1)
            row.append(least)
        if min(row) > limit and min(before) > limit:
            return limit + 1
    return min(row[-1], limit + 1)
