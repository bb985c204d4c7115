"""Names that a system binds, computed with its weights of the moment: ``sample``, ``encode``, ``log_prob``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from fanin.ir.graph import Program
from fanin.runtime.load import build
from fanin.runtime.modes import in_evaluation


class Value:
    """A value or network as a function of the inputs it hangs on, as in evaluation and without gradient.

    ``module`` computes it: it holds the modules of the system itself, so it always has the weights of the moment.
    ``moving`` gives what training supplies, the ramps, by the names of their inputs.
    """

    def __init__(
        self, program: Program, source: str, system: nn.Module, moving: Callable[[], Mapping[str, Tensor]]
    ) -> None:
        self.name, self.system = program.name, system
        ports = [port.name for port in program.inputs]
        self._moving = moving
        self._moved = [name for name in ports if name in moving()]
        self.inputs = tuple(name for name in ports if name not in self._moved)
        self.module = build(program, source)
        for child in program.graph.children:
            self.module.set_submodule(child.path, system.get_submodule(child.path))
        for state in program.graph.states:
            if state.name in self.module._parameters:
                self.module._parameters[state.name] = system.get_parameter(state.name)
            else:
                self.module._buffers[state.name] = system.get_buffer(state.name)

    def __call__(self, *args: Any, **inputs: Any) -> Any:
        """Raises TypeError for inputs that it doesn't take."""
        now = self._moving() if self._moved else {}
        with in_evaluation(self.system, self.module), torch.no_grad():
            return self.module(*args, **{name: now[name] for name in self._moved}, **inputs)
