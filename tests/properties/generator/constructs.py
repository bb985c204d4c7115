"""Ideas for statements that use the language's constructs: recurrences, ensembles, training, gradients, ways back.

Each gives statements to add to a draft, or raises Give; what fails when it is tried is dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from fanin.ir.types import DType, TensorType
from tests.properties.generator.spec import (
    Back,
    Bind,
    Block,
    Call,
    Const,
    Cut,
    Expr,
    If,
    Index,
    Infix,
    ListOf,
    Name,
    Pipe,
    Repeat,
    Return,
    Shape,
    Stage,
    State,
    Type,
    Update,
)

if TYPE_CHECKING:
    from tests.properties.generator.build import Draft, Writer

Idea = Callable[["Writer", "Draft"], list[Any]]


class Give(Exception):
    """This idea leads nowhere."""


def ideas() -> list[tuple[float, Idea]]:
    return [
        (0.6, scan),
        (0.3, scan_of_library_cell),
        (0.4, iterate),
        (0.5, ensemble),
        (0.5, if_training),
        (0.5, update),
        (0.5, grad),
        (0.5, wrapped),
        (0.4, there_and_back),
        (0.3, mapped),
    ]


# ------------------------------------------------------------------------------------------------------- recurrences


def scan(writer: Writer, draft: Draft) -> list[Any]:
    """A cell of the spec along an axis of a tensor, with one state, sometimes with a constant or two sequences."""
    rng = writer.rng
    source, value = float_tensor(writer, draft, least=2)
    axis = rng.choice([1, 1, 0, -1])
    part = value.select(axis, 0)
    inner, decl = cell_block(writer, draft)
    several = rng.random() < 0.25
    for _ in range(2 if several else 1):
        writer.new_input(inner, float_type(part))
    x = inner.inputs[0][0]
    constant = rng.random() < 0.25
    if constant:
        writer.new_input(inner, float_type(part), name="k")
    state = rng.choice(["h", "s", "memory"])
    start, dims = state_of(writer, draft, inner, part, state)
    writer.statements(inner, rng.randint(1, 2))
    tensors = [(n, v) for n, v in inner.tensors() if n != state]
    out, out_value = rng.choice(tensors[-3:])
    after = next_state(writer, inner, state, x)
    decl.result = [
        ("y", Type(kind_of(out_value), [writer.disguised(inner, n) for n in out_value.shape])),
        (state, Type("float", dims)),
    ]
    names: list[Expr] = [Name(out), after]
    if rng.random() < 0.3:
        decl.result.reverse()
        names.reverse()
    writer.add(inner, Bind(["_last"], names[[n for n, _ in decl.result].index(state)]))
    inner.body.pop()
    inner.body.append(Return(names))
    writer.declarations.append(decl)
    made: Expr = Call(Name(decl.name))
    if rng.random() < 0.7:
        made = Stage(made, writer.label(draft))
    sequences: list[Expr] = [Name(source)] * 2 if several else [Name(source)]
    if several and rng.random() < 0.5:
        sequences = [Shape(sequences)]
    args: list[tuple[str | None, Any]] = [(None, made), *((None, s) for s in sequences), (state, start)]
    if constant:
        args.append(("k", Index(Name(source), take(value.dim(), axis))))
    if axis != 1 or rng.random() < 0.2:
        args.append(("axis", Const(axis)))
    if rng.random() < 0.3:
        args.append(("reverse", Const(True)))
    return [Bind([writer.fresh("y"), writer.fresh("y")], Call(Name("scan"), args))]


def scan_of_library_cell(writer: Writer, draft: Draft) -> list[Any]:
    rng = writer.rng
    source, value = float_tensor(writer, draft, least=3)
    if value.dim() != 3:
        raise Give
    cell, width = rng.choice(["RNNCell", "GRUCell", "LSTMCell"]), rng.choice([2, 4])
    zeros = Call(Name("zeros"), [(None, writer.size(draft)(value.shape[0])), (None, Const(width))])
    states = ["h", "c"] if cell == "LSTMCell" else ["h"]
    made = Stage(Call(Name(cell), [(None, Const(width))]), writer.label(draft) if rng.random() < 0.6 else None)
    args: list[tuple[str | None, Any]] = [(None, made), (None, Name(source)), *((s, zeros) for s in states)]
    if rng.random() < 0.3:
        args.append(("reverse", Const(True)))
    return [Bind([writer.fresh("y") for _ in range(len(states) + 1)], Call(Name("scan"), args))]


def iterate(writer: Writer, draft: Draft) -> list[Any]:
    """A cell that says, sample by sample, whether it is done."""
    rng = writer.rng
    source, value = float_tensor(writer, draft, least=1)
    inner, decl = cell_block(writer, draft)
    writer.new_input(inner, float_type(value), name="s")
    writer.statements(inner, 1)
    after = next_state(writer, inner, "s", "s")
    rank = rng.randint(0, min(2, value.dim()))
    axes = tuple(range(rank, value.dim()))
    level: Expr = Call(Name("mean"), [(None, Name("s")), ("axis", Const(axes))]) if axes else Name("s")
    done = Infix(">", level, Const(rng.choice([0.4, 0.5, 0.6])))
    inner.body.append(Return([after, done]))
    dims = inner.inputs[0][1].dims
    decl.result = [("s", Type("float", list(dims))), ("done", Type("bool", list(dims[:rank])))]
    writer.declarations.append(decl)
    made: Expr = Call(Name(decl.name))
    if rng.random() < 0.7:
        made = Stage(made, writer.label(draft))
    args: list[tuple[str | None, Any]] = [(None, made), ("s", Name(source)), ("max", Const(rng.randint(1, 4)))]
    return [Bind([writer.fresh("y")], Call(Name("iterate"), args))]


# ----------------------------------------------------------------------------------------------------------- modules


def ensemble(writer: Writer, draft: Draft) -> list[Any]:
    """Copies of a layer, or of a block, each on its slice."""
    rng = writer.rng
    source, value = float_tensor(writer, draft, least=1)
    count = rng.randint(1, 3)
    found: list[Any] = []
    if value.shape[0] != count:
        name = writer.fresh("y")
        found.append(
            Bind([name], Call(Name("stack"), [*((None, Name(source)) for _ in range(count)), ("axis", Const(0))]))
        )
        source, value = name, torch.stack([value] * count)
    inside = writer.sketch(draft, "slice_", value[0].detach())
    stage = writer.stage(inside, Name("slice_"), label=False)
    if not is_constructor(stage.value):
        raise Give
    part: Expr = stage.value
    if rng.random() < 0.4:
        block = writer.fresh("Copy")
        body: list[Any] = [Return([Pipe(Name("x"), [Stage(part, "inner"), Stage(Name(rng.choice(["tanh", "relu"])))])])]
        dims = ["*S", "D"] if value.dim() > 1 else []
        writer.declarations.append(Block("block", block, [], [("x", Type("float", dims))], None, body))
        part = Call(Name(block))
    made = Call(Name("ensemble"), [(None, Const(count)), (None, part)])
    return [*found, Bind([writer.fresh("y")], Pipe(Name(source), [Stage(made, writer.label(draft))]))]


def wrapped(writer: Writer, draft: Draft) -> list[Any]:
    """A layer whose weight is normalised, or a module whose activations are computed again."""
    rng = writer.rng
    source = Name(writer.pick(draft))
    wrapper = rng.choice(["checkpoint", "weight_norm", "spectral_norm"])
    stage = writer.stage(draft, source, keep=rng.random() < 0.3, label=False)
    if not is_constructor(stage.value):
        raise Give
    if wrapper == "checkpoint" and stage.value.callee.name.startswith("BatchNorm"):
        raise Give  # what is computed again moves the running statistics again, as in PyTorch
    if wrapper != "checkpoint":
        width = Const(rng.choice([2, 4, 6]))
        rank = draft.frame.scope[source.name].dim()
        layers: list[Expr] = [Call(Name("Linear"), [(None, width)])]
        if rank in (3, 4):
            layers.append(Call(Name(f"Conv{rank - 2}d"), [(None, width), (None, Const(rng.choice([1, 3])))]))
        stage = Stage(rng.choice(layers))
    made: Expr = Call(Name(wrapper), [(None, stage.value)])
    return [Bind([writer.fresh("y")], Pipe(source, [Stage(made, writer.label(draft) if rng.random() < 0.7 else None)]))]


def mapped(writer: Writer, draft: Draft) -> list[Any]:
    """One module or function over a list."""
    rng = writer.rng
    source = writer.pick(draft)
    stage = writer.stage(draft, Name(source), label=False)
    f: Expr = stage.value
    found: list[Any] = []
    if is_constructor(f):
        name = writer.label(draft)
        found.append(Bind([name], f))
        f = Name(name)
    elif not isinstance(f, Name):
        raise Give
    items = [Name(source) for _ in range(rng.randint(1, 3))]
    names = [writer.fresh("y") for _ in items]
    mapped = Call(Name("map"), [(None, f), (None, ListOf(items))])
    return [*found, Bind(names, mapped if len(names) > 1 else Index(mapped, [Const(0)]))]


# ---------------------------------------------------------------------------------------------- training, gradients


def if_training(writer: Writer, draft: Draft) -> list[Any]:
    """Two ways to a tensor of one type."""
    rng = writer.rng
    source = Name(writer.pick(draft))
    name = writer.fresh("y")
    arms = []
    for _ in range(2):
        stage = writer.stage(draft, source, keep=True, label=False)
        if is_constructor(stage.value) and stage.value.callee.name not in ("Linear", "LayerNorm", "Conv1d", "Conv2d"):
            raise Give
        if is_constructor(stage.value) and rng.random() < 0.5:
            stage.label = writer.label(draft)
        arms.append([Bind([name], Pipe(source, [stage]))])
    return [If([(Name("training"), list(arms[0]))], list(arms[1]))]


def update(writer: Writer, draft: Draft) -> list[Any]:
    """A running statistic of a tensor."""
    rng = writer.rng
    if draft.kind == "fn":
        raise Give
    source, value = float_tensor(writer, draft, least=1)
    cut = rng.randint(0, value.dim())
    dims = [str(n) for n in value.shape[cut:]]
    name = writer.fresh("b")
    now: Expr = Name(source)
    if cut:
        now = Call(Name("mean"), [(None, Name(source)), ("axis", Const(tuple(range(cut))))])
    new = Infix("+", Infix("*", Const(0.9), Name(name)), Infix("*", Const(0.1), now))
    use = Bind([writer.fresh("y")], Infix(rng.choice("+*"), Name(source), Name(name)))
    declared = State("buffer", name, Type("float", dims), rng.choice([Const(0.5), Name("zeros"), Name("ones")]))
    steps = [Update(name, new), use]
    if rng.random() < 0.5:
        steps.reverse()
    return [declared, *steps]


def grad(writer: Writer, draft: Draft) -> list[Any]:
    """The gradient of what some stages make of a tensor."""
    rng = writer.rng
    source, _ = float_tensor(writer, draft, least=0)
    stages: list[Stage] = [writer.stage(draft, Name(source))]
    if rng.random() < 0.6:
        stages.append(writer.stage(draft, Pipe(Name(source), list(stages))))
    y, slope = writer.fresh("y"), writer.fresh("slope")
    found = [
        Bind([y], Pipe(Name(source), stages)),
        Bind([slope], Call(Name("grad"), [(None, Name(y)), (None, Name(source))])),
    ]
    if rng.random() < 0.25:
        twice = Call(Name("grad"), [(None, Infix("*", Name(slope), Name(slope))), (None, Name(source))])
        found.append(Bind([writer.fresh("bend")], twice))
    return found


# ------------------------------------------------------------------------------------------------------ there and back


def there_and_back(writer: Writer, draft: Draft) -> list[Any]:
    """An additive or affine coupling of the halves of an axis, alone or in a row, and its inverse."""
    rng = writer.rng
    source, value = float_tensor(writer, draft, least=2)
    axis = value.dim() - 1
    if value.shape[axis] % 2 or draft.kind == "fn":
        raise Give
    half = value.shape[axis] // 2
    dims = [f"A{i}" for i in range(value.dim())]
    dims[axis] = str(2 * half)
    name, affine = writer.fresh("Flow"), rng.random() < 0.6
    layers = [Call(Name("Linear"), [(None, Const(3))]), Name("tanh"), Call(Name("Linear"), [(None, Const(half))])]
    net = Stage(Pipe(None, [Stage(layer) for layer in layers]), "net")
    chunk = Call(Name("chunk"), [(None, Name("x")), (None, Const(2)), ("axis", Const(axis))])
    again = Call(Name("chunk"), [(None, Name("z")), (None, Const(2)), ("axis", Const(axis))])
    here: Expr = Infix("+", Name("b"), Name("t"))
    there: Expr = Infix("-", Name("b"), Name("t"))
    if affine:
        here = Infix("+", Infix("*", Name("b"), Call(Name("exp"), [(None, Name("t"))])), Name("t"))
        there = Infix(
            "*", Infix("-", Name("b"), Name("t")), Call(Name("exp"), [(None, Infix("*", Const(-1), Name("t")))])
        )
    join = Call(Name("concat"), [(None, here), (None, Name("a")), ("axis", Const(axis))])
    apart = Call(Name("concat"), [(None, Name("a")), (None, there), ("axis", Const(axis))])
    axes = Const(tuple(range(1, value.dim())))
    logdet = Call(Name("sum"), [(None, Name("t")), ("axis", axes)])
    results = [("y", Type("float", list(dims)))]
    given: list[Expr] = [join]
    if affine:
        results.append(("logdet", Type("float", dims[:1])))
        given.append(logdet)
    body: list[Any] = [Bind(["a", "b"], chunk), Bind(["t"], Pipe(Name("a"), [net])), Return(given)]
    back = Back(
        [("z", Type("float", list(dims)))],
        Type("float", list(dims)),
        [Bind(["b", "a"], again), Bind(["t"], Pipe(Name("a"), [Stage(Name("net"))])), Return([apart])],
    )
    writer.declarations.append(Block("block", name, [], [("x", Type("float", list(dims)))], results, body, back))
    label, y = writer.label(draft), writer.fresh("y")
    made: Expr = Call(Name(name))
    if rng.random() < 0.5:
        made = Repeat(Const(rng.randint(2, 3)), made)
    names = [y, writer.fresh("logdet")] if affine else [y]
    return [
        Bind([label], made),
        Bind(names, Pipe(Name(source), [Stage(Name(label))])),
        Bind([writer.fresh("y")], Pipe(Name(y), [Stage(Call(Name("inverse"), [(None, Name(label))]))])),
    ]


# ----------------------------------------------------------------------------------------------------------- helpers


def float_type(value: Tensor) -> TensorType:
    return TensorType(DType.FLOAT, tuple(value.shape))


def kind_of(value: Tensor) -> str:
    from tests.properties.generator.unchecked import DTYPES

    return DTYPES[value.dtype].value


def float_tensor(writer: Writer, draft: Draft, least: int) -> tuple[str, Tensor]:
    """A float tensor of the body with that many axes, one or two of them with something along them."""
    source = writer.pick(draft)
    value = draft.frame.scope[source]
    if value.dtype is not torch.float64 or value.dim() < least or not value.numel():
        raise Give
    return source, value


def cell_block(writer: Writer, draft: Draft) -> tuple[Draft, Block]:
    """A block that is about to be written."""
    from tests.properties.generator.build import Draft as Fresh

    if draft.kind == "fn" or draft.depth > 1:
        raise Give
    name = writer.fresh("Cell")
    inner = Fresh("block", name, 2)
    decl = Block("block", name, inner.hypers, inner.inputs, None, inner.body)
    inner.frame.owner.target = decl
    return inner, decl


def state_of(writer: Writer, draft: Draft, inner: Draft, part: Tensor, name: str) -> tuple[Expr, list[str]]:
    """An input of a cell that is its state, and what it starts as outside."""
    rng = writer.rng
    if part.dim() and rng.random() < 0.5:
        shape = (*part.shape[:-1], rng.choice((2, 4)))
    else:
        shape = tuple(part.shape)
    writer.new_input(inner, TensorType(DType.FLOAT, shape), name=name)
    dims = inner.inputs[-1][1].dims
    if any(d.startswith("*") for d in dims):
        raise Give
    size = writer.size(draft)
    start: Expr = Call(Name(rng.choice(["zeros", "ones"])), [(None, size(n)) for n in shape])
    if not shape:
        start = Const(0.5)
    return start, list(dims)


def next_state(writer: Writer, inner: Draft, state: str, x: str) -> Expr:
    """Something of a state's type, made of the state and mostly of the input too."""
    rng = writer.rng
    old, value = inner.frame.scope[state], inner.frame.scope[x]
    options: list[Expr] = [Infix("*", Name(state), Const(0.5)), Call(Name("tanh"), [(None, Name(state))])]
    if old.shape == value.shape:
        options += [Call(Name("tanh"), [(None, Infix("+", Name(state), Name(x)))])] * 3
    if old.dim() and value.dim() == old.dim() and value.shape[:-1] == old.shape[:-1]:
        into = Pipe(Name(x), [Stage(Call(Name("Linear"), [(None, Const(old.shape[-1]))]), writer.label(inner))])
        options += [Call(Name("tanh"), [(None, Infix("+", Name(state), into))])] * 3
    return rng.choice(options)


def take(rank: int, axis: int) -> list[Any]:
    """The first slice along an axis."""
    return [Const(0) if i == axis % rank else Cut() for i in range(rank)]


def is_constructor(e: Any) -> bool:
    return isinstance(e, Call) and isinstance(e.callee, Name) and e.callee.name[0].isupper()
