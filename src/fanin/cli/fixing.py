"""Changes files as the fixes of a report say: ``check --fix``."""

from __future__ import annotations

from collections.abc import Callable

from fanin.cli import files
from fanin.cli.output import err
from fanin.diagnostics.fixes import apply_fixes
from fanin.diagnostics.model import Severity
from fanin.report import Report
from fanin.source import Source

_PASSES = 10  # a fix may uncover another, but not for ever


def fix(report: Report, check: Callable[[], Report], may_change: Callable[[Source], bool]) -> Report:
    """Apply fixes and check again until none is left, and say what was done. Gives the last report.

    A round that brings new errors is taken back, and is a bug of ours: a safe fix keeps the meaning. Where a spec
    promises what the fix of a lint changes, such as a number of parameters, lints are left unfixed, and it says so.
    """
    done = 0
    lints = True
    for _ in range(_PASSES):
        fixed = apply_fixes((d for d in report.diagnostics if lints or not d.is_lint), may_change)
        if not fixed.texts:
            break
        for source, text in fixed.texts.items():
            files.write_text(source.name, text)
        after = check()
        if after.count(Severity.ERROR) > report.count(Severity.ERROR):
            for source in fixed.texts:
                files.write_text(source.name, source.text)
            if any(d.is_lint for d in fixed.applied):
                lints = False
                broken = sorted({d.code.id for d in after.diagnostics if d.severity is Severity.ERROR})
                err(f"the fixes of lints are left out: with them there is {', '.join(broken)}\n")
                continue
            codes = ", ".join(sorted({d.code.id for d in fixed.applied}))
            raise AssertionError(f"the fix of {codes} brought new errors, and was taken back")
        for d in fixed.applied:
            title = d.fix.title if d.fix else ""
            err(f"fixed {d.span}: {title} [{d.code.id} {d.code.name}]\n")
        done += len(fixed.applied)
        report = after
    if done:
        err(f"{done} fixed\n\n")
    return report


def show_fixes(report: Report, may_change: Callable[[Source], bool]) -> str:
    """What the first round of ``fix`` would change, as a unified diff."""
    texts = apply_fixes(report.diagnostics, may_change).texts
    return "".join(files.difference(source.text, text, source.name) for source, text in texts.items())
