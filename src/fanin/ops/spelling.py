"""Values of attributes as Python would be written: tuples as tuples, whole numbers without a point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from types import MappingProxyType
from typing import Any, cast

from fanin.ir.types import TensorType
from fanin.ops.code import OMIT, Code, Input, Name, Sequence, unless
from fanin.ops.contract import OpAttrs


def spell(value: Any) -> Code:
    """An attribute's value as code: ``(3, 3)`` for a tuple, ``math.inf`` for an infinity."""
    if isinstance(value, tuple):
        return Sequence(tuple(spell(v) for v in value))
    if isinstance(value, float):
        return spell_number(value)
    return cast(Code, value)


def spell_number(value: float) -> Code:
    """``2`` for 2.0, where PyTorch takes either; infinities by name."""
    if value in (float("inf"), float("-inf")):
        return Name("math.inf") if value > 0 else Name("-math.inf")
    return int(value) if value == int(value) and abs(value) < 1e6 else value


def spell_unless(value: Any, default: Any) -> Code:
    """``value`` as code for a keyword, left out where it is PyTorch's default."""
    return unless(spell(value), spell(default))


def optional(types: tuple[TensorType | None, ...], index: int) -> TensorType | None:
    """The type of an optional input, None where it was left out."""
    return types[index] if index < len(types) else None


def optional_input(types: tuple[TensorType | None, ...], index: int) -> Code:
    """An optional input as a keyword's value, left out where it was not given."""
    return OMIT if optional(types, index) is None else Input(index)


def spell_fields(
    a: OpAttrs, places: int = 0, names: Mapping[str, str] = MappingProxyType({})
) -> tuple[tuple[Code, ...], tuple[tuple[str, Code], ...]]:
    """The attributes as arguments of PyTorch's function or module of the same signature; what is default is left out.

    The first ``places`` go by place, as far as none of them is left out. ``names`` maps to PyTorch's where they differ;
    ``axis`` is its ``dim`` anyway.
    """
    args: list[Code] = []
    keywords: list[tuple[str, Code]] = []
    gap = False
    for i, field in enumerate(fields(a)):
        value = getattr(a, field.name)
        if field.default is not MISSING and same(value, field.default):
            gap = True
        elif i < places and not gap:
            args.append(spell(value))
        else:
            keywords.append((names.get(field.name, "dim" if field.name == "axis" else field.name), spell(value)))
    return tuple(args), tuple(keywords)


def same(value: Any, default: Any) -> bool:
    """Whether the two are equal and of one type: True is not 1 here."""
    return bool(value == default and type(value) is type(default))
