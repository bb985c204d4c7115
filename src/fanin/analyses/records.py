"""What has been worked out for a graph, kept for as long as the graph is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from fanin.ir.graph import Graph

T = TypeVar("T")


class Records(Generic[T]):
    """A record for each graph, made empty when it is first asked for."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._known: WeakKeyDictionary[Graph, T] = WeakKeyDictionary()

    def __getitem__(self, graph: Graph) -> T:
        found = self._known.get(graph)
        if found is None:
            found = self._known[graph] = self._make()
        return found
