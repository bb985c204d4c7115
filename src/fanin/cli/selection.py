"""Which warnings a check is asked for: ``--select`` and ``--ignore``."""

from __future__ import annotations

from collections.abc import Sequence

from fanin.cli.exits import Failure
from fanin.diagnostics.model import Diagnostic
from fanin.record import record
from fanin.report import Report


@record
class Selection:
    """Ids of codes; ``select`` is None where all are wanted. Errors always are, but for those of
    lints: they stop what comes next."""

    select: frozenset[str] | None = None
    ignore: frozenset[str] = frozenset()

    def of(self, report: Report) -> Report:
        """The report without what is not wanted."""
        kept = tuple(d for d in report.diagnostics if self.wants(d))
        return Report(kept, report.sources, report.programs)

    def wants(self, d: Diagnostic) -> bool:
        if d.is_fatal:
            return True
        return (self.select is None or d.code.id in self.select) and d.code.id not in self.ignore


def parse_selection(select: Sequence[str], ignore: Sequence[str]) -> Selection:
    """From lists with commas of ids, names and beginnings of ids. Raises Failure for anything else."""
    if not select and not ignore:
        return Selection()  # without loading the codes
    return Selection(_codes(select) if select else None, _codes(ignore))


def _codes(selectors: Sequence[str]) -> frozenset[str]:
    from fanin.diagnostics.codes import nearest_code, select_codes

    chosen: frozenset[str] = frozenset()
    for selector in (part.strip() for text in selectors for part in text.split(",")):
        found = select_codes(selector)
        if not found:
            near = nearest_code(selector)
            hint = f"; did you mean {near.id} ({near.name})?" if near else ""
            raise Failure(f"no code is or begins with `{selector}`{hint}", "`fanin explain` lists them")
        chosen |= found
    return chosen
