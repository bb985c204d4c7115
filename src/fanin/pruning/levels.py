"""What is known of the trainings of one seed: enough to go on after any of them, and in the middle of one.

A level is the bits of what stays in a round and a row for each training that has ended. Besides there is one snapshot
to rewind to, and of the training that runs its weights, moments and step. All else is computed again. In a folder each
of these is a file, or a folder, that is complete or not there.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path

from torch import Tensor

from fanin.pruning.masks import packed, unpacked
from fanin.pruning.ranking import Units
from fanin.pruning.report import Row
from fanin.pruning.rewinding import Point
from fanin.systems import checkpoint
from fanin.systems.training import Loop

_PAUSE = 10.0  # seconds between checkpoints in a training, where nothing is said


class Levels:
    """Those of a seed: in memory, and in the folder ``home`` where there is one.

    ``run`` is the ticket or a control, ``place`` the number of a round.
    """

    def __init__(self, home: str | None, save_every: int = 0) -> None:
        self.home, self.save_every = home, save_every
        self._rows: dict[tuple[str, int], Row] = {}
        self._units: dict[tuple[str, int], Units] = {}
        self._points: dict[str, Point] = {}
        self._weights: dict[str, Tensor] | None = None

    # --------------------------------------------------------------------------------------- trainings that have ended

    def row(self, run: str, place: int) -> Row | None:
        """What a training gave, or None where it has not ended."""
        if (run, place) not in self._rows and (path := self._path(f"{run}-{place:03d}.json")) is not None:
            try:
                with open(path, encoding="utf-8") as file:
                    self._rows[run, place] = Row(**json.load(file))
            except (OSError, ValueError):
                return None
        return self._rows.get((run, place))

    def put_row(self, row: Row) -> None:
        self._rows[row.run, row.round] = row
        if (path := self._path(f"{row.run}-{row.round:03d}.json")) is not None:
            document = {f.name: getattr(row, f.name) for f in fields(row)}
            _write(path, json.dumps(document, default=dict).encode())

    def units(self, run: str, place: int, sizes: Mapping[str, int]) -> Units | None:
        """What stays in a round, of parts of these sizes; None where that is not decided."""
        if (run, place) not in self._units and (path := self._path(f"{run}-{place:03d}.masks")) is not None:
            from safetensors import SafetensorError
            from safetensors.torch import load_file

            try:
                bits = load_file(path)
            except (OSError, SafetensorError):
                return None
            self._units[run, place] = {name: unpacked(bits[name], (size,)) for name, size in sizes.items()}
        return self._units.get((run, place))

    def put_units(self, run: str, place: int, stays: Units) -> None:
        self._units[run, place] = stays
        if (path := self._path(f"{run}-{place:03d}.masks")) is not None:
            from safetensors.torch import save

            _write(path, save({name: packed(kept) for name, kept in stays.items()}))

    # -------------------------------------------------------------------------------------------------------- snapshots

    def point(self, name: str) -> Point | None:
        if name not in self._points and (path := self._path(f"{name}.point")) is not None:
            try:
                self._points[name] = Point(**checkpoint.load(path))
            except (OSError, ValueError):
                return None
        return self._points.get(name)

    def put_point(self, name: str, point: Point) -> None:
        self._points[name] = point
        if (path := self._path(f"{name}.point")) is not None:
            checkpoint.write(path, {f.name: getattr(point, f.name) for f in fields(point)})

    def drop_point(self, name: str) -> None:
        self._points.pop(name, None)
        if (path := self._path(f"{name}.point")) is not None:
            shutil.rmtree(path, ignore_errors=True)

    def weights(self) -> dict[str, Tensor] | None:
        """The weights after the last round."""
        if self._weights is None and self.home is not None:
            from safetensors import SafetensorError
            from safetensors.torch import load_file

            try:
                self._weights = load_file(os.path.join(self.home, "weights.safetensors"))
            except (OSError, SafetensorError):
                return None
        return self._weights

    def put_weights(self, weights: dict[str, Tensor]) -> None:
        self._weights = weights
        self.put_tensors("weights", weights)

    def put_tensors(self, name: str, tensors: Mapping[str, Tensor]) -> None:
        """A file of tensors for those who use what came out; nothing where there is no folder."""
        if self.home is not None:
            from safetensors.torch import save

            plain = {k: t.detach().to("cpu", copy=True).contiguous() for k, t in tensors.items()}
            _write(os.path.join(self.home, f"{name}.safetensors"), save(plain))

    # ----------------------------------------------------------------------------------------------- inside a training

    def taken_up(self, run: str, place: int, loop: Loop) -> Callable[[], None]:
        """Put a training where it was when it was last held, if it was; gives what holds it after a step."""
        path = self._path(f"{run}-{place:03d}.running")
        if path is None:
            return _nothing
        try:
            state = checkpoint.load(path)
        except (OSError, ValueError):
            state = None
        if state is not None:
            loop.resume(state["loop"])
            loop.journal.rows["validation"] = state["validation"]
        last = time.monotonic()

        def hold() -> None:
            nonlocal last
            if self.save_every:
                due = loop.steps % self.save_every == 0
            else:
                due = time.monotonic() - last > _PAUSE
            if due and loop.training.step and not loop.training.done:  # not between two stages
                checkpoint.write(path, {"loop": loop.state(), "validation": loop.journal.rows["validation"]})
                last = time.monotonic()

        return hold

    def drop_running(self, run: str = "*", place: int | None = None) -> None:
        """Forget where trainings were last held, when all that is kept of their ends is there."""
        pattern = f"{run}-*.running" if place is None else f"{run}-{place:03d}.running"
        for path in [] if self.home is None else Path(self.home, "levels").glob(pattern):
            shutil.rmtree(path, ignore_errors=True)

    def tidy(self) -> None:
        """Take away what was being written when a process was killed."""
        for folder in [] if self.home is None else [self.home, os.path.join(self.home, "levels")]:
            for name in os.listdir(folder) if os.path.isdir(folder) else []:
                path = os.path.join(folder, name)
                if name.endswith((".new", ".old")):
                    shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)

    def _path(self, name: str) -> str | None:
        return None if self.home is None else os.path.join(self.home, "levels", name)


def _write(path: str, content: bytes) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    checkpoint.write_file(path, content)


def _nothing() -> None:
    pass


def all_masks(found: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The masks of the rounds as one set of tensors: ``3/net.fc1.weight`` has the bits of that in round 3."""
    return {f"{place}/{key}": packed(mask) for place, masks in enumerate(found, 1) for key, mask in masks.items()}
