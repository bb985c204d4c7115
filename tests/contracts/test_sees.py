"""What every op says that it sees, beside the Jacobian of its example: it may be more, and never less."""

from __future__ import annotations

import re
from math import prod

import numpy as np
import pytest
import torch

from fanin.analyses.dependence import dependences
from fanin.ir.types import DType
from fanin.ops.contract import Op
from fanin.ops.registry import all_ops
from fanin.runtime.samples import shape_at
from tests.models import module_of, open_symbols, program_of
from tests.sight import really, said

SIZES = {"N": 2, "B": 2, "S": 4, "E": 5, "C": 4, "H": 6, "W": 6, "K": 2}
HARD = {"bernoulli", "multinomial", "cholesky", "soft_margin_loss"}  # no free inputs, or none with a gradient


def text_of(op: Op) -> str:
    inputs = ", ".join(f"{name}: {type_}" for name, type_ in op.example_inputs.items())
    names = re.match(r"([\w, ]+?) = ", op.example)
    assert names is not None
    return f"model M()({inputs}) {{\n  {op.example}\n  return {names[1]}\n}}"


def drawn(kind: DType, shape: tuple[int, ...], draws: torch.Generator) -> torch.Tensor:
    if kind in (DType.INT, DType.BOOL):
        return torch.randint(2, shape, generator=draws).to(torch.bool if kind is DType.BOOL else torch.long)
    return torch.randn(shape, generator=draws, dtype=torch.float64).abs() + 0.1


@pytest.mark.parametrize("op", [op for op in all_ops() if op.name not in HARD], ids=lambda op: op.module or op.name)
def test_an_op_sees_no_more_than_it_says(op: Op) -> None:
    program = program_of(text_of(op))
    types = [port.value.type for port in program.inputs if port.value is not None]
    results = [result.value.type for result in program.outputs]
    if any(t.dtype is DType.COMPLEX for t in (*types, *results)):
        pytest.skip("Jacobians here are of real numbers")
    sizes = {s: SIZES.get(s.name, 3) for s in open_symbols(program)}
    if sum(prod(shape_at(t, sizes)) for t in results) > 500:
        pytest.skip("a Jacobian would be large")
    draws = torch.Generator().manual_seed(1)
    inputs = [drawn(t.dtype, shape_at(t, sizes), draws) for t in types]
    net = module_of(program).double().eval()
    for i, port in enumerate(program.inputs):
        torch.manual_seed(0)
        own = [d for d in dependences(program) if d.input == port.name]
        for d, mask in zip(own, really(net, inputs, i), strict=True):
            assert not np.any(mask & ~said(d, sizes)), f"{d.output} sees more of {d.input}"
