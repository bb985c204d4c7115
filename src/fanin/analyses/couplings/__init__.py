"""Which entries of a network's axes can only be cut together, and what a cut of them means."""

from fanin.analyses.couplings.groups import Coupled, Grade, Group, couplings

__all__ = ["Coupled", "Grade", "Group", "couplings"]
