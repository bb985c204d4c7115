"""Ops that answer with true or false."""
