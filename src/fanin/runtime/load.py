"""Modules from specs: the emitted source is executed exactly as it is printed.

The source gets a module of its own in ``sys.modules`` and in ``linecache``, so that tracebacks show its lines, and
pickling, ``inspect`` and ``torch.compile`` find its classes.
"""

from __future__ import annotations

import hashlib
import linecache
import sys
from types import ModuleType

from torch import nn

from fanin.emit.torch.names import camel
from fanin.ir.graph import Program
from fanin.runtime.failures import explained


def build(program: Program, source: str, *, seed: int = 0) -> nn.Module:
    """An instance of the model in an emitted source."""
    made: nn.Module = model_class(program, source)(seed=seed)
    return made


def model_class(program: Program, source: str) -> type[nn.Module]:
    """The class of the model in an emitted source."""
    module = execute(program.name, source)
    found: type[nn.Module] = vars(module)[root_name(source, program.name)]
    if "__call__" not in vars(found):
        explained(found, program, str(module.__file__))
    return found


def root_name(source: str, name: str) -> str:
    """What the class of the model is called: the last one that is not the module's own affair."""
    classes = [line for line in source.split("\n") if line.startswith("class ") and not line.startswith("class _")]
    return classes[-1].removeprefix("class ").split("(")[0] if classes else camel(name)


def execute(name: str, source: str) -> ModuleType:
    """The module that a source is; the same one for the same text."""
    digest = hashlib.sha256(source.encode()).hexdigest()[:12]
    module_name = f"fanin_emitted_{camel(name).lower()}_{digest}"
    known = sys.modules.get(module_name)
    if known is not None:
        return known
    filename = f"<fanin {camel(name)} {digest}>"
    module = ModuleType(module_name, f"Emitted by fanin: {name}.")
    module.__file__ = filename
    code = compile(source, filename, "exec", dont_inherit=True)
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    sys.modules[module_name] = module
    try:
        exec(code, module.__dict__)
    except BaseException:
        del sys.modules[module_name]
        raise
    return module
