"""What owns the same weights: the same tag on each use, and lines between the few."""

from __future__ import annotations

from itertools import pairwise

from fanin.emit.picture.model import Box, Edge, Kind, Node

FEW = 4  # uses that are joined by lines; more have the tag alone


class Sharing:
    """The modules on the paper, by their paths in the model."""

    def __init__(self) -> None:
        self._uses: dict[str, list[Node | Box]] = {}
        self._ties: list[tuple[Node, str, str]] = []

    def used(self, path: str, drawn: Node | Box) -> None:
        """``drawn`` applies the weights of the module at ``path``."""
        self._uses.setdefault(path, []).append(drawn)

    def tied(self, drawn: Node, name: str, owner: str) -> None:
        """The parameter ``name`` of ``drawn`` is the one at the path ``owner``."""
        self._ties.append((drawn, name, owner))

    def mark(self, edges: dict[tuple[str, str], Edge]) -> None:
        """Tag what is shared, and add the lines."""
        uses = {path: list({drawn.id: drawn for drawn in found}.values()) for path, found in self._uses.items()}
        shared = {path: found for path, found in uses.items() if len(found) > 1}
        for path, found in shared.items():
            if any(path.startswith(f"{around}.") for around in shared):
                continue  # the block around it says so
            for drawn in found:
                drawn.tags.append(f"shared: {path}")
            nodes = [drawn for drawn in found if isinstance(drawn, Node)]
            if len(nodes) == len(found) <= FEW:
                for a, b in pairwise(nodes):
                    _line(edges, a, b, "shared")
        for drawn, name, owner in self._ties:
            drawn.tags.append(f"{name} tied to {owner}")
            for other in uses.get(owner.rpartition(".")[0], ())[:1]:
                if isinstance(other, Node) and other.id != drawn.id:
                    _line(edges, other, drawn, "tied")


def _line(edges: dict[tuple[str, str], Edge], a: Node, b: Node, kind: Kind) -> None:
    edges.setdefault((a.id, b.id), Edge(a.id, b.id, "", kind))
