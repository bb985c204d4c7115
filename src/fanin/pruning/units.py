"""Units of pruning as places in parameters: single weights, blocks, groups that the graph ties together."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Protocol

import torch
from torch import Tensor, nn

from fanin.analyses.plan import STRUCTURED, Plan
from fanin.pruning.ranking import Units, weakest_gone
from fanin.systems.problems import RunFailed


class Unit(Protocol):
    """How parameters are made of units."""

    keys: tuple[str, ...]  # the parameters that can lose weights
    joint: bool  # whether a unit is more than one weight, so that scores are added up

    def sums(self, elements: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """By the names of parts, the sum over each unit of what its weights have."""
        ...

    def masks(self, stays: Units) -> dict[str, Tensor]:
        """Which weights stay where these units do."""
        ...

    def choose(self, left: list[int], stays: Units, scores: Mapping[str, Tensor]) -> Units:
        """The units that stay when each ranking has so many left."""
        ...


def unit_of(plan: Plan, system: nn.Module) -> Unit:
    """The unit of an experiment. Raises RunFailed for one that the shapes do not allow."""
    if plan.unit in STRUCTURED:
        return _Groups(plan, system)
    if plan.unit == "nm":
        return _Few(plan, system)
    rows, columns = (1, 1)
    if plan.unit == "block":
        rows, columns = plan.experiment.unit["rows"], plan.experiment.unit["columns"]
    return _Blocks(plan, system, rows, columns)


class _Blocks:
    """Blocks of a weight seen as a matrix: its first axis against all the others. A single weight is one of 1 by 1."""

    def __init__(self, plan: Plan, system: nn.Module, rows: int, columns: int) -> None:
        self.plan, self.rows, self.columns = plan, rows, columns
        self.joint = rows * columns > 1
        self.shapes = {
            part.name: tuple(system.get_parameter(part.name).shape) for r in plan.rankings for part in r.parts
        }
        self.keys = tuple(self.shapes)
        for key, shape in self.shapes.items():
            tall, wide = shape[0], torch.Size(shape[1:]).numel()
            if tall % rows or wide % columns:
                raise RunFailed(
                    f"`{key}` is {tall} by {wide}, which blocks of {rows} by {columns} do not fill",
                    help=f"choose another block, or say `except {key}`",
                )

    def sums(self, elements: Mapping[str, Tensor]) -> dict[str, Tensor]:
        if self.rows == self.columns == 1:
            return {key: elements[key].flatten() for key in self.keys}
        found = {}
        for key, shape in self.shapes.items():
            blocks = elements[key].reshape(shape[0] // self.rows, self.rows, -1, self.columns)
            found[key] = blocks.sum((1, 3)).flatten()
        return found

    def masks(self, stays: Units) -> dict[str, Tensor]:
        found = {}
        for key, shape in self.shapes.items():
            grid = stays[key].reshape(shape[0] // self.rows, -1)
            wide = grid.repeat_interleave(self.rows, 0).repeat_interleave(self.columns, 1)
            found[key] = wide.reshape(shape)
        return found

    def choose(self, left: list[int], stays: Units, scores: Mapping[str, Tensor]) -> Units:
        return weakest_gone(self.plan, left, stays, scores)


class _Few(_Blocks):
    """n of every m weights in a row: of those that a unit of the output takes, m after m inputs."""

    def __init__(self, plan: Plan, system: nn.Module) -> None:
        super().__init__(plan, system, 1, 1)
        self.n, self.m = plan.experiment.unit["n"], plan.experiment.unit["m"]
        for key, shape in self.shapes.items():
            if len(shape) < 2 or shape[1] % self.m:
                raise RunFailed(
                    f"`{key}` is {list(shape)}: its inputs do not come by {self.m}", help=f"say `except {key}`"
                )

    def choose(self, left: list[int], stays: Units, scores: Mapping[str, Tensor]) -> Units:
        found = {}
        for key, shape in self.shapes.items():
            rows = scores[key].reshape(shape).movedim(1, -1)
            order = torch.argsort(rows.reshape(-1, self.m), dim=1, stable=True)
            kept = torch.ones_like(order, dtype=torch.bool)
            kept.scatter_(1, order[:, : self.m - self.n], False)
            found[key] = kept.reshape(rows.shape).movedim(-1, 1).flatten()
        return found


class _Groups:
    """Entries of the axes of several parameters, which only go together: biases and scales of norms as well."""

    def __init__(self, plan: Plan, system: nn.Module) -> None:
        from fanin.analyses.couplings import couplings

        self.plan, self.coupled, self.joint = plan, couplings(plan.program), True
        names = {part.name: part.units for r in plan.rankings for part in r.parts}
        self.places: dict[str, list[tuple[str, int, Tensor]]] = {}  # by key: the part, the axis, the unit of each place
        self.shapes: dict[str, tuple[int, ...]] = {}
        for key, weight in system.named_parameters():
            own = [
                (name, axis, torch.tensor(entries))
                for name, axis, entries in self.coupled.of_parameter(key)
                if name in names
            ]
            if own:
                self.places[key], self.shapes[key] = own, tuple(weight.shape)
        self.keys, self.sizes = tuple(self.places), names

    def sums(self, elements: Mapping[str, Tensor]) -> dict[str, Tensor]:
        found = {name: torch.zeros(size, dtype=torch.float64) for name, size in self.sizes.items()}
        for key, own in self.places.items():
            for name, axis, entries in own:
                wide = elements[key].to(torch.float64).movedim(axis, 0)
                rows = wide.reshape(len(wide), -1).sum(1)
                here = entries >= 0
                found[name].index_add_(0, entries[here], rows[here])
        return found

    def masks(self, stays: Units) -> dict[str, Tensor]:
        found = {}
        for key, own in self.places.items():
            shape = self.shapes[key]
            mask = torch.ones(shape, dtype=torch.bool)
            for name, axis, entries in own:
                kept = torch.ones(shape[axis], dtype=torch.bool)
                here = entries >= 0
                kept[here] = stays[name][entries[here]]
                mask &= kept.reshape([-1 if i == axis else 1 for i in range(len(shape))])
            found[key] = mask
        return found

    def choose(self, left: list[int], stays: Units, scores: Mapping[str, Tensor]) -> Units:
        return weakest_gone(self.plan, left, stays, scores)


def collapsed(plan: Plan, stays: Units) -> tuple[str, int, int] | None:
    """The first part with less than its floor: its name, how many units it has, and how many it should."""
    share = plan.experiment.floor
    for name, kept in stays.items():
        least = max(1, ceil(share * len(kept))) if share else 1
        if int(kept.sum()) < least:
            return name, int(kept.sum()), least
    return None
