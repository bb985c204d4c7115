"""Frozen value classes with slots: what ``@dataclass(frozen=True, slots=True)`` gives, at a tenth of its cost.

A dataclass compiles six functions for each class, a third of a millisecond; a compiler with some hundred small
classes would spend its whole start-up on that. ``record`` compiles ``__init__`` alone and shares the rest. Records
answer to ``dataclasses.fields`` and ``replace`` like any dataclass.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import KW_ONLY, MISSING, field
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform, overload

__all__ = ["KW_ONLY", "field", "record"]

T = TypeVar("T")


@overload
def record(cls: type[T]) -> type[T]: ...
@overload
def record(*, eq: bool = True, frozen: bool = True, weak: bool = False) -> Callable[[type[T]], type[T]]: ...
@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[T] | None = None, *, eq: bool = True, frozen: bool = True, weak: bool = False) -> Any:
    """Make a class a record of its annotated fields, after those of its bases.

    ``eq=False`` keeps identity; with ``weak`` an instance can be referred to weakly.
    """
    if cls is None:
        return lambda c: _make(c, eq, frozen, weak)
    return _make(cls, eq, frozen, weak)


def _make(cls: type[Any], eq: bool, frozen: bool, weak: bool) -> type[Any]:
    inherited: dict[str, Any] = {}
    for base in reversed(cls.__mro__[1:]):
        inherited.update(base.__dict__.get("_record_fields", {}))
    own = _own_fields(cls)
    found = {**inherited, **own}
    space = {k: v for k, v in cls.__dict__.items() if k not in own and k not in ("__dict__", "__weakref__")}
    space["__slots__"] = (*(name for name in own if name not in inherited), *(("__weakref__",) if weak else ()))
    space["_record_fields"] = found
    space.setdefault("__match_args__", tuple(name for name, spec in found.items() if not spec[4]))
    space["__dataclass_fields__"] = _LAZY
    space["__dataclass_params__"] = _FROZEN if frozen else _OPEN
    space["__init__"] = _init(cls.__name__, found, frozen, hasattr(cls, "__post_init__"))
    space.setdefault("__repr__", _repr)
    space["__getstate__"], space["__setstate__"] = _getstate, _setstate
    if frozen:
        space["__setattr__"] = space["__delattr__"] = _refuse
    if eq:
        space.setdefault("__eq__", _eq(found))
        space.setdefault("__hash__", _hash(found) if frozen else None)
    meta: Any = type(cls)
    made: type[Any] = meta(cls.__name__, cls.__bases__, space)
    made.__qualname__ = cls.__qualname__
    return made


def _own_fields(cls: type[Any]) -> dict[str, Any]:
    """name -> (default, factory, compared, shown, by name only)"""
    found: dict[str, Any] = {}
    by_name = False
    for name, annotation in _annotations(cls).items():
        if annotation == "KW_ONLY":
            by_name = True
        elif not annotation.startswith("ClassVar"):
            default = cls.__dict__.get(name, MISSING)
            if isinstance(default, dataclasses.Field):
                found[name] = (default.default, default.default_factory, default.compare, default.repr, by_name)
            else:
                found[name] = (default, MISSING, True, True, by_name)
    return found


def _init(name: str, fields: dict[str, Any], frozen: bool, post: bool) -> Any:
    space: dict[str, Any] = {"_set": object.__setattr__, "_missing": MISSING}
    places: list[str] = []
    names: list[str] = []
    lines: list[str] = []
    for f, (default, factory, _, _, by_name) in fields.items():
        text = f
        if default is not MISSING:
            space[f"_default_{f}"] = default
            text = f"{f}=_default_{f}"
        elif factory is not MISSING:
            space[f"_factory_{f}"] = factory
            text = f"{f}=_missing"
            lines.append(f"    if {f} is _missing: {f} = _factory_{f}()")
        (names if by_name else places).append(text)
        lines.append(f"    _set(self, {f!r}, {f})" if frozen else f"    self.{f} = {f}")
    if post:
        lines.append("    self.__post_init__()")
    arguments = ", ".join(["self", *places, *(["*", *names] if names else [])])
    exec(f"def __init__({arguments}):\n" + ("\n".join(lines) or "    pass"), space)
    made = space["__init__"]
    made.__qualname__ = f"{name}.__init__"
    return made


def _eq(fields: dict[str, Any]) -> Any:
    values = _getter(fields)

    def __eq__(self: Any, other: Any) -> Any:
        if other.__class__ is self.__class__:
            return values(self) == values(other)
        return NotImplemented

    return __eq__


def _hash(fields: dict[str, Any]) -> Any:
    values = _getter(fields)

    def __hash__(self: Any) -> int:
        return hash(values(self))

    return __hash__


def _getter(fields: dict[str, Any]) -> Callable[[Any], Any]:
    compared = [name for name, spec in fields.items() if spec[2]]
    return attrgetter(*compared) if compared else lambda self: ()


def _repr(self: Any) -> str:
    shown = (f"{name}={getattr(self, name)!r}" for name, spec in self._record_fields.items() if spec[3])
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _getstate(self: Any) -> list[Any]:
    return [getattr(self, name) for name in self._record_fields]


def _setstate(self: Any, state: list[Any]) -> None:
    for name, value in zip(self._record_fields, state, strict=True):
        object.__setattr__(self, name, value)


def _refuse(self: Any, name: str, value: Any = None) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _annotations(cls: type[Any]) -> dict[str, Any]:
    """Of the class itself. ``inspect.get_annotations`` says the same, and takes longer to import than all records."""
    found: dict[str, Any] = vars(cls).get("__annotations__", {})
    return found


class _Lazy:
    """``__dataclass_fields__``, made when something asks."""

    def __init__(self) -> None:
        self.made: dict[type[Any], dict[str, Any]] = {}

    def __get__(self, instance: Any, owner: type[Any]) -> dict[str, Any]:
        known = self.made.get(owner)
        if known is not None:
            return known
        made = self.made[owner] = {}
        for name, (default, factory, compared, shown, by_name) in owner._record_fields.items():
            f: Any = (
                field(default=default, compare=compared, repr=shown, kw_only=by_name)
                if factory is MISSING
                else field(default_factory=factory, compare=compared, repr=shown, kw_only=by_name)
            )
            f.name, f._field_type = name, dataclasses._FIELD  # type: ignore[attr-defined]
            f.type = next((a[name] for a in map(_annotations, owner.__mro__) if name in a), None)
            made[name] = f
        return made


class _Params:
    """What ``dataclasses`` asks of a base class."""

    def __init__(self, frozen: bool) -> None:
        self.frozen = frozen


_LAZY: Any = _Lazy()
_FROZEN, _OPEN = _Params(True), _Params(False)
