"""Quick ways to make tree nodes.

A frozen dataclass sets each field through ``object.__setattr__``, which is most of what a node costs. ``quick``
gives a stand-in that fills an open class of the same layout and then turns the object into the frozen one: the
same node, in less than half of the time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar

from fanin.syntax.tree import Tree

Node = TypeVar("Node", bound=Tree)


def quick(node: Callable[..., Node]) -> Callable[..., Node]:
    """The class's constructor, faster. Takes every field, by place."""
    assert isinstance(node, type) and issubclass(node, Tree)
    names = [each.name for each in fields(node)]
    sets = "".join(f"    self.{name} = {name}\n" for name in names)
    space: dict[str, Any] = {"frozen": node}
    exec(f"def __init__(self, {', '.join(names)}):\n{sets}    self.__class__ = frozen\n", space)
    return type(
        node.__name__,
        node.__bases__,
        {
            "__slots__": vars(node)["__slots__"],
            "__setattr__": object.__setattr__,
            "__init__": space["__init__"],
        },
    )
