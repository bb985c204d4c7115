"""A cut: which entries of each group stay, and what becomes of attributes, shapes and weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from fanin.analyses.couplings.binding import Applied, Axis
from fanin.analyses.couplings.groups import Coupled, Grade, Group, first_place
from fanin.analyses.couplings.spaces import Space, find, kept, left
from fanin.analyses.paths import entries
from fanin.ir.dims import Dim
from fanin.ir.graph import Graph, Leaf, Node, Program
from fanin.ops.contract import OpAttrs
from fanin.ops.ties import NORM, PARAM, Expr, Letter, Times
from fanin.record import record


class CutError(ValueError):
    """A cut that is none: an unknown group, entries that are not there, or one that cannot be cut."""


@record
class Kept:
    """What is left of a parameter or buffer: for each axis the entries that stay, None for all of them."""

    key: str
    tied: str | None
    kind: str
    shape: tuple[Dim, ...]  # before the cut
    axes: tuple[tuple[int, ...] | None, ...]

    @property
    def whole(self) -> bool:
        return all(axis is None for axis in self.axes)


@record
class Fold:
    """A number that flowed in on entries that go: it becomes part of a bias."""

    path: str
    number: float
    gone: tuple[int, ...]  # entries of the weight's second axis
    foldable: bool


class Cut:
    """A cut of a network. ``keep`` names groups and the entries that stay; the other groups stay whole.

    Raises CutError for names and entries that are not there, and for groups that cannot be cut; for approximate ones
    unless they are allowed.
    """

    def __init__(self, coupled: Coupled, keep: Mapping[str, Iterable[int]], approximate: bool = False) -> None:
        self.coupled = coupled
        self.groups: list[tuple[Group, tuple[int, ...]]] = []
        self._stays: dict[int, list[int]] = {}
        groups = {g.name: g for g in coupled.groups}
        for name, indices in keep.items():
            group = groups.get(name)
            if group is None:
                raise CutError(_not_there(coupled, name))
            stays = sorted(set(indices))
            if not stays:
                raise CutError(f"nothing would be left of `{name}`")
            if stays[0] < 0 or stays[-1] >= group.size:
                raise CutError(f"`{name}` has entries 0 to {group.size - 1}, and {stays[-1]} is none of them")
            if len(stays) == group.size:
                continue
            if group.grade is Grade.APPROXIMATE and not approximate:
                raise CutError(f"cutting `{name}` changes more than what goes: {group.notes[0]}")
            self.groups.append((group, tuple(stays)))
            self._stays[id(group.space)] = stays
        self._applied = {(a.scope, id(a.node)): a for a in coupled.applied}
        self._modules: dict[str, Applied] = {}
        for a in coupled.applied:
            if a.path is not None:
                self._modules.setdefault(a.path, a)

    # ------------------------------------------------------------------------------------------------- spaces

    def _of(self, run: Space) -> list[int] | None:
        return self._stays.get(id(run))

    def _count(self, run: Space) -> int:
        stays = self._stays.get(id(run))
        return run.size if stays is None else len(stays)

    def _size(self, space: Space | None, before: Dim) -> Dim:
        return before if space is None else left(space, self._count)

    def _changed(self, space: Space | None) -> bool:
        return space is not None and left(space, self._count) != find(space).size

    def _shape(self, axes: Sequence[Axis], before: Sequence[Dim]) -> tuple[Dim, ...]:
        return tuple(self._size(space, d) for (space, _), d in zip(axes, before, strict=True))

    # -------------------------------------------------------------------------------- what a spec is written of

    def attributes(self, scope: str, node: Node) -> OpAttrs | tuple[str, OpAttrs]:
        """The attributes of an op after the cut; of another op, where it has become one."""
        applied = self._applied.get((self._first(scope), id(node)))
        return node.attrs if applied is None else self._resized(applied)  # type: ignore[attr-defined, no-any-return]

    def leaf(self, path: str, leaf: Leaf) -> OpAttrs:
        """The attributes of a module after the cut."""
        applied = self._modules.get(self._first(path))
        found = leaf.attrs if applied is None else self._resized(applied)
        assert not isinstance(found, tuple)
        return found

    def _resized(self, applied: Applied) -> Any:
        ties = applied.ties
        if ties.resize is None or not any(self._changed(s) for s in applied.letters.values()):
            return applied.node.attrs

        def measure(expr: Expr) -> int:
            if isinstance(expr, Letter):
                size = self._size(applied.letters.get(expr.name), expr.size)
                return size  # type: ignore[return-value]
            sizes = [measure(part) for part in expr.parts]
            total = 1 if isinstance(expr, Times) else 0
            for size in sizes:
                total = total * size if isinstance(expr, Times) else total + size
            return total

        return ties.resize(measure)

    def replaced(self, path: str) -> tuple[str, tuple[tuple[str, Any], ...]] | None:
        """The block that a norm has become whose divisor is not what is left."""
        applied = self._modules.get(self._first(path))
        if applied is None:
            return None
        for name, kind in applied.ties.ends:
            space = applied.letters.get(name)
            if kind == NORM and space is not None and self._changed(space):
                found: tuple[str, tuple[tuple[str, Any], ...]] | None = applied.node.op.divided(
                    applied.node.attrs, find(space).size
                )
                return found
        return None

    def port(self, scope: str, graph: Graph, index: int) -> tuple[Dim, ...]:
        """The shape of an input of a block."""
        ports = [p.value.type.shape for p in graph.ports if p.value is not None]
        found = self.coupled.ports.get(self._first(scope))
        return ports[index] if found is None else self._shape(found[1][index], ports[index])

    def result(self, scope: str, graph: Graph, index: int) -> tuple[Dim, ...]:
        """The shape of a result of a block."""
        before = graph.results[index].value.type.shape
        found = self.coupled.ports.get(self._first(scope))
        return before if found is None or not found[2][index] else self._shape(found[2][index], before)

    def state(self, key: str, shape: tuple[Dim, ...]) -> tuple[Dim, ...]:
        """The shape of a parameter."""
        axes = self.coupled.params.get(self._first(key))
        return shape if axes is None else self._shape(axes, shape)

    def _first(self, path: str) -> str:
        return first_place(self.coupled.repeats, path)

    # ------------------------------------------------------------------------------------------------ weights

    def weights(self) -> Iterator[Kept]:
        """What stays of every parameter and buffer, by its key."""
        for entry in entries(self.coupled.program):
            axes = self.coupled.params.get(self._first(entry.tied or entry.key))
            chosen: tuple[tuple[int, ...] | None, ...] = (None,) * entry.type.rank
            if axes is not None and len(axes) == entry.type.rank:
                lists = [None if space is None else kept(space, self._of) for space, _ in axes]
                chosen = tuple(None if found is None else tuple(found) for found in lists)
            yield Kept(entry.key, entry.tied, entry.kind, entry.type.shape, chosen)

    def folds(self) -> Iterator[Fold]:
        """Numbers other than zero that flowed into a layer on entries that go."""
        for group, _ in self.groups:
            for use in group.uses:
                if use.kind == PARAM and isinstance(use.number, float) and use.number != 0:
                    stays = set(kept(use.space, self._of) or ())
                    gone = tuple(i for i in range(find(use.space).size) if i not in stays)
                    yield Fold(use.where, use.number, gone, use.node.op.folds(use.node.attrs))

    @property
    def grade(self) -> Grade:
        """The least exact of the groups that are cut."""
        order = list(Grade)
        return max((group.grade for group, _ in self.groups), key=order.index, default=Grade.EXACT)


def difference(cut: Cut, small: Program) -> str:
    """The first key at which a network does not hold what the cut leaves; empty where it holds all of it."""
    left = {
        part.key: tuple(d if axis is None else len(axis) for d, axis in zip(part.shape, part.axes, strict=True))
        for part in cut.weights()
    }
    found = {entry.key: entry.type.shape for entry in entries(small)}
    for key in left.keys() | found.keys():
        if left.get(key) != found.get(key):
            return f"`{key}` is {found.get(key, 'missing')}, and {left.get(key, 'not there')} is left of it"
    return ""


def _not_there(coupled: Coupled, name: str) -> str:
    fixed = next((g for g in coupled.fixed if g.name == name), None)
    if fixed is not None:
        return f"`{name}` cannot be cut: {fixed.notes[0]}"
    return f"there is no group `{name}`"
