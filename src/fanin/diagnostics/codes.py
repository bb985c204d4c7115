"""Every code fanin can report. A code never changes its meaning; each has a page in ``pages/``."""

from __future__ import annotations

from fanin.diagnostics.model import Code, Severity

W, A = Severity.WARNING, Severity.ADVICE
