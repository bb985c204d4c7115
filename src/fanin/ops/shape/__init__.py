"""Ops that move numbers and change none: reshape, permute, join, cut."""
