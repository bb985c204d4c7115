"""Settling what models promise: every ``expect`` of a program held against what the analyses say."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

from fanin.analyses import cost
from fanin.analyses.reading import reached
from fanin.diagnostics import Code, Diagnostic, Edit, Fix
from fanin.diagnostics.codes import EXP501, EXP503, TYP401, TYP405, TYP407
from fanin.diagnostics.suggest import nearest
from fanin.ir.dims import Poly, expand, symbols_of
from fanin.ir.facts import Compare, Verdict
from fanin.ir.graph import Graph, Program, Promise, Query
from fanin.ir.unknown import Unknown
from fanin.source import Span

Number: TypeAlias = "int | float | bool | Poly"
Answer: TypeAlias = "Number | Unknown | Diagnostic"
Ask: TypeAlias = "Callable[[Program, Graph, Promise, Query], Answer]"

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_LITERAL = r"[0-9][0-9_]*(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?[A-Za-z]*"
_KINDS: dict[str, Code] = {"name": TYP405, "missing": TYP407, "shape": TYP401, "condition": TYP401}


def broken_promises(program: Program) -> list[Diagnostic]:
    """What is broken, and as advice what cannot be decided, of the ``expect``s of a program and its blocks."""
    found: list[Diagnostic] = []
    for graph in reversed(reached(program.graph)):
        for promise in graph.promises:
            problem = _settle(program, graph, promise)
            if problem is not None:
                found.append(problem)
    return found


def _settle(program: Program, graph: Graph, promise: Promise) -> Diagnostic | None:
    """The message about a promise, None where it is kept."""
    undecided: Diagnostic | None = None
    for left, op, right in promise.comparisons:
        sides = (left, *right[1:]) if _is_range(right) else (left, right)
        answers = [_answer(program, graph, promise, side) for side in sides]
        for answer in answers:
            if isinstance(answer, Diagnostic):
                return answer
        unknown = next((a for a in answers if isinstance(a, Unknown)), None)
        if unknown is not None:
            what = left if isinstance(answers[0], Unknown) else right
            undecided = undecided or _undecided(promise, _text(what), unknown.why)
            continue
        numbers = cast("list[Number]", answers)
        verdict = _verdict(program, op, numbers)
        if verdict is False:
            return _broken(graph, program, promise, (left, op, right), numbers)
        if verdict is None:
            opens = sorted({s.name for n in numbers if isinstance(n, Poly) for s in symbols_of(n)})
            undecided = undecided or _undecided(promise, _text(left), _open(left, opens))
    return undecided


def _is_range(side: Any) -> bool:
    return isinstance(side, tuple) and len(side) == 3 and side[0] == "range"


def _verdict(program: Program, op: str, numbers: list[Number]) -> bool | None:
    """Whether a comparison holds; None where that hangs on an open dimension."""
    if op == "in" and len(numbers) == 3:
        halves = [_verdict(program, "<=", numbers[1::-1]), _verdict(program, "<=", [numbers[0], numbers[2]])]
        return False if False in halves else None if None in halves else True
    a, b = numbers
    if not isinstance(a, Poly) and not isinstance(b, Poly):
        return _COMPARE[op](a, b)
    if isinstance(a, float) or isinstance(b, float):
        a, b = (int(x) if isinstance(x, float) and x.is_integer() else x for x in (a, b))
        if isinstance(a, float) or isinstance(b, float):
            return None
    verdict = program.facts.verdict(Compare(cast(Any, op), a, b))
    return {Verdict.PROVED: True, Verdict.REFUTED: False}.get(verdict)


# ------------------------------------------------------------------------------------------------------ queries


def _answer(program: Program, graph: Graph, promise: Promise, side: Any) -> Answer:
    if isinstance(side, Query):
        ask = _QUERIES.get(side.name)
        if ask is None:
            return Unknown(f"the analysis behind `{side.name}` is not built yet in this version")
        return ask(program, graph, promise, side)
    if isinstance(side, Poly):
        return expand(side)
    return cast("Number", side)


def _count(count: Callable[[Graph], int]) -> Ask:
    def ask(program: Program, graph: Graph, promise: Promise, query: Query) -> Answer:
        if query.args:
            headline = f"`{query.name}` takes no arguments"
            return Diagnostic(TYP405, headline, promise.span, "it counts those of the whole block")
        return _unknown_part(graph) or count(graph)

    return ask


def _unknown_part(graph: Graph) -> Unknown | None:
    """What an extern holds and does, nobody here knows."""
    found = next((g for g in reached(graph) if g.kind == "extern"), None)
    return None if found is None else Unknown(f"`{found.name}` is an extern block, and says nothing of what is in it")


def _flops(program: Program, graph: Graph, promise: Promise, query: Query) -> Answer:
    names = [port.name for port in graph.ports if port.value is not None]
    shapes: dict[str, Any] = {}
    for place, (name, shape) in enumerate(query.args):
        name = name or (names[place] if place < len(names) else "")
        if not isinstance(shape, (list, tuple)):
            headline = f"`flops` takes the shape of each input, such as `flops({name or 'x'}=[1, 8])`"
            return Diagnostic(TYP401, headline, promise.span, f"`{name}` is no shape")
        shapes[name] = list(shape)
    if unknown := _unknown_part(graph):
        return unknown
    if not shapes:
        return cost.flops_of(graph)
    found = cost.flops_of_at(graph, shapes) if graph is not program.graph else cost.flops_at(program, shapes)
    if not isinstance(found, cost.Misfit):
        return found
    near = nearest(found.about, names) if found.kind == "name" else None
    helps = (f"did you mean `{near}`?",) if near else (f"the inputs: {_inputs(graph)}",)
    headline = f"in `{_text(query)}`, {found.message}"
    return Diagnostic(_KINDS[found.kind], headline, promise.span, "these sizes", helps=helps)


def _inputs(graph: Graph) -> str:
    return ", ".join(f"`{p.name}: {p.value.type}`" for p in graph.ports if p.value is not None) or "none"


def _memory(program: Program, graph: Graph, promise: Promise, query: Query) -> Answer:
    from fanin.analyses.budget import asked  # only where it is asked for

    return _unknown_part(graph) or asked(program, graph, promise, query)


def _signal(program: Program, graph: Graph, promise: Promise, query: Query) -> Answer:
    """How a network behaves when its weights are drawn: the only query that needs the analysis of signals."""
    from fanin.signal.sizes import sizes_for
    from fanin.signal.totals import TOTALS, total

    asked = [name for name, value in query.args if value is True]
    if len(asked) != 1 or len(query.args) != 1 or asked[0] not in TOTALS:
        headline = f"`signal` is asked for one of {', '.join(TOTALS)}"
        return Diagnostic(TYP401, headline, promise.span, "not this", helps=("for example `signal(gain)`",))
    if graph.borrows:
        return Unknown("modules are lent to this block, and it does not run alone")
    alone = program if graph is program.graph else Program(graph.name, graph, (), program.facts)
    if sizes_for(alone) is None:
        return Unknown("no sizes of its inputs were found that meet its conditions")
    return total(alone, asked[0])


def _claim(program: Program, graph: Graph, promise: Promise, query: Query) -> Answer:
    """What dependence says: gone into only where it is asked for."""
    from fanin.analyses.claims import CLAIMS

    return cast("Answer", CLAIMS[query.name](program, graph, promise, query))


_QUERIES: Mapping[str, Ask] = {
    **dict.fromkeys(("causal", "equivariant", "invariant", "receptive_field", "depth"), _claim),
    "signal": _signal,
    "params": _count(lambda graph: cost.weights_of(graph).parameters),
    "trainable": _count(lambda graph: cost.weights_of(graph).trainable),
    "flops": _flops,
    "memory": _memory,
}


# ----------------------------------------------------------------------------------------------------- messages


def _broken(
    graph: Graph, program: Program, promise: Promise, comparison: tuple[Any, str, Any], numbers: list[Number]
) -> Diagnostic:
    left, op, right = comparison
    asked, value, other, wanted = left, numbers[0], right, numbers[1:]
    if not isinstance(left, Query) and isinstance(right, Query) and op != "in":
        asked, value, other, wanted, op = right, numbers[1], left, numbers[:1], _MIRRORED[op]
    given = "..".join(_number(n) for n in wanted)
    if isinstance(other, Query):
        given = f"{_number(wanted[0])}, which is `{_text(other)}`"
    relation = {"==": "not", "!=": "which it should not be:", "in": "not in"}.get(op, f"not {op}")
    headline = f"`{_text(asked)}` is {_number(value)}, {relation} {given}"
    if not isinstance(asked, Query):
        headline = f"`{promise.text}` does not hold: {_number(value)} is {relation} {given}"
    notes = () if graph is program.graph else (f"in `{_shown(graph)}`",)
    fix = _true_value(promise, asked, op, value)
    return Diagnostic(EXP501, headline, promise.span, f"{_number(value)} here", notes=notes, fix=fix)


_MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def _true_value(promise: Promise, asked: Any, op: str, value: Number) -> Fix | None:
    """For ``query == literal``, the literal replaced by what is true. Whether that is meant, only the author knows."""
    if op != "==" or len(promise.comparisons) != 1 or not isinstance(asked, Query) or not isinstance(value, int):
        return None
    text = promise.span.text
    match = re.search(rf"==\s*({_LITERAL})\s*$", text) or re.match(rf"({_LITERAL})\s*==", text)
    if match is None:
        return None
    start = promise.span.start + match.start(1)
    new = f"{value:_}"
    return Fix(f"write `{new}`", (Edit(Span(promise.span.source, start, start + len(match[1])), new),))


def _undecided(promise: Promise, what: str, why: str) -> Diagnostic:
    return Diagnostic(EXP503, f"`{what}` cannot be told: {why}", promise.span, "neither kept nor broken", helps=())


def _open(side: Any, opens: list[str]) -> str:
    hangs = f"it hangs on {_listed(opens)}, which {'is' if len(opens) == 1 else 'are'} open"
    if isinstance(side, Query) and side.name == "flops":
        return f"{hangs}; give the shapes, as in `flops(x=[1, 8])`"
    if isinstance(side, Query) and side.name == "memory":
        return f"{hangs}; give sizes, as in `memory({', '.join(f'{name}=8' for name in opens)})`"
    return hangs


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _shown(graph: Graph) -> str:
    hypers = ", ".join(f"{name}={_value(value)}" for name, value in graph.hypers)
    return f"{graph.name}({hypers})" if hypers else graph.name


def _text(side: Any) -> str:
    """A side of a comparison as the spec has it: ``flops(image=[1, 3, 224, 224])``."""
    if isinstance(side, Query):
        args = [n if v is True else f"{n}={_value(v)}" if n else _value(v) for n, v in side.args]
        return f"{side.name}({', '.join(args)})" if args else side.name
    if _is_range(side):
        return f"{_number(side[1])}..{_number(side[2])}"
    return _number(side)


def _value(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        inner = ", ".join(map(_value, value))
        return f"[{inner}]" if isinstance(value, list) else f"({inner})"
    if isinstance(value, Query):
        return _text(value)
    if value is None or isinstance(value, bool):
        return "none" if value is None else str(value).lower()
    return str(value)


def _number(value: Any) -> str:
    """A number as a reader takes it in: ``25,557,032``, ``8.2e9`` in full."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{int(value):,}" if value == value // 1 and abs(value) < 1e18 else f"{value:g}"
    return _text(value) if isinstance(value, Query) else str(value)
