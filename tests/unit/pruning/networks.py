"""A network, cut at random: its smaller spec against the same network with zeros for what goes, in float64."""

from __future__ import annotations

import random
from typing import Any

import torch

from fanin import pipeline
from fanin.analyses.couplings import Coupled, Grade, couplings
from fanin.analyses.couplings.cut import Cut
from fanin.api import _load
from fanin.ir.graph import Program
from fanin.ir.types import DType
from fanin.pruning.shrinking import mask_state, shrink_state


def program_of(text: str, name: str | None = None) -> Program:
    from fanin.source import Source

    return pipeline.elaborate_source(Source("net.arch", text), "net.arch", name, None)


def random_cut(coupled: Coupled, seed: int = 0, share: float = 0.5, approximate: bool = False) -> Cut:
    """Some entries of every group that can be cut exactly."""
    draw = random.Random(seed)
    keep = {
        g.name: sorted(draw.sample(range(g.size), max(1, round(share * g.size))))
        for g in coupled.groups
        if approximate or g.grade is not Grade.APPROXIMATE
    }
    return Cut(coupled, keep, approximate)


def filled(module: torch.nn.Module, seed: int = 0) -> None:
    """Random numbers everywhere, running statistics too, so that nothing is zero or one by chance."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, tensor in (*module.named_parameters(), *module.named_buffers()):
            if not tensor.is_floating_point():
                continue
            if name.endswith("running_var"):
                tensor.copy_(torch.rand(tensor.shape, dtype=tensor.dtype) + 0.5)
            elif "weight" in name and tensor.dim() > 1:
                fan = max(tensor[0].numel(), 1)
                tensor.copy_(torch.randn(tensor.shape, dtype=tensor.dtype) / fan**0.5)
            else:
                tensor.copy_(torch.randn(tensor.shape, dtype=tensor.dtype) * 0.5 + 0.3)


def inputs_of(program: Program, sizes: dict[str, int], seed: int = 0) -> list[torch.Tensor]:
    torch.manual_seed(seed + 1)
    found = []
    for port in program.inputs:
        assert port.value is not None
        shape = [d if isinstance(d, int) else sizes.get(str(d), 4) for d in port.value.type.shape]
        dtype = port.value.type.dtype
        if dtype is DType.INT:
            found.append(torch.randint(0, 8, shape))
        elif dtype is DType.BOOL:
            found.append(torch.rand(shape) < 0.7)
        else:
            complex_ = dtype is DType.COMPLEX
            found.append(torch.randn(shape, dtype=torch.complex128 if complex_ else torch.float64))
    return found


def flat(result: Any) -> list[torch.Tensor]:
    if isinstance(result, torch.Tensor):
        return [result]
    return [t for r in (result.values() if isinstance(result, dict) else result) for t in flat(r)]


def built(program: Program) -> torch.nn.Module:
    return _load(program, 0, 0, False)


def difference(cut: Cut, **sizes: int) -> tuple[float, str]:
    """The largest difference of the outputs of the smaller spec and of the masked network; and the smaller spec."""
    program = cut.coupled.program
    made = pipeline.shrink(cut)
    small, child_program = made.spec, made.program
    parent, child = (built(p).double().eval() for p in (program, child_program))
    filled(parent)
    state = {k: v.detach().clone() for k, v in parent.state_dict().items()}
    child.load_state_dict(shrink_state(cut, mask_state(cut, state)))
    parent.load_state_dict(mask_state(cut, state))
    inputs = inputs_of(program, sizes)
    with torch.no_grad():
        torch.manual_seed(7)
        a = flat(parent(*inputs))
        torch.manual_seed(7)
        b = flat(child(*inputs))
    return max(float((x - y).abs().max()) / max(float(x.abs().max()), 1e-3) for x, y in zip(a, b, strict=True)), small


def coupled_of(text: str, uniform: bool = False) -> Coupled:
    return couplings(program_of(text), uniform)
