"""The syntax tree: frozen nodes, each with the span it was read from.

Two trees are equal when they say the same: spans do not take part in comparison. Chains of operators and the
stages of a pipe are flat tuples, so that nothing recurses on the length of a line.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fanin.source import Source, Span


@dataclass(frozen=True, slots=True)
class Tree:
    """Anything with a span."""

    span: Span = field(compare=False, repr=False)


# --------------------------------------------------------------------------------------------- expressions


@dataclass(frozen=True, slots=True)
class Expr(Tree):
    """Anything with a value."""


@dataclass(frozen=True, slots=True)
class Ident(Expr):
    """A name, where it is used as an expression, and where it is declared."""

    name: str


@dataclass(frozen=True, slots=True)
class Number(Expr):
    """INT, FLOAT, SIZE (``26M``, ``6GiB``) or PERCENT; ``text`` is how it was written."""

    value: int | float
    text: str
    kind: str  # "int" | "float" | "size" | "percent"


@dataclass(frozen=True, slots=True)
class String(Expr):
    value: str  # unescaped


@dataclass(frozen=True, slots=True)
class Bool(Expr):
    value: bool


@dataclass(frozen=True, slots=True)
class NoneValue(Expr):
    """``none``"""


@dataclass(frozen=True, slots=True)
class Dots(Expr):
    """``...``, as an argument or in an index."""


@dataclass(frozen=True, slots=True)
class Paren(Expr):
    """``( value )``: kept, since brackets make a level in paths and hold a conditional."""

    value: Expr


@dataclass(frozen=True, slots=True)
class TupleExpr(Expr):
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class ListExpr(Expr):
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Conditional(Expr):
    """``then if test else otherwise``, in brackets."""

    then: Expr
    test: Expr
    otherwise: Expr


@dataclass(frozen=True, slots=True)
class Stage(Tree):
    """``[label:] value [as name]``. The label is a name, or a name with indices (``features[at]``)."""

    label: Expr | None
    value: Expr
    name: Ident | None


@dataclass(frozen=True, slots=True)
class Pipe(Expr):
    """Stages joined by ``->``. A single stage is a Pipe only where it has a label or an ``as``."""

    stages: tuple[Stage, ...]


@dataclass(frozen=True, slots=True)
class Step(Tree):
    """An operator and its right operand, in a chain. Its span is that of the operator."""

    op: str
    operand: Expr


@dataclass(frozen=True, slots=True)
class Chain(Expr):
    """``first op operand op operand …`` of one level, left to right: ``or``, ``and``, comparisons and ``in``,
    ``..``, ``++``, sums, products. A power is a Chain of one step, right-associative."""

    first: Expr
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Unary(Expr):
    op: str  # "-" | "not"
    operand: Expr


@dataclass(frozen=True, slots=True)
class Arg(Tree):
    """An argument, by place or by name; ``...`` is a Dots value."""

    name: Ident | None
    value: Expr


@dataclass(frozen=True, slots=True)
class Call(Expr):
    callee: Expr
    args: tuple[Arg, ...]


@dataclass(frozen=True, slots=True)
class Slice(Expr):
    """``start:stop:step`` in an index."""

    start: Expr | None
    stop: Expr | None
    step: Expr | None


@dataclass(frozen=True, slots=True)
class Index(Expr):
    value: Expr
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Member(Expr):
    value: Expr
    name: Ident


# --------------------------------------------------------------------------------------------------- types


@dataclass(frozen=True, slots=True)
class StarDim(Tree):
    """``*`` or ``*S`` in a shape."""

    name: Ident | None


@dataclass(frozen=True, slots=True)
class Type(Tree):
    """A type, with ``?`` behind it where ``optional``."""

    optional: bool


@dataclass(frozen=True, slots=True)
class ShapeType(Type):
    """``[N, C]`` or ``int[B, T]``."""

    dtype: Ident | None
    dims: tuple[Expr | StarDim, ...]


@dataclass(frozen=True, slots=True)
class NameType(Type):
    """``int``, ``fn``, ``block``, ``module`` …"""

    name: Ident


@dataclass(frozen=True, slots=True)
class ListType(Type):
    element: TypeExpr


@dataclass(frozen=True, slots=True)
class Field(Tree):
    """``name: type`` of a tuple, or a type alone."""

    name: Ident | None
    type: TypeExpr


@dataclass(frozen=True, slots=True)
class TupleType(Type):
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class UnionType(Tree):
    """``int | (int, int)``"""

    options: tuple[Type, ...]


TypeExpr = Type | UnionType


# --------------------------------------------------------------------------- attributes, parameters, bodies


@dataclass(frozen=True, slots=True)
class Mark(Tree):
    """An argument of an attribute: a dashed name (``thin-layer``), ``name = value``, or a string."""

    name: str | None
    value: Expr | None


@dataclass(frozen=True, slots=True)
class Attribute(Tree):
    """``@allow(thin-layer, "reason")``; ``name`` is without the ``@``."""

    name: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Param(Tree):
    name: Ident
    type: TypeExpr | None
    default: Expr | None


@dataclass(frozen=True, slots=True)
class Statement(Tree):
    attributes: tuple[Attribute, ...]


@dataclass(frozen=True, slots=True)
class Body(Tree):
    """``{ … }``; a ``return`` is its last statement."""

    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Return(Statement):
    values: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Bind(Statement):
    """``a, b = value``"""

    names: tuple[Ident, ...]
    value: Expr


@dataclass(frozen=True, slots=True)
class Augment(Statement):
    """``name += value``; ``op`` is the operator without its ``=``."""

    name: Ident
    op: str
    value: Expr


@dataclass(frozen=True, slots=True)
class TypedBind(Statement):
    name: Ident
    type: TypeExpr
    value: Expr


@dataclass(frozen=True, slots=True)
class State(Statement):
    """``param`` or ``buffer``."""

    kind: str  # "param" | "buffer"
    name: Ident
    type: TypeExpr
    value: Expr


@dataclass(frozen=True, slots=True)
class Update(Statement):
    name: Ident
    value: Expr


@dataclass(frozen=True, slots=True)
class For(Statement):
    names: tuple[Ident, ...]
    iterable: Expr
    body: Body


@dataclass(frozen=True, slots=True)
class If(Statement):
    """``branches`` are the tests and bodies of ``if`` and each ``elif``."""

    branches: tuple[tuple[Expr, Body], ...]
    otherwise: Body | None


@dataclass(frozen=True, slots=True)
class Assert(Statement):
    test: Expr
    message: String | None


@dataclass(frozen=True, slots=True)
class Expect(Statement):
    test: Expr


@dataclass(frozen=True, slots=True)
class Measure(Statement):
    """``loss name = value`` or ``metric name = value``."""

    kind: str  # "loss" | "metric"
    name: Ident
    value: Expr


@dataclass(frozen=True, slots=True)
class Path(Tree):
    """``net.*.norm``; a part is a name, a number or ``*``."""

    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Clause(Tree):
    """``name(args)`` in a recipe: an optimiser, ``clip(1.0)``, ``by snip(samples=128)``. Without brackets, args is None."""

    name: Ident
    args: tuple[Arg, ...] | None


@dataclass(frozen=True, slots=True)
class Train(Statement):
    nets: tuple[Path, ...]
    loss: Expr
    optimiser: Clause
    options: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class TrainingStage(Statement):
    """``stage name(args) for count unit { … }``"""

    name: Ident
    args: tuple[Arg, ...] | None
    count: Expr
    unit: Ident
    body: Body


# -------------------------------------------------------------------------------------------- declarations


@dataclass(frozen=True, slots=True)
class Declaration(Tree):
    attributes: tuple[Attribute, ...]
    doc: str  # the `##` comment directly above, or ""


@dataclass(frozen=True, slots=True)
class Alias(Tree):
    name: Ident
    alias: Ident | None


@dataclass(frozen=True, slots=True)
class Import(Declaration):
    """``origin`` is a dotted name (``std.vision``) or, where ``is_file``, a path."""

    origin: str
    origin_span: Span = field(compare=False)
    is_file: bool
    names: tuple[Alias, ...]


@dataclass(frozen=True, slots=True)
class Const(Declaration):
    name: Ident
    value: Expr


@dataclass(frozen=True, slots=True)
class Fn(Declaration):
    name: Ident
    params: tuple[Param, ...]
    result: TypeExpr | None
    body: Body


@dataclass(frozen=True, slots=True)
class Inverse(Tree):
    params: tuple[Param, ...]
    result: TypeExpr | None
    body: Body


@dataclass(frozen=True, slots=True)
class Block(Declaration):
    """A ``block``, or where ``is_model`` a ``model``, with a body."""

    name: Ident
    is_model: bool
    hypers: tuple[Param, ...]
    inputs: tuple[Param, ...]
    result: TypeExpr | None
    body: Body
    inverse: Inverse | None


@dataclass(frozen=True, slots=True)
class BlockAlias(Declaration):
    """``model ResNet50 = ResNet(…) { expect … }`` or ``block Cba(w: int) = Conv2d(w) -> …``."""

    name: Ident
    is_model: bool
    hypers: tuple[Param, ...] | None
    value: Expr
    promises: Body | None


@dataclass(frozen=True, slots=True)
class Extern(Declaration):
    name: Ident
    hypers: tuple[Param, ...]
    inputs: tuple[Param, ...]
    result: TypeExpr
    target: String


@dataclass(frozen=True, slots=True)
class System(Declaration):
    name: Ident
    hypers: tuple[Param, ...]
    inputs: tuple[Param, ...]
    body: Body


@dataclass(frozen=True, slots=True)
class Share(Tree):
    """``net.fc3: half`` or ``net.conv1: 10%``."""

    path: Path
    rate: Expr


@dataclass(frozen=True, slots=True)
class PruneClause(Tree):
    """One clause. ``kind`` is its first word; ``values`` are its parts in order, as the reference lists them:

    ``by``, ``unit``, ``scope``: (Clause,) · ``remove``: (Number, "each", Number) | (Number, "once") | (Number, "in", Number)
    ``rate``: Shares · ``except``: Paths · ``floor``: (Number,) · ``rewind``: (Ident, Number | None) | ("none",) | ("rate",)
    ``compare``: Idents · ``retrain``: (count | None, unit | None, Clauses…) · ``seeds``, ``expect``: (Expr,) · ``measure``: Exprs
    """

    kind: str
    values: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Prune(Declaration):
    name: Ident
    of: Expr
    clauses: tuple[PruneClause, ...]


@dataclass(frozen=True, slots=True)
class Comment(Tree):
    text: str  # from its `#` to the end of the line
    own_line: bool


@dataclass(frozen=True, slots=True)
class File:
    """A parsed file: its declarations in order, and its comments in order."""

    source: Source = field(compare=False, repr=False)
    declarations: tuple[Declaration, ...]
    comments: tuple[Comment, ...] = field(compare=False, repr=False)
