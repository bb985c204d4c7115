"""Ops that take axes together: sums, means, extremes."""
