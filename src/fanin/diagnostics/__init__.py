"""What fanin tells its user: data first, rendering apart."""

from fanin.diagnostics.model import (
    Code,
    Diagnostic,
    Edit,
    Fix,
    Frame,
    Label,
    Refusal,
    Severity,
)

__all__ = ["Code", "Diagnostic", "Edit", "Fix", "Frame", "Label", "Refusal", "Severity"]
