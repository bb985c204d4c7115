"""Graphs of one instance that stay apart: each keeps its statements, and the inputs are asked which of them it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fanin.emit.torch.checks import wrong_kind
from fanin.emit.torch.expressions import Tree
from fanin.emit.torch.statements import If, Statement, without_types
from fanin.emit.torch.uses import EmitError
from fanin.emit.torch.versions import ANY_SIZE, Version, common_letters
from fanin.ir.dims import Dim, Symbol
from fanin.ir.graph import Graph, Port, Result, Value
from fanin.ir.types import TensorType
from fanin.ops import code as ops
from fanin.ops.code import Infix, Name, Prefix


def ported(versions: Sequence[Version]) -> tuple[Graph, tuple[tuple[str, str], ...]]:
    """The graph that is given the most inputs, and what all of them together are given."""
    most = max(versions, key=lambda v: sum(p.value is not None for p in v.graph.ports))
    parameters: list[tuple[str, str]] = []
    absent: dict[int, list[int]] = {id(v): [] for v in versions}
    rest = list(most.parameters[sum(p.value is not None for p in most.graph.ports) :])
    for i in range(len(most.graph.ports)):
        given = [v for v in versions if v.graph.ports[i].value is not None]
        if not given:
            continue
        name = given[0].writer.ports[_index(given[0].graph.ports[i])]
        for version in versions:
            if version not in given:
                absent[id(version)].append(len(parameters))
        parameters.append((name, "Tensor" if len(given) == len(versions) else "Tensor | None"))
    if not rest:
        for at in range(len(parameters) - 1, -1, -1):
            if not parameters[at][1].endswith("None"):
                break
            parameters[at] = (parameters[at][0], "Tensor | None = None")
    for version in versions:
        version.absent = tuple(absent[id(version)])
    ports = []
    for i, port in enumerate(most.graph.ports):
        values = [v.graph.ports[i].value for v in versions]
        kinds = [value.type for value in values if value is not None]
        if port.value is not None:
            port = Port(port.name, Value(port.value.index, _widest(kinds)), port.span)
        ports.append(port)
    results = []
    for result in most.graph.results:
        same = [r.value for v in versions for r in v.graph.results if r.name == result.name]
        kinds = [value.type for value in same if isinstance(value, Value)]
        if isinstance(result.value, Value):
            result = Result(result.name, Value(result.value.index, _widest(kinds)))
        results.append(result)
    letters = common_letters(versions, most.graph)
    graph = replace(most.graph, letters=letters, ports=tuple(ports), results=tuple(results))
    return graph, (*parameters, *rest)


def choices(versions: Sequence[Version]) -> tuple[Statement, ...]:
    """What all have in common at the beginning and the end, and between them ``if x.shape[1] == 16:``."""
    left = sorted(versions, key=_fixed, reverse=True)
    texts = [(*version.preamble(), *version.body) for version in left]
    bare = [without_types(text) for text in texts]
    shortest = min(len(text) for text in bare)
    same = [len({repr(text[i]) for text in bare}) == 1 for i in range(shortest)]
    start = same.index(False) if False in same else shortest
    back = [len({repr(text[-1 - i]) for text in bare}) == 1 for i in range(shortest - start)]
    end = back.index(False) if False in back else shortest - start
    choice: tuple[Statement, ...] = ()
    for at in reversed(range(len(left))):
        middle = texts[at][start : len(texts[at]) - end]
        if at == len(left) - 1:
            choice = middle
        elif middle != choice:
            condition = _all(_tests(left[at], left[at + 1 :]))
            if end:
                choice = (If(condition, middle, choice) if middle else If(_not(condition), choice),)
            else:
                choice = (If(condition, middle), *choice)
    return (*texts[0][:start], *choice, *texts[0][len(texts[0]) - end :])


def _tests(version: Version, others: Sequence[Version]) -> list[Tree]:
    """What holds of the inputs of a version alone, or makes what it does right for those of the others."""
    tests: list[Tree] = []
    for i, port in enumerate(version.graph.ports):
        counterparts = [other.graph.ports[i].value for other in others]
        if port.value is None:
            given = next((o for o in others if o.graph.ports[i].value is not None), None)
            if given is not None:
                tests.append(Infix("is", Name(given.writer.ports[_index(given.graph.ports[i])]), None))
            continue
        name, kind = version.writer.ports[port.value.index], port.value.type
        if any(value is None for value in counterparts):
            tests.append(Infix("is not", Name(name), None))
        types = [value.type for value in counterparts if value is not None]
        if any(other.dtype is not kind.dtype for other in types):
            tests.append(Prefix("not", Name(f"({wrong_kind(kind.dtype, name)})")))
        if any(other.rank != kind.rank for other in types):
            tests.append(Infix("==", ops.Method(Name(name), "dim", ()), kind.rank))
        seen: dict[Dim, str] = {}
        for axis, size in enumerate(kind.shape):
            here = f"{name}.shape[{axis}]"
            if isinstance(size, int):
                if any(other.rank == kind.rank and other.shape[axis] != size for other in types):
                    tests.append(Infix("==", Name(here), size))
            elif size in seen:
                tests.append(Infix("==", Name(here), Name(seen[size])))
            elif len(size.symbols()) == 1 and size == next(iter(size.symbols())).poly:
                seen[size] = here
            elif not all(_apart(version, other) for other in others):
                raise EmitError(
                    f"one instance of `{version.graph.name}` is applied to tensors of different form,"
                    f" one of them with the size {size} that cannot be asked for"
                )
    if not tests:
        raise EmitError(f"one instance of `{version.graph.name}` is applied to tensors that cannot be told apart")
    return tests


def _widest(kinds: Sequence[TensorType]) -> TensorType:
    """A type for a docstring: ``_`` for a size that differs, ``*`` where the ranks do."""
    first = kinds[0]
    rank = min(kind.rank for kind in kinds)
    last = [[kind.shape[-1 - i] for kind in kinds] for i in range(rank)]
    shape = [sizes[0] if len(set(map(str, sizes))) == 1 else ANY_SIZE for sizes in reversed(last)]
    if any(kind.rank != rank for kind in kinds):
        shape = [Symbol("*").poly, *(size for size in shape if isinstance(size, int))]
    return first.with_shape(*shape)


def _fixed(version: Version) -> int:
    """How many sizes of the inputs are numbers, and how many inputs are given."""
    shapes = [p.value.type.shape for p in version.graph.ports if p.value is not None]
    return sum(isinstance(size, int) for shape in shapes for size in shape)


def _all(tests: Sequence[Tree]) -> Tree:
    """All of these hold."""
    condition = tests[0]
    for test in tests[1:]:
        condition = Infix("and", condition, test)
    return condition


_OPPOSITES = {"is": "is not", "is not": "is", "==": "!="}


def _not(condition: Tree) -> Tree:
    if isinstance(condition, Infix) and condition.op in _OPPOSITES:
        return Infix(_OPPOSITES[condition.op], condition.left, condition.right)
    return Prefix("not", condition)


def _apart(one: Version, other: Version) -> bool:
    """Whether no input fits both: one is left out, of another kind or rank, or of another fixed size."""
    for a, b in zip((p.value for p in one.graph.ports), (p.value for p in other.graph.ports), strict=True):
        if a is None or b is None:
            if a is not b:
                return True
        elif (a.type.dtype, a.type.rank) != (b.type.dtype, b.type.rank) or any(
            isinstance(x, int) and isinstance(y, int) and x != y
            for x, y in zip(a.type.shape, b.type.shape, strict=True)
        ):
            return True
    return False


def _index(port: Port) -> int:
    assert port.value is not None
    return port.value.index
