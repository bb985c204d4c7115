"""A repair carried out: the text that comes out, its network, and how that starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from fanin.analyses import cost
from fanin.diagnostics.fixes import edited
from fanin.diagnostics.model import Edit
from fanin.ir.graph import Program
from fanin.repairs import find, names
from fanin.repairs.case import Answer, Case, Refused
from fanin.repairs.copied import brought
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
    source: Source,
    case_of: Callable[[Source], Case],
    build: Callable[[Source, bool], Program],
    analyse: Callable[[Program], Analysis],
) -> Repaired:
    """Change the text as a repair says, build it, and hold the repair to what it promises.

    ``build`` elaborates a text; where it is told to, it holds the text to all that ``fanin check`` does. Blocks of the
    library that would have to change are copied into the file first. The layout is that of ``fanin fmt`` where the file
    had it before. Where parameters come to be, an ``expect params == …`` gets the new number. Raises Refused where the
    repair does not fit the network.
    """
    repair = find(name)
    if repair is None:
        raise Refused(f"there is no repair `{name}`", f"there are {', '.join(names())}")
    copied: list[str] = []
    while True:
        case = case_of(source)
        try:
            answer = repair(case)
            break
        except Refused as error:
            new = brought(case.file, error.elsewhere, copied) if error.elsewhere is not None else None
            if new is None or len(copied) > 20:
                raise
            copied += new.names
            source = Source(source.name, laid_out(case.file, new.text))
    if copied:
        notes = (f"{', '.join(f'`{n}`' for n in copied)}: copied from the library, to be changed here", *answer.notes)
        answer = replace(answer, notes=notes)
    if not answer.edits:
        return Repaired(
            name, case.file.source.text, (case.program, case.analysis), (case.program, case.analysis), answer
        )
    text = laid_out(case.file, edited(case.file.source.text, answer.edits))
    changed = Source(case.file.source.name, text)
    if promised(changed):
        text = counted(changed, cost.parameters(case.program), cost.parameters(build(changed, False)))
    program = build(Source(case.file.source.name, text), True)
    analysis = analyse(program)
    for check in answer.checks:
        wrong = check(analysis)
        if wrong is not None:
            raise Refused(f"`{name}` does not bring about here what it is for: {wrong}")
    return Repaired(name, text, (case.program, case.analysis), (program, analysis), answer)


def laid_out(file: tree.File, text: str) -> str:
    """A new text of a file, in the layout of ``fanin fmt`` where the file had it."""
    changed, problems = parse(Source(file.source.name, text))
    assert not problems, [p.headline for p in problems]
    return format_file(changed) if format_file(file) == file.source.text else text


def promised(source: Source, name: str | None = None) -> list[tree.Expect]:
    """The ``expect``s of a file, or of one declaration of it."""
    own = [
        d
        for d in parse(source)[0].declarations
        if name is None or getattr(getattr(d, "name", None), "name", "") == name
    ]
    return [n for n in nodes(tuple(own)) if isinstance(n, tree.Expect)]


def counted(source: Source, before: int | None, after: int, name: str | None = None) -> str:
    """The text with ``expect params == before`` (of any number, where that is None) set right."""
    edits = []
    for promise in promised(source, name):
        if isinstance(promise.test, tree.Chain) and len(promise.test.steps) == 1:
            what, (step,) = promise.test.first, promise.test.steps
            counts = isinstance(what, tree.Ident) and what.name in ("params", "trainable") and step.op == "=="
            old = step.operand.value if isinstance(step.operand, tree.Number) else after
            if counts and old != after and before in (None, old):
                edits.append(Edit(step.operand.span, f"{after:_}"))
    return edited(source.text, edits)
