"""A repair carried out: the text that comes out, its network, and how that starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fanin.analyses import cost
from fanin.diagnostics.fixes import edited
from fanin.diagnostics.model import Edit
from fanin.ir.graph import Program
from fanin.repairs import find, names
from fanin.repairs.case import Answer, Case, Refused
from fanin.repairs.places import nodes
from fanin.signal.analysis import Analysis
from fanin.source import Source
from fanin.syntax import tree
from fanin.syntax.format import format_file
from fanin.syntax.parser import parse


@dataclass(frozen=True)
class Repaired:
    """``text`` is the whole file; ``before`` and ``after`` are the networks and how they start."""

    name: str
    text: str
    before: tuple[Program, Analysis]
    after: tuple[Program, Analysis]
    answer: Answer


def repaired(
    name: str,
    case: Case,
    build: Callable[[Source], Program],
    analyse: Callable[[Program], Analysis],
) -> Repaired:
    """Change the text as a repair says, build it, and hold the repair to what it promises.

    The layout is that of ``fanin fmt`` where the file had it before. Where parameters come to be, an
    ``expect params == …`` gets the new number. Raises Refused where the repair does not fit the network.
    """
    repair = find(name)
    if repair is None:
        raise Refused(f"there is no repair `{name}`", f"there are {', '.join(names())}")
    answer = repair(case)
    if not answer.edits:
        return Repaired(name, case.file.source.text, (case.program, case.analysis), (case.program, case.analysis), answer)
    text = _laid_out(case.file, edited(case.file.source.text, answer.edits))
    program = build(Source(case.file.source.name, text))
    counted = _counted(Source(case.file.source.name, text), cost.parameters(case.program), cost.parameters(program))
    if counted is not None:
        text = counted
        program = build(Source(case.file.source.name, text))
    analysis = analyse(program)
    for check in answer.checks:
        wrong = check(analysis)
        if wrong is not None:
            raise Refused(f"`{name}` does not bring about here what it is for: {wrong}")
    return Repaired(name, text, (case.program, case.analysis), (program, analysis), answer)


def _laid_out(file: tree.File, text: str) -> str:
    changed, problems = parse(Source(file.source.name, text))
    assert not problems, [p.headline for p in problems]
    return format_file(changed) if format_file(file) == file.source.text else text


def _counted(source: Source, before: int, after: int) -> str | None:
    """The text with ``expect params == before`` set right; None where nothing has to be."""
    if before == after:
        return None
    edits = []
    for node in nodes(parse(source)[0]):
        if isinstance(node, tree.Expect) and isinstance(node.test, tree.Chain):
            first, steps = node.test.first, node.test.steps
            if isinstance(first, tree.Ident) and first.name in ("params", "trainable") and len(steps) == 1:
                number = steps[0].operand
                if steps[0].op == "==" and isinstance(number, tree.Number) and number.value == before:
                    edits.append(Edit(number.span, f"{after:_}"))
    return edited(source.text, edits) if edits else None
