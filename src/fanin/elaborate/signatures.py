"""Input and result types: letters are bound to what comes in, and what is met again must agree."""

from __future__ import annotations

from typing import Any

from fanin.diagnostics import Fix, Label
from fanin.diagnostics.codes import SHP304, SHP306, SHP307, TYP401, TYP408
from fanin.diagnostics.model import Edit
from fanin.diagnostics.suggest import nearest
from fanin.elaborate.body import Body
from fanin.elaborate.context import refuse
from fanin.elaborate.misfits import declare_input
from fanin.elaborate.problems import Place, noun, origin_of, settle
from fanin.elaborate.values import describe
from fanin.ir.dims import Dim, Poly, Symbol, dim
from fanin.ir.facts import Compare
from fanin.ir.graph import Result, Scalar, Value
from fanin.ir.types import DType, TensorType
from fanin.record import field, record
from fanin.source import Span
from fanin.syntax import tree

DTYPES = {"float": DType.FLOAT, "int": DType.INT, "bool": DType.BOOL, "complex": DType.COMPLEX}


_FOREIGN_DTYPES = {
    **dict.fromkeys(("long", "int64", "int32", "int16", "int8", "uint8", "integer", "index"), "int"),
    **dict.fromkeys(("half", "double", "float32", "float64", "float16", "bfloat16", "tensor"), "float"),
    **dict.fromkeys(("boolean", "mask"), "bool"),
}


@record(frozen=False)
class Letters:
    """The letters of a signature as they are bound, in order; and the sizes that a named star stands for."""

    sizes: dict[str, Dim] = field(default_factory=dict)
    stars: dict[str, tuple[Dim, ...]] = field(default_factory=dict)
    places: dict[str, Span] = field(default_factory=dict)  # where each was bound


def is_letter(body: Body, name: str, letters: Letters) -> bool:
    """Whether a name in a shape is a dimension: capitalised, and no hyper-parameter or constant of that name."""
    return name[0].isupper() and name not in body.scope and not _is_constant(body, name)


def _is_constant(body: Body, name: str) -> bool:
    found = body.unit.lookup(name)
    return found is not None and isinstance(found[1], tree.Const)


def dtype_of(shape: tree.ShapeType) -> DType:
    if shape.dtype is None:
        return DType.FLOAT
    found = DTYPES.get(shape.dtype.name)
    if found is None:
        name = shape.dtype.name
        near = _FOREIGN_DTYPES.get(name.lower()) or nearest(name, list(DTYPES))
        raise refuse(
            TYP408,
            f"there is no dtype `{name}`: float, int, bool or complex",
            shape.dtype.span,
            "not a dtype",
            fix=Fix(f"write `{near}`", (Edit(shape.dtype.span, near),)) if near else None,
        )
    return found


def match(
    body: Body,
    shape: tree.ShapeType,
    actual: TensorType,
    letters: Letters,
    what: str,
    span: Span,
    value: Value | None = None,
    result: bool = False,
) -> None:
    """Bind the letters of a declared shape to an actual type, or refuse where they disagree.

    ``span`` is where the tensor comes from, ``what`` what it is called. ``result`` is for what a body gives, as against
    what it takes in.
    """
    wanted = dtype_of(shape)
    if actual.dtype is not wanted:
        headline = f"{what} takes {wanted.value} numbers, and {actual.dtype.value} ones come in"
        if result:
            headline = f"{what} is declared as {wanted.value}, and is {actual.dtype.value}"
        label = Label(shape.span, f"declared as {shape.span.text}")
        labels: list[Label] = []
        fix = declare_as(shape.span, wanted, actual.dtype) if result else None
        if not result and value is not None and wanted is DType.INT:
            outer, operand, _ = body.builder.port_origins.get(value.index, (None, None, -1))
            labels, fix = declare_input(outer, operand) if outer is not None else ([], None)
        raise refuse(TYP408, headline, span, f"this is {actual}", [label, *labels], fix=fix)
    pairs = pair_axes(shape, actual, what, span, letters, result)
    for item, axis, size in pairs:
        match_size(body, item, size, letters, what, shape, span, value, axis, result)


def declare_as(shape: Span, before: DType, after: DType) -> Fix:
    """Write another dtype before a shape."""
    name = "" if before is DType.FLOAT and not shape.text.startswith("float") else before.value
    start = Span(shape.source, shape.start, shape.start + len(name))
    text = "" if after is DType.FLOAT else after.value
    return Fix(f"declare it as {after.value}", (Edit(start, text),))


def pair_axes(
    shape: tree.ShapeType, actual: TensorType, what: str, span: Span, letters: Letters, result: bool = False
) -> list[tuple[tree.Expr, int, Dim]]:
    """Which declared dimension meets which actual size; a star takes what is left."""
    dims = shape.dims
    star = next((i for i, d in enumerate(dims) if isinstance(d, tree.StarDim)), None)
    count = len(dims)
    if star is None:
        if count != actual.rank:
            raise rank_mismatch(shape, actual, what, span, result)
        return [(d, i, s) for i, (d, s) in enumerate(zip(dims, actual.shape, strict=True)) if isinstance(d, tree.Expr)]
    taken = actual.rank - (count - 1)
    if taken < 0:
        raise rank_mismatch(shape, actual, what, span, result)
    starred = dims[star]
    assert isinstance(starred, tree.StarDim)
    sizes = actual.shape[star : star + taken]
    if starred.name is not None:
        name = starred.name.name
        if name in letters.stars and letters.stars[name] != sizes:
            before = letters.stars[name]
            raise refuse(
                SHP306,
                f"`*{name}` is {_shape(before)} elsewhere, and {_shape(sizes)} here",
                span,
                f"this is {actual}",
                [Label(letters.places.get("*" + name, shape.span), f"`*{name}` is bound here")],
            )
        letters.stars.setdefault(name, sizes)
        letters.places.setdefault("*" + name, starred.span)
    pairs: list[tuple[tree.Expr, int, Dim]] = []
    for i, d in enumerate(dims):
        if isinstance(d, tree.Expr):
            axis = i if i < star else i + taken - 1
            pairs.append((d, axis, actual.shape[axis]))
    return pairs


def _shape(sizes: tuple[Dim, ...]) -> str:
    return f"[{', '.join(map(str, sizes))}]"


def rank_mismatch(shape: tree.ShapeType, actual: TensorType, what: str, span: Span, result: bool) -> Exception:
    count = len([d for d in shape.dims if isinstance(d, tree.Expr)])
    least = "at least " if count != len(shape.dims) else ""
    axes = f"{least}{count} {'axis' if count == 1 else 'axes'}"
    headline = f"{what} is declared with {axes}, and has {actual.rank}"
    if not result:
        headline = f"{what} takes {axes}, and a tensor with {actual.rank} comes in"
    return refuse(
        SHP306,
        headline,
        span,
        f"this is {actual}",
        [Label(shape.span, f"declared as {shape.span.text}")],
        helps=_rank_help(count, actual, result) if not least else [],
    )


def _rank_help(wanted: int, actual: TensorType, result: bool) -> list[str]:
    """How a tensor usually gets from its rank to the one that is wanted."""
    stage = ""
    if wanted == 2 and actual.rank > 2:
        stage = "flatten(1)" if actual.rank == 4 or result else "mean(axis=1)"
    elif wanted == 1 and actual.rank == 2 and actual.shape[1] == 1:
        stage = "squeeze(1)"
    elif wanted == 0 and actual.rank:
        stage = "mean"
    elif wanted == actual.rank + 1:
        stage = "unsqueeze(1)"
    if not stage:
        return []
    return [f"end with `… -> {stage}`" if result else f"send it through `{stage}` first"]


def match_size(
    body: Body,
    item: tree.Expr,
    size: Dim,
    letters: Letters,
    what: str,
    shape: tree.ShapeType,
    span: Span,
    value: Value | None,
    axis: int,
    result: bool = False,
) -> None:
    if isinstance(item, tree.Ident):
        name = item.name
        if name == "_":
            return
        if is_letter(body, name, letters) and name not in letters.sizes:
            letters.sizes[name] = size
            letters.places[name] = item.span
            return
    wanted = size_of(body, item, letters)
    if wanted == size or body.ctx.facts.equal(wanted, size):
        return
    text = item.span.text
    rank = len(shape.dims)
    starred = any(isinstance(d, tree.StarDim) for d in shape.dims)
    declared = str(wanted) if str(wanted) == text else f"{text} = {wanted}"
    word = "" if starred else noun(axis, rank)
    place = None
    if value is not None:
        place = Place(value, axis, what.split(" of ")[0] if result else "what comes in")
    if result and place is not None:
        span = _smallest(body, place, span)
    settle(
        body.ctx,
        body.builder,
        Compare("==", wanted, size),
        f"{what} {'is declared with' if result else 'takes'} {declared} {word}".rstrip()
        + f", and {'has ' if result else ''}{size}"
        + ("" if result else f" come{'s' if size == 1 else ''} in"),
        span,
        kind="mismatch",
        places=(place,) if place is not None else (),
        labels=(_declared_label(text, item, letters, wanted),),
    )


def _smallest(body: Body, place: Place, span: Span) -> Span:
    """The part of a result's expression that gave the size, where that is written inside it."""
    found = origin_of(body.builder, place.value, place.axis)
    if found is None or found[1]:
        return span
    inside = found[0].source is span.source and span.start <= found[0].start and found[0].end <= span.end
    return found[0] if inside else span


def _declared_label(text: str, item: tree.Expr, letters: Letters, wanted: Dim) -> Label:
    """Where the size that is asked for was set."""
    bound = letters.places.get(text)
    if bound is not None and bound != item.span:
        return Label(bound, f"`{text}` is bound to {wanted} here")
    return Label(item.span, "declared here" if str(wanted) == text else f"declared here: {text} = {wanted}")


def size_of(body: Body, item: tree.Expr, letters: Letters) -> Dim:
    """The value of a dimension expression."""
    unbound = unbound_letter(body, item, letters)
    if unbound is not None:
        near = nearest(
            unbound.name, [*letters.sizes, *(n for n in body.scope if isinstance(body.scope[n], (int, Poly)))]
        )
        raise refuse(
            SHP307,
            f"the dimension `{unbound.name}` is used before anything binds it",
            unbound.span,
            "not bound yet",
            helps=[f"did you mean `{near}`?"]
            if near
            else ["a dimension has to stand alone in some input before it stands in arithmetic"],
        )
    before = body.builder.letters
    body.builder.letters = {**before, **letters.sizes}
    try:
        value = body.evaluate(item)
    finally:
        body.builder.letters = before
    if isinstance(value, bool) or not isinstance(value, (int, Poly)):
        raise refuse(TYP401, f"a size is a whole number, not {describe(value)}", item.span, describe(value))
    if isinstance(value, int) and value < 0:
        raise refuse(SHP304, f"a size cannot be {value}", item.span, "negative")
    return value


def unbound_letter(body: Body, item: tree.Expr, letters: Letters) -> tree.Ident | None:
    """A letter in an expression that nothing has bound yet."""
    work: list[Any] = [item]
    while work:
        node = work.pop()
        if isinstance(node, tree.Ident):
            name = node.name
            if is_letter(body, name, letters) and name not in letters.sizes and name not in body.builder.letters:
                return node
        elif isinstance(node, tree.Call):
            work += [a.value for a in node.args]
        elif isinstance(node, tuple):
            work.extend(node)
        elif isinstance(node, tree.Tree):
            work.extend(
                getattr(node, s) for k in type(node).__mro__ for s in getattr(k, "__slots__", ()) if s != "span"
            )
    return None


# --------------------------------------------------------------------------------------------- inputs of models


def open_inputs(
    body: Body, params: tuple[tree.Param, ...], given: dict[str, int]
) -> tuple[Letters, list[TensorType | None]]:
    """The input types of an entry point: every letter is an open dimension, but those that ``given`` sizes."""
    letters = Letters()
    types: list[TensorType | None] = []
    for p in params:
        shape = p.type
        if not isinstance(shape, tree.ShapeType):
            raise refuse(
                TYP401,
                f"the input `{p.name.name}` needs a tensor's type, such as `[N, 3, H, W]`",
                p.span,
                "no shape",
            )
        sizes: list[Dim] = []
        for i, item in enumerate(shape.dims):
            if isinstance(item, tree.StarDim):
                name = item.name.name if item.name else f"{p.name.name}_{i}"
                bound = letters.stars.setdefault(
                    item.name.name if item.name else f"*{p.name.name}", (dim(Symbol(name)),)
                )
                sizes += bound
            elif isinstance(item, tree.Ident) and item.name == "_":
                sizes.append(dim(Symbol(f"{p.name.name}_{i}")))
            elif isinstance(item, tree.Ident) and is_letter(body, item.name, letters):
                if item.name not in letters.sizes:
                    letters.sizes[item.name] = given[item.name] if item.name in given else dim(Symbol(item.name))
                    letters.places[item.name] = item.span
                sizes.append(letters.sizes[item.name])
            else:
                sizes.append(size_of(body, item, letters))
        types.append(TensorType(dtype_of(shape), tuple(sizes)))
    return letters, types


# ---------------------------------------------------------------------------------------- inputs of specialisations


def local_types(
    types: list[TensorType | None], names: list[tuple[str | None, ...]], taken: set[str]
) -> tuple[list[TensorType | None], list[Symbol], dict[Dim, Dim]]:
    """The same types in letters of their own: each open size becomes a symbol defined as what it is outside.

    ``names`` are the letters that the signature gives to the axes, None where it gives none.
    """
    mapping: dict[Dim, Dim] = {}
    symbols: list[Symbol] = []
    for t, letters in zip(types, names, strict=True):
        if t is None:
            continue
        for size, letter in zip(t.shape, letters, strict=True):
            if isinstance(size, int) or size in mapping:
                continue
            name = letter or _plain_name(size) or f"n{len(symbols) + 1}"
            while name in taken:
                name = f"{name}_"
            taken.add(name)
            symbol = Symbol(name, size)
            symbols.append(symbol)
            mapping[size] = dim(symbol)
    changed = [None if t is None else TensorType(t.dtype, tuple(mapping.get(s, s) for s in t.shape)) for t in types]
    return changed, symbols, mapping


def _plain_name(size: Dim) -> str | None:
    if isinstance(size, Poly):
        symbols = size.symbols()
        if len(symbols) == 1:
            (symbol,) = symbols
            if dim(symbol) == size:
                return symbol.name
    return None


def axis_letters(body: Body, shape: tree.TypeExpr | None, rank: int, letters: Letters) -> tuple[str | None, ...]:
    """The letter of each axis, where the signature has one standing alone."""
    if not isinstance(shape, tree.ShapeType):
        return (None,) * rank
    names: list[str | None] = []
    for item in shape.dims:
        if isinstance(item, tree.StarDim):
            count = rank - (len(shape.dims) - 1)
            base = item.name.name if item.name else None
            names += [None if base is None else base if count == 1 else f"{base}{i + 1}" for i in range(count)]
        elif isinstance(item, tree.Ident) and item.name != "_" and is_letter(body, item.name, letters):
            names.append(item.name)
        else:
            names.append(None)
    return tuple(names) if len(names) == rank else (None,) * rank


def _count_help(names: list[str]) -> list[str]:
    names = [name or "…" for name in names]
    return [f"write `return {', '.join(names)}`" if all(n != "…" for n in names) else "return each of them"]


def check_result(
    body: Body, declared: tree.TypeExpr | None, values: list[Any], letters: Letters, span: Span, shown: str
) -> tuple[Result, ...]:
    """A body's results with their names, held to the declared type. A number is a float where one is declared."""
    from fanin.elaborate.expressions import operand

    if declared is None:
        return tuple(Result("", operand(body, v, span, f"the result of `{shown}`: a tensor")) for v in values)
    fields: list[tuple[str, tree.TypeExpr, Span]]
    if isinstance(declared, tree.TupleType):
        fields = [(f.name.name if f.name else "", f.type, f.span) for f in declared.fields]
    else:
        assert isinstance(declared, (tree.Type, tree.UnionType))
        fields = [("", declared, declared.span)]
    if len(fields) != len(values):
        raise refuse(
            SHP306,
            f"`{shown}` promises {len(fields)} result{'s' if len(fields) != 1 else ''} and gives {len(values)}",
            span,
            f"{len(values)} here",
            [Label(declared.span, f"{len(fields)} declared here")],
            helps=_count_help([name for name, _, _ in fields]),
        )
    results: list[Result] = []
    for (name, type_, _), value in zip(fields, values, strict=True):
        if not isinstance(type_, tree.ShapeType):
            raise refuse(
                TYP401,
                f"the result of `{shown}` is a tensor: its type is a shape, such as `[N, 8]`",
                type_.span,
                "no shape",
            )
        found = operand(body, value, span, f"the result of `{shown}`: a tensor")
        if isinstance(found, Scalar) and isinstance(found.value, int) and dtype_of(type_) is DType.FLOAT:
            found = Scalar(float(found.value))
        match(
            body,
            type_,
            found.type,
            letters,
            f"the result of `{shown}`" if len(fields) == 1 else f"a result of `{shown}`",
            span,
            found if isinstance(found, Value) else None,
            result=True,
        )
        results.append(Result(name, found))
    return tuple(results)
