"""Arithmetic and functions of single numbers."""
