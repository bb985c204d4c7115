"""Random specs, cut at random: what is left is refused with a reason, or gives what the masked network gives.

Every spec is also written without a cut, so that the writer is held to all constructs of the language.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
import torch

from fanin import pipeline
from fanin.analyses.couplings import couplings
from fanin.analyses.couplings.cut import Cut
from fanin.emit.arch import CannotWrite
from fanin.ir.graph import Program
from fanin.pruning.shrinking import mask_state, shrink_state
from tests.properties.generator.build import Made, Writer
from tests.properties.generator.compare import good_sizes, numbers, small
from tests.properties.generator.spec import print_spec
from tests.unit.pruning.networks import built, filled, flat, random_cut

LONG = int(os.environ.get("FANIN_CASES", "2000"))


def results(module: torch.nn.Module, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
    torch.manual_seed(3)
    with torch.no_grad():
        return flat(module(*inputs))


def held(made: Made, program: Program, cut: Cut, seed: int) -> bool:
    """Whether the smaller network was compared with the masked one. Fails where they differ."""
    try:
        smaller = pipeline.shrink(cut)
        text, child_program = smaller.spec, smaller.program
    except CannotWrite as error:
        assert "(" not in str(error), f"seed {seed}: {error}\n{print_spec(made.spec)}"
        return False
    parent, child = built(program).double().eval(), built(child_program).double().eval()
    filled(parent)
    masked = mask_state(cut, {k: v.detach().clone() for k, v in parent.state_dict().items()})
    parent.load_state_dict(masked)
    child.load_state_dict(shrink_state(cut, masked))
    compared = False
    for sizes in good_sizes(program, made, seed):
        if not small(program, sizes):
            continue
        inputs = [t.double() if t.is_floating_point() else t for t in numbers(program, sizes)]
        try:
            expected = results(parent, inputs)
        except (RuntimeError, IndexError):
            continue  # a number that is no place
        found = results(child, inputs)
        for a, b in zip(expected, found, strict=True):
            same = a.shape == b.shape and torch.allclose(a.to(b.dtype), b, rtol=1e-8, atol=1e-9, equal_nan=True)
            assert same, f"seed {seed}\n{print_spec(made.spec)}\n{text}"
        compared = True
    return compared


def one(seed: int) -> int:
    """How many networks of a seed were compared."""
    made = Writer(seed).write()
    report = pipeline.check_text(print_spec(made.spec))
    if not report.ok or not report.programs:
        return 0
    program: Any = report.programs[-1]
    coupled = couplings(program)
    done = held(made, program, Cut(coupled, {}), seed)
    for number in range(2):
        cut = random_cut(coupled, number)
        if cut.groups:
            done += held(made, program, cut, seed)
    return done


def test_random_specs_are_cut_right_or_refused() -> None:
    assert sum(one(seed) for seed in range(120)) > 20


@pytest.mark.slow
@pytest.mark.parametrize("block", range(10))
def test_many_more_random_specs_are_cut_right_or_refused(block: int) -> None:
    start = 1_000 + block * (LONG // 10)
    assert sum(one(seed) for seed in range(start, start + LONG // 10)) > LONG // 100
