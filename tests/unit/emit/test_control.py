"""Nodes that the text of a spec reaches in few places yet: built by hand, printed, and run."""

from __future__ import annotations

from typing import Any

import torch

from fanin.emit.torch.writer import emit_source
from fanin.ir.dims import Symbol
from fanin.ir.facts import Facts
from fanin.ir.graph import (
    Apply,
    Call,
    Child,
    Choice,
    Graph,
    Leaf,
    ModuleRef,
    Operand,
    Port,
    Program,
    Result,
    Scalar,
    Value,
    Weight,
)
from fanin.ir.types import DType, TensorType, floats
from fanin.ops.attributes import bind
from fanin.ops.registry import find_op
from fanin.runtime.load import build
from fanin.source import Source, Span

SPAN = Span(Source("hand.arch", "by hand"), 0, 7)
B, T = Symbol("B"), Symbol("T")


def port(name: str, index: int, type: TensorType) -> Port:
    return Port(name, Value(index, type), SPAN)


def apply(name: str, inputs: list[Operand], out: Value, module: str | None = None, **attrs: Any) -> Apply:
    op = find_op(name)
    assert op is not None
    return Apply(
        tuple(inputs), (out,), SPAN, (), op, bind(op.attrs, attrs), None if module is None else ModuleRef(module)
    )


def linear(path: str, fan_in: int, out: int) -> Child:
    op = find_op("Linear")
    assert op is not None
    attrs, x = bind(op.attrs, {"out_features": out}), floats(B.poly, fan_in)
    weights = tuple(Weight(spec, spec.fallback) for spec in op.params(attrs, x))
    return Child(path, Leaf(op, attrs, (x,), weights), SPAN)


def graph(name: str, ports: list[Port], nodes: list[Any], results: dict[str, Operand], **more: Any) -> Graph:
    names = {p.value.index: p.name for p in ports if p.value is not None}
    fields: dict[str, Any] = {
        "kind": "block", "hypers": (), "symbols": (), "letters": (), "borrows": (), "children": (), "states": (),
        "setup": (), "places": None, "doc": "",
    }  # fmt: skip
    fields.update(more)
    return Graph(
        name=name, ports=tuple(ports), nodes=tuple(nodes), names={**names, **fields.pop("names", {})},
        results=tuple(Result(n, v) for n, v in results.items()), span=SPAN, **fields,
    )  # fmt: skip


def model(graph: Graph) -> tuple[torch.nn.Module, str]:
    program = Program(graph.name, graph, (), Facts())
    source = emit_source(program)
    return build(program, source).double(), source


def test_a_choice_on_training_is_both_ways() -> None:
    def way(factor: float) -> Graph:
        x = port("x", 0, floats(B.poly, 4))
        out = Value(1, floats(B.poly, 4))
        assert x.value
        return graph("way", [x], [apply("mul", [x.value, Scalar(factor)], out)], {"": out})

    x = port("x", 0, floats(B.poly, 4))
    y, z = Value(1, floats(B.poly, 4)), Value(2, floats(B.poly, 4))
    assert x.value
    choice = Choice((x.value,), (y,), SPAN, (), way(2.0), way(3.0))
    net, source = model(graph("Either", [x], [choice, apply("add", [y, x.value], z)], {"": z}))
    assert "if self.training:" in source
    given = torch.ones(1, 4).double()
    assert net.train()(given)[0, 0] == 3 and net.eval()(given)[0, 0] == 4


def test_a_function_is_called_with_what_it_cannot_see() -> None:
    """`zeros` in a function of ints takes its dtype from the model that calls it."""
    op = find_op("zeros")
    assert op is not None
    token = port("token", 0, TensorType(DType.INT, (B.poly,)))
    out = Value(1, floats(B.poly, 2))
    fn = graph(
        "start",
        [token],
        [Apply((), (out,), SPAN, (), op, bind(op.attrs, {"shape": (B.poly, 2)}), None)],
        {"": out},
        kind="fn",
    )
    token2 = port("token", 0, TensorType(DType.INT, (B.poly,)))
    a, b = Value(1, floats(B.poly, 2)), Value(2, floats(B.poly, 2))
    assert token2.value
    call = Call((token2.value,), (a,), SPAN, (), fn, None)
    top = graph(
        "Ints", [token2], [call, apply("Linear", [a], b, "fc", out_features=2)], {"": b}, children=(linear("fc", 2, 2),)
    )
    net, source = model(top)
    assert "start(token, self.fc.weight)" in source
    assert net(torch.zeros(3, dtype=torch.long)).dtype is torch.float64
