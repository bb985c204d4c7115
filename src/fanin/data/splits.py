"""Rows for training, validation and test: every row in one part at most, drawn from a stream of their own."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from fanin.data.lazy import Lazy
from fanin.data.problems import failure, listed, whole
from fanin.data.scaling import refit
from fanin.data.seeds import Order, bits, permutation
from fanin.data.table import Data
from fanin.diagnostics.codes import DAT007, DAT009

Share = float | int
"""A fraction below 1, or a number of rows."""


def split(
    data: Data,
    val: Share = 0,
    test: Share = 0,
    *,
    train: Share | None = None,
    seed: int = 0,
    stratify: str | None = None,
) -> dict[str, Data]:
    """``train``, and ``val`` and ``test`` where they have rows; ``train`` None is what is left.

    What the source itself has as ``test`` or ``val`` stays that, and nothing is cut off for it. ``test`` is drawn
    first, then ``val``, so that the rows of one don't depend on how many the other has. With ``stratify`` each part has
    its share of each class, rounded either way. Raises DataFailed.
    """
    shares = {"test": test, "val": val}
    given = {part: own for part, own in data.parts.items() if part != "train"}
    for part in given:
        if shares[part]:
            raise _bad(f"{data.name} has a `{part}` of its own", data.name, f"leave out `{part}={shares[part]}`")
    if stratify is not None and stratify not in data.fields:
        raise _bad(f"{data.name} has no field `{stratify}`", data.name, f"it has {listed(data.fields)}")
    if stratify is not None and isinstance(data[stratify], Lazy):
        raise _bad(f"`{stratify}` of {data.name} is read batch by batch", data.name, "give its classes as an array")
    rows: dict[str, dict[int, Order]] = {"test": {}, "val": {}, "train": {}}
    for stream, count in data.lengths().items():
        sizes = {part: _size(share, count, part) for part, share in shares.items()}
        rest = count - sum(sizes.values())
        sizes["train"] = max(rest, 0) if train is None else _size(train, count, "train")
        if sizes["train"] > rest:
            wanted = ", ".join(f"{n} for {part}" for part, n in sizes.items() if n)
            raise _bad(f"{data.name} has {count} rows, and that is too few", data.name, f"asked for: {wanted}")
        by = stratify if stratify is not None and data.stream(stratify) == stream else None
        cut = _cut(count, sizes, seed, stream, data[by] if by else None)
        for part, taken in cut.items():
            rows[part][stream] = taken
    if all(len(x) == n for x, n in zip(rows["train"].values(), data.lengths().values(), strict=True)):
        found = {"train": data}
    else:
        found = {"train": data.take(rows["train"], f"{data.name} (train)")}
    for part in ("val", "test"):
        if part in given:
            found[part] = given[part]
        elif shares[part]:
            found[part] = data.take(rows[part], f"{data.name} ({part})")
    for part, own in found.items():
        if not all(own.lengths().values()):
            raise failure(
                DAT007,
                f"`{part}` has no rows: {data.name} has {len(data)}",
                whole("split", data.name),
                "too few rows to split so",
            )
    found = {part: own if part == "train" else own.plain() for part, own in found.items()}
    return refit(found, "train")


def _cut(count: int, sizes: dict[str, int], seed: int, stream: int, classes: Order | None) -> dict[str, Order]:
    line = permutation(count, bits(seed, "split", stream))
    if classes is not None:
        line = line[np.argsort(classes[line], kind="stable")]
    found: dict[str, Order] = {}
    for part, size in sizes.items():
        # Of rows that stand class by class, `size` at equal distances: of n rows of a class n * size / rows.
        chosen = (
            np.arange(len(line)) < size if classes is None else np.arange(len(line)) * size % max(len(line), 1) < size
        )
        found[part] = np.sort(line[chosen])
        line = line[~chosen]
    return found


def _size(share: Share, count: int, part: str) -> int:
    """A number of rows; fractions are rounded half up, as they are written (0.1 is a tenth)."""
    if isinstance(share, bool) or not isinstance(share, (int, float)) or share < 0:
        raise _bad(f"`{part}={share}` is no share of the rows", part, "a fraction below 1, or a number of rows")
    if isinstance(share, int) or share > 1:
        if share != int(share):
            raise _bad(f"`{part}={share}` is no share of the rows", part, "a fraction below 1, or a number of rows")
        return int(share)
    return int(Fraction(str(share)) * count + Fraction(1, 2))


def _bad(headline: str, text: str, hint: str) -> Exception:
    return failure(DAT009, headline, whole("split", text), "", helps=[hint])
