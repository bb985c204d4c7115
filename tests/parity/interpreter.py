"""A second way to run a program: node by node, in the order of the text, with no writer in between.

Modules are taken from the emitted model by their paths; every function is evaluated by itself. What it gives has to
be what the emitted `forward` gives, so nesting, names, loops and the order of evaluation are held to the graph.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from fanin.emit.torch.expressions import Frame, flat
from fanin.ir.dims import Poly, Symbol, evaluate
from fanin.ir.graph import Apply, Call, Graph, ModuleRef, Operand, Program, Read, Repeat, Scalar, StateRef, Value
from fanin.ir.live import live_nodes
from fanin.ops.code import Function, Name


def run(program: Program, model: nn.Module, *inputs: torch.Tensor) -> list[torch.Tensor]:
    """The results of the program's graph."""
    like = next((p for p in model.parameters() if p.is_floating_point()), None)
    if like is None:
        like = next((x for x in inputs if x.is_floating_point()), torch.empty(0))
    return _Run(program.graph, model, {}, like, {}).results(inputs)


class _Run:
    def __init__(
        self,
        graph: Graph,
        module: nn.Module | None,
        lent: dict[str, nn.Module],
        like: torch.Tensor,
        sizes: dict[Symbol, int],
    ) -> None:
        self.graph, self.module, self.lent, self.like = graph, module, lent, like
        self.sizes = dict(sizes)
        self.values: dict[int, Any] = {}

    def results(self, inputs: Any) -> list[Any]:
        ports = [port.value for port in self.graph.ports if port.value is not None]
        for value, x in zip(ports, inputs, strict=True):
            self.values[value.index] = x
            for dim, size in zip(value.type.shape, x.shape, strict=True):
                for symbol in dim.symbols() if isinstance(dim, Poly) else ():
                    if dim == symbol.poly:
                        self.sizes[symbol] = size
        results = [result.value for result in self.graph.results]
        for node in live_nodes(self.graph.nodes, results):
            found = self.node(node)
            found = tuple(found) if isinstance(found, tuple | list) else (found,)
            for value, x in zip(node.outputs, found, strict=False):
                self.values[value.index] = x
                assert list(x.shape) == [self.size(d) for d in value.type.shape], node
        return [self.operand(result) for result in results]

    def size(self, dim: Any) -> int:
        return evaluate(dim, self.sizes)

    def operand(self, operand: Operand | None) -> Any:
        if isinstance(operand, Value):
            return self.values[operand.index]
        if isinstance(operand, Scalar):
            return self.size(operand.value) if isinstance(operand.value, Poly) else operand.value
        return None

    def find(self, ref: ModuleRef) -> nn.Module:
        if ref.borrowed:
            return self.lent[ref.path]
        assert self.module is not None
        return self.module.get_submodule(ref.path)

    def state(self, ref: StateRef) -> torch.Tensor:
        owner: Any = self.module if ref.module is None else self.find(ref.module)
        for part in ref.name.split("."):
            owner = getattr(owner, part)
        return owner

    def node(self, node: Any) -> Any:
        inputs = [self.operand(operand) for operand in node.inputs]
        match node:
            case Read():
                return self.state(node.state)
            case Apply():
                return self.apply(node, inputs)
            case Call():
                return self.call(node, inputs)
            case Repeat():
                row: Any = self.find(node.module)
                kinds = [run.call for run in node.runs for _ in range(run.count)]
                x = inputs[0]
                for part, kind in zip(row, kinds, strict=True):
                    if isinstance(kind, Call):
                        (x,) = self.inner(kind, part, [x, *inputs[1:]])
                    else:
                        x = part(x)
                return x
            case _:
                raise NotImplementedError(type(node).__name__)

    def call(self, node: Call, inputs: list[Any]) -> Any:
        return self.inner(node, None if node.module is None else self.find(node.module), inputs)

    def inner(self, node: Call, module: nn.Module | None, inputs: list[Any]) -> Any:
        lent = {name: self.find(ref) for name, ref in zip(node.graph.borrows, node.lent, strict=True)}
        like = next((p for p in module.parameters() if p.is_floating_point()), None) if module is not None else None
        if like is None:
            like = next((x for x in inputs if isinstance(x, torch.Tensor) and x.is_floating_point()), self.like)
        return _Run(node.graph, module, lent, like, self.sizes).results(inputs)

    def apply(self, node: Apply, inputs: list[Any]) -> Any:
        space: dict[str, Any] = {
            "torch": torch,
            "F": F,
            "nn": nn,
            "math": math,
            "self": self.module or nn.Module(),
            "like": self.like,
        }
        space.update({f"x{i}": x for i, x in enumerate(inputs)})
        if node.module is not None:
            space["module"] = self.find(node.module)
        elif self.module is None:
            space["self"].training = False

        def helper(function: Function) -> str:
            exec(f"from torch import Tensor\n{function.source}", space)
            return function.name

        frame = Frame(
            [Name(f"x{i}") for i in range(len(inputs))], Name("module"), lambda: Name("like"), self.size,
            helper=helper, numbers=[isinstance(operand, Scalar) for operand in node.inputs],
        )  # fmt: skip
        types = [None if operand is None else operand.type for operand in node.inputs]
        return eval(flat(frame.fill(node.op.torch(node.attrs, *types))), space)
