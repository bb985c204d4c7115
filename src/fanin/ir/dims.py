"""Dimensions: exact integer expressions in a normal form that proves what school algebra proves."""

from fanin.ir.dimtext import parse_dim, render
from fanin.ir.division import ceildiv, floordiv, maximum, minimum, mod
from fanin.ir.poly import Dim, Poly, Symbol, dim, ordered, symbols_of
from fanin.ir.substitution import evaluate, expand, substitute

__all__ = [
    "Dim",
    "Poly",
    "Symbol",
    "ceildiv",
    "dim",
    "evaluate",
    "expand",
    "floordiv",
    "maximum",
    "minimum",
    "mod",
    "ordered",
    "parse_dim",
    "render",
    "substitute",
    "symbols_of",
]
