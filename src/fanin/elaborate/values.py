"""What an expression can be worth while a spec is elaborated.

Numbers, strings, lists and tuples are Python's own, an open dimension is a ``Poly``, a tensor is ``ir.graph.Value``.
Everything else is here: modules, functions, constructors, and what waits for its tensor.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from fanin.ir.graph import Graph, Value
from fanin.ir.laws import Law
from fanin.ops.contract import Op
from fanin.record import field, record
from fanin.source import Span
from fanin.syntax import tree

if TYPE_CHECKING:
    from fanin.elaborate.builder import Builder
    from fanin.elaborate.files import Unit


class Poisoned(Exception):
    """Something this depends on has failed, and has been reported: say nothing more."""


class _Poison:
    def __repr__(self) -> str:
        return "<poison>"


POISON: Any = _Poison()


class _Flow:
    """Where what flows in goes, in a call that waits for it: ``...``."""

    def __repr__(self) -> str:
        return "..."


FLOW: Any = _Flow()


@record
class Record:
    """Several results, some with names. They flow on as so many tensors."""

    names: tuple[str, ...]
    values: tuple[Any, ...]


# ------------------------------------------------------------------------------------------------- callables


@record
class OpFunction:
    """A function of the language: ``relu``."""

    op: Op[Any]


@record
class OpConstructor:
    """A module of the language: ``Linear``."""

    op: Op[Any]


@record
class Builtin:
    """A function the elaborator itself carries out: ``len``, ``map``."""

    name: str


@record
class FnFunction:
    """A ``fn`` of a spec."""

    decl: tree.Fn
    file: Unit

    def __hash__(self) -> int:
        return id(self.decl)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FnFunction) and other.decl is self.decl


@record
class BlockConstructor:
    """A block or model of a spec."""

    decl: tree.Block | tree.BlockAlias | tree.Extern
    file: Unit

    def __hash__(self) -> int:
        return id(self.decl)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BlockConstructor) and other.decl is self.decl


@record(eq=False)
class Inverted:
    """A module, backwards."""

    instance: Instance
    span: Span


@record
class Rule:
    """An optimiser that may take arguments: ``adam(lr=1e-3)``."""

    name: str


@record
class LawFunction:
    """An initialiser that may take arguments: ``normal(std=0.02)``."""

    name: str


Constructor: TypeAlias = OpConstructor | BlockConstructor
Function: TypeAlias = OpFunction | FnFunction | Builtin


@record
class Argument:
    """An evaluated argument. ``name`` is None for one that goes by place."""

    name: str | None
    value: Any
    span: Span


@record
class Partial:
    """A call with a place left open: ``GroupNorm(8, ...)``, ``rearrange(..., "…")``, ``attn(..., memory)``.

    Where ``waits``, it is a function of what flows in (``FLOW`` stands among the arguments); otherwise the dots hold
    the place of arguments to come.
    """

    callee: Any
    args: tuple[Argument, ...]
    span: Span
    waits: bool


# -------------------------------------------------------------------------------------------------- modules


@record
class Element:
    """A part of a composition or list: its label, and a module, a function, or what waits for its tensor.

    An ``exact`` label has its own numbers (``layer[3]``) and takes none from the loops around it. ``name`` is what a
    branch binds the value at that point to.
    """

    label: str | None
    value: Any
    span: Span
    exact: bool = False
    name: tree.Ident | None = None


@record
class Composition:
    """``f -> g -> h`` without a tensor at its head."""

    elements: tuple[Element, ...]


@record
class Repetition:
    """``n * M``. ``cell`` is the module expression, evaluated once: all cells are made like it."""

    count: int
    cell: Element


Target: TypeAlias = "Op[Any] | BlockConstructor | Composition | Repetition"


@record(eq=False, frozen=False)
class Instance:
    """A module: something that may own weights. It lives in ``home`` under ``key`` once it has a name."""

    target: Any  # Target
    hypers: dict[str, Any]
    span: Span
    home: Builder | Instance | None
    key: str | None = None
    options: dict[str, Any] = field(default_factory=dict)  # init, bias_init, frozen, tied parameters
    uses: list[Use] = field(default_factory=list)
    cells: dict[Any, Instance] = field(default_factory=dict)  # what was asked for inside it: places of a row, keys
    row: tuple[tuple[int, Instance], ...] = ()  # of a repetition applied as a whole: (how many, what each is like)
    args: dict[str, Span] = field(default_factory=dict)  # where each hyper-parameter was written
    loose: bool = False  # made by a pipe's stage or a call, and not yet named by anything
    copies: int = 0  # of an ensemble: so many with stacked weights

    @property
    def what(self) -> str:
        """How a message calls it: ``Linear``, ``Bottleneck``."""
        if isinstance(self.target, Op):
            return self.target.module or self.target.name
        if isinstance(self.target, BlockConstructor):
            return self.target.decl.name.name
        return "this composition" if isinstance(self.target, Composition) else "this repetition"


@record
class Use:
    """One application of an instance: the graph it ran, or the input types of a leaf; and where."""

    graph: Graph | None
    types: tuple[Any, ...]
    weights: tuple[Any, ...]
    span: Span
    attrs: Any = None
    frozen: bool | float = False


@record
class Parameter:
    """A parameter or buffer of an instance (``wte.weight``), or (``instance`` None) of the block that is elaborated."""

    instance: Instance | None
    name: str
    type: Any
    builder: Builder | None = None


# ------------------------------------------------------------------------------------------------- questions


def is_tensor(value: Any) -> bool:
    return isinstance(value, (Value, Parameter))


def flows(value: Any) -> bool:
    """Whether a pipe with this at its head sends tensors: a tensor, several of them, or a list with one."""
    if isinstance(value, (Value, Parameter, Record)):
        return True
    return isinstance(value, (list, tuple)) and any(flows(v) for v in value)


def is_callable(value: Any) -> bool:
    kinds = (OpFunction, FnFunction, Builtin, Partial, Instance, Inverted, OpConstructor, BlockConstructor)
    return isinstance(value, kinds)


def tensors_in(value: Any) -> Iterator[Value]:
    """The tensors of one graph that a waiting call or an element holds on to, in order."""
    if isinstance(value, Value):
        yield value
    elif isinstance(value, (list, tuple)):
        for v in value:
            yield from tensors_in(v)
    elif isinstance(value, Partial):
        for a in value.args:
            yield from tensors_in(a.value)
        yield from tensors_in(value.callee)
    elif isinstance(value, Record):
        yield from tensors_in(value.values)


def describe(value: Any) -> str:
    """A value in a message: "the number 3", "a tensor [N, 8]", "the module `Linear`"."""
    if value is None:
        return "`none`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, str):
        return f'the string "{value}"'
    if isinstance(value, (Value, Parameter)):
        return f"a tensor {value.type}"
    if isinstance(value, Instance):
        return (
            f"the module `{value.what}`" if not isinstance(value.target, (Composition, Repetition)) else "a composition"
        )
    if isinstance(value, OpFunction):
        return f"the function `{value.op.name}`"
    if isinstance(value, FnFunction):
        return f"the function `{value.decl.name.name}`"
    if isinstance(value, Builtin):
        return f"the function `{value.name}`"
    if isinstance(value, OpConstructor):
        return f"the constructor `{value.op.module}`"
    if isinstance(value, BlockConstructor):
        return f"the constructor `{value.decl.name.name}`"
    if isinstance(value, Partial):
        return "a function that waits for its tensor" if value.waits else "a call with a place left open"
    if isinstance(value, Record):
        return f"{len(value.values)} results"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, tuple):
        return f"a tuple of {len(value)}"
    if isinstance(value, (Law, LawFunction)):
        return f"the initialiser `{value}`" if isinstance(value, Law) else f"the initialiser `{value.name}`"
    return f"the size {value}"


# ------------------------------------------------------------------------------------------------------ keys


def key_of(value: Any, numbering: dict[int, int]) -> Hashable:
    """What a value means for the specialisation that gets it: equal keys, equal graphs.

    A module that is handed over with its ownership counts by what it is; one that lives elsewhere by its identity.
    Tensors count by their type and by which of them are the same.
    """
    if isinstance(value, Instance):
        if value.key is not None and not value.loose:
            return ("shared", id(value))
        return structure_of(value, numbering)
    if isinstance(value, Value):
        return ("tensor", numbering.setdefault(id(value), len(numbering)), value.type)
    if isinstance(value, Partial):
        return (
            "partial",
            key_of(value.callee, numbering),
            tuple((a.name, key_of(a.value, numbering)) for a in value.args),
            value.waits,
        )
    if isinstance(value, (list, tuple)):
        return (type(value).__name__, *(key_of(v, numbering) for v in value))
    if isinstance(value, (bool, int, float)):
        return (type(value).__name__, value)
    if isinstance(value, Parameter):
        return ("parameter", id(value.instance), value.name)
    if isinstance(value, Record):
        return ("record", value.names, *(key_of(v, numbering) for v in value.values))
    return value  # type: ignore[no-any-return]


def structure_of(instance: Instance, numbering: dict[int, int]) -> Hashable:
    """A module by what it is made of, apart from where it lives."""
    target = instance.target
    if isinstance(target, Composition):
        made: Hashable = ("composition", *((e.label, key_of(e.value, numbering)) for e in target.elements))
    elif isinstance(target, Repetition):
        made = ("repetition", target.count, target.cell.label, key_of(target.cell.value, numbering))
    else:
        made = target
    return (
        "module",
        made,
        tuple((k, key_of(v, numbering)) for k, v in instance.hypers.items()),
        tuple((k, key_of(v, numbering)) for k, v in instance.options.items()),
        instance.copies,
    )
