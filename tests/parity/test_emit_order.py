"""The emitted `forward` against the graph, run node by node."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from fanin import pipeline
from fanin.ir.dims import Symbol, evaluate
from fanin.ir.graph import Program
from fanin.ir.types import DType
from fanin.runtime.load import build
from tests.parity.interpreter import run

SMALL = Path(__file__).parent / "small.arch"
MODELS = re.findall(r"^model (\w+)", SMALL.read_text(), re.MULTILINE)


def sample(program: Program, free: int) -> list[torch.Tensor]:
    """Inputs with ``free`` for every open dimension but the batch."""
    sizes: dict[Symbol, int] = {}
    given = []
    for port in program.inputs:
        assert port.value is not None
        for dim in port.value.type.shape:
            for symbol in dim.symbols() if not isinstance(dim, int) else ():
                sizes.setdefault(symbol, 3 if symbol.name in "NB" else free)
        shape = [evaluate(dim, sizes) for dim in port.value.type.shape]
        match port.value.type.dtype:
            case DType.INT:
                given.append(torch.randint(0, 5, shape))
            case DType.BOOL:
                given.append(torch.rand(shape) > 0.5)
            case _:
                given.append(torch.randn(shape, dtype=torch.float64))
    return given


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_the_source_computes_the_graph(name: str, training: bool) -> None:
    program = pipeline.elaborate(str(SMALL), name)
    model = build(program, pipeline.source(program)).double().train(training)
    for free in (6, 10):
        torch.manual_seed(free)
        inputs = sample(program, free)
        state = torch.random.get_rng_state()
        got = model(*inputs)
        torch.random.set_rng_state(state)
        wanted = run(program, model, *inputs)
        for ours, theirs, result in zip(
            got if isinstance(got, tuple) else (got,), wanted, program.outputs, strict=True
        ):
            assert ours.dtype == theirs.dtype, result.name
            torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_keys_are_paths(name: str) -> None:
    """The keys of the `state_dict` are those of the IR, in the order of the text."""
    from fanin.ir.graph import Graph, Leaf, Row, Unit

    def keys(graph: Graph, prefix: str) -> list[str]:
        found = [prefix + state.name for state in graph.states]
        for child in graph.children:
            found += of(child.instance, f"{prefix}{child.path}")
        return found

    def of(instance: Leaf | Unit | Row, path: str) -> list[str]:
        match instance:
            case Leaf():
                return [f"{path}.{weight.spec.name}" for weight in instance.weights]
            case Unit():
                return keys(instance.graph, f"{path}.")
            case Row():
                parts = [part for count, part in instance.parts for _ in range(count)]
                return [key for i, part in enumerate(parts) for key in of(part, f"{path}.{i}")]

    program = pipeline.elaborate(str(SMALL), name)
    model = build(program, pipeline.source(program))
    wanted = keys(program.graph, "")
    # A `for` makes one module of each label in every turn; in PyTorch those of one label stand together.
    order = {prefix: i for i, prefix in enumerate(dict.fromkeys(key.split(".")[0] for key in wanted))}
    assert sorted(model.state_dict()) == sorted(wanted)
    assert list(dict.fromkeys(key.split(".")[0] for key in model.state_dict())) == list(order)


@pytest.mark.parametrize("name", MODELS)
def test_the_whole_graph_compiles(name: str) -> None:
    program = pipeline.elaborate(str(SMALL), name)
    model = build(program, pipeline.source(program)).double().eval()
    inputs = sample(program, 6)
    torch.manual_seed(0)
    plain = model(*inputs)
    torch.manual_seed(0)
    torch._dynamo.reset()
    compiled = torch.compile(model, fullgraph=True, backend="eager")(*inputs)
    torch.testing.assert_close(compiled, plain)
