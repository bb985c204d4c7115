"""A spec → the same spec with a better start, and what each part of it does for the start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fanin.ir.graph import Program
from fanin.pipeline.artefacts import signal
from fanin.pipeline.checks import check_source
from fanin.pipeline.graphs import elaborate_source
from fanin.report import CheckFailed, Hyper, read_source
from fanin.source import Source
from fanin.syntax.parser import parse as parse_source

if TYPE_CHECKING:
    from fanin.repairs.roles import Behaviour, Effect
    from fanin.repairs.run import Repaired
    from fanin.signal.analysis import Analysis


def repair(
    path: str,
    kind: str,
    name: str | None = None,
    hyper: Hyper | None = None,
    *,
    base: Hyper | None = None,
    inputs: Mapping[str, Any] | None = None,
) -> Repaired:
    """The text of a file after a repair of the start of one of its networks, and that network before and after.

    ``base`` are the hyper-parameters of the small network that ``mup`` carries scales over from. Raises Refused (a
    ValueError) where the repair does not fit, and CheckFailed where what comes out breaks a promise of the spec.
    """
    from fanin.repairs.case import Case
    from fanin.repairs.run import repaired

    source = read_source(path)
    entry = elaborate_source(source, path, name, hyper).name

    def case_of(changed: Source) -> Case:
        program = elaborate_source(changed, path, entry, hyper)
        file, _ = parse_source(changed)
        return Case(
            program,
            signal(program, inputs),
            file,
            hyper or {},
            base or {},
            lambda given: elaborate_source(changed, path, entry, dict(given)),
        )

    def build(changed: Source, held: bool) -> Program:
        if not held:
            return elaborate_source(changed, path, entry, hyper)
        report = check_source(changed, path, [entry], hyper)
        if not report.ok:
            raise CheckFailed(report)
        made: Program = report.programs[0]
        return made

    return repaired(kind, source, case_of, build, lambda program: signal(program, inputs))


def roles(
    path: str, name: str | None = None, hyper: Hyper | None = None, inputs: Mapping[str, Any] | None = None
) -> tuple[Behaviour, list[Effect]]:
    """How a network starts and what it sees, and so without each part of the file that has a ``@role``."""
    from fanin.repairs.roles import behaviour, effects

    source = read_source(path)
    entry = elaborate_source(source, path, name, hyper).name

    def analyse(changed: Source) -> tuple[Program, Analysis]:
        try:
            program = elaborate_source(changed, path, entry, hyper)
            return program, signal(program, inputs)
        except CheckFailed as error:
            raise ValueError(error.report.diagnostics[0].headline) from None

    return behaviour(*analyse(source)), effects(parse_source(source)[0], analyse)
