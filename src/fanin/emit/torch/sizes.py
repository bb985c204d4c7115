"""Open dimensions in a body: each a letter that is read off an input, or a number that the caller hands over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fanin.emit.torch.expressions import Tree, parsed
from fanin.emit.torch.names import Names
from fanin.emit.torch.statements import Assign, Statement
from fanin.emit.torch.uses import EmitError
from fanin.ir.dims import Dim, Poly, Symbol, render, substitute
from fanin.ir.graph import Graph, Port
from fanin.ops.code import Name


class Sizes:
    """The sizes of one body. ``ports`` are the names of its inputs, by the indices of their values."""

    def __init__(self, graph: Graph, ports: dict[int, str], names: Names) -> None:
        self.graph, self.ports, self.names = graph, ports, names
        self.letters: dict[Symbol, str] = {}
        self.told: dict[Symbol, str] = {}  # sizes that the caller hands over, by name
        self.needed: dict[Symbol, str] = {}  # those of them that are read

    def size(self, size: Dim) -> Tree:
        """An open dimension in terms of the sizes of the inputs."""
        if isinstance(size, int):
            return size
        for symbol in sorted(size.symbols(), key=lambda s: s.key):
            if (
                symbol not in self.letters
                and symbol not in self.told
                and self._axis(symbol.poly) is None
                and symbol.definition is not None
            ):
                return self.size(_without(size, symbol))
        return parsed(render(size, self.letter, True))

    def letter(self, symbol: Symbol) -> str:
        """The variable that holds a size from now on. Raises EmitError where no input has it."""
        if symbol in self.told:
            return self.needed.setdefault(symbol, self.told[symbol])
        if symbol not in self.letters:
            if self._axis(symbol.poly) is None:
                raise EmitError(f"no input of `{self.graph.name}` has the size {symbol.name} as an axis")
            self.letters[symbol] = self.names.fresh(symbol.name if symbol.name.isidentifier() else "size")
        return self.letters[symbol]

    def _axis(self, size: Dim) -> tuple[int, int] | None:
        """The input and its axis with that size."""
        for port in self.graph.ports:
            if port.value is not None and port.value.index in self.ports:
                for axis, here in enumerate(port.value.type.shape):
                    if here == size and isinstance(here, Poly):
                        return port.value.index, axis
        return None

    def preamble(self) -> list[Statement]:
        """Reads the letters that are needed off the inputs: ``B, T, _ = x.shape``."""
        axes: dict[tuple[int, int], str] = {}
        for symbol, name in self.letters.items():
            found = self._axis(symbol.poly)
            assert found is not None
            axes[found] = name
        named = [(port, self.ports[port.value.index]) for port in self.graph.ports
                 if port.value is not None and port.value.index in self.ports]  # fmt: skip
        return preamble(named, axes)


def preamble(ports: Sequence[tuple[Port, str]], axes: Mapping[tuple[int, int], str]) -> list[Statement]:
    """Reads sizes off inputs. ``ports`` come with their names, ``axes`` by value and axis."""
    wanted: dict[int, dict[int, str]] = {}
    for (index, axis), name in axes.items():
        wanted.setdefault(index, {})[axis] = name
    lines: list[Statement] = []
    for port, name in ports:
        if port.value is None or port.value.index not in wanted:
            continue
        letters = wanted[port.value.index]
        if len(letters) == 1:
            axis, letter = next(iter(letters.items()))
            lines.append(Assign((letter,), Name(f"{name}.shape[{axis}]")))
        else:
            # A `_` for what is not needed, and at the end one for all of it.
            targets = [letters.get(axis, "_") for axis in range(port.value.type.rank)]
            if targets[-2:] == ["_", "_"]:
                while targets[-2] == "_":
                    targets.pop()
                targets[-1] = "*_"
            lines.append(Assign(tuple(targets), Name(f"{name}.shape")))
    return lines


def _without(size: Poly, symbol: Symbol) -> Dim:
    assert symbol.definition is not None
    return substitute(size, {symbol: symbol.definition})
