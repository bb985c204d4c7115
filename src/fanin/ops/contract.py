"""The contract of an op: one final class answers everything the compiler asks of it.

An op sees types and attributes, never spans, torch or other ops. It complains by naming a port or an attribute; the
caller finds the place in the source. What a rule cannot answer is ``Unknown("why")``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import fields
from functools import cache
from math import inf, prod
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

from fanin.ir.dims import Dim
from fanin.ir.facts import Compare, Condition
from fanin.ir.laws import Fans, Law
from fanin.ir.numbers import OPEN, Known, combined, is_number
from fanin.ir.types import DType, TensorType
from fanin.ir.unknown import Unknown
from fanin.ops.code import Call, Code, Input, Invoke, Module
from fanin.ops.keeping import ALIKE, NEW, Backprop, Kept, Lies
from fanin.ops.sees import Sees, Use, all_of, pointwise
from fanin.ops.ties import Ties, tied
from fanin.record import record

# ------------------------------------------------------------------------------------------ ports and attributes


@record
class Port:
    """A tensor input. A number may stand where ``number`` is true; a list, or several tensors, where ``variadic``."""

    name: str
    dtypes: tuple[DType, ...] = (DType.FLOAT, DType.COMPLEX)
    optional: bool = False
    variadic: bool = False
    number: bool = False

    def accepts(self, dtype: DType) -> bool:
        return dtype in self.dtypes


ANY = tuple(DType)
FLOATS = (DType.FLOAT, DType.COMPLEX)
REALS = (DType.FLOAT, DType.INT)
NUMBERS = (DType.FLOAT, DType.INT, DType.COMPLEX)
INTS = (DType.INT,)
BOOLS = (DType.BOOL,)


@record
class OpAttrs:
    """What is set when the spec is compiled. Fields are annotated with types of ``attributes.py``, which checks them.

    Fields go by place in their order; those after ``_: KW_ONLY`` only by name.
    """


@record
class NoAttrs(OpAttrs):
    """For ops without attributes."""


A = TypeVar("A", bound=OpAttrs)

# ------------------------------------------------------------------------------------------------- complaints


class Complaint(Exception):
    """A mistake, in terms of ports and attributes: ``about`` names the one whose change could mend it.

    ``message`` is a headline without the op's name: "``groups`` must divide the 6 channels that come in".
    """

    def __init__(self, message: str, about: str = "", *, kind: str = "shape", help: str = "") -> None:
        super().__init__(message)
        self.message, self.about, self.kind, self.help = message, about, kind, help


@record
class Need:
    """A condition on dimensions that the op holds only under.

    ``message`` is the headline where it is refuted. ``places`` are the axes it speaks of, as (port, axis): the caller
    shows where their sizes came from. ``kind`` is ``mismatch``, ``too-small``, ``indivisible`` or ``other``.
    """

    condition: Condition
    message: str
    places: tuple[tuple[str, int], ...] = ()
    kind: str = "other"
    help: str = ""
    training: bool = False  # binds in training only


@record
class Inferred:
    """The types of the results, the conditions they need, and what deserves a note (a silent broadcast)."""

    types: tuple[TensorType, ...]
    needs: tuple[Need, ...] = ()
    notes: tuple[str, ...] = ()


Result: TypeAlias = TensorType | Inferred


def inferred(result: Result) -> Inferred:
    return Inferred((result,)) if isinstance(result, TensorType) else result


# ------------------------------------------------------------------------------------------------- parameters


@record
class Axis:
    """An axis of a parameter: its role (``out``, ``in``, ``kernel``, ``group``, ``gate`` …) and its size."""

    role: str
    size: int


@record
class ParamSpec:
    """A parameter or buffer of a module: axes with roles, and the law PyTorch's own module draws it from.

    ``family`` says which entry of ``@init(…)`` reaches it: linear, conv, embedding, recurrent, bias, norm, or none.
    A fan is the product of the sizes of its role (``in`` or ``out``) and of ``kernel``, divided as ``groups`` asks.
    """

    name: str
    axes: tuple[Axis, ...]
    fallback: Law
    family: str = ""
    kind: str = "param"  # "param" | "buffer"
    groups: int = 1
    dtype: DType = DType.FLOAT

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(axis.size for axis in self.axes)

    @property
    def fans(self) -> Fans:
        """Fan-in and fan-out from the roles of the axes."""
        sizes = {role: prod(a.size for a in self.axes if a.role == role) for role in ("in", "out", "kernel")}
        roles = [axis.role for axis in self.axes]
        # What is stored is already divided: `in` of a convolution, `out` of a transposed one.
        into, out = sizes["in"], sizes["out"]
        if self.groups > 1:
            first_is_out = "out" in roles and (roles.index("out") < roles.index("in") if "in" in roles else True)
            into, out = (into, out // self.groups) if first_is_out else (into // self.groups, out)
        return Fans(into * sizes["kernel"], out * sizes["kernel"])


# --------------------------------------------------------------------------------- facts for the analyses to come


@record
class Coupling:
    """Axes that are cut together. A member is ``weight.out`` (parameter.role), ``x[1]`` or ``y[-1]`` (port[axis])."""

    members: tuple[str, ...]


def couple(*members: str) -> Coupling:
    return Coupling(members)


class Reach:
    """How many positions of the input an output position sees along each axis, and at which stride.

    ``axes`` maps an input axis to (kernel, stride, padding); along ``mixes`` every position sees every other.
    """

    axes: tuple[tuple[int, tuple[int, int, int]], ...] = ()
    mixes: tuple[int, ...] = ()


# --------------------------------------------------------------------------------------------------------- op


class Op(ABC, Generic[A]):
    """A kind of operation. Subclasses are final or abstract; the final ones are found by ``registry``.

    The names: a function has a lower-case ``name`` and, where PyTorch has it as a module too, that ``module`` name
    (``relu``, ``ReLU``). An op that owns weights has only a ``module`` name (``Linear``), and ``name`` is the same.

    The docstring is the reference: one sentence, then ``Shape:``, ``Params:``, ``Signal:``, ``Source:`` lines.
    """

    name: ClassVar[str]
    module: ClassVar[str | None] = None
    attrs: ClassVar[type[OpAttrs]] = NoAttrs
    inputs: ClassVar[tuple[Port, ...]] = (Port("x"),)
    results: ClassVar[tuple[str, ...]] = ()
    """Names of the results where there are several (``values``, ``indices``)."""
    listed: ClassVar[bool] = False
    """Whether the results are a list, even of one (``chunk``, ``unbind``). A single one is emitted as itself."""
    order: ClassVar[tuple[str, ...]] = ()
    """The order in which arguments go by place, where it is not the inputs and then the attributes. A star before the
    last name gathers what is left: ``*shape`` (``zeros(B, H)``; a list is taken too), ``*xs`` (``concat(a, b)``)."""
    keywords: ClassVar[str] = ""
    """The attribute, a tuple of (name, size), that takes every keyword without a field: ``h=8`` of ``rearrange``."""
    likelihood: ClassVar[tuple[str, ...]] = ()
    """Of a loss: the laws of a target whose negative log-likelihood it is, or nearly so (``gaussian``)."""
    spectral: ClassVar[bool] = False
    """Whether it is about the spectrum of a symmetric matrix, such as the Laplacian of a graph (``eigh``)."""
    example: ClassVar[str]
    """A line that works after ``x`` (and the other inputs, by their names) are bound: ``y = x -> Linear(10)``."""
    example_inputs: ClassVar[dict[str, str]] = {"x": "[N, 8]"}
    """The types of the names the example uses, in the language."""
    kept: ClassVar[tuple[str, ...] | None] = None
    """What the backward pass needs: names of inputs, ``result`` or of ``results``; ``saved`` says more."""
    passes: ClassVar[tuple[str, ...]] = ()
    """Inputs whose gradient is that of the result, the same tensor."""
    keeps: ClassVar[bool] = True
    """Whether calling it twice on equal inputs gives equal results (no randomness, no state)."""
    differentiable: ClassVar[bool] = True
    """Whether a gradient comes back from its float results. False where it is 0 (``floor``), where the numbers
    that go in do not matter (``zeros_like``), and where it is stopped."""

    # -- types

    @abstractmethod
    def infer(self, a: A, *types: TensorType) -> Result:
        """The types of the results. ``types`` follow ``inputs``; an optional input left out is not in them, unless a
        later one is given: then ``None`` stands for it. A variadic port contributes all its tensors in a row."""

    def params(self, a: A, *types: TensorType) -> tuple[ParamSpec, ...]:
        """Parameters and buffers, in the order of PyTorch's ``state_dict``."""
        return ()

    def check_numbers(self, a: A, types: Sequence[TensorType], numbers: Sequence[int | float | None]) -> None:
        """Raises Complaint where a number does not do as an input (``i ** -1`` of an int tensor). ``numbers`` follow
        the inputs, None for tensors and open dimensions; called besides ``infer`` where some input is a number."""
        return None

    def fold(self, a: A, *numbers: Any) -> Any:
        """The value where every input is a number known at compile time, or an open size; None where it stays an op
        (``float(N)``). Raises Complaint where there is no such number (``log(-1)``)."""
        return None

    # -- PyTorch

    def construct(self, a: A, *types: TensorType) -> Call | None:
        """How the module is made: ``nn.Linear(784, 10)``. None where there is no such module in PyTorch."""
        return None

    @abstractmethod
    def torch(self, a: A, *types: TensorType) -> Code:
        """The expression that computes the results; with weights, one that applies ``Module()``."""

    # -- analysis: laws of activations and gradients, cost, pruning, dependence

    def signal(self, a: A, *types: TensorType) -> Any:
        """A rule of ``fanin.signal.rules`` for how laws of tensors pass it, at types without open dimensions."""
        return Unknown(f"nothing is known behind `{self.name}`")

    def flops(self, a: A, *types: TensorType) -> Dim:
        """As PyTorch's counter counts: matrix products, convolutions and attention, two for a multiply-add."""
        return 0

    def saved(self, a: A, use: Backprop) -> Kept | Unknown:
        """What is kept for the backward pass, besides its own weights, as PyTorch's kernels do. It is called where a
        gradient is asked for."""
        if self.kept is None:
            return Unknown(f"`{self.name}` does not say yet what it keeps for the backward pass")
        ports = [port.name for port in self.inputs]
        inputs = tuple(ports.index(name) for name in self.kept if name in ports)
        results = tuple(self.results.index(name) if self.results else 0 for name in self.kept if name not in ports)
        return Kept(tuple(i for i in inputs if i < len(use.inputs) and use.inputs[i] is not None), results)

    def lies(self, a: A, *types: TensorType) -> Lies:
        """Where the results lie in memory: views on the first input, or memory of their own."""
        return NEW

    def couplings(self, a: A, *types: TensorType) -> Ties | Unknown:
        """Which entries of inputs, parameters and results go together, at the types of the call."""
        return Unknown(f"`{self.name}` does not say which entries go together")

    def masked(self, a: A, values: tuple[float | None, ...], own: bool) -> float | None:
        """What entries are whose every parameter is zero, where it is one number; None where it is none.

        ``values`` are what the inputs are there, None for one that varies or does not have the axis. ``own``: the
        op's own parameters have the axis, and are zero. Infinity stands for what is no number, and is not asked about.
        As it stands here, numbers are moved and not changed.
        """
        if own:
            return 0.0
        return values[0] if values and all(v == values[0] for v in values) else None

    def divided(self, a: A, by: int) -> tuple[str, tuple[tuple[str, Any], ...]] | None:
        """A block of ``std.pruned``, with its arguments, that takes the same statistics with a divisor of its own:
        what a norm becomes that has lost entries which were zero. None where there is no such block."""
        return None

    def folds(self, a: A) -> bool:
        """Whether a number that comes in at every place can become part of the bias: it gives the same everywhere."""
        return False

    def sees(self, a: A, use: Use) -> Sees | tuple[Sees, ...]:
        """Which entries of the inputs an entry of a result is made of; one for each result where they differ.

        What is answered may be too much, and never too little."""
        return tuple(all_of(use.types, out) for out in use.outs)

    def known(self, a: A, use: Use, *inputs: Known) -> Known:
        """What is known of the numbers of its one result by their place; ``inputs`` are in digits of that place."""
        return ()

    def choices(self, a: A, *types: TensorType) -> dict[int, Dim]:
        """Of how many places the whole numbers of an input, counted from 0, name one: the rows of a table."""
        return {}

    def inverse(self, a: A) -> tuple[str, A] | None:
        """The op and attributes that undo it, where there is one (``flip``, ``permute``)."""
        return None


class Weighted(Op[A]):
    """An op that owns weights: a module of PyTorch's, applied to its inputs."""

    def torch(self, a: A, *types: TensorType) -> Code:
        return Invoke(Module(), tuple(Input(i) for i in range(len(types))))

    @abstractmethod
    def construct(self, a: A, *types: TensorType) -> Call: ...

    def masked(self, a: A, values: tuple[float | None, ...], own: bool) -> float | None:
        return 0.0 if own else None


class Pointwise(Op[A]):
    """A function of each number alone: the shape stays."""

    kept: ClassVar[tuple[str, ...] | None] = ("x",)

    at_zero: ClassVar[float | None] = None
    """The value at 0, where ``fold`` does not say it."""

    def couplings(self, a: A, *types: TensorType) -> Ties | Unknown:
        return tied(types[0])

    def masked(self, a: A, values: tuple[float | None, ...], own: bool) -> float | None:
        x = values[0]
        if x is None:
            return None
        if x == 0 and self.at_zero is not None:
            return self.at_zero
        try:
            found = self.fold(a, x)
        except Complaint:
            return inf
        return float(found) if isinstance(found, (int, float)) else None

    def sees(self, a: A, use: Use) -> Sees:
        return pointwise(use.types, use.out)

    def known(self, a: A, use: Use, *inputs: Known) -> Known:
        def value(*numbers: Any) -> Any:
            try:
                found = self.fold(a, *numbers) if all(map(is_number, numbers)) else None
            except Complaint:
                return OPEN
            return found if is_number(found) else OPEN

        return combined(value, *inputs)

    def lies(self, a: A, *types: TensorType) -> Lies:
        return ALIKE

    def curve(self, a: A, x: Any) -> Any:
        """The function of an array of numbers; None where nothing is said of it."""
        return None

    def signal(self, a: A, *types: TensorType) -> Any:
        import numpy as np

        from fanin.signal.rules.pointwise import Curve

        if self.curve(a, np.zeros(1)) is None:
            return Unknown(f"nothing is known behind `{self.name}`")
        return Curve(lambda x: self.curve(a, x))


class Elementwise(Pointwise[A]):
    """A function of each number alone that keeps its kind: the type stays."""

    def infer(self, a: A, *types: TensorType) -> Result:
        return types[0]


# ------------------------------------------------------------------------------------------------------ helpers


def need_equal(left: Dim, right: Dim, message: str, *places: tuple[str, int], help: str = "") -> tuple[Need, ...]:
    """No need where they are the same; otherwise one of kind ``mismatch``."""
    if left == right:
        return ()
    return (Need(Compare("==", left, right), message, places, "mismatch", help),)


def need_at_least(size: Dim, least: int, message: str, *places: tuple[str, int], help: str = "") -> tuple[Need, ...]:
    """No need where ``size`` is a number that is large enough."""
    if isinstance(size, int) and size >= least:
        return ()
    return (Need(Compare(">=", size, least), message, places, "too-small", help),)


def normal_axis(axis: int, rank: int, about: str = "axis") -> int:
    """The axis counted from 0. Raises Complaint where there is none such."""
    if not -rank <= axis < rank:
        if not rank:  # PyTorch gives a scalar an axis of its own here and there; NumPy does not
            raise Complaint(f"there is no axis {axis}: a scalar has none", about, kind="type")
        raise Complaint(f"there is no axis {axis}: the axes here are -{rank} to {rank - 1}", about)
    return axis % rank


@cache
def argument_order(op: type[Op[Any]]) -> tuple[str, ...]:
    """Names in the order in which arguments go by place."""
    if op.order:
        return op.order
    return (*(port.name for port in op.inputs), *(f.name for f in fields(op.attrs) if not f.kw_only))
