"""A program run as predicted: both float types, two sets of sizes, training and evaluation, and backwards."""

from __future__ import annotations

import torch

from fanin.ir.graph import Program
from tests.models import backward, differences, inputs_at, meets, module_of, open_symbols

# For each letter the sizes that are tried; `H` and `W` are pictures, the others as small as they can be.
OPEN = {
    "N": (2, 3), "M": (3, 2), "B": (2, 3), "H": (32, 64), "W": (32, 64), "S": (5, 8), "T": (6, 11), "V": (5, 7),
    "E": (9, 4),
}  # fmt: skip


def run_as_predicted(program: Program) -> None:
    """Asserts that results have the predicted types, and that gradient reaches every parameter."""
    for dtype in (torch.float32, torch.float64):
        net = module_of(program).to(dtype)
        for index in (0, 1):
            sizes = {symbol: OPEN[symbol.name][index] for symbol in open_symbols(program)}
            assert meets(program, sizes, training=True), f"{sizes} does not meet {program.requirements}"
            inputs = inputs_at(program, sizes, dtype, high=2)
            with torch.no_grad():
                assert differences(program, net.eval()(*inputs), sizes, dtype) == []
            net.train()
            result = net(*inputs)
            assert differences(program, result, sizes, dtype) == []
            backward(result)
        without = [key for key, p in net.named_parameters() if p.requires_grad and p.grad is None]
        assert not without, f"no gradient reaches {without}"
