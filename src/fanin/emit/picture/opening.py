"""What is open in a picture: the depth that fits a page, and the paths that were asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fanin.emit.picture.folding import Fold
from fanin.emit.picture.plan import Plans
from fanin.emit.picture.wiring import Scope
from fanin.ir.graph import Graph, Run
from fanin.report import NoSuchName

COMFORTABLE = 70  # nodes that still read well on a page
MOST_SPLIT = 100  # places of a repetition shown one by one
MOST_NODES = 1_500  # beyond, the layout takes minutes and nobody can read it


class NoSuchPath(NoSuchName):
    """``expand`` names a path that cannot be opened. Its message is for the user."""

    def __str__(self) -> str:
        return f"`{self.path}` has nothing to open at `{self.name}`"


class Opening:
    """Which parts of one picture are open. ``note`` says where less is drawn than was asked for."""

    def __init__(self, graph: Graph, plans: Plans, depth: int | None, expand: Sequence[str]) -> None:
        self.note = ""
        self._expand = frozenset(path.strip(".") for path in expand)
        self._missed = set(self._expand)
        self.depth = self._fitting(graph, plans, depth)

    def _fitting(self, graph: Graph, plans: Plans, wanted: int | None) -> int:
        """The depth asked for, or the deepest that is comfortable; never one with too many nodes."""
        if wanted == 0:
            return 1 if self._expand else 0
        most = COMFORTABLE if wanted is None else MOST_NODES
        count = plans.count(graph, 0)
        depth = 0
        while wanted is None or depth < wanted - 1:
            deeper = plans.count(graph, depth + 1)
            if deeper > most:
                if wanted is not None:
                    self.note = f"drawn to depth {depth + 1}: depth {depth + 2} has {deeper:,} nodes"
                break
            if deeper == count and not plans.opens_below(graph, depth):
                break
            depth, count = depth + 1, deeper
        return depth + 1

    def asked(self, path: str, inside: bool = True) -> bool:
        """Whether what is at a path is to be open, or something inside it."""
        if not self._expand:
            return False
        self._missed.discard(path)
        return path in self._expand or (inside and any(wanted.startswith(path + ".") for wanted in self._expand))

    def unrolls(self, fold: Fold, scope: Scope) -> bool:
        """Whether modules of the turns of a loop are asked for, or the list of them."""
        found = False
        if self._expand:
            for turn in fold.turns:
                for node in turn:
                    ref = getattr(node, "module", None)
                    if ref is not None:
                        path = scope.absolute(ref)
                        found |= self.asked(path) or self.asked(path.rpartition(".")[0], inside=False)
        return found

    def split(self, path: str, runs: Iterable[tuple[int, Run]], count: int) -> Iterable[tuple[int, Run]]:
        """The places of a repetition that are asked for one by one, and what is between them together."""
        alone = {i for i in range(count) if self.asked(f"{path}.{i}")}
        if path in self._expand:
            half = MOST_SPLIT // 2
            alone |= set(range(count)) if count <= MOST_SPLIT else {*range(half), *range(count - half, count)}
        for start, run in runs:
            at = start
            while at < start + run.count:
                end = at + 1
                while at not in alone and end < start + run.count and end not in alone:
                    end += 1
                yield at, Run(end - at, run.call)
                at = end

    def require_found(self, name: str) -> None:
        """Raises NoSuchPath where something that was asked for did not come up."""
        if self._missed:
            raise NoSuchPath(min(self._missed), (), name)
