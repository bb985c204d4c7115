"""What ops say goes together, against a random cut: the op on what stays gives what stays of the op on zeros."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest
import torch

from fanin.analyses.couplings.binding import Use
from fanin.analyses.couplings.cut import Cut
from fanin.analyses.couplings.groups import Coupled, Grade, _grade
from fanin.analyses.couplings.spaces import Space, kept, runs
from fanin.analyses.couplings.walk import Walk
from fanin.ops.contract import Op
from fanin.ops.registry import all_ops
from fanin.ops.ties import NORM
from fanin.pipeline import smaller_spec
from fanin.pruning.shrinking import mask_state, shrink_state
from fanin.report import CheckFailed
from tests.unit.pruning.networks import built, filled, flat, inputs_of, program_of

SIZES = {"N": 3, "B": 3, "T": 6, "S": 5, "M": 4, "L": 6, "H": 8, "W": 8, "D": 4}


class AnyCut(Cut):
    """A cut of any runs, those of inputs and results among them."""

    def __init__(self, coupled: Coupled, stays: dict[Space, list[int]]) -> None:
        super().__init__(coupled, {})
        self._stays = {id(space): chosen for space, chosen in stays.items()}


def text_of(op: Op[Any], closed: bool) -> str:
    """The op's example as a model, its open sizes as numbers where ``closed``."""
    ports = []
    for name, shape in op.example_inputs.items():
        for letter, size in SIZES.items() if closed else ():
            shape = re.sub(rf"\b{letter}\b", str(size), shape)
        ports.append(f"{name}: {shape}")
    first = op.example.split("=")[0].split(",")[0].strip()
    return f"block Net()({', '.join(ports)}) {{ {op.example}\nreturn {first} }}"


def open_walk(op: Op[Any], closed: bool) -> Walk | None:
    try:
        return Walk(program_of(text_of(op, closed), "Net"), False, open_ends=True)
    except CheckFailed:
        return None  # the example is not made for these sizes


def free_runs(walk: Walk) -> list[Space]:
    """Runs that can be cut without changing more than what goes."""
    ends: dict[int, list[Use]] = {}
    for use in walk.uses:
        for run in runs(use.space):
            ends.setdefault(id(run), []).append(use)
    axes = [axis for value in (*walk.inputs, *walk.results, *walk.params.values()) for axis in value]
    found = dict.fromkeys(run for space, _ in axes if space is not None for run in runs(space))
    return [
        run
        for run in found
        if run.size > 1
        and not run.why
        and _grade(tuple(ends.get(id(run), ())))[0] is not Grade.APPROXIMATE
        and not any(use.kind == NORM for use in ends.get(id(run), ()))
    ]


@pytest.mark.parametrize("closed", [True, False], ids=["numbers", "letters"])
@pytest.mark.parametrize("op", all_ops(), ids=lambda op: op.name)
def test_couplings_hold_for_a_random_cut(op: Op[Any], closed: bool) -> None:
    walk = open_walk(op, closed)
    if walk is None:
        pytest.skip("the example is not made for these sizes")
    free = free_runs(walk)
    if not free or not op.keeps:
        pytest.skip("nothing of it can be cut")
    program = walk.program
    coupled = Coupled(program, (), (), walk.params, walk.applied, walk.ports, walk.repeats)
    for seed in range(3):
        draw = random.Random(seed)
        stays = {run: sorted(draw.sample(range(run.size), max(1, run.size // 2))) for run in free}
        cut = AnyCut(coupled, stays)
        small = program_of(smaller_spec(cut), "Net")
        parent, child = (built(p).double().eval() for p in (program, small))
        filled(parent, seed)
        state = {k: v.detach().clone() for k, v in parent.state_dict().items()}
        parent.load_state_dict(mask_state(cut, state))
        child.load_state_dict(shrink_state(cut, mask_state(cut, state)))
        inputs = inputs_of(program, SIZES, seed)
        masked, part = [], []
        for tensor, axes in zip(inputs, walk.inputs, strict=True):
            tensor, smaller = tensor.clone(), tensor
            for axis, (space, _) in enumerate(axes):
                entries = None if space is None else kept(space, cut._of)
                if entries is not None:
                    gone = [i for i in range(tensor.shape[axis]) if i not in entries]
                    tensor.index_fill_(axis, torch.tensor(gone), 0)
                    smaller = smaller.index_select(axis, torch.tensor(entries))
            masked.append(tensor)
            part.append(smaller)
        with torch.no_grad():
            whole, given = flat(parent(*masked)), flat(child(*part))
        for a, b, axes in zip(whole, given, walk.results, strict=True):
            for axis, (space, _) in enumerate(axes):
                entries = None if space is None else kept(space, cut._of)
                if entries is not None:
                    a = a.index_select(axis, torch.tensor(entries))
            assert a.shape == b.shape
            assert torch.allclose(a, b, rtol=1e-10, atol=1e-10, equal_nan=True), (op.example, stays)


def test_most_ops_say_what_goes_together() -> None:
    silent = []
    for op in all_ops():
        walk = open_walk(op, True) or open_walk(op, False)
        if walk is not None and not any(a.node.op.name == op.name for a in walk.applied):
            silent.append(op.name)
    assert len(silent) < len(all_ops()) / 3, silent
