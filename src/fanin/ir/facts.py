"""What is known of a model's open dimensions, and what follows from it."""

from __future__ import annotations

from fanin.ir.conditions import AllOf, AnyOf, Compare, Condition, render_condition

__all__ = ["AllOf", "AnyOf", "Compare", "Condition", "render_condition"]
