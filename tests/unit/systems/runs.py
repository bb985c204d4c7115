"""Systems in strings, trained step by step by their printed programs."""

from __future__ import annotations

import copy
from typing import Any

from torch import nn

from fanin import pipeline
from fanin.ir.recipe import Phase
from fanin.pipeline import graphs
from fanin.runtime.load import execute
from fanin.source import Source


def phases_of(text: str, name: str | None = None, **hyper: Any) -> tuple[Phase, ...]:
    return graphs.training_of(pipeline.load(Source("<string>", text), "<string>"), "<string>", name, hyper)


def program_of(text: str, name: str | None = None, **hyper: Any) -> str:
    return pipeline.training_source(phases_of(text, name, **hyper))


def training_of(text: str, name: str | None = None, *, hyper: dict[str, Any] | None = None, **lengths: int) -> Any:
    """A training in float64, at its start; ``lengths`` are ``steps`` or ``epoch``."""
    module = execute("test", program_of(text, name, **(hyper or {})))
    system = module.training.__annotations__["system"]()
    return module.training(system.double(), **lengths)


def twin(training: Any) -> nn.Module:
    """A copy of its system, for a loop by hand: nothing in it is frozen."""
    made: nn.Module = copy.deepcopy(training.system)
    return made.requires_grad_(True)


def largest_difference(one: nn.Module, other: nn.Module) -> float:
    """Between the tensors of two systems, the largest."""
    mine, theirs = one.state_dict(), other.state_dict()
    assert mine.keys() == theirs.keys()
    return max(float((mine[name].double() - theirs[name].double()).abs().max()) for name in mine)
