"""The number that a rule goes by, with where it comes from: what a project may set, and the table of rules says."""

from __future__ import annotations

from fanin.diagnostics.model import Code
from fanin.record import record


@record
class Limit:
    """Beyond ``value`` a rule speaks, beyond ``error`` (where there is one) its finding is an error.

    ``of`` says what the number is of, ``why`` where it comes from, each in a few words that stand in a table.
    """

    code: Code
    value: float
    of: str
    why: str
    error: float | None = None
