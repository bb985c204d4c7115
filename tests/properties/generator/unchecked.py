"""A spec run in torch as it stands: no inference, no check before. What disagrees fails where torch, or a declared
type, meets it.

It follows the language's description: what makes a module, where it lives, what is shared. The only thing it takes
from the compiler is the code of single ops, which their own contract tests hold to torch.
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from fanin.ir.types import DType, TensorType
from fanin.ops.attributes import bind
from fanin.ops.contract import Complaint, Op, argument_order, inferred
from fanin.ops.registry import find_op
from tests.contracts.cases import TORCH, type_of
from tests.contracts.evaluate import Evaluator
from tests.properties.generator.combinators import COMBINATORS, Inverse, apply_ensemble
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
    For,
    If,
    Index,
    Infix,
    ListOf,
    Name,
    Pipe,
    Prefix,
    Repeat,
    Return,
    Shape,
    Size,
    Spec,
    Stage,
    State,
    Type,
    Update,
)


class Failure(Exception):
    """The unchecked execution fails, or gives something other than is declared."""


OPERATORS = {
    "+": "add", "-": "sub", "*": "mul", "/": "div", "//": "floordiv", "%": "mod", "@": "matmul", "**": "pow",
    "==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge", "and": "logical_and", "or": "logical_or",
}  # fmt: skip
DTYPES = {torch.float64: DType.FLOAT, torch.int64: DType.INT, torch.bool: DType.BOOL, torch.complex128: DType.COMPLEX}
LAWS = {"zeros": 0.0, "ones": 1.0, "normal": 0.3}
FLOW: Any = object()

# ------------------------------------------------------------------------------------------------------------ values


@dataclass(eq=False)
class Function:
    op: Op[Any]


@dataclass(eq=False)
class Maker:
    """A constructor, of an op or a block."""

    target: Op[Any] | Block | Alias


@dataclass(eq=False)
class Own:
    """A ``fn`` of the spec."""

    decl: Block


@dataclass(eq=False)
class Partial:
    callee: Any
    args: list[tuple[str | None, Any]]
    waits: bool  # for what flows in


@dataclass(eq=False)
class Element:
    label: str | None
    value: Any
    exact: bool = False
    bare: bool = False  # a repetition without brackets: its copies are places of the composition around


@dataclass(eq=False)
class Instance:
    """A module: of an op, a block, a composition or a repetition. ``key`` is its name in its ``home``."""

    target: Any  # Op, Block, "composition", "repetition", "ensemble"
    settings: dict[str, Any] = field(default_factory=dict)
    elements: list[Element] = field(default_factory=list)
    home: Instance | None = None
    key: str | None = None
    made: dict[Any, Any] = field(default_factory=dict)
    module: nn.Module | None = None
    states: dict[str, Tensor] = field(default_factory=dict)
    norm: str | None = None  # a parametrization around its weight
    seen: dict[str, Any] = field(default_factory=dict)  # what the way back sees of the way there
    copy: bool = False  # of an ensemble: what is in it is stacked

    @property
    def copied(self) -> bool:
        return self.copy or (self.home is not None and self.home.copied)

    @property
    def path(self) -> str:
        above = self.home.path if self.home is not None else ""
        return ".".join(p for p in (above, self.key) if p)

    @property
    def lower(self) -> str:
        return (self.target.module if isinstance(self.target, Op) else self.target.name).lower()


@dataclass
class Frame:
    """Where a body runs."""

    owner: Instance
    scope: dict[str, Any]
    letters: dict[str, int] = field(default_factory=dict)
    stars: dict[str, tuple[int, ...]] = field(default_factory=dict)
    turns: tuple[int, ...] = ()
    site: tuple[Any, ...] = ()
    counters: dict[str, int] = field(default_factory=dict)


class Returned(Exception):
    def __init__(self, values: list[Any]) -> None:
        self.values = values


# ------------------------------------------------------------------------------------------------------- interpreter


class Unchecked:
    """One instance of the model of a spec. Its weights are made at its first application."""

    def __init__(self, spec: Spec) -> None:
        self.spec, self.training = spec, False
        self.root = Instance(spec.model)
        self.leaves: list[Instance] = []
        self.depth = 0
        self.trail: list[Any] = []  # what was computed, also where nobody reads it

    def run(self, inputs: list[Tensor], training: bool = False) -> list[Any]:
        """The results of the model. Raises Failure."""
        self.training, self.trail = training, []
        for leaf in self.leaves:
            assert leaf.module is not None
            leaf.module.train(training)
        torch.manual_seed(0)
        model = self.spec.model
        hypers = self.hypers(model.hypers, [], Frame(self.root, {}))
        with torch.enable_grad():
            given = {n: differentiable(i) for (n, _), i in zip(model.inputs, inputs, strict=True)}
            return self.block(self.root, model, hypers, given)

    def tensors(self) -> dict[str, Tensor]:
        """The weights and buffers, by path."""
        found: dict[str, list[Tensor]] = {}
        copies: set[str] = set()
        for leaf in self.leaves:
            assert leaf.module is not None
            for name, value in leaf.module.state_dict(keep_vars=True).items():
                path = f"{leaf.path}.{name}" if leaf.path else name
                found.setdefault(path, []).append(value)
                copies |= {path} if leaf.copied else set()
        work, seen = [self.root], {id(self.root)}
        while work:
            instance = work.pop()
            for name, value in instance.states.items():
                path = f"{instance.path}.{name}" if instance.path else name
                found.setdefault(path, []).append(value)
                copies |= {path} if instance.copied else set()
            inner = [*instance.made.values(), *(e.value for e in instance.elements), *instance.settings.values()]
            for value in inner:
                for one in instances_in(value):
                    if id(one) not in seen:
                        seen.add(id(one))
                        work.append(one)
        return {path: stacked(values) if path in copies else values[-1] for path, values in found.items()}

    # -- blocks and functions

    def hypers(
        self, declared: list[tuple[str, str, Any]], given: list[tuple[str | None, Any]], frame: Frame
    ) -> dict[str, Any]:
        names = [n for n, _, _ in declared]
        bound = {n: v for n, v in given if n is not None}
        placed = [v for n, v in given if n is None]
        for name in names:
            if placed and name not in bound:
                bound[name] = placed.pop(0)
        inner = Frame(frame.owner, dict(bound))
        for name, _, default in declared:
            if name not in bound:
                if default is None:
                    raise Failure(f"{name} is not given")
                bound[name] = inner.scope[name] = self.evaluate(default, inner)
        return {n: bound[n] for n in names}

    def block(self, instance: Instance, decl: Block, hypers: dict[str, Any], inputs: dict[str, Any]) -> list[Any]:
        frame = Frame(instance, {**hypers, **inputs})
        for name, type in decl.inputs:
            self.match(type, inputs[name], frame)
        self.depth += 1
        try:
            self.statements(decl.body, frame)
        except Returned as returned:
            values = returned.values
        else:
            raise Failure("nothing is returned")
        finally:
            self.depth -= 1
        if decl.result is not None:
            if len(decl.result) != len(values):
                raise Failure(f"{len(values)} results")
            values = [v if isinstance(v, Tensor) else torch.tensor(float(v), dtype=torch.float64) for v in values]
            for (_, type), value in zip(decl.result, values, strict=True):
                self.match(type, value, frame)
        if decl.back is not None:
            kept = {n: v for n, v in frame.scope.items() if not isinstance(v, Tensor)}
            instance.seen = {"scope": kept, "letters": dict(frame.letters)}
        return values

    def back(self, instance: Instance, value: Any) -> Any:
        """The way back through an invertible block, or a row of them."""
        if instance.target in ("composition", "repetition"):
            for element in reversed(places(instance)):
                value = self.back(element.value, value)
            return value
        back = instance.target.back
        frame = Frame(instance, {**instance.settings, **instance.seen["scope"]}, site=("back",))
        (name, type), *_ = back.inputs
        self.match(type, value, frame)
        for letter, size in instance.seen["letters"].items():
            frame.letters.setdefault(letter, size)
        frame.scope[name] = value
        for one in instance.made.values():
            if isinstance(one, Instance) and one.key is not None:
                frame.scope.setdefault(one.key, one)
        try:
            self.statements(back.body, frame)
        except Returned as returned:
            self.match(back.result, returned.values[0], frame)
            return returned.values[0]
        raise Failure("nothing is returned")

    def match(self, type: Type, value: Any, frame: Frame) -> None:
        """Bind the letters of a declared type to a tensor."""
        if not isinstance(value, Tensor):
            raise Failure(f"{value!r} is no tensor")
        if DTYPES[value.dtype].value != type.dtype:
            raise Failure(f"{value.dtype} is not {type.dtype}")
        star = next((i for i, d in enumerate(type.dims) if d.startswith("*")), None)
        sizes = list(value.shape)
        if star is None:
            if len(sizes) != len(type.dims):
                raise Failure(f"{sizes} is not {type}")
            pairs = list(zip(type.dims, sizes, strict=True))
        else:
            after = len(type.dims) - star - 1
            if len(sizes) < star + after:
                raise Failure(f"{sizes} is not {type}")
            middle = tuple(sizes[star : len(sizes) - after])
            name = type.dims[star][1:]
            if name and frame.stars.setdefault(name, middle) != middle:
                raise Failure(f"*{name} is {middle}")
            ends = zip(type.dims[star + 1 :], sizes[len(sizes) - after :], strict=True)
            pairs = [*zip(type.dims[:star], sizes[:star], strict=True), *ends]
        for dim, size in pairs:
            if dim == "_":
                continue
            if dim.isidentifier() and dim not in frame.scope and not isinstance(self.spec.find(dim), Constant):
                frame.letters.setdefault(dim, size)
            if self.size(dim, frame) != size:
                raise Failure(f"{dim} is {self.size(dim, frame)}, not {size}")

    def size(self, text: str, frame: Frame) -> int:
        return self.arithmetic(ast.parse(text, mode="eval").body, frame)

    def arithmetic(self, node: ast.expr, frame: Frame) -> Any:
        match node:
            case ast.Constant():
                return node.value
            case ast.Name():
                if node.id in frame.letters:
                    return frame.letters[node.id]
                if node.id in frame.scope:
                    return frame.scope[node.id]
                return self.evaluate(Name(node.id), frame)
            case ast.Call():
                assert isinstance(node.func, ast.Name)
                values = [self.arithmetic(a, frame) for a in node.args]
                if node.func.id == "ceildiv":
                    return -(-values[0] // values[1])
                return min(values) if node.func.id == "min" else max(values)
            case ast.UnaryOp():
                return -self.arithmetic(node.operand, frame)
            case ast.BinOp():
                sign = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.FloorDiv: "//", ast.Div: "/", ast.Mod: "%"}[
                    type(node.op)
                ]
                return number(sign, self.arithmetic(node.left, frame), self.arithmetic(node.right, frame))
            case _:
                raise AssertionError(ast.dump(node))

    # -- statements

    def statements(self, statements: list[Any], frame: Frame) -> None:
        for s in statements:
            self.statement(s, frame)

    def statement(self, s: Any, frame: Frame) -> None:
        match s:
            case Bind():
                value = self.evaluate(s.value, frame)
                if s.type is not None:
                    self.match(s.type, value, frame)
                if len(s.names) == 1:
                    self.bind(s.names[0], value, frame)
                    return
                if not isinstance(value, (list, tuple)) or len(value) != len(s.names):
                    raise Failure(f"{len(s.names)} names")
                for name, one in zip(s.names, value, strict=True):
                    self.bind(name, one, frame)
            case Augment():
                value = self.evaluate(s.value, frame)
                frame.scope[s.name] = self.binary(s.op, frame.scope[s.name], value)
            case State():
                self.state(s, frame)
            case Update():
                value = self.evaluate(s.value, frame)
                if not isinstance(value, Tensor) or value.shape != frame.scope[s.name].shape:
                    raise Failure(f"{s.name} changes its type")
                if self.training:
                    frame.owner.states[s.name] = value.detach()
            case For():
                self.loop(s, frame)
            case If() if isinstance(s.branches[0][0], Name) and s.branches[0][0].name == "training":
                self.both_ways(s, frame)
            case If():
                for test, body in s.branches:
                    if self.truth(test, frame):
                        self.statements(body, frame)
                        return
                self.statements(s.other or [], frame)
            case Return():
                values: list[Any] = []
                for e in s.values:
                    value = self.evaluate(e, frame)
                    values += value if isinstance(value, tuple) else [value]
                raise Returned(values)
            case _:
                raise AssertionError(s)

    def both_ways(self, s: If, frame: Frame) -> None:
        """Both are built, and one is taken."""
        before, ways = dict(frame.scope), []
        for body in (s.branches[0][1], s.other or []):
            frame.scope.clear()
            frame.scope.update(before)
            self.statements(body, frame)
            ways.append(dict(frame.scope))
        for name in {*ways[0], *ways[1]} - set(before):
            a, b = (way.get(name) for way in ways)
            if not isinstance(a, Tensor) or not isinstance(b, Tensor) or a.shape != b.shape or a.dtype != b.dtype:
                raise Failure(f"{name} has two types")
        frame.scope.clear()
        frame.scope.update(ways[not self.training])

    def truth(self, test: Any, frame: Frame) -> bool:
        value = self.evaluate(test, frame)
        if not isinstance(value, bool):
            raise Failure("no condition")
        return value

    def bind(self, name: str, value: Any, frame: Frame) -> None:
        if name == "_":
            return
        if isinstance(value, Instance):
            self.claim(value, frame, name)
        elif isinstance(value, list):
            for i, one in enumerate(value):
                if isinstance(one, Element):
                    self.claim(one.value, frame, f"{name}.{one.label or i}")
                elif isinstance(one, Instance):
                    self.claim(one, frame, f"{name}.{i}")
            value = [v.value if isinstance(v, Element) else v for v in value]
        if isinstance(value, tuple) and len(value) == 1:
            value = value[0]
        frame.scope[name] = differentiable(value) if isinstance(value, Tensor) else value

    def state(self, s: State, frame: Frame) -> None:
        law = self.law(s.value)
        if law is None:
            value = self.evaluate(s.value, frame)
            if not isinstance(value, Tensor):
                raise Failure("no tensor")
            self.match(s.type, value, frame)
        else:
            sizes = [self.size(d, frame) for d in s.type.dims]
            if any(n < 0 for n in sizes):
                raise Failure("a negative size")
            value = torch.full(sizes, law, dtype=TORCH[DType(s.type.dtype)])
        known = frame.owner.states.get(s.name)
        if known is not None and known.shape != value.shape:
            raise Failure(f"{s.name} has two shapes")
        frame.scope[s.name] = frame.owner.states.setdefault(s.name, value.detach())

    def law(self, e: Any) -> float | None:
        match e:
            case Name() if e.name in LAWS:
                return LAWS[e.name]
            case Call(callee=Name()) if e.callee.name in LAWS and all(n is not None for n, _ in e.args):
                return LAWS[e.callee.name]
            case Const() if isinstance(e.value, (int, float)):
                return float(e.value)
        return None

    def loop(self, s: For, frame: Frame) -> None:
        items = self.evaluate(s.iterable, frame)
        if not isinstance(items, (list, tuple, range)):
            raise Failure("no list")
        outer, turns, counters = set(frame.scope), frame.turns, dict(frame.counters)
        for turn, one in enumerate(items):
            frame.turns, frame.counters = (*turns, turn), dict(counters)
            values = list(one) if len(s.names) > 1 else [one]
            frame.scope.update(zip(s.names, values, strict=True))
            self.statements(s.body, frame)
        frame.turns = turns
        for name in set(frame.scope) - outer:
            del frame.scope[name]

    # -- modules and their names

    def claim(self, value: Any, frame: Frame, key: str, exact: bool = False) -> None:
        """A module that has no place yet lives in this block, under this name."""
        if not exact:
            key = ".".join([key, *map(str, frame.turns)])
        self.place(value, frame.owner, key)

    def place(self, value: Any, home: Instance, key: str) -> None:
        if isinstance(value, Partial):
            self.place(value.callee, home, key)
        elif isinstance(value, list):
            for i, one in enumerate(value):
                inner = one.value if isinstance(one, Element) else one
                self.place(inner, home, f"{key}.{(one.label if isinstance(one, Element) else None) or i}")
        elif isinstance(value, Instance) and value.key is None:
            value.home, value.key = home, key
            for i, element in enumerate(places(value)):
                if value.target == "ensemble":
                    element.value.copy = True
                    self.place(element.value, home, key)
                else:
                    self.place(element.value, value, element.label or str(i))

    def make(self, node: Any, frame: Frame, build: Any) -> Any:
        """What a constructor's call made at this place of this block's instance."""
        key = (id(node), frame.turns, frame.site)
        if key not in frame.owner.made:
            frame.owner.made[key] = build()
        return frame.owner.made[key]

    # -- expressions

    def evaluate(self, e: Any, frame: Frame) -> Any:
        match e:
            case Const():
                return e.value
            case Size():
                return self.size(e.text, frame)
            case Name():
                return self.name(e.name, frame)
            case ListOf():
                return [self.evaluate(i, frame) for i in e.items]
            case Shape():
                return tuple(self.evaluate(i, frame) for i in e.items)
            case Infix():
                return self.binary(e.op, self.evaluate(e.left, frame), self.evaluate(e.right, frame))
            case Prefix():
                value = self.evaluate(e.operand, frame)
                if isinstance(value, Tensor):
                    return self.op(named("logical_not" if e.op == "not" else "neg"), {}, [value])
                return not value if e.op == "not" else -value
            case Choose():
                return self.evaluate(e.then if self.truth(e.test, frame) else e.other, frame)
            case Call():
                return self.call(e, frame)
            case Pipe() if e.head is None:
                made = self.make(e, frame, lambda: Instance("composition"))
                made.elements = self.composition(e.stages, frame)  # functions may be told other sizes than before
                return made
            case Pipe():
                return self.pipe(e, frame)
            case Repeat():
                found = self.repetition(e, frame)
                if not isinstance(found, Instance):
                    return found
                made = self.make(e, frame, lambda: found)
                made.elements = found.elements
                return made
            case Index():
                return self.index(e, frame)
            case _:
                raise AssertionError(e)

    def name(self, name: str, frame: Frame) -> Any:
        if name in frame.scope:
            return frame.scope[name]
        if name in frame.letters:
            return frame.letters[name]
        decl = self.spec.find(name)
        if isinstance(decl, Constant):
            return self.evaluate(decl.value, Frame(frame.owner, {}, site=("const", name, frame.site)))
        if isinstance(decl, Block) and decl.kind == "fn":
            return Own(decl)
        if decl is not None:
            return Maker(decl)
        found = find_op(name)
        if found is None:
            raise Failure(f"no {name}")  # where it is the generator's mistake, the checker says so
        return Maker(found) if name == found.module else Function(found)

    def call(self, e: Call, frame: Frame, stage: bool = False) -> Any:
        if isinstance(e.callee, Name) and e.callee.name in ("enumerate", "len", "reversed", "zip"):
            values = [self.evaluate(a, frame) for _, a in e.args]
            called = {"enumerate": enumerate, "len": len, "reversed": reversed, "zip": zip}[e.callee.name]
            result: Any = called(*values)  # type: ignore[operator]
            return result if isinstance(result, int) else list(result)
        if isinstance(e.callee, Name) and e.callee.name in COMBINATORS:
            return COMBINATORS[e.callee.name](self, e, frame)
        callee = self.evaluate(e.callee, frame)
        args = [(n, FLOW if a is DOTS else self.evaluate(a, frame)) for n, a in e.args]
        while isinstance(callee, Partial) and not (stage and callee.waits):
            args, callee = filled(callee, args), callee.callee
        if isinstance(callee, Maker):
            if any(a is FLOW for _, a in args):
                return Partial(callee, args, False)
            made = self.make(e, frame, lambda: self.construct(callee, args, frame, e))
            if isinstance(callee.target, Op) and self.settings(callee.target, args) != made.settings:
                raise Failure("one module, and two sets of numbers that it is made with")
            return made
        if stage:
            if any(a is FLOW for _, a in args):
                return Partial(callee, args, True)
            return Partial(callee, [(None, FLOW), *args], True)
        if any(a is FLOW for _, a in args):
            return Partial(callee, args, True)
        return self.apply(callee, args, [], frame)

    def construct(self, maker: Maker, args: list[tuple[str | None, Any]], frame: Frame, node: Any) -> Any:
        target = maker.target
        if isinstance(target, Op):
            return Instance(target, self.settings(target, args))
        hypers = self.hypers(target.hypers, args, frame)
        if isinstance(target, Alias):
            inner = Frame(frame.owner, hypers, turns=frame.turns, site=(*frame.site, id(node)), counters=frame.counters)
            return self.evaluate(target.value, inner)
        instance = Instance(target, hypers)
        for name, value in hypers.items():
            if isinstance(value, Instance):
                self.place(value, instance, name)
        return instance

    def settings(self, op: Op[Any], args: list[tuple[str | None, Any]]) -> dict[str, Any]:
        order, ports = argument_order(type(op)), {p.name for p in op.inputs}
        return sorted_arguments([n.lstrip("*") for n in order if n.lstrip("*") not in ports], order, args)

    def composition(self, stages: list[Stage], frame: Frame) -> list[Element]:
        elements = [self.element(s, frame) for s in stages]
        return [e for e in elements if e.value is not None]

    def repetition(self, e: Repeat, frame: Frame) -> Any:
        count = self.evaluate(e.count, frame)
        if isinstance(e.cell, ListOf):
            branches = []
            for i in range(count):
                inner = inside(frame, (id(e), i))
                branches += [self.branch(one, inner) for one in e.cell.items]
            return branches
        cells = [Element(None, self.stage_value(e.cell, inside(frame, (id(e), i)))) for i in range(count)]
        return Instance("repetition", elements=cells)

    def element(self, s: Stage, frame: Frame) -> Element:
        label = s.label
        if label is not None and s.number is not None:
            label = f"{label}.{self.evaluate(s.number, frame)}"
        bare = isinstance(s.value, Repeat) and s.label is None
        return Element(label, self.stage_value(s.value, frame), s.number is not None, bare)

    def branch(self, e: Any, frame: Frame) -> Element:
        if isinstance(e, Pipe) and e.head is None and len(e.stages) == 1:
            return self.element(e.stages[0], frame)
        return Element(None, self.stage_value(e, frame))

    def stage_value(self, e: Any, frame: Frame) -> Any:
        match e:
            case Choose():
                return self.stage_value(e.then if self.truth(e.test, frame) else e.other, frame)
            case ListOf():
                return [self.branch(i, frame) for i in e.items]
            case Call():
                return self.call(e, frame, stage=True)
            case _:
                return self.evaluate(e, frame)

    # -- application

    def pipe(self, e: Pipe, frame: Frame) -> Any:
        value = self.evaluate(e.head, frame)
        for s in e.stages:
            element = self.element(s, frame)
            if element.value is None:
                raise Failure("nothing to apply")
            flow = list(value) if isinstance(value, tuple) else [value]
            value = self.send(element, flow, frame)
            if s.name is not None:
                self.bind(s.name, value, frame)
        return value

    def send(self, element: Element, flow: list[Any], frame: Frame) -> Any:
        """What a stage makes of what flows in."""
        if element.label is not None:
            self.label(element.value, element.label, element.exact, frame)
        if isinstance(element.value, list):
            return [self.send(one, flow, frame) for one in element.value]
        return self.apply(element.value, [], flow, frame)

    def label(self, value: Any, label: str, exact: bool, frame: Frame) -> None:
        if isinstance(value, list):
            for i, one in enumerate(value):
                self.label(one.value, f"{label}.{one.label or i}", exact, frame)
        elif isinstance(value, Partial):
            self.label(value.callee, label, exact, frame)
        elif isinstance(value, Instance):
            self.claim(value, frame, label, exact)

    def apply(self, callee: Any, args: list[tuple[str | None, Any]], flow: list[Any], frame: Frame) -> Any:
        if isinstance(callee, Partial):
            if callee.waits and flow:
                return self.apply(callee.callee, filled(callee, [(None, f) for f in flow]), [], frame)
            return self.apply(callee.callee, filled(callee, args), flow, frame)
        if isinstance(callee, Function):
            given = arguments_of(callee.op, args, flow)
            return self.op(callee.op, *given)
        if isinstance(callee, Own):
            return self.own(callee.decl, args, flow, frame)
        if isinstance(callee, Inverse):
            return self.back(callee.of, [*flow, *(v for _, v in args)][0])
        if not isinstance(callee, Instance):
            raise Failure(f"{callee!r} is not applied")
        values = [*flow, *(v for n, v in args if n is None)]
        if callee.target in ("composition", "repetition"):
            inner = frame if callee.key is None else inside(frame, ())
            result: Any = values[0] if len(values) == 1 else tuple(values)
            logdet = None
            for element in places(callee):
                if callee.key is not None:
                    element = Element(None, element.value)
                result = self.send(element, values, inner)
                if invertible(element.value) and isinstance(result, tuple):
                    result, more = result
                    logdet = more if logdet is None else logdet + more
                values = list(result) if isinstance(result, tuple) else [result]
            return result if logdet is None else (result, logdet)
        if callee.key is None:
            frame.counters[callee.lower] = count = frame.counters.get(callee.lower, 0) + 1
            self.claim(callee, frame, f"{callee.lower}{count}")
        if callee.target == "ensemble":
            return apply_ensemble(self, callee, values, frame)
        if isinstance(callee.target, Op):
            return self.leaf(callee, args, flow)
        names = [n for n, _ in callee.target.inputs]
        inputs = {n: v for n, v in args if n is not None}
        for name in names:
            if values and name not in inputs:
                inputs[name] = values.pop(0)
        if values or set(inputs) != set(names):
            raise Failure("too many or too few tensors")
        inputs = {n: tensor_of(v) for n, v in inputs.items()}
        if self.depth > 20:
            raise Failure("too deep")
        found = self.block(callee, callee.target, callee.settings, inputs)
        return found[0] if len(found) == 1 else tuple(found)

    def own(self, decl: Block, args: list[tuple[str | None, Any]], flow: list[Any], frame: Frame) -> Any:
        names = [*(n for n, _ in decl.inputs), *(n for n, _, _ in decl.hypers)]
        bound = {n: v for n, v in args if n is not None}
        for name, _ in decl.inputs:
            if flow and name not in bound:
                bound[name] = flow.pop(0)
        placed = [v for n, v in args if n is None]
        for name in names:
            if placed and name not in bound:
                bound[name] = placed.pop(0)
        own = {h for h, _, _ in decl.hypers}
        hypers = self.hypers(decl.hypers, [(n, v) for n, v in bound.items() if n in own], frame)
        inputs = {n: tensor_of(bound[n]) for n, _ in decl.inputs}
        found = self.block(Instance(decl), decl, hypers, inputs)
        return found[0] if len(found) == 1 else tuple(found)

    def leaf(self, instance: Instance, args: list[tuple[str | None, Any]], flow: list[Any]) -> Any:
        op: Op[Any] = instance.target
        _, operands = arguments_of(op, args, flow)
        return self.op(op, instance.settings, operands, instance)

    def binary(self, sign: str, left: Any, right: Any) -> Any:
        if isinstance(left, Tensor) or isinstance(right, Tensor):
            if sign not in OPERATORS:
                raise Failure(f"{sign} on tensors")
            return self.op(named(OPERATORS[sign]), {}, [left, right])
        return number(sign, left, right)

    def op(self, op: Op[Any], given: dict[str, Any], operands: list[Any], instance: Instance | None = None) -> Any:
        """An op's own code, with nothing asked before. Raises Failure."""
        operands = [o[0] if isinstance(o, tuple) and len(o) == 1 else o for o in operands]
        if any(isinstance(o, (Instance, list, tuple, Function)) for o in operands):
            raise Failure("no tensor")
        ports = [p for p in op.inputs for _ in (operands if p.variadic else [0])]
        for port, o in zip(ports, operands, strict=False):
            if isinstance(o, Tensor) and not port.accepts(DTYPES[o.dtype]):
                raise Failure(f"{op.name} takes no {o.dtype}")
        try:
            types = tuple(type_at(o) for o in operands)
            attrs = bind(op.attrs, given)
            module = None
            if instance is not None or op.construct(attrs, *types) is not None:
                module = self.built(op, attrs, types, instance)
            inputs = list(operands)
            constants = getattr(op, "constants", ())
            for i, port in enumerate(op.inputs[: len(inputs)]):
                if port.name in constants and isinstance(inputs[i], Tensor):
                    inputs[i] = inputs[i].detach()
            result = Evaluator(inputs, module, self.training)(op.torch(attrs, *types))
            self.held_to(op, attrs, types, result)
            got = result if isinstance(result, (list, tuple)) else [result]
            narrow = [r.dtype for r in got if isinstance(r, Tensor) and r.dtype not in DTYPES]
        except Failure:
            raise
        except Exception as error:
            raise Failure(f"{op.name}: {error}") from error
        if self.training:
            self.trail += got
        assert not narrow, f"{op.name} of {types} gives {narrow}"
        if op.listed:
            return list(result) if isinstance(result, (list, tuple)) else [result]
        return tuple(result) if isinstance(result, (list, tuple)) else result

    def held_to(self, op: Op[Any], attrs: Any, types: Any, result: Any) -> None:
        """What an op says that it gives is as good as declared: `squeeze` leaves an axis of size 3 where it is."""
        with contextlib.suppress(Complaint):
            said = inferred(op.infer(attrs, *types)).types
            got = tuple(result) if isinstance(result, (list, tuple)) else (result,)
            if [t.shape for t in said] != [tuple(r.shape) for r in got]:
                raise Failure(f"{op.name} gives {[list(r.shape) for r in got]}")

    def built(self, op: Op[Any], attrs: Any, types: Any, instance: Instance | None) -> nn.Module | None:
        if instance is not None and instance.module is not None:
            return instance.module
        made = op.construct(attrs, *types)
        if made is None:
            return None
        module: nn.Module = Evaluator()(made).double().train(self.training)
        if instance is not None:
            if instance.norm is not None:
                getattr(nn.utils.parametrizations, instance.norm)(module)
            instance.module = module
            self.leaves.append(instance)
        return module

    def index(self, e: Index, frame: Frame) -> Any:
        value = self.evaluate(e.value, frame)
        items: list[Any] = []
        for i in e.items:
            match i:
                case None:
                    items.append(None)
                case Ellipsis_():
                    items.append(...)
                case Cut():
                    parts = [None if p is None else self.evaluate(p, frame) for p in (i.start, i.stop, i.step)]
                    items.append(slice(*parts))
                case _:
                    items.append(self.evaluate(i, frame))
        if isinstance(value, Instance):
            return places(value)[items[0]].value
        try:
            return value[items[0] if len(items) == 1 else tuple(items)]
        except Exception as error:
            raise Failure(f"index: {error}") from error


# ----------------------------------------------------------------------------------------------------------- helpers


def type_at(operand: Any) -> TensorType | None:
    if isinstance(operand, Tensor):
        return TensorType(DTYPES[operand.dtype], tuple(operand.shape))
    return type_of(operand)


def tensor_of(value: Any) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return torch.tensor(float(value), dtype=torch.float64)
    return value[0] if isinstance(value, tuple) and len(value) == 1 else value


def differentiable(value: Tensor) -> Tensor:
    """The same numbers, to which a gradient may be asked for."""
    if value.requires_grad or not value.is_floating_point():
        return value
    return value.detach().clone().requires_grad_()


def stacked(values: list[Tensor]) -> Tensor:
    """Tensors of the copies of an ensemble as one, of which they are slices from now on."""
    whole = torch.stack([v.detach() for v in values])
    for one, part in zip(values, whole, strict=True):
        one.data = part
    return whole


def invertible(value: Any) -> bool:
    """Whether a row adds up what it calls ``logdet``."""
    return isinstance(value, Instance) and isinstance(value.target, Block) and value.target.back is not None


def places(instance: Instance) -> list[Element]:
    """What stands at the places of a composition or repetition."""
    found: list[Element] = []
    for element in instance.elements:
        value = element.value
        if element.bare and isinstance(value, Instance) and value.key is None:
            found += places(value)
        else:
            found.append(element)
    return found


def instances_in(value: Any) -> Iterator[Instance]:
    if isinstance(value, Instance):
        yield value
    elif isinstance(value, Element):
        yield from instances_in(value.value)
    elif isinstance(value, Partial):
        yield from instances_in(value.callee)
        for _, a in value.args:
            yield from instances_in(a)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from instances_in(one)


def inside(frame: Frame, site: tuple[Any, ...]) -> Frame:
    """The same frame, one copy of a repetition further in."""
    return Frame(
        frame.owner, frame.scope, frame.letters, frame.stars, frame.turns, (*frame.site, *site), frame.counters
    )


def named(name: str) -> Op[Any]:
    found = find_op(name)
    assert found is not None, name
    return found


def number(sign: str, left: Any, right: Any) -> Any:
    """Arithmetic when the spec is compiled."""
    if sign == "..":
        return range(left, right)
    if sign == "++":
        return [*left, *right]
    if sign == "in":
        return left in right
    if sign in ("and", "or"):
        return (left and right) if sign == "and" else (left or right)
    if sign in ("/", "//", "%") and right == 0:
        raise Failure("by zero")
    if sign == "/" and isinstance(left, int) and isinstance(right, int):
        if left % right:
            raise Failure(f"{left} / {right}")
        return left // right
    calls = {
        "+": "__add__", "-": "__sub__", "*": "__mul__", "/": "__truediv__", "//": "__floordiv__", "%": "__mod__",
        "**": "__pow__", "==": "__eq__", "!=": "__ne__", "<": "__lt__", "<=": "__le__", ">": "__gt__", ">=": "__ge__",
    }  # fmt: skip
    if isinstance(left, int) and isinstance(right, float):
        left = float(left)
    return getattr(left, calls[sign])(right)


def filled(partial: Partial, args: list[tuple[str | None, Any]]) -> list[tuple[str | None, Any]]:
    """The arguments of a partial application whose dots are now known."""
    placed = [(n, a) for n, a in args if n is None]
    later = {n: a for n, a in args if n is not None}
    merged: list[tuple[str | None, Any]] = []
    for name, value in partial.args:
        if value is FLOW and name is None:
            merged += placed
        elif value is FLOW:
            merged.append((name, placed[0][1]))
        else:
            merged.append((name, later.pop(name, value) if name is not None else value))
    return [*merged, *later.items()]


def sorted_arguments(names: list[str], order: tuple[str, ...], args: list[tuple[str | None, Any]]) -> dict[str, Any]:
    """Attributes by name, of those given by place and by name; a star gathers what is left."""
    given = {n: v for n, v in args if n is not None}
    placed = [v for n, v in args if n is None]
    for name in names:
        if name in given or not placed:
            continue
        if f"*{name}" in order:
            given[name] = placed[0] if len(placed) == 1 and isinstance(placed[0], (list, tuple)) else tuple(placed)
            placed = []
        else:
            given[name] = placed.pop(0)
    if placed:
        raise Failure("too many arguments")
    return given


def arguments_of(op: Op[Any], args: list[tuple[str | None, Any]], flow: list[Any]) -> tuple[dict[str, Any], list[Any]]:
    """Attributes and operands of a call."""
    flow = list(flow)
    ports: dict[str, list[Any]] = {}
    names = [p.name for p in op.inputs]
    for name, value in args:
        if name in names:
            ports[name] = [value]
    rest = [(n, v) for n, v in args if n not in names]
    for port in op.inputs:
        if flow and port.name not in ports:
            count = len(flow) if port.variadic else 1
            ports[port.name], flow = flow[:count], flow[count:]
    if flow:
        raise Failure("too many tensors")
    placed = [v for n, v in rest if n is None]
    keywords = {n: v for n, v in rest if n is not None}
    variadic = {p.name for p in op.inputs if p.variadic}
    attributes: dict[str, Any] = {}
    extra = {n: keywords.pop(n) for n in list(keywords) if op.keywords and n not in fields_of(op)}
    for entry in argument_order(type(op)):
        name = entry.lstrip("*")
        if name in ports or name in keywords or not placed:
            continue
        if name in variadic:
            while placed and isinstance(placed[0], (Tensor, list, tuple)):
                ports.setdefault(name, []).append(placed.pop(0))
        elif name in names:
            ports[name] = [placed.pop(0)]
        elif entry.startswith("*"):
            one = len(placed) == 1 and isinstance(placed[0], (list, tuple))
            attributes[name], placed = placed[0] if one else tuple(placed), []
        else:
            attributes[name] = placed.pop(0)
    if placed:
        raise Failure("too many arguments")
    operands: list[Any] = []
    for port in op.inputs:
        values = ports.get(port.name, [None])
        if port.variadic and len(values) == 1 and isinstance(values[0], (list, tuple)):
            values = list(values[0])
        operands += values
    while operands and operands[-1] is None:
        operands.pop()
    given = {**attributes, **keywords}
    if extra:
        given[op.keywords] = tuple(extra.items())
    return given, operands


def fields_of(op: Op[Any]) -> set[str]:
    from dataclasses import fields

    return {f.name for f in fields(op.attrs)} - {op.keywords}


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    import warnings

    with warnings.catch_warnings(), torch.random.fork_rng():
        warnings.simplefilter("ignore")
        yield
