"""What was measured, on disk: all of it as lines of JSON, and a table for each kind of measurement.

A run that is resumed goes on behind what its checkpoint knew of: the rest is cut off first.
"""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Mapping
from typing import IO, Any

LINES = "metrics.jsonl"
KINDS = ("train", "validation")
PLACE = ("step", "epoch", "stage")

Row = dict[str, Any]


class Journal:
    """The measurements of a run; without a folder they are kept in memory alone. ``size`` is what a checkpoint saw.

    With ``board`` TensorBoard has them too, in a folder of its own. Raises ImportError where that is not installed.
    """

    def __init__(self, folder: str | None, size: int = 0, *, board: bool = False) -> None:
        self.folder = folder
        self._board: Any = None
        self.rows: dict[str, list[Row]] = {kind: [] for kind in KINDS}
        self._tables: dict[str, IO[str]] = {}
        self._columns: dict[str, list[str]] = {}
        self._lines: IO[str] | None = None
        if folder is None:
            return
        path = os.path.join(folder, LINES)
        with open(path, "ab") as file:
            file.truncate(size)
        self.rows = read(folder)
        if board:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(os.path.join(folder, "tensorboard"), purge_step=None)
        self._lines = open(path, "a", encoding="utf-8")  # noqa: SIM115 - closed by `close`
        for kind in KINDS:
            self._table(kind)

    def add(self, kind: str, place: Mapping[str, Any], measured: Mapping[str, float]) -> None:
        """A row of the table ``train`` or ``validation``."""
        row = {**place, **measured}
        self.rows[kind].append(row)
        if self._board is not None:
            for name, value in measured.items():
                self._board.add_scalar(f"{name}/{kind}", value, place["step"])
        if self._lines is None:
            return
        plain = {k: v if not isinstance(v, float) or math.isfinite(v) else None for k, v in row.items()}
        self._lines.write(json.dumps({"kind": kind, **plain}) + "\n")
        if set(row) <= set(self._columns[kind]):
            self._write(kind, row)
        else:
            self._table(kind)  # again, with more columns

    def _table(self, kind: str) -> None:
        if kind in self._tables:
            self._tables[kind].close()
        columns = list(PLACE)
        for row in self.rows[kind]:
            columns += [name for name in row if name not in columns]
        self._columns[kind] = columns
        path = os.path.join(str(self.folder), f"{kind}.csv")
        self._tables[kind] = open(path, "w", encoding="utf-8", newline="")  # noqa: SIM115 - closed by `close`
        csv.writer(self._tables[kind], lineterminator="\n").writerow(columns)
        for row in self.rows[kind]:
            self._write(kind, row)

    def _write(self, kind: str, row: Row) -> None:
        writer = csv.writer(self._tables[kind], lineterminator="\n")
        writer.writerow([_text(row.get(name)) for name in self._columns[kind]])

    def size(self) -> int:
        """How long the lines are, all of them on disk."""
        if self._lines is None:
            return 0
        self.flush()
        os.fsync(self._lines.fileno())
        return os.path.getsize(os.path.join(str(self.folder), LINES))

    def flush(self) -> None:
        for file in (self._lines, *self._tables.values()):
            if file is not None:
                file.flush()

    def close(self) -> None:
        for file in (self._lines, *self._tables.values()):
            if file is not None:
                file.close()
        self._lines, self._tables = None, {}
        if self._board is not None:
            self._board.close()


def read(folder: str) -> dict[str, list[Row]]:
    """The measurements in the folder of a run."""
    rows: dict[str, list[Row]] = {kind: [] for kind in KINDS}
    with open(os.path.join(folder, LINES), encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            rows[row.pop("kind")].append({k: math.nan if v is None else v for k, v in row.items()})
    return rows


def _text(value: Any) -> str:
    return "" if value is None else f"{value:.9g}" if isinstance(value, float) else str(value)
