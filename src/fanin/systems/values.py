"""Values that a system binds, computed with its weights of the moment: ``sample``, ``encode``, ``log_prob``."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from fanin.ir.graph import Program
from fanin.runtime.load import build


class Value:
    """A value as a function of the inputs it hangs on, evaluated as in evaluation and without gradient.

    ``module`` computes it: it holds the modules of the system itself, so it always has the weights of the moment.
    """

    def __init__(self, program: Program, source: str, system: nn.Module) -> None:
        self.name, self.system = program.name, system
        self.inputs = tuple(port.name for port in program.inputs)
        self.module = build(program, source)
        for child in program.graph.children:
            _put(self.module, child.path, _at(system, child.path))
        for state in program.graph.states:
            if state.name in self.module._parameters:
                self.module._parameters[state.name] = system.get_parameter(state.name)
            else:
                self.module._buffers[state.name] = system.get_buffer(state.name)

    def __call__(self, *args: Any, **inputs: Any) -> Any:
        """Raises TypeError for inputs that it doesn't take."""
        was = {module: module.training for module in (*self.system.modules(), self.module)}
        self.system.eval()
        self.module.training = False
        try:
            with torch.no_grad():
                return self.module(*args, **inputs)
        finally:
            for module, mode in was.items():
                module.training = mode


def _at(system: nn.Module, path: str) -> Any:
    found: Any = system
    for part in path.split("."):
        found = getattr(found, part)
    return found


def _put(module: nn.Module, path: str, child: nn.Module) -> None:
    *outer, last = path.split(".")
    setattr(_at(module, ".".join(outer)) if outer else module, last, child)
