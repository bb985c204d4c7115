"""The syntax tree: frozen nodes, each with the span it was read from.

Two trees are equal when they say the same: spans do not take part in comparison. Chains of operators and the
stages of a pipe are flat tuples, so that nothing recurses on the length of a line.
"""

from __future__ import annotations

from fanin.record import field, record
from fanin.source import Source, Span


@record
class Tree:
    """Anything with a span."""

    span: Span = field(compare=False, repr=False)


# --------------------------------------------------------------------------------------------- expressions


@record
class Expr(Tree):
    """Anything with a value."""


@record
class Ident(Expr):
    """A name, where it is used as an expression, and where it is declared."""

    name: str


@record
class Number(Expr):
    """INT, FLOAT, SIZE (``26M``, ``6GiB``) or PERCENT; ``text`` is how it was written."""

    value: int | float
    text: str
    kind: str  # "int" | "float" | "size" | "percent"


@record
class String(Expr):
    value: str  # unescaped


@record
class Bool(Expr):
    value: bool


@record
class NoneValue(Expr):
    """``none``"""


@record
class Dots(Expr):
    """``...``, as an argument or in an index."""


@record
class Paren(Expr):
    """``( value )``: kept, since brackets make a level in paths and hold a conditional."""

    value: Expr


@record
class TupleExpr(Expr):
    items: tuple[Expr, ...]


@record
class ListExpr(Expr):
    items: tuple[Expr, ...]


@record
class Conditional(Expr):
    """``then if test else otherwise``, in brackets."""

    then: Expr
    test: Expr
    otherwise: Expr


@record
class Stage(Tree):
    """``[label:] value [as name]``. The label is a name, or a name with indices (``features[at]``)."""

    label: Expr | None
    value: Expr
    name: Ident | None


@record
class Pipe(Expr):
    """Stages joined by ``->``. A single stage is a Pipe only where it has a label or an ``as``."""

    stages: tuple[Stage, ...]


@record
class Step(Tree):
    """An operator and its right operand, in a chain. Its span is that of the operator."""

    op: str
    operand: Expr


@record
class Chain(Expr):
    """``first op operand op operand …`` of one level, left to right: ``or``, ``and``, comparisons and ``in``,
    ``..``, ``++``, sums, products. A power is a Chain of one step, right-associative."""

    first: Expr
    steps: tuple[Step, ...]


@record
class Unary(Expr):
    op: str  # "-" | "not"
    operand: Expr


@record
class Arg(Tree):
    """An argument, by place or by name; ``...`` is a Dots value."""

    name: Ident | None
    value: Expr


@record
class Call(Expr):
    callee: Expr
    args: tuple[Arg, ...]


@record
class Slice(Expr):
    """``start:stop:step`` in an index."""

    start: Expr | None
    stop: Expr | None
    step: Expr | None


@record
class Index(Expr):
    value: Expr
    items: tuple[Expr, ...]


@record
class Member(Expr):
    value: Expr
    name: Ident


# --------------------------------------------------------------------------------------------------- types


@record
class StarDim(Tree):
    """``*`` or ``*S`` in a shape."""

    name: Ident | None


@record
class Type(Tree):
    """A type, with ``?`` behind it where ``optional``."""

    optional: bool


@record
class ShapeType(Type):
    """``[N, C]`` or ``int[B, T]``."""

    dtype: Ident | None
    dims: tuple[Expr | StarDim, ...]


@record
class NameType(Type):
    """``int``, ``fn``, ``block``, ``module`` …"""

    name: Ident


@record
class ListType(Type):
    element: TypeExpr


@record
class Field(Tree):
    """``name: type`` of a tuple, or a type alone."""

    name: Ident | None
    type: TypeExpr


@record
class TupleType(Type):
    fields: tuple[Field, ...]


@record
class UnionType(Tree):
    """``int | (int, int)``"""

    options: tuple[Type, ...]


TypeExpr = Type | UnionType


# --------------------------------------------------------------------------- attributes, parameters, bodies


@record
class Mark(Tree):
    """An argument of an attribute: a dashed name (``thin-layer``), ``name = value``, or a string."""

    name: str | None
    value: Expr | None


@record
class Attribute(Tree):
    """``@allow(thin-layer, "reason")``; ``name`` is without the ``@``."""

    name: str
    marks: tuple[Mark, ...]


@record
class Param(Tree):
    name: Ident
    type: TypeExpr | None
    default: Expr | None


@record
class Statement(Tree):
    attributes: tuple[Attribute, ...]


@record
class Body(Tree):
    """``{ … }``; a ``return`` is its last statement."""

    statements: tuple[Statement, ...]


@record
class Return(Statement):
    values: tuple[Expr, ...]


@record
class Bind(Statement):
    """``a, b = value``"""

    names: tuple[Ident, ...]
    value: Expr


@record
class Augment(Statement):
    """``name += value``; ``op`` is the operator without its ``=``."""

    name: Ident
    op: str
    value: Expr


@record
class TypedBind(Statement):
    name: Ident
    type: TypeExpr
    value: Expr


@record
class State(Statement):
    """``param`` or ``buffer``."""

    kind: str  # "param" | "buffer"
    name: Ident
    type: TypeExpr
    value: Expr


@record
class Update(Statement):
    name: Ident
    value: Expr


@record
class For(Statement):
    names: tuple[Ident, ...]
    iterable: Expr
    body: Body


@record
class If(Statement):
    """``branches`` are the tests and bodies of ``if`` and each ``elif``."""

    branches: tuple[tuple[Expr, Body], ...]
    otherwise: Body | None


@record
class Assert(Statement):
    test: Expr
    message: String | None


@record
class Expect(Statement):
    test: Expr


@record
class Measure(Statement):
    """``loss name = value`` or ``metric name = value``."""

    kind: str  # "loss" | "metric"
    name: Ident
    value: Expr


@record
class Path(Tree):
    """``net.*.norm``; a part is a name, a number or ``*``."""

    parts: tuple[str, ...]


@record
class Clause(Tree):
    """``name(args)`` in a recipe: an optimiser, ``clip(1.0)``, ``by snip(samples=128)``. No brackets: args is None."""

    name: Ident
    args: tuple[Arg, ...] | None


@record
class Train(Statement):
    nets: tuple[Path, ...]
    loss: Expr
    optimiser: Clause
    options: tuple[Clause, ...]


@record
class TrainingStage(Statement):
    """``stage name(args) for count unit until test { … }``; ``until`` is None where it goes on for all of it."""

    name: Ident
    args: tuple[Arg, ...] | None
    count: Expr
    unit: Ident
    until: Expr | None
    body: Body


# -------------------------------------------------------------------------------------------- declarations


@record
class Declaration(Tree):
    attributes: tuple[Attribute, ...]
    doc: str  # the `##` comment directly above, or ""


@record
class Alias(Tree):
    name: Ident
    alias: Ident | None


@record
class Import(Declaration):
    """``origin`` is a dotted name (``std.vision``) or, where ``is_file``, a path."""

    origin: str
    origin_span: Span = field(compare=False)
    is_file: bool
    names: tuple[Alias, ...]


@record
class Const(Declaration):
    name: Ident
    value: Expr


@record
class Fn(Declaration):
    name: Ident
    params: tuple[Param, ...]
    result: TypeExpr | None
    body: Body


@record
class Inverse(Tree):
    params: tuple[Param, ...]
    result: TypeExpr | None
    body: Body


@record
class Block(Declaration):
    """A ``block``, or where ``is_model`` a ``model``, with a body."""

    name: Ident
    is_model: bool
    hypers: tuple[Param, ...]
    inputs: tuple[Param, ...]
    result: TypeExpr | None
    body: Body
    inverse: Inverse | None


@record
class BlockAlias(Declaration):
    """``model ResNet50 = ResNet(…) { expect … }`` or ``block Cba(w: int) = Conv2d(w) -> …``."""

    name: Ident
    is_model: bool
    hypers: tuple[Param, ...] | None
    value: Expr
    promises: Body | None


@record
class Extern(Declaration):
    name: Ident
    hypers: tuple[Param, ...]
    inputs: tuple[Param, ...]
    result: TypeExpr
    target: String


@record
class System(Declaration):
    name: Ident
    hypers: tuple[Param, ...]
    inputs: tuple[Param, ...]
    body: Body


@record
class Share(Tree):
    """``net.fc3: half`` or ``net.conv1: 10%``."""

    path: Path
    rate: Expr


@record
class PruneClause(Tree):
    """One clause. ``kind`` is its first word; ``values`` are its parts in order, as the reference lists them:

    ``by``, ``unit``, ``scope``: (Clause,)
    ``remove``: (Number, "each", Number) | (Number, "once") | (Number, "in" | "gradually", Number)
    ``rate``: Shares · ``except``: Paths · ``floor``: (Number,) · ``compare``: Idents · ``measure``: Exprs
    ``rewind``: (Ident, Number | None) | ("none",) | ("rate",)
    ``retrain``: (count | None, unit | None, Clauses…) · ``seeds``, ``expect``: (Expr,)
    """

    kind: str
    values: tuple[object, ...]


@record
class Prune(Declaration):
    name: Ident
    of: Expr
    clauses: tuple[PruneClause, ...]


@record
class Comment(Tree):
    text: str  # from its `#` to the end of the line


@record
class File:
    """A parsed file: its declarations in order, and its comments in order."""

    source: Source = field(compare=False, repr=False)
    declarations: tuple[Declaration, ...]
    comments: tuple[Comment, ...] = field(compare=False, repr=False)
