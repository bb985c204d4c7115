"""What two programs differ in, in terms of the architecture: interface, conditions, cost, modules, what is computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any

from fanin.analyses import cost, paths
from fanin.analyses.conditions import example_sizes, explained
from fanin.emit.spelling import arguments, module, signature
from fanin.ir.conditions import render_condition
from fanin.ir.dims import evaluate, symbols_of
from fanin.ir.graph import Apply, Call, Choice, Grad, Graph, Iterate, Leaf, Node, Program, Scan, Unit, Update
from fanin.ir.laws import Law
from fanin.record import record


@record
class Change:
    """``kind`` is "added", "removed" or "changed"; ``where`` a path, or what of the whole model it is about."""

    kind: str
    where: str
    before: str
    after: str

    def __str__(self) -> str:
        sign = {"added": "+", "removed": "-", "changed": "~"}[self.kind]
        if self.kind == "changed":
            return f"{sign} {self.where}: {self.before} -> {self.after}"
        return f"{sign} {self.where}: {self.after or self.before}"


def differences(a: Program, b: Program) -> list[Change]:
    """The changes from one program to the other, the whole before its parts. Names of files and spans do not count."""
    found = _whole(a, b)
    before, after = _parts(a), _parts(b)
    for path in _merged(list(before), list(after)):
        old, new = before.get(path), after.get(path)
        if old is None or new is None:
            kind = "added" if old is None else "removed"
            if not _inside(path, [c.where for c in found if c.kind == kind]):
                found.append(Change(kind, path, old.text if old else "", new.text if new else ""))
        else:
            found += _part(path, old, new)
    return found


@record
class _Part:
    text: str  # the module with its arguments, and how many of them there are
    states: tuple[str, ...]  # its own parameters and buffers, with types and laws
    steps: tuple[str, ...]  # what it computes itself


def _whole(a: Program, b: Program) -> list[Change]:
    pairs: list[tuple[str, Any, Any]] = [
        ("interface", signature(a.graph).partition("(")[2], signature(b.graph).partition("(")[2]),
        ("parameters", f"{cost.parameters(a):,}", f"{cost.parameters(b):,}"),
        ("trainable", f"{cost.trainable(a):,}", f"{cost.trainable(b):,}"),
        ("buffers", f"{cost.buffers(a):,}", f"{cost.buffers(b):,}"),
        ("FLOPs", *_flops(a, b)),
    ]
    found = [Change("changed", what, old, new) for what, old, new in pairs if old != new]
    old_conditions, new_conditions = ([render_condition(e.condition) for e in explained(program)] for program in (a, b))
    found += [Change("removed", "condition", text, "") for text in old_conditions if text not in new_conditions]
    found += [Change("added", "condition", "", text) for text in new_conditions if text not in old_conditions]
    own = [_Part("", _states(program.graph), _steps(program.graph)) for program in (a, b)]
    return found + _part("", own[0], own[1])


def _flops(a: Program, b: Program) -> tuple[str, str]:
    """Both as they are where that is short, else at example sizes."""
    pair = cost.flops(a), cost.flops(b)
    texts = str(pair[0]), str(pair[1])
    sizes = example_sizes(b)
    if pair[0] == pair[1] or max(map(len, texts)) <= 60 or sizes is None:
        return texts
    by_name = {symbol.name: size for symbol, size in sizes.items()}
    shown = ", ".join(f"{name}={size}" for name, size in by_name.items())
    at = tuple(evaluate(d, {s: by_name.get(s.name, 64) for s in symbols_of(d)}) for d in pair)
    return f"{at[0]:,}", f"{at[1]:,} at {shown}"


def _parts(program: Program) -> dict[str, _Part]:
    found: dict[str, _Part] = {}
    for place in paths.walk(program, fold=True):
        count = f"{place.count} x " if place.count > 1 else ""
        graph = place.instance.graph if isinstance(place.instance, Unit) else None
        states = _weights(place.instance) if isinstance(place.instance, Leaf) else _states(graph) if graph else ()
        found[place.path] = _Part(count + module(place.instance), states, _steps(graph) if graph is not None else ())
    return found


def _weights(leaf: Leaf) -> tuple[str, ...]:
    """The parameters of PyTorch's own module: their sizes, and what of them is not as PyTorch has it."""
    said = ", frozen" if leaf.frozen is True else f", {leaf.frozen} frozen" if leaf.frozen else ""
    return tuple(
        f"{w.spec.name}: {list(w.spec.shape)}"
        + (f" = {w.law}" if w.law != w.spec.fallback else "")
        + (" tied" if w.tied is not None else "")
        + said
        for w in leaf.stored
    )


def _states(graph: Graph) -> tuple[str, ...]:
    return tuple(
        f"{s.kind} {s.name}: {s.type}" + (f" = {s.start}" if isinstance(s.start, Law) else "") for s in graph.states
    )


def _part(path: str, old: _Part, new: _Part) -> list[Change]:
    found: list[Change] = []
    if old.text != new.text:
        found.append(Change("changed", path, old.text, new.text))
    found += _sequence(path or "model", old.states, new.states)
    both = {step for step in old.steps if step in new.steps}  # a module that is on one side alone has its own line
    left, right = ([s for s in steps if s in both or not s.startswith(_APPLY)] for steps in (old.steps, new.steps))
    return found + _sequence(path or "model", left, right)


_APPLY = "apply "


def _sequence(where: str, old: Sequence[str], new: Sequence[str]) -> list[Change]:
    found: list[Change] = []
    for kind, a, b, c, d in SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if kind == "replace" and b - a == d - c:
            found += [Change("changed", where, x, y) for x, y in zip(old[a:b], new[c:d], strict=True)]
        elif kind != "equal":
            found += [Change("removed", where, x, "") for x in old[a:b]]
            found += [Change("added", where, "", y) for y in new[c:d]]
    return found


def _steps(graph: Graph) -> tuple[str, ...]:
    """What a graph does besides applying modules, which have their own lines; and in which order it does that."""
    return tuple(text for node in graph.nodes for text in _step(node))


def _step(node: Node) -> Iterator[str]:
    match node:
        case Apply(module=None):
            yield (
                f"{node.op.name}({arguments(node.op, node.attrs)})" if arguments(node.op, node.attrs) else node.op.name
            )
        case Call(module=None):
            yield f"{node.graph.name}(…)"
        case Scan():
            yield f"scan along axis {node.axis}" + (" from the end" if node.reverse else "")
        case Iterate():
            yield f"iterate, at most {node.limit} times"
        case Choice():
            yield "if training"
        case Grad():
            yield "grad"
        case Update():
            yield f"update {node.state.name}"
        case _:
            module_ref = getattr(node, "module", None)
            if module_ref is not None:
                yield f"{_APPLY}{module_ref.path}"


def _merged(old: list[str], new: list[str]) -> list[str]:
    """Paths of both, in the order of the second, those that are gone where they stood."""
    found: list[str] = []
    for kind, a, b, c, d in SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        found += old[a:b] if kind != "insert" else []
        found += new[c:d] if kind in ("insert", "replace") else []
    return list(dict.fromkeys(found))


def _inside(path: str, others: Sequence[str]) -> bool:
    return any(path.startswith(f"{other}.") for other in others)
