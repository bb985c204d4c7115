"""Random specs, most of them well-typed: each statement is tried in torch at one set of sizes before it is kept."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import torch
from torch import Tensor

from fanin.ir.types import DType, TensorType
from fanin.ops.contract import Op
from tests.contracts.cases import TORCH
from tests.properties.generator import constructs
from tests.properties.generator import operations as ops
from tests.properties.generator.constructs import Give
from tests.properties.generator.spec import (
    DOTS,
    Alias,
    Augment,
    Bind,
    Block,
    Call,
    Choose,
    Const,
    Constant,
    Cut,
    Ellipsis_,
    Expr,
    For,
    If,
    Index,
    Infix,
    ListOf,
    Name,
    Pipe,
    Repeat,
    Return,
    Size,
    Spec,
    Stage,
    State,
    Type,
)
from tests.properties.generator.unchecked import DTYPES, Failure, Frame, Instance, Unchecked, differentiable, quiet

POOL = ("N", "H", "W", "T", "D", "C", "B", "K", "L", "M", "P", "Q", "R", "U")
LABELS = ("conv", "fc", "proj", "mix", "stem", "head", "gate", "up", "down", "core")
LIMIT = 4000  # numbers in a tensor


@dataclass
class Draft:
    """A body that is being written, with its values at one set of sizes."""

    kind: str
    name: str
    depth: int = 0
    hypers: list[tuple[str, str, Expr | None]] = field(default_factory=list)
    inputs: list[tuple[str, Type]] = field(default_factory=list)
    samples: list[Tensor] = field(default_factory=list)
    body: list[Any] = field(default_factory=list)
    frame: Frame = field(default_factory=lambda: Frame(Instance(None), {}))
    labels: set[str] = field(default_factory=set)

    def tensors(self) -> list[tuple[str, Tensor]]:
        return [(n, v) for n, v in self.frame.scope.items() if isinstance(v, Tensor)]


@dataclass(frozen=True)
class Made:
    spec: Spec
    sizes: dict[str, int]  # of the letters of the model's inputs
    bad: bool  # it was meant to fail there


class Writer:
    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.declarations: list[Any] = []
        self.count = 0
        self.kept: list[Any] = []  # every statement tried: what was made is remembered by identity
        self.spec = Spec(self.declarations)
        model = Block("model", "Net", [], [], None, [])
        self.runner = Unchecked.__new__(Unchecked)
        self.runner.spec, self.runner.training, self.runner.leaves, self.runner.depth = self.spec, False, [], 0
        self.runner.trail = []
        self.model = model

    # -- the whole

    def write(self) -> Made:
        rng = self.rng
        bad = rng.random() < 0.4
        draft = Draft("model", "Net")
        draft.frame.owner.target = self.model
        with quiet():
            self.statements(draft, rng.randint(1, 6))
            broken = bad and self.break_something(draft)
            self.finish(draft)
        block = Block("model", "Net", draft.hypers, draft.inputs, self.results(draft), draft.body)
        self.declarations.append(block)
        self.spec.declarations[:] = used(self.spec)
        return Made(self.spec, dict(draft.frame.letters), broken)

    def fresh(self, base: str) -> str:
        self.count += 1
        return f"{base}{self.count}"

    def statements(self, draft: Draft, count: int) -> None:
        done = 0
        for _ in range(4 * count):
            if done >= count:
                break
            done += self.attempt(draft, self.idea(draft))
        if not draft.tensors():
            self.new_input(draft, TensorType(DType.FLOAT, (2, 3)))

    def idea(self, draft: Draft) -> Callable[[Draft], list[Any]]:
        ideas: list[tuple[float, Callable[[Draft], list[Any]]]] = [
            (5, self.operation),
            (4, self.piped),
            (1.2, self.branches),
            (1.2, self.repetition),
            (1.2, self.loop),
            (0.8, self.choice),
            (1.0, self.residual),
            (0.7, self.state),
            (1.2, self.reshape),
            (1.0, self.indexed),
            (0.8, self.shared),
            (0.6, self.partial),
            (0.5, self.lists),
            (0.6, self.function),
            (0.4, self.typed),
        ]
        ideas += [(w, functools.partial(idea, self)) for w, idea in constructs.ideas()]
        if draft.depth < 2:
            ideas += [(2.2, self.block), (0.6, self.wrapper), (0.5, self.recursion), (0.5, self.alias)]
        weights = [w for w, _ in ideas]
        return self.rng.choices([i for _, i in ideas], weights)[0]

    def attempt(self, draft: Draft, idea: Callable[[Draft], list[Any]]) -> bool:
        """Carry out an idea; what fails leaves nothing behind."""
        inputs, samples, body, labels = len(draft.inputs), len(draft.samples), len(draft.body), set(draft.labels)
        declared = len(self.declarations)
        scope, letters = dict(draft.frame.scope), dict(draft.frame.letters)
        stars, counters = dict(draft.frame.stars), dict(draft.frame.counters)
        try:
            for s in idea(draft):
                self.add(draft, s)
            return True
        except (Give, Failure):
            del draft.inputs[inputs:], draft.samples[samples:], draft.body[body:], self.declarations[declared:]
            draft.labels = labels
            draft.frame.scope, draft.frame.letters = scope, letters
            draft.frame.stars, draft.frame.counters = stars, counters
            return False

    def add(self, draft: Draft, s: Any) -> None:
        self.kept.append(s)
        self.runner.statement(s, draft.frame)
        for _, value in draft.tensors():
            if value.numel() > LIMIT or value.is_complex():
                raise Give
        draft.body.append(s)

    def break_something(self, draft: Draft) -> bool:
        """A statement that fails in torch at these sizes."""
        for _ in range(30):
            scope, letters = dict(draft.frame.scope), dict(draft.frame.letters)
            inputs, samples = len(draft.inputs), len(draft.samples)
            idea = self.rng.choice([self.operation, self.piped, self.reshape, self.typed, self.branches, self.combined])
            try:
                found = idea(draft)
            except (Give, Failure):
                found = []
            for s in found:
                self.kept.append(s)
                try:
                    self.runner.statement(s, draft.frame)
                except Failure:
                    draft.body.append(s)
                    return True
            draft.frame.scope, draft.frame.letters = scope, letters
            del draft.inputs[inputs:], draft.samples[samples:]
        return False

    def finish(self, draft: Draft) -> None:
        tensors = draft.tensors()
        count = 1 if self.rng.random() < 0.75 else min(len(tensors), self.rng.randint(2, 3))
        last = [n for n, _ in tensors[-1:]]
        others = self.rng.sample([n for n, _ in tensors[:-1]], max(0, min(count - 1, len(tensors) - 1)))
        draft.body.append(Return([Name(n) for n in [*others, *last]]))
        draft.frame.scope["return"] = [draft.frame.scope[n] for n in [*others, *last]]

    def results(self, draft: Draft) -> list[tuple[str, Type]] | None:
        values = draft.frame.scope["return"]
        if self.rng.random() < 0.4:
            return None
        types = [Type(DTYPES[v.dtype].value, [self.disguised(draft, n) for n in v.shape]) for v in values]
        return [("" if len(types) == 1 else f"out{i}", t) for i, t in enumerate(types)]

    # -- sizes and inputs

    def disguised(self, draft: Draft, n: int) -> str:
        """A size in letters that have this value here."""
        rng, letters = self.rng, draft.frame.letters
        options = [name for name, size in letters.items() if size == n]
        if options and rng.random() < 0.75:
            return rng.choice(options)
        more: list[str] = []
        for name, size in letters.items():
            if size > 1 and n % size == 0 and n > size:
                more.append(f"{n // size} * {name}")
            if n > 0 and size % n == 0 and size > n:
                more += [f"{name} / {size // n}", f"{name} // {size // n}", f"ceildiv({name}, {size // n})"]
            if 0 < n - size < 4:
                more.append(f"{name} + {n - size}")
            if 0 < size - n < 4:
                more.append(f"{name} - {size - n}")
            more += [f"{name} * {b}" for b, other in letters.items() if b != name and size * other == n and size > 1]
            more += [f"{name} + {b}" for b, other in letters.items() if size + other == n]
            more += [f"min({name}, {b})" for b, other in letters.items() if b != name and min(size, other) == n]
        if more and rng.random() < 0.5:
            return rng.choice(more)
        return str(n)

    def size(self, draft: Draft) -> Callable[[int], Expr]:
        return lambda n: Size(self.disguised(draft, n)) if self.rng.random() < 0.6 else Const(n)

    def declared(self, draft: Draft, shape: tuple[int, ...]) -> list[str]:
        """The dimensions of a new input."""
        rng, letters = self.rng, draft.frame.letters
        dims: list[str] = []
        for axis, n in enumerate(shape):
            alike = [name for name, size in letters.items() if size == n]
            # What sizes weights is mostly a number: the features at the end, the channels at axis 1.
            features = axis == 1 or (axis == len(shape) - 1 and len(shape) < 4)
            left_open = rng.random() < (0.8 if axis == 0 and len(shape) > 1 else 0.15 if features else 0.65)
            if left_open and alike and rng.random() < 0.5:
                dims.append(rng.choice(alike))
            elif left_open and len(letters) < len(POOL):
                name = next(p for p in rng.sample(POOL, len(POOL)) if p not in letters)
                letters[name] = n
                dims.append(name)
            elif letters and rng.random() < 0.1:
                dims.append(self.disguised(draft, n))
            else:
                dims.append(str(n))
        return dims

    def new_input(self, draft: Draft, type: TensorType, name: str | None = None) -> str:
        shape = tuple(int(n) for n in type.shape)  # type: ignore[arg-type]
        name = name or self.fresh("x")
        before = dict(draft.frame.letters)
        dims = self.declared(draft, shape)
        if draft.kind != "model" and len(dims) > 1 and self.rng.random() < 0.15:
            keep = self.rng.randint(1, len(dims) - 1)
            dims = ["*", *dims[keep:]]
            if any(letter not in before and letter not in dims for letter in draft.frame.letters):
                raise Give
        value = sample(type)
        if value.numel() > LIMIT or value.is_complex():
            raise Give
        draft.inputs.append((name, Type(type.dtype.value, dims)))
        draft.samples.append(value)
        draft.frame.scope[name] = differentiable(value)
        return name

    def pick(self, draft: Draft, type: TensorType | None = None, *, strict: bool = False) -> str:
        """A tensor of the body, of this kind and rank where one is asked for; otherwise a new input."""
        rng = self.rng
        tensors = draft.tensors()
        if type is not None:
            tensors = [(n, v) for n, v in tensors if DTYPES[v.dtype] is type.dtype and v.dim() == type.rank]
            same = [(n, v) for n, v in tensors if tuple(v.shape) == type.shape]
            tensors = same if strict or (same and rng.random() < 0.7) else tensors
        if tensors and rng.random() < 0.85:
            return rng.choice(tensors[-4:])[0]
        if type is None:
            rank = rng.choice((1, 2, 2, 3, 3, 4, 4))
            sizes = tuple(rng.choice((2, 3, 4, 5, 6, 7, 8, 9, 12)) for _ in range(rank))
            type = TensorType(DType.FLOAT, sizes[:1] + sizes[1:])
        return self.new_input(draft, type)

    def label(self, draft: Draft) -> str:
        name = self.fresh(self.rng.choice(LABELS))
        draft.labels.add(name)
        return name

    # -- ideas: each gives statements to add

    def operation(self, draft: Draft) -> list[Any]:
        """Any op, as its example and the types of its settings suggest."""
        rng = self.rng
        op = rng.choice(ops.OPS)
        if draft.kind == "fn" and is_module_only(op):
            raise Give
        case = ops.random_case(op, rng)
        changed: dict[int, int] = {}
        operands: list[Any] = []
        for operand in case.operands:
            if operand is None:
                operands.append(None)
                continue
            row: list[Expr] = []
            for one in operand:
                if not isinstance(one, TensorType):
                    row.append(Const(one))
                    continue
                one = one.with_shape(*(changed.get(n, n) for n in one.shape))  # type: ignore[arg-type]
                name = self.pick(draft, one)
                for before, now in zip(one.shape, draft.frame.scope[name].shape, strict=True):
                    changed.setdefault(before, now)  # type: ignore[arg-type]
                row.append(Name(name))
            operands.append(row)
        settled = [o if o is None or p.variadic else o[0] for p, o in zip(op.inputs, operands, strict=True)]
        given = ops.settings(op, case, self.size(draft), rng)
        value: Expr
        if is_module_only(op) or (op.module and len(op.inputs) == 1 and rng.random() < 0.4 and draft.kind != "fn"):
            made = ops.maker_call(op, given, rng)
            flat = [o for o in settled if o is not None]
            if len(flat) == 1 and rng.random() < 0.6:
                label = self.label(draft) if rng.random() < 0.5 else None
                value = Pipe(flat[0], [Stage(made, label)])
            elif any(isinstance(o, list) for o in flat) or None in settled[: len(flat)]:
                raise Give
            else:
                value = Call(made, [(None, o) for o in flat])
        else:
            value = ops.function_call(op, given, settled, rng)
        return self.bound(draft, op, value)

    def bound(self, draft: Draft, op: Op[Any] | None, value: Expr) -> list[Any]:
        """Names for what an expression gives: as many as it has results."""
        s = Bind([self.fresh("y")], value)
        trial = self.trial(draft, s)
        found = trial.scope[s.names[0]]
        if isinstance(found, (tuple, list)):
            if not found:
                raise Give
            if len(found) > 1 or isinstance(found, tuple):
                s.names = [self.fresh("y") for _ in found]
            else:
                s = Bind(s.names, Index(value, [Const(0)]))
        return [s]

    def trial(self, draft: Draft, *statements: Any) -> Frame:
        """The frame after statements that are not kept. Raises Failure."""
        self.kept += statements
        frame = draft.frame
        copy = Frame(
            frame.owner, dict(frame.scope), dict(frame.letters), dict(frame.stars), frame.turns, frame.site,
            dict(frame.counters),
        )  # fmt: skip
        owner = Instance(frame.owner.target, made=dict(frame.owner.made), states=dict(frame.owner.states))
        copy.owner = owner
        for s in statements:
            self.runner.statement(s, copy)
        return copy

    def sketch(self, draft: Draft, name: str, value: Tensor) -> Draft:
        """The same body with one more tensor, to try something on it."""
        frame = self.trial(draft)
        frame.scope[name] = differentiable(value)
        return Draft(draft.kind, draft.name, draft.depth, frame=frame, labels=draft.labels)

    def stage(self, draft: Draft, head: Expr, *, keep: bool = False, label: bool = True) -> Stage:
        """A stage that works on what flows there; one that keeps its type where asked."""
        rng = self.rng
        before = self.trial(draft, Bind(["_h"], head)).scope["_h"]
        if not isinstance(before, Tensor):
            raise Give
        for _ in range(12):
            chosen = rng.random()
            op: Op[Any]
            if chosen < 0.25:
                value: Expr = common(self, draft, before, keep)
                module = is_maker(value)
            else:
                op = rng.choice(ops.UNARY)
                if draft.kind == "fn" and is_module_only(op):
                    continue
                case = ops.random_case(op, rng)
                first = case.operands[0]
                if first is None or not isinstance(first[0], TensorType) or len(case.flat) != 1:
                    continue
                if (first[0].rank != before.dim() or first[0].dtype is not DTYPES[before.dtype]) and rng.random() < 0.9:
                    continue
                given = ops.settings(op, case, self.size(draft), rng)
                module = is_module_only(op) or bool(op.module and rng.random() < 0.4 and draft.kind != "fn")
                if module:
                    value = ops.maker_call(op, given, rng)
                elif not given and rng.random() < 0.7:
                    value = Name(op.name)
                else:
                    value = Call(Name(op.name), list(given.items()))
            if draft.kind == "fn" and module:
                continue
            named = self.label(draft) if module and label and rng.random() < 0.5 else None
            stage = Stage(value, named)
            try:
                after = self.trial(draft, Bind(["_t"], Pipe(head, [stage]))).scope["_t"]
            except Failure:
                continue
            if not isinstance(after, Tensor) or after.numel() > LIMIT or after.is_complex():
                continue
            if keep and (after.shape != before.shape or after.dtype != before.dtype):
                continue
            return stage
        raise Give

    def piped(self, draft: Draft) -> list[Any]:
        """Several stages in a row."""
        rng = self.rng
        head: Expr = Name(self.pick(draft))
        stages: list[Stage] = []
        for _ in range(rng.randint(1, 4)):
            try:
                stages.append(self.stage(draft, Pipe(head, list(stages)) if stages else head))
            except Give:
                break
            if rng.random() < 0.2:
                stages[-1].name = self.fresh("s")
        if not stages:
            raise Give
        if len(stages) > 1 and rng.random() < 0.2 and not any(s.name for s in stages):
            inner = Pipe(None, stages)
            label = self.label(draft) if rng.random() < 0.6 and draft.kind != "fn" else None
            if label is None:
                for s in stages:
                    s.label = None
            return [Bind([self.fresh("y")], Pipe(head, [Stage(inner, label)]))]
        return [Bind([self.fresh("y")], Pipe(head, stages))]

    def branches(self, draft: Draft) -> list[Any]:
        rng = self.rng
        head = Name(self.pick(draft))
        label = self.label(draft) if rng.random() < 0.3 and draft.kind != "fn" else None
        keep = rng.random() < 0.5
        items: list[Expr] = []
        for _ in range(rng.randint(2, 3)):
            if rng.random() < 0.2:
                items.append(Name("identity"))
                continue
            stages = [self.stage(draft, head, keep=keep, label=label is None)]
            if rng.random() < 0.4:
                stages.append(self.stage(draft, Pipe(head, list(stages)), keep=keep, label=label is None))
            items.append(Pipe(None, stages) if len(stages) > 1 or stages[0].label else stages[0].value)
        before = draft.frame.scope[head.name]
        join: list[Expr] = [Call(Name("concat"), [("axis", Const(a))]) for a in range(-1, before.dim())]
        join += [Name("sum"), Name("mean"), Call(Name("stack"), [("axis", Const(0))]), Name("sum")]
        return [Bind([self.fresh("y")], Pipe(head, [Stage(ListOf(items), label), Stage(rng.choice(join))]))]

    def repetition(self, draft: Draft) -> list[Any]:
        rng = self.rng
        if draft.kind == "fn":
            raise Give
        head = Name(self.pick(draft))
        stages = [self.stage(draft, head, keep=True, label=False)]
        if rng.random() < 0.4:
            stages.append(self.stage(draft, Pipe(head, list(stages)), keep=True, label=False))
        cell: Expr = Pipe(None, stages) if len(stages) > 1 else stages[0].value
        count = rng.randint(1, 4)
        repeat = Repeat(Const(count), cell)
        shape = rng.random()
        if shape < 0.5:
            stage = Stage(repeat, self.label(draft))
        elif shape < 0.65:
            stage = Stage(repeat)
        elif shape < 0.85:
            first = self.stage(draft, head, keep=True, label=False)
            stage = Stage(Pipe(None, [first, Stage(repeat)]), self.label(draft))
        else:
            join = Stage(rng.choice([Name("sum"), Call(Name("concat"), [("axis", Const(0))])]))
            branches = Stage(Repeat(Const(count), ListOf([stages[0].value])), self.label(draft))
            return [Bind([self.fresh("y")], Pipe(head, [branches, join]))]
        return [Bind([self.fresh("y")], Pipe(head, [stage]))]

    def loop(self, draft: Draft) -> list[Any]:
        rng = self.rng
        source = Name(self.pick(draft))
        carried = self.fresh("z")
        start = Bind([carried], Pipe(source, [Stage(Name("identity"))]))
        frame = self.trial(draft, start)
        inner = Draft(draft.kind, draft.name, draft.depth, frame=frame, labels=draft.labels)
        body: list[Any] = []
        i = self.fresh("i")
        for _ in range(rng.randint(1, 2)):
            stage = self.stage(inner, Name(carried), keep=True)
            if rng.random() < 0.3:
                body.append(Augment(carried, rng.choice("+-*"), Pipe(Name(carried), [stage])))
            else:
                body.append(Bind([carried], Pipe(Name(carried), [stage])))
        count = rng.randint(0, 3)
        iterable: Expr = Infix("..", Const(0), Const(count))
        names = [i]
        values = rng.random() < 0.3
        if values:
            iterable = ListOf([Const(rng.choice((2, 4, 8))) for _ in range(count)])
            if rng.random() < 0.5:
                iterable, names, values = Call(Name("enumerate"), [(None, iterable)]), [i, self.fresh("w")], False
        stages = [stage for s in body for stage in s.value.stages]
        if len(stages) == 1 and stages[0].label and not values and rng.random() < 0.3:
            stages[0].number = Infix("*", Const(2), Name(i))
        elif rng.random() < 0.25:
            body = [For([self.fresh("j")], Infix("..", Const(0), Const(2)), body)]
        return [start, For(names, iterable, body)]

    def choice(self, draft: Draft) -> list[Any]:
        """An `if` on what is known when the spec is compiled."""
        rng = self.rng
        source = self.pick(draft)
        name = self.fresh("y")
        arms = [[Bind([name], Pipe(Name(source), [self.stage(draft, Name(source), label=False)]))] for _ in range(2)]
        known = [n for n, v in draft.frame.scope.items() if isinstance(v, int) and not isinstance(v, bool)]
        left: Expr = Name(rng.choice(known)) if known else Const(rng.randint(0, 5))
        test = Infix(rng.choice(("==", "<", ">=", "!=")), left, Const(rng.randint(0, 5)))
        if rng.random() < 0.3:
            picked = Choose(test, arms[0][0].value.stages[0].value, arms[1][0].value.stages[0].value)
            return [Bind([name], Pipe(Name(source), [Stage(picked)]))]
        return [If([(test, list(arms[0]))], list(arms[1]))]

    def residual(self, draft: Draft) -> list[Any]:
        rng = self.rng
        source = Name(self.pick(draft))
        value = draft.frame.scope[source.name]
        name = self.fresh("y")
        if value.dim() == 4 and rng.random() < 0.5 and draft.kind != "fn":
            stride, width = rng.choice((1, 2, 2)), rng.choice((2, 4, 6))
            kernel = rng.choice((3, 3, 5))
            conv = conv_call(width, kernel, stride, kernel // 2)
            skip = conv_call(width, 1, stride, 0)
            if rng.random() < 0.3:
                pooled = Call(Name("avg_pool2d"), [(None, Const(stride))])
                skips = [Stage(pooled), Stage(conv_call(width, 1, 1, 0), self.label(draft))]
            else:
                skips = [Stage(skip, self.label(draft))]
            left = Bind([name], Pipe(source, [Stage(conv, self.label(draft)), Stage(Name("relu"))]))
            return [left, Augment(name, "+", Pipe(source, skips))]
        copy = Bind([name], Pipe(source, [Stage(Name("identity"))]))
        return [copy, Augment(name, rng.choice("+-*"), Pipe(source, [self.stage(draft, source, keep=True)]))]

    def combined(self, draft: Draft) -> list[Any]:
        """Two tensors of the body in one sum or product."""
        names = [n for n, v in draft.tensors() if v.dtype is torch.float64]
        if len(names) < 2:
            raise Give
        left, right = self.rng.sample(names, 2)
        return [Bind([self.fresh("y")], Infix(self.rng.choice("+-*@"), Name(left), Name(right)))]

    def state(self, draft: Draft) -> list[Any]:
        rng = self.rng
        if draft.kind == "fn":
            raise Give
        source = self.pick(draft)
        value = draft.frame.scope[source]
        if value.dim() == 0 or value.dtype is not torch.float64:
            raise Give
        cut = rng.randint(0, value.dim() - 1)
        dims = [str(n) if rng.random() < 0.7 else self.disguised(draft, n) for n in value.shape[cut:]]
        name = self.fresh("p")
        start = rng.choice([Name("ones"), Name("zeros"), Const(0.5), Call(Name("normal"), [("std", Const(0.02))])])
        kind = rng.choice(("param", "param", "buffer"))
        use = Infix(rng.choice("+*"), Name(source), Name(name))
        return [State(kind, name, Type("float", dims), start), Bind([self.fresh("y")], use)]

    def reshape(self, draft: Draft) -> list[Any]:
        """Axes joined, split or moved, in letters."""
        rng = self.rng
        source = self.pick(draft)
        shape = list(draft.frame.scope[source].shape)
        if not shape:
            raise Give
        what = rng.random()
        if what < 0.3 and len(shape) > 1:
            at = rng.randrange(len(shape) - 1)
            sizes = [Size(self.disguised(draft, n)) for n in shape]
            joined: Expr = Size(f"({sizes[at].text}) * ({sizes[at + 1].text})") if rng.random() < 0.7 else Const(-1)
            new: list[Expr] = [*sizes[:at], joined, *sizes[at + 2 :]]
        elif what < 0.6:
            at = rng.randrange(len(shape))
            divisors = [k for k in (2, 3, 4) if shape[at] % k == 0 and shape[at] > k] or [1]
            k = rng.choice(divisors)
            rest = Size(self.disguised(draft, shape[at] // k)) if rng.random() < 0.6 else Const(-1)
            around = [Size(self.disguised(draft, n)) for n in shape]
            new = [*around[:at], Const(k), rest, *around[at + 1 :]]
        else:
            return self.rearranged(draft, source, shape)
        verb = rng.choice(("reshape", "reshape", "broadcast_to")) if what > 0.95 else "reshape"
        return [Bind([self.fresh("y")], Call(Name(verb), [(None, Name(source)), *((None, n) for n in new)]))]

    def rearranged(self, draft: Draft, source: str, shape: list[int]) -> list[Any]:
        rng = self.rng
        if len(shape) > 5:
            raise Give
        left = [chr(97 + i) for i in range(len(shape))]
        names = list(left)
        given: list[tuple[str | None, Any]] = []
        at = rng.randrange(len(shape))
        if rng.random() < 0.5:
            k = rng.choice([k for k in (1, 2, 3, 4) if shape[at] % k == 0])
            left[at] = f"({names[at]} z)"
            given = [("z", self.size(draft)(k))]
            names.append("z")
        right = list(names)
        rng.shuffle(right)
        if len(right) > 1 and rng.random() < 0.5:
            right = [f"({right[0]} {right[1]})", *right[2:]]
        pattern = Const(f"{' '.join(left)} -> {' '.join(right)}")
        call = Call(Name("rearrange"), [(None, pattern), *given])
        return [Bind([self.fresh("y")], Pipe(Name(source), [Stage(call)]))]

    def indexed(self, draft: Draft) -> list[Any]:
        rng = self.rng
        source = self.pick(draft)
        rank = draft.frame.scope[source].dim()
        items: list[Any] = []
        for axis in range(rng.randint(1, max(1, rank))):
            n = draft.frame.scope[source].shape[axis] if axis < rank else 1
            kind = rng.random()
            if kind < 0.25:
                items.append(Const(rng.choice((0, -1, n - 1, 1))))
            elif kind < 0.45:
                items.append(Cut())
            elif kind < 0.55:
                items.append(None)
            elif kind < 0.8:
                start = rng.choice([None, Const(1), Const(-2), self.size(draft)(max(1, n // 2))])
                stop = rng.choice([None, None, Const(-1), self.size(draft)(n)])
                items.append(Cut(start, stop, rng.choice([None, None, None, Const(2)])))
            elif not any(isinstance(i, Ellipsis_) for i in items):
                items.append(Ellipsis_())
        if not items:
            raise Give
        return [Bind([self.fresh("y")], Index(Name(source), items))]

    def shared(self, draft: Draft) -> list[Any]:
        """One module, used twice."""
        rng = self.rng
        if draft.kind == "fn":
            raise Give
        source = Name(self.pick(draft))
        stage = self.stage(draft, source, keep=rng.random() < 0.7, label=False)
        if not is_maker(stage.value):
            raise Give
        module = self.label(draft)
        first, second = self.fresh("y"), self.fresh("y")
        other = Name(first) if rng.random() < 0.5 else Name(self.pick(draft))
        again: Expr = Call(Name(module), [(None, other)])
        if rng.random() < 0.4:
            again = Pipe(other, [Stage(Repeat(Const(2), Name(module)))])
        return [
            Bind([module], stage.value),
            Bind([first], Pipe(source, [Stage(Name(module))])),
            Bind([second], again),
        ]

    def partial(self, draft: Draft) -> list[Any]:
        """``const Conv = Conv2d(..., bias=false)``, or a function that waits."""
        rng = self.rng
        source = Name(self.pick(draft))
        if rng.random() < 0.5 and draft.kind != "fn":
            name = self.fresh("Make")
            self.declarations.append(Constant(name, Call(Name("Linear"), [(None, DOTS), ("bias", Const(False))])))
            made = Call(Name(name), [(None, Const(rng.choice((2, 4, 8))))])
            return [Bind([self.fresh("y")], Pipe(source, [Stage(made, self.label(draft))]))]
        act = self.fresh("act")
        waiting = Call(Name("leaky_relu"), [(None, DOTS), (None, Const(0.2))])
        return [Bind([act], waiting), Bind([self.fresh("y")], Pipe(source, [Stage(Name(act))]))]

    def lists(self, draft: Draft) -> list[Any]:
        rng = self.rng
        first = self.pick(draft)
        value = draft.frame.scope[first]
        alike = [n for n, v in draft.tensors() if v.dtype == value.dtype and v.dim() == value.dim()]
        xs, ys = self.fresh("xs"), self.fresh("xs")
        start = Bind([xs], ListOf([Name(rng.choice(alike)) for _ in range(rng.randint(1, 3))]))
        more = Bind([ys], Infix("++", Name(xs), ListOf([Name(first)])))
        axis = rng.randint(-1, max(0, value.dim() - 1))
        verb = rng.choice(("concat", "stack"))
        join = Bind([self.fresh("y")], Call(Name(verb), [(None, Name(ys)), ("axis", Const(axis))]))
        if rng.random() < 0.5:
            return [start, more, join]
        last = Bind([self.fresh("y")], Index(Name(ys), [Const(-1)]))
        return [start, more, last] if rng.random() < 0.5 else [start, more, last, join]

    def typed(self, draft: Draft) -> list[Any]:
        source = self.pick(draft)
        value = draft.frame.scope[source]
        dims = [self.disguised(draft, n) for n in value.shape]
        if dims and self.rng.random() < 0.3:
            at = self.rng.randrange(len(dims))
            dims[at] = str(value.shape[at] + 1)  # a mistake
        type = Type(DTYPES[value.dtype].value, dims)
        return [Bind([self.fresh("y")], Pipe(Name(source), [Stage(Name("identity"))]), type)]

    # -- declarations

    def body(
        self, kind: str, source: str, draft: Draft, count: int, hypers: list[Any] | None = None
    ) -> tuple[Draft, Block]:
        """A block or function on a tensor like this one."""
        name = self.fresh("Block" if kind == "block" else "fn")
        inner = Draft(kind, name, draft.depth + 1)
        decl = Block(kind, name, inner.hypers, inner.inputs, None, inner.body)
        inner.frame.owner.target = decl
        for hyper, type, value, default in hypers or []:
            inner.hypers.append((hyper, type, default))
            inner.frame.scope[hyper] = value
        value = draft.frame.scope[source]
        self.new_input(inner, TensorType(DTYPES[value.dtype], tuple(value.shape)))
        self.statements(inner, count)
        self.finish(inner)
        decl.result = self.results(inner)
        return inner, decl

    def block(self, draft: Draft) -> list[Any]:
        rng = self.rng
        if draft.kind == "fn":
            raise Give
        source = self.pick(draft)
        width, least = rng.choice((2, 4, 8)), rng.randint(0, 3)
        hypers = [("width", "int", width, None), ("least", "int", least, Const(least))] if rng.random() < 0.6 else []
        inner, decl = self.body("block", source, draft, rng.randint(1, 3), hypers)
        self.declarations.append(decl)
        args: list[tuple[str | None, Any]] = [(None, Const(width))] if hypers else []
        made = Call(Name(decl.name), args)
        first: list[Expr] = [Name(source)]
        for value in inner.samples[1:]:
            first.append(Name(self.pick(draft, TensorType(DTYPES[value.dtype], tuple(value.shape)), strict=True)))
        results = len(inner.frame.scope["return"])
        names = [self.fresh("y") for _ in range(results)]
        value, given = inner.frame.scope["return"][0], inner.samples[0]
        same = results == len(first) == 1 and value.shape == given.shape and value.dtype == given.dtype
        if same and rng.random() < 0.6:
            many = Stage(Repeat(Const(rng.randint(1, 3)), made), self.label(draft) if rng.random() < 0.8 else None)
            return [Bind(names, Pipe(first[0], [many]))]
        if rng.random() < 0.5:
            module = self.label(draft)
            found: list[Any] = [Bind([module], made), Bind(names, Call(Name(module), [(None, e) for e in first]))]
            if rng.random() < 0.4:
                others: list[Expr] = [Name(self.pick(draft)), *first[1:]]
                found.append(Bind([self.fresh("y") for _ in names], Call(Name(module), [(None, e) for e in others])))
            return found
        label = self.label(draft) if rng.random() < 0.7 else None
        stage = Stage(Call(made, [(None, e) for e in first[1:]]) if len(first) > 1 else made, label)
        return [Bind(names, Pipe(first[0], [stage]))]

    def function(self, draft: Draft) -> list[Any]:
        source = self.pick(draft)
        inner, decl = self.body("fn", source, draft, self.rng.randint(1, 2))
        if len(inner.samples) > 1 or len(inner.frame.scope["return"]) > 1:
            raise Give
        self.declarations.append(decl)
        if self.rng.random() < 0.5:
            return [Bind([self.fresh("y")], Call(Name(decl.name), [(None, Name(source))]))]
        return [Bind([self.fresh("y")], Pipe(Name(source), [Stage(Name(decl.name))]))]

    def wrapper(self, draft: Draft) -> list[Any]:
        """A block that takes a module, a constructor or a function."""
        rng = self.rng
        if draft.kind == "fn":
            raise Give
        source = Name(self.pick(draft))
        name = self.fresh("Wrap")
        kind = rng.choice(("module", "block", "fn"))
        x = Name("x")
        if kind == "module":
            applied: Expr = Call(Name("part"), [(None, x)])
        elif kind == "block":
            applied = Pipe(x, [Stage(Call(Name("part"), []), "inner")])
        else:
            applied = Pipe(x, [Stage(Name("part"))])
        body = [Return([Infix(rng.choice("+*"), x, applied)])]
        dims = ["*S", "D"] if draft.frame.scope[source.name].dim() else []
        keep = rng.random() < 0.8
        dtype = DTYPES[draft.frame.scope[source.name].dtype].value
        result = [("", Type(dtype, dims))] if keep and rng.random() < 0.5 else None
        self.declarations.append(Block("block", name, [("part", kind, None)], [("x", Type(dtype, dims))], result, body))
        stage = self.stage(draft, source, keep=keep, label=False)
        part: Expr
        if kind == "module":
            extra = self.stage(draft, Pipe(source, [stage]), keep=keep, label=False)
            part = Pipe(None, [stage, extra]) if rng.random() < 0.5 else stage.value
            made = [part] if not isinstance(part, Pipe) else [s.value for s in part.stages]
            if not any(map(is_maker, made)):
                raise Give
        elif kind == "block":
            part = Name(rng.choice(("LayerNorm", "ReLU", "Tanh", "BatchNorm1d", "BatchNorm2d", "Identity", "GELU")))
        else:
            part = Name(rng.choice(("relu", "tanh", "abs", "square", "exp", "sin")))
        if kind == "module" and rng.random() < 0.3:
            lent = self.label(draft)
            made = Call(Name(name), [(None, Name(lent))])
            return [Bind([lent], part), Bind([self.fresh("y")], Pipe(source, [Stage(made, self.label(draft))]))]
        made = Call(Name(name), [(rng.choice((None, "part")), part)])
        return [Bind([self.fresh("y")], Pipe(source, [Stage(made, self.label(draft) if rng.random() < 0.8 else None)]))]

    def recursion(self, draft: Draft) -> list[Any]:
        rng = self.rng
        if draft.kind == "fn":
            raise Give
        source = Name(self.pick(draft))
        value = draft.frame.scope[source.name]
        if value.dtype is not torch.float64:
            raise Give
        name = self.fresh("Deep")
        step = self.stage(draft, source, keep=rng.random() < 0.5, label=False)
        if any(isinstance(e, Size) for e in walk(step.value)):
            raise Give
        stages = [Stage(step.value, "step" if is_maker(step.value) else None)]
        inner = Stage(Call(Name(name), [(None, Infix("-", Name("n"), Const(1)))]), "inner")
        body = [
            If([(Infix("==", Name("n"), Const(0)), [Return([Name("x")])])]),
            Return([Pipe(Name("x"), [*stages, inner] if rng.random() < 0.5 else [inner, *stages])]),
        ]
        dims = [f"A{i}" for i in range(value.dim())]
        self.declarations.append(Block("block", name, [("n", "int", None)], [("x", Type("float", dims))], None, body))
        made = Call(Name(name), [(None, Const(rng.randint(0, 3)))])
        return [Bind([self.fresh("y")], Pipe(source, [Stage(made, self.label(draft))]))]

    def alias(self, draft: Draft) -> list[Any]:
        rng = self.rng
        if draft.kind == "fn":
            raise Give
        source = Name(self.pick(draft))
        name = self.fresh("Alias")
        stages = [Stage(Call(Name("Linear"), [(None, Name("w"))])), Stage(Name(rng.choice(("act", "relu"))))]
        hypers: list[Any] = [("w", "int", None)]
        if isinstance(stages[1].value, Name) and stages[1].value.name == "act":
            hypers.append(("act", "fn", Name("tanh")))
        if rng.random() < 0.5:
            stages.insert(1, Stage(Call(Name("LayerNorm"), [])))
        self.declarations.append(Alias(name, hypers, Pipe(None, stages)))
        made = Call(Name(name), [(None, Const(rng.choice((2, 4, 8))))])
        return [Bind([self.fresh("y")], Pipe(source, [Stage(made, self.label(draft) if rng.random() < 0.6 else None)]))]


# ----------------------------------------------------------------------------------------------------------- helpers


def is_module_only(op: Op[Any]) -> bool:
    return op.name == op.module


def is_maker(e: Any) -> bool:
    return isinstance(e, Call) and isinstance(e.callee, Name) and e.callee.name[0].isupper()


def conv_call(width: int, kernel: int, stride: int, padding: int) -> Call:
    return Call(
        Name("Conv2d"),
        [(None, Const(width)), (None, Const(kernel)), ("stride", Const(stride)), ("padding", Const(padding))],
    )


def common(writer: Writer, draft: Draft, value: Tensor, keep: bool) -> Expr:
    """Layers that networks are made of."""
    rng = writer.rng
    width = Const(value.shape[-1] if keep and value.dim() else rng.choice((2, 4, 6, 8)))
    options: list[Expr] = [
        Call(Name("Linear"), [(None, width)]),
        Call(Name("LayerNorm"), []),
        Name("relu"),
        Call(Name("dropout"), [(None, Const(0.1))]),
        Call(Name("softmax"), [("axis", Const(rng.choice((-1, 0, 1))))]),
    ]
    if value.dim() in (3, 4) and value.dtype is torch.float64:
        n = value.dim() - 2
        channels = Const(value.shape[1] if keep else rng.choice((2, 4, 6)))
        kernel = rng.choice((1, 3))
        settings: list[Any] = [(None, channels), (None, Const(kernel)), ("padding", Const(kernel // 2))]
        if not keep and rng.random() < 0.5:
            settings.append(("stride", Const(2)))
        options += [Call(Name(f"Conv{n}d"), settings), Call(Name(f"BatchNorm{n}d"), [])] * 2
        if not keep:
            options += [Call(Name(f"max_pool{n}d"), [(None, Const(2))]), Call(Name("flatten"), [(None, Const(1))])]
    return rng.choice(options)


def sample(type: TensorType) -> Tensor:
    """A tensor of this type: floats in (0, 1), ints of zero."""
    shape = tuple(int(n) for n in type.shape)  # type: ignore[arg-type]
    if type.dtype is DType.INT:
        return torch.zeros(shape, dtype=torch.int64)
    if type.dtype is DType.BOOL:
        return torch.zeros(shape, dtype=torch.bool)
    return torch.rand(shape, dtype=TORCH[type.dtype])


def walk(e: Any) -> Any:
    """Every part of an expression or statement."""
    yield e
    if isinstance(e, (list, tuple)):
        for one in e:
            yield from walk(one)
    elif hasattr(e, "__dataclass_fields__"):
        for name in e.__dataclass_fields__:
            yield from walk(getattr(e, name))


def used(spec: Spec) -> list[Any]:
    """The declarations that the model reaches."""
    reached: set[str] = set()
    work: list[Any] = [spec.model]
    while work:
        for e in walk(work.pop()):
            if isinstance(e, Name) and e.name not in reached:
                decl = spec.find(e.name)
                if decl is not None:
                    reached.add(e.name)
                    work.append(decl)
    return [d for d in spec.declarations if d.name in reached or d is spec.model]
