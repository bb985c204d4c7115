"""The modules of a body as expressions: its own, those it is lent, and the one at hand in a loop."""

from __future__ import annotations

from fanin.emit.torch import places
from fanin.ir.graph import Child, Graph, Leaf, ModuleRef, Row, StateRef, Unit


class Modules:
    """How the modules of a graph are reached. A region has those of the graph ``around``."""

    def __init__(self, graph: Graph, lent: dict[str, str], own: str, around: Modules | None = None) -> None:
        self.graph, self.lent, self.own, self.around = graph, lent, own, around
        self.rolled: list[tuple[str, str]] = []  # what a loop goes over, and its variable

    def access(self, ref: ModuleRef) -> str:
        """A module as an expression."""
        if ref.borrowed:
            first, *rest = ref.path.split(".")
            text = self.lent[first]
            for name in rest:
                text += f"[{name}]" if name.isdigit() else f".{name}"
            return text
        return self.access_own(ref.path)

    def access_own(self, path: str) -> str:
        """A module of this graph, or of the one around, by its path."""
        if self.around is not None:
            return self.around.access_own(path)
        for prefix, variable in reversed(self.rolled):
            if path == prefix:
                return variable
            if path.startswith(prefix + "."):
                return places.access_below(self.graph, path, prefix, variable, self.own)
        return places.access(self.graph, path, self.own)

    def state(self, ref: StateRef) -> str:
        """A parameter or buffer as an expression."""
        if ref.module is None:
            return self.access_own(ref.name)
        return f"{self.access(ref.module)}.{ref.name}"

    def iterable(self, container: str, indices: tuple[int, ...]) -> str | None:
        """The modules of a container as something to loop over."""
        try:
            *_, (_, here) = places.walk(self.graph, container)
        except KeyError:
            return None
        text = self.access_own(container)
        kind, keys = places.keys_of(here)
        if [str(i) for i in indices] == keys:
            return text if kind == "list" else f"{text}.values()"
        if kind != "list" or keys != [str(i) for i in range(len(keys))]:
            return None
        step = indices[1] - indices[0]
        start = str(indices[0]) if indices[0] else ""
        stop = "" if indices[-1] + step >= len(keys) else str(indices[-1] + 1)
        return f"{text}[{start}:{stop}{f':{step}' if step != 1 else ''}]"

    def leaf(self, path: str) -> Leaf | None:
        """The leaf at a path, where there is one."""
        instance = self.instance(path)
        return instance if isinstance(instance, Leaf) else None

    def instance(self, path: str) -> Leaf | Unit | Row | None:
        """What is made at a path."""
        if self.around is not None:
            return self.around.instance(path)
        try:
            *_, (_, here) = places.walk(self.graph, path)
        except KeyError:
            return None
        instance = here.instance if isinstance(here, Child) else here
        return instance if isinstance(instance, Leaf | Unit | Row) else None

    def is_checkpointed(self, ref: ModuleRef | None) -> bool:
        """Whether what a module computes (of a repetition, what its places do) is computed again going back."""
        made = None if ref is None or ref.borrowed else self.instance(ref.path)
        if isinstance(made, Row):
            return any(not isinstance(part, Row) and part.checkpoint for _, part in made.parts)
        return made is not None and made.checkpoint
