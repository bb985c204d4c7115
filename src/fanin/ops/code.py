"""Python code as a value: what an op says it is in PyTorch, and the source writer prints.

Nothing here holds text of a spec: targets and operators are constants of the op files, everything else is a number,
a string that is printed quoted, a dimension, or one of the op's inputs.
"""

from __future__ import annotations

from typing import TypeAlias

from fanin.ir.dims import Poly
from fanin.record import record


@record
class Input:
    """The op's input number ``index``."""

    index: int


@record
class Module:
    """The instance that owns the op's weights: ``self.conv1``."""


@record
class Like:
    """A float tensor whose dtype and device new tensors take: prints as ``x``, for ``x.dtype`` or ``x.device``."""


@record
class Name:
    """A dotted name of torch or Python: ``torch.float``, ``None``, ``math.inf``."""

    text: str


@record
class Call:
    """``target(args…, keywords…)``. Aliases are the writer's: ``F.relu``, ``nn.Linear``, ``torch.cat``."""

    target: str
    args: tuple[Code, ...] = ()
    keywords: tuple[tuple[str, Code], ...] = ()


@record
class Method:
    """``receiver.name(args…, keywords…)``"""

    receiver: Code
    name: str
    args: tuple[Code, ...] = ()
    keywords: tuple[tuple[str, Code], ...] = ()


@record
class Invoke:
    """``callee(args…)`` of a value, such as the module itself."""

    callee: Code
    args: tuple[Code, ...] = ()
    keywords: tuple[tuple[str, Code], ...] = ()


@record
class Infix:
    """``left op right``, with Python's precedence for ``op``."""

    op: str
    left: Code
    right: Code


@record
class Prefix:
    """``-x`` or ``~x``"""

    op: str
    operand: Code


@record
class Attribute:
    """``value.name``: ``x.mT``"""

    value: Code
    name: str


@record
class Cut:
    """``start:stop:step`` in a subscript."""

    start: Code | None = None
    stop: Code | None = None
    step: Code | None = None


@record
class Subscript:
    """``value[items…]``; ``...`` is ``Name("...")``."""

    value: Code
    items: tuple[Code | Cut, ...]


@record
class Sequence:
    """``(a, b)`` or, where ``brackets`` is ``[]``, a list."""

    items: tuple[Code, ...]
    brackets: str = "()"


@record
class IfNumber:
    """``number`` where input ``index`` is a number or an open dimension, else ``tensor``: the writer knows which."""

    index: int
    number: Code
    tensor: Code


@record
class Function:
    """A small function that the writer prints once, above the classes, where an op needs more than an expression.

    ``source`` is the whole definition, a constant of an op file; it may use ``torch``, ``Tensor``, ``math`` and ``F``.
    """

    name: str
    source: str


@record
class Helper:
    """A call of such a function: ``segment_softmax(x, index, size)``."""

    function: Function
    args: tuple[Code, ...] = ()
    keywords: tuple[tuple[str, Code], ...] = ()


Code: TypeAlias = (
    "Input | Module | Like | Name | Call | Method | Invoke | Infix | Prefix | Attribute | Subscript | Sequence"
    " | IfNumber | Helper"
    " | Poly | bool | int | float | str | None"
)


def call(target: str, *args: Code, **keywords: Code) -> Call:
    """A call, as it would be written: keywords with the value ``OMIT`` are left out."""
    return Call(target, args, tuple((k, v) for k, v in keywords.items() if v is not OMIT))


def helper(function: Function, *args: Code, **keywords: Code) -> Helper:
    """A call of a printed function; keywords with the value ``OMIT`` are left out."""
    return Helper(function, args, tuple((k, v) for k, v in keywords.items() if v is not OMIT))


def method(receiver: Code, name: str, *args: Code, **keywords: Code) -> Method:
    """``receiver.name(…)``; keywords with the value ``OMIT`` are left out."""
    return Method(receiver, name, args, tuple((k, v) for k, v in keywords.items() if v is not OMIT))


def as_tensor(index: int) -> Code:
    """Input ``index`` where PyTorch takes no number: a scalar float tensor in its place."""
    like = Attribute(Like(), "dtype"), Attribute(Like(), "device")
    number = call("torch.full", Sequence(()), Input(index), dtype=like[0], device=like[1])
    return IfNumber(index, number, Input(index))


# The training flag of the module around: the writer lifts it into a parameter where there is no `self`.
TRAINING = Name("self.training")

OMIT = Name("<omitted>")


def unless(value: Code, default: Code) -> Code:
    """``value`` for a keyword, left out where it is PyTorch's default."""
    same = value == default and type(value) is type(default)
    return OMIT if same else value


# Poly is a dimension the writer prints in terms of the sizes at hand.
Dimension = Poly
